// Axes: which prices and times the plot spans, and where the round ticks lie. Pure.

/** @typedef {import("./message.js").Estimate} Estimate */
/** @typedef {{ centre: number, reach: number }} PriceAxis the middle in USD, and the share of it shown above and below */

/** Shares of the price that the axis may show above and below its middle. */
const REACHES = [0.05, 0.1, 0.2, 0.4];

/** The price may stray so far, as a share of the reach, before the axis follows: it stands still for all lesser moves. */
const STRAY = 0.35;

/** Seconds that a part of the plot may span. */
const SPANS = [300, 600, 900, 1800, 3600, 7200, 10_800];

/**
 * The axis for an estimate: the one before while it still fits, so that it does not twitch.
 * @param {PriceAxis | null} before
 * @param {Estimate} estimate
 * @returns {PriceAxis}
 */
export function followPrice(before, { price, interval }) {
  const doubt = interval ? Math.max(interval.high / price - 1, 1 - interval.low / price) : 0;
  const needed = fittingReach(doubt * 1.5);
  // Widened at once, narrowed only when there is room to spare.
  const reach = before && needed < before.reach ? fittingReach(doubt * 2) : needed;
  const strayed = before ? Math.abs(price - before.centre) / (before.centre * before.reach) : Infinity;
  return before && strayed <= STRAY && reach === before.reach ? before : { centre: price, reach };
}

/** @param {number} share */
function fittingReach(share) {
  return REACHES.find((reach) => reach >= share) ?? 0.4;
}

/**
 * The time that a part of the plot spans, in seconds: the shortest that shows nine points in ten, so that a few which
 * linger do not squeeze all others against the edge; and the one before while it still fits, so that it does not twitch.
 * @param {number | null} before
 * @param {number[]} ages of the points, seconds
 * @returns {number}
 */
export function followSpan(before, ages) {
  const shows = (/** @type {number} */ span, /** @type {number} */ share) =>
    ages.filter((age) => age <= span).length >= share * ages.length;
  const shorterWouldDo = SPANS.some((span) => before !== null && span < before && shows(span, 0.95));
  if (before !== null && shows(before, 0.85) && !shorterWouldDo) return before;
  return SPANS.find((span) => shows(span, 0.9)) ?? 10_800;
}

/**
 * Round values (1, 2 or 5 times a power of ten apart) from `low` to `high`, about `wanted` of them.
 * @param {number} low
 * @param {number} high
 * @param {number} wanted
 * @returns {number[]}
 */
export function roundTicks(low, high, wanted) {
  const least = (high - low) / Math.max(1, wanted);
  if (!(least > 0)) return [];
  const power = 10 ** Math.floor(Math.log10(least));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= least) ?? 10);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, index) => (first + index) * step);
}

/**
 * Round moments of the local clock from `start` to `end`, at most `most` of them, in Unix seconds.
 * @param {number} start
 * @param {number} end
 * @param {number} most
 * @returns {number[]}
 */
export function timeTicks(start, end, most) {
  const step = [60, 120, 300, 600, 900, 1800, 3600, 7200].find((seconds) => (end - start) / seconds <= most) ?? 10_800;
  const offset = new Date(end * 1000).getTimezoneOffset() * 60;
  const first = Math.ceil((start - offset) / step) * step + offset;
  const ticks = [];
  for (let tick = first; tick <= end; tick += step) ticks.push(tick);
  return ticks;
}
