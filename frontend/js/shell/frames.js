// Decides when to draw, and how much: one frame for all changes before it, and none while the page is hidden.

import { hasDots } from "../state/view.js";
import { showTooltip } from "../plot/crosshair.js";
import { ARRIVES_IN } from "../plot/look.js";
import { Glide, Strength } from "../plot/motion.js";
import { followedPrices } from "../plot/prices.js";

/** @typedef {import("../state/state.js").State} State */

/** On the plain canvas, more dots than this do not move, because the canvas draws each by itself. */
const MOST_MOVED_BY_CANVAS = 3000;

export class Frames {
  #state;
  #chart;
  #views;
  #clockNow;
  #axis = new Glide();
  #strength = new Strength();
  #lessMotion = matchMedia("(prefers-reduced-motion: reduce)");
  #isRequested = false;
  #allWanted = false;
  #frontWanted = false;
  /** The range of the frame before. The axis jumps to the prices of another range, and does not glide. */
  #range = 0;
  /**
   * When the frame before was drawn, in seconds of the page's own clock, if this one follows it at once; else minus infinity.
   */
  #followsFrameAt = -Infinity;
  /** When the last frame was drawn, in seconds of the page's own clock. */
  #drawnAt = -Infinity;

  /**
   * @param {State} state
   * @param {import("../plot/chart.js").Chart} chart
   * @param {((state: State) => void)[]} views the other views of the state
   * @param {() => number} clockNow seconds of the page's own clock
   */
  constructor(state, chart, views, clockNow) {
    this.#state = state;
    this.#chart = chart;
    this.#views = views;
    this.#clockNow = clockNow;
  }

  /** Asks for a frame that shows everything. */
  request() {
    this.#allWanted = true;
    this.#schedule();
  }

  /** Asks for a frame that shows another dot or price under the pointer, and nothing else anew. */
  requestFront() {
    this.#frontWanted = true;
    this.#schedule();
  }

  /** Draws at once, without waiting for the browser's next frame, because the page has become visible. */
  resume() {
    this.#allWanted = true;
    // The time since the last frame does not show how fast the machine draws.
    this.#followsFrameAt = -Infinity;
    this.#draw();
  }

  /** The plot as it is now, all dots at rest; the canvases from the back to the front. */
  picture() {
    this.#chart.show(this.#state, this.#axis.at, Infinity);
    return this.#chart.layers;
  }

  #schedule() {
    if (this.#isRequested || document.hidden) return;
    this.#isRequested = true;
    requestAnimationFrame(() => {
      this.#isRequested = false;
      this.#draw();
    });
  }

  #draw() {
    const state = this.#state;
    const clock = (state.clock = this.#clockNow());
    const isStill = this.#isStill(clock);
    if (Number.isFinite(this.#followsFrameAt)) this.#strength.frame(clock - this.#followsFrameAt, clock);
    const isOtherRange = this.#range !== state.view.range;
    this.#range = state.view.range;
    const isGliding = this.#axis.towards(followedPrices(state), clock, isStill || isOtherRange);
    const dotClock = isStill ? Infinity : clock;
    if (this.#allWanted || isGliding) {
      this.#drawAll(dotClock);
    } else this.#drawMoved(dotClock);
    this.#drawnAt = clock;
    const isFlying = hasDots(state.view) && clock - state.points.newestArrival < ARRIVES_IN;
    const isMoving = isGliding || (!isStill && isFlying);
    this.#followsFrameAt = isMoving ? clock : -Infinity;
    if (isMoving) this.#schedule();
  }

  /** @param {number} dotClock */
  #drawAll(dotClock) {
    const state = this.#state;
    for (const show of this.#views) show(state);
    this.#chart.show(state, this.#axis.at, dotClock);
    [this.#allWanted, this.#frontWanted] = [false, false];
    showTooltip(state, this.#chart.layout);
  }

  /** Draws only the dots that still fly in, and the dot or price under the pointer. @param {number} dotClock */
  #drawMoved(dotClock) {
    const state = this.#state;
    if (hasDots(state.view) && state.points.newestArrival > this.#drawnAt - ARRIVES_IN) this.#chart.showDots(state, dotClock);
    if (this.#frontWanted) {
      this.#chart.showFront(state);
      showTooltip(state, this.#chart.layout);
    }
    this.#frontWanted = false;
  }

  /** Whether nothing is animated: by the reader's setting, for a slow machine, or for too many dots. @param {number} clock */
  #isStill(clock) {
    const isTooMuch = this.#chart.renderer === "canvas" && this.#state.points.count > MOST_MOVED_BY_CANVAS;
    return this.#lessMotion.matches || !this.#strength.suffices(clock) || isTooMuch;
  }
}
