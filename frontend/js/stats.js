// The counters, the event clock and the newest block.

import { byId, setText } from "./dom.js";
import { formatAge, formatCount, formatLocalTime, formatUptime, formatUtc } from "./format.js";

/** @typedef {import("./state.js").State} State */

const counters = byId("stats");
const clock = byId("clock");
const block = byId("block");
const blockAge = byId("block-age");

/** @param {import("./message.js").Stats} stats */
export function countersOf({ received, filtered, active, uptimeSeconds, mempool }) {
  const parts = [
    `Received: ${formatCount(received)}`,
    `Filtered: ${formatCount(filtered)}`,
    `Active: ${formatCount(active)}`,
    `Uptime: ${formatUptime(uptimeSeconds)}`,
  ];
  if (mempool !== null) parts.push(`Mempool: ${formatCount(mempool)}`);
  return parts.join(" | ");
}

/** @param {State} state */
export function showStats({ stats, timestamp, block: newest }) {
  setText(counters, stats ? countersOf(stats) : "");
  setText(clock, timestamp === null ? "" : `${formatLocalTime(timestamp, true)} local · ${formatUtc(timestamp)}`);
  setText(block, newest?.height != null ? formatCount(newest.height) : "–");
  setText(blockAge, newest && timestamp !== null ? `${formatAge(timestamp - newest.timestamp)} ago` : "");
}
