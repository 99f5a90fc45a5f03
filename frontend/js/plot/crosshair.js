// The cross-hair, and the words for the dot or the price beside it.

import { byId, setText } from "../base/dom.js";
import { formatAge, formatBtc, formatLocalTime, formatMoment, formatRoundUsd, formatUsd } from "../base/format.js";
import { eventNow } from "../state/age.js";
import { crisp } from "./grid.js";
import { drawThrough, partAt, priceAt, timeAt } from "./layout.js";
import { positionOf } from "./nearest.js";
import { drawMark, pastAt, pastWords } from "./past.js";

/** @typedef {import("../state/state.js").State} State */
/** @typedef {import("./layout.js").Layout} Layout */
/** @typedef {import("../base/theme.js").Theme} Theme */
/** @typedef {CanvasRenderingContext2D} Context */

const tooltip = byId("tooltip");
const spoken = byId("dot-spoken");
const lines = ["price", "amount", "seen"].map((name) => {
  const line = document.createElement("p");
  line.className = name;
  tooltip.append(line);
  return line;
});

/** The distance between the dot and its words, in CSS pixels. */
const AWAY = 14;

/**
 * @param {Context} context
 * @param {Layout} layout
 * @param {State} state in which something is pointed at
 * @param {Theme} theme
 */
export function drawCrossHair(context, layout, state, theme) {
  const { pointed, points, view } = state;
  if (!pointed) return;
  const slot = pointed.id === null ? undefined : points.slotOf(pointed.id);
  const dot = slot === undefined ? null : positionOf(points, slot, layout, view);
  if (pointed.y < layout.top || pointed.y > layout.bottom || pointed.x > layout.edge) return;
  const past = pastAt(state, layout, pointed.x);
  const { x, y } = dot ?? past ?? pointed;
  context.lineWidth = 1;
  context.strokeStyle = theme.muted;
  context.globalAlpha = 0.7;
  drawThrough(context, layout, crisp(y));
  context.beginPath();
  context.moveTo(crisp(x), layout.top);
  context.lineTo(crisp(x), layout.bottom);
  context.stroke();
  context.globalAlpha = 1;
  if (dot && slot !== undefined) drawRing(context, dot, points.confirmed[slot] === 1 ? theme.confirmed : theme.mempool, theme);
  if (past) drawMark(context, x, y, theme);
  const part = partAt(layout, x);
  drawTag(context, formatUsd(priceAt(layout, y)), layout.right, y, "right", theme);
  if (x < part.left) return;
  const time = timeAt(part, x);
  const words = layout.hasDots ? formatLocalTime(time, true) : formatMoment(time);
  const half = context.measureText(words).width / 2 + 5;
  const middle = Math.max(half, Math.min(layout.right - half, x));
  drawTag(context, words, middle, layout.bottom + 1.2 * theme.em, "center", theme);
}

/**
 * @param {Context} context
 * @param {{ x: number, y: number }} dot
 * @param {string} colour
 * @param {Theme} theme
 */
function drawRing(context, { x, y }, colour, theme) {
  for (const [width, stroke] of /** @type {const} */ ([[5, theme.ground], [2, colour]])) {
    context.lineWidth = width;
    context.strokeStyle = stroke;
    context.beginPath();
    context.arc(x, y, 7, 0, 2 * Math.PI);
    context.stroke();
  }
}

/**
 * A value on its axis.
 * @param {Context} context
 * @param {string} text
 * @param {number} x
 * @param {number} y middle
 * @param {"right" | "center"} align which part of the tag lies at `x`
 * @param {Theme} theme
 */
function drawTag(context, text, x, y, align, theme) {
  const width = context.measureText(text).width + 10;
  const left = align === "right" ? x - width : x - width / 2;
  context.fillStyle = theme.text;
  context.fillRect(left, y - 0.8 * theme.em, width, 1.6 * theme.em);
  context.fillStyle = theme.ground;
  context.textAlign = "left";
  context.fillText(text, left + 5, y + 0.5);
}

/**
 * Shows the words of the dot or price that is pointed at, or hides them.
 * @param {State} state
 * @param {Layout | null} layout
 */
export function showTooltip(state, layout) {
  const { pointed, points, view } = state;
  const slot = pointed?.id == null ? undefined : points.slotOf(pointed.id);
  const dot = slot === undefined || !layout ? null : positionOf(points, slot, layout, view);
  const past = pointed && layout && pointed.x <= layout.edge ? pastAt(state, layout, pointed.x) : null;
  const at = dot ?? past;
  tooltip.hidden = !at;
  if (!at || !layout) return;
  tooltip.dataset.state = dot && slot !== undefined ? points.at(slot).state : "past";
  tooltip.dataset.id = (dot && pointed?.id) ?? "";
  const words = wordsAt(state, slot) ?? (past && pastWords(past.past)) ?? [];
  words.forEach((text, at) => setText(lines[at], text));
  place(at, layout);
}

/**
 * @param {State} state
 * @param {number | undefined} slot
 */
function wordsAt(state, slot) {
  if (slot === undefined) return null;
  const point = state.points.at(slot);
  return wordsOf(point, state.points.isSpread(slot), eventNow(state) ?? point.timestamp);
}

/**
 * The words for a dot.
 * @param {import("../link/message.js").Point} point
 * @param {boolean} spread whether it is only known from its block
 * @param {number} now Unix seconds
 * @returns {[string, string, string]}
 */
export function wordsOf({ price, valueSats, roundUsd, timestamp, state }, spread, now) {
  const time = formatLocalTime(timestamp, true);
  const where = state === "confirmed" ? "Confirmed" : "Mempool";
  const when = spread ? `seen only with the block of ${time}` : `seen ${time}, ${formatAge(now - timestamp)} ago`;
  return [formatUsd(price), `${formatBtc(valueSats)} for ${formatRoundUsd(roundUsd)}`, `${where}, ${when}`];
}

/**
 * Speaks the words for the dot or price that the keyboard has gone to.
 * @param {State} state
 * @param {Layout | null} layout
 */
export function speakDot(state, layout) {
  const { pointed, points } = state;
  const slot = pointed?.id == null ? undefined : points.slotOf(pointed.id);
  const past = pointed && layout ? pastAt(state, layout, pointed.x) : null;
  const words = wordsAt(state, slot) ?? (past && pastWords(past.past));
  if (words) setText(spoken, words.join(". "));
}

/**
 * Places the words beside the dot, on the side with room.
 * @param {{ x: number, y: number }} dot
 * @param {Layout} layout
 */
function place({ x, y }, layout) {
  const { offsetWidth: width, offsetHeight: height } = tooltip;
  const left = x + AWAY + width > layout.right ? Math.max(0, x - AWAY - width) : x + AWAY;
  const top = Math.min(layout.height - height, Math.max(0, y - AWAY - height));
  tooltip.style.setProperty("transform", `translate(${Math.round(left)}px, ${Math.round(top)}px)`);
}
