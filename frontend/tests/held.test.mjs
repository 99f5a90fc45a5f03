// What is held of the messages that come before the page listens: all of them in their order, or word that some are missing.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Held } from "../js/link/held.js";

const link = (phase) => ({ phase, failures: 0, retryAt: 0, reason: "" });

/** A listener, and what it has heard. */
function listener(sequence) {
  const heard = [];
  return {
    heard,
    after: () => sequence,
    onLink: ({ phase }) => heard.push(phase),
    onMessage: (message) => heard.push(message),
  };
}

test("what came before the page listened is told in its order, once, and what comes after is passed on", () => {
  const held = new Held();
  assert.equal(held.after(), null);
  held.onLink(link("connecting"));
  held.onLink(link("connected"));
  held.onMessage("one");
  held.onMessage("two");
  const page = listener(7);
  assert.equal(held.handTo(page), true);
  assert.deepEqual(page.heard, ["connected", "one", "two"]);
  held.onMessage("three");
  held.onLink(link("waiting"));
  assert.deepEqual(page.heard.slice(3), ["three", "waiting"]);
  assert.equal(held.after(), 7);
});

test("a page that takes too long to load is told that messages were left out", () => {
  const held = new Held();
  held.onLink(link("connected"));
  for (let number = 0; number < 1000; number += 1) held.onMessage(String(number));
  const page = listener(null);
  assert.equal(held.handTo(page), false);
  assert.ok(page.heard.length < 100);
  assert.deepEqual(page.heard.slice(0, 3), ["connected", "0", "1"]);
});
