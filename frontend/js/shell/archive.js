// When the historian is asked for prices of the past: when others are looked at, and again while they are looked at.

import { wantedSeries } from "../state/archive.js";
import { RANGES } from "../state/view.js";

/** @typedef {import("../state/state.js").State} State */
/** @typedef {import("../state/archive.js").Wanted} Wanted */
/**
 * What asks; a question supersedes the one before.
 * @typedef {{ ask: (wanted: Wanted, delayMs: number) => void, stop: () => void }} Asker
 */

/** A view that is still being zoomed wants other prices in a moment, in milliseconds. */
const SETTLE_MS = 250;

export class Inquiry {
  #state;
  #asker;
  /** The question under way. @type {string | null} */
  #key = null;
  /** The page's own clock before which nothing is asked again: the gateway comes back to all its pages at once. */
  #notBefore = 0;

  /**
   * @param {State} state
   * @param {Asker} asker
   */
  constructor(state, asker) {
    this.#state = state;
    this.#asker = asker;
  }

  /**
   * Asks for what is looked at, if it is not there or is old; gives up what is looked at no more.
   * @param {number} clock seconds of the page's own clock
   * @param {boolean} isSeen whether somebody looks
   */
  look(clock, isSeen) {
    const wanted = isSeen ? wantedSeries(this.#state) : null;
    if (wanted && wanted.key === this.#key) return;
    if (this.#key !== null) {
      this.#asker.stop();
      this.#key = null;
    }
    if (!wanted) return;
    const isRange = RANGES.some(({ name }) => name === wanted.key);
    const takenAt = this.#state.archive.takenAt(wanted.key);
    const isAgain = isRange && Number.isFinite(takenAt);
    if (isAgain && (clock < takenAt + wanted.everySeconds || clock < this.#notBefore)) return;
    this.#key = wanted.key;
    this.#state.archive.failure = "";
    this.#asker.ask(wanted, isRange ? 0 : SETTLE_MS);
  }

  /**
   * Takes an answer.
   * @param {string} key
   * @param {import("../link/archive.js").Series} series
   * @param {number} clock seconds of the page's own clock
   */
  take(key, series, clock) {
    if (key === this.#key) this.#key = null;
    this.#state.archive.take(key, series, clock);
  }

  /**
   * Has what is held asked for again, after a while that differs from page to page: the gateway is back.
   * @param {number} clock seconds of the page's own clock
   * @param {number} delayMs milliseconds
   */
  renew(clock, delayMs) {
    this.#notBefore = clock + delayMs / 1000;
    this.#state.archive.expire();
  }
}
