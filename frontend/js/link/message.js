// Checks and types the gateway's messages. Unknown fields and types are ignored, because the contract may grow.

import { flag, list, notNegative, number, object, positive, text } from "../base/json.js";

/**
 * An output on the plot, and the price that it implies.
 * @typedef {object} Point
 * @property {string} id
 * @property {number} timestamp first seen, Unix seconds
 * @property {number} price USD for one BTC
 * @property {number} valueSats
 * @property {number} roundUsd the round sum that the output most likely is
 * @property {"mempool" | "confirmed"} state
 */
/**
 * @typedef {object} Change
 * @property {string} id
 * @property {"mempool" | "confirmed" | "removed"} state
 * @property {number | null} timestamp the point's, Unix seconds; `null` if the state is `confirmed` or the gateway does not know it
 * @property {number | null} valueSats likewise
 */
/** @typedef {{ name: string, state: string, detail: string }} Hop */
/** @typedef {{ height: number | null, timestamp: number }} Block */
/**
 * @typedef {object} Estimate
 * @property {number} price USD for one BTC
 * @property {number} confidence 0 to 1
 * @property {{ low: number, high: number } | null} interval the 90 % interval
 * @property {number | null} payments the number that it was read from
 * @property {number | null} newestPaymentAgeSeconds
 * @property {boolean} stale whether it is not of this moment
 * @property {StaleReason | null} staleReason `null` if it is not stale, or the gateway does not say why
 * @property {number | null} asOf the event clock when it was made, Unix seconds
 * @property {number | null} ageSeconds age of the newest payment when the message was sent, by the gateway's own clock
 */
/** @typedef {typeof STALE_REASONS[number]} StaleReason */
/**
 * @typedef {object} Stats
 * @property {number} received
 * @property {number} filtered
 * @property {number} active
 * @property {number} uptimeSeconds
 * @property {number | null} mempool
 */
/**
 * One message. A field that it lacks is `null`, and keeps its value on the page; without `estimate` there is no price at present.
 * @typedef {object} Update
 * @property {number | null} sequence
 * @property {boolean} reset `points` is the whole picture: forget those before
 * @property {number | null} timestamp the event clock, Unix seconds
 * @property {Estimate | null} estimate
 * @property {Point[]} points
 * @property {Change[]} changes
 * @property {Hop[] | null} hops
 * @property {Stats | null} stats
 * @property {boolean | null} simulated
 * @property {number | null} hiddenPriceUsd
 * @property {string | null} chain
 * @property {Block | null} block the newest
 * @property {Block[] | null} blocks those of the last three hours, oldest first
 * @property {number | null} historySince stamp of the oldest estimate that can be fetched, Unix seconds
 * @property {string | null} build the build of the page that the gateway serves
 */
/** @typedef {import("../base/json.js").Json} Json */

/** The contract's reasons for a stale price; docs of each are at StaleReason in proto/satscope/v1/common.proto. */
const STALE_REASONS = /** @type {const} */ (["upstream_lost", "resyncing", "no_estimate", "no_payments"]);

/**
 * Reads one WebSocket message; `null` when it is of a type that this page does not know.
 * @param {string} message
 * @returns {Update | null}
 * @throws {SyntaxError} when it is not JSON
 */
export function readMessage(message) {
  const { type, data } = object(JSON.parse(message));
  if (type !== "mempool_update" && type !== "status") return null;
  const fields = object(data);
  return {
    sequence: number(fields.sequence),
    reset: fields.reset === true,
    timestamp: positive(fields.timestamp),
    estimate: type === "status" ? null : readEstimate(fields),
    points: readPoints(fields.transactions),
    changes: list(fields.changes).flatMap(readChange),
    hops: Array.isArray(fields.hops) ? fields.hops.flatMap(readHop) : null,
    stats: readStats(object(fields.stats)),
    simulated: flag(fields.simulated),
    hiddenPriceUsd: positive(fields.hidden_price_usd),
    chain: text(fields.chain),
    block: readBlock(fields.block)[0] ?? null,
    blocks: Array.isArray(fields.blocks) ? fields.blocks.flatMap(readBlock) : null,
    historySince: positive(fields.history_since),
    build: text(fields.build),
  };
}

