// Finds out whether the machine has slept. The wall clock goes on during sleep; the page's own clock stands still in some
// browsers.

/**
 * If the wall clock gains more than this many seconds on the page's own between two looks, the machine slept or the clock
 * was set.
 */
const GAP_SECONDS = 5;

export class Wake {
  #wall = 0;
  #clock = 0;

  /**
   * @param {number} wall seconds of the wall clock
   * @param {number} clock seconds of the page's own clock
   */
  constructor(wall, clock) {
    [this.#wall, this.#clock] = [wall, clock];
  }

  /**
   * Whether the machine may have slept since the last call. A clock that was set ahead looks the same; set back, it is not
   * taken for sleep.
   * @param {number} wall seconds of the wall clock
   * @param {number} clock seconds of the page's own clock
   */
  slept(wall, clock) {
    const gap = wall - this.#wall - (clock - this.#clock);
    [this.#wall, this.#clock] = [wall, clock];
    return gap > GAP_SECONDS;
  }
}
