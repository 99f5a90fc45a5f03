// What a turn of the wheel means, and what zooming and panning make of the view.

import assert from "node:assert/strict";
import { test } from "node:test";
import { listen } from "../js/plot/gestures.js";
import { followedPrices } from "../js/plot/prices.js";
import { layOut, shownParts, timeAt, xOf } from "../js/plot/layout.js";
import { meaningOf } from "../js/plot/wheel.js";
import { panBy, usualAxes, zoomBy } from "../js/plot/zoom.js";
import { createState } from "../js/state/state.js";
import { fromFragment } from "../js/state/view.js";

const NOW = 1_764_000_000;
const DAY = 86_400;
const turn = (change = {}) => ({ deltaX: 0, deltaY: 100, deltaMode: 0, ctrlKey: false, metaKey: false, shiftKey: false, ...change });

test("a wheel scrolls the page, until the plot was clicked or Ctrl is held", () => {
  assert.equal(meaningOf(turn(), false).kind, "scroll");
  assert.equal(meaningOf(turn(), true).kind, "zoom");
  assert.equal(meaningOf(turn({ ctrlKey: true }), false).kind, "zoom");
  assert.equal(meaningOf(turn({ metaKey: true }), false).kind, "zoom");
  assert.equal(meaningOf(turn({ deltaY: 0 }), true).kind, "scroll");
});

test("turning away zooms in, towards oneself out", () => {
  assert.ok(meaningOf(turn({ deltaY: -100 }), true).factor < 1);
  assert.ok(meaningOf(turn(), true).factor > 1);
  assert.equal(meaningOf(turn({ shiftKey: true }), true).isTimeOnly, true);
});

test("a swipe to the side pans, clicked or not", () => {
  for (const isFocused of [false, true]) {
    assert.deepEqual(meaningOf(turn({ deltaX: 30, deltaY: 5 }), isFocused), { kind: "pan", dx: -30 });
  }
  assert.equal(meaningOf(turn({ deltaX: 5, deltaY: 30 }), false).kind, "scroll");
  assert.equal(meaningOf(turn({ deltaX: 30, deltaY: 5, ctrlKey: true }), false).kind, "zoom", "a pinch is never a swipe");
});

test("a pinch's small steps do as much as a wheel's large ones, and no turn does too much", () => {
  const pinch = meaningOf(turn({ deltaY: 10, ctrlKey: true }), false).factor;
  const wheel = meaningOf(turn({ deltaY: 100, ctrlKey: true }), false).factor;
  assert.ok(pinch > 1.05 && wheel > 1.05 && wheel < 1.3, `${pinch} ${wheel}`);
  assert.ok(meaningOf(turn({ deltaY: 1e6, deltaMode: 2 }), true).factor < 2);
  const lines = meaningOf(turn({ deltaY: 3, deltaMode: 1 }), true).factor;
  assert.equal(lines, meaningOf(turn({ deltaY: 48 }), true).factor);
});

/** A page with a price, at this view, and its plot. */
function page(fragment) {
  const state = createState();
  state.timestamp = NOW;
  state.priceAxis = { centre: 100_000, reach: 0.04 };
  state.view = fromFragment(fragment);
  const prices = [];
  for (let at = NOW - 30 * DAY; at < NOW; at += 3600) prices.push({ timestamp: at, price: 100_000 + (at - NOW) / 100, low: 7e4, high: 1e5, confidence: 1, source: "block", height: 1 });
  const series = { from: NOW - 30 * DAY, to: NOW, stepSeconds: 3600, minutesFrom: null, prices };
  for (const key of ["7d", "30d", "all"]) state.archive.take(key, series, 0);
  const layout = () => layOut({ width: 1000, height: 500 }, 12, 80, shownParts(state), state.view.zoom.price ?? followedPrices(state));
  return { state, layout };
}

test("what is zoomed about stays where it is", () => {
  const { state, layout } = page("");
  const about = { x: 400, y: 200 };
  const before = timeAt(layout().parts[0], about.x);
  zoomBy(state, layout(), 0.5, about, usualAxes(state));
  assert.ok(Math.abs(xOf(layout().parts[0], before) - about.x) < 8, "but for the free room at the edge of what is live");
  assert.ok(state.view.zoom.time && state.view.zoom.price);
  const { low, high } = state.view.zoom.time;
  assert.ok(Math.abs(high - low - 5400) < 1e-3);
});

