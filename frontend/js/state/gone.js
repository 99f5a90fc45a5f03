// Tells whether a link shows a time without payments, because they have left the window or are still to come. Pure.

import { WINDOW_SECONDS } from "./points.js";
import { DOTS_SECONDS, hasDots, partNames, RANGES } from "./view.js";

/** @typedef {import("./scale.js").Span} Span */
/** @typedef {import("./state.js").State} State */
/** @typedef {import("./view.js").View} View */

/** The shortest time that is shown from the history, in seconds. */
const AROUND = 12 * 3600;

/**
 * The time that the plot is zoomed to, if it lies before the window or after now; `null` if payments of it may be held.
 * @param {State} state
 * @returns {Span | null}
 */
export function goneSpan({ view, timestamp: now }) {
  if (now === null || !hasDots(view)) return null;
  const spans = partNames(view).map((name) => view.zoom[name]);
  const isGone = (/** @type {Span | null} */ span) => span !== null && (span.high <= now - WINDOW_SECONDS || span.low > now);
  return spans.find(isGone) ?? null;
}

/**
 * Shows a time from the history, in the shortest range that reaches it, with enough time around it for a line.
 * @param {View} view which is changed
 * @param {Span} span Unix seconds
 * @param {number} now
 */
export function showFromHistory(view, { low, high }, now) {
  const middle = (low + high) / 2;
  const half = Math.max(AROUND, high - low) / 2;
  const end = Math.min(now, middle + half);
  const fitting = RANGES.find(({ seconds }) => seconds > DOTS_SECONDS && seconds >= now - (end - 2 * half));
  view.before ??= view.range;
  view.range = fitting?.seconds ?? Infinity;
  view.zoom = { time: { low: end - 2 * half, high: end }, confirmed: null, mempool: null, price: null };
}
