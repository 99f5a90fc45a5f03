// A page of another build than the gateway's: it is loaded again when nobody uses it, and never in a loop.

import assert from "node:assert/strict";
import { test } from "node:test";
import { buildIn, Renewal } from "../js/shell/build.js";
import { resetDelayMs } from "../js/link/rest.js";

const [OWN, OTHER, THIRD] = ["0123456789abcdef", "fedcba9876543210", "00000000ffffffff"];

/** A browser's tab: what outlives a reload, and what a reload would bring. */
function tab(offers = OTHER) {
  const kept = new Map();
  const surroundings = {
    reloads: 0,
    asked: 0,
    offers,
    wall: 1e12,
    random: () => 0.5,
    wallNow: () => surroundings.wall,
    storage: () => ({ getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => void kept.set(name, value) }),
    offered: async () => {
      surroundings.asked += 1;
      if (surroundings.offers === "unreachable") throw new Error("refused");
      return surroundings.offers;
    },
    reload: () => void (surroundings.reloads += 1),
  };
  return surroundings;
}

/** Lets the seconds of a page go by. */
async function seconds(renewal, from, to, leisure) {
  for (let clock = from; clock <= to; clock += 1) await renewal.tick(clock, leisure);
}

test("the build is read from a module's address and from the document", () => {
  assert.equal(buildIn(`https://price.example/satscope/assets/${OWN}/js/main.js`), OWN);
  assert.equal(buildIn(`<link rel="stylesheet" href="assets/${OWN}/style.css">`), OWN);
  for (const none of ["https://price.example/js/main.js", 'href="js/main.js"', `my-assets/${OWN}/x`, "assets/short/x"]) assert.equal(buildIn(none), null, none);
});

test("a page of the gateway's build, or where one of both has no name, is never reloaded", async () => {
  for (const [own, heard] of [[OWN, OWN], [OWN, null], [null, OTHER]]) {
    const here = tab();
    const renewal = new Renewal(own, here);
    renewal.hear(heard, 0);
    await seconds(renewal, 0, 1000, "hidden");
    assert.equal(here.reloads, 0, `${own} ${heard}`);
  }
});

test("reloads are spread over half a minute, and the first message of a build decides when", async () => {
  const here = tab();
  const renewal = new Renewal(OWN, here);
  for (let clock = 0; clock < 15; clock += 1) {
    renewal.hear(OTHER, clock);
    await renewal.tick(clock, "hidden");
  }
  assert.equal(here.asked, 0);
  await renewal.tick(15, "hidden");
  assert.equal(here.reloads, 1);
});

test("nobody is interrupted: a watched page waits for five minutes of rest, a kiosk for the end of a gesture", async () => {
  for (const [leisure, rest] of [["watched", 300], ["kiosk", 5]]) {
    const here = tab();
    const renewal = new Renewal(OWN, here);
    renewal.hear(OTHER, 0);
    renewal.touch(100, true);
    await seconds(renewal, 100, 1000, leisure);
    assert.equal(here.reloads, 0, "a button is down");
    renewal.touch(1000, false);
    await seconds(renewal, 1000, 999 + rest, leisure);
    assert.equal(here.reloads, 0, "it was used just now");
    await renewal.tick(1000 + rest, leisure);
    assert.equal(here.reloads, 1);
  }
});

test("what begins while the page is asked for is not interrupted either", async () => {
  const here = tab();
  const renewal = new Renewal(OWN, here);
  renewal.hear(OTHER, 0);
  const asking = renewal.tick(50, "hidden");
  renewal.touch(50.1, false);
  await asking;
  assert.deepEqual([here.asked, here.reloads], [1, 0]);
});

test("two builds behind one balancer make no loop", async () => {
  const here = tab();
  for (let load = 0; load < 50; load += 1) {
    // Whichever build the page comes from, its socket is at the other's gateway.
    const [own, other] = load % 2 === 0 ? [OWN, OTHER] : [OTHER, OWN];
    here.offers = other;
    const renewal = new Renewal(own, here);
    renewal.hear(other, 0);
    await seconds(renewal, 0, 30, "hidden");
  }
  assert.equal(here.reloads, 2, "once for each build");
  here.wall += 3_600_001;
  const renewal = new Renewal(OTHER, here);
  renewal.hear(OWN, 0);
  here.offers = OWN;
  await seconds(renewal, 0, 30, "hidden");
  assert.equal(here.reloads, 3, "a page that was left behind by a slow change of gateways is not left for ever");
});

test("no reload is spent, and no page of errors shown, while the other build is not to be had", async () => {
  for (const offers of [OWN, null, "unreachable"]) {
    const here = tab(offers);
    const renewal = new Renewal(OWN, here);
    renewal.hear(OTHER, 0);
    await seconds(renewal, 0, 200, "hidden");
    assert.deepEqual([here.asked, here.reloads], [4, 0], "asked once a minute");
    here.offers = THIRD;
    await seconds(renewal, 201, 300, "hidden");
    assert.equal(here.reloads, 1);
  }
});

test("where nothing can be remembered, nothing is reloaded", async () => {
  const here = tab();
  here.storage = () => {
    throw new Error("not allowed");
  };
  const renewal = new Renewal(OWN, here);
  renewal.hear(OTHER, 0);
  await seconds(renewal, 0, 100, "hidden");
  assert.equal(here.reloads, 0);
});

test("the first picture is asked for at once, and those after a reset over half a minute", () => {
  assert.equal(resetDelayMs(true, 0.9), 0);
  assert.deepEqual([resetDelayMs(false, 0), resetDelayMs(false, 0.5), resetDelayMs(false, 1)], [0, 15_000, 30_000]);
});
