// Decides which prices the axis spans while it is not zoomed, and which line is drawn against it. Pure.

import { staleReason } from "../state/age.js";
import { pastLine, reachOf } from "../state/archive.js";
import { hasDots } from "../state/view.js";
import { shownParts } from "./layout.js";
import { isBroken } from "./lines.js";
import { spanOf } from "./motion.js";

/** @typedef {import("../state/state.js").State} State */
/** @typedef {import("../state/scale.js").Span} Span */

/** Free room above and below prices of years, as a share of their span. */
const MARGIN = 0.07;

/** The least free room above and below them, as a share of the price. */
const LEAST = 0.005;

/**
 * The line of prices in the range that is shown; empty while there are none.
 * @param {State} state
 * @returns {import("../state/archive.js").Line}
 */
export function shownLine(state) {
  if (hasDots(state.view)) return { entries: state.history.entries, isApart: isBroken };
  return pastLine(state, staleReason(state) === null) ?? { entries: [], isApart: () => true };
}

/**
 * The span that the price axis follows: around the estimate if there are dots, else all prices that are shown.
 * @param {State} state
 * @returns {Span | null} `null` while there is no price
 */
export function followedPrices(state) {
  const aboutNow = state.priceAxis && spanOf(state.priceAxis);
  if (hasDots(state.view)) return aboutNow;
  const [{ span }] = shownParts(state);
  const reach = reachOf(shownLine(state).entries, span);
  if (!reach) return aboutNow;
  const { low, high } = reach;
  const margin = Math.max(LEAST * high, MARGIN * (high - low));
  // The lower end must stay well above 0, because a logarithmic axis has no 0.
  return { low: Math.max(low * 0.8, low - margin), high: high + margin };
}
