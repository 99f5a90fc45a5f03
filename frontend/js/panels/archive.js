// The line that says how far back the prices of the past go, and how much of them is still to be read.

import { formatAge, formatCount, formatDate } from "../base/format.js";

/** @typedef {import("../link/message.js").Coverage} Coverage */

const DAY_SECONDS = 86_400;

/**
 * The text of the line, such as `history since March 2021 · 61 % filled · 3 h left`.
 * @param {Coverage | null} coverage `null` if no historian answers
 * @returns {string} empty if there is nothing to say
 */
export function archiveOf(coverage) {
  if (!coverage) return "";
  const { state, detail, since, filled, leftSeconds, unverified } = coverage;
  const isFilling = state !== "stuck" && filled > 0 && filled < 1;
  const parts = [
    since === null ? "" : `since ${formatDate(since, "utcMonth")}`,
    isFilling ? `${Math.floor(filled * 100)} % filled` : "",
    isFilling && leftSeconds !== null ? `${formatLeft(leftSeconds)} left` : "",
    unverified > 0 ? `${Math.ceil(unverified * 100)} % unverified` : "",
    state === "stuck" ? `stopped${detail && `: ${detail}`}` : "",
  ].filter((part) => part !== "");
  return parts.length > 0 ? `history ${parts.join(" · ")}` : "";
}

/**
 * A guessed duration in words: whole hours from one hour on, whole days from two days on.
 * @param {number} seconds
 */
function formatLeft(seconds) {
  if (seconds < 3600) return formatAge(Math.max(60, seconds));
  if (seconds < 2 * DAY_SECONDS) return `${Math.round(seconds / 3600)} h`;
  return `${formatCount(Math.round(seconds / DAY_SECONDS))} d`;
}
