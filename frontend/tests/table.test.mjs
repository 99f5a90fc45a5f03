// Tables of what the plot shows: nothing that is not seen, the same text in every locale.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setLocale } from "../js/base/format.js";
import { readSeries } from "../js/link/archive.js";
import { estimatesTable, paymentsTable } from "../js/state/table.js";

const dot = (timestamp, price, state) => ({ id: "x", timestamp, price, valueSats: 104_281, roundUsd: 100, state });
const held = (...dots) => ({ count: dots.length, at: (slot) => dots[slot] });
const SHOWN = { confirmed: { low: 100, high: 200 }, mempool: { low: 150, high: 200 }, price: { low: 90_000, high: 100_000 } };

test("payments that are seen, oldest first", () => {
  setLocale("de-DE");
  const points = held(dot(160.5, 95_000.126, "mempool"), dot(120, 96_000, "confirmed"), dot(120, 96_000, "mempool"), dot(130, 101_000, "confirmed"), dot(99, 95_000, "confirmed"));
  assert.equal(
    paymentsTable(points, SHOWN),
    "time_utc,unix_seconds,implied_price_usd,amount_sats,round_usd,state\r\n" +
      "1970-01-01T00:02:00.000Z,120,96000.00,104281,100,confirmed\r\n" +
      "1970-01-01T00:02:40.500Z,160.5,95000.13,104281,100,mempool\r\n",
  );
  assert.equal(paymentsTable(points, { ...SHOWN, confirmed: null, mempool: null }).split("\r\n").length, 2, "what is hidden is not saved");
  setLocale("en-US");
});

test("estimates with their intervals", () => {
  const entries = [50, 100, 150, 250].map((timestamp) => ({ timestamp, price: 97_188.5, low: 97_000, high: 97_400 }));
  const lines = estimatesTable(entries, { low: 100, high: 200 }).split("\r\n");
  assert.deepEqual(lines, [
    "time_utc,unix_seconds,price_usd,interval_low_usd,interval_high_usd,state",
    "1970-01-01T00:01:40.000Z,100,97188.50,97000.00,97400.00,",
    "1970-01-01T00:02:30.000Z,150,97188.50,97000.00,97400.00,",
    "",
  ]);
});

test("prices of the past with their states, so that an unverified one is known for that", () => {
  const price = (time, more) => ({ time, price: 97_188.5, interval: { low: 97_000, high: 97_400 }, source: "block", ...more });
  const { prices } = readSeries({ from: 0, to: 200, prices: [price(100, { state: "unverified" }), price(150, { state: "final" }), price(160, { state: 'odd",x' }), price(170, { source: "minute" })] });
  const states = estimatesTable(prices, { low: 100, high: 200 }).split("\r\n").map((line) => line.split(",")[5]);
  assert.deepEqual(states, ["state", "unverified", "final", "", "", undefined]);
});
