// The plot as a picture, with the price, its doubt and its time above it.

import { formatDecimal, formatUsd, formatUtc } from "../base/format.js";
import { readTheme } from "../base/theme.js";
import { ageWords, staleReason } from "../state/age.js";
import { confidenceLevel } from "../state/state.js";

/** @typedef {import("../state/state.js").State} State */

/** Height of the head above the plot, in em. It is higher in a narrow picture, where the time stands above the price. */
const HEAD = { wide: 6.5, narrow: 9.2 };

/** A plot narrower than this, in em, gets the narrow head. */
const NARROW = 48;

/**
 * The name of a file by the price and time on the page: `satscope-97188-2025-11-22T12-30-07Z`.
 * @param {State} state
 */
export function nameOf({ estimate, timestamp, simulated }) {
  const moment = new Date((timestamp ?? 0) * 1000).toISOString().slice(0, 19).replaceAll(":", "-");
  return `satscope-${simulated ? "simulated-" : ""}${estimate ? Math.round(estimate.price) : "no-price"}-${moment}Z`;
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
  const isNarrow = layers[0].width < NARROW * em;
  const head = Math.round((isNarrow ? HEAD.narrow : HEAD.wide) * em);
  const canvas = document.createElement("canvas");
  canvas.width = layers[0].width + 2 * margin;
  canvas.height = layers[0].height + head + 2 * margin;
  const context = canvas.getContext("2d");
  if (!context) return canvas;
  context.fillStyle = theme.ground;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.translate(margin, margin);
  drawHead(context, state, layers[0].width, em, theme, isNarrow);
  for (const layer of layers) context.drawImage(layer, 0, head);
  return canvas;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {State} state
 * @param {number} width
 * @param {number} em
 * @param {import("../base/theme.js").Theme} theme
 * @param {boolean} isNarrow whether the time has lines of its own, above the price
 */
function drawHead(context, state, width, em, theme, isNarrow) {
  const { estimate, timestamp, simulated } = state;
  const top = isNarrow ? 2.7 * em : 0;
  const text = estimate ? `1 BTC = ${formatUsd(estimate.price)}` : "no price";
  context.textBaseline = "alphabetic";
  context.textAlign = "left";
  context.fillStyle = theme.level;
  fitted(context, text, { x: 0, y: top + 3.2 * em, size: 3.6 * em, weight: 600, width }, theme.font);
  context.fillStyle = theme.muted;
  const doubt = estimate ? doubtOf(estimate) + staleWords(state) : "";
  fitted(context, doubt, { x: 0, y: top + 4.9 * em, size: em, weight: 400, width }, theme.font);
  const stamp = `Satscope · ${timestamp === null ? "" : formatUtc(timestamp)}`;
  const x = isNarrow ? 0 : width;
  context.textAlign = isNarrow ? "left" : "right";
  fitted(context, stamp, { x, y: em, size: em, weight: 400, width }, theme.font);
  if (simulated) {
    context.fillStyle = theme.hidden;
    fitted(context, "SIMULATED", { x, y: isNarrow ? 2.4 * em : 2.6 * em, size: em, weight: 600, width }, theme.font);
  }
  context.textAlign = "left";
}

/**
 * Writes text as large as `size`, or smaller so that it fits in `width`.
 * @param {CanvasRenderingContext2D} context
 * @param {string} text
 * @param {{ x: number, y: number, size: number, weight: number, width: number }} place pixels of the picture
 * @param {string} font family names
 */
function fitted(context, text, { x, y, size, weight, width }, font) {
  context.font = `${weight} ${size}px ${font}`;
  const taken = context.measureText(text).width;
  if (taken > width) context.font = `${weight} ${(size * width) / taken}px ${font}`;
  context.fillText(text, x, y);
}

/** Words for the age of the price; empty if it is not stale. @param {State} state */
export function staleWords(state) {
  if (staleReason(state) === null) return "";
  const age = ageWords(state);
  return age ? ` · ${age} old` : " · not current";
}

/** @param {import("../link/message.js").Estimate} estimate */
function doubtOf({ confidence, interval }) {
  const bounds = interval ? ` · 90 % interval ${formatUsd(interval.low)} – ${formatUsd(interval.high)}` : "";
  return `confidence ${confidenceLevel(confidence)} ${formatDecimal(confidence, 2, 2)}${bounds}`;
}
