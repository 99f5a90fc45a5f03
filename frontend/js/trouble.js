// What the notice says: why the price is not of this moment, what is waited for, or what else is amiss. Pure.

import { ageWords, isBroken, staleReason } from "./age.js";
import { WINDOW_SECONDS } from "./points.js";

/** @typedef {import("./state.js").State} State */
/** @typedef {import("./message.js").Hop} Hop */
/** @typedef {import("./age.js").Reason} Reason */

/** The window fills until it has this many payments, or spans `WINDOW_SECONDS`. */
const ENOUGH_PAYMENTS = 1000;

/** @type {Record<string, string>} */
const CALLED = { node: "the node", ingest: "ingest", analyzer: "the analyzer", gateway: "the gateway" };

/**
 * The notice for this state; empty when all is well.
 * @param {State} state
 * @param {string | null} age how old the price is, in words; `null` if that is not known
 * @returns {string}
 */
export function noticeOf(state, age = ageWords(state)) {
  const reason = staleReason(state);
  if (reason) return staleNotice(state, reason, age).join(" · ");
  if (isCutOff(state)) return gatewayLost(state.link, "The gateway cannot be reached");
  if (state.updates === 0) return "Connecting to the gateway";
  if (!state.estimate) return waitingFor(state.hops);
  return [...doubts(state.estimate, state.stats), ...state.hops.flatMap(trouble)].join(" · ");
}

/**
 * Why the price is stale, then what else is amiss.
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
 * Also during a further attempt, so that the line stands still until one succeeds.
 * @param {State} state
 */
export function isCutOff({ link }) {
  return link.phase !== "connected" && link.failures > 0;
}

/**
 * @param {import("./state.js").Link} link
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
 * @param {import("./message.js").Estimate} estimate
 * @param {import("./message.js").Stats | null} stats
 */
function doubts({ confidence, payments }, stats) {
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
