// The converter beside the price: what is typed into one field stays, and the other two follow the price.

import { byId, setText } from "../base/dom.js";
import { convert, UNITS } from "../state/converter.js";

/** @typedef {import("../state/state.js").State} State */
/** @typedef {import("../state/converter.js").Unit} Unit */

const form = byId("converter");
const note = byId("convert-note");
const fields = /** @type {Record<Unit, HTMLInputElement>} */ (Object.fromEntries(UNITS.map((unit) => [unit, byId(`convert-${unit}`)])));

/** What it shows: amounts are written anew only when that changes. @type {{ typed: State["typed"] | null, price: number | null }} */
let shown = { typed: null, price: null };

/** @param {State} state */
export function showConverter({ estimate, typed }) {
  const price = estimate?.price ?? null;
  if (shown.typed === typed && shown.price === price) return;
  shown = { typed, price };
  const { texts, refusal } = convert(typed, price);
  for (const unit of UNITS) {
    const field = fields[unit];
    // What is being typed is left alone, also its cursor.
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
