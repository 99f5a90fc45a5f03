// The alerts as this browser keeps them: for all its tabs, and across visits.

import { remember, remembered } from "../base/storage.js";
import { eventNow, staleReason } from "../state/age.js";
import { fromText, judge, toText } from "../state/alerts.js";
import { changeInAnHour } from "../state/change.js";

/** @typedef {import("../state/state.js").State} State */
/** @typedef {import("../state/alerts.js").Alert} Alert */

export const KEPT_AS = "satscope.alerts";

/**
 * The price on the page, for alerts to be judged by.
 * @param {State} state
 * @returns {import("../state/alerts.js").Reading | null} `null` if there is no price of this moment
 */
export function readingOf(state) {
  const now = eventNow(state);
  if (!state.estimate || now === null || staleReason(state) !== null) return null;
  return { price: state.estimate.price, change: changeInAnHour(state)?.share ?? null, now };
}

export class AlertBook {
  /** Whether the browser keeps the alerts when the page is closed. */
  isKept = true;
  #state;
  #onFired;

  /**
   * @param {State} state
   * @param {(fired: Alert[]) => void} onFired called with those that have just fired, here or in another tab
   */
  constructor(state, onFired) {
    this.#state = state;
    this.#onFired = onFired;
    state.alerts = fromText(remembered(KEPT_AS));
  }

  /**
   * Changes the alerts. `act` gets them as the browser keeps them now, so that changes made in another tab are not lost.
   * @param {(alerts: Alert[]) => Alert[]} act
   */
  change(act) {
    const now = act(this.isKept ? fromText(remembered(KEPT_AS)) : this.#state.alerts);
    this.isKept = remember(KEPT_AS, now.length > 0 ? toText(now) : null);
    this.#take(now);
  }

  /** Judges the alerts by the price on the page. */
  judge() {
    const reading = this.#state.alerts.length > 0 ? readingOf(this.#state) : null;
    if (reading && judge(this.#state.alerts, reading).isChanged) this.change((alerts) => judge(alerts, reading).alerts);
  }

  /** Reads the alerts that another tab has changed. */
  readAgain() {
    if (this.isKept) this.#take(fromText(remembered(KEPT_AS)));
  }

  /** @param {Alert[]} alerts */
  #take(alerts) {
    const before = new Map(this.#state.alerts.map((alert) => [alert.id, alert]));
    this.#state.alerts = alerts;
    const fired = alerts.filter(({ id, stage, isSeen }) => stage === "fired" && !isSeen && before.get(id)?.stage !== "fired");
    if (fired.length > 0) this.#onFired(fired);
  }
}
