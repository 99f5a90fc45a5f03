// The line with the notice, which is also spoken, and the countdown to the next attempt to reach the gateway.

import { byId, setText } from "../base/dom.js";
import { secondsUntil } from "./hops.js";
import { isCutOff, noticeOf } from "./trouble.js";

/** @typedef {import("../state/state.js").State} State */

const notice = byId("notice");
const spoken = byId("notice-spoken");
const countdown = byId("countdown");
const retry = byId("retry");

/** The notice as it was last spoken, without its running age. */
let spokenOf = "";

/** @param {State} state */
export function showNotice(state) {
  const cutOff = isCutOff(state);
  setText(notice, noticeOf(state));
  setText(countdown, cutOff ? countdownOf(state) : "");
  retry.hidden = !cutOff;
  speak(state);
}

/** Says the notice when it changes, but not at each second of the age in it. @param {State} state */
function speak(state) {
  const constant = noticeOf(state, "");
  if (constant === spokenOf) return;
  const isLiveAgain = constant === "" && spokenOf !== "" && state.estimate !== null;
  spokenOf = constant;
  setText(spoken, isLiveAgain ? "The price is live again" : noticeOf(state));
}

/** @param {State} state */
function countdownOf({ link: { phase, retryAt }, clock }) {
  return phase === "waiting" ? `Reconnecting in ${secondsUntil(retryAt, clock)} s` : "Reconnecting now";
}
