// The price in large type, its confidence and interval; the same for those who listen, and in the title.

import { byId, setText } from "./dom.js";
import { formatAge, formatCount, formatUsd } from "./format.js";
import { confidenceLevel } from "./state.js";

/** @typedef {import("./state.js").State} State */
/** @typedef {import("./message.js").Estimate} Estimate */

/** The least time between two spoken prices, in milliseconds. */
const SPEAK_EVERY_MS = 30_000;

const price = byId("price");
const confidence = byId("confidence");
const confidenceBar = byId("confidence-bar");
const interval = byId("interval");
const intervalWidth = byId("interval-width");
const payments = byId("payments");
const paymentAge = byId("payment-age");
const spoken = byId("spoken");
let spokenAt = -Infinity;

/** @param {State} state */
export function showPrice({ estimate, link, receivedAt }) {
  const level = estimate ? confidenceLevel(estimate.confidence) : "none";
  document.body.dataset.level = level;
  document.body.classList.toggle("old", link.phase !== "connected" || estimate?.stale === true);
  const text = estimate ? formatUsd(estimate.price) : "$–––,–––";
  setText(price, text);
  price.style.setProperty("--characters", String(text.length));
  price.setAttribute("aria-hidden", String(estimate === null));
  if (estimate) price.dataset.price = String(estimate.price);
  else delete price.dataset.price;
  setText(confidence, estimate ? `${level} ${estimate.confidence.toFixed(2)}` : "–");
  confidenceBar.style.setProperty("inline-size", `${(estimate?.confidence ?? 0) * 100}%`);
  showInterval(estimate);
  setText(payments, estimate?.payments != null ? `${formatCount(estimate.payments)} payments` : "–");
  const age = ageOfNewestPayment(estimate, link.phase === "connected" ? 0 : Date.now() - receivedAt);
  setText(paymentAge, age === null ? "" : `newest ${formatAge(age)} ago`);
  if (estimate) speak(`${formatUsd(estimate.price)}, ${level} confidence`);
}

/**
 * The title carries the price, also of a tab that is not drawn.
 * @param {State} state
 */
export function titleOf({ estimate, simulated, link }) {
  if (!estimate) return "Satscope";
  const remarks = [simulated ? "simulated" : "", link.phase === "connected" ? "" : "offline"].filter(Boolean);
  return `${formatUsd(estimate.price)}${remarks.length > 0 ? ` (${remarks.join(", ")})` : ""} · Satscope`;
}

/** @param {Estimate | null} estimate */
function showInterval(estimate) {
  const bounds = estimate?.interval;
  setText(interval, bounds ? `${formatUsd(bounds.low)} – ${formatUsd(bounds.high)}` : "–");
  const half = bounds && estimate ? (bounds.high - bounds.low) / 2 / estimate.price : null;
  setText(intervalWidth, half === null ? "" : `± ${(half * 100).toFixed(2)} %`);
}

/**
 * @param {Estimate | null} estimate
 * @param {number} silentMs how long the gateway has not been heard, in milliseconds
 */
function ageOfNewestPayment(estimate, silentMs) {
  const age = estimate?.newestPaymentAgeSeconds ?? null;
  return age === null ? null : age + silentMs / 1000;
}

/** @param {string} text */
function speak(text) {
  const now = performance.now();
  if (now - spokenAt < SPEAK_EVERY_MS || spoken.textContent === text) return;
  spokenAt = now;
  setText(spoken, text);
}
