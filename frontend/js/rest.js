// The rest of the picture: a reset brings the newest points by WebSocket, all others are fetched here.

import { readPoints } from "./message.js";
import { retryDelayMs } from "./connection.js";

const ADDRESS = "/api/v1/points";

/** @typedef {{ sequence: number, points: import("./message.js").Point[] }} Rest */

export class RestOfPicture {
  /** @type {AbortController | null} */
  #fetching = null;
  #onRest;

  /** @param {(rest: Rest) => void} onRest */
  constructor(onRest) {
    this.#onRest = onRest;
  }

  /** Fetches it, and tries until it is there; a later call supersedes an earlier one. */
  async fetch() {
    this.#fetching?.abort();
    const { signal } = (this.#fetching = new AbortController());
    for (let failures = 0; !signal.aborted; failures += 1) {
      const rest = await fetchRest(signal);
      if (signal.aborted) return;
      if (rest) return this.#onRest(rest);
      await new Promise((resolve) => setTimeout(resolve, retryDelayMs(failures, Math.random())));
    }
  }
}

/**
 * @param {AbortSignal} signal
 * @returns {Promise<Rest | null>} `null` when it could not be had this time
 */
async function fetchRest(signal) {
  try {
    const response = await fetch(ADDRESS, { signal });
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
    const { sequence, points } = await response.json();
    if (typeof sequence !== "number") throw new Error("no sequence in it");
    return { sequence, points: readPoints(points) };
  } catch (error) {
    if (!signal.aborted) console.warn(`${ADDRESS} could not be read, will be tried again:`, error);
    return null;
  }
}
