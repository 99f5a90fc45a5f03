// Alerts: the prices at which the reader wants to be told. Each fires once, when its condition begins to hold, and never on a
// price that is not of this moment. Pure.

import { positive } from "../base/json.js";

/**
 * The kind of condition that an alert waits for.
 * @typedef {"above" | "below" | "moved"} Kind
 */
/**
 * `waiting` while the condition has held since before the alert was set; `armed` until the condition begins to hold; then `fired`.
 * @typedef {"waiting" | "armed" | "fired"} Stage
 */
/**
 * @typedef {object} Alert
 * @property {number} id
 * @property {Kind} kind
 * @property {number} level USD for `above` and `below`; a share of one for `moved`
 * @property {Stage} stage
 * @property {number | null} firedAt when it fired, Unix seconds; `null` before
 * @property {number | null} firedPrice the price at which it fired, USD; `null` before
 * @property {boolean} isSeen whether the reader has closed the banner that tells of it
 */
/**
 * A price of this moment, by which alerts are judged.
 * @typedef {object} Reading
 * @property {number} price USD
 * @property {number | null} change in an hour, as a share of one; `null` if not known
 * @property {number} now Unix seconds
 */

/** The most alerts that are kept. */
export const MOST_ALERTS = 20;

/** The least and the largest move that an alert can wait for, as shares of one. */
export const MOVES = { least: 0.001, most: 0.9 };

/** @type {readonly Kind[]} */
const KINDS = ["above", "below", "moved"];
/** @type {readonly Stage[]} */
const STAGES = ["waiting", "armed", "fired"];

/**
 * Whether the condition of an alert holds; `null` if the change in an hour is not known.
 * @param {Pick<Alert, "kind" | "level">} alert
 * @param {Reading} reading
 */
export function holds({ kind, level }, { price, change }) {
  if (kind === "above") return price > level;
  if (kind === "below") return price < level;
  return change === null ? null : Math.abs(change) >= level;
}

/**
 * The alerts with one more, unless there are `MOST_ALERTS` already. If its condition holds now, the new alert is `waiting`.
 * @param {readonly Alert[]} alerts
 * @param {Kind} kind
 * @param {number} level
 * @param {Reading | null} reading `null` if there is no price of this moment
 * @returns {Alert[]}
 */
export function withAlert(alerts, kind, level, reading) {
  if (alerts.length >= MOST_ALERTS) return [...alerts];
  const id = alerts.reduce((most, alert) => Math.max(most, alert.id), 0) + 1;
  return [...alerts, set({ id, kind, level, stage: "armed", firedAt: null, firedPrice: null, isSeen: false }, reading)];
}

/** @param {readonly Alert[]} alerts @param {number} id @returns {Alert[]} */
export function withoutAlert(alerts, id) {
  return alerts.filter((alert) => alert.id !== id);
}

/**
 * The alerts, with the one of this id set again.
 * @param {readonly Alert[]} alerts
 * @param {number} id
 * @param {Reading | null} reading
 * @returns {Alert[]}
 */
export function setAgain(alerts, id, reading) {
  return alerts.map((alert) => (alert.id === id ? set(alert, reading) : alert));
}

/**
 * @param {Alert} alert
 * @param {Reading | null} reading
 * @returns {Alert}
 */
function set(alert, reading) {
  const stage = reading && holds(alert, reading) ? "waiting" : "armed";
  return { ...alert, stage, firedAt: null, firedPrice: null, isSeen: false };
}

/** Marks the banners of all alerts that fired as closed. @param {readonly Alert[]} alerts @returns {Alert[]} */
export function allSeen(alerts) {
  return alerts.map((alert) => (alert.stage === "fired" ? { ...alert, isSeen: true } : alert));
}

/** The alerts that fired and whose banner is not closed, the newest first. @param {readonly Alert[]} alerts */
export function unseen(alerts) {
  const fired = alerts.filter(({ stage, isSeen }) => stage === "fired" && !isSeen);
  return fired.sort((one, other) => (other.firedAt ?? 0) - (one.firedAt ?? 0));
}

/**
 * Judges all alerts by a price of this moment.
 * @param {readonly Alert[]} alerts
 * @param {Reading} reading
 * @returns {{ alerts: Alert[], fired: Alert[], isChanged: boolean }} all, and those that fire now
 */
export function judge(alerts, reading) {
  const judged = alerts.map((alert) => step(alert, reading));
  const isNew = (/** @type {Alert} */ alert, /** @type {number} */ at) => alert.stage === "fired" && alerts[at].stage !== "fired";
  return { alerts: judged, fired: judged.filter(isNew), isChanged: judged.some((alert, at) => alert !== alerts[at]) };
}

/** @param {Alert} alert @param {Reading} reading @returns {Alert} */
function step(alert, reading) {
  const isTrue = holds(alert, reading);
  if (alert.stage === "waiting" && isTrue === false) return { ...alert, stage: "armed" };
  if (alert.stage !== "armed" || !isTrue) return alert;
  return { ...alert, stage: "fired", firedAt: reading.now, firedPrice: reading.price, isSeen: false };
}

/**
 * Alerts as a text that can be kept.
 * @param {readonly Alert[]} alerts
 */
export function toText(alerts) {
  return JSON.stringify(alerts);
}

/**
 * Reads the text of `toText`. Alerts that cannot be used, repeat an id or are beyond `MOST_ALERTS` are left out.
 * @param {string | null} text
 * @returns {Alert[]}
 */
export function fromText(text) {
  /** @type {Set<number>} */
  const ids = new Set();
  const alerts = listIn(text).flatMap(readAlert).filter(({ id }) => !ids.has(id) && ids.add(id));
  return alerts.slice(0, MOST_ALERTS);
}

/** @param {string | null} text @returns {unknown[]} */
function listIn(text) {
  try {
    const list = JSON.parse(text ?? "[]");
    return Array.isArray(list) ? list : [];
  } catch {
    return [];
  }
}

/** @param {unknown} value @returns {Alert[]} */
function readAlert(value) {
  const { id, kind, level, stage, firedAt, firedPrice, isSeen } = /** @type {Record<string, unknown>} */ (Object(value));
  const [knownKind, knownStage] = [KINDS.find((one) => one === kind), STAGES.find((one) => one === stage)];
  const number = positive(level);
  if (!Number.isSafeInteger(id) || !knownKind || !knownStage || number === null) return [];
  if (knownKind === "moved" && (number < MOVES.least || number > MOVES.most)) return [];
  return [{ id: Number(id), kind: knownKind, level: number, stage: knownStage, firedAt: positive(firedAt), firedPrice: positive(firedPrice), isSeen: isSeen === true }];
}
