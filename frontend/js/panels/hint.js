// A hint over the plot: the wheel scrolls the page there, until the plot is clicked.

import { byId, setText } from "../base/dom.js";

/**
 * The time for which the hint stays after the last turn of the wheel, in milliseconds, and the number of times that the hint
 * comes.
 */
const STAYS_MS = 1800;
const MOST_TIMES = 3;

/** @returns {() => void} called at each turn of the wheel that scrolls the page */
export function plainWheelHint() {
  const hint = byId("plot-hint");
  const key = /Mac|iPhone|iPad/.test(navigator.userAgent) ? "⌘" : "Ctrl";
  let times = 0;
  /** @type {number | undefined} */
  let timer;
  return () => {
    const isShown = hint.textContent !== "";
    if (!isShown && times >= MOST_TIMES) return;
    if (!isShown) times += 1;
    setText(hint, `To zoom, click the plot first, or hold ${key}`);
    clearTimeout(timer);
    timer = window.setTimeout(() => setText(hint, ""), STAYS_MS);
  };
}
