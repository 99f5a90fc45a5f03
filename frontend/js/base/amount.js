// Reads an amount as a person types it, with the separators of any locale. Where two readings are possible, the reader's locale
// decides.

import { separators } from "./format.js";

/** Code points of the digit 0 in other scripts; the digits 1 to 9 follow each of them. */
const ZEROS = [0x0660, 0x06f0, 0x0966, 0x09e6, 0xff10];

/** Characters that are ignored: signs of money, names of units, spaces, apostrophes and underscores. */
const AROUND = /[\p{Sc}\s\u2019'_]|btc|usd|sats?/giu;

/**
 * @param {string} text
 * @returns {{ value: number } | { refusal: string }} a number of at least 0, or a sentence that names the mistake
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
 * The decimal sign; empty if the number has no decimals. Of two different signs, the last one separates decimals; a sign that
 * comes twice separates thousands. In a number such as `1.234`, the sign separates thousands unless it is the reader's decimal
 * sign.
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
 * Whether whole digits are grouped as people group them: three in the last group, two or three in each before it. Digits
 * without groups count as grouped too.
 * @param {string} whole
 * @param {string} sign a regular expression for the sign between groups
 */
function isGrouped(whole, sign) {
  return new RegExp(`^(\\d*|\\d{1,3}(${sign}\\d{2,3})*${sign}\\d{3})$`).test(whole);
}
