// Where things lie on the chart: two parts side by side, one price axis to their right. Pure.

/** @typedef {import("../state/scale.js").Span} Span */
/** @typedef {import("../state/state.js").State} State */
/**
 * One of the two parts.
 * @typedef {object} Part
 * @property {number} left edge, CSS pixels
 * @property {number} right edge
 * @property {number} inset free space at the right edge in which the largest dot of this moment fits
 * @property {number} start Unix seconds at the left edge
 * @property {number} end Unix seconds at the right edge, less the inset
 * @property {boolean} live whether `end` is now
 */
/**
 * @typedef {object} Layout
 * @property {number} top edge of the plot, in CSS pixels
 * @property {number} bottom
 * @property {number} right edge of the whole chart, price axis included
 * @property {number} height of the whole chart
 * @property {Part} confirmed
 * @property {Part} mempool
 * @property {number} low price at the bottom, USD; meaningless while there is no price
 * @property {number} high price at the top, USD
 */

/** Room for what stands around the plot, in em. */
const TITLE_HEIGHT = 2;
const TIMES_HEIGHT = 1.9;
const GAP = 1.2;

/** Free space at the right edge of what is live, in em. */
const INSET = 0.8;

/**
 * What each axis spans: what was zoomed to, or what follows the newest.
 * @param {State} state
 * @param {Span} livePrice where the price axis is when it follows
 * @returns {{ confirmed: Span, mempool: Span, price: Span }}
 */
export function shownSpans({ view, timestamp, mempoolSpan }, livePrice) {
  const now = timestamp ?? 0;
  const { confirmed, mempool, price } = view.zoom;
  return {
    confirmed: confirmed ?? { low: now - view.range, high: now },
    mempool: mempool ?? { low: now - Math.min(view.range, mempoolSpan ?? view.range), high: now },
    price: price ?? livePrice,
  };
}

/**
 * @param {{ width: number, height: number }} size of the canvas, CSS pixels
 * @param {number} em the size of its type, CSS pixels
 * @param {number} axisWidth CSS pixels that the labels of the price axis take
 * @param {{ confirmed: Span, mempool: Span, price: Span }} spans
 * @param {import("../state/view.js").View["zoom"]} zoom
 * @returns {Layout}
 */
export function layOut({ width, height }, em, axisWidth, spans, zoom) {
  const [top, gap] = [Math.round(TITLE_HEIGHT * em), Math.round(GAP * em)];
  const plotWidth = Math.max(2, width - axisWidth - gap);
  const middle = Math.round(plotWidth / 2);
  /**
   * @param {"confirmed" | "mempool"} name
   * @param {number} left
   * @param {number} right
   */
  const part = (name, left, right) => {
    const live = zoom[name] === null;
    return { left, right, inset: live ? INSET * em : 0, start: spans[name].low, end: spans[name].high, live };
  };
  return {
    top,
    bottom: Math.max(top + 1, Math.round(height - TIMES_HEIGHT * em)),
    right: width,
    height,
    confirmed: part("confirmed", 0, middle),
    mempool: part("mempool", middle + gap, plotWidth + gap),
    low: spans.price.low,
    high: spans.price.high,
  };
}

/**
 * A moment's place in a part, CSS pixels from the left.
 * @param {Part} part
 * @param {number} timestamp
 */
export function xOf({ left, right, inset, start, end }, timestamp) {
  return left + ((timestamp - start) / (end - start)) * (right - inset - left);
}

/**
 * The moment at a place.
 * @param {Part} part
 * @param {number} x CSS pixels
 */
export function timeAt({ left, right, inset, start, end }, x) {
  return start + ((x - left) / (right - inset - left)) * (end - start);
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
 * The price at a place.
 * @param {Layout} layout
 * @param {number} y CSS pixels
 */
export function priceAt({ top, bottom, low, high }, y) {
  return low + ((bottom - y) / (bottom - top)) * (high - low);
}

/**
 * The part at a place; that of the mempool is as good as any beside both.
 * @param {Layout} layout
 * @param {number} x CSS pixels
 * @returns {"confirmed" | "mempool"}
 */
export function partAt({ confirmed }, x) {
  return x <= confirmed.right ? "confirmed" : "mempool";
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

/**
 * Draws within a part and nowhere else.
 * @param {CanvasRenderingContext2D} context
 * @param {Layout} layout
 * @param {Part} part
 * @param {() => void} draw
 */
export function within(context, { top, bottom }, { left, right }, draw) {
  context.save();
  context.beginPath();
  context.rect(left, top, right - left, bottom - top);
  context.clip();
  draw();
  context.restore();
}
