// The plot's message in place of dots or a line: that nothing has come yet, that payments are gone, or that the history is awaited
// or has no price. Pure.

import { formatCount, formatDay, formatLocalTime, formatMoment } from "../base/format.js";
import { coveredSince, refusalOf } from "../state/archive.js";
import { goneSpan } from "../state/gone.js";
import { hasDots } from "../state/view.js";
import { shownParts } from "../plot/layout.js";
import { shownLine } from "../plot/prices.js";
import { spanWords } from "../plot/titles.js";
import { archiveOf } from "./archive.js";

/** @typedef {import("../state/state.js").State} State */
/** @typedef {import("../state/scale.js").Span} Span */
/**
 * @typedef {object} Message
 * @property {string} text
 * @property {number | null} progress 0 to 1; `null` if nothing is being read, or the progress is not known
 * @property {boolean} live whether a button leads to the live payments
 * @property {Span | null} past the time that a button shows from the history; `null` if there is no such button
 */

/** Finds progress in a hop's line of detail, such as `2000 of 2114 transactions` or `61 %`. */
const SHARE = /(\d+) of (\d+)(?: ([a-z ]+))?/;
const PERCENT = /(\d+) %/;

/**
 * @param {State} state
 * @returns {Message | null} `null` if the plot speaks for itself
 */
export function messageOf(state) {
  const { view, points, estimate, timestamp } = state;
  if (hasDots(view)) {
    if (timestamp === null || (!estimate && points.count === 0)) return coldStart(state);
    const gone = goneSpan(state);
    return gone && goneMessage(state, gone);
  }
  return timestamp === null ? coldStart(state) : pastMessage(state);
}

/**
 * The message while the first picture is awaited, with its progress.
 * @param {State} state
 * @returns {Message}
 */
function coldStart({ link, updates, hops }) {
  const plain = { progress: null, live: false, past: null };
  if (link.phase !== "connected" || updates === 0) return { text: "Connecting to the gateway", ...plain };
  const busy = hops.find(({ state }) => state !== "connected" && state !== "degraded");
  if (!busy) return { text: "Waiting for enough payments to read a price from", ...plain };
  const [share, done, all, what] = SHARE.exec(busy.detail) ?? [];
  if (share) return { text: `${formatCount(Number(done))} of ${formatCount(Number(all))} ${what ? `${what} ` : ""}read`, ...plain, progress: Number(done) / Math.max(1, Number(all)) };
  const percent = PERCENT.exec(busy.detail)?.[1];
  return { text: `Waiting for the ${busy.name}${busy.detail ? `: ${busy.detail}` : ""}`, ...plain, progress: percent ? Number(percent) / 100 : null };
}

/**
 * @param {State} state
 * @param {Span} gone
 * @returns {Message}
 */
function goneMessage(state, gone) {
  const now = state.timestamp ?? 0;
  if (gone.low > now) return { text: `This link shows ${formatMoment(gone.low)}, which is still to come.`, progress: null, live: true, past: null };
  const since = state.coverage && coveredSince(state.coverage);
  const isCovered = since !== null && since <= gone.low;
  return { text: `This link shows ${spanOfTime(gone)}. Payments are kept for 3 hours, so these are gone.`, progress: null, live: true, past: isCovered ? gone : null };
}

/** @param {Span} span */
function spanOfTime({ low, high }) {
  return high - low < 43_200 ? `${formatMoment(low)} to ${formatLocalTime(high)}` : `${formatDay(low)} to ${formatDay(high)}`;
}

/**
 * @param {State} state
 * @returns {Message | null}
 */
function pastMessage(state) {
  const { view, archive, coverage, isCoverageKnown } = state;
  const plain = { progress: null, live: true, past: null };
  const { entries } = shownLine(state);
  if (entries.length > 0) {
    const [{ span }] = shownParts(state);
    const isAny = entries.some(({ timestamp }) => timestamp >= span.low && timestamp <= span.high);
    return isAny ? null : { text: archive.failure ? failed(archive.failure) : "No price of this time is known.", ...plain };
  }
  if (isCoverageKnown && (!coverage || coveredSince(coverage) === null)) return { text: `${refusalOf(state, view.range, formatDay)}.`, ...plain };
  if (archive.failure) return { text: failed(archive.failure), ...plain };
  const seconds = Number.isFinite(view.range) ? ` of the last ${spanWords(view.range)}` : "";
  return { text: `Reading the prices${seconds}`, progress: null, live: false, past: null };
}

/** @param {string} reason */
function failed(reason) {
  return `The history does not answer, and is asked again: ${reason}.`;
}

/** How far the history is filled, or that it does not answer; empty over payments, and once it is filled. @param {State} state */
export function progressOf({ view, coverage, archive }) {
  if (hasDots(view) || !coverage) return "";
  if (archive.failure) return "The history does not answer, and is asked again";
  return coverage.filled >= 1 && coverage.state !== "stuck" ? "" : archiveOf(coverage);
}
