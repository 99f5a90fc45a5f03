// The converter beside the price: the text that is typed into one field stays, and the other fields follow the price. The field of
// another currency is there while the gateway has an exchange rate.

import { byId, setText } from "../base/dom.js";
import { remember, remembered } from "../base/storage.js";
import { chosenCurrency, convert, UNITS } from "../state/converter.js";

/** @typedef {import("../state/state.js").State} State */
/** @typedef {import("../state/converter.js").Unit} Unit */
/** @typedef {import("../link/message.js").Currency} Currency */

/** The name under which the browser keeps the chosen currency. */
const KEPT_AS = "satscope.currency";

const form = byId("converter");
const note = byId("convert-note");
const others = byId("convert-others");
const choice = /** @type {HTMLSelectElement} */ (byId("convert-currency"));
const fields = /** @type {Record<Unit, HTMLInputElement>} */ (Object.fromEntries(UNITS.map((unit) => [unit, byId(`convert-${unit}`)])));

/** What is shown; the fields are written anew only when some of it changes. @type {{ typed: State["typed"] | null, price: number | null, currencies: Currency[] | null, currency: string }} */
let shown = { typed: null, price: null, currencies: null, currency: "" };

/** @param {State} state */
export function showConverter(state) {
  const { estimate, typed, currencies, currency } = state;
  const price = estimate?.price ?? null;
  const isSame = shown.typed === typed && shown.price === price && shown.currencies === currencies && shown.currency === currency;
  if (isSame) return;
  const chosen = chosenCurrency(state);
  if (shown.currencies !== currencies || shown.currency !== currency) showChoice(currencies, chosen);
  shown = { typed, price, currencies, currency };
  const { texts, refusal } = convert(typed, price, chosen);
  for (const unit of UNITS) {
    const [field, text] = [fields[unit], texts[unit] ?? ""];
    // The field that is being typed into is left alone, because writing to it would move its cursor.
    if (field.value !== text && !(unit === typed.unit && field === document.activeElement)) field.value = text;
    field.setAttribute("aria-invalid", String(refusal !== "" && unit === typed.unit));
  }
  setText(note, refusal);
}

/**
 * @param {Currency[]} currencies
 * @param {Currency | null} chosen
 */
function showChoice(currencies, chosen) {
  others.hidden = chosen === null;
  if (chosen === null) return;
  const codes = currencies.map(({ code }) => code);
  if ([...choice.options].map(({ value }) => value).join() !== codes.join()) {
    choice.replaceChildren(...codes.map((code) => new Option(code, code)));
  }
  choice.value = chosen.code;
  fields.other.setAttribute("aria-label", chosen.name);
  fields.other.title = `1 USD = ${chosen.unitsPerDollar} ${chosen.code}, ${chosen.date}, as the operator of this page has set it`;
}

/**
 * @param {State} state
 * @param {() => void} onChange called when something was typed or chosen
 */
export function listenToConverter(state, onChange) {
  state.currency = remembered(KEPT_AS) ?? "";
  for (const unit of UNITS) {
    const field = fields[unit];
    field.addEventListener("input", () => {
      state.typed = { unit, text: field.value };
      onChange();
    });
    field.addEventListener("focus", () => field.select());
  }
  choice.addEventListener("change", () => {
    state.currency = choice.value;
    remember(KEPT_AS, choice.value);
    onChange();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
}
