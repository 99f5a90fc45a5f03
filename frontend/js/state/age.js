// The age of the price, and the reason why it is stale. Pure: the only clock is the page's own, which no setting moves.

import { formatAge } from "../base/format.js";

/** @typedef {import("./state.js").State} State */
/**
 * Why a price is stale: the gateway's reasons, and the two that only the browser can know.
 * @typedef {"gateway_lost" | "gateway_silent" | import("../link/message.js").StaleReason} Reason
 */

/** Seconds of silence on an open socket after which the price is stale. The gateway sends at least every 5 s. */
const QUIET_SECONDS = 7;

/** Hop states in which nothing new comes through. */
const BROKEN = ["connecting", "disconnected"];

/**
 * Seconds since the newest payment that the price rests on; `null` if there is no price or its age was never told.
 * @param {State} state
 */
export function ageOf({ estimate, estimateAt, timestampAt, clock }) {
  if (!estimate) return null;
  if (estimate.ageSeconds !== null) return estimate.ageSeconds + clock - estimateAt;
  // Without a measured age, the age is counted by the event clock, which stands still while upstream is silent.
  const told = estimate.newestPaymentAgeSeconds;
  return told === null ? null : told + clock - timestampAt;
}

/**
 * The age of the price in words: `4 min`; `null` if it is not known.
 * @param {State} state
 */
export function ageWords(state) {
  const age = ageOf(state);
  // While the machine slept, no clock that can be trusted ran.
  return age === null ? null : `${state.slept ? "at least " : ""}${formatAge(age)}`;
}

/**
 * The event clock, continued from its last reading by the page's own; Unix seconds, `null` before the first reading.
 * @param {State} state
 */
export function eventNow({ timestamp, timestampAt, clock }) {
  return timestamp === null ? null : timestamp + clock - timestampAt;
}

/**
 * The first reason that holds for the price on the page to be stale; `null` if it is of this moment or there is none.
 * @param {State} state
 * @returns {Reason | null}
 */
export function staleReason(state) {
  const { link, estimate, isRepeated, hops, receivedAt, clock } = state;
  if (!estimate) return null;
  if (link.phase !== "connected") return "gateway_lost";
  if (clock - receivedAt > QUIET_SECONDS) return "gateway_silent";
  if (hops.some(isBroken)) return "upstream_lost";
  if (!estimate.stale && !isRepeated) return null;
  if (estimate.staleReason && !isRepeated) return estimate.staleReason;
  if (hops.some((hop) => hop.state === "resyncing")) return "resyncing";
  return isRepeated ? "no_estimate" : "no_payments";
}

/** Whether nothing new comes through this hop. @param {import("../link/message.js").Hop} hop */
export function isBroken({ state }) {
  return BROKEN.includes(state);
}
