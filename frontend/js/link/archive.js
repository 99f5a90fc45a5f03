// Asks the historian through the gateway: for the prices of a span of time, and for the price at one moment.

import { number, object, positive } from "../base/json.js";
import { Fetched } from "./rest.js";

/** @typedef {import("../state/archive.js").Wanted} Wanted */
/** @typedef {import("../state/moment.js").Moment} Moment */
/** @typedef {"unverified" | "provisional" | "settled" | "final"} BlockState unverified is a price from a file that was not vouched for */
/**
 * A price of the past.
 * @typedef {object} PastPrice
 * @property {number} timestamp Unix seconds
 * @property {number} price USD for one BTC
 * @property {number} low end of the 90 % interval
 * @property {number} high
 * @property {number} confidence 0 to 1
 * @property {"block" | "minute"} source
 * @property {number | null} height of the block; `null` of a minute
 * @property {BlockState | null} state of the block's price; `null` of a minute, and if it is not known
 */
/**
 * The prices of a span.
 * @typedef {object} Series
 * @property {number} from Unix seconds
 * @property {number} to
 * @property {number} stepSeconds 0 if all prices are given
 * @property {number | null} minutesFrom time of the first price that is of a minute, Unix seconds; `null` if all are
 * of blocks
 * @property {PastPrice[]} prices oldest first
 */
/**
 * The outcome of a question for one price.
 * @typedef {{ price: PastPrice | null, status: number }} Answer the price, if there is one, and the status of HTTP
 */

const JSON_TYPE = "application/json";

/** @type {readonly BlockState[]} */
const STATES = ["unverified", "provisional", "settled", "final"];

/** The time after which a question for one price is given up, in milliseconds. */
const PATIENCE_MS = 10_000;

/**
 * @param {unknown} value a row of `/api/v1/history`, or an element of `/api/v1/historical-price` with all fields
 * @returns {PastPrice | null} `null` if it cannot be used
 */
export function readPastPrice(value) {
  const fields = object(value);
  const interval = object(fields.interval);
  const [timestamp, price] = [positive(fields.time), positive(fields.price ?? fields.USD)];
  if (timestamp === null || price === null) return null;
  return {
    timestamp,
    price,
    low: positive(interval.low) ?? price,
    high: positive(interval.high) ?? price,
    confidence: Math.min(1, Math.max(0, number(fields.confidence) ?? 0)),
    source: fields.source === "minute" ? "minute" : "block",
    height: number(fields.height),
    state: STATES.find((state) => state === fields.state) ?? null,
  };
}

/**
 * Reads an answer of `/api/v1/history` about the archive; an unusable price is left out.
 * @param {unknown} answer
 * @returns {Series}
 * @throws {Error} if it is no such answer
 */
export function readSeries(answer) {
  const fields = object(answer);
  const [from, to] = [number(fields.from), number(fields.to)];
  if (from === null || to === null || !Array.isArray(fields.prices)) throw new Error("an answer without prices of the past");
  const prices = fields.prices.flatMap((row) => readPastPrice(row) ?? []);
  const isRising = prices.every(({ timestamp }, at) => at === 0 || timestamp >= prices[at - 1].timestamp);
  if (!isRising) prices.sort((one, other) => one.timestamp - other.timestamp);
  return { from, to, stepSeconds: number(fields.step_seconds) ?? 0, minutesFrom: positive(fields.minutes_from), prices };
}

/** Asks for one series at a time; a new question takes the place of the one under way. */
export class SeriesAsker {
  /** @type {Fetched<Series> | null} */
  #asked = null;
  #onSeries;
  #onFailure;

  /**
   * @param {(key: string, series: Series) => void} onSeries
   * @param {(words: string) => void} onFailure called at each attempt that fails; another follows
   */
  constructor(onSeries, onFailure) {
    this.#onSeries = onSeries;
    this.#onFailure = onFailure;
  }

  /**
   * @param {Wanted} wanted
   * @param {number} delayMs milliseconds before the first attempt
   */
  ask({ key, query }, delayMs) {
    this.stop();
    const read = async (/** @type {Response} */ response) => readSeries(await response.json());
    const take = (/** @type {Series} */ series) => this.#onSeries(key, series);
    this.#asked = new Fetched(`api/v1/history?${query}`, JSON_TYPE, read, take, this.#onFailure);
    void this.#asked.fetch(delayMs);
  }

  /** Gives up the question under way. */
  stop() {
    this.#asked?.stop();
    this.#asked = null;
  }
}

/**
 * The price at a moment, or of a block.
 * @param {Moment} moment
 * @param {AbortController} controller to give it up by; it is given up after `PATIENCE_MS` in any case
 * @returns {Promise<Answer>} with the status 0 if the gateway could not be reached
 */
export async function askPrice(moment, controller) {
  const address = moment.kind === "block"
    ? `api/v1/history?height=${moment.height}`
    : `api/v1/historical-price?timestamp=${Math.floor(moment.timestamp)}&fields=all`;
  const timer = setTimeout(() => controller.abort(), PATIENCE_MS);
  try {
    const response = await fetch(address, { headers: { accept: JSON_TYPE }, signal: controller.signal });
    const body = object(await response.json());
    const row = Array.isArray(body.prices) ? body.prices[0] : body;
    return { price: response.ok ? readPastPrice(row) : null, status: response.status };
  } catch (error) {
    console.info(`${address} could not be read:`, error);
    return { price: null, status: 0 };
  } finally {
    clearTimeout(timer);
  }
}
