// Alerts: each fires once, when its condition begins to hold, and never on a price that is not of this moment.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setLocale } from "../js/base/format.js";
import { AlertBook, readingOf } from "../js/panels/alert-book.js";
import { bannerOf, conditionOf, setWords, stageOf, suggested } from "../js/panels/alert-words.js";
import { allSeen, fromText, judge, MOST_ALERTS, setAgain, toText, unseen, withAlert, withoutAlert } from "../js/state/alerts.js";
import { createState } from "../js/state/state.js";

setLocale("en-US");

const at = (price, change = null, now = 1000) => ({ price, change, now });
const stages = (alerts) => alerts.map(({ stage }) => stage);

/** The alerts after prices that follow each other, and the kinds that fired at each. */
function after(alerts, ...readings) {
  const fired = [];
  for (const reading of readings) {
    const judged = judge(alerts, reading);
    alerts = judged.alerts;
    fired.push(judged.fired.map(({ kind }) => kind).join());
  }
  return { alerts, fired };
}

test("an alert fires when the price crosses its level, once", () => {
  const alerts = withAlert(withAlert([], "above", 100, at(90)), "below", 80, at(90));
  const { alerts: now, fired } = after(alerts, at(95), at(100), at(101, null, 1234), at(99), at(102), at(79), at(81), at(78));
  assert.deepEqual(fired, ["", "", "above", "", "", "below", "", ""]);
  assert.deepEqual([now[0].firedPrice, now[0].firedAt], [101, 1234]);
});

test("what holds already is waited for until it no longer does", () => {
  const alerts = withAlert([], "above", 100, at(110));
  assert.deepEqual(stages(alerts), ["waiting"]);
  const { fired } = after(alerts, at(120), at(99), at(98), at(105), at(99), at(105));
  assert.deepEqual(fired, ["", "", "", "above", "", ""]);
});

test("without a price of this moment an alert is armed, and fires at the first that holds", () => {
  assert.deepEqual(after(withAlert([], "above", 100, null), at(110)).fired, ["above"]);
});

test("a move counts up and down, and nothing is known of it without the price of an hour ago", () => {
  for (const change of [0.02, 0.05, -0.02]) assert.deepEqual(after(withAlert([], "moved", 0.02, at(1, 0.001)), at(1, null), at(1, change)).fired, ["", "moved"]);
  assert.deepEqual(after(withAlert([], "moved", 0.02, at(1, 0.03)), at(1, null), at(1, 0.03), at(1, 0.01), at(1, -0.021)).fired, ["", "", "", "moved"]);
});

test("an alert can be set again, closed, and removed", () => {
  let { alerts } = after(withAlert([], "above", 100, at(90)), at(101));
  assert.equal(unseen(alerts).length, 1);
  assert.equal(unseen(allSeen(alerts)).length, 0);
  alerts = setAgain(alerts, alerts[0].id, at(101));
  assert.deepEqual([alerts[0].stage, alerts[0].firedPrice, unseen(alerts).length], ["waiting", null, 0]);
  assert.deepEqual(after(alerts, at(99), at(101)).fired, ["", "above"]);
  assert.deepEqual(withoutAlert(alerts, alerts[0].id), []);
});

test("the newest that fired is told first", () => {
  const two = withAlert(withAlert([], "above", 100, at(90)), "above", 110, at(90));
  const { alerts } = after(two, at(105, null, 1), at(111, null, 2));
  assert.deepEqual(unseen(alerts).map(({ level }) => level), [110, 100]);
});

test("what is kept is read back, and what cannot be used is left out", () => {
  const { alerts } = after(withAlert(withAlert([], "above", 100, at(90)), "moved", 0.02, null), at(101));
  assert.deepEqual(fromText(toText(alerts)), alerts);
  const good = alerts[0];
  for (const bad of [null, "", "x", "{}", "[1]", "[null]", JSON.stringify([{ ...good, kind: "sideways" }]), JSON.stringify([{ ...good, level: -1 }]), JSON.stringify([{ ...good, stage: "?" }]), JSON.stringify([{ ...good, id: 0.5 }]), JSON.stringify([{ ...good, kind: "moved", level: 4 }])]) {
    assert.deepEqual(fromText(bad), [], bad);
  }
  assert.deepEqual(fromText(JSON.stringify([{ ...good, firedAt: "<b>", more: 1 }])), [{ ...good, firedAt: null }]);
  assert.deepEqual(fromText(JSON.stringify([good, good])), [good], "each number once");
});

test("there is room for a number of alerts only", () => {
  let alerts = [];
  for (let level = 1; level < 40; level += 1) alerts = withAlert(alerts, "above", level, null);
  assert.equal(alerts.length, MOST_ALERTS);
  assert.equal(fromText(JSON.stringify([...alerts, { ...alerts[0], id: 99 }])).length, MOST_ALERTS);
});

