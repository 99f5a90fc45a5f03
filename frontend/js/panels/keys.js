// The keys that work wherever nothing is typed: the question mark shows the list of keys, Escape goes back to live.

import { isTyping, setUpDialog } from "./dialog.js";

/** @param {() => void} onEscape called when Escape was pressed and closes nothing */
export function setUpKeys(onEscape) {
  const open = setUpDialog("keys-list");
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
    if (event.key === "Escape") onEscape();
    if (event.key !== "?") return;
    event.preventDefault();
    open();
  });
}
