// What comes beside the socket: the points that a reset leaves out, the estimates of the past, and the amounts.

import { retryDelayMs } from "./connection.js";
import { readAmounts, readHistory, readPoints } from "./message.js";

/** @typedef {{ sequence: number, points: import("./message.js").Point[] }} Rest */

/** How often the amounts are asked for while somebody looks at them, in milliseconds. */
const AMOUNTS_EVERY_MS = 10_000;

/** The time over which the pages of a gateway spread what they ask after a reset, in milliseconds. */
const RESET_SPREAD_MS = 30_000;

/** Something that is fetched until it is there and can be used; a later call supersedes an earlier one. @template T */
export class Fetched {
  /** @type {AbortController | null} */
  #fetching = null;
  #address;
  #read;
  #onAnswer;

  /**
   * @param {string} address relative to the page
   * @param {(answer: unknown) => T} read throws what is wrong with an answer
   * @param {(answer: T) => boolean | void} onAnswer returns `false` for an answer that is to be asked for again
   */
  constructor(address, read, onAnswer) {
    this.#address = address;
    this.#read = read;
    this.#onAnswer = onAnswer;
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

  /** Gives up what is being fetched. */
  stop() {
    this.#fetching?.abort();
  }

  /**
   * @param {AbortSignal} signal
   * @returns {Promise<{ read: T } | null>} `null` when it could not be had this time
   */
  async #ask(signal) {
    try {
      const response = await fetch(this.#address, { signal });
      if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
      return { read: this.#read(await response.json()) };
    } catch (error) {
      if (!signal.aborted) console.info(`${this.#address} could not be read, will be tried again:`, error);
      return null;
    }
  }
}

/**
 * The wait before a page asks for what a reset left out: none for its first picture, and a share of `RESET_SPREAD_MS` later,
 * because a reset comes to all pages at once.
 * @param {boolean} isFirst whether the page has had no whole picture yet
 * @param {number} random 0 to 1
 */
export function resetDelayMs(isFirst, random) {
  return isFirst ? 0 : RESET_SPREAD_MS * random;
}

/** @param {(rest: Rest) => boolean} onAnswer returns whether it could be used */
export function restOfPoints(onAnswer) {
  return new Fetched("api/v1/points", readRest, onAnswer);
}

/** @param {(past: import("./history.js").Past[]) => void} onAnswer */
export function pastEstimates(onAnswer) {
  return new Fetched("api/v1/history?range=3h&step=10s", readHistory, onAnswer);
}

/**
 * Asks for the amounts at once and then now and then, as long as `wanted` says so.
 * @param {() => boolean} wanted
 * @param {(amounts: import("./message.js").Amounts | null) => void} onAnswer
 */
export function amountsWhile(wanted, onAnswer) {
  const amounts = new Fetched("api/v1/evidence", readAmounts, onAnswer);
  const ask = () => {
    if (wanted()) void amounts.fetch();
    else amounts.stop();
  };
  setInterval(ask, AMOUNTS_EVERY_MS);
  return ask;
}

/**
 * @param {unknown} answer
 * @returns {Rest}
 */
function readRest(answer) {
  const { sequence, points } = /** @type {Record<string, unknown>} */ (answer);
  if (typeof sequence !== "number") throw new Error("no sequence in it");
  return { sequence, points: readPoints(points) };
}
