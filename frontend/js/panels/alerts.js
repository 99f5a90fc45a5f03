// The dialog in which alerts are set, and the banner of those that have fired.

import { readAmount } from "../base/amount.js";
import { byId, setText } from "../base/dom.js";
import { formatDecimal } from "../base/format.js";
import { allSeen, MOST_ALERTS, MOVES, setAgain, unseen, withAlert, withoutAlert } from "../state/alerts.js";
import { readingOf } from "./alert-book.js";
import { bannerOf, conditionOf, setWords, stageOf, suggested } from "./alert-words.js";
import { setUpDialog } from "./dialog.js";

/** @typedef {import("../state/state.js").State} State */
/** @typedef {import("../state/alerts.js").Alert} Alert */
/** @typedef {import("../state/alerts.js").Kind} Kind */
/** @typedef {import("./alert-book.js").AlertBook} AlertBook */

/** The most alerts that the banner names; of the others it gives the number. */
const MOST_TOLD = 3;

const banner = byId("fired");
const bannerText = byId("fired-text");
const count = byId("alerts-set");
const list = byId("alert-list");
const note = byId("alert-note");
const kind = /** @type {HTMLSelectElement} */ (byId("alert-kind"));
const level = /** @type {HTMLInputElement} */ (byId("alert-level"));
/** The alerts that the list shows; it is written anew only when they change. @type {Alert[] | null} */
let listed = null;

/** @param {State} state */
export function showAlerts({ alerts }) {
  const fired = unseen(alerts);
  const more = fired.length > MOST_TOLD ? ` · and ${fired.length - MOST_TOLD} more` : "";
  banner.hidden = fired.length === 0;
  setText(bannerText, fired.slice(0, MOST_TOLD).map(bannerOf).join(" · ") + more);
  const waiting = alerts.filter(({ stage }) => stage !== "fired").length;
  setText(count, waiting > 0 ? String(waiting) : "");
  if (listed === alerts) return;
  listed = alerts;
  list.replaceChildren(...alerts.map(itemOf));
}

/** @param {Alert} alert */
function itemOf(alert) {
  const item = document.createElement("li");
  item.dataset.stage = alert.stage;
  const words = document.createElement("span");
  setText(words, `Price ${conditionOf(alert)}`);
  const stage = document.createElement("span");
  stage.className = "stage";
  setText(stage, stageOf(alert));
  item.append(words, stage);
  if (alert.stage === "fired") item.append(buttonOf("again", "Set again", alert));
  item.append(buttonOf("remove", "Remove", alert));
  return item;
}

/**
 * @param {string} does
 * @param {string} name
 * @param {Alert} alert
 */
function buttonOf(does, name, alert) {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.does = does;
  button.dataset.alert = String(alert.id);
  button.setAttribute("aria-label", `${name}: price ${conditionOf(alert)}`);
  setText(button, name);
  return button;
}

/**
 * @param {State} state
 * @param {AlertBook} book
 * @param {{ onChange: () => void, onSet: () => void, onOpen: () => void }} listener `onSet` is called in the click that sets an
 *   alert, because the tone can be armed only in a click or key
 */
export function listenToAlerts(state, book, { onChange, onSet, onOpen }) {
  const change = (/** @type {(alerts: Alert[]) => Alert[]} */ act) => {
    book.change(act);
    onChange();
  };
  setUpDialog("alerts", () => {
    setText(note, "");
    showUnit(state);
    onOpen();
  });
  kind.addEventListener("change", () => showUnit(state));
  byId("alert-form").addEventListener("submit", (event) => {
    event.preventDefault();
    onSet();
    setText(note, add(state, book, change));
  });
  list.addEventListener("click", ({ target }) => {
    if (!(target instanceof HTMLButtonElement)) return;
    const id = Number(target.dataset.alert);
    const isRemoval = target.dataset.does === "remove";
    if (!isRemoval) onSet();
    change((alerts) => (isRemoval ? withoutAlert(alerts, id) : setAgain(alerts, id, readingOf(state))));
    const alert = state.alerts.find((alert) => alert.id === id);
    setText(note, isRemoval || !alert ? "Removed." : setWords(alert, readingOf(state)?.change ?? null));
    // The clicked button is gone, so the focus goes to the field.
    level.focus();
  });
  byId("fired-close").addEventListener("click", () => change(allSeen));
  onChange();
}

/**
 * Sets the alert that the form names.
 * @param {State} state
 * @param {AlertBook} book
 * @param {(act: (alerts: Alert[]) => Alert[]) => void} change
 * @returns {string} the outcome, in words for the reader
 */
function add(state, book, change) {
  const wanted = /** @type {Kind} */ (kind.value);
  const read = readAmount(level.value.replace(/%/g, ""));
  if ("refusal" in read) return read.refusal || (wanted === "moved" ? "Write how many percent." : "Write a price in dollars.");
  const value = wanted === "moved" ? read.value / 100 : read.value;
  if (value === 0) return "An alert needs a number above 0.";
  if (wanted === "moved" && (value < MOVES.least || value > MOVES.most)) return movesWords();
  if (state.alerts.some((alert) => alert.kind === wanted && alert.level === value && alert.stage !== "fired")) return "This alert is set already.";
  if (state.alerts.length >= MOST_ALERTS) return `There is room for ${MOST_ALERTS} alerts: remove one first.`;
  const reading = readingOf(state);
  change((alerts) => withAlert(alerts, wanted, value, reading));
  level.value = "";
  const added = state.alerts.at(-1);
  const words = added ? setWords(added, reading?.change ?? null) : "";
  return book.isKept ? words : `${words} This browser keeps nothing for this page, so the alert ends with it.`;
}

function movesWords() {
  const [least, most] = [MOVES.least, MOVES.most].map((share) => formatDecimal(share * 100, 0, 1));
  return `A move is from ${least} % to ${most} %.`;
}

/** @param {State} state */
function showUnit({ estimate }) {
  const isMove = kind.value === "moved";
  setText(byId("alert-unit"), isMove ? "%" : "USD");
  level.placeholder = isMove ? "2" : estimate ? formatDecimal(suggested(estimate.price, kind.value), 0, 0) : "";
  level.setAttribute("aria-label", isMove ? "Percent in an hour" : "Price in US dollars");
}
