// The dots: each payment as a round mark in the colour of its part, fresh ones of the mempool larger.

import { xOf, yOf } from "./layout.js";

/** @typedef {import("./layout.js").Layout} Layout */
/** @typedef {import("./message.js").Point} Point */

/** Radii in CSS pixels on a plot of the usual height: at rest, and what a fresh mempool dot has more. */
const RADIUS = 1.75;
const FRESH_RADIUS = 2.5;

/** How fast a mempool dot shrinks: to a third of what it has more, in seconds. */
const SHRINKS_WITHIN = 90;

/** The height of plot, in CSS pixels, above which dots grow with it. */
const USUAL_HEIGHT = 420;

/**
 * Draws all points that lie inside the plot.
 * @param {CanvasRenderingContext2D} context in CSS pixels
 * @param {Layout} layout
 * @param {Iterable<Point>} points
 * @param {import("./theme.js").Theme} theme
 */
export function drawDots(context, layout, points, theme) {
  const scale = Math.min(2, Math.max(1, (layout.bottom - layout.top) / USUAL_HEIGHT));
  context.save();
  context.globalAlpha = 0.8;
  for (const { state, timestamp, price } of points) {
    const part = layout[state];
    if (price < layout.low || price > layout.high || timestamp < part.start) continue;
    const seen = Math.min(timestamp, part.end);
    const fresh = state === "mempool" ? Math.exp((seen - part.end) / SHRINKS_WITHIN) : 0;
    // A path for each: far cheaper than one path of all, and than copying a ready-made mark.
    context.fillStyle = theme[state];
    context.beginPath();
    context.arc(xOf(part, seen), yOf(layout, price), (RADIUS + FRESH_RADIUS * fresh) * scale, 0, 2 * Math.PI);
    context.fill();
  }
  context.restore();
}
