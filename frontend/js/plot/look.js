// The look of dots: round marks in the colour of their state, fresh ones of the mempool larger and moving in from the
// right. Pure.

import { partOf } from "./layout.js";

/** @typedef {import("./layout.js").Layout} Layout */
/** @typedef {import("../state/points.js").Counts} Counts */
/** @typedef {{ rest: number, alpha: number, shown: boolean }} Kind radius at rest in CSS pixels, opacity */
/**
 * How the dots of one frame look.
 * @typedef {object} Look
 * @property {Kind} confirmed
 * @property {Kind} mempool
 * @property {number} fresh by how much the radius of a mempool dot of this moment is larger, CSS pixels
 * @property {number} clock seconds of the page's own clock; points whose arrival is less than `ARRIVES_IN` before it move
 */

/** Seconds that a new dot takes from the right edge to its place. */
export const ARRIVES_IN = 0.9;

/** Seconds in which a mempool dot's extra radius shrinks to about a third. */
export const SHRINKS_WITHIN = 90;

/** Radii in CSS pixels on a plot of the usual height: the largest at rest, the extra of a fresh one, the least at rest. */
const REST = 1.75;
const FRESH = 2.5;
const LEAST_REST = 0.8;

/** The height of the plot, in CSS pixels, above which dots grow with it. */
const USUAL_HEIGHT = 420;

/** Dots at rest cover no more than this share of their part, so that where they pile up still stands out. */
const COVERED = 0.24;

/** Opacity of a dot that has room, and the least opacity of crowded dots. */
const OPAQUE = 0.8;
const FAINT = 0.25;

/**
 * @param {Counts} counts of the dots that are shown
 * @param {Layout} layout
 * @param {import("../state/view.js").View} view
 * @param {number} clock seconds of the page's own clock
 * @returns {Look}
 */
export function lookOf(counts, layout, view, clock) {
  const scale = Math.min(2, Math.max(1, (layout.bottom - layout.top) / USUAL_HEIGHT));
  /**
   * @param {"confirmed" | "mempool"} name
   * @returns {Kind}
   */
  const kind = (name) => {
    const part = partOf(layout, name);
    const area = part ? (layout.bottom - layout.top) * (part.right - part.left) : 0;
    const count = part ? part.states.reduce((sum, state) => sum + counts[state], 0) : 0;
    const fitting = Math.sqrt((COVERED * area) / Math.PI / Math.max(1, count));
    const rest = Math.min(REST * scale, Math.max(LEAST_REST, fitting));
    const alpha = Math.max(FAINT, OPAQUE * Math.min(1, fitting / LEAST_REST / 1.25));
    return { rest, alpha, shown: part !== null && !view.hides.has(name) };
  };
  const confirmed = kind("confirmed");
  const mempool = kind("mempool");
  // If dots at rest are drawn smaller for want of room, so are fresh ones.
  return { confirmed, mempool, fresh: (FRESH * mempool.rest) / REST, clock };
}