test("no zooming goes beyond the window, nor closer than half a minute", () => {
  const { state, layout } = page("");
  for (let step = 0; step < 40; step += 1) zoomBy(state, layout(), 0.5, { x: 400, y: 200 }, usualAxes(state));
  assert.ok(Math.abs(state.view.zoom.time.high - state.view.zoom.time.low - 30) < 1e-3);
  for (let step = 0; step < 40; step += 1) zoomBy(state, layout(), 2, { x: 400, y: 200 }, usualAxes(state));
  assert.ok(Math.abs(state.view.zoom.time.low - (NOW - 10_800)) < 1e-3 && Math.abs(state.view.zoom.time.high - NOW) < 1e-3);
});

test("a split axis pans the part that is dragged, and keys pan both", () => {
  const { state, layout } = page(`axis=split&confirmed=${NOW - 5000}~${NOW - 4000}&mempool=${NOW - 3000}~${NOW - 2000}`);
  const [confirmed] = layout().parts;
  panBy(state, layout(), confirmed.right - confirmed.left, 0, { x: 10, y: 10 });
  assert.ok(Math.abs(state.view.zoom.confirmed.low - (NOW - 6000)) < 1e-3);
  assert.equal(state.view.zoom.mempool.low, NOW - 3000);
  panBy(state, layout(), confirmed.right - confirmed.left, 0, null);
  assert.ok(state.view.zoom.mempool.low < NOW - 3900);
});

test("along the years the price axis follows what is shown, and can still be zoomed by itself", () => {
  const { state, layout } = page("range=30d");
  zoomBy(state, layout(), 0.25, { x: 100, y: 200 }, usualAxes(state));
  assert.equal(state.view.zoom.price, null);
  const { low, high } = followedPrices(state);
  assert.ok(high < 93_000 && low > 60_000, `${low} ${high}`);
  panBy(state, layout(), 30, 30, { x: 10, y: 10 });
  assert.equal(state.view.zoom.price, null);
  zoomBy(state, layout(), 0.5, { x: 990, y: 200 }, { time: false, price: true });
  const zoomed = state.view.zoom.price;
  assert.ok(zoomed && zoomed.high > zoomed.low);
  panBy(state, layout(), 0, 30, { x: 10, y: 10 });
  assert.notDeepEqual(state.view.zoom.price, zoomed);
});

test("years can be panned back to where the history begins, and not beyond", () => {
  const { state, layout } = page("range=7d");
  state.coverage = { filled: 1, since: NOW - 30 * DAY, firstTime: NOW - 30 * DAY };
  for (let step = 0; step < 50; step += 1) panBy(state, layout(), 400, 0, { x: 10, y: 10 });
  assert.ok(Math.abs(state.view.zoom.time.low - (NOW - 30 * DAY)) < 1e-3);
  assert.ok(Math.abs(state.view.zoom.time.high - state.view.zoom.time.low - 7 * DAY) < 1e-3);
});

/** Moves a finger or a mouse over the plot from (500, 200), and gives the view that this leaves. */
function moved(pointerType, moves) {
  const { state, layout } = page("#range=1h");
  const heard = new Map();
  const chart = {
    addEventListener: (name, handler) => heard.set(name, handler),
    getBoundingClientRect: () => ({ left: 0, top: 0 }),
    setPointerCapture() {},
  };
  listen(chart, { state, layout, onView() {}, onPoint() {}, onStep() {}, onPlainWheel() {} });
  const at = (x, y) => ({ pointerId: 1, pointerType, button: 0, clientX: x, clientY: y, timeStamp: 0 });
  heard.get("pointerdown")(at(500, 200));
  for (const [x, y] of moves) heard.get("pointermove")(at(x, y));
  return state.view.zoom;
}

test("a finger that scrolls the page leaves the plot as it is, and one that goes sideways moves it in time alone", () => {
  const scroll = moved("touch", [[500, 198], [501, 190], [503, 150], [540, 100]]);
  assert.deepEqual([scroll.time, scroll.price], [null, null]);
  const swipe = moved("touch", [[504, 201], [520, 203], [560, 210]]);
  assert.ok(swipe.time);
  assert.equal(swipe.price, null);
  const drag = moved("mouse", [[504, 204], [520, 220], [560, 260]]);
  assert.ok(drag.time && drag.price);
});
