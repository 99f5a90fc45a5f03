// The dots: a graphics card draws them, or the canvas where there is none.

import { CanvasDots } from "./dots-canvas.js";
import { WebglDots } from "./dots-webgl.js";

/** @typedef {import("./layout.js").Layout} Layout */
/** @typedef {import("../state/points.js").Points} Points */
/** @typedef {import("./look.js").Look} Look */
/**
 * What draws dots on a canvas of its own.
 * @typedef {object} Renderer
 * @property {string} kind for whoever asks
 * @property {(size: { width: number, height: number }, ratio: number) => void} resize CSS pixels, and canvas pixels in one
 * @property {(points: Points, layout: Layout, look: Look, theme: import("../base/theme.js").Theme) => void} draw
 */

/**
 * By the graphics card where there is WebGL 2, else by the canvas.
 * @param {HTMLCanvasElement} canvas
 * @param {boolean} plain whether the canvas is wanted in any case
 * @returns {Renderer}
 */
export function rendererFor(canvas, plain) {
  const webgl = plain ? null : WebglDots.on(canvas);
  return webgl ?? new CanvasDots(canvas);
}
