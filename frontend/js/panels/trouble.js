// The words of the notice: why the price is stale, what the page waits for, and any other fault. Pure.

import { formatAge, formatCount } from "../base/format.js";
import { ageWords, eventNow, isBroken, staleReason } from "../state/age.js";
import { WINDOW_SECONDS } from "../state/points.js";

/** @typedef {import("../state/state.js").State} State */
/** @typedef {import("../link/message.js").Hop} Hop */
/** @typedef {import("../state/age.js").Reason} Reason */

/**
 * The least confidence of payments that agree on one price, by the number of these payments. Source: `confidence` in the
 * oracle's `reading.rs`.
 */
const AGREED = [
  { payments: 1000, confidence: 0.8 },
  { payments: 100, confidence: 0.3 },
];

/** Fewer payments than this in a whole window are too few for confidence. */
const ENOUGH_PAYMENTS = 1000;

/**
 * A window that spans this share of `WINDOW_SECONDS` counts as full, because the oldest block in it may be younger than its
 * start.
 */
const FULL = 0.85;

/** @type {Record<string, string>} */
const CALLED = { node: "the node", ingest: "ingest", analyzer: "the analyzer", gateway: "the gateway" };

/**
 * The notice for this state; empty when all is well.
 * @param {State} state
 * @param {string | null} age of the price, in words; `null` if it is not known
 * @returns {string}
 */
export function noticeOf(state, age = ageWords(state)) {
  const reason = staleReason(state);
  if (reason) return staleNotice(state, reason, age).join(" · ");
  if (isCutOff(state)) return gatewayLost(state.link, "The gateway cannot be reached");
  if (state.updates === 0) return "Connecting to the gateway";
  if (!state.estimate) return waitingFor(state.hops);
  return [...doubts(state, state.estimate), ...state.hops.flatMap(trouble)].join(" · ");
}

/**
 * The reason why the price is stale, then the other faults.
 * @param {State} state
 * @param {Reason} reason
 * @param {string | null} age
 */
function staleNotice({ link, hops }, reason, age) {
  const lastPrice = age === null ? "this is the last price" : `the price is ${age} old`;
  const cause = hops.filter((hop) => (reason === "upstream_lost" ? isBroken(hop) : hop.state === "resyncing")).at(-1);
  const others = hops.filter((hop) => hop !== cause).flatMap(trouble);
  switch (reason) {
    case "gateway_lost":
      return [`${gatewayLost(link, "Lost the gateway")}: ${lastPrice}`];
    case "gateway_silent":
      return [`Nothing heard from the gateway: ${lastPrice}`];
    case "upstream_lost":
      return [`${cause ? `${subject(cause)} is not connected${detailOf(cause)}` : "Nothing comes from the node"}: ${lastPrice}`, ...others];
    case "resyncing":
      return [`${cause ? subject(cause) : "The node"} is catching up${cause ? detailOf(cause) : ""}: ${lastPrice}`, ...others];
    case "no_estimate":
      return [
        `${cause ? `${subject(cause)} is catching up` : "The window has too few payments"}: this is the last price${age === null ? "" : `, ${age} old`}`,
        ...hops.flatMap(trouble),
      ];
    case "no_payments":
      return [`No payment${age === null ? " has come" : ` for ${age}`}: this is the last price`, ...hops.flatMap(trouble)];
  }
}

/**
 * Whether the gateway is lost. It counts as lost during each new attempt too, so that the line stands still until one succeeds.
 * @param {State} state
 */
export function isCutOff({ link }) {
  return link.phase !== "connected" && link.failures > 0;
}

/**
 * @param {import("../state/state.js").Link} link
 * @param {string} what
 */
function gatewayLost({ reason }, what) {
  return reason ? `${what} (${reason})` : what;
}

/** @param {Hop[]} hops */
function waitingFor(hops) {
  const blocking = hops.find(({ state }) => state !== "connected" && state !== "degraded");
  if (!blocking) return ["Waiting for enough payments to read a price from", ...hops.flatMap(trouble)].join(" · ");
  return `Waiting for ${describe(blocking)}`;
}

/**
 * Why the confidence is low: a window that is still filling, too few payments in a full one, payments that do not agree. Several
 * may hold.
 * @param {State} state
 * @param {import("../link/message.js").Estimate} estimate
 */
function doubts(state, { confidence, payments }) {
  if (confidence >= 0.5) return [];
  const causes = [];
  const now = eventNow(state);
  // The oldest estimate is as old as the payments that the window began with.
  const span = now === null ? 0 : Math.max(0, now - state.historySince);
  const isFull = span >= FULL * WINDOW_SECONDS;
  if (!isFull) causes.push(`the window is still filling${span > 0 ? ` (${formatAge(span)} of ${formatAge(WINDOW_SECONDS)})` : ""}`);
  if (isFull && payments !== null && payments < ENOUGH_PAYMENTS) causes.push(`only ${formatCount(payments)} payments in ${formatAge(WINDOW_SECONDS)}`);
  if (isAmbiguous(confidence, payments) || causes.length === 0) causes.push("the payments do not agree on one price");
  return [`Low confidence – ${causes.join(", and ")}`];
}

/**
 * Whether the payments leave another price nearly as probable.
 * @param {number} confidence
 * @param {number | null} payments
 */
function isAmbiguous(confidence, payments) {
  const band = AGREED.find((band) => (payments ?? 0) >= band.payments);
  return band ? confidence < band.confidence : confidence === 0;
}

/** @param {Hop} hop */
function trouble(hop) {
  return hop.state === "connected" ? [] : [capitalised(describe(hop))];
}

/** @param {Hop} hop */
function describe({ name, state, detail }) {
  return `${CALLED[name] ?? name} (${detail ? `${state}: ${detail}` : state})`;
}

/** @param {Hop} hop */
function subject({ name }) {
  return capitalised(CALLED[name] ?? name);
}

/** @param {Hop} hop */
function detailOf({ detail }) {
  return detail ? ` (${detail})` : "";
}

/** @param {string} text */
function capitalised(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
