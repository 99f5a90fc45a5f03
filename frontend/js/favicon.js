// The price in the tab: in the title, and in three characters on the favicon, in the colour of its confidence.

import { formatTiny, formatUsd } from "./format.js";
import { confidenceLevel } from "./state.js";

/** @typedef {import("./state.js").State} State */

const SIZE = 64;
/** The colours of style.css on black: a tab has its own ground. */
const COLOURS = { high: "#4ade80", medium: "#facc15", low: "#fb923c" };

const icon = /** @type {HTMLLinkElement | null} */ (document.querySelector('link[rel="icon"]'));
let drawn = "";

/**
 * The title carries the price, also of a tab that is not drawn.
 * @param {State} state
 */
export function titleOf({ estimate, simulated, link }) {
  if (!estimate) return "Satscope";
  const remarks = [simulated ? "simulated" : "", link.phase === "connected" ? "" : "offline"].filter(Boolean);
  return `${formatUsd(estimate.price)}${remarks.length > 0 ? ` (${remarks.join(", ")})` : ""} · Satscope`;
}

/** @param {State} state */
export function showTab(state) {
  const title = titleOf(state);
  if (document.title !== title) document.title = title;
  const { estimate, link } = state;
  if (!estimate || !icon) return;
  const text = formatTiny(estimate.price);
  const colour = link.phase === "connected" ? COLOURS[confidenceLevel(estimate.confidence)] : "#93a1ad";
  if (drawn === text + colour) return;
  drawn = text + colour;
  const address = drawIcon(text, colour);
  if (!address) return;
  icon.type = "image/png";
  icon.href = address;
}

/**
 * @param {string} text
 * @param {string} colour
 * @returns {string | null} a data address
 */
function drawIcon(text, colour) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [SIZE, SIZE];
  const context = canvas.getContext("2d");
  if (!context) return null;
  context.beginPath();
  context.roundRect(0, 0, SIZE, SIZE, 14);
  context.fill();
  context.fillStyle = colour;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.font = `700 ${text.length > 3 ? 25 : 32}px system-ui, sans-serif`;
  context.fillText(text, SIZE / 2, SIZE / 2 + 2, SIZE - 6);
  return canvas.toDataURL("image/png");
}
