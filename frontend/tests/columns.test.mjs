// The points in columns, as the gateway's encoder wrote them into fixtures (gateway/src/state/columns/tests.rs).

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { COLUMNS, ColumnsReader } from "../js/link/columns.js";
import { readPoints } from "../js/link/message.js";
import { readParts } from "../js/link/rest.js";

const fixture = (name) => readFileSync(new URL(`fixtures/${name}`, import.meta.url));
const bytes = new Uint8Array(fixture("points.bin"));
const json = JSON.parse(fixture("points.json").toString());
const expected = readPoints(json.points).map((point) => ({ ...point, id: point.state === "confirmed" ? null : point.id }));

/** @returns {import("../js/link/columns.js").Part[]} */
const read = (/** @type {Uint8Array} */ all, step = all.length) => {
  const reader = new ColumnsReader();
  const parts = [];
  for (let at = 0; at < all.length; at += step) parts.push(...reader.take(all.subarray(at, at + step)));
  reader.end();
  return parts;
};

const changed = (/** @type {number} */ at, /** @type {number} */ byte) => {
  const copy = bytes.slice();
  copy[at] = byte;
  return copy;
};

test("what the gateway writes is read back to the bit, the newest quarter of an hour first", () => {
  const [newest, others] = read(bytes);
  assert.deepEqual([newest.sequence, others.sequence], [json.sequence, json.sequence]);
  assert.deepEqual([newest.isLast, others.isLast], [false, true]);
  assert.deepEqual([...others.points, ...newest.points], expected);
  const last = expected[expected.length - 1].timestamp;
  assert.ok(newest.points.every(({ timestamp }) => timestamp >= last - 900) && others.points.every(({ timestamp }) => timestamp < last - 900));
});

test("it may come in pieces of any size", () => {
  const whole = read(bytes);
  for (const step of [1, 7, 1000]) assert.deepEqual(read(bytes, step), whole);
});

test("the first section is given before the second has come", () => {
  const sums = new DataView(bytes.buffer).getUint32(12, true);
  const first = 32 + 8 * sums;
  const end = first + 4 + new DataView(bytes.buffer).getUint32(first, true);
  const reader = new ColumnsReader();
  assert.equal(reader.take(bytes.subarray(0, end - 1)).length, 0);
  assert.equal(reader.take(bytes.subarray(end - 1, end)).length, 1);
  assert.throws(() => reader.end(), /not 2 whole sections/);
});

test("what is cut off, goes on too long, or is something else is an error", () => {
  for (const length of [0, 5, 31, 40, bytes.length - 1]) assert.throws(() => read(bytes.subarray(0, length)), `${length}`);
  assert.throws(() => read(new Uint8Array([...bytes, 0])), /whole sections/);
  assert.throws(() => read(new Uint8Array([...bytes, 0, 0, 0, 0])), /after the last section/);
  assert.throws(() => read(new TextEncoder().encode(JSON.stringify(json))), /were asked for/);
  assert.throws(() => read(changed(8, 2)), /version 1 were asked for/);
  assert.throws(() => read(changed(15, 0xff)), /a head of/);
  const first = 32 + 8 * new DataView(bytes.buffer).getUint32(12, true);
  assert.throws(() => read(changed(first + 3, 0xff)), /a section that ends/);
  assert.throws(() => read(changed(first + 6, 0xff)), /points in/);
  for (const byte of [24, 31]) assert.doesNotThrow(() => read(changed(byte, bytes[byte])));
});

test("whatever byte is changed, the reader ends and gives usable points or an error", () => {
  for (let at = 0; at < bytes.length; at += 3) {
    for (const byte of [0, 0x7f, 0xff]) {
      try {
        for (const { points } of read(changed(at, byte))) {
          for (const { timestamp, price, valueSats } of points) assert.ok(timestamp > 0 && Number.isFinite(price) && price > 0 && valueSats > 0);
        }
      } catch (error) {
        assert.ok(error instanceof Error && !(error instanceof assert.AssertionError), `${at} ${byte}: ${error}`);
      }
    }
  }
});

const answer = (/** @type {Uint8Array} */ body) => new Response(body, { headers: { "content-type": COLUMNS } });
const going = new AbortController().signal;

test("an answer is given part by part, and no further when a part cannot be used or the page wants another", async () => {
  const parts = [];
  assert.equal(await readParts(answer(bytes), going, (part) => parts.push(part.points.length) > 0), true);
  assert.equal(parts.length, 2);
  assert.equal(await readParts(answer(bytes), going, () => false), false);
  const fail = () => assert.fail("nobody wants it");
  assert.equal(await readParts(answer(bytes), AbortSignal.abort(), fail), false);
});

test("a malformed answer is an error, which is what is tried again", async () => {
  const take = () => true;
  await assert.rejects(readParts(answer(bytes.subarray(0, 999)), going, take), /whole sections/);
  await assert.rejects(readParts(answer(new TextEncoder().encode(`{"sequence":1,"points":[${" ".repeat(50)}]}`)), going, take), /were asked for/);
  const endless = new ReadableStream({ pull: (to) => to.enqueue(new Uint8Array([...bytes.subarray(0, 32 + 8), ...new Uint8Array(1 << 20)])) });
  await assert.rejects(readParts(new Response(endless), going, take));
});
