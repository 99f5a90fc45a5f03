// Payments that are known only from their block all have its stamp. They were made at unknown times since the block before it,
// so they are spread over that time, each always at the same place, instead of piled up in one column.

/** @typedef {import("../link/message.js").Block} Block */
/** @typedef {{ placeOf: (timestamp: number, id: string) => number }} Spread */

/** Seconds before a block whose predecessor is not known: the usual time between two. */
const USUAL = 600;

/**
 * @param {Block[]} blocks oldest first
 * @returns {Spread}
 */
export function spreadOver(blocks) {
  /** @type {Map<number, number>} by the block's stamp in milliseconds, how many seconds it is after the one before */
  const spans = new Map();
  let before = -Infinity;
  for (const { timestamp } of blocks) {
    const span = timestamp - before;
    spans.set(milliseconds(timestamp), Number.isFinite(span) && span > 0 ? span : USUAL);
    before = timestamp;
  }
  return {
    placeOf(timestamp, id) {
      const span = spans.get(milliseconds(timestamp));
      return span === undefined ? timestamp : timestamp - span * share(id);
    },
  };
}

/** @param {number} seconds */
const milliseconds = (seconds) => Math.round(seconds * 1000);

/**
 * A number from 0 to 1 that is always the same for an id, and evenly spread among ids (FNV-1a, 32 bits).
 * @param {string} id
 */
export function share(id) {
  let hash = 0x811c9dc5;
  for (let at = 0; at < id.length; at += 1) hash = Math.imul(hash ^ id.charCodeAt(at), 0x01000193);
  // Of a short text, FNV mixes the low bits better than the high ones.
  return (Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0) / 2 ** 32;
}