/**
 * Reads a list of points; an unusable one is left out.
 * @param {unknown} value
 * @returns {Point[]}
 */
export function readPoints(value) {
  return list(value).flatMap((item) => {
    const fields = object(item);
    const [timestamp, price] = [positive(fields.timestamp), positive(fields.price)];
    if (timestamp === null || price === null) return [];
    return {
      id: text(fields.id) ?? `${timestamp}:${price}`,
      timestamp,
      price,
      valueSats: number(fields.value_sats) ?? 0,
      roundUsd: number(fields.round_usd) ?? 0,
      state: fields.state === "confirmed" ? "confirmed" : "mempool",
    };
  });
}

/**
 * @param {Json} fields
 * @returns {Estimate | null}
 */
function readEstimate(fields) {
  const price = positive(fields.price);
  if (price === null) return null;
  const [interval, evidence] = [object(fields.interval), object(fields.evidence)];
  const [low, high] = [positive(interval.low), positive(interval.high)];
  return {
    price,
    confidence: Math.min(1, Math.max(0, number(fields.confidence) ?? 0)),
    interval: low !== null && high !== null ? { low, high } : null,
    payments: number(evidence.payments),
    newestPaymentAgeSeconds: number(evidence.newest_payment_age_seconds),
    stale: fields.stale === true,
    staleReason: STALE_REASONS.find((reason) => fields.stale === true && reason === fields.stale_reason) ?? null,
    asOf: positive(fields.as_of),
    ageSeconds: notNegative(fields.age_seconds),
  };
}

/**
 * @param {unknown} value
 * @returns {Change[]}
 */
function readChange(value) {
  const { id, state, timestamp, value_sats: valueSats } = object(value);
  if (typeof id !== "string") return [];
  if (state !== "mempool" && state !== "confirmed" && state !== "removed") return [];
  return [{ id, state, timestamp: positive(timestamp), valueSats: notNegative(valueSats) }];
}

/**
 * @param {unknown} value
 * @returns {Hop[]}
 */
function readHop(value) {
  const { name, state, detail } = object(value);
  if (typeof name !== "string") return [];
  return [{ name, state: text(state) ?? "unknown", detail: text(detail) ?? "" }];
}

/**
 * @param {Json} fields
 * @returns {Stats | null}
 */
function readStats(fields) {
  const received = number(fields.total_received);
  if (received === null) return null;
  return {
    received,
    filtered: number(fields.total_filtered) ?? 0,
    active: number(fields.active_in_window) ?? 0,
    uptimeSeconds: number(fields.uptime_seconds) ?? 0,
    mempool: number(fields.mempool_transactions),
  };
}

/**
 * @param {unknown} value
 * @returns {Block[]}
 */
function readBlock(value) {
  const fields = object(value);
  const timestamp = positive(fields.timestamp);
  return timestamp === null ? [] : [{ height: number(fields.height), timestamp }];
}

/**
 * Reads the answer to `/api/v1/history`; an unusable estimate is left out.
 * @param {unknown} answer
 * @returns {import("../state/history.js").Past[]}
 */
export function readHistory(answer) {
  return list(object(answer).estimates).flatMap((item) => {
    const fields = object(item);
    const interval = object(fields.interval);
    const [timestamp, price] = [positive(fields.timestamp), positive(fields.price)];
    if (timestamp === null || price === null) return [];
    return { timestamp, price, low: positive(interval.low) ?? price, high: positive(interval.high) ?? price };
  });
}

