// The price in large type with its age, and beside it its confidence, interval and change.

import { byId, setText } from "../base/dom.js";
import { formatCount, formatDecimal, formatLocalTime, formatPercent, formatSignedPercent, formatUsd } from "../base/format.js";
import { ageOf, ageWords, eventNow, staleReason } from "../state/age.js";
import { changeInAnHour } from "../state/change.js";
import { SATS_PER_BTC } from "../state/converter.js";
import { confidenceLevel } from "../state/state.js";

/** @typedef {import("../state/state.js").State} State */
/** @typedef {import("../link/message.js").Estimate} Estimate */

const price = byId("price");
const confidence = byId("confidence");
const confidenceBar = byId("confidence-bar");
const interval = byId("interval");
const intervalWidth = byId("interval-width");
const change = byId("change");
const changeFrom = byId("change-from");
const priceAge = byId("price-age");
const priceDoubt = byId("price-doubt");
const sats = byId("sats");
const age = byId("age");
const payments = byId("payments");

const SIGNS = { up: "▲ ", down: "▼ ", none: "" };

/** A smaller change, as a share of one, is written as zero, and has no direction. */
const LEAST_CHANGE = 0.00005;

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
  setText(sats, estimate ? satsWords(SATS_PER_BTC / estimate.price) : "");
  setText(confidence, estimate ? `${level} ${formatDecimal(estimate.confidence, 2, 2)}` : "–");
  confidenceBar.style.setProperty("inline-size", `${(estimate?.confidence ?? 0) * 100}%`);
  showInterval(estimate);
  showChange(state);
  const old = ageWords(state);
  setText(priceAge, reason ? `Last price${old ? `, ${old} old` : ""}` : old ? `${old} old` : "");
  setText(age, old ? (reason ? momentOfPayment(state) : `${old} ago`) : "–");
  setText(payments, estimate?.payments != null ? `${formatCount(estimate.payments)} payments in 3 h` : "");
}

/** Satoshis for one dollar: whole ones, or with two decimals below 100. @param {number} each satoshis for one dollar */
function satsWords(each) {
  return `${formatDecimal(each, 0, each < 100 ? 2 : 0)} sats/$`;
}

/** When the newest payment was made, shown if the price is stale, because its age stands elsewhere then. @param {State} state */
function momentOfPayment(state) {
  const [now, age] = [eventNow(state), ageOf(state)];
  return now === null || age === null ? "–" : `at ${formatLocalTime(now - age)}`;
}

/** @param {Estimate | null} estimate */
function showInterval(estimate) {
  const bounds = estimate?.interval;
  setText(interval, bounds ? `${formatUsd(bounds.low)} – ${formatUsd(bounds.high)}` : "–");
  const width = bounds && estimate ? `± ${formatPercent((bounds.high - bounds.low) / 2 / estimate.price)}` : "";
  setText(intervalWidth, width);
  setText(priceDoubt, width && estimate ? `${confidenceLevel(estimate.confidence)} · ${width}` : "");
}

/** @param {State} state */
function showChange(state) {
  const moved = changeInAnHour(state);
  const direction = moved ? directionOf(moved.share) : "none";
  change.dataset.direction = direction;
  setText(change, moved ? `${SIGNS[direction]}${direction === "none" ? formatPercent(0) : formatSignedPercent(moved.share)}` : "–");
  setText(changeFrom, moved ? `from ${formatUsd(moved.from)}` : "");
}

/** @param {number} share */
function directionOf(share) {
  if (Math.abs(share) < LEAST_CHANGE) return "none";
  return share < 0 ? "down" : "up";
}
