// The converter beside the price: the text that is typed into one field stays, and the other two fields follow the price.

import { byId, setText } from "../base/dom.js";
import { convert, UNITS } from "../state/converter.js";

/** @typedef {import("../state/state.js").State} State */
/** @typedef {import("../state/converter.js").Unit} Unit */

const form = byId("converter");
const note = byId("convert-note");
const fields = /** @type {Record<Unit, HTMLInputElement>} */ (Object.fromEntries(UNITS.map((unit) => [unit, byId(`convert-${unit}`)])));

/** The text and price that are shown; the fields are written anew only when one of them changes. @type {{ typed: State["typed"] | null, price: number | null }} */
let shown = { typed: null, price: null };

/** @param {State} state */
export function showConverter({ estimate, typed }) {
  const price = estimate?.price ?? null;
  if (shown.typed === typed && shown.price === price) return;
  shown = { typed, price };
  const { texts, refusal } = convert(typed, price);
  for (const unit of UNITS) {
    const field = fields[unit];
    // The field that is being typed into is left alone, because writing to it would move its cursor.
    if (field.value !== texts[unit] && !(unit === typed.unit && field === document.activeElement)) field.value = texts[unit];
    field.setAttribute("aria-invalid", String(refusal !== "" && unit === typed.unit));
  }
  setText(note, refusal);
}

/**
 * @param {State} state
 * @param {() => void} onChange called when something was typed
 */
export function listenToConverter(state, onChange) {
  for (const unit of UNITS) {
    const field = fields[unit];
    field.addEventListener("input", () => {
      state.typed = { unit, text: field.value };
      onChange();
    });
    field.addEventListener("focus", () => field.select());
  }
  form.addEventListener("submit", (event) => event.preventDefault());
}
