// Answers by REST, beside the socket: the points that a reset leaves out, the estimates of the past, and the amounts.

import { COLUMNS, ColumnsReader } from "./columns.js";
import { retryDelayMs } from "./connection.js";
import { readAmounts, readCoverage, readCurrencies, readHistory } from "./message.js";

/** @typedef {import("./columns.js").Part} Part */

const JSON_TYPE = "application/json";

/** Interval between questions for the amounts while they are shown, in milliseconds. */
const AMOUNTS_EVERY_MS = 10_000;

/** Interval between questions about the historian's progress while the page is visible, in milliseconds. */
const COVERAGE_EVERY_MS = 60_000;

/** Interval between questions for the exchange rates while the page is visible, in milliseconds. */
const CURRENCIES_EVERY_MS = 120_000;

/** The time over which the pages of a gateway spread their questions after a reset, in milliseconds. */
const RESET_SPREAD_MS = 30_000;

/** An answer that is asked for until a usable one comes; a later call supersedes an earlier one. @template T */
export class Fetched {
  /** @type {AbortController | null} */
  #fetching = null;
  #address;
  #accept;
  #read;
  #onAnswer;
  #onFailure;

  /**
   * @param {string} address relative to the page
   * @param {string} accept the media type of the answer
   * @param {(response: Response, signal: AbortSignal) => Promise<T>} read throws an error for an unusable answer
   * @param {(answer: T) => boolean | void} onAnswer returns `false` for an answer that is to be asked for again
   * @param {(words: string) => void} [onFailure] called with the gateway's words for each refusal
   */
  constructor(address, accept, read, onAnswer, onFailure) {
    this.#address = address;
    this.#accept = accept;
    this.#read = read;
    this.#onAnswer = onAnswer;
    this.#onFailure = onFailure;
  }

