// The plot: payments as dots with the estimate drawn through them, or the prices of days and years as a line. Three canvases
// lie upon each other: the frames and lines behind the dots, the dots, and the labels in front of them.

import { formatCount, formatUsd } from "../base/format.js";
import { readTheme } from "../base/theme.js";
import { staleReason } from "../state/age.js";
import { shownSeries } from "../state/archive.js";
import { hasDots, isLive } from "../state/view.js";
import { drawCrossHair } from "./crosshair.js";
import { rendererFor } from "./dots.js";
import { drawBlocks, drawFrames, drawHeights, drawPriceTicks, drawTimes } from "./grid.js";
import { layOut, partOf, shownParts } from "./layout.js";
import { drawEstimates, drawHiddenPrice, drawInterval, drawPriceLabel } from "./lines.js";
import { lookOf } from "./look.js";
import { drawAsked, drawCut, drawSeam } from "./past.js";
import { shownLine } from "./prices.js";
import { doubtWords, drawTitles } from "./titles.js";

/** @typedef {import("../state/state.js").State} State */
/** @typedef {import("./layout.js").Layout} Layout */
/** @typedef {import("../state/points.js").Counts} Counts */
/** @typedef {import("../base/theme.js").Theme} Theme */
/** @typedef {import("../state/scale.js").Span} Span */
/** @typedef {import("./dots.js").Renderer} Renderer */
/** @typedef {CanvasRenderingContext2D} Context */

/** The number of lost graphics contexts after which dots are drawn on the plain canvas. */
const MOST_LOSSES = 3;

/** The axis while there has been no price. */
const NO_PRICE = { low: 0, high: 1 };

export class Chart {
  /** The layout of the last drawing; `null` before the first. @type {Layout | null} */
  layout = null;
  #canvases;
  #contexts;
  /** `null` before the first dots, because starting the graphics card takes time. @type {Renderer | null} */
  #renderer = null;
  #plain;
  #losses = 0;
  #onChange;
  #size = { width: 0, height: 0 };
  #ratio = 0;
  #counts = { confirmed: 0, mempool: 0 };
  #themeOf = "";
  /** The price that was measured last, and its width. */
  #measured = { key: "", width: 0 };
  /** @type {Theme | null} */
  #theme = null;

  /**
   * @param {{ grid: HTMLCanvasElement, dots: HTMLCanvasElement, front: HTMLCanvasElement }} canvases
   * @param {() => void} onChange called when it must be drawn again
   * @param {boolean} plain whether the dots are to be drawn without WebGL
   */
  constructor(canvases, onChange, plain) {
    this.#canvases = canvases;
    this.#onChange = onChange;
    this.#contexts = { grid: canvases.grid.getContext("2d"), front: canvases.front.getContext("2d") };
    this.#plain = plain;
    new ResizeObserver(([entry]) => {
      const { width, height } = entry.contentRect;
      this.#size = { width, height };
      this.#ratio = 0;
      onChange();
    }).observe(canvases.front);
  }

