// Everything that the page knows, in one place, and the ways in which it changes. What is drawn is a function of it.

import { History } from "./history.js";
import { Points } from "./points.js";
import { followPrice, followSpan } from "./scale.js";
import { spreadOver } from "./spread.js";
import { defaultView } from "./view.js";

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
 * What is pointed at.
 * @typedef {object} Pointed
 * @property {number} x of the cross-hair, CSS pixels of the chart
 * @property {number} y
 * @property {string | null} id of the point beside it
 */
/**
 * @typedef {object} State
 * @property {Link} link
 * @property {number} updates messages received
 * @property {number} receivedAt when the last one came, in `Date.now()` milliseconds
 * @property {number[]} pace when the last ones came, likewise
 * @property {number | null} sequence the last one's
 * @property {number | null} timestamp the event clock, Unix seconds
 * @property {import("./message.js").Estimate | null} estimate
 * @property {History} history
 * @property {number} historySince since when there are estimates to be fetched, Unix seconds
 * @property {Points} points
 * @property {import("./message.js").Hop[]} hops as the gateway last told
 * @property {import("./message.js").Stats | null} stats
 * @property {boolean} simulated
 * @property {number | null} hiddenPriceUsd
 * @property {string} chain
 * @property {import("./message.js").Block | null} block
 * @property {import("./message.js").Block[]} blocks of the last three hours, oldest first
 * @property {import("./message.js").Amounts | null} amounts
 * @property {import("./scale.js").PriceAxis | null} priceAxis where the price axis wants to be
 * @property {number | null} mempoolSpan seconds that the mempool's part shows
 * @property {import("./view.js").View} view
 * @property {Pointed | null} pointed
 */

/** Messages by which the update rate is judged. */
const PACE = 20;

/** More new points than this in one message are not news but catching up: they do not fly in. */
const MOST_ARRIVALS = 100;

/** @returns {State} */
export function createState() {
  return {
    link: { phase: "connecting", failures: 0, retryAt: 0, reason: "" },
    updates: 0,
    receivedAt: 0,
    pace: [],
    sequence: null,
    timestamp: null,
    estimate: null,
    history: new History(),
    historySince: Infinity,
    points: new Points(),
    hops: [],
    stats: null,
    simulated: false,
    hiddenPriceUsd: null,
    chain: "",
    block: null,
    blocks: [],
    amounts: null,
    priceAxis: null,
    mempoolSpan: null,
    view: defaultView(),
    pointed: null,
  };
}

/**
 * Takes in one message.
 * @param {State} state
 * @param {Update} update
 * @param {number} receivedAt `Date.now()` milliseconds
 * @param {number} [clock] seconds of the page's own clock, by which new points fly in
 */
export function applyUpdate(state, update, receivedAt, clock) {
  state.updates += 1;
  state.receivedAt = receivedAt;
  state.pace = [...state.pace.slice(1 - PACE), receivedAt];
  state.sequence = update.sequence ?? state.sequence;
  state.timestamp = update.timestamp ?? state.timestamp;
  state.estimate = update.estimate;
  state.historySince = update.historySince ?? state.historySince;
  state.hops = update.hops ?? state.hops;
  state.stats = update.stats ?? state.stats;
  state.simulated = update.simulated ?? state.simulated;
  state.hiddenPriceUsd = state.simulated ? (update.hiddenPriceUsd ?? state.hiddenPriceUsd) : null;
  state.chain = update.chain ?? state.chain;
  state.block = update.block ?? state.block;
  if (update.blocks) takeBlocks(state, update.blocks);
  if (update.estimate) {
    state.priceAxis = followPrice(state.priceAxis, update.estimate);
    if (state.timestamp !== null) state.history.push(state.timestamp, update.estimate);
  }
  if (update.reset) state.points.reset();
  const isNews = !update.reset && update.points.length <= MOST_ARRIVALS;
  state.points.apply(update.points, update.changes, state.sequence ?? 0, isNews ? clock : undefined);
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
 * @param {State} state
 * @param {import("./message.js").Block[]} blocks
 */
function takeBlocks(state, blocks) {
  state.blocks = blocks;
  state.points.spreadBy(spreadOver(blocks));
}

/**
 * Keeps the points within their bounds, and the mempool's axis around them.
 * @param {State} state
 */
function boundPoints(state) {
  const { points, timestamp: now } = state;
  if (now === null) return;
  points.trim(now);
  /** @type {number[]} */
  const ages = [];
  for (let slot = 0; slot < points.count; slot += 1) {
    if (points.confirmed[slot] === 0) ages.push(now - points.timestamps[slot]);
  }
  state.mempoolSpan = followSpan(state.mempoolSpan, ages);
}

/**
 * Messages a second of late; `null` while there are too few to tell.
 * @param {State} state
 */
export function updateRate({ pace }) {
  const [first, last] = [pace[0], pace[pace.length - 1]];
  return pace.length < 3 || last <= first ? null : ((pace.length - 1) * 1000) / (last - first);
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
