// The points of the plot, in columns: bounded in age and number, and put together from the socket and from the picture
// by REST. Columns, because a graphics card takes them as they are, and because objects by the ten thousand cost memory.

import { epochOf } from "../link/epoch.js";

/** @typedef {import("../link/message.js").Point} Point */
/** @typedef {import("../link/message.js").Change} Change */
/** @typedef {import("./spread.js").Spread} Spread */
/** @typedef {Omit<Point, "id"> & { id: string | null }} Pictured a point of the picture by REST, without an id if it is confirmed */
/** @typedef {{ confirmed: number, mempool: number }} Counts of points by their state */
/** @typedef {Change & { sequence: number }} Heard a change, and the sequence of the message that brought it */

/** The window, in seconds: older points are forgotten. */
export const WINDOW_SECONDS = 3 * 3600;

/** The most points ever held; beyond it the oldest are dropped. Three busy hours were found to have a quarter of this. */
export const MOST_POINTS = 200_000;

/** Seconds that a point may lie after the event clock: the picture by REST can be ahead of the socket. */
const MOST_AHEAD = 60;

/**
 * The number of points dropped at once at the bound. Dropping sorts the points, so it sorts once for this many new points and
 * not at each message.
 */
const TRIMMED_AT_ONCE = 1000;

/** Room at the start; it doubles when it is full. */
const FIRST_ROOM = 2048;

/** The arrival of a point that was there before the page looked. */
const LONG_AGO = -1e6;

/** The first character of the names that replace unknown ids. */
const NAMELESS = "~";

/**
 * The name of a point's spot, by which a point without an id is found. Points of one spot are interchangeable.
 * @param {{ timestamp: number, valueSats: number }} point
 */
const spotOf = ({ timestamp, valueSats }) => `${NAMELESS}${Math.round(timestamp * 1000)}:${valueSats}`;

export class Points {
  /** The number of points. The columns hold them from 0 to `count - 1`, in no particular order. */
  count = 0;
  /** First seen, Unix seconds. */
  timestamps = new Float64Array(FIRST_ROOM);
  /** Where it is drawn, Unix seconds: as `timestamps`, except for a point that is only known from its block. */
  places = new Float64Array(FIRST_ROOM);
  /** USD for one BTC. */
  prices = new Float64Array(FIRST_ROOM);
  valuesSats = new Float64Array(FIRST_ROOM);
  roundsUsd = new Float64Array(FIRST_ROOM);
  /** 1 if confirmed, 0 if in the mempool. */
  confirmed = new Uint8Array(FIRST_ROOM);
  /** When the page learned of it, in seconds of the page's own clock. */
  arrivals = new Float64Array(FIRST_ROOM);
  /** A name made of its stamp and amount where the id is not known. @type {string[]} */
  ids = [];
  /** The latest of all arrivals. */
  newestArrival = LONG_AGO;
  /** Points before this were dropped for want of room, Unix seconds; minus infinity if all of the window are held. */
  cutAt = -Infinity;

  /** @type {Map<string, number>} */
  #slots = new Map();
  /** The slots that have changed since `takeChanged`, as a half-open range. */
  #changed = { from: Infinity, to: 0 };
  /** @type {Spread} */
  #spread = { placeOf: (timestamp) => timestamp };
  /**
   * The changes since the last reset, each under its point's id, kept until the rest of the picture has come, because the rest
   * is fetched apart and may be older.
   * @type {Map<string, Heard> | null}
   */
  #sinceReset = null;

  get size() {
    return this.count;
  }

  /** All points as objects, in no particular order. */
  *values() {
    for (let slot = 0; slot < this.count; slot += 1) yield this.at(slot);
  }

  /**
   * @param {number} slot
   * @returns {Point}
   */
  at(slot) {
    return {
      id: this.ids[slot],
      timestamp: this.timestamps[slot],
      price: this.prices[slot],
      valueSats: this.valuesSats[slot],
      roundUsd: this.roundsUsd[slot],
      state: this.confirmed[slot] === 1 ? "confirmed" : "mempool",
    };
  }

  /**
   * The slot of a point at present; slots change.
   * @param {string} id
   */
  slotOf(id) {
    return this.#slots.get(id);
  }

  /** Whether this point is only known from its block, so that its place is made up. @param {number} slot */
  isSpread(slot) {
    return this.places[slot] !== this.timestamps[slot];
  }

  /**
   * The number of points of each state that lie within the shown spans.
   * @param {Record<keyof Counts, { start: number, end: number, live: boolean } | null>} spans Unix seconds; `null` shows none
   * @returns {Counts}
   */
  countIn({ confirmed, mempool }) {
    const { places, count } = this;
    const spans = [mempool, confirmed];
    const starts = spans.map((span) => span?.start ?? Infinity);
    const ends = spans.map((span) => (span?.live ? Infinity : (span?.end ?? -Infinity)));
    const found = [0, 0];
    // Only numbers are used, because this runs over all points at each frame.
    for (let slot = 0; slot < count; slot += 1) {
      const state = this.confirmed[slot];
      const place = places[slot];
      if (place >= starts[state] && place <= ends[state]) found[state] += 1;
    }
    return { confirmed: found[1], mempool: found[0] };
  }

