// Axes: round ticks, and axes that follow without twitching.

import assert from "node:assert/strict";
import { test } from "node:test";
import { followPrice, followSpan, moved, roundTicks, timeTicks, zoomed } from "../js/state/scale.js";

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
  assert.equal(followPrice(first, estimate(101_300)), first);
  assert.deepEqual(followPrice(first, estimate(103_000)), { centre: 103_000, reach: first.reach });
});

test("the price axis widens for a wide interval, and narrows only with room to spare", () => {
  const wide = followPrice(followPrice(null, estimate(100_000)), estimate(100_000, 0.04));
  assert.equal(wide.reach, 0.08);
  assert.equal(followPrice(wide, estimate(100_000, 0.025)), wide);
  assert.equal(followPrice(wide, estimate(100_000, 0.015)).reach, 0.04);
});

test("what is zoomed about stays where it is, within bounds", () => {
  const bounds = { least: 10, within: { low: 0, high: 1000 } };
  assert.deepEqual(zoomed({ low: 100, high: 200 }, 0.5, 120, bounds), { low: 110, high: 160 });
  assert.deepEqual(zoomed({ low: 100, high: 200 }, 0.001, 150, bounds), { low: 145, high: 155 });
  assert.deepEqual(zoomed({ low: 100, high: 200 }, 100, 120, bounds), { low: 0, high: 1000 });
  assert.deepEqual(zoomed({ low: 900, high: 1000 }, 2, 950, bounds), { low: 800, high: 1000 });
});

test("what is moved does not leave its bounds", () => {
  const within = { low: 0, high: 1000 };
  assert.deepEqual(moved({ low: 100, high: 200 }, 50, within), { low: 150, high: 250 });
  assert.deepEqual(moved({ low: 100, high: 200 }, -500, within), { low: 0, high: 100 });
  assert.deepEqual(moved({ low: 100, high: 200 }, 5000, within), { low: 900, high: 1000 });
});

test("a span shows seven points in ten and does not flicker at its edge", () => {
  const ages = Array.from({ length: 100 }, (_, index) => index * 9); // up to 891 s
  assert.equal(followSpan(null, ages), 900);
  assert.equal(followSpan(null, ages.map((age, at) => (at < 70 ? age / 1.1 : 10_000))), 600);
  const thirtyTwoOfHundredTooOld = ages.map((age, at) => (at < 68 ? age / 1.1 : 850));
  assert.equal(followSpan(null, thirtyTwoOfHundredTooOld), 900);
  assert.equal(followSpan(600, thirtyTwoOfHundredTooOld), 600);
  assert.equal(followSpan(900, thirtyTwoOfHundredTooOld), 900);
  assert.equal(followSpan(null, []), 300);
});
