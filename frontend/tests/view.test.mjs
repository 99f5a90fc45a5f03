// What whoever looks has chosen, as a link and back.

import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultView, fromFragment, goLive, isLive, toFragment } from "../js/state/view.js";

test("the default view needs no words", () => {
  assert.equal(toFragment(defaultView()), "");
  assert.deepEqual(fromFragment(""), defaultView());
});

test("a link restores the view", () => {
  const view = {
    range: 900, hides: new Set(["mempool", "blocks"]), evidence: false, theme: "light",
    zoom: { confirmed: { low: 1_764_000_000.5, high: 1_764_000_300 }, mempool: null, price: { low: 96_000.25, high: 98_000 } },
  };
  const fragment = toFragment(view);
  assert.equal(fragment, "range=15m&hide=mempool+blocks&confirmed=1764000000.5~1764000300&price=96000.25~98000&evidence=off&theme=light");
  assert.deepEqual(fromFragment(`#${fragment}`), view);
});

test("what cannot be read in a link is passed over", () => {
  for (const fragment of ["#range=7m", "range=x", "hide=nothing", "price=5~4", "price=-1~5", "price=a~b", "price=5", "theme=pink", "%%%", "x"]) {
    assert.deepEqual(fromFragment(fragment), defaultView(), fragment);
  }
});

test("live is where nothing is zoomed", () => {
  const view = fromFragment("price=5~6&range=60m");
  assert.equal(isLive(view), false);
  goLive(view);
  assert.deepEqual([isLive(view), view.range], [true, 3600]);
});
