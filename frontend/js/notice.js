// The one line that says what is amiss: what is waited for, what the price lacks, and the way back to the gateway.

import { byId, setText } from "./dom.js";
import { formatAge } from "./format.js";
import { secondsUntil } from "./hops.js";

/** @typedef {import("./state.js").State} State */
/** @typedef {import("./message.js").Hop} Hop */

const notice = byId("notice");
const countdown = byId("countdown");
const retry = byId("retry");

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
  return [...doubts(state.estimate), ...state.hops.flatMap(trouble)].join(" · ");
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

/** @param {import("./message.js").Estimate} estimate */
function doubts({ stale, confidence, newestPaymentAgeSeconds: age }) {
  if (stale) return [age === null ? "No new payments" : `No payments for ${formatAge(age)}`];
  return confidence < 0.5 ? ["Low confidence – warming up"] : [];
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
