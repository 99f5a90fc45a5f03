// The plot: confirmed payments on the left, the mempool on the right, and the estimate drawn through both.

import { drawFrames, drawPriceTicks, drawTitles } from "./axes.js";
import { drawDots } from "./dots.js";
import { formatCount, formatUsd } from "./format.js";
import { layOut } from "./layout.js";
import { drawBand, drawEstimate, drawHiddenPrice } from "./lines.js";
import { readTheme } from "./theme.js";

/** @typedef {import("./state.js").State} State */
/** @typedef {import("./theme.js").Theme} Theme */
/** @typedef {CanvasRenderingContext2D} Context */

export class Chart {
  #canvas;
  #context;
  #size = { width: 0, height: 0 };

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {() => void} onResize called when it must be drawn again
   */
  constructor(canvas, onResize) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
    new ResizeObserver(([entry]) => {
      const { width, height } = entry.contentRect;
      this.#size = { width, height };
      onResize();
    }).observe(canvas);
  }

  /** @param {State} state */
  show = (state) => {
    this.#describe(state);
    if (!this.#context || this.#size.width === 0) return;
    this.#fitPixels();
    this.#context.clearRect(0, 0, this.#size.width, this.#size.height);
    if (state.timestamp !== null) draw(this.#context, this.#size, state, readTheme(this.#canvas));
  };

  /** One canvas pixel for each of the screen's, measured in CSS pixels. */
  #fitPixels() {
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [Math.round(this.#size.width * ratio), Math.round(this.#size.height * ratio)];
    if (this.#canvas.width !== width) this.#canvas.width = width;
    if (this.#canvas.height !== height) this.#canvas.height = height;
    this.#context?.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  /** @param {State} state */
  #describe({ points, hiddenPriceUsd, estimate }) {
    const { dataset } = this.#canvas;
    dataset.points = String(points.size);
    if (hiddenPriceUsd === null) delete dataset.hiddenPrice;
    else dataset.hiddenPrice = String(hiddenPriceUsd);
    const line = estimate ? `, and the estimate as a line at ${formatUsd(estimate.price)}` : "";
    this.#canvas.setAttribute("aria-label", `${formatCount(points.size)} payments by time and implied price${line}`);
  }
}

/**
 * @param {Context} context
 * @param {{ width: number, height: number }} size
 * @param {State} state whose clock is known
 * @param {Theme} theme
 */
function draw(context, size, state, theme) {
  const now = /** @type {number} */ (state.timestamp);
  context.font = `${theme.em}px ${theme.font}`;
  context.textBaseline = "middle";
  const axisWidth = Math.ceil(context.measureText(formatUsd(state.priceAxis?.centre ?? 100_000)).width + 1.6 * theme.em);
  const layout = layOut(size, theme.em, axisWidth, state.priceAxis, now, state.spans);
  drawFrames(context, layout, theme);
  drawTitles(context, layout, state, theme);
  if (!state.priceAxis) return;
  drawPriceTicks(context, layout, state.estimate, theme);
  drawBand(context, layout, state.estimate, theme);
  drawDots(context, layout, state.points.values(), theme);
  if (state.hiddenPriceUsd !== null) drawHiddenPrice(context, layout, state.hiddenPriceUsd, state.estimate, theme);
  if (state.estimate) drawEstimate(context, layout, state.estimate.price, theme);
}
