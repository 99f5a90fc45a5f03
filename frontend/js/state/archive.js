// The prices of days and years, as the historian gave them: which answer is shown, which one is to be asked for, and the line
// that is drawn through it. Pure but for the answers that `Archive` keeps.

import { DOTS_SECONDS, hasDots, RANGES } from "./view.js";

/** @typedef {import("./history.js").Past} Past */
/** @typedef {import("./scale.js").Span} Span */
/** @typedef {import("./state.js").State} State */
/** @typedef {import("../link/archive.js").PastPrice} PastPrice */
/** @typedef {import("../link/archive.js").Series} Series */
/** @typedef {import("../link/message.js").Coverage} Coverage */
/**
 * A question about the past.
 * @typedef {object} Wanted
 * @property {string} key by which its answer is kept
 * @property {string} query of `/api/v1/history`
 * @property {number} everySeconds age at which its answer is asked for again
 */
/** @typedef {{ entries: readonly Past[], isApart: (before: Past, past: Past) => boolean }} Line prices of one line, oldest first, and whether two neighbours are not joined */

const [HOUR, DAY] = [3600, 86_400];

/**
 * An answer is asked for again after this share of the time that it spans: after `REFRESH_LEAST` seconds at the earliest, and
 * after `REFRESH_MOST` at the latest.
 */
const REFRESH_SHARE = 1 / 1440;
const REFRESH_LEAST = 60;
const REFRESH_MOST = 6 * HOUR;

/** The longest time until an answer is asked for again while the past is being filled, in seconds. */
const REFRESH_FILLING = 120;

/** Finer prices are asked for when the time that is zoomed to has fewer prices than this. */
const ENOUGH = 400;

/** An answer whose step is below this, in seconds, is fine enough: no finer one is asked for. */
const FINEST = 600;

/** Prices further apart than this many seconds are not joined. In an answer with steps, the bound is at least `GAP_STEPS` steps. */
const GAP_BLOCKS = 6 * HOUR;
const GAP_MINUTES = 600;
const GAP_STEPS = 2.5;

/** A range can be chosen once the history reaches back over this share of it. */
const COVERED = 0.97;

/** Length of the range `all` while it is not known where the history begins, in seconds. */
const UNKNOWN = 365 * DAY;

export class Archive {
  /** Why the last question had no answer, in words; empty if it had one. */
  failure = "";
  /** @type {Map<string, { series: Series, at: number }>} by name of the range; one answer each */
  #ranges = new Map();
  /** The finer prices of the time that was zoomed to last. @type {{ series: Series, key: string } | null} */
  #detail = null;
  /** The last line made, with the series and the live price that it was made of. @type {{ of: Series | null, live: Past | null, entries: readonly Past[] }} */
  #made = { of: null, live: null, entries: [] };

  /**
   * Takes an answer.
   * @param {string} key of the question
   * @param {Series} series
   * @param {number} clock seconds of the page's own clock
   */
  take(key, series, clock) {
    this.failure = "";
    if (RANGES.some(({ name }) => name === key)) this.#ranges.set(key, { series, at: clock });
    else this.#detail = { series, key };
  }

  /** Forgets all answers, because they are of another chain or of a clock that was set since. */
  clear() {
    this.#ranges.clear();
    this.#detail = null;
    this.#made = { of: null, live: null, entries: [] };
    this.failure = "";
  }

