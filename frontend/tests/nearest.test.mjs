// Which dot is meant.

import assert from "node:assert/strict";
import { test } from "node:test";
import { layOut, partAt, partOf, priceAt, timeAt, xOf, yOf } from "../js/plot/layout.js";
import { nearest, next, positionOf } from "../js/plot/nearest.js";
import { Points } from "../js/state/points.js";
import { defaultView } from "../js/state/view.js";

const [size, price, span] = [{ width: 1000, height: 500 }, { low: 90, high: 110 }, { low: 0, high: 1000 }];
const split = (live = true) => [
  { name: "confirmed", states: ["confirmed"], span, live: true },
  { name: "mempool", states: ["mempool"], span, live },
];
const layout = layOut(size, 12, 80, split(), price);

function points(...dots) {
  const held = new Points();
  held.apply(dots.map(([id, timestamp, price, state = "mempool"]) => ({ id, timestamp, price, valueSats: 1, roundUsd: 5, state })), [], 1);
  return held;
}

test("places and values are each other's inverse", () => {
  for (const part of layout.parts) assert.ok(Math.abs(timeAt(part, xOf(part, 400)) - 400) < 1e-6);
  assert.ok(Math.abs(priceAt(layout, yOf(layout, 97)) - 97) < 1e-9);
  assert.equal(partAt(layout, partOf(layout, "confirmed").right - 1).name, "confirmed");
  assert.equal(partAt(layout, partOf(layout, "mempool").left + 1).name, "mempool");
});

test("the nearest dot in reach is meant", () => {
  const held = points(["a", 400, 100], ["b", 410, 100], ["c", 400, 100, "confirmed"]);
  const { x, y } = positionOf(held, 0, layout, defaultView());
  assert.equal(nearest(held, layout, defaultView(), x - 1, y + 1), 0);
  assert.equal(nearest(held, layout, defaultView(), x, y + 100), -1);
  const view = { ...defaultView(), hides: new Set(["mempool"]) };
  assert.equal(nearest(held, layout, view, x, y), -1, "what is hidden is not meant");
});

test("what is live but ahead of the clock stands at the edge; what is zoomed out of is not drawn", () => {
  const held = points(["ahead", 1002, 100], ["off the scale", 500, 120]);
  const edge = positionOf(held, 0, layout, defaultView());
  const part = partOf(layout, "mempool");
  assert.equal(edge.x, part.right - part.inset);
  assert.equal(positionOf(held, 1, layout, defaultView()), null);
  const zoomed = layOut(size, 12, 80, split(false), price);
  assert.equal(positionOf(held, 0, zoomed, defaultView()), null);
});

test("keys go to the next dot ahead, rather than to one aside", () => {
  const held = points(["here", 500, 100], ["right", 560, 100.2], ["up", 505, 104], ["far", 900, 100]);
  const from = positionOf(held, 0, layout, defaultView());
  const go = (x, y) => held.ids[next(held, layout, defaultView(), from, { x, y })];
  assert.equal(go(1, 0), "right");
  assert.equal(go(0, -1), "up");
  assert.equal(go(-1, 0), undefined);
});
