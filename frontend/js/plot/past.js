// Marks on the plot of the past, beside its line: the end of one series, the moment that was asked for, the start of missing
// payments, and the price that is pointed at.

import { formatMoment, formatUsd } from "../base/format.js";
import { crisp } from "./grid.js";
import { timeAt, xOf, yOf } from "./layout.js";
import { shownLine } from "./prices.js";

/** @typedef {import("../state/history.js").Past} Past */
/** @typedef {import("../state/state.js").State} State */
/** @typedef {import("../link/archive.js").Series} Series */
/** @typedef {import("../link/archive.js").PastPrice} PastPrice */
/** @typedef {import("./layout.js").Layout} Layout */
/** @typedef {import("./layout.js").Part} Part */
/** @typedef {import("../base/theme.js").Theme} Theme */
/** @typedef {CanvasRenderingContext2D} Context */

/** A price further from the pointer than this is not meant, CSS pixels: it lies in a gap. */
const REACH = 40;

/**
 * A tick where the prices of blocks end and those of minutes begin.
 * @param {Context} context
 * @param {Layout} layout
 * @param {Series} series
 * @param {Theme} theme
 */
export function drawSeam(context, layout, { minutesFrom }, theme) {
  const [part] = layout.parts;
  if (minutesFrom === null || minutesFrom <= part.start || minutesFrom >= part.end) return;
  const x = crisp(xOf(part, minutesFrom));
  context.strokeStyle = theme.tick;
  context.setLineDash([2, 3]);
  context.beginPath();
  context.moveTo(x, layout.top);
  context.lineTo(x, layout.bottom);
  context.stroke();
  context.setLineDash([]);
  context.fillStyle = theme.muted;
  const y = layout.top + 0.9 * theme.em;
  const isRoom = context.measureText("minutes").width + 10 < part.right - x;
  const before = isRoom ? "blocks" : "blocks, then minutes";
  if (context.measureText(before).width + 10 < x - part.left) {
    context.textAlign = "right";
    context.fillText(before, x - 6, y);
  }
  context.textAlign = "left";
  if (isRoom) context.fillText("minutes", x + 6, y);
}

/**
 * The words for payments that were dropped for want of room, where they begin to be missing.
 * @param {Context} context
 * @param {Layout} layout
 * @param {number} cutAt Unix seconds; minus infinity if none were
 * @param {Theme} theme
 */
export function drawCut(context, layout, cutAt, theme) {
  for (const part of layout.parts) {
    if (part.states.length === 0 || cutAt <= part.start || cutAt >= part.end) continue;
    const x = crisp(xOf(part, cutAt));
    context.fillStyle = theme.muted;
    context.fillRect(x - 0.5, layout.top, 1, layout.bottom - layout.top);
    const words = "older payments are more than this page holds";
    const isLeft = context.measureText(words).width + 12 < x - part.left;
    context.textAlign = isLeft ? "right" : "left";
    context.fillText(words, x + (isLeft ? -6 : 6), layout.bottom - 0.9 * theme.em);
  }
}

/**
 * A mark at the price that was asked for.
 * @param {Context} context
 * @param {Layout} layout
 * @param {PastPrice} price
 * @param {Theme} theme
 */
export function drawAsked(context, layout, price, theme) {
  for (const part of layout.parts) {
    if (price.timestamp < part.start || price.timestamp > part.end) continue;
    const [x, y] = [xOf(part, price.timestamp), yOf(layout, price.price)];
    context.strokeStyle = theme.text;
    context.setLineDash([4, 4]);
    context.beginPath();
    context.moveTo(crisp(x), layout.top);
    context.lineTo(crisp(x), layout.bottom);
    context.stroke();
    context.setLineDash([]);
    drawMark(context, x, y, theme);
  }
}

/**
 * @param {Context} context
 * @param {number} x
 * @param {number} y
 * @param {Theme} theme
 */
export function drawMark(context, x, y, theme) {
  context.fillStyle = theme.level;
  context.strokeStyle = theme.ground;
  context.lineWidth = 2;
  context.beginPath();
  context.arc(x, y, 5, 0, 2 * Math.PI);
  context.fill();
  context.stroke();
  context.lineWidth = 1;
}

/**
 * The price whose time is nearest to a place; `null` if none is near, or the plot shows dots.
 * @param {State} state
 * @param {Layout} layout
 * @param {number} x CSS pixels
 * @returns {{ past: Past, x: number, y: number } | null}
 */
export function pastAt(state, layout, x) {
  if (layout.hasDots) return null;
  const [part] = layout.parts;
  const { entries } = shownLine(state);
  const after = firstFrom(entries, timeAt(part, x));
  const near = [entries[after - 1], entries[after]].filter((past) => past !== undefined);
  const [past] = near.sort((one, other) => Math.abs(xOf(part, one.timestamp) - x) - Math.abs(xOf(part, other.timestamp) - x));
  const isNear = past && Math.abs(xOf(part, past.timestamp) - x) <= REACH && isWithin(part, past);
  return isNear ? { past, x: xOf(part, past.timestamp), y: yOf(layout, past.price) } : null;
}

/**
 * The price before or after one at a place, for the keyboard; `null` if the part ends there.
 * @param {State} state
 * @param {Layout} layout
 * @param {number} x CSS pixels
 * @param {number} by 1 or -1
 */
export function pastBeside(state, layout, x, by) {
  const [part] = layout.parts;
  const { entries } = shownLine(state);
  const at = firstFrom(entries, timeAt(part, x) - 1e-6);
  // Neighbours less than a pixel away look like no step at all.
  for (let index = at + (by < 0 ? -1 : 0); index >= 0 && index < entries.length; index += by) {
    const past = entries[index];
    if (!isWithin(part, past)) break;
    if ((xOf(part, past.timestamp) - x) * by >= 1) return { past, x: xOf(part, past.timestamp), y: yOf(layout, past.price) };
  }
  return null;
}

/**
 * @param {Part} part
 * @param {Past} past
 */
function isWithin({ start, end }, { timestamp }) {
  return timestamp >= start && timestamp <= end;
}

/**
 * The number of the first price that is not before a moment.
 * @param {readonly Past[]} entries oldest first
 * @param {number} moment Unix seconds
 */
export function firstFrom(entries, moment) {
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (entries[middle].timestamp < moment) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * The words for a price of the past.
 * @param {Past | PastPrice} past
 * @returns {[string, string, string]}
 */
export function pastWords(past) {
  const source = !("source" in past) ? "now" : past.source === "minute" ? "minute" : `block ${past.height === null ? "" : past.height.toLocaleString()}`.trim() + (past.state === "unverified" ? ", unverified" : "");
  return [formatUsd(past.price), `90 % interval ${formatUsd(past.low)} – ${formatUsd(past.high)}`, `${formatMoment(past.timestamp)}, ${source}`];
}
