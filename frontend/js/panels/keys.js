// The list of keys: shown by its button, and by the question mark wherever nothing is typed.

import { isTyping, setUpDialog } from "./dialog.js";

/** Makes the question mark show the keys. */
export function setUpKeys() {
  const open = setUpDialog("keys-list");
  addEventListener("keydown", (event) => {
    if (event.key !== "?" || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
    event.preventDefault();
    open();
  });
}
