// The words for alerts. Pure.

import { formatDecimal, formatLocalTime, formatSignedPercent, formatUsd } from "../base/format.js";

/** @typedef {import("../state/alerts.js").Alert} Alert */

/** The condition of an alert: `above $100,000`, `moved by 2 % in an hour`. @param {Pick<Alert, "kind" | "level">} alert */
export function conditionOf({ kind, level }) {
  return kind === "moved" ? `moved by ${formatDecimal(level * 100, 0, 2)} % in an hour` : `${kind} ${formatUsd(level)}`;
}

/** The stage of an alert in words: set, waiting, or fired with its time. @param {Alert} alert */
export function stageOf({ stage, kind, firedAt, firedPrice }) {
  if (stage === "armed") return "set";
  if (stage === "waiting") return kind === "moved" ? "waits until the price has been calmer" : `${kind} already: waits until it no longer is`;
  const at = firedAt === null ? "" : ` at ${formatLocalTime(firedAt)}`;
  return `fired${at}${firedPrice === null ? "" : `, at ${formatUsd(firedPrice)}`}`;
}

/** The news when an alert fires: `The price is above $100,000`. @param {Alert} alert */
export function newsOf(alert) {
  return `The price ${alert.kind === "moved" ? "has" : "is"} ${conditionOf(alert)}`;
}

/**
 * The news, with the price and time at which the alert fired.
 * @param {Alert} alert
 */
export function bannerOf(alert) {
  const { firedPrice, firedAt } = alert;
  if (firedPrice === null || firedAt === null) return newsOf(alert);
  return `${newsOf(alert)}: it was ${formatUsd(firedPrice)} at ${formatLocalTime(firedAt)}`;
}

/**
 * The answer to the setting of an alert.
 * @param {Alert} alert
 * @param {number | null} change of the price in an hour, as a share of one
 */
export function setWords(alert, change) {
  if (alert.stage === "armed") return `You will be told once the price ${alert.kind === "moved" ? "has" : "is"} ${conditionOf(alert)}.`;
  if (alert.kind !== "moved") return `The price is ${conditionOf(alert)} already, so this alert waits until it no longer is.`;
  const moved = change === null ? "" : ` (${formatSignedPercent(change)})`;
  return `The price has moved that far already${moved}, so this alert waits until it has been calmer.`;
}

/**
 * A round price, a little beyond the present one, so that an alert at it does not hold already.
 * @param {number} price USD
 * @param {string} kind `above` or `below`
 */
export function suggested(price, kind) {
  const step = 5 * 10 ** Math.floor(Math.log10(price) - 2);
  return kind === "below" ? Math.floor(price / step - 0.2) * step : Math.ceil(price / step + 0.2) * step;
}
