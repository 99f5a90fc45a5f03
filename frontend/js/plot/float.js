// Moments for a graphics card, which has 32-bit numbers: seconds after a base that moves along with the plot.

/** The most seconds from the base. A 32-bit number of this size tells 2 ms apart, a tenth of a pixel in the closest view. */
export const REACH = 16_384;

/** The moment from which seconds are counted. */
export class Base {
  at = 0;

  /**
   * Moves the base to this moment if it is over `REACH` away. Returns whether the base moved, so that all is to be counted anew.
   * @param {number} moment seconds
   */
  follow(moment) {
    if (!Number.isFinite(moment) || Math.abs(moment - this.at) <= REACH) return false;
    this.at = moment;
    return true;
  }

  /**
   * Seconds after the base, at most a million either way. Moments further away are not told apart.
   * @param {number} moment seconds
   */
  after(moment) {
    return Math.max(-1e6, Math.min(1e6, moment - this.at));
  }
}