test("what is said of an alert", () => {
  const [above, moved] = withAlert(withAlert([], "above", 100_000, at(90_000)), "moved", 0.025, at(90_000, 0.03));
  assert.deepEqual([above, moved].map(conditionOf), ["above $100,000", "moved by 2.5 % in an hour"]);
  assert.deepEqual([above, moved].map(stageOf), ["set", "waits until the price has been calmer"]);
  assert.equal(setWords(above, null), "You will be told once the price is above $100,000.");
  assert.equal(setWords(moved, 0.03), "The price has moved that far already (+3.00 %), so this alert waits until it has been calmer.");
  assert.equal(setWords({ ...above, stage: "waiting" }, null), "The price is above $100,000 already, so this alert waits until it no longer is.");
  const [fired] = judge([above], at(100_012, null, 0)).alerts;
  assert.match(bannerOf(fired), /^The price is above \$100,000: it was \$100,012 at \d\d:\d\d$/);
  assert.match(stageOf(fired), /^fired at \d\d:\d\d, at \$100,012$/);
});

/** A page with a price of this moment. */
function page(price) {
  const state = createState();
  state.link = { phase: "connected", failures: 0, retryAt: 0, reason: "" };
  Object.assign(state, { timestamp: 5000, estimate: { price, confidence: 0.9, interval: null, payments: 1, newestPaymentAgeSeconds: 1, stale: false, staleReason: null, asOf: null, ageSeconds: 1 } });
  return state;
}

/** A browser's storage; `refuses` makes it throw. */
function storage() {
  const kept = new Map();
  const held = { refuses: false, kept };
  const guarded = (act) => (...values) => {
    if (held.refuses) throw new Error("not allowed");
    return act(...values);
  };
  globalThis.localStorage = {
    getItem: guarded((name) => kept.get(name) ?? null),
    setItem: guarded((name, value) => void kept.set(name, value)),
    removeItem: guarded((name) => void kept.delete(name)),
  };
  return held;
}

test("a stale price fires nothing, whatever it is", () => {
  storage();
  const state = page(90);
  const fired = [];
  const book = new AlertBook(state, (alerts) => fired.push(...alerts));
  book.change((alerts) => withAlert(alerts, "above", 100, readingOf(state)));
  state.estimate = { ...state.estimate, price: 110, stale: true };
  book.judge();
  assert.equal(fired.length, 0);
  for (const phase of ["waiting", "connecting"]) {
    state.estimate = { ...state.estimate, stale: false };
    state.link = { ...state.link, phase };
    book.judge();
    assert.equal(fired.length, 0, phase);
  }
  state.link = { ...state.link, phase: "connected" };
  book.judge();
  book.judge();
  assert.equal(fired.length, 1);
});

test("alerts outlive a reload, and two tabs share them", () => {
  storage();
  const [one, other] = [page(90), page(90)];
  const fired = [];
  const books = [new AlertBook(one, (alerts) => fired.push(["one", ...alerts])), new AlertBook(other, (alerts) => fired.push(["other", ...alerts]))];
  books[0].change((alerts) => withAlert(alerts, "above", 100, readingOf(one)));
  books[1].readAgain();
  assert.deepEqual(other.alerts, one.alerts);
  books[1].change((alerts) => withAlert(alerts, "below", 10, readingOf(other)));
  one.estimate = { ...one.estimate, price: 110 };
  books[0].judge();
  assert.deepEqual(stages(one.alerts), ["fired", "armed"], "what the other tab had set is not lost");
  books[1].readAgain();
  assert.deepEqual(fired.map(([tab]) => tab), ["one", "other"], "each tab is told, and one of them rings");
  const reloaded = page(110);
  const later = [];
  new AlertBook(reloaded, (alerts) => later.push(alerts)).judge();
  assert.deepEqual([stages(reloaded.alerts), unseen(reloaded.alerts).length, later.length], [["fired", "armed"], 1, 0], "it does not ring again");
});

test("a browser that keeps nothing has alerts as long as the page is open", () => {
  const held = storage();
  held.refuses = true;
  const state = page(90);
  const fired = [];
  const book = new AlertBook(state, (alerts) => fired.push(...alerts));
  book.change((alerts) => withAlert(alerts, "above", 100, readingOf(state)));
  book.change((alerts) => withAlert(alerts, "above", 105, readingOf(state)));
  assert.deepEqual([book.isKept, state.alerts.length], [false, 2]);
  state.estimate = { ...state.estimate, price: 110 };
  book.judge();
  assert.equal(fired.length, 2);
});

test("the price that an empty form suggests does not hold already", () => {
  for (const price of [0.5, 7.3, 999, 1000, 97_324, 97_500, 1_234_567]) {
    const [above, below] = [suggested(price, "above"), suggested(price, "below")];
    assert.ok(above > price && above < price * 1.11, `${price}: ${above}`);
    assert.ok(below < price && below > price * 0.89, `${price}: ${below}`);
  }
  assert.deepEqual([suggested(97_324, "above"), suggested(97_324, "below")], [97_500, 97_000]);
});
