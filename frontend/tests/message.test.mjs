// What the gateway says: read whole, and whatever is odd in it left out.

import assert from "node:assert/strict";
import { test } from "node:test";
import { readAmounts, readHistory, readMessage } from "../js/link/message.js";
import { applyUpdate, confidenceLevel, createState } from "../js/state/state.js";

const read = (type, data) => readMessage(JSON.stringify({ type, data }));

test("unknown types are passed over, and what is not JSON is an error", () => {
  assert.equal(read("greeting", {}), null);
  assert.equal(readMessage("[1]"), null);
  assert.equal(readMessage("null"), null);
  assert.throws(() => readMessage("{"), SyntaxError);
});

test("an update is read whole", () => {
  const update = read("mempool_update", {
    sequence: 7, reset: true, timestamp: 100.5, price: 1e5, confidence: 0.9, interval: { low: 9e4, high: 11e4 },
    stale: true, stale_reason: "no_payments", as_of: 99.5, age_seconds: 720.25,
    evidence: { payments: 12, margin: 3, newest_payment_age_seconds: 2 },
    transactions: [{ id: "a:0", timestamp: 99, price: 1e5, value_sats: 50_000, round_usd: 50, state: "confirmed" }],
    changes: [{ id: "b:1", state: "removed", timestamp: 98.125, value_sats: 40_000 }], hops: [{ name: "node", state: "connected", detail: "" }],
    stats: { total_received: 5, total_filtered: 2, active_in_window: 3, uptime_seconds: 9, mempool_transactions: 4 },
    simulated: true, hidden_price_usd: 100_100, chain: "regtest", block: { height: 9, timestamp: 90 }, blocks: [{ timestamp: 80 }, {}], history_since: 70, build: "0123456789abcdef", later: "field",
  });
  assert.deepEqual(update, {
    sequence: 7, reset: true, timestamp: 100.5,
    estimate: { price: 1e5, confidence: 0.9, interval: { low: 9e4, high: 11e4 }, payments: 12, newestPaymentAgeSeconds: 2,
      stale: true, staleReason: "no_payments", asOf: 99.5, ageSeconds: 720.25 },
    points: [{ id: "a:0", timestamp: 99, price: 1e5, valueSats: 50_000, roundUsd: 50, state: "confirmed" }],
    changes: [{ id: "b:1", state: "removed", timestamp: 98.125, valueSats: 40_000 }], hops: [{ name: "node", state: "connected", detail: "" }],
    stats: { received: 5, filtered: 2, active: 3, uptimeSeconds: 9, mempool: 4 },
    simulated: true, hiddenPriceUsd: 100_100, chain: "regtest", block: { height: 9, timestamp: 90 }, blocks: [{ height: null, timestamp: 80 }], historySince: 70, build: "0123456789abcdef",
  });
});

test("an age and a moment that are not told, or impossible, are not known", () => {
  for (const odd of [undefined, -1, "5", null]) {
    const { asOf, ageSeconds, staleReason } = read("mempool_update", { price: 5, as_of: odd, age_seconds: odd, stale_reason: odd, stale: true }).estimate;
    assert.deepEqual([asOf, ageSeconds, staleReason], [null, null, null]);
  }
  assert.equal(read("mempool_update", { price: 5, age_seconds: 0 }).estimate.ageSeconds, 0);
});

test("no price, or an impossible one, is no estimate", () => {
  for (const price of [undefined, 0, -1, "5", null]) assert.equal(read("mempool_update", { price, confidence: 1 }).estimate, null);
  assert.equal(read("status", { price: 5 }).estimate, null);
});

test("unusable points, changes and hops are left out, the others kept", () => {
  const update = read("mempool_update", {
    transactions: [{ id: "a" }, null, { timestamp: 1, price: 2 }], changes: [{ id: "x", state: "lost" }, { id: "y", state: "mempool" }], hops: ["node"],
  });
  assert.deepEqual(update.points.map(({ id }) => id), ["1:2"]);
  assert.deepEqual(update.changes, [{ id: "y", state: "mempool", timestamp: null, valueSats: null }]);
  assert.deepEqual(update.hops, []);
});

test("the past and the amounts are read, and what is odd in them is left out", () => {
  const estimates = [{ timestamp: 5, price: 10, interval: { low: 9, high: 11 } }, { timestamp: 6 }, { timestamp: 7, price: 12 }];
  assert.deepEqual(readHistory({ estimates }), [{ timestamp: 5, price: 10, low: 9, high: 11 }, { timestamp: 7, price: 12, low: 12, high: 12 }]);
  assert.deepEqual(readHistory(null), []);
  const ladder = [{ round_usd: 5, strength: 4 }, {}];
  assert.deepEqual(readAmounts({ first_sats: 1000, bin_width: 0.01, counts: [1, null], ladder }),
    { firstSats: 1000, binWidth: 0.01, counts: [1, 0], ladder: [{ roundUsd: 5, strength: 4 }] });
  assert.equal(readAmounts({ first_sats: 0, bin_width: 0.01, counts: [1] }), null);
});

test("what a message does not mention stays as it was, and an estimate stays marked as repeated", () => {
  const state = createState();
  applyUpdate(state, read("mempool_update", { sequence: 3, timestamp: 50, price: 1e5, confidence: 1, chain: "test", simulated: true, hidden_price_usd: 9 }), 0);
  applyUpdate(state, read("status", {}), 0);
  const { sequence, timestamp, estimate, isRepeated, chain, simulated, hiddenPriceUsd, updates } = state;
  assert.deepEqual({ sequence, timestamp, price: estimate.price, isRepeated, chain, simulated, hiddenPriceUsd, updates },
    { sequence: 3, timestamp: 50, price: 1e5, isRepeated: true, chain: "test", simulated: true, hiddenPriceUsd: 9, updates: 2 });
});

test("confidence has its word at the edges too", () => {
  assert.deepEqual([0, 0.49, 0.5, 0.8, 0.81, 1].map(confidenceLevel), ["low", "low", "medium", "medium", "high", "high"]);
});
