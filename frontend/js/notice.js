// The one line that says what is amiss: what is waited for, what the price lacks, and the way back to the gateway.

import { byId, setText } from "./dom.js";
import { formatAge } from "./format.js";
import { secondsUntil } from "./hops.js";
import { WINDOW_SECONDS } from "./points.js";

/** @typedef {import("./state.js").State} State */
/** @typedef {import("./message.js").Hop} Hop */

const notice = byId("notice");
const countdown = byId("countdown");
const retry = byId("retry");

/** The window fills until there are so many payments in it, or it is so old. */
const ENOUGH_PAYMENTS = 1000;

/** @type {Record<string, string>} */
const CALLED = { node: "the node", ingest: "ingest", analyzer: "the analyzer", gateway: "the gateway" };

/**
 * What there is to say about this state; nothing when all is well.
 * @param {State} state
 * @returns {string}
 */
export function noticeOf(state) {
  if (isCutOff(state)) return lostGateway(state);
  if (state.updates === 0) return "Connecting to the gateway";
  if (!state.estimate) return waitingFor(state.hops);
  return [...doubts(state.estimate, state.stats), ...state.hops.flatMap(trouble)].join(" · ");
}

/**
 * Also during a further attempt, so that the line stands still until one succeeds.
 * @param {State} state
 */
function isCutOff({ link }) {
  return link.phase !== "connected" && link.failures > 0;
}

/** @param {State} state */
function lostGateway({ link, updates }) {
  const what = updates === 0 ? "The gateway cannot be reached" : "Lost the gateway";
  return link.reason ? `${what}: ${link.reason}` : what;
}

/** @param {Hop[]} hops */
function waitingFor(hops) {
  const blocking = hops.find(({ state }) => state !== "connected" && state !== "degraded");
  if (!blocking) return ["Waiting for enough payments to read a price from", ...hops.flatMap(trouble)].join(" · ");
  return `Waiting for ${describe(blocking)}`;
}

/**
 * @param {import("./message.js").Estimate} estimate
 * @param {import("./message.js").Stats | null} stats
 */
function doubts({ stale, confidence, payments, newestPaymentAgeSeconds: age }, stats) {
  if (stale) return [age === null ? "No new payments" : `No payments for ${formatAge(age)}`];
  if (confidence >= 0.5) return [];
  const filling = (payments ?? 0) < ENOUGH_PAYMENTS || (stats?.uptimeSeconds ?? 0) < WINDOW_SECONDS;
  return [filling ? "Low confidence – warming up" : "Low confidence – the payments do not agree on one price"];
}

/** @param {Hop} hop */
function trouble(hop) {
  return hop.state === "connected" ? [] : [capitalised(describe(hop))];
}

/** @param {Hop} hop */
function describe({ name, state, detail }) {
  return `${CALLED[name] ?? name} (${detail ? `${state}: ${detail}` : state})`;
}

/** @param {string} text */
function capitalised(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** @param {State} state */
export function showNotice(state) {
  const cutOff = isCutOff(state);
  setText(notice, noticeOf(state));
  setText(countdown, cutOff ? countdownOf(state.link) : "");
  retry.hidden = !cutOff;
}

/** @param {import("./state.js").Link} link */
function countdownOf({ phase, retryAt }) {
  return phase === "waiting" ? `Reconnecting in ${secondsUntil(retryAt, Date.now())} s` : "Reconnecting now";
}
