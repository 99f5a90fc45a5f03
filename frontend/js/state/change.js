// The change of the price in an hour. Pure.

/** @typedef {import("./state.js").State} State */

const HOUR_SECONDS = 3600;

/**
 * @param {Pick<State, "estimate" | "timestamp" | "history">} state
 * @returns {{ share: number, from: number } | null} the change as a share of one, and the price an hour ago in USD; `null` if
 *   either price is not known
 */
export function changeInAnHour({ estimate, timestamp, history }) {
  const before = timestamp === null ? null : history.at(timestamp - HOUR_SECONDS);
  return estimate && before ? { share: estimate.price / before.price - 1, from: before.price } : null;
}
