// The moment or block whose price is asked for, as links write it: `2026-03-04T12:00Z`, or `block-900000`. Pure.

/** @typedef {{ kind: "time", timestamp: number } | { kind: "block", height: number }} Moment a time in Unix seconds, or a block's height */
/** @typedef {{ text: string, moment: Moment, answer: import("../link/archive.js").Answer | null }} Asked a question, as a link has it; its answer is `null` until it has come */

/** A time without `Z` is one of the reader's clock, because the reader typed it. */
const TIME = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(Z?))?$/;
const BLOCK = /^block-(\d{1,8})$/;

/** The hour that is taken where only a day is given. */
const NOON = "12";

/**
 * @param {string} text as a link has it
 * @returns {Moment | null} `null` if it is neither a time nor a block
 */
export function readMoment(text) {
  const height = BLOCK.exec(text)?.[1];
  if (height !== undefined) return { kind: "block", height: Number(height) };
  const [whole, year, month, day, hour = NOON, minute = "00", zone = ""] = TIME.exec(text) ?? [];
  if (whole === undefined) return null;
  const timestamp = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:00${zone}`) / 1000;
  // JavaScript reads 31 February as a day of March, so the day is compared.
  const date = new Date(timestamp * 1000);
  const named = zone ? date.getUTCDate() : date.getDate();
  return Number.isFinite(timestamp) && timestamp > 0 && named === Number(day) ? { kind: "time", timestamp } : null;
}

/** @param {string} text */
export function isMoment(text) {
  return readMoment(text) !== null;
}

/**
 * A moment as a link has it. A time is written in UTC, because a link is read elsewhere.
 * @param {Moment} moment
 */
export function writeMoment(moment) {
  return moment.kind === "block" ? `block-${moment.height}` : `${new Date(moment.timestamp * 1000).toISOString().slice(0, 16)}Z`;
}
