// The plot's parts: one time axis, two, or the prices of years; and the place of a price on a straight or logarithmic axis.

import assert from "node:assert/strict";
import { test } from "node:test";
import { layOut, partAt, partOf, priceAt, shownParts, timeAt, xOf, yOf } from "../js/plot/layout.js";
import { longTicks } from "../js/plot/calendar.js";
import { Base, REACH } from "../js/plot/float.js";
import { logTicks } from "../js/state/scale.js";
import { createState } from "../js/state/state.js";
import { fromFragment } from "../js/state/view.js";

const NOW = 1_764_000_000;
const DAY = 86_400;

function stateAt(fragment) {
  const state = createState();
  state.timestamp = NOW;
  state.mempoolSpan = 600;
  state.view = fromFragment(fragment);
  return state;
}

const laidOut = (fragment, price = { low: 90, high: 110 }) => layOut({ width: 1000, height: 500 }, 12, 80, shownParts(stateAt(fragment)), price);

test("one axis has all dots by time, up to now", () => {
  const layout = laidOut("");
  assert.equal(layout.parts.length, 1);
  const [part] = layout.parts;
  assert.deepEqual([part.left, part.right, layout.edge], [0, 920, 920]);
  assert.deepEqual([part.start, part.end, part.live], [NOW - 10_800, NOW, true]);
  assert.equal(partOf(layout, "confirmed"), part);
  assert.equal(partOf(layout, "mempool"), part);
});

test("a split axis has a part for each state, side by side", () => {
  const layout = laidOut("axis=split");
  const [confirmed, mempool] = layout.parts;
  assert.equal(partOf(layout, "confirmed"), confirmed);
  assert.equal(partOf(layout, "mempool"), mempool);
  assert.ok(confirmed.right < mempool.left && mempool.right === layout.edge);
  assert.deepEqual([confirmed.start, mempool.start], [NOW - 10_800, NOW - 600]);
  assert.equal(partAt(layout, confirmed.right + 1), mempool);
  assert.equal(partAt(layout, 5000), mempool, "beside all is the last");
});

test("prices of years have no dots, and one part", () => {
  const layout = laidOut("range=1y&axis=split");
  assert.deepEqual([layout.parts.length, layout.hasDots, partOf(layout, "mempool")], [1, false, null]);
  assert.deepEqual([layout.parts[0].start, layout.parts[0].end], [NOW - 365 * DAY, NOW]);
});

test("all that there is begins with the oldest price", () => {
  const state = stateAt("range=all");
  assert.equal(shownParts(state)[0].span.low, NOW - 365 * DAY, "as long as nothing is known, a year");
  state.coverage = { state: "filling", detail: "", since: NOW - DAY, filled: 0.1, leftSeconds: null, firstTime: NOW - 3000 * DAY };
  assert.equal(shownParts(state)[0].span.low, NOW - 3000 * DAY);
});

test("what was zoomed to is not live, and takes no free room at its right edge", () => {
  const [part] = laidOut(`time=${NOW - 900}~${NOW - 300}`).parts;
  assert.deepEqual([part.start, part.end, part.live, part.inset], [NOW - 900, NOW - 300, false, 0]);
});

test("places and values are each other's inverse, on either axis of prices", () => {
  for (const layout of [laidOut(""), laidOut("range=all", { low: 300, high: 120_000 })]) {
    const [part] = layout.parts;
    assert.ok(Math.abs(timeAt(part, xOf(part, NOW - 700)) - (NOW - 700)) < 1e-3);
    for (const price of [layout.low, layout.low * 1.1, layout.high]) assert.ok(Math.abs(priceAt(layout, yOf(layout, price)) / price - 1) < 1e-9);
  }
});

test("prices of years lie by their ratios where they span more than a factor of three, and dots never do", () => {
  assert.equal(laidOut("range=1y", { low: 40_000, high: 110_000 }).isLog, false);
  assert.equal(laidOut("range=1y", { low: 30_000, high: 110_000 }).isLog, true);
  assert.equal(laidOut("", { low: 30_000, high: 110_000 }).isLog, false);
  const layout = laidOut("range=all", { low: 100, high: 100_000 });
  const steps = [100, 1000, 10_000, 100_000].map((price) => yOf(layout, price));
  for (const at of [1, 2]) assert.ok(Math.abs(2 * steps[at] - steps[at - 1] - steps[at + 1]) < 1e-9);
});

test("ticks of prices by their ratios are round, inside, and not too many", () => {
  assert.deepEqual(logTicks(80, 120_000, 10), [100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000]);
  assert.deepEqual(logTicks(90, 110, 4), [90, 95, 100, 105, 110], "a short span has the ticks of a straight axis");
  assert.ok(logTicks(1, 200_000, 4).length <= 6);
});

test("ticks of days and years lie where the calendar has them, and keep their distance", () => {
  for (const days of [0.5, 1, 7, 30, 365, 1500, 4300]) {
    const { times, unit } = longTicks(NOW - days * DAY, NOW, 60);
    assert.ok(times.length >= 2 && times.length <= 16, `${days} days: ${times.length} ${unit}`);
    assert.ok(times.every((time) => time >= NOW - days * DAY && time <= NOW));
    assert.ok(times.every((time) => new Date(time * 1000).getMinutes() === 0));
    if (unit !== "hour") assert.ok(times.every((time) => new Date(time * 1000).getHours() === 0), unit);
    const gaps = times.slice(1).map((time, at) => time - times[at]);
    assert.ok(Math.min(...gaps) > 0.4 * Math.max(...gaps), `${days} days: ${gaps}`);
  }
});

test("seconds for the graphics card are told apart, however long the page has been open", () => {
  const base = new Base();
  for (const week of [0, 1, 2, 52]) {
    const now = NOW + week * 7 * DAY;
    base.follow(now);
    for (const at of [now - 10_800, now - 10_800 + 0.01, now]) assert.ok(Math.abs(Math.fround(base.after(at)) - (at - base.at)) < 0.002);
  }
  assert.equal(base.follow(base.at + REACH), false);
  assert.equal(base.follow(Infinity), false);
  assert.ok(Number.isFinite(base.after(Infinity)) && Number.isFinite(base.after(-1e9)));
});
