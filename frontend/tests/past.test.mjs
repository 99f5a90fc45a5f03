// The prices of the past: what is asked of the historian, when, what is drawn of it, and what is said of a moment.

import assert from "node:assert/strict";
import { test } from "node:test";
import { readSeries } from "../js/link/archive.js";
import { readCoverage } from "../js/link/message.js";
import { readTyped, refusedAt, toldOf, unanswered } from "../js/panels/past-words.js";
import { messageOf, progressOf } from "../js/panels/plot-words.js";
import { firstFrom } from "../js/plot/past.js";
import { followedPrices, shownLine } from "../js/plot/prices.js";
import { doubtWords, seriesWords } from "../js/plot/titles.js";
import { Inquiry } from "../js/shell/archive.js";
import { isApart, reachOf, refusalOf, shownSeries, wantedSeries } from "../js/state/archive.js";
import { goneSpan, showFromHistory } from "../js/state/gone.js";
import { readMoment, writeMoment } from "../js/state/moment.js";
import { createState } from "../js/state/state.js";
import { fromFragment } from "../js/state/view.js";

const NOW = 1_764_000_000;
const DAY = 86_400;
const coverage = (change = {}) => readCoverage({
  state: "following", read_blocks: 10, wanted_blocks: 10, since_time: NOW - 1000 * DAY, first_time: NOW - 1000 * DAY,
  first_height: 700_000, tip_height: 920_000, first_minute: NOW - 9 * DAY, ...change,
});
const row = (time, price = 1e5, more = {}) => ({ time, price, interval: { low: price * 0.99, high: price * 1.01 }, confidence: 0.9, source: "block", state: "final", height: 800_000, ...more });
const answer = (from, to, step, change = {}) => {
  const prices = [];
  for (let at = from; at < to; at += step || 600) prices.push(row(at));
  return readSeries({ from, to, step_seconds: step, prices, ...change });
};

function looking(fragment) {
  const state = createState();
  state.timestamp = NOW;
  state.coverage = coverage();
  state.isCoverageKnown = true;
  state.view = fromFragment(fragment);
  return state;
}

test("an answer is read, unusable prices are left out, and what is no answer is refused", () => {
  const read = readSeries({ from: 1, to: 9e9, step_seconds: 60, minutes_from: 500, prices: [row(100), { time: 200 }, null, row(50), row(600, 2, { source: "minute", height: undefined })] });
  assert.deepEqual(read.prices.map(({ timestamp, source, height }) => [timestamp, source, height]), [[50, "block", 800_000], [100, "block", 800_000], [600, "minute", null]]);
  assert.deepEqual([read.stepSeconds, read.minutesFrom], [60, 500]);
  for (const odd of [null, {}, { from: 1, to: 2 }, { prices: [] }]) assert.throws(() => readSeries(odd));
});

test("dots ask nothing, a range asks for itself, and a shown one is asked for again now and then", () => {
  assert.equal(wantedSeries(looking("")), null);
  const state = looking("range=24h");
  assert.deepEqual(wantedSeries(state), { key: "24h", query: "range=24h", everySeconds: 60 });
  state.archive.take("24h", answer(NOW - DAY, NOW, 0), 100);
  assert.equal(wantedSeries(state).everySeconds, 60);
  state.view = fromFragment("range=1y");
  state.archive.take("1y", answer(NOW - 365 * DAY, NOW, 10_800), 100);
  assert.equal(wantedSeries(state).everySeconds, 6 * 3600);
  state.coverage = coverage({ state: "filling", read_blocks: 5 });
  assert.equal(wantedSeries(state).everySeconds, 120, "while the past is being filled");
  state.coverage = null;
  assert.equal(wantedSeries(state), null);
});

