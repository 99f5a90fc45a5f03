// The price in the tab: in the title, and in three characters on the favicon. A stale one is marked in both, and so is an alert
// that has fired.

import { formatTiny, formatUsd } from "../base/format.js";
import { ageWords, staleReason } from "../state/age.js";
import { unseen } from "../state/alerts.js";
import { confidenceLevel } from "../state/state.js";
import { conditionOf } from "../panels/alert-words.js";

/** @typedef {import("../state/state.js").State} State */

const SIZE = 64;
/** The colours of style.css; the icon has a black ground, because that of a tab is not known. */
const COLOURS = { high: "#4ade80", medium: "#facc15", low: "#fb923c" };

/** A grey that can be read on a dark tab and on a light one. */
const STALE_COLOUR = "#7c8893";

/** The ground of the icon while an alert is not yet closed; its type is black then. */
const ALERT_COLOUR = "#facc15";

const icon = /** @type {HTMLLinkElement | null} */ (document.querySelector('link[rel="icon"]'));
let drawn = "";

/**
 * The title with the price, which is kept up in a hidden tab too. The sign of a stale price stands before it, where a narrow
 * tab still shows it.
 * @param {State} state
 */
export function titleOf(state) {
  const { estimate, simulated, link, alerts } = state;
  if (!estimate) return "Satscope";
  const [isStale, age] = [staleReason(state) !== null, ageWords(state)];
  const remarks = [
    simulated ? "simulated" : "",
    link.phase === "connected" ? "" : "offline",
    isStale ? (age ? `${age} old` : "not current") : "",
  ].filter(Boolean);
  const [alert] = unseen(alerts);
  const news = alert ? `🔔 ${conditionOf(alert)} · ` : "";
  return `${news}${isStale ? "⚠ " : ""}${formatUsd(estimate.price)}${remarks.length > 0 ? ` (${remarks.join(", ")})` : ""} · Satscope`;
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
  const ground = unseen(state.alerts).length > 0 ? ALERT_COLOUR : "";
  if (drawn === text + colour + ground) return;
  drawn = text + colour + ground;
  const address = drawIcon(text, ground ? "#000000" : colour, ground || "#000000", isStale && !ground);
  if (!address) return;
  icon.type = "image/png";
  icon.href = address;
}

/**
 * @param {string} text
 * @param {string} colour
 * @param {string} ground
 * @param {boolean} isHollow whether a frame takes the place of the ground, so that a stale price can be told without colours
 * @returns {string | null} a data address
 */
function drawIcon(text, colour, ground, isHollow) {
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
    context.fillStyle = ground;
    context.fill();
  }
  context.fillStyle = colour;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.font = `700 ${text.length > 3 ? 25 : 32}px system-ui, sans-serif`;
  context.fillText(text, SIZE / 2, SIZE / 2 + 2, SIZE - 6 - 4 * edge);
  return canvas.toDataURL("image/png");
}
