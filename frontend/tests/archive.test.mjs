// The line about the past: how far back it goes, how much is filled, and nothing where there is no historian.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setLocale } from "../js/base/format.js";
import { archiveOf } from "../js/panels/archive.js";
import { readCoverage } from "../js/link/message.js";

const MARCH_2021 = Date.UTC(2021, 2, 31, 23, 59) / 1000;
const told = { state: "filling", since_time: MARCH_2021, read_blocks: 619, wanted_blocks: 1000, left_seconds: 10_800 };
const line = (change = {}) => archiveOf(readCoverage({ ...told, ...change }));

test("a past that is being filled tells since when, how much and how long", () => {
  assert.equal(line(), "history since March 2021 · 61 % filled · 3 h left");
  assert.deepEqual([30, 1500, 3599, 5400, 169_200, 200_000].map((seconds) => line({ left_seconds: seconds }).split(" · ")[2]), [
    "1 min left", "25 min left", "59 min left", "2 h left", "47 h left", "2 d left",
  ]);
});

test("what is not known is left out", () => {
  assert.equal(line({ left_seconds: undefined }), "history since March 2021 · 61 % filled");
  assert.equal(line({ since_time: undefined }), "history 61 % filled · 3 h left");
  assert.equal(line({ read_blocks: 0, since_time: undefined }), "");
});

test("a past that is full tells since when alone, and one just short of that is not called full", () => {
  assert.equal(line({ state: "following", read_blocks: 1000, left_seconds: undefined }), "history since March 2021");
  assert.equal(line({ read_blocks: 999.9 }).split(" · ")[1], "99 % filled");
});

test("a past that is unverified in part says so", () => {
  const full = { state: "following", read_blocks: 1000, left_seconds: undefined };
  assert.equal(line({ ...full, blocks: 1000, unverified_blocks: 1 }), "history since March 2021 · 1 % unverified");
  assert.equal(line({ ...full, blocks: 1000 }), "history since March 2021");
});

test("a historian that cannot write says why", () => {
  assert.equal(line({ state: "stuck", detail: "the disk is full" }), "history since March 2021 · stopped: the disk is full");
  assert.equal(line({ state: "stuck", since_time: undefined }), "history stopped");
});

test("without a historian, or with an odd one, nothing is said", () => {
  assert.equal(archiveOf(null), "");
  assert.equal(line({ state: "away", detail: "the historian has no answer: it cannot be reached" }), "");
  assert.equal(archiveOf(readCoverage({ state: "away", detail: "x" })), "");
  for (const odd of [null, {}, [], "x", { state: "resting" }]) assert.equal(archiveOf(readCoverage(odd)), "");
  assert.equal(line({ read_blocks: -5 }), "history since March 2021");
  assert.equal(line({ wanted_blocks: "x", left_seconds: -1 }), "history since March 2021");
});

test("the month is written in the reader's language", () => {
  setLocale("de-DE");
  assert.equal(line(), "history since März 2021 · 61 % filled · 3 h left");
  setLocale("en-US");
});
