// Draws dots on the plain canvas, for browsers without WebGL 2.

import { partOf, within, xOf, yOf } from "./layout.js";
import { ARRIVES_IN, SHRINKS_WITHIN } from "./look.js";

/** @typedef {import("./look.js").Look} Look */
/** @typedef {import("./layout.js").Layout} Layout */
/** @typedef {import("../state/points.js").Points} Points */
/** @typedef {import("../base/theme.js").Theme} Theme */

const FULL_TURN = 2 * Math.PI;

export class CanvasDots {
  kind = "canvas";
  #canvas;
  #context;
  #size = { width: 0, height: 0 };

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
  }

  /**
   * @param {{ width: number, height: number }} size
   * @param {number} ratio
   */
  resize(size, ratio) {
    this.#size = size;
    this.#canvas.width = Math.round(size.width * ratio);
    this.#canvas.height = Math.round(size.height * ratio);
    this.#context?.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  /**
   * @param {Points} points
   * @param {Layout} layout
   * @param {Look} look
   * @param {Theme} theme
   */
  draw(points, layout, look, theme) {
    const context = this.#context;
    if (!context) return;
    context.clearRect(0, 0, this.#size.width, this.#size.height);
    if (look.confirmed.shown) drawConfirmed(context, points, layout, look, theme);
    if (look.mempool.shown) drawMempool(context, points, layout, look, theme);
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Points} points
 * @param {Layout} layout
 * @param {Look} look
 * @param {Theme} theme
 */
function drawConfirmed(context, points, layout, { confirmed: { rest, alpha } }, theme) {
  const part = partOf(layout, "confirmed");
  if (!part) return;
  context.fillStyle = theme.confirmed;
  within(context, layout, part, () => {
    context.globalAlpha = alpha;
    for (let slot = 0; slot < points.count; slot += 1) {
      if (points.confirmed[slot] === 0 || isOutside(points, slot, layout, part)) continue;
      const place = Math.min(points.places[slot], part.live ? part.end : Infinity);
      // A path for each: far cheaper than one path of all, and than copying a ready-made mark.
      context.beginPath();
      context.arc(xOf(part, place), yOf(layout, points.prices[slot]), rest, 0, FULL_TURN);
      context.fill();
    }
  });
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Points} points
 * @param {Layout} layout
 * @param {Look} look
 * @param {Theme} theme
 */
function drawMempool(context, points, layout, { mempool: { rest, alpha }, fresh, clock }, theme) {
  const part = partOf(layout, "mempool");
  if (!part) return;
  context.fillStyle = theme.mempool;
  within(context, layout, part, () => {
    context.globalAlpha = alpha;
    for (let slot = 0; slot < points.count; slot += 1) {
      if (points.confirmed[slot] === 1 || isOutside(points, slot, layout, part)) continue;
      const place = Math.min(points.places[slot], part.live ? part.end : Infinity);
      const away = awayAt(clock - points.arrivals[slot]);
      const x = xOf(part, place);
      const radius = rest + fresh * Math.exp((place - part.end) / SHRINKS_WITHIN);
      context.beginPath();
      context.arc(x + away * (part.right - x), yOf(layout, points.prices[slot]), radius * (1 + away), 0, FULL_TURN);
      context.fill();
    }
  });
}

/**
 * @param {Points} points
 * @param {number} slot
 * @param {Layout} layout
 * @param {import("./layout.js").Part} part
 */
function isOutside(points, slot, { low, high }, { start, end, live }) {
  const [price, place] = [points.prices[slot], points.places[slot]];
  return price < low || price > high || place < start || (place > end && !live);
}

/**
 * The share of its way that a dot has yet to go.
 * @param {number} seconds since it arrived
 */
function awayAt(seconds) {
  const left = 1 - Math.min(1, Math.max(0, seconds / ARRIVES_IN));
  return left * left * left;
}
