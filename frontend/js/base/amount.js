// Reads an amount as a person types it: with the separators of any locale, the reader's first where two readings are possible.

import { separators } from "./format.js";

/** Digits that number systems other than ours begin with; ten follow each other. */
const ZEROS = [0x0660, 0x06f0, 0x0966, 0x09e6, 0xff10];

/** What may stand around the number, and is passed over: signs of money, names of units, and all spaces. */
const AROUND = /[\p{Sc}\s\u2019'_]|btc|usd|sats?/giu;

/**
 * @param {string} text
 * @returns {{ value: number } | { refusal: string }} a number of at least 0, or a sentence that says what is wrong
 */
export function readAmount(text) {
  const plain = inOurDigits(text).replace(AROUND, "");
  if (plain === "") return { refusal: text.trim() === "" ? "" : `“${text.trim()}” has no number in it.` };
  if (/^[-−]/.test(plain)) return { refusal: "An amount cannot be less than nothing." };
  const number = inOurSigns(plain.replace(/^\+/, ""));
  if (number === null) return { refusal: `“${text.trim()}” is not a number.` };
  return { value: number };
}

/** @param {string} text */
function inOurDigits(text) {
  return text.replace(/\p{Nd}/gu, (digit) => {
    const code = digit.codePointAt(0) ?? 0;
    const zero = ZEROS.find((zero) => code >= zero && code < zero + 10);
    return zero === undefined ? digit : String(code - zero);
  });
}

/** @param {string} text of digits and separators */
function inOurSigns(text) {
  const marks = text.replaceAll("٫", ".").replaceAll("٬", ",");
  if (!/^[\d.,]+$/.test(marks) || !/\d/.test(marks)) return null;
  const decimal = decimalSignOf(marks);
  const group = decimal === "." ? "," : ".";
  const [whole, fraction = "", ...more] = decimal === "" ? [marks] : marks.split(decimal);
  if (more.length > 0 || /[.,]/.test(fraction) || !isGrouped(whole, decimal === "" ? "[.,]" : `\\${group}`)) return null;
  const value = Number(`${whole.replace(/[.,]/g, "") || "0"}.${fraction || "0"}`);
  return Number.isFinite(value) ? value : null;
}

/**
 * The sign that parts the decimals; empty if there are none. Of two different signs it is the last; one that comes twice parts
 * thousands. A single one before three digits parts thousands only if it does so in the reader's locale.
 * @param {string} marks
 */
function decimalSignOf(marks) {
  const signs = marks.match(/[.,]/g) ?? [];
  const last = signs.at(-1) ?? "";
  if (new Set(signs).size === 2) return last;
  if (signs.length !== 1) return "";
  const { decimal, group } = separators();
  const mayGroup = /^[1-9]\d{0,2}[.,]\d{3}$/.test(marks);
  return mayGroup && last !== decimal && (last === group || decimal !== "") ? "" : last;
}

/**
 * Whether whole digits are parted as people part them: three at the end, and two or three before.
 * @param {string} whole
 * @param {string} sign a pattern
 */
function isGrouped(whole, sign) {
  return new RegExp(`^(\\d*|\\d{1,3}(${sign}\\d{2,3})*${sign}\\d{3})$`).test(whole);
}
