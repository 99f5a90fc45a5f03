// Where things lie on the chart: one part, or two side by side, and one price axis to their right. Pure.

import { beginningOf } from "../state/archive.js";
import { hasDots, partNames } from "../state/view.js";

/** @typedef {import("../state/scale.js").Span} Span */
/** @typedef {import("../state/state.js").State} State */
/** @typedef {import("../link/message.js").Point["state"]} DotState */
/** @typedef {import("../state/view.js").PartName} PartName */
/**
 * The content of a part, apart from its place.
 * @typedef {object} Shown
 * @property {PartName} name by which its zoom is known
 * @property {readonly DotState[]} states of the dots in it; none in a range of prices alone
 * @property {Span} span of time
 * @property {boolean} live whether it ends now
 */
/**
 * @typedef {object} Part
 * @property {PartName} name
 * @property {readonly DotState[]} states
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
 * @property {number} edge right edge of the plot: of its last part
 * @property {number} right edge of the whole chart, price axis included
 * @property {number} height of the whole chart
 * @property {Part[]} parts from left to right, at least one
 * @property {boolean} hasDots whether any part shows dots
 * @property {number} low price at the bottom, USD; meaningless while there is no price
 * @property {number} high price at the top, USD
 * @property {boolean} isLog whether equal ratios of prices, and not equal differences, are equally high
 */

/** Room around the plot for titles and times, and between parts, in em. */
const TITLE_HEIGHT = 2;
const TIMES_HEIGHT = 1.9;
const GAP = 1.2;

/** Free space at the right edge of a live part, in em. */
const INSET = 0.8;

/** Prices of years are drawn by their logarithms where the highest is over this many times the lowest. */
const LOG_FROM = 3;

/** @type {Record<PartName, readonly DotState[]>} */
const STATES = { time: ["confirmed", "mempool"], confirmed: ["confirmed"], mempool: ["mempool"] };

/**
 * The parts with the time that each spans: the zoomed one, or one that follows the newest.
 * @param {State} state
 * @returns {Shown[]}
 */
export function shownParts(state) {
  const { view } = state;
  return partNames(view).map((name) => ({
    name,
    states: hasDots(view) ? STATES[name] : [],
    span: view.zoom[name] ?? liveSpan(state, name),
    live: view.zoom[name] === null,
  }));
}

/**
 * @param {State} state
 * @param {PartName} name
 * @returns {Span}
 */
function liveSpan(state, name) {
  const { view, timestamp, mempoolSpan } = state;
  const now = timestamp ?? 0;
  const seconds = name === "mempool" ? Math.min(view.range, mempoolSpan ?? view.range) : view.range;
  return { low: Number.isFinite(seconds) ? now - seconds : beginningOf(state), high: now };
}

/**
 * @param {{ width: number, height: number }} size of the canvas, CSS pixels
 * @param {number} em the size of its type, CSS pixels
 * @param {number} axisWidth CSS pixels that the labels of the price axis take
 * @param {Shown[]} shown
 * @param {Span} price
 * @returns {Layout}
 */
export function layOut({ width, height }, em, axisWidth, shown, price) {
  const [top, gap] = [Math.round(TITLE_HEIGHT * em), Math.round(GAP * em)];
  const gaps = gap * (shown.length - 1);
  const plotWidth = Math.max(2, width - axisWidth - gaps);
  const parts = shown.map(({ name, states, span, live }, at) => {
    const [left, right] = [at, at + 1].map((edge) => Math.round((plotWidth * edge) / shown.length) + gap * at);
    return { name, states, left, right, inset: live ? INSET * em : 0, start: span.low, end: span.high, live };
  });
  const dots = shown.some(({ states }) => states.length > 0);
  return {
    top,
    bottom: Math.max(top + 1, Math.round(height - TIMES_HEIGHT * em)),
    edge: plotWidth + gaps,
    right: width,
    height,
    parts,
    hasDots: dots,
    low: price.low,
    high: price.high,
    isLog: !dots && price.low > 0 && price.high > LOG_FROM * price.low,
  };
}

/**
 * The part in which dots of this state lie; `null` if none shows them.
 * @param {Layout} layout
 * @param {DotState} state
 * @returns {Part | null}
 */
export function partOf({ parts }, state) {
  return parts.find(({ states }) => states.includes(state)) ?? null;
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
export function yOf({ top, bottom, low, high, isLog }, price) {
  const share = isLog ? Math.log(price / low) / Math.log(high / low) : (price - low) / (high - low);
  return bottom - share * (bottom - top);
}

/**
 * The price at a place.
 * @param {Layout} layout
 * @param {number} y CSS pixels
 */
export function priceAt({ top, bottom, low, high, isLog }, y) {
  const share = (bottom - y) / (bottom - top);
  return isLog ? low * (high / low) ** share : low + share * (high - low);
}

/**
 * The part at a place; the last part if the place lies beside all of them.
 * @param {Layout} layout
 * @param {number} x CSS pixels
 * @returns {Part}
 */
export function partAt({ parts }, x) {
  return parts.find(({ right }) => x <= right) ?? parts[parts.length - 1];
}

/**
 * Whether there is room for more than the shortest words.
 * @param {Layout} layout
 */
export function isRoomy(layout) {
  return layout.right > 700;
}

/**
 * A line across all parts.
 * @param {CanvasRenderingContext2D} context
 * @param {Layout} layout
 * @param {number} y
 */
export function drawThrough(context, { parts }, y) {
  context.beginPath();
  for (const { left, right } of parts) {
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
