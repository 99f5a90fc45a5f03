// Everything that the page knows, in one place, and the ways in which it changes. What is drawn is a function of it.

import { Points } from "./points.js";
import { followPrice, followSpan } from "./scale.js";

/** @typedef {import("./message.js").Update} Update */
/**
 * The link from this browser to the gateway.
 * @typedef {object} Link
 * @property {"connecting" | "connected" | "waiting"} phase
 * @property {number} failures attempts that failed, or connections lost, since the last message
 * @property {number} retryAt when the next attempt is made while `waiting`, in `Date.now()` milliseconds
 * @property {string} reason why the last connection ended; may be empty
 */
/**
 * @typedef {object} State
 * @property {Link} link
 * @property {number} updates messages received
 * @property {number} receivedAt when the last one came, in `Date.now()` milliseconds
 * @property {number | null} sequence the last one's
 * @property {number | null} timestamp the event clock, Unix seconds
 * @property {import("./message.js").Estimate | null} estimate
 * @property {Points} points
 * @property {import("./message.js").Hop[]} hops as the gateway last told
 * @property {import("./message.js").Stats | null} stats
 * @property {boolean} simulated
 * @property {number | null} hiddenPriceUsd
 * @property {string} chain
 * @property {import("./message.js").Block | null} block
 * @property {import("./scale.js").PriceAxis | null} priceAxis
 * @property {{ confirmed: number | null, mempool: number | null }} spans seconds that each part of the plot shows
 */

/** @returns {State} */
export function createState() {
  return {
    link: { phase: "connecting", failures: 0, retryAt: 0, reason: "" },
    updates: 0,
    receivedAt: 0,
    sequence: null,
    timestamp: null,
    estimate: null,
    points: new Points(),
    hops: [],
    stats: null,
    simulated: false,
    hiddenPriceUsd: null,
    chain: "",
    block: null,
    priceAxis: null,
    spans: { confirmed: null, mempool: null },
  };
}

/**
 * Takes in one message.
 * @param {State} state
 * @param {Update} update
 * @param {number} receivedAt `Date.now()` milliseconds
 */
export function applyUpdate(state, update, receivedAt) {
  state.updates += 1;
  state.receivedAt = receivedAt;
  state.sequence = update.sequence ?? state.sequence;
  state.timestamp = update.timestamp ?? state.timestamp;
  state.estimate = update.estimate;
  state.hops = update.hops ?? state.hops;
  state.stats = update.stats ?? state.stats;
  state.simulated = update.simulated ?? state.simulated;
  state.hiddenPriceUsd = state.simulated ? (update.hiddenPriceUsd ?? state.hiddenPriceUsd) : null;
  state.chain = update.chain ?? state.chain;
  state.block = update.block ?? state.block;
  if (update.estimate) state.priceAxis = followPrice(state.priceAxis, update.estimate);
  if (update.reset) state.points.reset();
  state.points.apply(update.points, update.changes, state.sequence ?? 0);
  boundPoints(state);
}

/**
 * Takes in the rest of the picture after a reset.
 * @param {State} state
 * @param {{ sequence: number, points: import("./message.js").Point[] }} rest
 */
export function applyRest(state, rest) {
  state.points.mergeRest(rest.points, rest.sequence);
  boundPoints(state);
}

/**
 * Keeps the points within their bounds, and the time axes around them.
 * @param {State} state
 */
function boundPoints({ points, spans, timestamp: now }) {
  if (now === null) return;
  points.trim(now);
  /** @type {{ confirmed: number[], mempool: number[] }} */
  const ages = { confirmed: [], mempool: [] };
  for (const point of points.values()) ages[point.state].push(now - point.timestamp);
  spans.confirmed = followSpan(spans.confirmed, ages.confirmed);
  spans.mempool = followSpan(spans.mempool, ages.mempool);
}

/**
 * How sure a confidence is, in the word that stands beside its number.
 * @param {number} confidence 0 to 1
 * @returns {"high" | "medium" | "low"}
 */
export function confidenceLevel(confidence) {
  if (confidence > 0.8) return "high";
  return confidence >= 0.5 ? "medium" : "low";
}
