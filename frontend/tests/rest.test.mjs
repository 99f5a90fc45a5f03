// What is fetched beside the socket: again until it can be used, never twice at once, and not by all pages in one moment.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Fetched } from "../js/link/rest.js";

/** Questions that were asked, with a way to answer each. */
let asked = [];
globalThis.fetch = (address, { signal }) =>
  new Promise((resolve, reject) => {
    const give = (status, value) => resolve({ ok: status < 400, status, statusText: "", json: async () => value });
    signal.addEventListener("abort", () => reject(signal.reason));
    asked.push({ address, signal, give, fail: reject });
  });
console.info = () => {};
/** Waits that were asked for, in milliseconds; each is over at once. */
let waits = [];
globalThis.setTimeout = (act, ms) => {
  waits.push(ms);
  return setImmediate(act);
};

/** Turns of the event loop after which all that waits for no answer has been done. */
const TURNS = 10;
async function later() {
  for (let turn = 0; turn < TURNS; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

beforeEach(() => {
  asked = [];
  waits = [];
});

/** Something that is fetched, and what came of it. */
function fetched(isUsable = () => true) {
  const taken = [];
  const one = new Fetched("api/v1/x", "application/json", (response) => response.json(), (answer) => {
    taken.push(answer);
    return isUsable(answer);
  });
  return { one, taken };
}

test("what fails is asked for again, ever later, until it comes", async () => {
  const { one, taken } = fetched();
  void one.fetch();
  for (const answer of [() => asked[0].give(503), () => asked[1].fail(new TypeError("network")), () => asked[2].give(200, "here")]) {
    await later();
    answer();
  }
  await later();
  assert.deepEqual(taken, ["here"]);
  assert.equal(asked.length, 3);
  assert.ok(waits[0] >= 250 && waits[0] <= 500 && waits[1] >= 500 && waits[1] <= 1000, waits.join());
});

test("an answer that cannot be used is asked for again", async () => {
  const { one, taken } = fetched((answer) => answer !== "old");
  void one.fetch();
  await later();
  asked[0].give(200, "old");
  await later();
  asked[1].give(200, "new");
  await later();
  assert.deepEqual([taken, asked.length], [["old", "new"], 2]);
});

test("a later call supersedes the one before it, also while that one waits", async () => {
  const { one, taken } = fetched();
  void one.fetch(20_000);
  void one.fetch();
  await later();
  assert.equal(asked.length, 1, "the call that waited asks nothing");
  void one.fetch();
  await later();
  assert.deepEqual(asked.map(({ signal }) => signal.aborted), [true, false]);
  asked[0].give(200, "late");
  asked[1].give(200, "here");
  await later();
  assert.deepEqual(taken, ["here"]);
});

test("what is given up is not asked for again", async () => {
  const { one, taken } = fetched();
  void one.fetch();
  await later();
  one.stop();
  await later();
  assert.deepEqual([taken, asked.length], [[], 1]);
});

test("the wait before the first attempt is kept", async () => {
  const { one } = fetched();
  void one.fetch(12_345);
  assert.deepEqual([asked.length, waits], [0, [12_345]]);
  await later();
  assert.equal(asked.length, 1);
});
