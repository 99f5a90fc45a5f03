// The buttons over the plot: layers, range, back to live; and the one that opens the evidence.

import { byId } from "../base/dom.js";
import { goLive, isLive } from "../state/view.js";

/** @typedef {import("../state/state.js").State} State */
/** @typedef {import("../state/view.js").Layer} Layer */

const layers = buttonsIn("layers");
const ranges = buttonsIn("ranges");
const live = byId("live");
const why = byId("why");

/** @param {string} id */
function buttonsIn(id) {
  return [...byId(id).querySelectorAll("button")];
}

/** @param {State} state */
export function showControls({ view, hiddenPriceUsd }) {
  for (const button of layers) {
    const layer = /** @type {Layer} */ (button.dataset.layer);
    button.setAttribute("aria-pressed", String(!view.hides.has(layer)));
    if (layer === "hidden") button.hidden = hiddenPriceUsd === null;
  }
  for (const button of ranges) button.setAttribute("aria-pressed", String(Number(button.dataset.range) === view.range));
  live.hidden = isLive(view);
}

/**
 * @param {State} state
 * @param {() => void} onView called when the view has changed
 */
export function listenToControls(state, onView) {
  for (const button of layers) {
    button.addEventListener("click", () => {
      const layer = /** @type {Layer} */ (button.dataset.layer);
      const { hides } = state.view;
      if (!hides.delete(layer)) hides.add(layer);
      onView();
    });
  }
  for (const button of ranges) {
    button.addEventListener("click", () => {
      state.view.range = Number(button.dataset.range);
      goLive(state.view);
      onView();
    });
  }
  live.addEventListener("click", () => {
    goLive(state.view);
    onView();
  });
  why.addEventListener("click", () => {
    state.view.evidence = !state.view.evidence;
    onView();
  });
}
