// The service worker: no old build stays, files of a build are kept, and answers of the API never are.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { beforeEach, test } from "node:test";
import { runInNewContext } from "node:vm";

const SOURCE = readFileSync(new URL("../sw.js", import.meta.url), "utf8");
const SCOPE = "https://here/tools/satscope/";
const [OLD, NEW] = ["0123456789abcdef", "fedcba9876543210"];

/** A browser with this worker. @type {any} */
let browser;

class Answer {
  constructor(body, status = 200, redirected = false) {
    Object.assign(this, { body, status, ok: status < 400, redirected });
  }

  clone() {
    return new Answer(this.body, this.status, this.redirected);
  }

  async text() {
    return this.body;
  }
}

function start() {
  const stores = new Map();
  const listeners = new Map();
  const asked = [];
  const self = {
    registration: { scope: SCOPE },
    addEventListener: (name, act) => listeners.set(name, act),
    skipWaiting() {},
    clients: { claim() {}, matchAll: async () => [], openWindow: async (url) => url },
  };
  const open = async (name) => {
    if (!stores.has(name)) stores.set(name, new Map());
    const store = stores.get(name);
    return { match: async (key) => store.get(String(key)), put: async (key, value) => void store.set(String(key.url ?? key), value) };
  };
  const made = { stores, asked, network: new Map(), isOffline: false };
  const fetch = async (request) => {
    asked.push(request.url);
    if (made.isOffline) throw new TypeError("no network");
    return made.network.get(request.url) ?? new Answer("nothing", 404);
  };
  runInNewContext(SOURCE, { self, caches: { open, keys: async () => [...stores.keys()], delete: async (name) => stores.delete(name) }, fetch, URL });
  /** What the worker answers; `null` if it leaves the request to the browser. */
  made.get = async (path, { mode = "no-cors", method = "GET" } = {}) => {
    const waits = [];
    let answer = null;
    listeners.get("fetch")({ request: { url: new URL(path, SCOPE).href, mode, method }, respondWith: (promise) => (answer = promise), waitUntil: (promise) => waits.push(promise) });
    const given = await answer;
    await Promise.all(waits);
    return given;
  };
  return made;
}

const page = (build) => new Answer(`<script type="module" src="assets/${build}/js/main.js">`);

beforeEach(() => {
  browser = start();
});

test("the document comes from the network, and without one the last that came", async () => {
  browser.network.set(SCOPE, page(OLD));
  await browser.get("", { mode: "navigate" });
  browser.network.set(SCOPE, page(NEW));
  browser.network.set(`${SCOPE}?kiosk`, page(NEW));
  assert.match((await browser.get("?kiosk", { mode: "navigate" })).body, new RegExp(NEW), "no old build while there is a network");
  browser.isOffline = true;
  assert.match((await browser.get("", { mode: "navigate" })).body, new RegExp(NEW));
});

test("without a network and a kept document the browser's own page of errors is shown", async () => {
  browser.isOffline = true;
  await assert.rejects(browser.get("", { mode: "navigate" }), /no network/);
});

test("files of a build are asked for once, and those of other builds are dropped with the next document", async () => {
  for (const build of [OLD, NEW]) browser.network.set(`${SCOPE}assets/${build}/style.css`, new Answer(build));
  browser.network.set(SCOPE, page(OLD));
  await browser.get("", { mode: "navigate" });
  for (let time = 0; time < 3; time += 1) assert.equal((await browser.get(`assets/${OLD}/style.css`)).body, OLD);
  assert.equal(browser.asked.filter((url) => url.endsWith("style.css")).length, 1);
  browser.stores.set("another page's", new Map());
  browser.network.set(SCOPE, page(NEW));
  await browser.get("", { mode: "navigate" });
  await browser.get(`assets/${NEW}/style.css`);
  assert.deepEqual([...browser.stores.keys()].filter((name) => name.includes(OLD)), []);
  assert.ok(browser.stores.has("another page's"));
});

test("what is refused is not kept", async () => {
  const path = `assets/${NEW}/style.css`;
  assert.equal((await browser.get(path)).status, 404);
  browser.network.set(SCOPE + path, new Answer("here"));
  assert.equal((await browser.get(path)).body, "here");
  browser.network.set(SCOPE, page(NEW));
  await browser.get("", { mode: "navigate" });
  for (const other of [new Answer("log in to this network"), new Answer("broken", 500), Object.assign(page(OLD), { redirected: true })]) {
    browser.network.set(SCOPE, other);
    await browser.get("", { mode: "navigate" });
  }
  browser.isOffline = true;
  assert.match((await browser.get("", { mode: "navigate" })).body, new RegExp(NEW));
});

test("the API, the socket, other paths and other hosts are left alone", async () => {
  for (const [path, how] of [
    ["api/v1/price"], ["api/v1/assets/0123456789abcdef/x"], ["ws/mempool"], ["start.js"], ["sw.js"], ["price.svg"], ["manifest.webmanifest"],
    ["api/v1/price", { mode: "navigate" }], ["", { method: "POST", mode: "navigate" }], ["assets/short/style.css"],
    ["https://there/tools/satscope/", { mode: "navigate" }], ["/other/", { mode: "navigate" }],
  ]) assert.equal(await browser.get(path, how), null, path);
  assert.deepEqual([browser.asked, [...browser.stores.keys()]], [[], []]);
});
