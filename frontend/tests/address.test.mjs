// The address that restores the view, what this browser keeps, and the theme: nothing that a browser refuses stops the page.

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { attempt, remember, remembered } from "../js/base/storage.js";
import { defaultView } from "../js/state/view.js";

const nothing = { setAttribute() {}, addEventListener() {} };
globalThis.document = { getElementById: () => nothing };
globalThis.matchMedia = () => ({ matches: false, addEventListener() {} });
globalThis.location = { hash: "#range=15m&theme=light", pathname: "/sats/", search: "?kiosk" };
console.info = () => {};
/** Addresses that were written, the newest last. */
let written = [];
let isRefused = false;
/** How many of them the browser's Back leads away from. */
let steps = 0;
function take(address) {
  if (isRefused) throw new DOMException("too often", "SecurityError");
  written.push(address);
}
globalThis.history = {
  replaceState(state, title, address) {
    take(address);
  },
  pushState(state, title, address) {
    take(address);
    steps += 1;
  },
};
const { viewOfAddress, write, writeAtRest } = await import("../js/shell/address.js");
const { themeOf } = await import("../js/shell/theme.js");

beforeEach(() => {
  written = [];
  isRefused = false;
  steps = 0;
  location.hash = "#range=15m&theme=light";
});

test("the view is that of the address", () => {
  const view = viewOfAddress();
  assert.deepEqual([view.range, view.theme], [900, "light"]);
});

test("a view without words leaves the address as it is without a fragment", () => {
  write(defaultView());
  assert.deepEqual(written, ["/sats/?kiosk"]);
});

test("the browser's Back leads from another range, and from the end of a zoom, to the view before", () => {
  const view = (/** @type {string} */ hash) => {
    location.hash = hash;
    return viewOfAddress();
  };
  for (const [from, to, isStep] of [
    ["", "#range=1h", true],
    ["#range=1h", "", true],
    ["#range=1h&time=1763700000~1763700600", "#range=1h", true],
    ["#range=1h", "#range=1h&time=1763700000~1763700600", false],
    ["#time=1763700000~1763700600", "#time=1763700100~1763700600", false],
    ["", "#theme=dark", false],
  ]) {
    const next = view(to);
    location.hash = from;
    steps = 0;
    write(next);
    assert.equal(steps, Number(isStep), `${from} to ${to}`);
  }
});

test("a view that moves is written once it rests, and once", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  for (let move = 0; move < 240; move += 1) {
    writeAtRest({ ...defaultView(), range: 900 });
    mock.timers.tick(16);
  }
  assert.equal(written.length, 0);
  mock.timers.tick(400);
  assert.deepEqual(written, ["#range=15m"]);
  mock.timers.reset();
});

test("a browser that refuses the address stops nothing", () => {
  isRefused = true;
  write(defaultView());
  assert.deepEqual(written, []);
});

test("a browser that refuses its storage is a browser that remembers nothing", () => {
  globalThis.localStorage = undefined;
  assert.deepEqual([remembered("name"), remember("name", "value"), remember("name", null)], [null, false, false]);
  Object.defineProperty(globalThis, "localStorage", { configurable: true, get: () => { throw new DOMException("denied", "SecurityError"); } });
  assert.deepEqual([remembered("name"), remember("name", "value")], [null, false]);
});

test("each refusal is told of once", () => {
  const told = mock.method(console, "info", () => {});
  for (let time = 0; time < 3; time += 1) attempt("something", () => { throw new Error("no"); });
  assert.equal(told.mock.callCount(), 1);
});

test("a link's theme goes before the reader's own, and that before the system's", () => {
  assert.deepEqual([themeOf("light", "dark", false), themeOf(null, "light", false), themeOf(null, null, true), themeOf(null, null, false)], ["light", "light", "light", "dark"]);
});
