// Loads the page again when the gateway serves another build of it, while the reader does not use it.

import { attempt } from "../base/storage.js";

/** Seconds over which the pages of a gateway spread their reloads. */
const SPREAD_SECONDS = 30;

/** Seconds without a pointer or key after which the page counts as unused, by the way in which it is watched. */
const IDLE_SECONDS = { hidden: 0, kiosk: 5, watched: 300 };

/** Seconds before the page is asked for again, while the gateway still offers the build that is here. */
const AGAIN_SECONDS = 60;

/** The time for which a build is not reloaded for again, in milliseconds: two builds behind one balancer make no loop. */
const ONCE_IN_MS = 3_600_000;

const RELOADED = "satscope.reloaded";

/**
 * The build that an address or a document names; `null` where the files are served as they lie.
 * @param {string} text
 */
export function buildIn(text) {
  return /(?:^|\/|")assets\/([0-9a-f]{16})\//.exec(text)?.[1] ?? null;
}

/**
 * @typedef {object} Surroundings
 * @property {() => number} random 0 to 1
 * @property {() => number} wallNow Unix milliseconds
 * @property {() => Pick<Storage, "getItem" | "setItem">} storage what outlives a reload; throws where that is not allowed
 * @property {() => Promise<string | null>} offered the build that a reload would bring; `null` if it cannot be had
 * @property {() => void} reload
 */

export class Renewal {
  /** The gateway's build, if it is another. @type {string | null} */
  #other = null;
  #dueAt = Infinity;
  #touchedAt = -Infinity;
  #isPressed = false;
  #isAsking = false;
  /** @type {string | null} */
  #own;
  /** @type {Surroundings} */
  #surroundings;

  /**
   * @param {string | null} own this page's build
   * @param {Surroundings} surroundings
   */
  constructor(own, surroundings) {
    this.#own = own;
    this.#surroundings = surroundings;
  }

  /**
   * Takes the build that a message bears.
   * @param {string | null} build
   * @param {number} clock seconds of the page's own clock
   */
  hear(build, clock) {
    if (this.#own === null) return;
    const other = build === this.#own ? null : build;
    if (other === this.#other) return;
    this.#other = other;
    this.#dueAt = clock + SPREAD_SECONDS * this.#surroundings.random();
  }

  /**
   * Notes that the page is being used.
   * @param {number} clock seconds of the page's own clock
   * @param {boolean} isPressed whether a button or finger is down, so that a gesture goes on
   */
  touch(clock, isPressed) {
    [this.#touchedAt, this.#isPressed] = [clock, isPressed];
  }

  /**
   * Reloads the page if the gateway has another build, its delay is over, and the page is not in use. Does so once for each build
   * in `ONCE_IN_MS`, and only if the gateway then gives another build.
   * @param {number} clock seconds of the page's own clock
   * @param {keyof typeof IDLE_SECONDS} leisure the way in which the page is watched
   */
  async tick(clock, leisure) {
    const other = this.#other;
    if (other === null || clock < this.#dueAt || this.#isAsking) return;
    if (this.#isPressed || clock - this.#touchedAt < IDLE_SECONDS[leisure]) return;
    if (this.#hasReloadedFor(other)) return;
    this.#isAsking = true;
    const offered = await this.#surroundings.offered().catch(() => null);
    this.#isAsking = false;
    this.#dueAt = clock + AGAIN_SECONDS;
    // The reader may have begun to use the page meanwhile.
    if (offered === null || offered === this.#own || this.#isPressed || this.#touchedAt >= clock) return;
    if (this.#remember(other)) this.#surroundings.reload();
  }

  /** @param {string} build */
  #hasReloadedFor(build) {
    const at = this.#reloads()[build];
    return at !== undefined && Math.abs(this.#surroundings.wallNow() - at) < ONCE_IN_MS;
  }

  /** Keeps the time of a reload. `false` if the browser refuses: two builds would then make a loop. @param {string} build */
  #remember(build) {
    const reloads = { ...this.#reloads(), [build]: this.#surroundings.wallNow() };
    const keep = () => this.#surroundings.storage().setItem(RELOADED, JSON.stringify(reloads));
    return attempt("that it was reloaded, and so a page of another build stays", () => (keep(), true)) ?? false;
  }

  /** When the page was reloaded for each build, Unix milliseconds. @returns {Record<string, number>} */
  #reloads() {
    return attempt(RELOADED, () => JSON.parse(this.#surroundings.storage().getItem(RELOADED) ?? "{}")) ?? {};
  }
}
