// How numbers and spans are written, and how long the page waits before it tries again.

import assert from "node:assert/strict";
import { test } from "node:test";
import { retryDelayMs } from "../js/link/connection.js";
import { formatAge, formatBtc, formatRoundUsd, formatSignedPercent, formatTiny, formatUptime, formatUsd, formatUtc } from "../js/base/format.js";

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
