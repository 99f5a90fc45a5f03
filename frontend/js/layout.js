// Where things lie on the chart: two parts side by side, one price axis to their right.

/** @typedef {{ left: number, right: number, start: number, end: number }} Part its edges in CSS pixels, and in Unix seconds */
/**
 * @typedef {object} Layout
 * @property {number} top edge of the plot, in CSS pixels
 * @property {number} bottom
 * @property {number} right edge of the whole chart, price axis included
 * @property {Part} confirmed
 * @property {Part} mempool
 * @property {number} low price at the bottom, USD; meaningless while there is no price
 * @property {number} high price at the top, USD
 */

/** Room for what stands around the plot, in em. */
const TITLE_HEIGHT = 2.2;
const TIMES_HEIGHT = 1.9;
const GAP = 1.6;

/** Free space at a part's right edge, in CSS pixels, in which the largest dot of this moment fits. */
const INSET = 9;

/**
 * @param {{ width: number, height: number }} size of the canvas, CSS pixels
 * @param {number} em the size of its type, CSS pixels
 * @param {number} axisWidth CSS pixels that the labels of the price axis take
 * @param {import("./scale.js").PriceAxis | null} axis
 * @param {number} now the event clock, Unix seconds
 * @param {import("./state.js").State["spans"]} spans
 * @returns {Layout}
 */
export function layOut({ width, height }, em, axisWidth, axis, now, spans) {
  const { centre, reach } = axis ?? { centre: 1, reach: 1 };
  const [top, gap] = [Math.round(TITLE_HEIGHT * em), Math.round(GAP * em)];
  const plotWidth = Math.max(2, width - axisWidth - gap);
  const middle = Math.round(plotWidth / 2);
  return {
    top,
    bottom: Math.max(top + 1, Math.round(height - TIMES_HEIGHT * em)),
    right: width,
    confirmed: { left: 0, right: middle, start: now - (spans.confirmed ?? 1), end: now },
    mempool: { left: middle + gap, right: plotWidth + gap, start: now - (spans.mempool ?? 1), end: now },
    low: centre * (1 - reach),
    high: centre * (1 + reach),
  };
}

/**
 * A moment's place in a part, CSS pixels from the left.
 * @param {Part} part
 * @param {number} timestamp
 */
export function xOf({ left, right, start, end }, timestamp) {
  return left + ((timestamp - start) / (end - start)) * (right - INSET - left);
}

/**
 * A price's place, CSS pixels from the top.
 * @param {Layout} layout
 * @param {number} price
 */
export function yOf({ top, bottom, low, high }, price) {
  return bottom - ((price - low) / (high - low)) * (bottom - top);
}

/**
 * Whether there is room for more than the shortest words.
 * @param {Layout} layout
 */
export function isRoomy(layout) {
  return layout.right > 700;
}

/**
 * A line across both parts.
 * @param {CanvasRenderingContext2D} context
 * @param {Layout} layout
 * @param {number} y
 */
export function drawThrough(context, { confirmed, mempool }, y) {
  context.beginPath();
  for (const { left, right } of [confirmed, mempool]) {
    context.moveTo(left, y);
    context.lineTo(right, y);
  }
  context.stroke();
}
