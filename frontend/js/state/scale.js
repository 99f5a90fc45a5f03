// Axes: which prices and times the plot spans, and where the round ticks lie. Pure.

/** @typedef {import("../link/message.js").Estimate} Estimate */
/** @typedef {{ centre: number, reach: number }} PriceAxis the middle in USD, and the share of it shown above and below */
/** @typedef {{ low: number, high: number }} Span of prices in USD, or of moments in Unix seconds */

/** Shares of the price that the axis may show above and below its middle. */
const REACHES = [0.04, 0.08, 0.16, 0.4];

/** The axis follows once the price is this share of the reach away from the middle, and stands still for lesser moves. */
const STRAY = 0.35;

/** Seconds that the mempool's part may span. */
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
 * The time that the mempool's part spans, in seconds: the shortest that shows seven points in ten, so that those which
 * linger do not squeeze all others against the edge; and the one before while it still fits, so that it does not twitch.
 * @param {number | null} before
 * @param {number[]} ages of the points, seconds
 * @returns {number}
 */
export function followSpan(before, ages) {
  const shows = (/** @type {number} */ span, /** @type {number} */ share) => {
    let shown = 0;
    for (const age of ages) if (age <= span) shown += 1;
    return shown >= share * ages.length;
  };
  const shorterWouldDo = SPANS.some((span) => before !== null && span < before && shows(span, 0.75));
  if (before !== null && shows(before, 0.65) && !shorterWouldDo) return before;
  return SPANS.find((span) => shows(span, 0.7)) ?? 10_800;
}

/**
 * A span made `factor` times as long about a place in it that stays where it is, within bounds.
 * @param {Span} span
 * @param {number} factor below 1 to see more closely
 * @param {number} about
 * @param {{ least: number, within: Span }} bounds the shortest span, and the span that it must stay within
 * @returns {Span}
 */
export function zoomed({ low, high }, factor, about, { least, within }) {
  const length = Math.min(within.high - within.low, Math.max(least, (high - low) * factor));
  const share = (about - low) / (high - low);
  return moved({ low: about - share * length, high: about + (1 - share) * length }, 0, within);
}

/**
 * A span moved by `by`, but not out of `within`.
 * @param {Span} span not longer than `within`
 * @param {number} by
 * @param {Span} within
 * @returns {Span}
 */
export function moved({ low, high }, by, within) {
  const bounded = Math.min(within.high - high, Math.max(within.low - low, by));
  return { low: low + bounded, high: high + bounded };
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
 * Round values from `low` to `high` that are about equally far apart by their ratio, about `wanted` of them.
 * @param {number} low above 0
 * @param {number} high
 * @param {number} wanted
 * @returns {number[]}
 */
export function logTicks(low, high, wanted) {
  const decades = Math.log10(high / low);
  if (decades < 0.7) return roundTicks(low, high, wanted);
  const factors = [[1, 1.5, 2, 3, 5, 7], [1, 2, 5], [1, 3], [1]].find(({ length }) => length * decades <= wanted) ?? [1];
  const ticks = [];
  for (let power = 10 ** Math.floor(Math.log10(low)); power <= high; power *= 10) {
    for (const factor of factors) if (factor * power >= low && factor * power <= high) ticks.push(factor * power);
  }
  return ticks;
}

/**
 * Round moments of the local clock from `start` to `end`, at most `most` of them, in Unix seconds.
 * @param {number} start
 * @param {number} end
 * @param {number} most
 * @returns {number[]}
 */
export function timeTicks(start, end, most) {
  const steps = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];
  const step = steps.find((seconds) => (end - start) / seconds <= most) ?? 10_800;
  const offset = new Date(end * 1000).getTimezoneOffset() * 60;
  const first = Math.ceil((start - offset) / step) * step + offset;
  const ticks = [];
  for (let tick = first; tick <= end; tick += step) ticks.push(tick);
  return ticks;
}
