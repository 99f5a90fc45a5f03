// Amounts as people type them, and what an amount is in the other units.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { readAmount } from "../js/base/amount.js";
import { decimalsOf, setLocale } from "../js/base/format.js";
import { readCurrencies } from "../js/link/message.js";
import { applyCurrencies, chosenCurrency, convert } from "../js/state/converter.js";

afterEach(() => setLocale("en-US"));
setLocale("en-US");

const value = (text) => readAmount(text).value;

test("separators of every locale are read", () => {
  for (const [text, expected] of [
    ["1,234.5", 1234.5], ["1.234,5", 1234.5], ["1 234,5", 1234.5], ["1’234.5", 1234.5], ["12,34,567.8", 1_234_567.8],
    ["$ 1,234", 1234], ["0.001 BTC", 0.001], ["100000 sats", 100_000], ["1,000,000", 1e6], ["1.000.000", 1e6], [".5", 0.5], ["5.", 5],
    ["0,5", 0.5], ["0.00104281", 0.00104281], ["1234,56", 1234.56], ["٣٬٤٥٦٫٥", 3456.5], ["+7", 7], ["0", 0], ["97188", 97_188],
  ]) assert.equal(value(text), expected, text);
});

test("one sign before three digits is read as the reader's locale has it", () => {
  assert.deepEqual([value("1,234"), value("1.234")], [1234, 1.234]);
  setLocale("de-DE");
  assert.deepEqual([value("1,234"), value("1.234")], [1.234, 1234]);
  setLocale("fr-FR");
  assert.deepEqual([value("1,234"), value("0,001"), value("1 234,5")], [1.234, 0.001, 1234.5]);
});

test("what is no number is refused in words", () => {
  for (const text of ["abc", "1,2,3", "1.2.3.4", "1,23,4.5", "1e5", "12-3", "$", "1..2", "NaN", "Infinity"]) {
    const { refusal } = readAmount(text);
    assert.match(refusal ?? "", /^“.+” (is not a number|has no number in it)\.$/, text);
  }
  assert.equal(readAmount("-5").refusal, "An amount cannot be less than nothing.");
  assert.equal(readAmount("  ").refusal, "", "nothing typed is nothing wrong");
});

test("each unit gives the others, and what was typed stays as it was typed", () => {
  const price = 97_188;
  assert.deepEqual(convert({ unit: "btc", text: "1" }, price).texts, { btc: "1", usd: "97,188.00", sats: "100,000,000" });
  assert.deepEqual(convert({ unit: "usd", text: "$1" }, price).texts, { btc: "0.00001029", usd: "$1", sats: "1,029" });
  assert.deepEqual(convert({ unit: "sats", text: "1,000 " }, price).texts, { btc: "0.00001", usd: "0.97", sats: "1,000 " });
  setLocale("de-DE");
  assert.equal(convert({ unit: "btc", text: "0,5" }, price).texts.usd, "48.594,00");
});

test("what the converter writes, it reads again, in every locale", () => {
  for (const locale of ["en-US", "de-DE", "fr-FR", "de-CH", "hi-IN", "ar-EG", "fa-IR", "pt-PT", "pl-PL", "ja-JP"]) {
    setLocale(locale);
    const { texts } = convert({ unit: "btc", text: "12" }, 97_188.37);
    const back = convert({ unit: "usd", text: texts.usd }, 97_188.37);
    assert.equal(back.texts.sats, texts.sats, `${locale}: ${texts.usd}`);
    assert.equal(convert({ unit: "sats", text: texts.sats }, 97_188.37).texts.usd, texts.usd, `${locale}: ${texts.sats}`);
  }
});

test("without a price bitcoin and satoshis convert, and dollars say why not", () => {
  assert.deepEqual(convert({ unit: "btc", text: "2" }, null), { texts: { btc: "2", usd: "", sats: "200,000,000" }, refusal: "" });
  assert.match(convert({ unit: "usd", text: "2" }, null).refusal, /no price yet/);
});