  /**
   * Makes every range count as old, so that it is asked for again when it is shown. Until the new answer comes, the old one is
   * shown.
   */
  expire() {
    for (const held of this.#ranges.values()) held.at = Math.min(held.at, -1e9);
  }

  /** The answer for a range; `null` if there is none yet. @param {string} name */
  of(name) {
    return this.#ranges.get(name)?.series ?? null;
  }

  /** When the answer for a range came, seconds of the page's own clock; minus infinity before. @param {string} name */
  takenAt(name) {
    return this.#ranges.get(name)?.at ?? -Infinity;
  }

  /** The finer prices for a span; `null` if those that are held do not cover it. @param {Span} span */
  detailOf({ low, high }) {
    const series = this.#detail?.series;
    return series && series.from <= low && series.to >= high ? series : null;
  }

  /**
   * The prices of a series, followed by the live one if it is newer.
   * @param {Series} series
   * @param {Past | null} live
   */
  lineThrough(series, live) {
    const made = this.#made;
    if (made.of !== series || made.live?.timestamp !== live?.timestamp || made.live?.price !== live?.price) {
      const last = series.prices[series.prices.length - 1];
      const isNewer = live !== null && last !== undefined && live.timestamp > last.timestamp;
      this.#made = { of: series, live, entries: isNewer ? [...series.prices, live] : series.prices };
    }
    return this.#made.entries;
  }
}

/** The name of the range that is looked at. @param {import("./view.js").View} view */
export function rangeName({ range }) {
  return RANGES.find(({ seconds }) => seconds === range)?.name ?? "3h";
}

/**
 * Where the range `all` begins, Unix seconds; at least an hour ago.
 * @param {State} state
 */
export function beginningOf({ archive, coverage, timestamp }) {
  const first = archive.of("all")?.prices[0]?.timestamp ?? coverage?.firstTime ?? coverage?.firstMinute;
  const now = timestamp ?? 0;
  return Math.min(first ?? now - UNKNOWN, now - HOUR);
}

/**
 * The series that the plot shows; `null` while there is none, or if the plot shows payments.
 * @param {State} state
 * @returns {Series | null}
 */
export function shownSeries({ view, archive, timestamp }) {
  if (hasDots(view)) return null;
  const { time } = view.zoom;
  const detail = time && archive.detailOf(untilNow(time, timestamp));
  return detail ?? archive.of(rangeName(view));
}

/**
 * The question to the historian for the prices that the view shows; `null` if the view needs none.
 * @param {State} state
 * @returns {Wanted | null}
 */
export function wantedSeries({ view, archive, coverage, timestamp }) {
  if (hasDots(view) || timestamp === null || !coverage) return null;
  const name = rangeName(view);
  const whole = archive.of(name);
  const { time } = view.zoom;
  if (whole && time && needsMore(whole, time, timestamp) && !archive.detailOf(untilNow(time, timestamp))) return detailOf(time);
  const span = whole ? whole.to - whole.from : 0;
  const usual = Math.min(REFRESH_MOST, Math.max(REFRESH_LEAST, span * REFRESH_SHARE));
  const everySeconds = coverage.filled < 1 ? Math.min(REFRESH_FILLING, usual) : usual;
  return { key: name, query: `range=${name}`, everySeconds };
}

/**
 * Whether a range's prices do not reach as far back as a span, or are too coarse for it while finer ones exist.
 * @param {Series} series
 * @param {Span} span
 * @param {number} now Unix seconds
 */
function needsMore({ from, stepSeconds }, { low, high }, now) {
  const isCoarse = stepSeconds >= FINEST && (high - low) / stepSeconds < ENOUGH;
  return isCoarse || (low < from && high <= now);
}

/**
 * The part of a span up to now, because there can be no later prices.
 * @param {Span} span
 * @param {number | null} now Unix seconds
 * @returns {Span}
 */
function untilNow({ low, high }, now) {
  return { low, high: Math.min(high, now ?? high) };
}

/**
 * A question for a span with a margin on either side. Its ends are multiples of half a power of two, so that a little zooming and
 * panning needs no new question.
 * @param {Span} span
 * @returns {Wanted}
 */
function detailOf({ low, high }) {
  const length = 2 ** Math.ceil(Math.log2(high - low));
  const grain = length / 2;
  const from = Math.max(1, Math.floor((low - grain / 2) / grain) * grain);
  const to = Math.ceil((high + grain / 2) / grain) * grain;
  return { key: `${from}-${to}`, query: `from=${Math.floor(from)}&to=${Math.ceil(to)}`, everySeconds: Infinity };
}

/**
 * The line through the prices that are shown, up to the live one; `null` while there are none.
 * @param {State} state
 * @param {boolean} holds whether the live price is of this moment
 * @returns {Line | null}
 */
export function pastLine(state, holds) {
  const series = shownSeries(state);
  if (!series) return null;
  const { estimate, timestamp, archive } = state;
  const { price } = estimate ?? { price: 0 };
  const { low, high } = estimate?.interval ?? { low: price, high: price };
  const live = estimate && holds && timestamp !== null ? { timestamp, price, low, high } : null;
  return { entries: archive.lineThrough(series, live), isApart: (before, past) => isApart(series, before, past) };
}

/**
 * Whether nothing is known of the time between two prices.
 * @param {Series} series
 * @param {Past} before
 * @param {Past} past
 */
export function isApart({ stepSeconds, minutesFrom }, before, past) {
  const isMinute = minutesFrom !== null && before.timestamp >= minutesFrom;
  const gap = Math.max(isMinute ? GAP_MINUTES : GAP_BLOCKS, GAP_STEPS * stepSeconds);
  return past.timestamp - before.timestamp > gap;
}

/**
 * The lowest and highest price in a span of time, with their intervals up to 10 % from each price; `null` if there is no price.
 * @param {readonly Past[]} entries
 * @param {Span} span
 * @returns {Span | null}
 */
export function reachOf(entries, span) {
  let [low, high] = [Infinity, -Infinity];
  for (const past of entries) {
    if (past.timestamp < span.low || past.timestamp > span.high) continue;
    low = Math.min(low, Math.max(past.low, past.price * 0.9));
    high = Math.max(high, Math.min(past.high, past.price * 1.1));
  }
  return low <= high ? { low, high } : null;
}

/**
 * The moment from which every price is known, Unix seconds; `null` if none is known.
 * @param {Coverage} coverage
 */
export function coveredSince({ since, firstMinute }) {
  return since ?? firstMinute;
}

/**
 * Why a range cannot be chosen, in words for the reader; empty if it can be.
 * @param {State} state
 * @param {number} seconds of the range
 * @param {(timestamp: number) => string} formatDay
 */
export function refusalOf({ coverage, timestamp }, seconds, formatDay) {
  if (seconds <= DOTS_SECONDS) return "";
  if (!coverage) return "This gateway has no history of prices";
  const since = coveredSince(coverage);
  if (since === null) return coverage.filled > 0 || coverage.state === "filling" ? "The history is still being read" : "The history has no price yet";
  if (!Number.isFinite(seconds) || timestamp === null || since <= timestamp - COVERED * seconds) return "";
  return coverage.filled < 1 ? `Read only back to ${formatDay(since)} so far` : `The history begins on ${formatDay(since)}`;
}
