// The points of the plot: bounds, changes, and a picture put together from two sources.

import assert from "node:assert/strict";
import { test } from "node:test";
import { MOST_POINTS, Points, WINDOW_SECONDS } from "../js/points.js";
import { share, spreadOver } from "../js/spread.js";

const point = (id, timestamp = 1000, state = "mempool") => ({ id, timestamp, price: 1e5, valueSats: 1, roundUsd: 50, state });
const states = (points) => Object.fromEntries([...points.values()].map(({ id, state }) => [id, state]));

test("changes confirm and remove, and do nothing to what is not held", () => {
  const points = new Points();
  points.apply([point("a"), point("b")], [], 1);
  points.apply([], [{ id: "a", state: "confirmed" }, { id: "b", state: "removed" }, { id: "c", state: "confirmed" }], 2);
  assert.deepEqual(states(points), { a: "confirmed" });
});

test("a point that comes and is removed in the same message is not kept", () => {
  const points = new Points();
  points.apply([point("a")], [{ id: "a", state: "removed" }], 1);
  assert.equal(points.size, 0);
});

test("the rest of the picture does not undo what the socket said after it was taken", () => {
  const points = new Points();
  points.reset();
  points.apply([point("new")], [], 10);
  points.apply([], [{ id: "mined", state: "confirmed" }, { id: "gone", state: "removed" }, { id: "new", state: "confirmed" }], 12);
  points.mergeRest([point("new"), point("mined"), point("gone"), point("old")], 11, 12);
  assert.deepEqual(states(points), { new: "confirmed", mined: "confirmed", old: "mempool" });
});

test("the rest of the picture wins over changes that it already holds", () => {
  const points = new Points();
  points.reset();
  points.apply([], [{ id: "reorged", state: "confirmed" }], 10);
  points.mergeRest([point("reorged", 1000, "mempool")], 11, 11);
  assert.deepEqual(states(points), { reorged: "mempool" });
});

test("a change of the picture's own sequence wins over it: it may be part of a later update", () => {
  const points = new Points();
  points.reset();
  points.apply([], [{ id: "mined", state: "confirmed" }, { id: "gone", state: "removed" }], 11);
  points.mergeRest([point("mined"), point("gone")], 11, 11);
  assert.deepEqual(states(points), { mined: "confirmed" });
});

test("a picture of another epoch is not taken, and the one of this epoch still is", () => {
  const epoch = (/** @type {number} */ number) => number * 2 ** 33;
  const points = new Points();
  points.reset();
  points.apply([point("new")], [{ id: "gone", state: "removed" }], epoch(5) + 12);
  for (const other of [epoch(4) + 2 ** 33 - 1, epoch(6)]) {
    assert.equal(points.mergeRest([point("gone"), point("old")], other, epoch(5) + 12), false);
    assert.deepEqual(states(points), { new: "mempool" });
  }
  assert.equal(points.mergeRest([point("gone"), point("old")], epoch(5), epoch(5) + 12), true);
  assert.deepEqual(states(points), { new: "mempool", old: "mempool" });
});

test("points after a clock that was set back are forgotten, those a little ahead of it are not", () => {
  const points = new Points();
  points.apply([point("ahead", 1005), point("of another clock", 4600)], [], 1);
  points.trim(1000);
  assert.deepEqual(Object.keys(states(points)), ["ahead"]);
});

test("points older than the window are forgotten, those on its edge are not", () => {
  const points = new Points();
  points.apply([point("edge", 1000), point("older", 999.9)], [], 1);
  points.trim(1000 + WINDOW_SECONDS);
  assert.deepEqual(Object.keys(states(points)), ["edge"]);
});

test("beyond the bound the oldest go, in whatever order they came", () => {
  const points = new Points();
  points.apply(Array.from({ length: MOST_POINTS }, (_, index) => point(`p${index}`, 2000 + index / 100)), [], 1);
  points.apply([point("late but old", 1999)], [], 2);
  points.trim(3000);
  assert.ok(points.size <= MOST_POINTS && points.size > MOST_POINTS * 0.9);
  assert.ok(!("late but old" in states(points)) && `p${MOST_POINTS - 1}` in states(points));
});

test("the columns hold what was put in, whatever went and came before", () => {
  const points = new Points();
  const held = new Map();
  for (let at = 0; at < 5000; at += 1) {
    const added = { ...point(`p${at}`, 1000 + at, at % 3 ? "mempool" : "confirmed"), price: 1e5 + at };
    const gone = at % 2 ? `p${Math.floor(at / 3)}` : "none";
    points.apply([added], [{ id: gone, state: "removed" }], at);
    held.set(added.id, added);
    held.delete(gone);
  }
  assert.deepEqual(new Map([...points.values()].map((one) => [one.id, one])), held);
  const whole = { start: 0, end: 9e9, live: true };
  const confirmed = [...held.values()].filter(({ state }) => state === "confirmed").length;
  assert.deepEqual(points.countIn({ confirmed: whole, mempool: whole }), { confirmed, mempool: held.size - confirmed });
  for (const id of held.keys()) assert.equal(points.ids[points.slotOf(id)], id);
});

test("who draws is told which slots have changed, once", () => {
  const points = new Points();
  points.apply([point("a"), point("b"), point("c")], [], 1);
  assert.deepEqual(points.takeChanged(), { from: 0, to: 3 });
  points.apply([], [{ id: "b", state: "confirmed" }], 2);
  assert.deepEqual(points.takeChanged(), { from: 1, to: 2 });
  points.apply([], [{ id: "a", state: "removed" }], 3);
  assert.deepEqual(points.takeChanged(), { from: 0, to: 1 });
  const { from, to } = points.takeChanged();
  assert.ok(from >= to);
});

test("what is known only from its block is spread over the time since the block before", () => {
  const points = new Points();
  points.spreadBy(spreadOver([{ height: 1, timestamp: 5000 }, { height: 2, timestamp: 5900.25 }]));
  points.apply([...Array(200).keys()].map((at) => point(`id${at}`, 5900.25, "confirmed")), [], 1);
  points.apply([point("seen", 5800, "confirmed")], [], 2);
  const places = [...points.places.slice(0, 200)];
  assert.ok(places.every((place) => place > 5000 && place <= 5900.25));
  const earlier = places.filter((place) => place < 5450).length;
  assert.ok(earlier > 70 && earlier < 130, `${earlier} of 200 in the first half`);
  assert.equal(points.places[200], 5800);
  assert.deepEqual([points.isSpread(0), points.isSpread(200)], [true, false]);
  assert.equal(share("id7"), share("id7"));
});
