// Ticks of time over days and years: they lie where an hour, a day, a month or a year of the local calendar begins. Pure.

import { formatDate, formatLocalTime } from "../base/format.js";

/** @typedef {"second" | "minute" | "hour" | "day" | "month" | "year"} Unit */

/** Steps from tick to tick, the room of a label in em, and about how long a step is in seconds. */
const STEPS = /** @type {const} */ ([
  { unit: "hour", count: 3, room: 4.4, seconds: 3 * 3600 },
  { unit: "hour", count: 6, room: 4.4, seconds: 6 * 3600 },
  { unit: "hour", count: 12, room: 4.4, seconds: 12 * 3600 },
  { unit: "day", count: 1, room: 5, seconds: 86_400 },
  { unit: "day", count: 2, room: 5, seconds: 2 * 86_400 },
  { unit: "day", count: 5, room: 5, seconds: 5 * 86_400 },
  { unit: "day", count: 10, room: 5, seconds: 10 * 86_400 },
  { unit: "month", count: 1, room: 5, seconds: 30.4 * 86_400 },
  { unit: "month", count: 3, room: 5, seconds: 91 * 86_400 },
  { unit: "month", count: 6, room: 5, seconds: 182 * 86_400 },
  { unit: "year", count: 1, room: 4, seconds: 365 * 86_400 },
  { unit: "year", count: 2, room: 4, seconds: 730 * 86_400 },
  { unit: "year", count: 5, room: 4, seconds: 1826 * 86_400 },
]);

/** The most ticks that are tried, so that a mistake in a step cannot go on for ever. */
const MOST_TICKS = 200;

/**
 * Moments of the local calendar from `start` to `end`.
 * @param {number} start Unix seconds
 * @param {number} end
 * @param {number} room for labels, em
 * @returns {{ times: number[], unit: Unit }}
 */
export function longTicks(start, end, room) {
  const step = STEPS.find((step) => ((end - start) / step.seconds) * step.room <= room) ?? STEPS[STEPS.length - 1];
  const times = [];
  for (let at = before(start, step), tries = 0; at.getTime() / 1000 <= end && tries < MOST_TICKS; at = after(at, step), tries += 1) {
    if (at.getTime() / 1000 >= start) times.push(at.getTime() / 1000);
  }
  return { times, unit: step.unit };
}

/**
 * The last tick that is not after a moment.
 * @param {number} moment Unix seconds
 * @param {typeof STEPS[number]} step
 */
function before(moment, { unit, count }) {
  const date = new Date(moment * 1000);
  const [year, month, day, hour] = [date.getFullYear(), date.getMonth(), date.getDate(), date.getHours()];
  switch (unit) {
    case "hour": return new Date(year, month, day, hour - (hour % count));
    case "day": return new Date(year, month, 1 + Math.floor((day - 1) / count) * count);
    case "month": return new Date(year, month - (month % count), 1);
    case "year": return new Date(year - (year % count), 0, 1);
  }
}

/**
 * The tick after a tick. Steps of days begin anew on the first of each month; a tick that would lie closer to it than three
 * quarters of a step is left out.
 * @param {Date} tick
 * @param {typeof STEPS[number]} step
 */
function after(tick, { unit, count }) {
  const [year, month, day, hour] = [tick.getFullYear(), tick.getMonth(), tick.getDate(), tick.getHours()];
  const lastDay = new Date(year, month + 1, 0).getDate();
  switch (unit) {
    case "hour": return new Date(year, month, day, hour + count);
    case "day": return lastDay + 1 - (day + count) < 0.75 * count ? new Date(year, month + 1, 1) : new Date(year, month, day + count);
    case "month": return new Date(year, month + count, 1);
    case "year": return new Date(year + count, 0, 1);
  }
}

/**
 * The label of a tick: the time of day, but the day at midnight; the month, but the year in January.
 * @param {number} time Unix seconds
 * @param {Unit} unit
 */
export function labelOf(time, unit) {
  const date = new Date(time * 1000);
  switch (unit) {
    case "second": return formatLocalTime(time, true);
    case "minute": return formatLocalTime(time);
    case "hour": return date.getHours() < 1 ? formatDate(time, "day") : formatLocalTime(time);
    case "day": return formatDate(time, "day");
    case "month": return date.getMonth() === 0 ? String(date.getFullYear()) : formatDate(time, "month");
    case "year": return String(date.getFullYear());
  }
}
