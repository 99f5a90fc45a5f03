// The estimates of the last three hours: those from before the page was opened come by REST, the later ones by the socket.

/** @typedef {{ timestamp: number, price: number, low: number, high: number }} Past an estimate and its interval, USD */

/** Seconds that are kept. */
const KEPT_SECONDS = 3 * 3600;

/** Live estimates closer than this many seconds take the place of the one before. */
const STEP_SECONDS = 5;

/** An estimate stands for a moment that is at most this many seconds away from it. */
const NEAR_SECONDS = 300;

export class History {
  /** @type {Past[]} oldest first */
  #held = [];
  /**
   * Estimates up to this stamp, Unix seconds, are of a clock that was set since. They are dropped when new ones are
   * fetched.
   */
  #turnedAt = -Infinity;

  /** All estimates, oldest first. */
  get entries() {
    return this.#held;
  }

  /** The stamp of the oldest estimate, Unix seconds; infinity if there is none. */
  get since() {
    return this.#held[0]?.timestamp ?? Infinity;
  }

  /**
   * Takes the newest estimate. Estimates with later stamps are dropped, because they are of a clock that was set back.
   * @param {number} timestamp the event clock, Unix seconds
   * @param {import("../link/message.js").Estimate} estimate
   */
  push(timestamp, { price, interval }) {
    const { low, high } = interval ?? { low: price, high: price };
    this.dropAfter(timestamp);
    const [last, beforeLast] = [this.#held.at(-1), this.#held.at(-2)];
    if (last && beforeLast && last.timestamp - beforeLast.timestamp < STEP_SECONDS) this.#held.pop();
    this.#held.push({ timestamp, price, low, high });
    const kept = this.#held.findIndex((past) => past.timestamp >= timestamp - KEPT_SECONDS);
    if (kept > 0) this.#held.splice(0, kept);
  }

  /** Forgets the estimates after a moment. @param {number} timestamp Unix seconds */
  dropAfter(timestamp) {
    while ((this.#held.at(-1)?.timestamp ?? -Infinity) > timestamp) this.#held.pop();
  }

  /** Forgets all estimates. */
  clear() {
    this.#held = [];
    this.#turnedAt = -Infinity;
  }

  /**
   * Moves all estimates by a step of the clock, until those by the present clock have been fetched.
   * @param {number} step seconds
   */
  turn(step) {
    this.#held = this.#held.map((past) => ({ ...past, timestamp: past.timestamp + step }));
    this.#turnedAt = this.#held.at(-1)?.timestamp ?? -Infinity;
  }

  /**
   * Adds fetched estimates; those that the socket brought are finer and stay. Estimates from before the clock
   * was set are dropped.
   * @param {Past[]} fetched oldest first
   */
  merge(fetched) {
    const kept = this.#held.filter(({ timestamp }) => timestamp > this.#turnedAt);
    this.#turnedAt = -Infinity;
    const all = [...kept, ...fetched].sort((one, other) => one.timestamp - other.timestamp);
    this.#held = all.filter(({ timestamp }, at) => at === 0 || timestamp > all[at - 1].timestamp);
  }

  /**
   * The estimate nearest to a moment; `null` if it is over `NEAR_SECONDS` away.
   * @param {number} timestamp
   * @returns {Past | null}
   */
  at(timestamp) {
    const after = this.#held.findIndex((past) => past.timestamp >= timestamp);
    const near = after < 0 ? [this.#held.at(-1)] : [this.#held[after - 1], this.#held[after]];
    const nearest = near
      .filter((past) => past !== undefined)
      .sort((one, other) => Math.abs(one.timestamp - timestamp) - Math.abs(other.timestamp - timestamp))[0];
    return nearest && Math.abs(nearest.timestamp - timestamp) <= NEAR_SECONDS ? nearest : null;
  }
}
