// What the modules themselves must not do: make HTML of text, or know any other host.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const folder = new URL("../js/", import.meta.url);
const names = readdirSync(folder, { recursive: true }).map(String).filter((name) => name.endsWith(".js"));
const modules = names.map((name) => [name, readFileSync(new URL(name, folder), "utf8")]);
const start = readFileSync(new URL("../start.js", import.meta.url), "utf8");
modules.push(["start.js", start]);
const page = readFileSync(new URL("../index.html", import.meta.url), "utf8");

test("no text becomes HTML or code", () => {
  assert.ok(modules.length > 20);
  for (const [name, source] of modules) {
    assert.doesNotMatch(source, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|\beval\b|new Function/, name);
  }
});

test("no other host is named, and nothing is written into the page that the policy forbids", () => {
  for (const [name, source] of [...modules, ["index.html", page]]) assert.doesNotMatch(source, /https?:\/\//, name);
  assert.doesNotMatch(page, /\sstyle=|\son\w+=|<style|<script(?! type="module" src="js\/| src="start.js">)/);
});

test("every address is relative to the page, which may lie under any path", () => {
  const absolute = /(?:href|src)="\/|["'`]\/(?:api|ws|js|assets)\b|url\(["']?\//;
  const styles = ["style.css", "dialogs.css"].map((name) => [name, readFileSync(new URL(`../${name}`, import.meta.url), "utf8")]);
  for (const [name, source] of [...modules, ["index.html", page], ...styles]) {
    const code = source.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
    assert.doesNotMatch(code, absolute, name);
  }
});

test("each module says in its first line what it is for", () => {
  for (const [name, source] of modules) assert.match(source, /^\/\/ [A-Z].{20,}/, name);
});

/** Each folder knows those before it, and of its own kind; types are no knowledge at run time. */
const ORDER = ["base", "link", "state", "plot", "panels", "shell"];

test("the folders know each other one way", () => {
  const room = (/** @type {string} */ name) => ORDER.indexOf(name.split("/")[0]);
  for (const [name, source] of modules.filter(([name]) => name.includes("/"))) {
    assert.notEqual(room(name), -1, name);
    for (const [, other] of source.matchAll(/^(?:import|export) [^;]*from "\.\.\/([^"]+)"/gm)) {
      assert.ok(room(other) < room(name), `${name} imports ${other}`);
    }
  }
});
