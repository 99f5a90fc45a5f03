// The title of each part: its content, its time, and the number of amounts of each state.

import { formatAge, formatCount, formatDay, formatLocalTime, formatMoment } from "../base/format.js";
import { isRoomy } from "./layout.js";

/** @typedef {import("./layout.js").Part} Part */
/** @typedef {import("./layout.js").Layout} Layout */
/** @typedef {import("../state/points.js").Counts} Counts */
/** @typedef {import("../link/archive.js").Series} Series */
/** @typedef {import("../base/theme.js").Theme} Theme */
/** @typedef {{ text: string, colour: string, bold: boolean }} Words */

const NAMES = { confirmed: "Confirmed", mempool: "Mempool" };
const LONG = { confirmed: "amounts confirmed", mempool: "in the mempool" };
const NONE = { confirmed: "none confirmed yet", mempool: "no payments yet" };

/** Spans longer than this many seconds are written in days, and in years. */
const TWO_DAYS = 2 * 86_400;
const TWO_YEARS = 730 * 86_400;

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Layout} layout
 * @param {Counts} counts of the dots that are shown
 * @param {Series | null} series the prices that are shown without dots
 * @param {Theme} theme
 */
export function drawTitles(context, layout, counts, series, theme) {
  const { em, font } = theme;
  for (const part of layout.parts) {
    context.textAlign = "left";
    let x = part.left;
    for (const { text, colour, bold } of wordsOf(part, counts, series, isRoomy(layout), theme)) {
      context.font = bold ? `600 ${em + 1}px ${font}` : `${em}px ${font}`;
      const { width } = context.measureText(text);
      if (x > part.left && x + width > part.right) break;
      context.fillStyle = colour;
      context.fillText(text, x, 0.75 * em);
      x += width + 0.9 * em;
    }
    context.font = `${em}px ${font}`;
    if (part.states.length === 0 || !part.live || part.states.some((state) => counts[state] > 0)) continue;
    context.fillStyle = theme.muted;
    context.textAlign = "center";
    context.fillText(NONE[part.states.length === 1 ? part.states[0] : "mempool"], (part.left + part.right) / 2, layout.bottom - 1.2 * em);
  }
}

/**
 * The words of a title, the more important ones first.
 * @param {Part} part
 * @param {Counts} counts
 * @param {Series | null} series
 * @param {boolean} isRoomy
 * @param {Theme} theme
 * @returns {Words[]}
 */
function wordsOf(part, counts, series, isRoomy, theme) {
  const span = part.live ? `last ${spanWords(part.end - part.start)}` : "";
  if (part.states.length === 1) {
    const [state] = part.states;
    const counted = formatCount(counts[state]);
    return [
      { text: [NAMES[state], span].filter(Boolean).join(", "), colour: theme[state], bold: true },
      { text: isRoomy ? `${counted} amounts` : counted, colour: theme.muted, bold: false },
    ];
  }
  /** @type {Words[]} */
  const words = [];
  if (span) words.push({ text: capitalised(span), colour: theme.text, bold: true });
  else words.push({ text: series ? daysOf(part) : hoursOf(part), colour: theme.text, bold: true });
  for (const state of part.states) {
    words.push({ text: `${formatCount(counts[state])} ${isRoomy ? LONG[state] : NAMES[state].toLowerCase()}`, colour: theme[state], bold: false });
  }
  const doubt = series ? doubtWords(series, part) : "";
  if (doubt) words.push({ text: doubt, colour: theme.text, bold: false });
  if (series) words.push({ text: seriesWords(series, part), colour: theme.muted, bold: false });
  return words;
}

/** The days that a part shows. @param {Part} part */
function daysOf({ start, end }) {
  const [first, last] = [start, end].map(formatDay);
  return first === last ? first : `${first} – ${last}`;
}

/** The time of day that a part shows. @param {Part} part */
function hoursOf({ start, end }) {
  return `${formatLocalTime(start)} – ${formatLocalTime(end)}`;
}

/**
 * The words for where the prices of a line come from: blocks, minutes, or both.
 * @param {Series} series
 * @param {Part} part
 */
export function seriesWords({ minutesFrom, stepSeconds }, { start, end }) {
  const each = stepSeconds > 600 ? `, one in ${formatAge(stepSeconds)}` : "";
  if (minutesFrom === null || minutesFrom >= end) return `prices of blocks${each}`;
  if (minutesFrom <= start) return "prices of minutes";
  return `prices of blocks${each}, then of minutes from ${formatMoment(minutesFrom)} on`;
}

/**
 * The words for unverified prices in a part; empty if it shows none.
 * @param {Pick<Series, "prices">} series
 * @param {Pick<Part, "start" | "end">} part
 */
export function doubtWords({ prices }, { start, end }) {
  const shown = prices.filter(({ timestamp }) => timestamp >= start && timestamp <= end);
  if (!shown.some(isUnverified)) return "";
  return shown.every(isUnverified) ? "unverified" : "unverified in part";
}

/** @param {import("../link/archive.js").PastPrice} past */
function isUnverified({ state }) {
  return state === "unverified";
}

/**
 * A span in the unit that fits it: `15 min`, `24 h`, `7 days`, `11 years`.
 * @param {number} seconds
 */
export function spanWords(seconds) {
  if (seconds > TWO_YEARS) return `${Math.round(seconds / (365.25 * 86_400))} years`;
  return seconds > TWO_DAYS ? `${Math.round(seconds / 86_400)} days` : formatAge(Math.round(seconds));
}

/** @param {string} text */
function capitalised(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
