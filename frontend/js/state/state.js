// Everything that the page knows, in one place, and the ways in which it changes. The page draws a function of it.

import { epochOf } from "../link/epoch.js";
import { eventNow } from "./age.js";
import { Archive } from "./archive.js";
import { History } from "./history.js";
import { Points } from "./points.js";
import { followPrice, followSpan } from "./scale.js";
import { spreadOver } from "./spread.js";
import { defaultView, goLive } from "./view.js";

/** @typedef {import("../link/message.js").Update} Update */
/**
 * The link from this browser to the gateway.
 * @typedef {object} Link
 * @property {"connecting" | "connected" | "waiting"} phase
 * @property {number} failures attempts that failed, or connections lost, since the last message
 * @property {number} retryAt when the next attempt is made while `waiting`, seconds of the page's own clock
 * @property {string} reason why the last connection ended; may be empty
 */
/**
 * The dot or price that is pointed at.
 * @typedef {object} Pointed
 * @property {number} x of the cross-hair, CSS pixels of the chart
 * @property {number} y
 * @property {string | null} id of the point beside it
 */
/**
 * @typedef {object} State
 * @property {Link} link
 * @property {number} updates messages received
 * @property {number} clock the page's own clock, which no setting moves, at the last message, tick or frame; seconds
 * @property {boolean} slept whether that clock stood still, the machine asleep, since the last message
 * @property {number} receivedAt when the last message came, by that clock
 * @property {number[]} pace when the last ones came, likewise
 * @property {number | null} sequence the last one's
 * @property {number | null} timestamp the event clock, Unix seconds
 * @property {number} timestampAt when it last moved, seconds of the page's own clock
 * @property {import("../link/message.js").Estimate | null} estimate the last one there was
 * @property {number} estimateAt when its message came, seconds of the page's own clock
 * @property {boolean} isRepeated whether the last message had no estimate, so that this is one of before
 * @property {boolean} awaitsPicture whether a reset has come, but not yet the picture that replaces the points
 * @property {History} history
 * @property {Archive} archive
 * @property {import("./moment.js").Asked | null} asked the question for a price of the past, with its answer
 * @property {number} historySince stamp of the oldest estimate that can be fetched, Unix seconds
 * @property {Points} points
 * @property {import("../link/message.js").Hop[]} hops as the gateway last told
 * @property {import("../link/message.js").Stats | null} stats
 * @property {boolean} simulated
 * @property {number | null} hiddenPriceUsd
 * @property {string} chain
 * @property {import("../link/message.js").Block | null} block
 * @property {import("../link/message.js").Block[]} blocks of the last three hours, oldest first
 * @property {import("../link/message.js").Amounts | null} amounts
 * @property {import("../link/message.js").Coverage | null} coverage the historian's progress; `null` if no historian answers
 * @property {boolean} isCoverageKnown whether the gateway has been asked for it, so that `null` means no historian
 * @property {import("./scale.js").PriceAxis | null} priceAxis where the price axis wants to be
 * @property {number | null} mempoolSpan seconds that the mempool's part shows
 * @property {import("./view.js").View} view
 * @property {Pointed | null} pointed
 * @property {import("./alerts.js").Alert[]} alerts as this browser keeps them
 * @property {import("./converter.js").Typed} typed what the converter converts
 * @property {import("../link/message.js").Currency[]} currencies those that the gateway has rates of, beside the dollar
 * @property {string} currency code of the one that the reader has chosen last; empty if none
 */

/** Messages by which the update rate is judged. */
const PACE = 20;

/** Seconds by which the event clock may be off the page's own: an update can be 5 s late, and as much too early. */
const MOST_DRIFT = 10;

/** More new points than this in one message are not news but catching up: they do not fly in. */
const MOST_ARRIVALS = 100;

/** @returns {State} */
export function createState() {
  return {
    link: { phase: "connecting", failures: 0, retryAt: 0, reason: "" },
    updates: 0,
    clock: 0,
    slept: false,
    receivedAt: 0,
    pace: [],
    sequence: null,
    timestamp: null,
    timestampAt: 0,
    estimate: null,
    estimateAt: 0,
    isRepeated: false,
    awaitsPicture: false,
    history: new History(),
    archive: new Archive(),
    asked: null,
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
    coverage: null,
    isCoverageKnown: false,
    priceAxis: null,
    mempoolSpan: null,
    view: defaultView(),
    pointed: null,
    alerts: [],
    typed: { unit: "btc", text: "1" },
    currencies: [],
    currency: "",
  };
}

/**
 * Applies one message to the state.
 * @param {State} state
 * @param {Update} update
 * @param {number} clock seconds of the page's own clock
 * @param {boolean} [isSeen] whether new points fly in
 * @returns {{ isBegun: boolean, isTurned: boolean }} whether the points begin anew, and whether the past is to be fetched anew
 */