test("zooming into coarse prices asks for finer ones once, and small moves ask nothing", () => {
  const state = looking("range=1y");
  state.archive.take("1y", answer(NOW - 365 * DAY, NOW, 10_800), 0);
  state.view.zoom.time = { low: NOW - 20 * DAY, high: NOW - 10 * DAY };
  const wanted = wantedSeries(state);
  const [from, to] = [/from=(\d+)/, /to=(\d+)/].map((part) => Number(part.exec(wanted.query)[1]));
  assert.ok(from < NOW - 20 * DAY && to > NOW - 10 * DAY && to - from < 40 * DAY, wanted.query);
  assert.equal(shownSeries(state).stepSeconds, 10_800, "until then the coarse ones are shown");
  state.archive.take(wanted.key, answer(from, to, 0), 0);
  assert.equal(shownSeries(state).stepSeconds, 0);
  assert.equal(wantedSeries(state).key, "1y");
  state.view.zoom.time = { low: NOW - 20.5 * DAY, high: NOW - 10.5 * DAY };
  assert.equal(wantedSeries(state).key, "1y");
  state.view.zoom.time = { low: NOW - 300 * DAY, high: NOW - 20 * DAY };
  assert.equal(wantedSeries(state).key, "1y", "wide enough for the prices of the range");
});

test("panning back before a range asks for what lies there, and the live edge needs none of the future", () => {
  const state = looking("range=24h");
  state.archive.take("24h", answer(NOW - DAY, NOW, 0), 0);
  state.view.zoom.time = { low: NOW - 3 * DAY, high: NOW - 2 * DAY };
  assert.match(wantedSeries(state).query, /^from=/);
  state.view.zoom.time = { low: NOW - 2 * DAY, high: NOW };
  const { key, query } = wantedSeries(state);
  const [from, to] = [/from=(\d+)/, /to=(\d+)/].map((part) => Number(part.exec(query)[1]));
  state.archive.take(key, answer(from, to, 0), 0);
  assert.equal(shownSeries(state).from, from);
});

/** What is asked, as the page goes on. */
function inquiry(state) {
  const log = [];
  const asker = { ask: ({ key }, delayMs) => void log.push(delayMs ? `${key} later` : key), stop: () => void log.push("stop") };
  return { inquiry: new Inquiry(state, asker), log };
}

test("one question at a time: another supersedes it, and the same is not asked twice", () => {
  const state = looking("range=24h");
  const { inquiry: asks, log } = inquiry(state);
  asks.look(0, true);
  asks.look(1, true);
  assert.deepEqual(log, ["24h"]);
  state.view = fromFragment("range=7d");
  asks.look(2, true);
  assert.deepEqual(log, ["24h", "stop", "7d"]);
  asks.take("7d", answer(NOW - 7 * DAY, NOW, 0), 3);
  for (let clock = 4; clock < 3 + 420; clock += 1) asks.look(clock, true);
  assert.equal(log.length, 3, "an answer is good for a while");
  asks.look(3 + 420, true);
  assert.equal(log.at(-1), "7d");
  state.view = fromFragment("");
  asks.look(424, true);
  assert.equal(log.at(-1), "stop");
});

test("nothing is asked while nobody looks, and after a reconnect not before its time", () => {
  const state = looking("range=24h");
  const { inquiry: asks, log } = inquiry(state);
  asks.look(0, false);
  assert.deepEqual(log, []);
  asks.look(1, true);
  asks.take("24h", answer(NOW - DAY, NOW, 0), 2);
  asks.renew(3, 20_000);
  asks.look(4, true);
  assert.deepEqual(log, ["24h"]);
  assert.notEqual(state.archive.of("24h"), null, "what is held stays until then");
  asks.look(23, true);
  assert.deepEqual(log, ["24h", "24h"]);
});

test("the line goes on to the live price, and breaks where nothing is known", () => {
  const state = looking("range=24h");
  state.archive.take("24h", answer(NOW - DAY, NOW - 600, 0, { minutes_from: NOW - 7200 }), 0);
  assert.equal(shownLine(state).entries.at(-1).timestamp < NOW - 600, true, "without a price there is none");
  state.link = { ...state.link, phase: "connected" };
  state.estimate = { price: 101_000, confidence: 1, interval: null, stale: false, ageSeconds: 1 };
  const { entries } = shownLine(state);
  assert.deepEqual([entries.at(-1).timestamp, entries.at(-1).price], [NOW, 101_000]);
  assert.equal(shownLine(state).entries, entries, "and is not made anew for each frame");
  const series = { stepSeconds: 0, minutesFrom: NOW - 7200 };
  const apart = (from, to) => isApart(series, { timestamp: from }, { timestamp: to });
  assert.deepEqual([apart(NOW - DAY, NOW - DAY + 5 * 3600), apart(NOW - DAY, NOW - DAY + 7 * 3600)], [false, true]);
  assert.deepEqual([apart(NOW - 3600, NOW - 3000), apart(NOW - 3600, NOW - 2900)], [false, true]);
  assert.equal(isApart({ stepSeconds: DAY, minutesFrom: null }, { timestamp: 0 }, { timestamp: 2 * DAY }), false);
});