  /** The slots that have changed since the last call; `from` is not below `to` when there are none. */
  takeChanged() {
    const changed = this.#changed;
    this.#changed = { from: Infinity, to: 0 };
    return changed;
  }

  /** Forgets all; `mergeRest` is awaited from now on. */
  reset() {
    this.count = 0;
    this.ids = [];
    this.cutAt = -Infinity;
    this.#slots.clear();
    this.#sinceReset = new Map();
  }

  /**
   * Takes the points and changes of one message.
   * @param {Point[]} added
   * @param {Change[]} changes
   * @param {number} sequence the message's
   * @param {number} [arrival] seconds of the page's clock; absent for points that are not news
   */
  apply(added, changes, sequence, arrival = LONG_AGO) {
    for (const point of added) {
      if (!this.#slots.has(point.id)) this.#adopt(point.id, point);
      this.#put(point, arrival);
    }
    if (added.length > 0) this.newestArrival = Math.max(this.newestArrival, arrival);
    for (const change of changes) {
      this.#sinceReset?.set(change.id, { ...change, sequence });
      const slot = this.#slots.get(change.id) ?? this.#adopt(change.id, change);
      if (slot === undefined) continue;
      if (change.state === "removed") this.#remove(slot);
      else this.#move(slot, change.state);
    }
  }

  /**
   * Takes in the rest of the picture, or a part of it, as it stood at `sequence`. A change that the socket brought at that
   * sequence or later wins: the parts of a split update bear the sequence of the update before, and a change that the picture
   * has already does no harm when the socket brings it too. Returns `false` and takes nothing if the picture is of another
   * epoch than the socket: their sequences and stamps cannot be compared.
   * @param {Pictured[]} points all points of the picture that bear their stamps
   * @param {number} sequence
   * @param {number} heard the sequence of the socket's last message
   * @param {boolean} [isLast] whether no part is left
   */
  mergeRest(points, sequence, heard, isLast = true) {
    if (epochOf(sequence) !== epochOf(heard)) return false;
    /** @type {Set<string>} */
    const named = new Set();
    for (const point of points) {
      const { id } = point;
      if (id === null) continue;
      named.add(id);
      if (this.#slots.has(id)) continue;
      const change = this.#sinceReset?.get(id);
      const state = change && change.sequence >= sequence ? change.state : point.state;
      if (state === "removed") continue;
      this.#adopt(id, point);
      this.#put({ ...point, id, state }, LONG_AGO);
    }
    this.#mergeNameless(points, named, sequence);
    if (isLast) this.#sinceReset = null;
    return true;
  }

  /**
   * Adds the points of the picture that have no id. A point that is held already is not added again, and a change heard since
   * applies to it. Held points, changes and points of the picture are matched one to one at each spot.
   * @param {Pictured[]} points
   * @param {Set<string>} named the ids in the picture
   * @param {number} sequence the picture's
   */
  #mergeNameless(points, named, sequence) {
    /** @type {Map<string, number>} by spot, how many points are held that the picture may have without their ids */
    const held = new Map();
    for (let slot = 0; slot < this.count; slot += 1) {
      if (named.has(this.ids[slot])) continue;
      const spot = spotOf({ timestamp: this.timestamps[slot], valueSats: this.valuesSats[slot] });
      held.set(spot, (held.get(spot) ?? 0) + 1);
    }
    /** @type {Map<string, Heard[]>} by spot, the changes of points that are not held */
    const changed = new Map();
    for (const change of this.#sinceReset?.values() ?? []) {
      const { id, timestamp, valueSats } = change;
      if (timestamp === null || valueSats === null || change.sequence < sequence) continue;
      if (named.has(id) || this.#slots.has(id)) continue;
      const spot = spotOf({ timestamp, valueSats });
      changed.set(spot, [...(changed.get(spot) ?? []), change]);
    }
    /** @type {Map<string, number>} by spot, how many points have a name, where they are several */
    const names = new Map();
    for (const point of points) {
      if (point.id !== null) continue;
      const spot = spotOf(point);
      const left = held.get(spot) ?? 0;
      if (left > 0) {
        held.set(spot, left - 1);
        continue;
      }
      const change = changed.get(spot)?.pop();
      if (change?.state === "removed") continue;
      if (change) {
        this.#put({ ...point, id: change.id, state: change.state }, LONG_AGO);
        continue;
      }
      const number = names.get(spot) ?? this.#nameless(spot);
      if (number > 0) names.set(spot, number + 1);
      this.#put({ ...point, id: `${spot}:${number}` }, LONG_AGO);
    }
  }

  /** How many points without an id lie at a spot; they are numbered from 0. @param {string} spot */
  #nameless(spot) {
    let number = 0;
    while (this.#slots.has(`${spot}:${number}`)) number += 1;
    return number;
  }

  /**
   * Gives an id to a point at this spot that has none; returns its slot, or `undefined` if there is none.
   * @param {string} id
   * @param {{ timestamp: number | null, valueSats: number | null }} of
   */
  #adopt(id, { timestamp, valueSats }) {
    if (timestamp === null || valueSats === null) return undefined;
    const spot = spotOf({ timestamp, valueSats });
    const name = `${spot}:${this.#nameless(spot) - 1}`;
    const slot = this.#slots.get(name);
    if (slot === undefined) return undefined;
    this.#slots.delete(name);
    this.#slots.set(id, slot);
    this.ids[slot] = id;
    return slot;
  }

  /**
   * Keeps the bounds: three hours before `now`, nothing long after it, and `MOST_POINTS`.
   * @param {number} now the event clock, Unix seconds
   */
  trim(now) {
    this.#removeOutside(now - WINDOW_SECONDS, now + MOST_AHEAD);
    if (this.cutAt < now - WINDOW_SECONDS || this.cutAt > now) this.cutAt = -Infinity;
    if (this.count <= MOST_POINTS) return;
    const stamps = this.timestamps.slice(0, this.count).sort();
    this.cutAt = stamps[this.count - MOST_POINTS + TRIMMED_AT_ONCE];
    this.#removeOutside(this.cutAt, Infinity);
  }

  /**
   * Puts all points in their places anew.
   * @param {Spread} spread
   */
  spreadBy(spread) {
    this.#spread = spread;
    for (let slot = 0; slot < this.count; slot += 1) {
      this.places[slot] = spread.placeOf(this.timestamps[slot], this.ids[slot]);
    }
    this.#touch(0, this.count);
  }

  /**
   * @param {number} from Unix seconds
   * @param {number} to
   */
  #removeOutside(from, to) {
    for (let slot = this.count - 1; slot >= 0; slot -= 1) {
      const timestamp = this.timestamps[slot];
      if (timestamp < from || timestamp > to) this.#remove(slot);
    }
  }

