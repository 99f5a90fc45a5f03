// Draws the frames, the round ticks of time and price, and the blocks, around and behind the dots.

import { formatCount, formatUsd } from "../base/format.js";
import { logTicks, roundTicks, timeTicks } from "../state/scale.js";
import { labelOf, longTicks } from "./calendar.js";
import { drawThrough, partOf, xOf, yOf } from "./layout.js";

/** @typedef {import("./layout.js").Part} Part */
/** @typedef {import("./layout.js").Layout} Layout */
/** @typedef {import("../base/theme.js").Theme} Theme */
/** @typedef {CanvasRenderingContext2D} Context */

/** A span longer than this many seconds has its ticks where units of the calendar begin. */
const LONG_SECONDS = 6 * 3600;

/**
 * @param {Context} context
 * @param {Layout} layout
 * @param {Theme} theme
 */
export function drawFrames(context, layout, theme) {
  context.lineWidth = 1;
  for (const part of layout.parts) {
    context.strokeStyle = theme.line;
    context.strokeRect(crisp(part.left), crisp(layout.top), part.right - part.left - 1, layout.bottom - layout.top - 1);
  }
}

/**
 * The ticks of time below each part, and the word for its right edge.
 * @param {Context} context
 * @param {Layout} layout
 * @param {Theme} theme
 */
export function drawTimes(context, layout, theme) {
  const y = layout.bottom + 1.2 * theme.em;
  for (const part of layout.parts) {
    let free = part.right;
    context.textAlign = "right";
    if (part.live) {
      context.fillStyle = theme.text;
      context.fillText("now", part.right, y);
      free -= context.measureText("now").width + 0.8 * theme.em;
    }
    drawTicks(context, layout, part, free, theme);
  }
}

/**
 * @param {Context} context
 * @param {Layout} layout
 * @param {Part} part
 * @param {number} free right edge of the room for labels, CSS pixels
 * @param {Theme} theme
 */
function drawTicks(context, layout, part, free, theme) {
  context.textAlign = "center";
  context.fillStyle = theme.muted;
  context.strokeStyle = theme.tick;
  const { times, unit } = ticksOf(part, theme.em);
  for (const time of times) {
    const x = xOf(part, time);
    context.beginPath();
    context.moveTo(crisp(x), layout.bottom);
    context.lineTo(crisp(x), layout.bottom + 4);
    context.stroke();
    const label = labelOf(time, unit);
    const half = context.measureText(label).width / 2;
    if (x - half > part.left && x + half < free) context.fillText(label, x, layout.bottom + 1.2 * theme.em);
  }
}

/**
 * @param {Part} part
 * @param {number} em CSS pixels
 * @returns {{ times: number[], unit: import("./calendar.js").Unit }}
 */
function ticksOf({ left, right, start, end }, em) {
  const room = (right - left) / em;
  if (end - start > LONG_SECONDS) return longTicks(start, end, room);
  const times = timeTicks(start, end, room / 4.4);
  // Labels less than a minute apart show seconds, and so need more room.
  const isFine = times.length > 1 && times[1] - times[0] < 60;
  return isFine ? { times: timeTicks(start, end, room / 6), unit: "second" } : { times, unit: "minute" };
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
  for (const part of layout.parts) {
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
  const part = partOf(layout, "confirmed");
  if (!part) return;
  const { top } = layout;
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
  const wanted = (layout.bottom - layout.top) / (4.5 * theme.em);
  const prices = (layout.isLog ? logTicks : roundTicks)(layout.low, layout.high, wanted);
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
 * The middle of a CSS pixel, where a line one pixel wide is sharp.
 * @param {number} coordinate
 */
export function crisp(coordinate) {
  return Math.floor(coordinate) + 0.5;
}
