// The price in large type with its age, and beside it how much to trust it and how it has moved.

import { ageOf, ageWords, eventNow, staleReason } from "../state/age.js";
import { byId, setText } from "../base/dom.js";
import { formatCount, formatLocalTime, formatSignedPercent, formatUsd } from "../base/format.js";
import { confidenceLevel } from "../state/state.js";

/** @typedef {import("../state/state.js").State} State */
/** @typedef {import("../link/message.js").Estimate} Estimate */

/** The least time between two spoken prices, in milliseconds. */
const SPEAK_EVERY_MS = 30_000;

const HOUR_SECONDS = 3600;

const price = byId("price");
const confidence = byId("confidence");
const confidenceBar = byId("confidence-bar");
const interval = byId("interval");
const intervalWidth = byId("interval-width");
const change = byId("change");
const changeFrom = byId("change-from");
const priceAge = byId("price-age");
const age = byId("age");
const payments = byId("payments");
const spoken = byId("spoken");
let spokenAt = -Infinity;

/** @param {State} state */
export function showPrice(state) {
  const { estimate } = state;
  const level = estimate ? confidenceLevel(estimate.confidence) : "none";
  document.body.dataset.level = level;
  const reason = staleReason(state);
  if (reason) document.body.dataset.stale = reason;
  else delete document.body.dataset.stale;
  const text = estimate ? formatUsd(estimate.price) : "$–––,–––";
  if (price.textContent !== text) price.style.setProperty("--characters", String(text.length));
  setText(price, text);
  price.setAttribute("aria-hidden", String(estimate === null));
  if (estimate) price.dataset.price = String(estimate.price);
  else delete price.dataset.price;
  setText(confidence, estimate ? `${level} ${estimate.confidence.toFixed(2)}` : "–");
  confidenceBar.style.setProperty("inline-size", `${(estimate?.confidence ?? 0) * 100}%`);
  showInterval(estimate);
  showChange(state);
  const old = ageWords(state);
  setText(priceAge, reason ? `Last price${old ? `, ${old} old` : ""}` : old ? `${old} old` : "");
  setText(age, old ? (reason ? momentOfPayment(state) : `${old} ago`) : "–");
  setText(payments, estimate?.payments != null ? `of ${formatCount(estimate.payments)}` : "");
  if (estimate && !reason) speak(`${formatUsd(estimate.price)}, ${level} confidence`);
}

/** When the newest payment was made: the age of a stale price stands beside the price already. @param {State} state */
function momentOfPayment(state) {
  const [now, age] = [eventNow(state), ageOf(state)];
  return now === null || age === null ? "–" : `at ${formatLocalTime(now - age)}`;
}

/** @param {Estimate | null} estimate */
function showInterval(estimate) {
  const bounds = estimate?.interval;
  setText(interval, bounds ? `${formatUsd(bounds.low)} – ${formatUsd(bounds.high)}` : "–");
  const half = bounds && estimate ? (bounds.high - bounds.low) / 2 / estimate.price : null;
  setText(intervalWidth, half === null ? "" : `± ${(half * 100).toFixed(2)} %`);
}

/** @param {State} state */
function showChange({ estimate, timestamp, history }) {
  const before = timestamp === null ? null : history.at(timestamp - HOUR_SECONDS);
  const share = estimate && before ? estimate.price / before.price - 1 : null;
  change.dataset.direction = share === null ? "none" : share < 0 ? "down" : "up";
  setText(change, share === null ? "–" : `${share < 0 ? "▼" : "▲"} ${formatSignedPercent(share)}`);
  setText(changeFrom, before && share !== null ? `from ${formatUsd(before.price)}` : "");
}

/** @param {string} text */
function speak(text) {
  const now = performance.now();
  if (now - spokenAt < SPEAK_EVERY_MS || spoken.textContent === text) return;
  spokenAt = now;
  setText(spoken, text);
}
