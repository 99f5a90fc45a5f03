// The page's address, which restores the view. It is written once the view rests, so that no frame waits for that.

import { attempt } from "../base/storage.js";
import { fromFragment, isAnotherStep, toFragment } from "../state/view.js";

/** @typedef {import("../state/view.js").View} View */

/** A view rests when it has not changed for this long, in milliseconds. Safari refuses more than 100 writes in 30 s. */
const REST_MS = 400;

/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** The view that the address names. */
export function viewOfAddress() {
  return fromFragment(location.hash);
}

/** Writes the view into the address once it rests. @param {View} view */
export function writeAtRest(view) {
  clearTimeout(timer);
  timer = setTimeout(() => write(view), REST_MS);
}

/**
 * Writes the view into the address at once. The browser's Back leads from another range, and from the end of a zoom, to the
 * view before.
 * @param {View} view
 */
export function write(view) {
  clearTimeout(timer);
  const fragment = toFragment(view);
  const address = fragment ? `#${fragment}` : location.pathname + location.search;
  attempt("the view in the address", () => {
    if (isAnotherStep(viewOfAddress(), view)) history.pushState(null, "", address);
    else history.replaceState(null, "", address);
  });
}
