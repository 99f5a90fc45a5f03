// Shows the plot's message in place of dots or a line, with buttons that lead to live payments or to the history.

import { byId, setText } from "../base/dom.js";
import { showFromHistory } from "../state/gone.js";
import { chooseRange, DOTS_SECONDS, goLive, hasDots } from "../state/view.js";
import { messageOf } from "./plot-words.js";

/** @typedef {import("../state/state.js").State} State */

const panel = byId("plot-message");
const words = byId("plot-words");
const bar = /** @type {HTMLProgressElement} */ (byId("plot-progress"));
const live = byId("plot-live");
const past = byId("plot-past");

/** @param {State} state */
export function showPlotMessage(state) {
  const message = messageOf(state);
  panel.hidden = !message;
  if (!message) return;
  setText(words, message.text);
  bar.hidden = message.progress === null;
  bar.value = message.progress ?? 0;
  live.hidden = !message.live;
  setText(live, hasDots(state.view) ? "Go to live" : "Show the last 3 hours");
  past.hidden = !message.past;
}

/**
 * @param {State} state
 * @param {() => void} onView called when the view has changed
 */
export function listenToPlotMessage(state, onView) {
  live.addEventListener("click", () => {
    if (hasDots(state.view)) goLive(state.view);
    else chooseRange(state.view, DOTS_SECONDS);
    onView();
  });
  past.addEventListener("click", () => {
    const span = messageOf(state)?.past;
    if (!span || state.timestamp === null) return;
    showFromHistory(state.view, span, state.timestamp);
    onView();
  });
}
