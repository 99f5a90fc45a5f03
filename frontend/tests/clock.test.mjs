// An event clock that is set back or ahead, and an analyzer that begins anew: the page follows, and its price stays.

import assert from "node:assert/strict";
import { test } from "node:test";
import { epochOf } from "../js/link/epoch.js";
import { readMessage } from "../js/link/message.js";
import { applyPast, applyRest, applyUpdate, createState } from "../js/state/state.js";

const HOUR = 3600;
const START = 1_763_800_000;
const epoch = (number, tick = 0) => number * 2 ** 33 + tick;
const past = (timestamp) => ({ timestamp, price: 1e5, low: 9e4, high: 11e4 });
const dot = (id, timestamp) => ({ id, timestamp, price: 1e5, value_sats: 1, round_usd: 50, state: "mempool" });
const ids = (state) => [...state.points.values()].map(({ id }) => id).sort();
const stamps = (state) => state.history.entries.map(({ timestamp }) => timestamp - START);

/** A message of this epoch and event clock, heard at this second of the page. */
function say(state, sequence, timestamp, clock, fields = {}, type = "mempool_update") {
  const priced = type === "status" ? {} : { price: 1e5, confidence: 0.9, stale: false };
  const data = { ...priced, sequence, timestamp: START + timestamp, chain: "main", simulated: false, ...fields };
  return applyUpdate(state, readMessage(JSON.stringify({ type, data })), clock);
}

/** A page with an hour of the past, one dot, and a zoomed plot. */
function running() {
  const state = createState();
  say(state, epoch(3), 0, 100, { reset: true, transactions: [dot("first", START - 1)] });
  applyPast(state, [-HOUR, -600, -5].map((at) => past(START + at)));
  state.view.zoom.confirmed = { low: START - 600, high: START - 300 };
  return state;
}

test("the epoch stands above 33 bits, and is exact up to the greatest sequence", () => {
  assert.deepEqual([0, 2 ** 33 - 1, 2 ** 33, epoch(1_048_575, 2 ** 33 - 1)].map(epochOf), [0, 0, 1, 1_048_575]);
});

test("a clock that goes on in a new epoch takes nothing away", () => {
  const state = running();
  const told = say(state, epoch(4, 9), 30, 131, { reset: true, transactions: [dot("next", START + 29)] });
  assert.deepEqual(told, { isBegun: true, isTurned: false });
  assert.deepEqual(stamps(state), [-HOUR, -600, -5, 0, 30]);
  assert.deepEqual(ids(state), ["next"]);
  assert.notEqual(state.view.zoom.confirmed, null);
});

test("a clock that stood still while upstream was away, and goes on, is no other clock", () => {
  const state = running();
  say(state, epoch(3), 0, 400);
  assert.equal(say(state, epoch(4), 640, 741, { reset: true, transactions: [] }).isTurned, false);
});

test("a clock that is set back turns the page to it: no later estimate, no zoomed time, and the past is fetched anew", () => {
  const state = running();
  const told = say(state, epoch(4), -HOUR, 101, { reset: true, transactions: [dot("next", START - HOUR - 1)] });
  assert.deepEqual(told, { isBegun: true, isTurned: true });
  assert.deepEqual([state.timestamp - START, state.view.zoom.confirmed], [-HOUR, null]);
  const moved = [-HOUR, -600, -5, 0].map((at) => at - HOUR - 1);
  assert.deepEqual(stamps(state), [...moved, -HOUR], "the line is moved with the clock until it has been fetched");
  say(state, epoch(4, 60), 30 - HOUR, 131);
  applyPast(state, [past(START - 2 * HOUR), past(START - HOUR - 30)]);
  assert.deepEqual(stamps(state), [-2 * HOUR, -HOUR - 30, 30 - HOUR], "and then it is what was fetched");
  assert.equal(state.estimate.price, 1e5);
});

test("a clock that is set ahead does too, and what is fetched of the past is taken", () => {
  const state = running();
  assert.equal(say(state, epoch(4), HOUR, 101, { reset: true, transactions: [] }).isTurned, true);
  assert.equal(stamps(state).at(-1), HOUR);
  applyPast(state, [past(START + HOUR - 60), past(START + 2 * HOUR)]);
  assert.deepEqual(stamps(state), [HOUR - 60, HOUR], "what lies after the clock is of another one");
});

test("a clock that goes back by a second takes no more than that from the line", () => {
  const state = running();
  for (let step = 1; step <= 600; step += 1) say(state, epoch(3, step), step % 7 === 0 ? step - 1 : step, 100 + step);
  assert.deepEqual(stamps(state).slice(0, 3), [-HOUR, -600, -5]);
  assert.ok(stamps(state).length > 100, String(stamps(state).length));
  assert.ok(stamps(state).every((at, index, all) => index === 0 || at > all[index - 1]));
});

test("after sleep, a clock that went on is not taken for one that was set ahead", () => {
  const state = running();
  state.slept = true;
  assert.equal(say(state, epoch(4), HOUR, 101, { reset: true, transactions: [] }).isTurned, true);
  assert.deepEqual(stamps(state), [-HOUR, -600, -5, 0, HOUR]);
});

test("a clock that goes back without a reset turns the page as well, and dots of before do not lie in the future", () => {
  const state = running();
  assert.deepEqual(say(state, epoch(3, 2), -HOUR, 101), { isBegun: false, isTurned: true });
  assert.deepEqual(ids(state), []);
});

test("a replay runs ahead of the page's clock, and is no other clock without a reset", () => {
  const state = running();
  for (let step = 1; step < 5; step += 1) assert.equal(say(state, epoch(3, step), step * 50, 100 + step / 2).isTurned, false);
  assert.equal(state.history.entries.length, 8);
});

test("a reset that brings nothing leaves price and dots, and the next picture takes their place", () => {
  const state = running();
  assert.equal(say(state, epoch(4), 5, 105, { reset: true }, "status").isBegun, false);
  assert.deepEqual([state.estimate.price, state.isRepeated, ids(state)], [1e5, true, ["first"]]);
  const told = say(state, epoch(4, 1), 6, 106, { transactions: [dot("next", START + 5)] }, "status");
  assert.deepEqual([told.isBegun, ids(state), state.estimate.price], [true, ["next"], 1e5]);
  say(state, epoch(4, 2), 7, 107, { price: 101_000 });
  assert.deepEqual([state.estimate.price, state.isRepeated, ids(state)], [101_000, false, ["next"]]);
});

test("a picture by REST that is of another epoch is asked for again", () => {
  const state = running();
  const points = readMessage(JSON.stringify({ type: "status", data: { transactions: [dot("rest", START - 9)] } })).points;
  assert.equal(applyRest(state, { sequence: epoch(2, 5), points }), false);
  assert.equal(applyRest(state, { sequence: epoch(3, 5), points }), true);
  assert.deepEqual(ids(state), ["first", "rest"]);
});

test("a stale estimate does not lengthen the line", () => {
  const state = running();
  say(state, epoch(3, 1), 30, 130, { stale: true, stale_reason: "no_payments" });
  assert.deepEqual(stamps(state), [-HOUR, -600, -5, 0]);
});

test("no price of one chain stands for one of another, nor a made-up one for a real one", () => {
  for (const other of [{ chain: "test" }, { simulated: true }]) {
    const state = running();
    say(state, epoch(4), 5, 105, { reset: true, ...other }, "status");
    assert.deepEqual([state.estimate, state.priceAxis, stamps(state)], [null, null, []]);
  }
});
