// The points of the plot: bounded in age and number, and put together from the socket and from the picture by REST.

/** @typedef {import("./message.js").Point} Point */
/** @typedef {import("./message.js").Change} Change */

/** The window, in seconds: older points are forgotten. */
export const WINDOW_SECONDS = 3 * 3600;

/** The most points ever held; beyond it the oldest go. */
export const MOST_POINTS = 50_000;

/** How many go at once at the bound, so that it costs one sort in a thousand points and not one in each message. */
const TRIMMED_AT_ONCE = 1000;

export class Points {
  /** @type {Map<string, Point>} */
  #held = new Map();
  /**
   * Changes since the last reset, kept until the rest of the picture has come: that is fetched apart and may be older.
   * @type {Map<string, { state: Change["state"], sequence: number }> | null}
   */
  #sinceReset = null;

  get size() {
    return this.#held.size;
  }

  /** All points, in no particular order. */
  values() {
    return this.#held.values();
  }

  /** Forgets all; `mergeRest` is awaited from now on. */
  reset() {
    this.#held.clear();
    this.#sinceReset = new Map();
  }

  /**
   * Takes in what one message brings.
   * @param {Point[]} added
   * @param {Change[]} changes
   * @param {number} sequence the message's
   */
  apply(added, changes, sequence) {
    for (const point of added) this.#held.set(point.id, point);
    for (const { id, state } of changes) {
      this.#sinceReset?.set(id, { state, sequence });
      const point = this.#held.get(id);
      if (!point) continue;
      if (state === "removed") this.#held.delete(id);
      else point.state = state;
    }
  }

  /**
   * Takes in the rest of the picture, as it stood at `sequence`. What the socket brought later is newer and wins;
   * what the picture has ahead of the socket comes again by the socket, and does no harm.
   * @param {Point[]} points
   * @param {number} sequence
   */
  mergeRest(points, sequence) {
    for (const point of points) {
      if (this.#held.has(point.id)) continue;
      const change = this.#sinceReset?.get(point.id);
      if (change && change.sequence > sequence) {
        if (change.state === "removed") continue;
        point.state = change.state;
      }
      this.#held.set(point.id, point);
    }
    this.#sinceReset = null;
  }

  /**
   * Keeps the bounds: three hours before `now`, and `MOST_POINTS`.
   * @param {number} now the event clock, Unix seconds
   */
  trim(now) {
    for (const [id, point] of this.#held) {
      if (point.timestamp < now - WINDOW_SECONDS) this.#held.delete(id);
    }
    if (this.#held.size <= MOST_POINTS) return;
    const oldestFirst = [...this.#held.values()].sort((a, b) => a.timestamp - b.timestamp);
    for (const { id } of oldestFirst.slice(0, this.#held.size - MOST_POINTS + TRIMMED_AT_ONCE)) this.#held.delete(id);
  }
}
