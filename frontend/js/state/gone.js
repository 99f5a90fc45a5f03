// A moment that a link shows and the window of payments no longer has. Pure.

import { WINDOW_SECONDS } from "./points.js";
import { DOTS_SECONDS, hasDots, partNames, RANGES } from "./view.js";

/** @typedef {import("./scale.js").Span} Span */
/** @typedef {import("./state.js").State} State */
/** @typedef {import("./view.js").View} View */

/** Seconds around a moment that is shown from the history, at least. */
const AROUND = 12 * 3600;

/**
 * The time that is looked at, if no payment of it is held any more, or none can be yet; `null` if some may be.
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
 * Shows a time from the history: in the shortest range that has it, with enough around it for a line.
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
