// How old the price is, why it is not of this moment, and in which words; all by the page's own clock.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ageOf, ageWords, eventNow, staleReason } from "../js/state/age.js";
import { readMessage } from "../js/link/message.js";
import { applyUpdate, createState } from "../js/state/state.js";
import { noticeOf } from "../js/panels/trouble.js";
import { Wake } from "../js/link/wake.js";

const hops = (states = {}) =>
  ["node", "ingest", "analyzer", "gateway"].map((name) => ({ name, state: "connected", detail: "", ...states[name] }));
const PRICE = {
  sequence: 7, timestamp: 50_000, price: 1e5, confidence: 0.9, stale: false, as_of: 50_000, age_seconds: 2,
  evidence: { payments: 5000, margin: 3, newest_payment_age_seconds: 1 }, hops: hops(),
};

/** A page that has heard one message at its second 100, and looks at its second `clock`. */
function heard(fields = {}, clock = 100, type = "mempool_update") {
  const state = createState();
  state.link = { phase: "connected", failures: 0, retryAt: 0, reason: "" };
  say(state, fields, 100, type);
  state.clock = clock;
  return state;
}

function say(state, fields, clock, type = "mempool_update") {
  return applyUpdate(state, readMessage(JSON.stringify({ type, data: { ...(type === "status" ? {} : PRICE), ...fields } })), clock);
}

test("the age runs on from what the gateway told, and begins anew with each message", () => {
  const state = heard({}, 104.5);
  assert.equal(ageOf(state), 6.5);
  assert.equal(ageWords(state), "6 s");
  say(state, { age_seconds: 0.5 }, 105);
  assert.equal(ageOf(state), 0.5);
  state.clock = 105 + 3600;
  assert.equal(ageWords(state), "1 h");
});

test("without an age the evidence tells it, from the last move of the event clock on", () => {
  const old = { age_seconds: undefined };
  const state = heard(old);
  say(state, old, 160);
  assert.equal(ageOf(state), 61);
  say(state, { ...old, evidence: {} }, 160);
  assert.equal(ageWords(state), null);
  assert.equal(ageOf(createState()), null);
});

test("the event clock goes on by the page's own clock, and stands still in none of its messages", () => {
  const state = heard({}, 103);
  assert.equal(eventNow(state), 50_003);
  say(state, {}, 110);
  assert.equal(eventNow(state), 50_010);
  assert.equal(eventNow(createState()), null);
});

test("after sleep the age is a least one, until the next message", () => {
  const state = heard();
  state.slept = true;
  assert.equal(ageWords(state), "at least 2 s");
  say(state, {}, 101);
  assert.equal(ageWords(state), "2 s");
});

test("a price of this moment is not stale, and each reason is told", () => {
  assert.equal(staleReason(heard()), null);
  assert.equal(staleReason(createState()), null);
  for (const reason of ["upstream_lost", "resyncing", "no_estimate", "no_payments"]) {
    assert.equal(staleReason(heard({ stale: true, stale_reason: reason })), reason);
  }
});

test("a reason without a stale price is none, and one that is not known is made up for", () => {
  assert.equal(staleReason(heard({ stale_reason: "no_payments" })), null);
  assert.equal(staleReason(heard({ stale: true, stale_reason: "later" })), "no_payments");
  assert.equal(staleReason(heard({ stale: true, hops: hops({ node: { state: "resyncing" } }) })), "resyncing");
});

test("a broken hop makes a price stale even if the gateway does not say so; a degraded or resyncing one does not", () => {
  for (const state of ["connecting", "disconnected"]) assert.equal(staleReason(heard({ hops: hops({ ingest: { state } }) })), "upstream_lost");
  for (const state of ["degraded", "resyncing", "later"]) assert.equal(staleReason(heard({ hops: hops({ node: { state } }) })), null);
});

test("the browser's own link counts first: a closed socket, and one that is silent", () => {
  const state = heard({ stale: true, stale_reason: "no_payments" }, 107.5);
  assert.equal(staleReason(state), "gateway_silent");
  state.link.phase = "waiting";
  assert.equal(staleReason(state), "gateway_lost");
});

test("a price outlives messages without one, and says why there is none", () => {
  const state = heard();
  say(state, { sequence: 2 ** 33, reset: true }, 101, "status");
  assert.equal(state.estimate.price, 1e5);
  assert.equal(staleReason(state), "no_estimate");
  say(state, { hops: hops({ analyzer: { state: "disconnected" } }) }, 102, "status");
  assert.equal(staleReason(state), "upstream_lost");
  say(state, { hops: hops({ node: { state: "resyncing" } }) }, 103, "status");
  assert.equal(staleReason(state), "resyncing");
  say(state, {}, 104);
  assert.equal(staleReason(state), null);
});