test("the price axis spans what is shown, and no wild interval widens it", () => {
  const entries = [{ timestamp: 1, price: 100, low: 1, high: 101 }, { timestamp: 2, price: 110, low: 109, high: 1000 }, { timestamp: 9, price: 500, low: 490, high: 510 }];
  assert.deepEqual(reachOf(entries, { low: 0, high: 5 }), { low: 90, high: 121.00000000000001 });
  assert.equal(reachOf(entries, { low: 20, high: 30 }), null);
  const state = looking("range=24h");
  state.archive.take("24h", answer(NOW - DAY, NOW, 0), 0);
  const { low, high } = followedPrices(state);
  assert.ok(low < 99_000 && low > 98_000 && high > 101_000 && high < 102_000);
});

test("a range is offered when the history goes back that far, else it says why not", () => {
  const state = looking("");
  const day = () => "1 May";
  const refusals = (change) => [3600, DAY, 365 * DAY, Infinity].map((seconds) => refusalOf(Object.assign(state, change), seconds, day));
  assert.deepEqual(refusals({ coverage: coverage() }), ["", "", "", ""]);
  assert.deepEqual(refusals({ coverage: coverage({ since_time: NOW - 30 * DAY }) }), ["", "", "The history begins on 1 May", ""]);
  assert.deepEqual(refusals({ coverage: coverage({ since_time: NOW - 30 * DAY, read_blocks: 3 }) }), ["", "", "Read only back to 1 May so far", ""]);
  assert.match(refusals({ coverage: null })[1], /no history/);
  assert.equal(refusals({ coverage: null })[0], "");
});

test("the title says which prices are shown", () => {
  const words = (change, span) => seriesWords({ minutesFrom: null, stepSeconds: 0, ...change }, span ?? { start: 0, end: 1e6 });
  assert.equal(words({}), "prices of blocks");
  assert.equal(words({ stepSeconds: DAY }), "prices of blocks, one in 24 h");
  assert.match(words({ minutesFrom: 5e5 }), /^prices of blocks, then of minutes from .+ on$/);
  assert.equal(words({ minutesFrom: 5e5 }, { start: 6e5, end: 7e5 }), "prices of minutes");
  assert.equal(words({ minutesFrom: 5e5 }, { start: 1e5, end: 2e5 }), "prices of blocks");
});

test("the title says whether prices that are shown are unverified", () => {
  const { prices } = readSeries({ from: 0, to: 9e9, prices: [row(100), row(200, 1e5, { state: "unverified" }), row(300, 1e5, { state: "unverified" }), row(400)] });
  const words = (start, end) => doubtWords({ prices }, { start, end });
  assert.equal(words(0, 500), "unverified in part");
  assert.equal(words(200, 300), "unverified");
  assert.equal(words(300, 301), "unverified");
  assert.equal(words(301, 500), "");
  assert.equal(words(0, 199), "");
  assert.equal(words(500, 600), "");
});

test("a price is found by its time", () => {
  const entries = [10, 20, 30].map((timestamp) => ({ timestamp }));
  assert.deepEqual([5, 10, 11, 30, 31].map((moment) => firstFrom(entries, moment)), [0, 0, 1, 2, 3]);
});

test("a moment in a link is read and written again, in UTC", () => {
  for (const text of ["2026-03-04T12:00Z", "block-900000"]) assert.equal(writeMoment(readMoment(text)), text);
  assert.equal(readMoment("2026-03-04T12:00").timestamp, new Date(2026, 2, 4, 12).getTime() / 1000, "without Z it is local");
  assert.equal(readMoment("2026-03-04").timestamp, new Date(2026, 2, 4, 12).getTime() / 1000, "a day is its noon");
  for (const odd of ["", "noon", "2026-13-01", "2026-02-30", "2026-02-30T12:00Z", "block-", "block-x", "1969-01-01"]) assert.equal(readMoment(odd), null, odd);
});

