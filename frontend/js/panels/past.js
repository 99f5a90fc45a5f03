// The form "The price on …": it takes a date with a time, or a block, and shows the price then, with a link to it.

import { byId, setText } from "../base/dom.js";
import { copyText } from "../base/save.js";
import { askPrice } from "../link/archive.js";
import { showFromHistory } from "../state/gone.js";
import { readMoment, writeMoment } from "../state/moment.js";
import { toFragment } from "../state/view.js";
import { readTyped, refusedAt, toldOf, unanswered } from "./past-words.js";

/** @typedef {import("../state/state.js").State} State */
/** @typedef {import("../state/moment.js").Moment} Moment */

const opener = byId("past-open");
const form = /** @type {HTMLFormElement} */ (byId("past"));
const date = input("past-date");
const time = input("past-time");
const block = input("past-block");
const answer = byId("past-answer");
const price = byId("past-price");
const words = byId("past-words");
const link = /** @type {HTMLAnchorElement} */ (byId("past-link"));
const onPlot = byId("past-plot");

/** Whether the reader has opened the form; it is also open while a moment is asked for. */
let isOpen = false;
/** @type {AbortController | null} */
let asking = null;
/** Words for the mistake in the moment that was typed; empty if there is none. */
let trouble = "";

/** @param {string} id */
function input(id) {
  return /** @type {HTMLInputElement} */ (byId(id));
}

/** @param {State} state */
export function showPast(state) {
  const { asked, view } = state;
  const isShown = isOpen || view.at !== null;
  form.hidden = !isShown;
  opener.setAttribute("aria-expanded", String(isShown));
  if (!isShown) return;
  const past = asked?.answer?.price ?? null;
  const told = asked && past ? toldOf(asked.moment, past) : null;
  setText(price, told && !trouble ? told.price : "");
  setText(words, trouble || wordsOf(state, told));
  answer.hidden = !price.textContent && !words.textContent;
  link.hidden = onPlot.hidden = !told || trouble !== "";
  if (told) link.href = `#${toFragment(view)}`;
}

/**
 * @param {State} state
 * @param {import("./past-words.js").Told | null} told
 */
function wordsOf(state, told) {
  const { asked } = state;
  if (told) return [told.when, told.doubt, told.source].filter(Boolean).join(" · ");
  if (!asked) return "";
  if (!asked.answer) return "Asking the history …";
  return refusedAt(state, asked.moment) || unanswered(state, asked.moment, asked.answer.status);
}

/**
 * Asks for the price of the moment that the view names, unless that moment was asked for already.
 * @param {State} state
 * @param {() => void} onAnswer called when something is to be shown
 */
export function askForMoment(state, onAnswer) {
  const { at } = state.view;
  if (at === (state.asked?.text ?? null)) return;
  asking?.abort();
  asking = null;
  state.asked = null;
  const moment = at === null ? null : readMoment(at);
  if (at === null || !moment) return;
  fill(moment);
  trouble = "";
  const asked = (state.asked = { text: at, moment, answer: /** @type {import("../link/archive.js").Answer | null} */ (null) });
  if (refusedAt(state, moment)) asked.answer = { price: null, status: 200 };
  else void ask(state, asked, onAnswer);
}

/**
 * @param {State} state
 * @param {import("../state/moment.js").Asked} asked
 * @param {() => void} onAnswer
 */
async function ask(state, asked, onAnswer) {
  const controller = (asking = new AbortController());
  const answer = await askPrice(asked.moment, controller);
  if (state.asked !== asked) return;
  asked.answer = answer;
  onAnswer();
}

/** Writes a moment into the fields, as it would have been typed. @param {Moment} moment */
function fill(moment) {
  if (moment.kind === "block") {
    block.value = String(moment.height);
    return;
  }
  const local = new Date(moment.timestamp * 1000);
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  block.value = "";
  date.value = `${local.getFullYear()}-${two(local.getMonth() + 1)}-${two(local.getDate())}`;
  time.value = `${two(local.getHours())}:${two(local.getMinutes())}`;
}

/**
 * @param {State} state
 * @param {() => void} onView called when the view has changed
 */
export function listenToPast(state, onView) {
  opener.addEventListener("click", () => {
    isOpen = form.hidden;
    trouble = "";
    if (!isOpen) state.view.at = null;
    onView();
    form.hidden = !isOpen;
    if (isOpen) date.focus();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const typed = readTyped({ date: date.value, time: time.value, block: block.value });
    trouble = typed.trouble;
    isOpen = true;
    state.view.at = typed.moment && writeMoment(typed.moment);
    // The same question is asked anew, because the history may have come further.
    state.asked = null;
    onView();
  });
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    opener.click();
    opener.focus();
  });
  block.addEventListener("input", () => {
    if (block.value) date.value = "";
  });
  date.addEventListener("input", () => {
    if (date.value) block.value = "";
  });
  link.addEventListener("click", (event) => {
    event.preventDefault();
    void copyText(link.href, "Copied a link to this price");
  });
  onPlot.addEventListener("click", () => {
    const { asked, timestamp } = state;
    const past = asked?.answer?.price;
    if (!past || timestamp === null) return;
    showFromHistory(state.view, { low: past.timestamp, high: past.timestamp }, timestamp);
    byId("chart").scrollIntoView({ block: "nearest" });
    onView();
  });
}
