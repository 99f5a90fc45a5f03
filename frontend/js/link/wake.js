// Finds that the machine has slept: the wall clock went on meanwhile, the page's own clock stands still in some browsers.

/** The wall clock this many seconds ahead of the page's own since the last look: the machine slept, or the clock was set. */
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
