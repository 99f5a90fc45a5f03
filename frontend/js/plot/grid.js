// What stands around and behind the dots: frames, round ticks of time and price, blocks, and the title of each part.

import { formatAge, formatCount, formatLocalTime, formatUsd } from "../base/format.js";
import { drawThrough, isRoomy, xOf, yOf } from "./layout.js";
import { roundTicks, timeTicks } from "../state/scale.js";

/** @typedef {import("./layout.js").Part} Part */
/** @typedef {import("./layout.js").Layout} Layout */
/** @typedef {import("../base/theme.js").Theme} Theme */
/** @typedef {CanvasRenderingContext2D} Context */

/**
 * @param {Context} context
 * @param {Layout} layout
 * @param {Theme} theme
 */
export function drawFrames(context, layout, theme) {
  context.lineWidth = 1;
  context.textAlign = "center";
  for (const part of [layout.confirmed, layout.mempool]) {
    context.strokeStyle = theme.line;
    context.strokeRect(crisp(part.left), crisp(layout.top), part.right - part.left - 1, layout.bottom - layout.top - 1);
    drawTimes(context, layout, part, theme);
  }
}

/**
 * @param {Context} context
 * @param {Layout} layout
 * @param {Part} part
 * @param {Theme} theme
 */
function drawTimes(context, layout, part, theme) {
  const { em } = theme;
  const [narrow, wide] = [4.4, 6].map((ems) => timeTicks(part.start, part.end, (part.right - part.left) / (ems * em)));
  // Less than a minute apart, labels need their seconds and so more room.
  const fine = narrow.length > 1 && narrow[1] - narrow[0] < 60;
  context.fillStyle = theme.muted;
  context.strokeStyle = theme.tick;
  for (const time of fine ? wide : narrow) {
    const x = xOf(part, time);
    context.beginPath();
    context.moveTo(crisp(x), layout.bottom);
    context.lineTo(crisp(x), layout.bottom + 4);
    context.stroke();
    const reach = (fine ? 2.3 : 1.5) * em;
    if (x - part.left > reach && part.right - x > reach) {
      context.fillText(formatLocalTime(time, fine), x, layout.bottom + 1.2 * em);
    }
  }
}

/**
 * The block boundaries: a dotted line at each.
 * @param {Context} context
 * @param {Layout} layout
 * @param {import("../link/message.js").Block[]} blocks
 * @param {Theme} theme
 */
export function drawBlocks(context, layout, blocks, theme) {
  const { top, bottom } = layout;
  context.strokeStyle = theme.tick;
  context.setLineDash([1, 4]);
  for (const part of [layout.confirmed, layout.mempool]) {
    for (const { timestamp } of blocks) {
      if (timestamp < part.start || timestamp > part.end) continue;
      const x = crisp(xOf(part, timestamp));
      context.beginPath();
      context.moveTo(x, top);
      context.lineTo(x, bottom);
      context.stroke();
    }
  }
  context.setLineDash([]);
}

/**
 * A tick at each block boundary, and its height where there is room; on a ground of its own, in front of the dots.
 * @param {Context} context
 * @param {Layout} layout
 * @param {import("../link/message.js").Block[]} blocks oldest first
 * @param {Theme} theme
 */
export function drawHeights(context, layout, blocks, theme) {
  const { top, confirmed: part } = layout;
  context.textAlign = "left";
  context.font = `${theme.em - 1}px ${theme.font}`;
  let free = part.right;
  // The newest first: where labels would touch, it is the one that stays.
  for (const { height, timestamp } of blocks.slice().reverse()) {
    if (timestamp < part.start || timestamp > part.end) continue;
    const x = crisp(xOf(part, timestamp));
    context.fillStyle = theme.muted;
    context.fillRect(x - 0.5, top, 1, 1.5 * theme.em);
    const label = height === null ? "" : formatCount(height);
    const width = context.measureText(label).width + 8;
    if (label === "" || x + width > free) continue;
    free = x - 4;
    context.fillStyle = theme.ground;
    context.globalAlpha = 0.75;
    context.fillRect(x + 0.5, top + 1, width, 1.5 * theme.em);
    context.globalAlpha = 1;
    context.fillStyle = theme.muted;
    context.fillText(label, x + 4, top + 0.8 * theme.em);
  }
  context.font = `${theme.em}px ${theme.font}`;
}

/**
 * @param {Context} context
 * @param {Layout} layout
 * @param {number | null} estimate whose own label must stay free
 * @param {Theme} theme
 */
export function drawPriceTicks(context, layout, estimate, theme) {
  const taken = estimate === null ? -Infinity : yOf(layout, estimate);
  const prices = roundTicks(layout.low, layout.high, (layout.bottom - layout.top) / (4.5 * theme.em));
  const cents = prices.length > 1 && prices[1] - prices[0] < 1;
  context.lineWidth = 1;
  context.strokeStyle = theme.line;
  context.fillStyle = theme.muted;
  context.textAlign = "right";
  for (const price of prices) {
    const y = yOf(layout, price);
    drawThrough(context, layout, crisp(y));
    const free = Math.abs(y - taken) > 1.5 * theme.em && y > layout.top + theme.em / 2 && y < layout.bottom - theme.em / 2;
    if (free) context.fillText(formatUsd(price, cents), layout.right - 5, y);
  }
}

/**
 * @param {Context} context
 * @param {Layout} layout
 * @param {{ confirmed: number, mempool: number }} counts of the dots that each part shows
 * @param {Theme} theme
 */
export function drawTitles(context, layout, counts, theme) {
  const titles = { confirmed: "Confirmed", mempool: "Mempool" };
  for (const name of /** @type {const} */ (["confirmed", "mempool"])) {
    const part = layout[name];
    const y = 0.75 * theme.em;
    context.textAlign = "left";
    context.font = `600 ${theme.em + 1}px ${theme.font}`;
    context.fillStyle = theme[name];
    const title = `${titles[name]}${part.live ? `, last ${formatAge(part.end - part.start)}` : ""}`;
    context.fillText(title, part.left, y);
    const after = part.left + context.measureText(title).width + 0.8 * theme.em;
    context.font = `${theme.em}px ${theme.font}`;
    context.fillStyle = theme.muted;
    const counted = isRoomy(layout) ? `${formatCount(counts[name])} payments` : formatCount(counts[name]);
    if (after + context.measureText(counted).width < part.right) context.fillText(counted, after, y);
    if (counts[name] > 0 || !part.live) continue;
    context.textAlign = "center";
    const none = name === "confirmed" ? "none confirmed yet" : "no payments yet";
    context.fillText(none, (part.left + part.right) / 2, layout.bottom - 1.2 * theme.em);
  }
}

/**
 * The middle of a CSS pixel, where a line one pixel wide is sharp.
 * @param {number} coordinate
 */
export function crisp(coordinate) {
  return Math.floor(coordinate) + 0.5;
}