test("a moment that has no price is told so in one sentence", () => {
  const state = looking("");
  const at = (timestamp) => ({ kind: "time", timestamp });
  const block = (height) => ({ kind: "block", height });
  assert.match(refusedAt(state, at(NOW + 9999)), /is still to come\.$/);
  assert.match(refusedAt(state, at(NOW - 2000 * DAY)), /^The history begins on .*\.$/);
  assert.equal(refusedAt(state, at(NOW - DAY)), "");
  assert.equal(refusedAt(state, block(930_000)), "There is no block 930,000 yet: the newest is 920,000.");
  assert.equal(refusedAt(state, block(100)), "The history begins with block 700,000.");
  state.coverage = coverage({ state: "filling", read_blocks: 6, since_time: NOW - 30 * DAY, left_seconds: 10_800 });
  assert.equal(refusedAt(state, block(100)), "", "not while it is being filled");
  assert.match(unanswered(state, at(NOW - 99 * DAY), 503), /^The blocks of that time are still to be read \(history since .* 60 % filled · 3 h left\)\.$/);
  state.coverage = coverage();
  assert.match(unanswered(state, at(NOW - DAY), 503), /historian does not answer/);
  assert.match(unanswered(state, at(NOW - DAY), 0), /gateway did not answer/);
  assert.match(unanswered(state, block(800_000), 404), /too few payments/);
  state.coverage = null;
  assert.match(refusedAt(state, at(NOW - DAY)), /no history/);
});

test("a price is told with its moment, its doubt and its source; one of long before is not the moment's", () => {
  const past = readSeries({ from: 0, to: 9e9, prices: [row(1_709_251_000, 62_000.5)] }).prices[0];
  const told = toldOf({ kind: "time", timestamp: 1_709_251_200 }, past);
  assert.match(told.when, /2024-03-01 00:00 UTC$/);
  assert.deepEqual([told.price, told.source], ["$62,001", "from block 800,000, 3 min earlier"]);
  assert.match(told.doubt, /^90 % interval \$61,380 – \$62,621 · confidence high 0\.90$/);
  const unverified = readSeries({ from: 0, to: 9e9, prices: [{ ...row(1_709_251_000, 62_000.5), state: "unverified" }] }).prices[0];
  assert.match(toldOf({ kind: "time", timestamp: 1_709_251_200 }, unverified).doubt, / 0\.90 · unverified: imported/);
  assert.equal(toldOf({ kind: "time", timestamp: 1_709_251_000 + DAY }, past), null);
  assert.match(toldOf({ kind: "block", height: 800_000 }, past).when, /^Block 800,000: /);
});

test("a link to a moment whose payments are gone is known for that, and one that may be here is not", () => {
  const zoomed = (low, high, more = "") => goneSpan(looking(`time=${NOW + low}~${NOW + high}${more}`));
  assert.equal(zoomed(-900, -300), null);
  assert.equal(zoomed(-20_000, -9000), null, "a part of it is here");
  assert.deepEqual(zoomed(-20_000, -12_000), { low: NOW - 20_000, high: NOW - 12_000 });
  assert.deepEqual(zoomed(500, 900), { low: NOW + 500, high: NOW + 900 });
  assert.equal(zoomed(-20_000, -12_000, "&range=24h"), null);
  assert.notEqual(goneSpan(looking(`confirmed=${NOW - 90_000}~${NOW - 89_000}`)), null);
});

test("such a moment is shown from the history, in the shortest range that has it", () => {
  const state = looking(`time=${NOW - 3 * DAY}~${NOW - 3 * DAY + 600}`);
  showFromHistory(state.view, goneSpan(state), NOW);
  const { low, high } = state.view.zoom.time;
  assert.deepEqual([state.view.range, high - low], [7 * DAY, DAY / 2]);
  assert.ok(low < NOW - 3 * DAY && high > NOW - 3 * DAY + 600);
  showFromHistory(state.view, { low: NOW - 999 * DAY, high: NOW - 999 * DAY }, NOW);
  assert.equal(state.view.range, Infinity);
  showFromHistory(state.view, { low: NOW - 60, high: NOW - 60 }, NOW);
  assert.equal(state.view.zoom.time.high, NOW);
});

