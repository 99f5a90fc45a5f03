// Axes: round ticks, and axes that follow without twitching.

import assert from "node:assert/strict";
import { test } from "node:test";
import { followPrice, followSpan, roundTicks, timeTicks } from "../js/scale.js";

const estimate = (price, doubt = 0.002) => ({ price, interval: { low: price * (1 - doubt), high: price * (1 + doubt) } });

test("ticks are round and inside", () => {
  assert.deepEqual(roundTicks(98_990, 109_410, 8), [100_000, 102_000, 104_000, 106_000, 108_000]);
  assert.deepEqual(roundTicks(0.9, 2.1, 3), [1, 1.5, 2]);
  assert.deepEqual(roundTicks(5, 5, 3), []);
});

test("time ticks lie on round minutes inside the span, and are not too many", () => {
  const [start, end] = [1_764_000_061, 1_764_003_661];
  const ticks = timeTicks(start, end, 6);
  assert.ok(ticks.length >= 4 && ticks.length <= 6, String(ticks.length));
  assert.ok(ticks.every((tick) => tick >= start && tick <= end && tick % 600 === 0));
});

test("the price axis stands still for small moves and follows large ones", () => {
  const first = followPrice(null, estimate(100_000));
  assert.equal(followPrice(first, estimate(101_500)), first);
  assert.deepEqual(followPrice(first, estimate(103_000)), { centre: 103_000, reach: first.reach });
});

test("the price axis widens for a wide interval, and narrows only with room to spare", () => {
  const wide = followPrice(followPrice(null, estimate(100_000)), estimate(100_000, 0.05));
  assert.equal(wide.reach, 0.1);
  assert.equal(followPrice(wide, estimate(100_000, 0.03)), wide);
  assert.equal(followPrice(wide, estimate(100_000, 0.02)).reach, 0.05);
});

test("a span shows nine points in ten and does not flicker at its edge", () => {
  const ages = Array.from({ length: 100 }, (_, index) => index * 9); // up to 891 s
  assert.equal(followSpan(null, ages), 900);
  assert.equal(followSpan(null, [...ages.slice(0, 60), 10_000]), 600);
  const elevenOfHundredTooOld = [...ages.slice(0, 89).map((age) => age / 2), ...Array(11).fill(850)];
  assert.equal(followSpan(null, elevenOfHundredTooOld), 900);
  assert.equal(followSpan(600, elevenOfHundredTooOld), 600);
  assert.equal(followSpan(900, elevenOfHundredTooOld), 900);
  assert.equal(followSpan(null, []), 300);
});
