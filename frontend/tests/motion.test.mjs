// What moves between messages, and what the histogram shows.

import assert from "node:assert/strict";
import { test } from "node:test";
import { barsOf } from "../js/panels/evidence.js";
import { Glide, spanOf, Strength } from "../js/plot/motion.js";

test("the axis glides to where it wants to be, and then rests", () => {
  const glide = new Glide();
  const [from, to] = [spanOf({ centre: 100, reach: 0.04 }), spanOf({ centre: 103, reach: 0.04 })];
  assert.equal(glide.towards(from, 1, false), false);
  assert.deepEqual(glide.at, from, "at first it is there at once");
  let clock = 1;
  let frames = 0;
  let before = from.low;
  while (glide.towards(to, (clock += 1 / 60), false)) {
    assert.ok(glide.at.low > before && glide.at.low < to.low);
    before = glide.at.low;
    frames += 1;
  }
  assert.deepEqual(glide.at, to);
  assert.ok(frames > 20 && frames < 120, String(frames));
});

test("whoever wants no motion gets none, and nothing glides from one price to another far away", () => {
  const glide = new Glide();
  glide.towards({ low: 90, high: 110 }, 1, false);
  assert.equal(glide.towards({ low: 95, high: 115 }, 1.01, true), false);
  assert.deepEqual(glide.at, { low: 95, high: 115 });
  assert.equal(glide.towards({ low: 900, high: 1100 }, 1.02, false), false);
  assert.deepEqual(glide.at, { low: 900, high: 1100 });
});

test("a machine that does not keep up is left in peace for a while", () => {
  const strength = new Strength();
  for (let frame = 0; frame < 12; frame += 1) strength.frame(0.016, frame);
  assert.ok(strength.suffices(12));
  for (let frame = 0; frame < 12; frame += 1) strength.frame(0.12, 20);
  assert.ok(!strength.suffices(21) && !strength.suffices(79));
  assert.ok(strength.suffices(80));
});

test("the ladder slides along the amounts with the price", () => {
  const counts = Array(1400).fill(1);
  const amounts = { firstSats: 1000, binWidth: 0.01, counts, ladder: [{ roundUsd: 50, strength: 3 }, { roundUsd: 90, strength: 0 }] };
  const onRung = (price) => barsOf(amounts, price).filter((bar) => bar.onRung);
  for (const price of [50_000, 100_000]) {
    const bars = onRung(price);
    assert.ok(bars.length >= 1 && bars.length <= 2, `${bars.length} at ${price}: the weak rung is not drawn`);
    const usd = 3 * (2600 / 3) ** bars[0].at;
    assert.ok(Math.abs(usd / 50 - 1) < 0.01, String(usd));
  }
  assert.ok(barsOf(amounts, 50_000).every(({ at }) => at >= 0 && at <= 1));
});