const stale = (reason, states) => heard({ stale: true, stale_reason: reason, age_seconds: 240, hops: hops(states) });

test("the notice says in words why the price is stale, and how old it is", () => {
  const words = [
    [stale("no_payments"), "No payment for 4 min: this is the last price"],
    [stale("no_estimate"), "The window has too few payments: this is the last price, 4 min old"],
    [stale("resyncing", { node: { state: "resyncing", detail: "the node is 43 % synchronised" } }),
      "The node is catching up (the node is 43 % synchronised): the price is 4 min old"],
    [stale("upstream_lost", { ingest: { state: "disconnected", detail: "connection refused" } }),
      "Ingest is not connected (connection refused): the price is 4 min old"],
    [stale("upstream_lost"), "Nothing comes from the node: the price is 4 min old"],
  ];
  for (const [state, expected] of words) assert.equal(noticeOf(state), expected);
  const [silent, lost] = [heard({ age_seconds: 300 }, 110), heard({ age_seconds: 300 }, 110)];
  assert.equal(noticeOf(silent), "Nothing heard from the gateway: the price is 5 min old");
  lost.link = { phase: "waiting", failures: 1, retryAt: 111, reason: "nothing heard for 10 s" };
  assert.equal(noticeOf(lost), "Lost the gateway (nothing heard for 10 s): the price is 5 min old");
});

test("the hop nearest to the browser is named as the break, and other troubles follow", () => {
  const state = stale("upstream_lost", { node: { state: "disconnected" }, ingest: { state: "degraded", detail: "no RPC" }, analyzer: { state: "connecting" } });
  assert.equal(noticeOf(state), "The analyzer is not connected: the price is 4 min old · The node (disconnected) · Ingest (degraded: no RPC)");
});

test("an age that is not known is not made up", () => {
  const unknown = { age_seconds: undefined, evidence: {}, stale: true };
  assert.equal(noticeOf(heard({ ...unknown, stale_reason: "no_payments" })), "No payment has come: this is the last price");
  assert.equal(noticeOf(heard({ ...unknown, stale_reason: "no_estimate" })), "The window has too few payments: this is the last price");
  assert.equal(noticeOf(heard({ ...unknown, stale_reason: "upstream_lost" })), "Nothing comes from the node: this is the last price");
});

test("a price of this moment has its doubts and its hops' troubles told", () => {
  assert.equal(noticeOf(heard()), "");
  assert.equal(noticeOf(heard({ hops: hops({ node: { state: "degraded", detail: "no RPC" } }) })), "The node (degraded: no RPC)");
});

test("low confidence has its causes told: a window that fills, too few payments in a full one, payments that do not agree", () => {
  const low = (confidence, payments, minutes) =>
    noticeOf(heard({ confidence, evidence: { payments }, ...(minutes === null ? {} : { history_since: 50_000 - minutes * 60 }) }));
  const disagree = "the payments do not agree on one price";
  assert.equal(low(0.4, 240, 40), "Low confidence – the window is still filling (40 min of 3 h)");
  assert.equal(low(0.2, 5000, 175), `Low confidence – ${disagree}`, "ambiguous in the first hours too");
  assert.equal(low(0.2, 5000, 40), `Low confidence – the window is still filling (40 min of 3 h), and ${disagree}`);
  assert.equal(low(0.1, 240, 40), `Low confidence – the window is still filling (40 min of 3 h), and ${disagree}`);
  assert.equal(low(0, 20, 40), `Low confidence – the window is still filling (40 min of 3 h), and ${disagree}`);
  assert.equal(low(0.4, 240, 180), "Low confidence – only 240 payments in 3 h");
  assert.equal(low(0.1, 240, 180), `Low confidence – only 240 payments in 3 h, and ${disagree}`);
  assert.equal(low(0.4, 240, null), "Low confidence – the window is still filling", "no estimate of the past yet");
  assert.equal(low(0.5, 240, 40), "");
});

test("before any price, what is waited for is told", () => {
  assert.equal(noticeOf(createState()), "Connecting to the gateway");
  assert.equal(noticeOf(heard({ hops: hops() }, 100, "status")), "Waiting for enough payments to read a price from");
  const waiting = heard({ hops: hops({ node: { state: "resyncing", detail: "43 %" } }) }, 100, "status");
  assert.equal(noticeOf(waiting), "Waiting for the node (resyncing: 43 %)");
});

test("sleep is told from time that passes, and from a clock that is set back", () => {
  const wake = new Wake(1000, 10);
  assert.equal(wake.slept(1060, 70), false, "a tab that was not looked at for a minute");
  assert.equal(wake.slept(4661, 71), true, "asleep for an hour");
  assert.equal(wake.slept(4662, 72), false, "once only");
  assert.equal(wake.slept(1062, 73), false, "set back");
  assert.equal(wake.slept(1063, 74), false);
});
