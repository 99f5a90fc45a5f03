// Decides when the historian is asked for prices of the past: when the view needs others, and again once they are old.

import { wantedSeries } from "../state/archive.js";
import { RANGES } from "../state/view.js";

/** @typedef {import("../state/state.js").State} State */
/** @typedef {import("../state/archive.js").Wanted} Wanted */
/**
 * Asks the gateway; each question takes the place of the one before.
 * @typedef {{ ask: (wanted: Wanted, delayMs: number) => void, stop: () => void }} Asker
 */

/** Delay of a question for finer prices, in milliseconds, because a view that is being zoomed soon needs others. */
const SETTLE_MS = 250;

export class Inquiry {
  #state;
  #asker;
  /** The key of the question under way. @type {string | null} */
  #key = null;
  /**
   * The moment before which no range is asked for again, in seconds of the page's own clock, because a gateway comes back to all
   * its pages at once.
   */
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
   * Asks for the prices that the view needs, if they are missing or old. Gives up a question for prices that it no longer needs.
   * @param {number} clock seconds of the page's own clock
   * @param {boolean} isSeen whether the page is visible and connected
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
   * Makes all ranges count as old, because the gateway is back; they are asked for again after a delay that differs from page to
   * page.
   * @param {number} clock seconds of the page's own clock
   * @param {number} delayMs milliseconds
   */
  renew(clock, delayMs) {
    this.#notBefore = clock + delayMs / 1000;
    this.#state.archive.expire();
  }
}
