// The points of the plot: bounds, changes, and a picture put together from two sources.

import assert from "node:assert/strict";
import { test } from "node:test";
import { MOST_POINTS, Points, WINDOW_SECONDS } from "../js/points.js";

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
  points.mergeRest([point("new"), point("mined"), point("gone"), point("old")], 11);
  assert.deepEqual(states(points), { new: "confirmed", mined: "confirmed", old: "mempool" });
});

test("the rest of the picture wins over changes that it already holds", () => {
  const points = new Points();
  points.reset();
  points.apply([], [{ id: "reorged", state: "confirmed" }], 10);
  points.mergeRest([point("reorged", 1000, "mempool")], 11);
  assert.deepEqual(states(points), { reorged: "mempool" });
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
