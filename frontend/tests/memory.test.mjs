// A page that stays open for a week holds no more than one that has been open for some hours.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { applyPast, applyUpdate, createState } from "../js/state/state.js";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");

/** Updates of a week, and the seconds from one to the next. */
const UPDATES = 7200;
const STEP = 84;
const POINTS = 100;
const START = 1_764_000_000;

/** Updates after which the window is full, and nothing more is to be added. */
const WARM = 300;

function update(number) {
  const timestamp = START + number * STEP;
  const ids = Array.from({ length: POINTS }, (_, at) => `${number}:${at}`);
  const price = 1e5 + 1000 * Math.sin(number / 50);
  return {
    sequence: number, reset: number === 0, timestamp,
    estimate: { price, confidence: 0.9, interval: { low: price - 100, high: price + 100 }, payments: 9, newestPaymentAgeSeconds: 1, stale: false, staleReason: null, asOf: timestamp, ageSeconds: 1 },
    points: ids.map((id, at) => ({ id, timestamp: timestamp - at / 2, price, valueSats: 1000 + at, roundUsd: 5, state: "mempool" })),
    changes: ids.map((id, at) => ({ id: id.replace(/^\d+/, String(number - 8)), state: at % 9 ? "confirmed" : "removed", timestamp: null, valueSats: null })),
    hops: null, stats: null, simulated: false, hiddenPriceUsd: null, chain: "main", block: null,
    blocks: number % 7 === 0 ? Array.from({ length: 18 }, (_, at) => ({ height: at, timestamp: timestamp - (18 - at) * 600 })) : null,
    historySince: timestamp - 10_800, build: null,
  };
}

function heapBytes() {
  collect();
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

test("7,200 updates that step 84 s each leave the heap within 5 %", () => {
  const state = createState();
  applyUpdate(state, update(0), 0);
  applyPast(state, []);
  state.points.mergeRest([], 0, 0);
  let before = 0;
  for (let number = 1; number <= UPDATES; number += 1) {
    applyUpdate(state, update(number), number * STEP);
    if (number === WARM) before = heapBytes();
  }
  const after = heapBytes();
  console.log(`heap after ${WARM} updates ${before} bytes, after ${UPDATES} ${after}: ${((100 * after) / before - 100).toFixed(2)} %`);
  assert.ok(after < 1.05 * before, `${before} bytes, and a week later ${after}`);
  assert.ok(state.points.size > 8000 && state.points.size < 15_000, String(state.points.size));
  assert.ok(state.history.entries.length > 100);
});
