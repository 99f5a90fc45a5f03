// An amount in bitcoin, dollars, satoshis and perhaps another currency: one of them is typed, and the others follow the price. Pure.

import { readAmount } from "../base/amount.js";
import { decimalsOf, formatDecimal } from "../base/format.js";

/** @typedef {import("../link/message.js").Currency} Currency */
/** @typedef {import("./state.js").State} State */
/** @typedef {"btc" | "usd" | "sats" | "other"} Unit */
/** @typedef {{ unit: Unit, text: string }} Typed the text that was typed last, and its field */
/** @typedef {{ texts: Partial<Record<Unit, string>>, refusal: string }} Converted the text of each field, and a sentence that names the mistake, empty if there is none */

export const SATS_PER_BTC = 1e8;

/** All bitcoin that will ever exist. */
const MOST_BTC = 21_000_000;

/** The units that there are without another currency. @type {readonly Unit[]} */
const OWN_UNITS = ["btc", "usd", "sats"];

/** @type {readonly Unit[]} */
export const UNITS = [...OWN_UNITS, "other"];

/**
 * How many bitcoin one of each unit is; `null` without a price.
 * @param {number | null} price USD for one BTC
 * @param {Currency | null} currency
 * @returns {Record<Unit, number | null>}
 */
const inBtc = (price, currency) => ({
  btc: 1,
  sats: 1 / SATS_PER_BTC,
  usd: price === null ? null : 1 / price,
  other: price === null || currency === null ? null : 1 / (price * currency.unitsPerDollar),
});

/** @type {Record<Unit, (value: number, code: string) => string>} */
const written = {
  btc: (value) => formatDecimal(value, 0, 8),
  usd: (value) => formatDecimal(value, 2, 2),
  sats: (value) => formatDecimal(Math.round(value), 0, 0),
  other: (value, code) => formatDecimal(value, decimalsOf(code), decimalsOf(code)),
};

/**
 * @param {Typed} typed
 * @param {number | null} price USD for one BTC; `null` if there is none
 * @param {Currency | null} [currency] the other currency; `null` if there is none
 * @returns {Converted}
 */
export function convert({ unit, text }, price, currency = null) {
  /** @type {Partial<Record<Unit, string>>} */
  const texts = { btc: "", usd: "", sats: "", ...(currency && { other: "" }), [unit]: text };
  const code = currency?.code ?? "";
  const read = readAmount(unit === "other" ? text.replace(new RegExp(code, "i"), "") : text);
  if ("refusal" in read) return { texts, refusal: read.refusal };
  const units = inBtc(price, currency);
  const one = units[unit];
  if (one === null) return { texts, refusal: `There is no price yet to convert ${unit === "other" ? code : "dollars"} with.` };
  const btc = read.value * one;
  if (btc > MOST_BTC) return { texts, refusal: "That is more than the 21 million bitcoin that there will ever be." };
  for (const other of currency ? UNITS : OWN_UNITS) {
    const each = units[other];
    if (other !== unit && each !== null) texts[other] = written[other](btc / each, code);
  }
  return { texts, refusal: "" };
}

/**
 * The currency that the reader has chosen; the first one if there is no such rate; `null` if there are no rates.
 * @param {Pick<State, "currencies" | "currency">} state
 * @returns {Currency | null}
 */
export function chosenCurrency({ currencies, currency }) {
  return currencies.find(({ code }) => code === currency) ?? currencies[0] ?? null;
}

/**
 * Takes the currencies that the gateway has rates of. An amount of a currency that is gone gives way to one bitcoin.
 * @param {State} state
 * @param {Currency[]} currencies
 */
export function applyCurrencies(state, currencies) {
  const before = chosenCurrency(state)?.code;
  state.currencies = currencies;
  const isGone = chosenCurrency(state)?.code !== before;
  if (isGone && state.typed.unit === "other") state.typed = { unit: "btc", text: "1" };
}
