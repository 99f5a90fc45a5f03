// How numbers and spans are written, and how long the page waits before it tries again.

import assert from "node:assert/strict";
import { test } from "node:test";
import { retryDelayMs } from "../js/link/connection.js";
import {
  formatAge, formatBtc, formatCount, formatLocalTime, formatPercent, formatRoundUsd, formatSignedPercent, formatTiny, formatUptime, formatUsd, formatUtc,
  separators, setLocale,
} from "../js/base/format.js";

setLocale("en-US");

test("prices", () => assert.deepEqual([104_231.4, 999.5, 1e7].map((usd) => formatUsd(usd)), ["$104,231", "$999.50", "$10,000,000"]));

test("spans", () => {
  assert.deepEqual([0, 59.9, 725, 3720, 273_600].map(formatUptime), ["0s", "59s", "12m 05s", "1h 02m", "3d 04h"]);
  assert.deepEqual([-3, 45, 754, 10_800, 11_100].map(formatAge), ["0 s", "45 s", "12 min", "3 h", "3 h 5 min"]);
});

test("shares and moments", () => {
  assert.deepEqual([0.0012, -0.0007].map(formatSignedPercent), ["+0.12 %", "−0.07 %"]);
  assert.equal(formatUtc(0), "1970-01-01 00:00:00 UTC");
});

test("waits double up to a limit, and are scattered over their upper half", () => {
  assert.deepEqual([0, 1, 2, 5, 50].map((failures) => retryDelayMs(failures, 1)), [500, 1000, 2000, 15_000, 15_000]);
  assert.equal(retryDelayMs(2, 0), 1000);
});

test("amounts, round sums and tiny prices", () => {
  assert.equal(formatBtc(104_281), "0.00104281 BTC");
  assert.deepEqual([5, 2500].map(formatRoundUsd), ["$5", "$2,500"]);
  assert.deepEqual([850, 999.6, 97_253, 104_600, 999_499, 999_500, 1.24e6, 9.96e6].map(formatTiny), ["850", "1k", "97k", "105k", "999k", "1.0M", "1.2M", "10M"]);
});

test("numbers are of the reader's locale, with a dollar sign alone", () => {
  const plain = (text) => text.replace(/[\u00a0\u202f]/g, " ");
  for (const [locale, dollars, count, percent, signs] of [
    ["de-DE", "97.188 $", "43.045", "+0,12 %", { decimal: ",", group: "." }],
    ["fr-FR", "97 188 $", "43 045", "+0,12 %", { decimal: ",", group: " " }],
    ["en-GB", "$97,188", "43,045", "+0.12 %", { decimal: ".", group: "," }],
    ["hi-IN", "$97,188", "43,045", "+0.12 %", { decimal: ".", group: "," }],
  ]) {
    setLocale(locale);
    assert.deepEqual([plain(formatUsd(97_188)), plain(formatCount(43_045)), formatSignedPercent(0.0012)], [dollars, count, percent], locale);
    const { decimal, group } = separators();
    assert.deepEqual({ decimal, group: plain(group) }, signs, locale);
  }
  setLocale("en-US");
});

test("what is to be compared elsewhere is the same in every locale", () => {
  for (const locale of ["de-DE", "ar-EG", "ja-JP"]) {
    setLocale(locale);
    assert.deepEqual([formatUtc(86_400), formatTiny(97_188)], ["1970-01-02 00:00:00 UTC", "97k"]);
  }
  setLocale("en-US");
});

test("the time of day is of 24 hours in every locale", () => {
  const midnight = new Date(2025, 10, 22, 0, 5, 9).getTime() / 1000;
  for (const locale of ["en-US", "en-AU", "de-DE", "ja-JP"]) {
    setLocale(locale);
    assert.deepEqual([formatLocalTime(midnight), formatLocalTime(midnight + 14 * 3600, true)], ["00:05", "14:05:09"], locale);
  }
  setLocale("en-US");
  assert.equal(formatPercent(0.0013), "0.13 %");
});
