// Dark or light: as a link says, else as the reader has chosen here, else as the reader's system has it.

import { byId } from "../base/dom.js";
import { remember, remembered } from "../base/storage.js";
import { applyTheme } from "../base/theme.js";

/** @typedef {import("../state/state.js").State} State */
/** @typedef {"dark" | "light"} Theme */

/** The name under which the browser keeps the reader's choice; `start.js` reads it before the first paint. */
const CHOSEN = "satscope.chosen-theme";

const button = byId("theme");
const prefersLight = matchMedia("(prefers-color-scheme: light)");
let chosen = themeNamed(remembered(CHOSEN));

/**
 * The theme to show.
 * @param {Theme | null} linked the link's theme
 * @param {Theme | null} own the reader's choice
 * @param {boolean} isLight whether the reader's system asks for light
 * @returns {Theme}
 */
export function themeOf(linked, own, isLight) {
  return linked ?? own ?? (isLight ? "light" : "dark");
}

/** @param {State} state */
export function showTheme({ view }) {
  const theme = themeOf(view.theme, chosen, prefersLight.matches);
  applyTheme(theme);
  button.setAttribute("aria-pressed", String(theme === "light"));
}

/**
 * @param {State} state
 * @param {() => void} onView called when the view has changed
 */
export function listenToTheme(state, onView) {
  button.addEventListener("click", () => {
    const shown = themeOf(state.view.theme, chosen, prefersLight.matches);
    chosen = shown === "light" ? "dark" : "light";
    remember(CHOSEN, chosen);
    // The reader's choice removes the link's theme, which would otherwise come back with each reload.
    state.view.theme = null;
    onView();
  });
  prefersLight.addEventListener("change", onView);
}

/** @param {string | null} text @returns {Theme | null} */
function themeNamed(text) {
  return text === "light" || text === "dark" ? text : null;
}
