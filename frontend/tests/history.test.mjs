// The estimates of the past: bounded, put together from two sources, and asked for by time.

import assert from "node:assert/strict";
import { test } from "node:test";
import { History } from "../js/state/history.js";
import { endOf, isBroken, stretches } from "../js/plot/lines.js";

const estimate = (price) => ({ price, interval: { low: price - 1, high: price + 1 } });
const past = (timestamp, price = 10) => ({ timestamp, price, low: price - 1, high: price + 1 });
const stamps = (history) => history.entries.map(({ timestamp }) => timestamp);

test("live estimates are thinned out and bounded", () => {
  const history = new History();
  for (let at = 0; at <= 40_000; at += 1) history.push(1000 + at / 2, estimate(at));
  assert.ok(history.entries.length < 2500, String(history.entries.length));
  assert.ok(history.since >= 21_000 - 3 * 3600);
  assert.equal(history.entries.at(-1).price, 40_000);
});

test("estimates after a clock that was set back go, and new ones follow", () => {
  const history = new History();
  history.push(1000, estimate(1));
  history.push(4600, estimate(2));
  history.push(1060, estimate(3));
  assert.deepEqual(stamps(history), [1000, 1060]);
  history.push(1120, estimate(4));
  assert.deepEqual(stamps(history), [1000, 1060, 1120]);
});

test("what was fetched fills in, in order, and each moment once", () => {
  const history = new History();
  history.push(1000, estimate(1));
  history.push(1010, estimate(2));
  history.merge([past(800), past(1000), past(1005)]);
  assert.deepEqual(stamps(history), [800, 1000, 1005, 1010]);
  assert.equal(history.entries[1].price, 1, "the socket's stays");
});

test("a moment has the estimate nearest to it, if any is near", () => {
  const history = new History();
  assert.equal(history.at(1000), null);
  history.merge([past(1000, 1), past(1100, 2)]);
  assert.deepEqual([900, 1040, 1060, 1400].map((moment) => history.at(moment)?.price), [1, 1, 2, 2]);
  assert.equal(history.at(1500), null);
  assert.equal(history.at(600), null);
});

test("a line is drawn through what belongs together, with one beyond each edge", () => {
  const entries = [0, 100, 200, 300, 900, 1000, 1100].map((timestamp) => past(timestamp));
  const shown = stretches({ entries, isApart: isBroken }, { start: 150, end: 950 });
  assert.deepEqual(shown.map((stretch) => stretch.map(({ timestamp }) => timestamp)), [[100, 200, 300], [900, 1000]]);
  assert.deepEqual(stretches({ entries, isApart: isBroken }, { start: 5000, end: 6000 }), []);
});

test("the line goes on to the right edge only while its last estimate holds", () => {
  const part = { start: 0, end: 1000, left: 0, right: 1000, inset: 0, live: true };
  assert.equal(endOf(part, past(900), true), 1000);
  assert.equal(endOf(part, past(900), false), 900);
  assert.equal(endOf({ ...part, live: false }, past(900), true), 900);
});
