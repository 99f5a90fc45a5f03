// The points of the plot: bounds, changes, and a picture put together from two sources.

import assert from "node:assert/strict";
import { test } from "node:test";
import { MOST_POINTS, Points, WINDOW_SECONDS } from "../js/state/points.js";
import { share, spreadOver } from "../js/state/spread.js";

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
  points.apply(Array.from({ length: MOST_POINTS }, (_, index) => point(`p${index}`, 2000 + index / 1000)), [], 1);
  points.apply([point("late but old", 1999)], [], 2);
  points.trim(3000);
  assert.ok(points.size <= MOST_POINTS && points.size > MOST_POINTS * 0.9);
  assert.ok(!("late but old" in states(points)) && `p${MOST_POINTS - 1}` in states(points));
  assert.equal(points.cutAt, points.timestamps.slice(0, points.count).sort()[0], "it is told since when all are held");
  points.trim(2002 + WINDOW_SECONDS);
  assert.equal(points.cutAt, -Infinity, "and no longer once the window has passed it");
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

/** As the picture in columns has it: without an id if it is confirmed. */
const nameless = (timestamp = 1000, valueSats = 1) => ({ ...point("", timestamp, "confirmed"), id: null, valueSats });
const change = (id, state, timestamp = 1000, valueSats = 1) => ({ id, state, timestamp, valueSats });
const told = (points) => [...points.values()].map(({ id, state, timestamp }) => `${id.startsWith("~") ? "" : id} ${state} ${timestamp}`).sort();
const merged = (...picture) => {
  const points = new Points();
  points.reset();
  points.mergeRest(picture, 10, 10);
  return points;
};

test("a confirmed point without its id is removed, or goes back to the mempool, by its stamp and amount", () => {
  const points = merged(nameless(1000.001), nameless(1000.002), nameless(1000.002, 2));
  points.apply([], [change("a", "removed", 1000.002), change("b", "mempool", 1000.001), change("c", "removed", 1000.003)], 11);
  assert.deepEqual(told(points), [" confirmed 1000.002", "b mempool 1000.001"]);
  points.apply([], [{ id: "b", state: "confirmed", timestamp: null, valueSats: null }], 12);
  assert.deepEqual(told(points), [" confirmed 1000.002", "b confirmed 1000.001"]);
  assert.equal(points.ids[points.slotOf("b")], "b");
});

test("stamps are compared as whole milliseconds, whatever their floats are", () => {
  for (let ms = 1_763_800_000_000; ms < 1_763_800_001_000; ms += 1) {
    const points = merged(nameless(ms / 1000));
    points.apply([], [change("a", "removed", Number((ms / 1000).toFixed(3)) + 1e-7)], 11);
    assert.equal(points.size, 0, `${ms}`);
  }
});

test("of several alike each stands for one", () => {
  const points = merged(nameless(), nameless(), nameless(), nameless(), nameless(1001));
  points.apply([], [change("a", "removed"), change("b", "mempool")], 11);
  points.apply([{ ...point("c"), price: 2e5 }], [], 12);
  assert.deepEqual(told(points), [" confirmed 1000", " confirmed 1001", "b mempool 1000", "c mempool 1000"]);
  assert.equal(points.at(points.slotOf("c")).price, 2e5, "it is replaced");
  points.apply([], [change("d", "removed"), change("e", "removed")], 13);
  assert.deepEqual(told(points), [" confirmed 1001", "b mempool 1000", "c mempool 1000"]);
});

test("a point that the socket brought with its id is not there twice", () => {
  const points = new Points();
  points.reset();
  points.apply([point("a", 1000, "confirmed"), point("b"), point("c", 1001)], [], 10);
  points.mergeRest([nameless(), nameless(), nameless(), point("c", 1001), nameless(1001)], 9, 10);
  assert.deepEqual(told(points), [" confirmed 1000", " confirmed 1001", "a confirmed 1000", "b mempool 1000", "c mempool 1001"]);
});

test("a picture that is asked for again, as its parts came or not, brings nothing twice", () => {
  const points = new Points();
  points.reset();
  const [newest, others] = [[nameless(2000), nameless(2000), point("m", 2001)], [nameless(1000)]];
  points.mergeRest(newest, 10, 10, false);
  points.apply([], [change("x", "removed"), { id: "m", state: "confirmed", timestamp: null, valueSats: null }], 11);
  points.mergeRest(newest, 10, 11, false);
  points.mergeRest(others, 10, 11);
  assert.deepEqual(told(points), [" confirmed 2000", " confirmed 2000", "m confirmed 2001"], "and what went between its parts stays away");
});

test("what the socket said after the picture was taken holds for its points without ids too", () => {
  const points = new Points();
  points.reset();
  points.apply([], [change("before", "removed", 1001)], 10);
  points.apply([], [change("gone", "removed"), change("back", "mempool"), change("known", "removed", 1002)], 12);
  const picture = [nameless(), nameless(), nameless(), nameless(1001), point("known", 1002), nameless(1002)];
  points.mergeRest(picture, 11, 12);
  assert.deepEqual(told(points), [" confirmed 1000", " confirmed 1001", " confirmed 1002", "back mempool 1000"]);
});

test("points without ids are forgotten with their window, and the columns stay whole", () => {
  const points = merged(...Array.from({ length: 3000 }, (_, at) => nameless(1000 + (at % 100))), point("m", 1050));
  points.trim(1050 + WINDOW_SECONDS);
  assert.equal(points.size, 1501);
  points.apply([], [change("a", "removed", 1060), change("b", "removed", 1040)], 11);
  assert.equal(points.size, 1500);
  for (let slot = 0; slot < points.count; slot += 1) assert.equal(points.slotOf(points.ids[slot]), slot);
});
