// Motion between messages: the price axis on its way, and whether the machine is fast enough for motion.

/** @typedef {import("../state/scale.js").Span} Span */
/** @typedef {import("../state/scale.js").PriceAxis} PriceAxis */

/** Seconds in which the axis covers two thirds of its way. */
const PULL = 0.15;

/** A way shorter than this share of the axis's span counts as done. */
const DONE = 0.002;

/**
 * The number of frames by which the machine is judged, and the mean time of a frame, in seconds, above which it is too
 * slow.
 */
const JUDGED = 12;
const TOO_SLOW = 0.055;

/** The time for which a slow machine is left without motion before it is tried again, in seconds. */
const REST_SECONDS = 60;

/**
 * The prices that an axis spans.
 * @param {PriceAxis} axis
 * @returns {Span}
 */
export function spanOf({ centre, reach }) {
  return { low: centre * (1 - reach), high: centre * (1 + reach) };
}

/** The price axis, which glides to its target. */
export class Glide {
  /** @type {Span | null} */
  at = null;
  #clock = 0;

  /**
   * Goes on towards `target`; returns whether the axis is still on its way.
   * @param {Span | null} target
   * @param {number} clock seconds
   * @param {boolean} still at once, without gliding
   */
  towards(target, clock, still) {
    const passed = Math.min(0.1, Math.max(0, clock - this.#clock));
    this.#clock = clock;
    const { at } = this;
    const far = !at || !target || at.high < target.low || at.low > target.high;
    if (still || far) {
      this.at = target;
      return false;
    }
    const pull = 1 - Math.exp(-passed / PULL);
    const next = { low: at.low + pull * (target.low - at.low), high: at.high + pull * (target.high - at.high) };
    const left = Math.abs(next.low - target.low) + Math.abs(next.high - target.high);
    const moving = left > DONE * (target.high - target.low);
    this.at = moving ? next : target;
    return moving;
  }
}

/** Judges by the time between frames in motion whether the machine keeps up. */
export class Strength {
  /** @type {number[]} */
  #between = [];
  #restsUntil = 0;

  /** Takes the time between two frames that followed each other. @param {number} seconds @param {number} clock seconds */
  frame(seconds, clock) {
    this.#between.push(seconds);
    if (this.#between.length < JUDGED) return;
    const mean = this.#between.reduce((sum, one) => sum + one, 0) / JUDGED;
    this.#between = [];
    if (mean > TOO_SLOW) this.#restsUntil = clock + REST_SECONDS;
  }

  /** @param {number} clock seconds */
  suffices(clock) {
    return clock >= this.#restsUntil;
  }
}
