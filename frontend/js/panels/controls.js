// The buttons over the plot: layers, back to live; and the one that opens the evidence.

import { byId } from "../base/dom.js";
import { goLive, hasDots, isLive } from "../state/view.js";

/** @typedef {import("../state/state.js").State} State */
/** @typedef {import("../state/view.js").Layer} Layer */

/** The layers that exist only where the plot shows payments. @type {readonly string[]} */
const OF_DOTS = ["confirmed", "mempool", "blocks", "hidden"];

const layers = buttonsIn("layers");
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
    button.hidden = (layer === "hidden" && hiddenPriceUsd === null) || (OF_DOTS.includes(layer) && !hasDots(view));
  }
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
  live.addEventListener("click", () => {
    goLive(state.view);
    onView();
  });
  why.addEventListener("click", () => {
    state.view.evidence = !state.view.evidence;
    onView();
  });
}
