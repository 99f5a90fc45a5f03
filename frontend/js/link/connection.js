// The WebSocket to the gateway: opened, watched, and reopened whenever it is lost.

/** @typedef {import("../state/state.js").Link} Link */

/** The first wait before another attempt, in milliseconds; each failure doubles it. */
const FIRST_WAIT_MS = 500;

/** The longest wait, so that a gateway that returns is found soon. */
const LONGEST_WAIT_MS = 15_000;

/** Silence after which a socket, open or opening, counts as dead, in milliseconds: the gateway sends at least every 5 s. */
const SILENCE_MS = 10_000;

/**
 * The wait before the attempt that follows `failures` failed ones: exponential, and scattered over its upper half so
 * that the browsers of a restarted gateway do not return all at once.
 * @param {number} failures 0 for the first
 * @param {number} random 0 to 1
 */
export function retryDelayMs(failures, random) {
  const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** failures);
  return longest * (0.5 + 0.5 * random);
}

/**
 * @typedef {object} Listener
 * @property {() => number | null} after the last sequence seen, after which the gateway goes on
 * @property {(message: string) => void} onMessage
 * @property {(link: Link) => void} onLink
 */

export class Connection {
  /** @type {WebSocket | null} */
  #socket = null;
  #failures = 0;
  #reason = "";
  /** @type {number | undefined} */
  #retryTimer;
  /** @type {number | undefined} */
  #silenceTimer;
  #address;
  #listener;

  /**
   * @param {string} address of the WebSocket, without a query
   * @param {Listener} listener
   */
  constructor(address, listener) {
    this.#address = address;
    this.#listener = listener;
  }

  /** Opens a socket now, also in the middle of a wait; does nothing while one is open or opening. */
  open() {
    if (this.#socket) return;
    clearTimeout(this.#retryTimer);
    this.#tell("connecting", 0);
    const after = this.#listener.after();
    const socket = new WebSocket(after === null ? this.#address : `${this.#address}?after=${after}`);
    this.#socket = socket;
    this.#watchForSilence();
    socket.addEventListener("open", () => {
      if (socket === this.#socket) this.#watchForSilence();
    });
    let isHeard = false;
    socket.addEventListener("message", ({ data }) => {
      if (socket !== this.#socket || typeof data !== "string") return;
      // Only a message counts as success: a gateway that accepts and closes is not to be hammered.
      this.#failures = 0;
      this.#watchForSilence();
      if (!isHeard) this.#tell("connected", 0);
      isHeard = true;
      this.#listener.onMessage(data);
    });
    socket.addEventListener("close", ({ reason }) => {
      if (socket === this.#socket) this.#lost(reason);
    });
  }

  /**
   * Leaves an open socket for a new one, because the machine has slept and nothing says that the gateway still has it.
   * @param {string} reason
   */
  renew(reason) {
    if (this.#socket) this.#leave(reason);
  }

  /** @param {string} reason */
  #lost(reason) {
    clearTimeout(this.#silenceTimer);
    this.#socket = null;
    this.#reason = reason;
    const wait = retryDelayMs(this.#failures, Math.random());
    this.#failures += 1;
    this.#retryTimer = window.setTimeout(() => this.open(), wait);
    this.#tell("waiting", (performance.now() + wait) / 1000);
  }

  /**
   * @param {Link["phase"]} phase
   * @param {number} retryAt seconds of the page's own clock
   */
  #tell(phase, retryAt) {
    this.#listener.onLink({ phase, failures: this.#failures, retryAt, reason: this.#reason });
  }

  #watchForSilence() {
    clearTimeout(this.#silenceTimer);
    this.#silenceTimer = window.setTimeout(() => this.#leave(`nothing heard for ${SILENCE_MS / 1000} s`), SILENCE_MS);
  }

  /** The close handshake of a dead peer can take a minute, so its socket is not waited for. @param {string} reason */
  #leave(reason) {
    this.#socket?.close();
    this.#lost(reason);
  }
}
