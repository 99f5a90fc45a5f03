// What whoever looks has chosen, as a link and back.

import assert from "node:assert/strict";
import { test } from "node:test";
import { showFromHistory } from "../js/state/gone.js";
import { chooseAxis, chooseRange, defaultView, fromFragment, goLive, isLive, partNames, RANGES, toFragment } from "../js/state/view.js";

const NOON = 1_764_000_000;

test("the default view needs no words", () => {
  assert.equal(toFragment(defaultView()), "");
  assert.deepEqual(fromFragment(""), defaultView());
});

test("a link restores the view", () => {
  const view = {
    range: 900, before: null, axis: "split", hides: new Set(["mempool", "blocks"]), at: "2026-03-04T12:00Z", evidence: false, theme: "light",
    zoom: { time: null, confirmed: { low: 1_764_000_000.5, high: 1_764_000_300 }, mempool: null, price: { low: 96_000.25, high: 98_000 } },
  };
  const fragment = toFragment(view);
  const expected = "range=15m&axis=split&hide=mempool+blocks&confirmed=1764000000.5~1764000300&price=96000.25~98000&at=2026-03-04T12:00Z&evidence=off&theme=light";
  assert.equal(fragment, expected);
  assert.deepEqual(fromFragment(`#${fragment}`), view);
});

test("every range has a name in links", () => {
  for (const { name, seconds } of RANGES) {
    const view = { ...defaultView(), range: seconds };
    assert.equal(toFragment(view), name === "3h" ? "" : `range=${name}`);
    assert.deepEqual(fromFragment(toFragment(view)), view);
  }
});

test("links from before there was one axis still show what they showed", () => {
  const view = fromFragment("#range=60m&confirmed=1764000000~1764000300&price=96000~98000");
  assert.deepEqual([view.range, view.axis, partNames(view)], [3600, "split", ["confirmed", "mempool"]]);
  assert.deepEqual(view.zoom.confirmed, { low: 1_764_000_000, high: 1_764_000_300 });
  assert.equal(fromFragment("#range=15m").axis, "one");
});

test("a moment of one axis is looked at in both, and back", () => {
  const view = fromFragment("time=1764000000~1764000300");
  const { time } = view.zoom;
  chooseAxis(view, "split");
  assert.deepEqual(view.zoom, { time: null, confirmed: time, mempool: time, price: null });
  chooseAxis(view, "one");
  assert.deepEqual(view.zoom, { time, confirmed: null, mempool: null, price: null });
});

test("prices of years have one axis, whatever was chosen for dots", () => {
  assert.deepEqual(partNames(fromFragment("range=1y&axis=split")), ["time"]);
});

test("what cannot be read in a link is passed over", () => {
  for (const fragment of ["#range=7m", "range=x", "hide=nothing", "price=5~4", "price=-1~5", "price=a~b", "price=5", "theme=pink", "axis=three", "at=noon", "at=2026-02-31", "%%%", "x"]) {
    assert.deepEqual(fromFragment(fragment), defaultView(), fragment);
  }
});

test("live is where nothing is zoomed", () => {
  const view = fromFragment("price=5~6&range=60m");
  assert.equal(isLive(view), false);
  goLive(view);
  assert.deepEqual([isLive(view), view.range], [true, 3600]);
});

test("live is the range that was left for a moment of the history, unless another was chosen", () => {
  const view = fromFragment("range=1h");
  showFromHistory(view, { low: NOON, high: NOON }, NOON + 5 * 86_400);
  showFromHistory(view, { low: NOON, high: NOON }, NOON + 50 * 86_400);
  assert.notEqual(view.range, 3600);
  goLive(view);
  assert.deepEqual([view.range, isLive(view)], [3600, true]);
  showFromHistory(view, { low: NOON, high: NOON }, NOON + 5 * 86_400);
  chooseRange(view, 86_400);
  assert.deepEqual([view.range, view.before, isLive(view)], [86_400, null, true]);
});
