// The counters, the event clock and the newest block.

import { byId, setText } from "./dom.js";
import { formatAge, formatCount, formatLocalTime, formatUptime, formatUtc } from "./format.js";
import { updateRate } from "./state.js";

/** @typedef {import("./state.js").State} State */

const counters = byId("stats");
const clock = byId("clock");
const block = byId("block");
const blockAge = byId("block-age");

/**
 * @param {import("./message.js").Stats} stats
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
  if (rate !== null) parts.push(`Updates: ${rate.toFixed(1)}/s`);
  return parts.join(" | ");
}

/** @param {State} state */
export function showStats(state) {
  const { stats, timestamp, block: newest } = state;
  setText(counters, stats ? countersOf(stats, updateRate(state)) : "");
  setText(clock, timestamp === null ? "" : `${formatLocalTime(timestamp, true)} local · ${formatUtc(timestamp)}`);
  setText(blockAge, newest && timestamp !== null ? `${formatAge(timestamp - newest.timestamp)} ago` : "–");
  setText(block, newest?.height != null ? `block ${formatCount(newest.height)}` : "");
}
