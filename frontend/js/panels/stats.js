// The counters, how far the past is filled, the event clock and the newest block.

import { byId, setText } from "../base/dom.js";
import { formatAge, formatCount, formatDecimal, formatLocalTime, formatUptime, formatUtc } from "../base/format.js";
import { eventNow, staleReason } from "../state/age.js";
import { updateRate } from "../state/state.js";
import { archiveOf } from "./archive.js";

/** @typedef {import("../state/state.js").State} State */

const counters = byId("stats");
const archive = byId("archive");
const clock = byId("clock");
const block = byId("block");
const blockAge = byId("block-age");

/**
 * @param {import("../link/message.js").Stats} stats
 * @param {number | null} rate updates a second
 */
export function countersOf({ received, filtered, active, uptimeSeconds, mempool }, rate) {
  const parts = [
    `Received: ${formatCount(received)}`,
    `Filtered: ${formatCount(filtered)}`,
    `Active: ${formatCount(active)}`,
    `Uptime: ${formatUptime(uptimeSeconds)}`,
  ];
  if (mempool !== null) parts.push(`Mempool: ${formatCount(mempool)}`);
  if (rate !== null) parts.push(`Updates: ${formatDecimal(rate, 1, 1)}/s`);
  return parts.join(" | ");
}

/** @param {State} state */
export function showStats(state) {
  const { stats, timestamp, estimate, block: newest } = state;
  const now = eventNow(state);
  setText(archive, archiveOf(state.coverage));
  setText(counters, stats ? countersOf(stats, updateRate(state)) : "");
  const isStale = staleReason(state) !== null;
  setText(clock, momentOf(isStale ? (estimate?.asOf ?? timestamp) : timestamp, isStale));
  setText(blockAge, newest && now !== null ? `${formatAge(now - newest.timestamp)} ago` : "–");
  setText(block, newest?.height != null ? `block ${formatCount(newest.height)}` : "");
}

/**
 * The moment that the page shows, local and in UTC.
 * @param {number | null} timestamp Unix seconds
 * @param {boolean} isPast whether the price is stale, so that the moment is that of its estimate
 */
function momentOf(timestamp, isPast) {
  if (timestamp === null) return "";
  return `${isPast ? "as of " : ""}${formatLocalTime(timestamp, true)} local · ${formatUtc(timestamp)}`;
}
