// Keeps what a connection says until the rest of the page, which listens to it, has been loaded.

/** @typedef {import("./connection.js").Listener} Listener */

/** The most messages that are kept: those of half a minute. */
const MOST_MESSAGES = 60;

/** @implements {Listener} */
export class Held {
  /** @type {Listener | null} */
  #listener = null;
  /** @type {import("../state/state.js").Link | null} */
  #link = null;
  /** @type {string[]} */
  #messages = [];
  #isWhole = true;

  after() {
    return this.#listener ? this.#listener.after() : null;
  }

  /** @param {import("../state/state.js").Link} link */
  onLink(link) {
    this.#link = link;
    this.#listener?.onLink(link);
  }

  /** @param {string} message */
  onMessage(message) {
    if (this.#listener) this.#listener.onMessage(message);
    else if (this.#messages.length < MOST_MESSAGES) this.#messages.push(message);
    else this.#isWhole = false;
  }

  /**
   * Tells the listener what was kept, and from now on all that the connection says.
   * @param {Listener} listener
   * @returns {boolean} whether no message was left out; otherwise a new socket is needed
   */
  handTo(listener) {
    this.#listener = listener;
    if (this.#link) listener.onLink(this.#link);
    for (const message of this.#messages.splice(0)) listener.onMessage(message);
    return this.#isWhole;
  }
}