export function applyUpdate(state, update, clock, isSeen = true) {
  state.clock = clock;
  const isMoved = isOtherSource(state, update);
  const isTurned = isMoved || isOtherClock(state, update);
  if (isTurned) turnPast(state, update.timestamp);
  if (isMoved) {
    [state.estimate, state.priceAxis] = [null, null];
    state.history.clear();
  }
  takeReception(state);
  state.sequence = update.sequence ?? state.sequence;
  if (update.timestamp !== null && update.timestamp !== state.timestamp) {
    [state.timestamp, state.timestampAt] = [update.timestamp, clock];
  }
  state.historySince = update.historySince ?? state.historySince;
  state.hops = update.hops ?? state.hops;
  state.stats = update.stats ?? state.stats;
  state.simulated = update.simulated ?? state.simulated;
  state.hiddenPriceUsd = state.simulated ? (update.hiddenPriceUsd ?? state.hiddenPriceUsd) : null;
  state.chain = update.chain ?? state.chain;
  state.block = update.block ?? state.block;
  if (update.blocks) takeBlocks(state, update.blocks);
  takeEstimate(state, update.estimate);
  const isBegun = takePoints(state, update, isTurned, isSeen);
  boundPoints(state);
  return { isBegun, isTurned };
}

/** @param {State} state */
function takeReception(state) {
  state.updates += 1;
  state.slept = false;
  state.receivedAt = state.clock;
  state.pace = [...state.pace.slice(1 - PACE), state.clock];
}

/**
 * Whether the event clock was set, back or ahead; the stamps that the page holds are then of another clock.
 * @param {State} state
 * @param {Update} update
 */
function isOtherClock(state, { sequence, reset, timestamp }) {
  const expected = eventNow(state);
  if (timestamp === null || state.timestamp === null || expected === null) return false;
  if (timestamp < state.timestamp - MOST_DRIFT) return true;
  const isNewEpoch = sequence !== null && state.sequence !== null && epochOf(sequence) !== epochOf(state.sequence);
  return (reset || isNewEpoch) && Math.abs(timestamp - expected) > MOST_DRIFT;
}

/**
 * Whether the price that is held is of another node: of another chain, or made up where this one is real.
 * @param {State} state
 * @param {Update} update
 */
function isOtherSource(state, { simulated, chain }) {
  if (state.estimate === null) return false;
  return (simulated ?? state.simulated) !== state.simulated || (chain ?? state.chain) !== state.chain;
}

/**
 * Forgets everything with stamps of another clock, the zooms included. The line of estimates stays until it has been fetched
 * anew, which may take half a minute: it is moved with the clock, as ingest moves its stamps.
 * @param {State} state
 * @param {number | null} timestamp the event clock after the turn, Unix seconds
 */
function turnPast(state, timestamp) {
  const expected = eventNow(state);
  const step = timestamp === null || expected === null ? 0 : timestamp - expected;
  // While the machine slept, the page's clock may have stood still, and the event clock was not set.
  state.history.turn(state.slept && step > 0 ? 0 : step);
  state.historySince = Infinity;
  state.archive.clear();
  state.blocks = [];
  state.pointed = null;
  goLive(state.view);
}

/**
 * Takes the present estimate; without one the last stays, marked. A stale one does not lengthen the line over time.
 * @param {State} state
 * @param {import("../link/message.js").Estimate | null} estimate
 */
function takeEstimate(state, estimate) {
  state.isRepeated = estimate === null && state.estimate !== null;
  if (estimate) {
    [state.estimate, state.estimateAt] = [estimate, state.clock];
    state.priceAxis = followPrice(state.priceAxis, estimate);
  }
  if (state.timestamp === null) return;
  if (estimate && !estimate.stale) state.history.push(state.timestamp, estimate);
  else state.history.dropAfter(state.timestamp);
}

/**
 * Takes the points; says whether they begin anew. A reset that brings no picture yet leaves the one before on the screen.
 * @param {State} state
 * @param {Update} update
 * @param {boolean} isTurned
 * @param {boolean} isSeen
 */
function takePoints(state, { reset, estimate, points, changes }, isTurned, isSeen) {
  state.awaitsPicture ||= reset;
  const isBegun = state.awaitsPicture && (isTurned || estimate !== null || points.length > 0);
  if (isBegun) {
    state.points.reset();
    state.awaitsPicture = false;
  }
  const isNews = isSeen && !isBegun && points.length <= MOST_ARRIVALS;
  state.points.apply(points, changes, state.sequence ?? 0, isNews ? state.clock : undefined);
  return isBegun;
}

/**
 * Takes in a part of the rest of the picture after a reset; `false` if it is of another epoch than the socket's.
 * @param {State} state
 * @param {import("../link/columns.js").Part} part
 */
export function applyRest(state, { points, sequence, isLast }) {
  const isTaken = state.points.mergeRest(points, sequence, state.sequence ?? sequence, isLast);
  if (isTaken) boundPoints(state);
  return isTaken;
}

/**
 * Takes in the estimates of the past; those after the event clock are of a clock that was set back since.
 * @param {State} state
 * @param {import("./history.js").Past[]} estimates
 */
export function applyPast(state, estimates) {
  state.history.merge(estimates);
  if (state.timestamp !== null) state.history.dropAfter(state.timestamp);
}

/**
 * @param {State} state
 * @param {import("../link/message.js").Block[]} blocks
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
 * The recent number of messages a second; `null` while there are too few to tell.
 * @param {State} state
 */
export function updateRate({ pace }) {
  const [first, last] = [pace[0], pace[pace.length - 1]];
  return pace.length < 3 || last <= first ? null : (pace.length - 1) / (last - first);
}

/**
 * The level of a confidence: the word beside its number.
 * @param {number} confidence 0 to 1
 * @returns {"high" | "medium" | "low"}
 */
export function confidenceLevel(confidence) {
  if (confidence > 0.8) return "high";
  return confidence >= 0.5 ? "medium" : "low";
}
