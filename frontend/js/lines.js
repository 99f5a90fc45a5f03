// The lines through both parts: the estimate with its interval, and the price that a simulation hides.

import { formatUsd } from "./format.js";
import { drawThrough, isRoomy, yOf } from "./layout.js";

/** @typedef {import("./message.js").Estimate} Estimate */
/** @typedef {import("./layout.js").Layout} Layout */
/** @typedef {import("./theme.js").Theme} Theme */
/** @typedef {CanvasRenderingContext2D} Context */

/**
 * @param {Context} context
 * @param {Layout} layout
 * @param {Estimate | null} estimate
 * @param {Theme} theme
 */
export function drawBand(context, layout, estimate, theme) {
  if (!estimate?.interval) return;
  const top = Math.max(layout.top, yOf(layout, estimate.interval.high));
  const bottom = Math.min(layout.bottom, yOf(layout, estimate.interval.low));
  context.save();
  context.globalAlpha = 0.16;
  context.fillStyle = theme.level;
  for (const { left, right } of [layout.confirmed, layout.mempool]) {
    context.fillRect(left, top, right - left, Math.max(1, bottom - top));
  }
  context.restore();
}

/**
 * @param {Context} context
 * @param {Layout} layout
 * @param {number} price
 * @param {Theme} theme
 */
export function drawEstimate(context, layout, price, theme) {
  const y = yOf(layout, price);
  context.strokeStyle = theme.level;
  context.lineWidth = 1.5;
  drawThrough(context, layout, y);
  const left = layout.mempool.right;
  context.fillStyle = theme.level;
  context.beginPath();
  context.moveTo(left, y);
  context.lineTo(left + 0.6 * theme.em, y - 0.85 * theme.em);
  context.lineTo(layout.right, y - 0.85 * theme.em);
  context.lineTo(layout.right, y + 0.85 * theme.em);
  context.lineTo(left + 0.6 * theme.em, y + 0.85 * theme.em);
  context.fill();
  context.fillStyle = theme.ground;
  context.font = `bold ${theme.em}px ${theme.font}`;
  context.textAlign = "right";
  context.fillText(formatUsd(price), layout.right - 5, y + 0.5);
}

/**
 * The price that a simulation pays by, to compare with.
 * @param {Context} context
 * @param {Layout} layout
 * @param {number} price
 * @param {Estimate | null} estimate
 * @param {Theme} theme
 */
export function drawHiddenPrice(context, layout, price, estimate, theme) {
  if (price < layout.low || price > layout.high) return;
  const y = yOf(layout, price);
  context.save();
  context.strokeStyle = theme.hidden;
  context.lineWidth = 1.5;
  context.setLineDash([7, 6]);
  drawThrough(context, layout, y);
  context.restore();
  const awayFromEstimate = (estimate && price < estimate.price ? 1.25 : -1.25) * theme.em;
  const words = isRoomy(layout) ? "hidden price" : "hidden";
  drawLabel(context, `${words} ${formatUsd(price)}`, layout.confirmed.left + 8, y + awayFromEstimate, theme);
}

/**
 * The hidden price's words, on a ground of their own so that dots do not run through them.
 * @param {Context} context
 * @param {string} text
 * @param {number} x left edge
 * @param {number} y middle
 * @param {Theme} theme
 */
function drawLabel(context, text, x, y, theme) {
  context.font = `${theme.em}px ${theme.font}`;
  context.textAlign = "left";
  context.fillStyle = theme.ground;
  context.globalAlpha = 0.75;
  context.fillRect(x - 5, y - 0.75 * theme.em, context.measureText(text).width + 10, 1.5 * theme.em);
  context.globalAlpha = 1;
  context.fillStyle = theme.hidden;
  context.fillText(text, x, y);
}