/**
 * The historian's progress with the past; its last known one while it does not answer.
 * @typedef {object} Coverage
 * @property {typeof DOINGS[number]} state
 * @property {string} detail one line for a person; may be empty
 * @property {number | null} since every block from here to the newest with a price has been read, Unix seconds
 * @property {number} filled share of the blocks that have been read, 0 to 1
 * @property {number | null} leftSeconds until all are read; `null` if that is not known
 * @property {number | null} firstTime of the oldest block with a price, Unix seconds
 * @property {number | null} firstMinute the oldest minute with a price, Unix seconds
 * @property {number | null} firstHeight of the oldest block with a price
 * @property {number | null} tipHeight of the node's newest block
 * @property {number} unverified share of the blocks with a price that come from a file which was not vouched for, 0 to 1
 */

const DOINGS = /** @type {const} */ (["waiting", "filling", "following", "stuck"]);

/**
 * Reads the answer to `/api/v1/history/coverage`.
 * @param {unknown} answer
 * @returns {Coverage | null} `null` when it cannot be used, or its state is `away`: no historian answers the gateway
 */
export function readCoverage(answer) {
  const fields = object(answer);
  const state = DOINGS.find((doing) => doing === fields.state);
  const [read, wanted] = [number(fields.read_blocks) ?? 0, number(fields.wanted_blocks) ?? 0];
  if (!state) return null;
  const [blocks, unverified] = [number(fields.blocks) ?? 0, number(fields.unverified_blocks) ?? 0];
  const filled = wanted > 0 ? Math.min(1, Math.max(0, read / wanted)) : 0;
  return {
    state,
    detail: text(fields.detail) ?? "",
    since: positive(fields.since_time),
    filled,
    leftSeconds: positive(fields.left_seconds),
    firstTime: positive(fields.first_time),
    firstMinute: positive(fields.first_minute),
    firstHeight: notNegative(fields.first_height),
    tipHeight: notNegative(fields.tip_height),
    unverified: blocks > 0 ? Math.min(1, Math.max(0, unverified / blocks)) : 0,
  };
}

/**
 * Another currency than the dollar, with the rate that the gateway's operator has given.
 * @typedef {object} Currency
 * @property {string} code of three capital letters
 * @property {string} name in English; the code if no name is known
 * @property {number} unitsPerDollar
 * @property {string} date of the rate, such as 2024-03-01
 */

/**
 * Reads the answer to `/api/v1/exchange-rates`; an unusable rate is left out.
 * @param {unknown} answer
 * @returns {Currency[]}
 */
export function readCurrencies(answer) {
  return list(object(answer).rates).flatMap((item) => {
    const fields = object(item);
    const [code, unitsPerDollar] = [text(fields.currency), positive(fields.units_per_dollar)];
    if (code === null || !/^[A-Z]{3}$/.test(code) || unitsPerDollar === null) return [];
    return { code, name: text(fields.name) ?? code, unitsPerDollar, date: text(fields.date) ?? "" };
  });
}

/**
 * The number of amounts in each bin of a logarithmic scale, and the round sums that are laid on it.
 * @typedef {object} Amounts
 * @property {number} firstSats lower edge of the first bin
 * @property {number} binWidth natural logarithm of the ratio of a bin's edges
 * @property {number[]} counts
 * @property {{ roundUsd: number, strength: number }[]} ladder ascending
 */

/**
 * Reads the answer to `/api/v1/evidence`.
 * @param {unknown} answer
 * @returns {Amounts | null} `null` when it cannot be used
 */
export function readAmounts(answer) {
  const fields = object(answer);
  const [firstSats, binWidth] = [positive(fields.first_sats), positive(fields.bin_width)];
  const counts = list(fields.counts).map((count) => number(count) ?? 0);
  if (firstSats === null || binWidth === null || counts.length === 0) return null;
  const ladder = list(fields.ladder).flatMap((item) => {
    const rung = object(item);
    const roundUsd = positive(rung.round_usd);
    return roundUsd === null ? [] : [{ roundUsd, strength: number(rung.strength) ?? 0 }];
  });
  return { firstSats, binWidth, counts, ladder };
}
