// An amount in dollars, bitcoin and satoshis: one of the three is typed, and the others follow the price. Pure.

import { readAmount } from "../base/amount.js";
import { formatDecimal } from "../base/format.js";

/** @typedef {"btc" | "usd" | "sats"} Unit */
/** @typedef {{ unit: Unit, text: string }} Typed the text that was typed last, and its field */
/** @typedef {{ texts: Record<Unit, string>, refusal: string }} Converted the text of each field, and a sentence that names the mistake, empty if there is none */

export const SATS_PER_BTC = 1e8;

/** All bitcoin that will ever exist. */
const MOST_BTC = 21_000_000;

/** @type {readonly Unit[]} */
export const UNITS = ["btc", "usd", "sats"];

/** How many bitcoin one of each unit is. @param {number | null} price USD for one BTC @returns {Record<Unit, number | null>} */
const inBtc = (price) => ({ btc: 1, sats: 1 / SATS_PER_BTC, usd: price === null ? null : 1 / price });

/** @type {Record<Unit, (value: number) => string>} */
const written = {
  btc: (value) => formatDecimal(value, 0, 8),
  usd: (value) => formatDecimal(value, 2, 2),
  sats: (value) => formatDecimal(Math.round(value), 0, 0),
};

/**
 * @param {Typed} typed
 * @param {number | null} price USD for one BTC; `null` if there is none
 * @returns {Converted}
 */
export function convert({ unit, text }, price) {
  const texts = { btc: "", usd: "", sats: "", [unit]: text };
  const read = readAmount(text);
  if ("refusal" in read) return { texts, refusal: read.refusal };
  const units = inBtc(price);
  const one = units[unit];
  if (one === null) return { texts, refusal: "There is no price yet to convert dollars with." };
  const btc = read.value * one;
  if (btc > MOST_BTC) return { texts, refusal: "That is more than the 21 million bitcoin that there will ever be." };
  for (const other of UNITS) {
    const each = units[other];
    if (other !== unit && each !== null) texts[other] = written[other](btc / each);
  }
  return { texts, refusal: "" };
}