test("nonsense leaves the others empty, and too much bitcoin is refused", () => {
  assert.deepEqual(convert({ unit: "usd", text: "x" }, 1e5), { texts: { btc: "", usd: "x", sats: "" }, refusal: "“x” is not a number." });
  assert.match(convert({ unit: "btc", text: "21000001" }, 1e5).refusal, /21 million/);
});

const EUR = { code: "EUR", name: "Euro", unitsPerDollar: 0.92, date: "2024-03-01" };
const JPY = { code: "JPY", name: "Japanese Yen", unitsPerDollar: 150, date: "2024-03-01" };

test("another currency follows the price with its own decimals, and the others follow it", () => {
  assert.deepEqual(convert({ unit: "btc", text: "1" }, 50_000, EUR).texts, { btc: "1", usd: "50,000.00", sats: "100,000,000", other: "46,000.00" });
  assert.equal(convert({ unit: "usd", text: "10" }, 50_000, JPY).texts.other, "1,500");
  for (const text of ["46000", "46,000.00", "€46,000", "46000 EUR", "eur 46000"]) {
    const { texts, refusal } = convert({ unit: "other", text }, 50_000, EUR);
    assert.deepEqual([texts, refusal], [{ btc: "1", usd: "50,000.00", sats: "100,000,000", other: text }, ""], text);
  }
  assert.equal(convert({ unit: "other", text: "x" }, 50_000, EUR).refusal, "“x” is not a number.");
  assert.equal(convert({ unit: "other", text: "1" }, null, EUR).refusal, "There is no price yet to convert EUR with.");
  setLocale("de-DE");
  assert.equal(convert({ unit: "btc", text: "1" }, 50_000.5, EUR).texts.other, "46.000,46");
  assert.deepEqual([decimalsOf("EUR"), decimalsOf("JPY"), decimalsOf("KWD"), decimalsOf("ZZZ")], [2, 0, 3, 2]);
});

test("the chosen currency is kept while it has a rate, and the first one stands in for it", () => {
  const state = { currencies: [], currency: "JPY", typed: { unit: "btc", text: "2" } };
  assert.equal(chosenCurrency(state), null);
  applyCurrencies(state, [EUR, JPY]);
  assert.deepEqual([chosenCurrency(state), state.typed.text], [JPY, "2"]);
  state.typed = { unit: "other", text: "1000" };
  applyCurrencies(state, [EUR, { ...JPY, unitsPerDollar: 151 }]);
  assert.deepEqual([chosenCurrency(state).unitsPerDollar, state.typed.text], [151, "1000"]);
  applyCurrencies(state, [EUR]);
  assert.deepEqual([chosenCurrency(state), state.typed], [EUR, { unit: "btc", text: "1" }], "1,000 yen are no 1,000 euros");
  state.typed = { unit: "other", text: "5" };
  applyCurrencies(state, []);
  assert.deepEqual([chosenCurrency(state), state.typed.unit], [null, "btc"]);
});

test("rates that cannot be used are left out", () => {
  const row = (fields) => ({ currency: "EUR", name: "Euro", units_per_dollar: 0.92, date: "2024-03-01", ...fields });
  assert.deepEqual(readCurrencies({ rates: [row({})] }), [EUR]);
  assert.deepEqual(readCurrencies({ rates: [row({ name: undefined, date: 5 })] }), [{ ...EUR, name: "EUR", date: "" }]);
  for (const fields of [{ currency: "eur" }, { currency: "E.R" }, { currency: 5 }, { units_per_dollar: 0 }, { units_per_dollar: "1" }, { units_per_dollar: -1 }]) {
    assert.deepEqual(readCurrencies({ rates: [row(fields)] }), [], JSON.stringify(fields));
  }
  for (const answer of [null, {}, { rates: {} }, { rates: [null, 5] }, []]) assert.deepEqual(readCurrencies(answer), []);
});
