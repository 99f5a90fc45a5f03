// The words that answer a question for the price of a moment or block: the price, or one sentence that says why there is no
// price. Pure.

import { formatAge, formatCount, formatDay, formatDecimal, formatLocalTime, formatMoment, formatUsd, formatUtc } from "../base/format.js";
import { coveredSince } from "../state/archive.js";
import { readMoment } from "../state/moment.js";
import { confidenceLevel } from "../state/state.js";
import { archiveOf } from "./archive.js";

/** @typedef {import("../state/state.js").State} State */
/** @typedef {import("../state/moment.js").Moment} Moment */
/** @typedef {import("../link/archive.js").PastPrice} PastPrice */

/** A price more than this many seconds older than the moment is not its price, because the history has a gap there. */
const MOST_BEFORE = 6 * 3600;

/**
 * Why there can be no price of a moment, so that the history need not be asked; empty if it must be asked.
 * @param {State} state
 * @param {Moment} moment
 */
export function refusedAt({ timestamp: now, coverage, isCoverageKnown }, moment) {
  if (isCoverageKnown && !coverage) return "This gateway has no history of prices.";
  if (moment.kind === "time" && now !== null && moment.timestamp > now + 60) return `${formatMoment(moment.timestamp)} is still to come.`;
  if (!coverage) return "";
  if (moment.kind === "block") return refusedBlock(coverage, moment.height);
  const begin = coverage.firstTime ?? coverage.firstMinute;
  if (begin === null) return "The history has no price yet.";
  return coverage.filled >= 1 && moment.timestamp < begin ? `The history begins on ${formatDay(begin)}.` : "";
}

/**
 * @param {import("../link/message.js").Coverage} coverage
 * @param {number} height
 */
function refusedBlock({ tipHeight, firstHeight, filled }, height) {
  if (tipHeight !== null && height > tipHeight) return `There is no block ${formatCount(height)} yet: the newest is ${formatCount(tipHeight)}.`;
  const isBefore = filled >= 1 && firstHeight !== null && height < firstHeight;
  return isBefore ? `The history begins with block ${formatCount(firstHeight)}.` : "";
}

/**
 * Why the answer to a question has no price.
 * @param {State} state
 * @param {Moment} moment
 * @param {number} status of the answer; 0 if none came
 */
export function unanswered({ coverage }, moment, status) {
  if (status === 0) return "The gateway did not answer: please try again.";
  const isFilling = coverage !== null && coverage.filled < 1;
  if (isFilling && isUnread(coverage, moment)) {
    const progress = archiveOf(coverage);
    return `The blocks of that time are still to be read${progress ? ` (${progress})` : ""}.`;
  }
  if (status === 404) return "The history has no price of that block: it has too few payments.";
  if (status >= 500) return "The historian does not answer: please try again later.";
  return "The history has no price of that time.";
}

/**
 * @param {import("../link/message.js").Coverage} coverage
 * @param {Moment} moment
 */
function isUnread(coverage, moment) {
  const since = coveredSince(coverage);
  return moment.kind === "block" || since === null || moment.timestamp < since;
}

/**
 * @typedef {{ when: string, price: string, doubt: string, source: string }} Told
 */

/**
 * The words for a price of the past.
 * @param {Moment} moment
 * @param {PastPrice} past
 * @returns {Told | null} `null` if the price is over `MOST_BEFORE` older than the moment
 */
export function toldOf(moment, past) {
  const asked = moment.kind === "time" ? moment.timestamp : past.timestamp;
  const before = asked - past.timestamp;
  if (before > MOST_BEFORE) return null;
  const when = `${formatDay(asked)}, ${formatLocalTime(asked)} local · ${formatUtc(asked).replace(/:\d\d UTC$/, " UTC")}`;
  const source = past.source === "minute" ? "a live estimate" : `block${past.height === null ? "" : ` ${formatCount(past.height)}`}`;
  const confidence = `confidence ${confidenceLevel(past.confidence)} ${formatDecimal(past.confidence, 2, 2)}`;
  return {
    when: moment.kind === "block" ? `Block ${formatCount(moment.height)}: ${when}` : when,
    price: formatUsd(past.price),
    doubt: `90 % interval ${formatUsd(past.low)} – ${formatUsd(past.high)} · ${confidence}${past.state === "unverified" ? " · unverified: imported from a file that nobody vouched for" : ""}`,
    source: moment.kind === "block" ? "" : `from ${source}${before < 60 ? "" : `, ${formatAge(before)} earlier`}`,
  };
}

/**
 * The moment that was typed, or words for the mistake in it.
 * @param {{ date: string, time: string, block: string }} typed
 * @returns {{ moment: Moment | null, trouble: string }}
 */
export function readTyped({ date, time, block }) {
  const height = block.replaceAll(/[\s.,'’]/g, "");
  if (height) {
    const isHeight = /^\d{1,8}$/.test(height);
    return isHeight ? { moment: { kind: "block", height: Number(height) }, trouble: "" } : { moment: null, trouble: "A block's height is a whole number, such as 840,000." };
  }
  if (!date.trim()) return { moment: null, trouble: "Please choose a date, or type the height of a block." };
  const text = `${date.trim()}T${time.trim().slice(0, 5) || "12:00"}`;
  const moment = readMoment(text);
  return moment ? { moment, trouble: "" } : { moment: null, trouble: "That date could not be read: it looks like 2026-03-04, and a time like 12:00." };
}
