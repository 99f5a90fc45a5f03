// The link to the gateway: opened again for ever, never twice at once, and left when it is silent.

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { Connection } from "../js/link/connection.js";

class Socket extends EventTarget {
  /** @type {Socket[]} */
  static all = [];
  isClosed = false;

  constructor(address) {
    super();
    this.address = address;
    Socket.all.push(this);
  }

  close() {
    this.isClosed = true;
  }

  says(data) {
    this.dispatchEvent(Object.assign(new Event("message"), { data }));
  }

  ends(reason = "") {
    this.dispatchEvent(Object.assign(new Event("close"), { reason }));
  }
}

globalThis.window = globalThis;
globalThis.WebSocket = Socket;
mock.timers.enable({ apis: ["setTimeout"] });

/** A connection, and what it has told. */
function connect(after = null) {
  const heard = { links: [], messages: [], after };
  const connection = new Connection("ws://here/ws", {
    after: () => heard.after,
    onMessage: (message) => heard.messages.push(message),
    onLink: (link) => heard.links.push(link),
  });
  connection.open();
  return { connection, heard, phases: () => heard.links.map(({ phase }) => phase) };
}

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  Socket.all = [];
});

test("it is connected at its first message, and not before", () => {
  const { heard, phases } = connect();
  Socket.all[0].dispatchEvent(new Event("open"));
  assert.deepEqual(phases(), ["connecting"]);
  Socket.all[0].says("one");
  Socket.all[0].says("two");
  assert.deepEqual([phases(), heard.messages], [["connecting", "connected"], ["one", "two"]]);
});

test("after a loss it goes on at the last sequence, and a second call opens no second socket", () => {
  const { connection, heard } = connect();
  Socket.all[0].says("one");
  heard.after = 42;
  Socket.all[0].ends("restart");
  assert.deepEqual(heard.links.at(-1).phase, "waiting");
  assert.equal(heard.links.at(-1).reason, "restart");
  connection.open();
  connection.open();
  assert.deepEqual(Socket.all.map(({ address }) => address), ["ws://here/ws", "ws://here/ws?after=42"]);
  mock.timers.tick(9000);
  assert.equal(Socket.all.length, 2, "the wait that was cut short opens nothing more");
});

test("each failure doubles the wait, up to 15 s, and a message begins anew", () => {
  const { heard } = connect();
  const waits = [];
  for (let failure = 0; failure < 8; failure += 1) {
    const before = Socket.all.length;
    Socket.all.at(-1).ends();
    let wait = 0;
    while (Socket.all.length === before) {
      mock.timers.tick(50);
      wait += 50;
    }
    waits.push(wait);
  }
  waits.forEach((wait, at) => {
    const longest = Math.min(15_000, 500 * 2 ** at);
    assert.ok(wait >= longest / 2 && wait <= longest + 50, `${wait} ms after ${at + 1} failures`);
  });
  assert.equal(heard.links.at(-1).failures, 8);
  Socket.all.at(-1).says("at last");
  assert.equal(heard.links.at(-1).failures, 0);
});

test("a gateway that accepts and says nothing is left after 10 s", () => {
  const { heard } = connect();
  Socket.all[0].dispatchEvent(new Event("open"));
  mock.timers.tick(10_000);
  assert.ok(Socket.all[0].isClosed);
  assert.match(heard.links.at(-1).reason, /nothing heard for 10 s/);
});

test("what an abandoned socket still says is not heard", () => {
  const { connection, heard } = connect();
  Socket.all[0].says("one");
  connection.renew("asleep");
  mock.timers.tick(1000);
  Socket.all[0].says("late");
  Socket.all[0].ends("late");
  assert.deepEqual(heard.messages, ["one"]);
  assert.equal(Socket.all.length, 2);
  Socket.all[1].says(new ArrayBuffer(1));
  assert.deepEqual(heard.messages, ["one"], "nor what is no text");
});