  /**
   * @param {Point} point
   * @param {number} arrival
   */
  #put(point, arrival) {
    const held = this.#slots.get(point.id);
    const slot = held ?? this.count;
    if (held === undefined) {
      if (slot === this.timestamps.length) this.#grow();
      this.count += 1;
      this.ids[slot] = point.id;
      this.#slots.set(point.id, slot);
      this.arrivals[slot] = arrival;
    }
    this.timestamps[slot] = point.timestamp;
    this.places[slot] = this.#spread.placeOf(point.timestamp, point.id);
    this.prices[slot] = point.price;
    this.valuesSats[slot] = point.valueSats;
    this.roundsUsd[slot] = point.roundUsd;
    this.#move(slot, point.state);
  }

  /**
   * @param {number} slot
   * @param {"mempool" | "confirmed"} state
   */
  #move(slot, state) {
    this.confirmed[slot] = state === "confirmed" ? 1 : 0;
    this.#touch(slot, slot + 1);
  }

  /** Removes a point; the last one moves into its slot. @param {number} slot */
  #remove(slot) {
    const last = this.count - 1;
    this.#slots.delete(this.ids[slot]);
    if (slot !== last) {
      for (const column of this.#columns()) column[slot] = column[last];
      this.ids[slot] = this.ids[last];
      this.#slots.set(this.ids[slot], slot);
      this.#touch(slot, slot + 1);
    }
    this.ids.length = last;
    this.count = last;
  }

  #columns() {
    return [this.timestamps, this.places, this.prices, this.valuesSats, this.roundsUsd, this.confirmed, this.arrivals];
  }

  #grow() {
    /** @param {Float64Array} column */
    const doubled = (column) => {
      const room = new Float64Array(2 * column.length);
      room.set(column);
      return room;
    };
    const confirmed = new Uint8Array(2 * this.confirmed.length);
    confirmed.set(this.confirmed);
    this.confirmed = confirmed;
    this.timestamps = doubled(this.timestamps);
    this.places = doubled(this.places);
    this.prices = doubled(this.prices);
    this.valuesSats = doubled(this.valuesSats);
    this.roundsUsd = doubled(this.roundsUsd);
    this.arrivals = doubled(this.arrivals);
  }

  /**
   * @param {number} from
   * @param {number} to
   */
  #touch(from, to) {
    this.#changed.from = Math.min(this.#changed.from, from);
    this.#changed.to = Math.max(this.#changed.to, to);
  }
}
