// Moments as a graphics card takes them: 32-bit numbers, so seconds after a base that moves along with what is shown.

/** A 32-bit number of this many seconds still tells 2 ms apart, which is a tenth of a pixel in the closest view. */
export const REACH = 16_384;

/** The moment from which seconds are counted. */
export class Base {
  at = 0;

  /**
   * Moves to this moment if it is too far away; says whether it did, so that all is to be counted anew.
   * @param {number} moment seconds
   */
  follow(moment) {
    if (!Number.isFinite(moment) || Math.abs(moment - this.at) <= REACH) return false;
    this.at = moment;
    return true;
  }

  /**
   * Seconds after the base. What is far away is told apart no more.
   * @param {number} moment seconds
   */
  after(moment) {
    return Math.max(-1e6, Math.min(1e6, moment - this.at));
  }
}
