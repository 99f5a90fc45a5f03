// The price in the tab: in the title, and in three characters on the favicon. A stale one is marked in both.

import { ageWords, staleReason } from "../state/age.js";
import { formatTiny, formatUsd } from "../base/format.js";
import { confidenceLevel } from "../state/state.js";

/** @typedef {import("../state/state.js").State} State */

const SIZE = 64;
/** The colours of style.css on black: a tab has its own ground. */
const COLOURS = { high: "#4ade80", medium: "#facc15", low: "#fb923c" };

/** A grey that can be read on a dark tab and on a light one. */
const STALE_COLOUR = "#7c8893";

const icon = /** @type {HTMLLinkElement | null} */ (document.querySelector('link[rel="icon"]'));
let drawn = "";

/**
 * The title carries the price, also of a tab that is not drawn. The sign of a stale one comes first, where a narrow tab
 * still shows it.
 * @param {State} state
 */
export function titleOf(state) {
  const { estimate, simulated, link } = state;
  if (!estimate) return "Satscope";
  const [isStale, age] = [staleReason(state) !== null, ageWords(state)];
  const remarks = [
    simulated ? "simulated" : "",
    link.phase === "connected" ? "" : "offline",
    isStale ? (age ? `${age} old` : "not current") : "",
  ].filter(Boolean);
  return `${isStale ? "⚠ " : ""}${formatUsd(estimate.price)}${remarks.length > 0 ? ` (${remarks.join(", ")})` : ""} · Satscope`;
}

/** @param {State} state */
export function showTab(state) {
  const title = titleOf(state);
  if (document.title !== title) document.title = title;
  const { estimate } = state;
  if (!estimate || !icon) return;
  const text = formatTiny(estimate.price);
  const isStale = staleReason(state) !== null;
  const colour = isStale ? STALE_COLOUR : COLOURS[confidenceLevel(estimate.confidence)];
  if (drawn === text + colour) return;
  drawn = text + colour;
  const address = drawIcon(text, colour, isStale);
  if (!address) return;
  icon.type = "image/png";
  icon.href = address;
}

/**
 * @param {string} text
 * @param {string} colour
 * @param {boolean} isHollow a frame without a ground, to be told from a full one without colours
 * @returns {string | null} a data address
 */
function drawIcon(text, colour, isHollow) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [SIZE, SIZE];
  const context = canvas.getContext("2d");
  if (!context) return null;
  const edge = isHollow ? 3 : 0;
  context.beginPath();
  context.roundRect(edge, edge, SIZE - 2 * edge, SIZE - 2 * edge, 14);
  if (isHollow) {
    context.lineWidth = 2 * edge;
    context.strokeStyle = colour;
    context.stroke();
  } else {
    context.fill();
  }
  context.fillStyle = colour;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.font = `700 ${text.length > 3 ? 25 : 32}px system-ui, sans-serif`;
  context.fillText(text, SIZE / 2, SIZE / 2 + 2, SIZE - 6 - 4 * edge);
  return canvas.toDataURL("image/png");
}
