// The buttons of the ranges, the reasons why some cannot be chosen, the progress of the past, and the split of the time axis.

import { byId, setText } from "../base/dom.js";
import { formatDay } from "../base/format.js";
import { refusalOf } from "../state/archive.js";
import { chooseAxis, chooseRange, DOTS_SECONDS, hasDots } from "../state/view.js";
import { progressOf } from "./plot-words.js";

/** @typedef {import("../state/state.js").State} State */

const buttons = [...byId("ranges").querySelectorAll("button")];
const split = byId("split");
const note = byId("range-note");

/** The time for which the reason for a refused range stays, in milliseconds. */
const REFUSED_MS = 6000;

let refused = "";
/** @type {number | undefined} */
let timer;

/** @param {HTMLButtonElement} button */
function secondsOf({ dataset }) {
  return dataset.range === "all" ? Infinity : Number(dataset.range);
}

/** @param {State} state */
export function showRanges(state) {
  const { view } = state;
  for (const button of buttons) {
    const seconds = secondsOf(button);
    const refusal = refusalOf(state, seconds, formatDay);
    set(button, "aria-pressed", String(seconds === view.range));
    set(button, "aria-disabled", String(refusal !== ""));
    set(button, "title", refusal || titleOf(button, seconds));
  }
  split.hidden = !hasDots(view);
  set(split, "aria-pressed", String(view.axis === "split"));
  setText(note, refused || progressOf(state));
}

/**
 * Sets an attribute only when it differs, because this runs at each frame.
 * @param {HTMLElement} element
 * @param {string} name
 * @param {string} value
 */
function set(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/**
 * @param {HTMLButtonElement} button
 * @param {number} seconds
 */
function titleOf(button, seconds) {
  const words = Number.isFinite(seconds) ? `The last ${button.textContent}` : "All that there is";
  return seconds <= DOTS_SECONDS ? `${words}: every payment` : `${words}: prices as a line`;
}

/**
 * @param {State} state
 * @param {() => void} onView called when the view has changed
 */
export function listenToRanges(state, onView) {
  for (const button of buttons) {
    button.addEventListener("click", () => {
      const seconds = secondsOf(button);
      refused = refusalOf(state, seconds, formatDay);
      clearTimeout(timer);
      timer = window.setTimeout(() => {
        refused = "";
        showRanges(state);
      }, REFUSED_MS);
      showRanges(state);
      if (refused) return;
      chooseRange(state.view, seconds);
      onView();
    });
  }
  split.addEventListener("click", () => {
    chooseAxis(state.view, state.view.axis === "split" ? "one" : "split");
    onView();
  });
}
