// The plot as a picture, with the price, its doubt and its time above it.

import { formatUsd, formatUtc } from "../base/format.js";
import { readTheme } from "../base/theme.js";
import { ageWords, staleReason } from "../state/age.js";
import { confidenceLevel } from "../state/state.js";

/** @typedef {import("../state/state.js").State} State */

/** What a picture holds above the plot, in em. */
const HEAD = 6.5;

/**
 * The name of a file that shows the price on the page: `satscope-97188-2025-11-22T12-30-07Z`.
 * @param {State} state
 */
export function nameOf({ estimate, timestamp }) {
  const moment = new Date((timestamp ?? 0) * 1000).toISOString().slice(0, 19).replaceAll(":", "-");
  return `satscope-${estimate ? Math.round(estimate.price) : "no-price"}-${moment}Z`;
}

/**
 * The plot with its price, its doubt and its time above it, as large as it is on the screen.
 * @param {State} state
 * @param {HTMLCanvasElement[]} layers
 */
export function pictureOf(state, layers) {
  const theme = readTheme(layers[2]);
  const ratio = window.devicePixelRatio || 1;
  const em = theme.em * ratio;
  const margin = Math.round(1.5 * em);
  const canvas = document.createElement("canvas");
  canvas.width = layers[0].width + 2 * margin;
  canvas.height = layers[0].height + Math.round(HEAD * em) + 2 * margin;
  const context = canvas.getContext("2d");
  if (!context) return canvas;
  context.fillStyle = theme.ground;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.translate(margin, margin);
  drawHead(context, state, layers[0].width, em, theme);
  for (const layer of layers) context.drawImage(layer, 0, Math.round(HEAD * em));
  return canvas;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {State} state
 * @param {number} width
 * @param {number} em
 * @param {import("../base/theme.js").Theme} theme
 */
function drawHead(context, state, width, em, theme) {
  const { estimate, timestamp, simulated } = state;
  context.textBaseline = "alphabetic";
  context.fillStyle = theme.level;
  context.font = `600 ${3.6 * em}px ${theme.font}`;
  context.fillText(estimate ? `1 BTC = ${formatUsd(estimate.price)}` : "no price", 0, 3.2 * em);
  context.fillStyle = theme.muted;
  context.font = `${em}px ${theme.font}`;
  context.fillText(estimate ? doubtOf(estimate) + staleWords(state) : "", 0, 4.9 * em);
  context.textAlign = "right";
  context.fillText(`Satscope · ${timestamp === null ? "" : formatUtc(timestamp)}`, width, em);
  if (simulated) {
    context.fillStyle = theme.hidden;
    context.font = `600 ${em}px ${theme.font}`;
    context.fillText("SIMULATED", width, 2.6 * em);
  }
  context.textAlign = "left";
}

/** How old the price is, if it is not of this moment. @param {State} state */
export function staleWords(state) {
  if (staleReason(state) === null) return "";
  const age = ageWords(state);
  return age ? ` · ${age} old` : " · not current";
}

/** @param {import("../link/message.js").Estimate} estimate */
function doubtOf({ confidence, interval }) {
  const bounds = interval ? ` · 90 % interval ${formatUsd(interval.low)} – ${formatUsd(interval.high)}` : "";
  return `confidence ${confidenceLevel(confidence)} ${confidence.toFixed(2)}${bounds}`;
}
