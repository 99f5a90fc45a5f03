// The dots: the graphics card draws them, or the plain canvas without one.

import { CanvasDots } from "./dots-canvas.js";
import { WebglDots } from "./dots-webgl.js";

/** @typedef {import("./layout.js").Layout} Layout */
/** @typedef {import("../state/points.js").Points} Points */
/** @typedef {import("./look.js").Look} Look */
/**
 * A renderer of dots, with a canvas of its own.
 * @typedef {object} Renderer
 * @property {string} kind its name, for tests and for the choice of motion
 * @property {(size: { width: number, height: number }, ratio: number) => void} resize CSS pixels, and canvas pixels in one
 * @property {(points: Points, layout: Layout, look: Look, theme: import("../base/theme.js").Theme) => void} draw
 */

/**
 * The renderer by the graphics card if there is WebGL 2, else by the plain canvas.
 * @param {HTMLCanvasElement} canvas
 * @param {boolean} plain whether the canvas is wanted in any case
 * @returns {Renderer}
 */
export function rendererFor(canvas, plain) {
  const webgl = plain ? null : WebglDots.on(canvas);
  return webgl ?? new CanvasDots(canvas);
}
