// Gives the reader a file, or a text to paste, and shows one line that says so.

import { byId, setText } from "./dom.js";

/** How long the line of `say` stays, in milliseconds. */
const TOAST_MS = 3000;

/** The time after which the bytes of a saved file are freed, in milliseconds: the browser has taken them by then. */
const KEPT_MS = 10_000;

/** @type {number | undefined} */
let toastTimer;

/** Shows a text for `TOAST_MS`. @param {string} text */
export function say(text) {
  const toast = byId("toast");
  // The line goes into an open dialog, because the dialog lies over everything else and makes it inert.
  (document.querySelector("dialog[open]") ?? document.body).append(toast);
  setText(toast, text);
  clearTimeout(toastTimer);
  toastTimer = window.setTimeout(() => setText(toast, ""), TOAST_MS);
}

/**
 * @param {Blob} blob
 * @param {string} name of the file
 */
export function saveFile(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
  say(`Saved ${name}`);
}

/**
 * @param {string} text
 * @param {string} done the line that is shown once the text is copied
 */
export async function copyText(text, done) {
  const copied = navigator.clipboard ? await navigator.clipboard.writeText(text).then(() => true, () => false) : false;
  say(copied || copyBySelection(text) ? done : `The browser does not let this page copy. The text is: ${text}`);
}

/** Copies by selection, because browsers give `navigator.clipboard` only over TLS and on localhost. @param {string} text */
function copyBySelection(text) {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "unseen";
  const before = /** @type {HTMLElement | null} */ (document.activeElement);
  // A modal dialog lets nothing outside it be selected.
  (document.querySelector("dialog[open]") ?? document.body).append(field);
  field.select();
  let copied = false;
  try {
    copied = document.execCommand("copy");
  } catch (error) {
    console.info("The browser does not copy:", error);
  }
  field.remove();
  before?.focus();
  return copied;
}
