// The content of the plot as a table in CSV (RFC 4180): times in UTC, numbers with a point, in every locale. Pure.

/** @typedef {import("./history.js").Past} Past */
/** @typedef {import("./scale.js").Span} Span */
/** @typedef {import("../link/archive.js").PastPrice} PastPrice */
/**
 * The times and prices that the plot shows.
 * @typedef {object} Shown
 * @property {Span | null} confirmed the times of the confirmed points that are seen, Unix seconds; `null` if they are not shown
 * @property {Span | null} mempool those of the others, likewise
 * @property {Span} price the prices that are seen, USD
 */

const LINE_END = "\r\n";

/**
 * The payments that are seen, oldest first.
 * @param {Pick<import("./points.js").Points, "count" | "at">} points
 * @param {Shown} shown
 */
export function paymentsTable(points, shown) {
  const rows = [];
  for (let slot = 0; slot < points.count; slot += 1) {
    const point = points.at(slot);
    const span = shown[point.state];
    if (span && isIn(span, point.timestamp) && isIn(shown.price, point.price)) rows.push(point);
  }
  rows.sort((one, other) => one.timestamp - other.timestamp);
  const cells = rows.map(({ timestamp, price, valueSats, roundUsd, state }) => [...timeCells(timestamp), cents(price), valueSats, roundUsd, state]);
  return csv(["time_utc", "unix_seconds", "implied_price_usd", "amount_sats", "round_usd", "state"], cells);
}

/**
 * The estimates that are seen, with their 90 % intervals, oldest first. Prices of blocks have their states, because a saved file
 * must tell which of them are unverified.
 * @param {readonly (Past | PastPrice)[]} entries
 * @param {Span} times Unix seconds
 */
export function estimatesTable(entries, times) {
  const rows = entries.filter(({ timestamp }) => isIn(times, timestamp));
  const cells = rows.map((past) => [...timeCells(past.timestamp), cents(past.price), cents(past.low), cents(past.high), stateOf(past)]);
  return csv(["time_utc", "unix_seconds", "price_usd", "interval_low_usd", "interval_high_usd", "state"], cells);
}

/** The state of a block's price; empty of a minute or a live estimate. @param {Past | PastPrice} past */
function stateOf(past) {
  return ("state" in past && past.state) || "";
}

/** @param {Span} span @param {number} value */
function isIn({ low, high }, value) {
  return value >= low && value <= high;
}

/** @param {number} timestamp Unix seconds */
function timeCells(timestamp) {
  return [new Date(timestamp * 1000).toISOString(), Number(timestamp.toFixed(3))];
}

/** @param {number} usd */
function cents(usd) {
  return usd.toFixed(2);
}

/**
 * @param {string[]} head
 * @param {(string | number)[][]} rows of cells without a comma, quote or line end
 */
function csv(head, rows) {
  return [head, ...rows].map((cells) => cells.join(",") + LINE_END).join("");
}
