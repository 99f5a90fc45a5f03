// What can be taken away: the price, a link to this view, and a picture of it.

import { ageWords, staleReason } from "../state/age.js";
import { byId, setText } from "../base/dom.js";
import { formatUsd, formatUtc } from "../base/format.js";
import { confidenceLevel } from "../state/state.js";
import { readTheme } from "../base/theme.js";

/** @typedef {import("../state/state.js").State} State */

/** How long a word of success stays, in milliseconds. */
const TOAST_MS = 2500;

/** What a picture holds above the plot, in em. */
const HEAD = 6.5;

/** @type {number | undefined} */
let toastTimer;

/**
 * @param {State} state
 * @param {() => HTMLCanvasElement[]} layers the plot's canvases, drawn just now, from the back to the front
 */
export function listenToShare(state, layers) {
  byId("copy-price").addEventListener("click", () => {
    const { estimate } = state;
    if (estimate) void copy(estimate.price.toFixed(2), `Copied ${formatUsd(estimate.price)}${staleWords(state)}`);
    else say("There is no price to copy yet");
  });
  byId("copy-link").addEventListener("click", () => void copy(location.href, "Copied a link to this view"));
  byId("save").addEventListener("click", () => savePicture(state, layers()));
}

/**
 * @param {string} text
 * @param {string} done what is said then
 */
async function copy(text, done) {
  const copied = navigator.clipboard ? await navigator.clipboard.writeText(text).then(() => true, () => false) : false;
  say(copied || copyBySelection(text) ? done : `Could not copy: ${text}`);
}

/** Where the page is not served over TLS nor from this machine, there is no clipboard but this. @param {string} text */
function copyBySelection(text) {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "unseen";
  const before = /** @type {HTMLElement | null} */ (document.activeElement);
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  before?.focus();
  return copied;
}

/** @param {string} text */
function say(text) {
  const toast = byId("toast");
  setText(toast, text);
  clearTimeout(toastTimer);
  toastTimer = window.setTimeout(() => setText(toast, ""), TOAST_MS);
}

/**
 * @param {State} state
 * @param {HTMLCanvasElement[]} layers
 */
function savePicture(state, layers) {
  pictureOf(state, layers).toBlob((blob) => {
    if (!blob) {
      say("The picture could not be made");
      return;
    }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = nameOf(state);
    link.click();
    // The browser has taken the address by then; the bytes would stay for ever.
    window.setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    say(`Saved ${link.download}`);
  }, "image/png");
}

/** @param {State} state */
function nameOf({ estimate, timestamp }) {
  const moment = new Date((timestamp ?? 0) * 1000).toISOString().slice(0, 19).replaceAll(":", "-");
  return `satscope-${estimate ? Math.round(estimate.price) : "no-price"}-${moment}Z.png`;
}

/**
 * The plot with its price, its doubt and its time above it, as large as it is on the screen.
 * @param {State} state
 * @param {HTMLCanvasElement[]} layers
 */
function pictureOf(state, layers) {
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
  context.fillText(estimate ? formatUsd(estimate.price) : "no price", 0, 3.2 * em);
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
function staleWords(state) {
  if (staleReason(state) === null) return "";
  const age = ageWords(state);
  return age ? ` · ${age} old` : " · not current";
}

/** @param {import("../link/message.js").Estimate} estimate */
function doubtOf({ confidence, interval }) {
  const bounds = interval ? ` · 90 % interval ${formatUsd(interval.low)} – ${formatUsd(interval.high)}` : "";
  return `confidence ${confidenceLevel(confidence)} ${confidence.toFixed(2)}${bounds}`;
}
