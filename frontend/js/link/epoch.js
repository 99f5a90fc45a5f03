// The epoch in a sequence. The analyzer begins a new one at each start and after each step of the event clock.

/** Values of the event clock below the epoch's bits (PriceUpdate.sequence in proto/satscope/v1/price.proto). */
const TICKS = 2 ** 33;

/**
 * The epoch of a sequence. Sequences of different epochs have no order, and numbers above 2^32 take no bit operators.
 * @param {number} sequence
 */
export function epochOf(sequence) {
  return Math.floor(sequence / TICKS);
}
