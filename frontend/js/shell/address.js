// The page's address, which restores the view, and the theme that this browser remembers. Neither may hold up a frame: both
// are written once the view rests, and a browser that refuses is told of once.

import { applyTheme } from "../base/theme.js";
import { fromFragment, toFragment } from "../state/view.js";

/** @typedef {import("../state/view.js").View} View */

const THEME = "satscope.theme";

/** A view rests when it has not changed for so long, in milliseconds. Safari refuses more than 100 writes in 30 s. */
const REST_MS = 400;

/** @type {number | undefined} */
let timer;

/** The view that the address names; what it leaves out is as it was the last time. */
export function viewOfAddress() {
  const view = fromFragment(location.hash);
  if (!/[#&]theme=/.test(location.hash)) view.theme = remembered() === "light" ? "light" : "dark";
  applyTheme(view.theme);
  return view;
}

/** Writes the view into the address once it rests. @param {View} view */
export function writeAtRest(view) {
  applyTheme(view.theme);
  clearTimeout(timer);
  timer = window.setTimeout(() => write(view), REST_MS);
}

/** Writes it at once. @param {View} view */
export function write(view) {
  clearTimeout(timer);
  const fragment = toFragment(view);
  attempt("the address", () => window.history.replaceState(null, "", fragment ? `#${fragment}` : location.pathname + location.search));
  attempt("the theme", () => localStorage.setItem(THEME, view.theme));
}

function remembered() {
  return attempt("the theme", () => localStorage.getItem(THEME)) ?? null;
}

/**
 * Does what a browser may refuse: in a frame of another page, with cookies forbidden, or too often.
 * @template T
 * @param {string} what
 * @param {() => T} act
 */
function attempt(what, act) {
  try {
    return act();
  } catch (error) {
    console.info(`The browser does not keep ${what}:`, error);
  }
}