  /** @param {number} [delayMs] milliseconds before the first attempt */
  async fetch(delayMs = 0) {
    this.#fetching?.abort();
    const { signal } = (this.#fetching = new AbortController());
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    for (let failures = 0; !signal.aborted; failures += 1) {
      const answer = await this.#ask(signal);
      if (signal.aborted) return;
      if (answer && this.#onAnswer(answer.read) !== false) return;
      await new Promise((resolve) => setTimeout(resolve, retryDelayMs(failures, Math.random())));
    }
  }

  /** Gives up the question under way. */
  stop() {
    this.#fetching?.abort();
  }

  /**
   * @param {AbortSignal} signal
   * @returns {Promise<{ read: T } | null>} `null` when it could not be had this time
   */
  async #ask(signal) {
    try {
      const response = await fetch(this.#address, { signal, headers: { accept: this.#accept } });
      if (!response.ok) throw new Error(await refusalOf(response));
      return { read: await this.#read(response, signal) };
    } catch (error) {
      if (signal.aborted) return null;
      console.info(`${this.#address} could not be read, will be tried again:`, error);
      this.#onFailure?.(error instanceof Error ? error.message : String(error));
      return null;
    }
  }
}

/** The gateway's words for a refusal; its status if it has none. @param {Response} response */
async function refusalOf(response) {
  const problem = await response.json().catch(() => null);
  return typeof problem?.detail === "string" ? problem.detail : `${response.status} ${response.statusText}`;
}

/**
 * The wait before a page asks for the rest after a reset: none for its first picture, and a share of `RESET_SPREAD_MS` later,
 * because a reset comes to all pages at once.
 * @param {boolean} isFirst whether the page has had no whole picture yet
 * @param {number} random 0 to 1
 */
export function resetDelayMs(isFirst, random) {
  return isFirst ? 0 : RESET_SPREAD_MS * random;
}

/**
 * All points, in parts: the newest quarter of an hour is given while the others are on their way.
 * @param {(part: Part) => boolean} onPart returns whether it could be used; if not, all are asked for again
 */
export function restOfPoints(onPart) {
  return new Fetched("api/v1/points", COLUMNS, (response, signal) => readParts(response, signal, onPart), (isTaken) => isTaken);
}

/** @param {(past: import("../state/history.js").Past[]) => void} onAnswer */
export function pastEstimates(onAnswer) {
  return new Fetched("api/v1/history?range=3h&step=10s", JSON_TYPE, read(readHistory), onAnswer);
}

/**
 * Asks for the amounts every `AMOUNTS_EVERY_MS` while `wanted` returns `true`. Returns a function that asks at once.
 * @param {() => boolean} wanted
 * @param {(amounts: import("./message.js").Amounts | null) => void} onAnswer
 */
export function amountsWhile(wanted, onAnswer) {
  const amounts = new Fetched("api/v1/evidence", JSON_TYPE, read(readAmounts), onAnswer);
  const ask = () => {
    if (wanted()) void amounts.fetch();
    else amounts.stop();
  };
  setInterval(ask, AMOUNTS_EVERY_MS);
  return ask;
}

/**
 * Asks how far the past is filled every `COVERAGE_EVERY_MS` while `wanted` returns `true`. Returns a function that asks at once.
 * @param {() => boolean} wanted
 * @param {(coverage: import("./message.js").Coverage | null) => void} onAnswer `null` if the gateway does not know
 */
export function coverageWhile(wanted, onAnswer) {
  return askEvery(COVERAGE_EVERY_MS, "api/v1/history/coverage", readCoverage, wanted, onAnswer);
}

/**
 * Asks for the exchange rates every `CURRENCIES_EVERY_MS` while `wanted` returns `true`. Returns a function that asks at once. While
 * the gateway gives none, the last ones stay.
 * @param {() => boolean} wanted
 * @param {(currencies: import("./message.js").Currency[]) => void} onAnswer
 */
export function currenciesWhile(wanted, onAnswer) {
  return askEvery(CURRENCIES_EVERY_MS, "api/v1/exchange-rates", readCurrencies, wanted, (answer) => answer && onAnswer(answer));
}

/**
 * Asks every `everyMs` milliseconds while `wanted` returns `true`. Returns a function that asks at once. A gateway may have no
 * answer, so a question that fails is not repeated before its time.
 * @template T
 * @param {number} everyMs
 * @param {string} address relative to the page
 * @param {(answer: unknown) => T | null} readAnswer
 * @param {() => boolean} wanted
 * @param {(answer: T | null) => void} onAnswer `null` if there is none
 */
function askEvery(everyMs, address, readAnswer, wanted, onAnswer) {
  const ask = async () => {
    if (!wanted()) return;
    try {
      const response = await fetch(address, { headers: { accept: JSON_TYPE } });
      onAnswer(response.ok ? readAnswer(await response.json()) : null);
    } catch (error) {
      console.info(`${address} could not be read, will be asked again:`, error);
      onAnswer(null);
    }
  };
  setInterval(() => void ask(), everyMs);
  return ask;
}

/**
 * Makes a reader of answers in JSON.
 * @template T
 * @param {(answer: unknown) => T} readAnswer
 * @returns {(response: Response) => Promise<T>}
 */
function read(readAnswer) {
  return async (response) => readAnswer(await response.json());
}

/**
 * Reads an answer in columns as it comes.
 * @param {Response} response
 * @param {AbortSignal} signal after which no part is given
 * @param {(part: Part) => boolean} onPart returns whether it could be used
 * @returns {Promise<boolean>} whether all parts could be used
 * @throws {Error} if the answer is not as it should be, perhaps after some of its parts were given
 */
export async function readParts(response, signal, onPart) {
  const stream = response.body?.getReader();
  if (!stream) throw new Error("an answer without a body");
  const columns = new ColumnsReader();
  try {
    for (let next = await stream.read(); !next.done; next = await stream.read()) {
      for (const part of columns.take(next.value)) {
        if (signal.aborted || !onPart(part)) return false;
      }
    }
    columns.end();
    return true;
  } finally {
    // An error of the stream was thrown by `read` already.
    stream.cancel().catch(() => {});
  }
}
