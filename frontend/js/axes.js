// What stands around the dots: frames, round ticks of time and price, and the title of each part.

import { formatAge, formatCount, formatLocalTime, formatUsd } from "./format.js";
import { drawThrough, isRoomy, xOf, yOf } from "./layout.js";
import { roundTicks, timeTicks } from "./scale.js";

/** @typedef {import("./layout.js").Part} Part */
/** @typedef {import("./state.js").State} State */
/** @typedef {import("./layout.js").Layout} Layout */
/** @typedef {import("./theme.js").Theme} Theme */
/** @typedef {CanvasRenderingContext2D} Context */

/**
 * @param {Context} context
 * @param {Layout} layout
 * @param {Theme} theme
 */
export function drawFrames(context, layout, theme) {
  context.lineWidth = 1;
  context.strokeStyle = theme.line;
  context.fillStyle = theme.muted;
  context.textAlign = "center";
  for (const part of [layout.confirmed, layout.mempool]) {
    context.strokeRect(crisp(part.left), crisp(layout.top), part.right - part.left - 1, layout.bottom - layout.top - 1);
    drawTimes(context, layout, part, theme.em);
  }
}

/**
 * @param {Context} context
 * @param {Layout} layout
 * @param {Part} part
 * @param {number} em
 */
function drawTimes(context, layout, part, em) {
  for (const time of timeTicks(part.start, part.end, (part.right - part.left) / (4 * em))) {
    const x = xOf(part, time);
    context.beginPath();
    context.moveTo(crisp(x), layout.bottom);
    context.lineTo(crisp(x), layout.bottom + 4);
    context.stroke();
    const inside = x - part.left > 1.5 * em && part.right - x > 1.5 * em;
    if (inside) context.fillText(formatLocalTime(time), x, layout.bottom + 1.15 * em);
  }
}

/**
 * @param {Context} context
 * @param {Layout} layout
 * @param {import("./message.js").Estimate | null} estimate whose own label must stay free
 * @param {Theme} theme
 */
export function drawPriceTicks(context, layout, estimate, theme) {
  const taken = estimate ? yOf(layout, estimate.price) : -Infinity;
  context.lineWidth = 1;
  context.strokeStyle = theme.line;
  context.fillStyle = theme.muted;
  context.textAlign = "right";
  for (const price of roundTicks(layout.low, layout.high, (layout.bottom - layout.top) / (4.5 * theme.em))) {
    const y = yOf(layout, price);
    drawThrough(context, layout, crisp(y));
    const free = Math.abs(y - taken) > 1.5 * theme.em && y > layout.top + theme.em / 2 && y < layout.bottom - theme.em / 2;
    if (free) context.fillText(formatUsd(price), layout.right - 5, y);
  }
}

/**
 * @param {Context} context
 * @param {Layout} layout
 * @param {State} state
 * @param {Theme} theme
 */
export function drawTitles(context, layout, state, theme) {
  const counts = { confirmed: 0, mempool: 0 };
  for (const { state: name, timestamp } of state.points.values()) {
    if (timestamp >= layout[name].start) counts[name] += 1;
  }
  const titles = { confirmed: "Confirmed", mempool: "Mempool" };
  for (const name of /** @type {const} */ (["confirmed", "mempool"])) {
    const { left, right, start, end } = layout[name];
    context.textAlign = "left";
    context.font = `bold ${theme.em + 1}px ${theme.font}`;
    context.fillStyle = theme[name];
    context.fillText(titles[name], left, 0.85 * theme.em);
    const after = left + context.measureText(titles[name]).width + 8;
    context.font = `${theme.em}px ${theme.font}`;
    context.fillStyle = theme.muted;
    const span = isRoomy(layout) ? ` in the last ${formatAge(end - start)}` : "";
    context.fillText(`${formatCount(counts[name])}${span}`, after, 0.85 * theme.em);
    if (counts[name] > 0) continue;
    context.textAlign = "center";
    context.fillText(name === "confirmed" ? "none confirmed yet" : "no payments yet", (left + right) / 2, layout.top + 2 * theme.em);
  }
}

/**
 * The middle of a CSS pixel, where a line one pixel wide is sharp.
 * @param {number} coordinate
 */
function crisp(coordinate) {
  return Math.floor(coordinate) + 0.5;
}