test("what was typed is a block, or a date with its time; else it is told in words what is wrong", () => {
  const typed = (date, time, block) => readTyped({ date, time, block });
  for (const block of ["840000", "840,000", " 840.000 ", "840 000"]) assert.deepEqual(typed("", "", block).moment, { kind: "block", height: 840_000 });
  const noon = new Date(2026, 2, 4, 12).getTime() / 1000;
  assert.deepEqual(typed("2026-03-04", "12:00", "").moment, { kind: "time", timestamp: noon });
  assert.deepEqual(typed("2026-03-04", "12:00:30", "").moment, { kind: "time", timestamp: noon });
  assert.deepEqual(typed("2026-03-04", "", "").moment, { kind: "time", timestamp: noon }, "a day is its noon");
  for (const odd of [["", "", "abc"], ["", "", "-5"], ["", "12:00", ""], ["4.3.2026", "12:00", ""]]) {
    const { moment, trouble } = typed(...odd);
    assert.equal(moment, null);
    assert.match(trouble, /^[A-Z].*\.$/);
  }
});

test("before the first price the plot says how far the reading has come", () => {
  const state = createState();
  assert.equal(messageOf(state).text, "Connecting to the gateway");
  Object.assign(state, { updates: 1, link: { phase: "connected", failures: 0, retryAt: 0, reason: "" } });
  const told = (hopState, detail) => {
    state.hops = [{ name: "node", state: hopState, detail }];
    const { text, progress } = messageOf(state);
    return [text, progress];
  };
  assert.deepEqual(told("resyncing", "reading: 2000 of 2114 transactions"), ["2,000 of 2,114 transactions read", 2000 / 2114]);
  assert.deepEqual(told("resyncing", "43 % synchronised"), ["Waiting for the node: 43 % synchronised", 0.43]);
  assert.deepEqual(told("connecting", ""), ["Waiting for the node", null]);
  assert.deepEqual(told("connected", ""), ["Waiting for enough payments to read a price from", null]);
});

test("a moment that is gone, to come, or not known is told inside the plot, with a way on", () => {
  const priced = (fragment) => Object.assign(looking(fragment), { estimate: { price: 1e5, interval: null } });
  assert.equal(messageOf(priced("")), null);
  const gone = messageOf(priced(`time=${NOW - 90_000}~${NOW - 89_000}`));
  assert.match(gone.text, /^This link shows .* Payments are kept for 3 hours, so these are gone\.$/);
  assert.deepEqual([gone.live, gone.past], [true, { low: NOW - 90_000, high: NOW - 89_000 }]);
  const before = priced(`time=${NOW - 2000 * DAY}~${NOW - 1999 * DAY}`);
  assert.equal(messageOf(before).past, null, "the history does not go back that far");
  assert.match(messageOf(priced(`time=${NOW + 900}~${NOW + 1900}`)).text, /is still to come\.$/);
  const year = priced("range=1y");
  assert.equal(messageOf(year).text, "Reading the prices of the last 365 days");
  year.archive.failure = "the historian has no answer";
  assert.equal(messageOf(year).text, "The history does not answer, and is asked again: the historian has no answer.");
  year.archive.take("1y", answer(NOW - 365 * DAY, NOW, 10_800), 0);
  assert.equal(messageOf(year), null);
  const without = Object.assign(priced("range=1y"), { coverage: null });
  assert.deepEqual([messageOf(without).text, messageOf(without).live], ["This gateway has no history of prices.", true]);
});

test("progress is shown near the ranges while the past is filled and looked at", () => {
  const state = looking("range=1y");
  assert.equal(progressOf(state), "");
  state.coverage = coverage({ state: "filling", read_blocks: 6, left_seconds: 10_800 });
  assert.match(progressOf(state), /^history since .* 60 % filled · 3 h left$/);
  state.view = fromFragment("");
  assert.equal(progressOf(state), "");
});