  /**
   * @param {State} state
   * @param {Span | null} axis the prices that the axis spans while it follows
   * @param {number} clock seconds of the page's own clock
   */
  show(state, axis, clock) {
    this.#describe(state);
    const { grid } = this.#contexts;
    if (!grid || this.#size.width === 0) return;
    this.#fitPixels();
    grid.clearRect(0, 0, this.#size.width, this.#size.height);
    const theme = this.#currentTheme();
    const layout = (this.layout = this.#layOut(grid, state, axis ?? NO_PRICE, theme));
    if (state.timestamp === null) {
      drawFrames(grid, layout, theme);
      return;
    }
    this.#counts = state.points.countIn({ confirmed: partOf(layout, "confirmed"), mempool: partOf(layout, "mempool") });
    drawBehind(grid, layout, state, this.#counts, theme);
    this.showDots(state, clock);
    this.showFront(state);
    this.#canvases.front.dataset.renderer = this.renderer;
  }

  /**
   * Draws the front canvas alone, when something else is pointed at.
   * @param {State} state
   */
  showFront(state) {
    const { front } = this.#contexts;
    if (!front || !this.layout || !this.#theme) return;
    front.clearRect(0, 0, this.#size.width, this.#size.height);
    drawInFront(front, this.layout, state, this.#theme);
  }

  /**
   * Draws the dots alone, while nothing else moves.
   * @param {State} state
   * @param {number} clock seconds of the page's own clock
   */
  showDots({ points, view }, clock) {
    if (!this.layout || !this.#theme) return;
    this.#renderer ??= this.#newRenderer();
    this.#renderer.draw(points, this.layout, lookOf(this.#counts, this.layout, view, clock), this.#theme);
  }

  /** The kind of renderer that draws the dots; empty before the first dots. */
  get renderer() {
    return this.#renderer?.kind ?? "";
  }

  /** The canvases from the back to the front, for a picture of the whole; good until the next frame. */
  get layers() {
    return [this.#canvases.grid, this.#canvases.dots, this.#canvases.front];
  }

  #newRenderer() {
    const canvas = this.#canvases.dots;
    canvas.addEventListener("webglcontextlost", () => this.#replaceDots(), { once: true });
    const renderer = rendererFor(canvas, this.#plain || this.#losses >= MOST_LOSSES);
    renderer.resize(this.#size, this.#ratio);
    return renderer;
  }

  /** A canvas keeps the kind of context that it once had, so a new one takes its place. */
  #replaceDots() {
    this.#losses += 1;
    const canvas = /** @type {HTMLCanvasElement} */ (this.#canvases.dots.cloneNode());
    this.#canvases.dots.replaceWith(canvas);
    this.#canvases.dots = canvas;
    this.#renderer = null;
    this.#ratio = 0;
    this.#onChange();
  }

  /** Gives the canvases one pixel for each pixel of the screen; drawing still measures in CSS pixels. */
  #fitPixels() {
    const ratio = window.devicePixelRatio || 1;
    if (ratio === this.#ratio) return;
    this.#ratio = ratio;
    for (const [canvas, context] of /** @type {const} */ ([
      [this.#canvases.grid, this.#contexts.grid],
      [this.#canvases.front, this.#contexts.front],
    ])) {
      canvas.width = Math.round(this.#size.width * ratio);
      canvas.height = Math.round(this.#size.height * ratio);
      context?.setTransform(ratio, 0, 0, ratio, 0, 0);
    }
    this.#renderer?.resize(this.#size, ratio);
  }

  /** The theme, read anew only after a possible change, because reading makes the browser compute a whole style. */
  #currentTheme() {
    const { width, height } = this.#size;
    const { level, stale } = document.body.dataset;
    const key = [document.documentElement.dataset.theme, level, stale, window.innerWidth, width, height].join();
    if (!this.#theme || key !== this.#themeOf) this.#theme = readTheme(this.#canvases.front);
    this.#themeOf = key;
    return this.#theme;
  }

  /**
   * @param {Context} context
   * @param {State} state
   * @param {Span} axis
   * @param {Theme} theme
   */
  #layOut(context, state, axis, theme) {
    const prices = state.view.zoom.price ?? axis;
    const axisWidth = Math.ceil(this.#widthOf(context, formatUsd(Math.max(1000, prices.high)), theme) + 1.7 * theme.em);
    return layOut(this.#size, theme.em, axisWidth, shownParts(state), prices);
  }

  /**
   * The width of a price in bold type, CSS pixels. All digits are equally wide, so that few prices need to be measured.
   * @param {Context} context
   * @param {string} price
   * @param {Theme} theme
   */
  #widthOf(context, price, theme) {
    const key = `${theme.em} ${theme.font} ${price.replaceAll(/\d/g, "0")}`;
    if (this.#measured.key !== key) {
      context.font = `600 ${theme.em}px ${theme.font}`;
      this.#measured = { key, width: context.measureText(price.replaceAll(/\d/g, "0")).width };
    }
    return this.#measured.width;
  }

  /** @param {State} state */
  #describe(state) {
    const { points, hiddenPriceUsd, estimate, view } = state;
    const { dataset } = this.#canvases.front;
    dataset.points = String(points.count);
    dataset.live = String(isLive(view));
    if (hiddenPriceUsd === null) delete dataset.hiddenPrice;
    else dataset.hiddenPrice = String(hiddenPriceUsd);
    const line = estimate ? `, and the estimate as a line at ${formatUsd(estimate.price)}` : "";
    const series = shownSeries(state);
    const doubt = series ? doubtWords(series, { start: series.from, end: series.to }) : "";
    const label = hasDots(view)
      ? `${formatCount(points.count)} payments by time and implied price${line}`
      : `${formatCount(series?.prices.length ?? 0)} prices of the past as a line${doubt && `, ${doubt}`}${estimate ? `, now ${formatUsd(estimate.price)}` : ""}`;
    if (this.#canvases.front.getAttribute("aria-label") !== label) this.#canvases.front.setAttribute("aria-label", label);
  }
}

/**
 * @param {Context} context
 * @param {Layout} layout
 * @param {State} state
 * @param {Counts} counts of the dots that are shown
 * @param {Theme} theme
 */
function drawBehind(context, layout, state, counts, theme) {
  const { view, estimate, priceAxis, blocks } = state;
  context.font = `${theme.em}px ${theme.font}`;
  context.textBaseline = "middle";
  const series = shownSeries(state);
  drawFrames(context, layout, theme);
  drawTitles(context, layout, counts, series, theme);
  drawTimes(context, layout, theme);
  const line = shownLine(state);
  if (!priceAxis && line.entries.length === 0) return;
  drawPriceTicks(context, layout, estimate?.price ?? null, theme);
  if (!view.hides.has("interval")) drawInterval(context, layout, line, staleReason(state) === null, theme);
  if (layout.hasDots && !view.hides.has("blocks")) drawBlocks(context, layout, blocks, theme);
  drawCut(context, layout, state.points.cutAt, theme);
  if (series) drawSeam(context, layout, series, theme);
}

/**
 * @param {Context} context
 * @param {Layout} layout
 * @param {State} state
 * @param {Theme} theme
 */
function drawInFront(context, layout, state, theme) {
  const { view, estimate, priceAxis, hiddenPriceUsd, blocks, asked } = state;
  context.font = `${theme.em}px ${theme.font}`;
  context.textBaseline = "middle";
  const line = shownLine(state);
  if (!priceAxis && line.entries.length === 0) return;
  if (layout.hasDots && !view.hides.has("blocks")) drawHeights(context, layout, blocks, theme);
  if (!view.hides.has("estimate")) drawEstimates(context, layout, line, staleReason(state) === null, theme);
  // A simulation uses this price now; on other days it may have been another.
  if (layout.hasDots && hiddenPriceUsd !== null && !view.hides.has("hidden")) {
    drawHiddenPrice(context, layout, hiddenPriceUsd, estimate?.price ?? null, theme);
  }
  if (asked?.answer?.price) drawAsked(context, layout, asked.answer.price, theme);
  // Beside prices of long ago, a label at the edge would be taken for one of them.
  const isOnAxis = estimate && estimate.price >= layout.low && estimate.price <= layout.high;
  if (estimate && (layout.hasDots || isOnAxis)) drawPriceLabel(context, layout, estimate.price, theme);
  if (state.pointed) drawCrossHair(context, layout, state, theme);
}
