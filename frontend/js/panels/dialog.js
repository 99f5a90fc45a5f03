// Dialogs: opened by a button, closed by Escape, by their own button, or by a click beside them.

import { byId } from "../base/dom.js";

/**
 * Wires a dialog to the button that opens it. An open dialog holds the focus; when it closes, the focus goes back to where it
 * was.
 * @param {string} id of the dialog; its button is `open-` and this id
 * @param {() => void} [onOpen] called before it is shown
 * @returns {() => void} opens it
 */
export function setUpDialog(id, onOpen = () => {}) {
  const dialog = /** @type {HTMLDialogElement} */ (byId(id));
  const open = () => {
    if (dialog.open) return;
    onOpen();
    dialog.showModal();
  };
  byId(`open-${id}`).addEventListener("click", open);
  dialog.addEventListener("click", (event) => {
    const isClose = event.target instanceof Element && event.target.closest(".close");
    // A click beside the dialog is one on the dialog itself, because all that is in it lies in an element of its own.
    if (isClose || event.target === dialog) dialog.close();
  });
  return open;
}

/** Whether a key press is meant for a field or an open dialog. @param {Event} event */
export function isTyping({ target }) {
  return target instanceof Element && target.closest("input, select, textarea, [contenteditable], dialog") !== null;
}
