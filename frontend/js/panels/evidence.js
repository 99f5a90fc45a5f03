// Why this price: the amounts of the window as a histogram, and the ladder of round sums laid on it at the present price.

import { byId, setText } from "../base/dom.js";
import { formatCount, formatDecimal, formatRoundUsd, formatUsd } from "../base/format.js";
import { readTheme } from "../base/theme.js";

/** @typedef {import("../state/state.js").State} State */
/** @typedef {import("../link/message.js").Amounts} Amounts */
/** @typedef {import("../base/theme.js").Theme} Theme */
/** @typedef {CanvasRenderingContext2D} Context */

const SATS_PER_BTC = 1e8;

/** The sums that are shown, in USD, from edge to edge. */
const SHOWN_USD = { low: 3, high: 2600 };

/** Rungs of at least the first strength are drawn; those of at least the second are also named, as far as there is room. */
const DRAWN_STRENGTH = 0.75;
const NAMED_STRENGTH = 1.3;

/** Amounts at most this far from a rung, as a difference of natural logarithms, are on it. */
const ON_RUNG = 0.0065;

/** The axis reaches up to this share of all bars, so that a single heap of spam does not flatten the rest. */
const FITTING = 0.985;

/**
 * @typedef {object} Bar
 * @property {number} at its middle, from 0 at the left edge to 1 at the right one
 * @property {number} count of amounts
 * @property {boolean} onRung whether it lies on a rung of the ladder
 */

/**
 * The bars of the histogram at a price.
 * @param {Amounts} amounts
 * @param {number} price USD for one BTC
 * @returns {Bar[]}
 */
export function barsOf({ firstSats, binWidth, counts, ladder }, price) {
  const rungs = ladder.filter(({ strength }) => strength >= DRAWN_STRENGTH).map(({ roundUsd }) => Math.log(roundUsd));
  return counts.flatMap((count, bin) => {
    const usd = (firstSats * Math.exp((bin + 0.5) * binWidth) * price) / SATS_PER_BTC;
    const at = placeOf(usd);
    if (at < 0 || at > 1) return [];
    return { at, count, onRung: rungs.some((rung) => Math.abs(rung - Math.log(usd)) < ON_RUNG) };
  });
}

/**
 * The place of a sum, from 0 at the left edge to 1 at the right one.
 * @param {number} usd
 */
function placeOf(usd) {
  return Math.log(usd / SHOWN_USD.low) / Math.log(SHOWN_USD.high / SHOWN_USD.low);
}

export class Evidence {
  #canvas = /** @type {HTMLCanvasElement} */ (byId("amounts"));
  #context = this.#canvas.getContext("2d");
  #section = byId("evidence");
  #toggle = byId("why");
  #text = byId("evidence-text");
  #size = { width: 0, height: 0 };
  /** The values that the histogram was drawn from; it is drawn anew only when one of them changes. @type {unknown[]} */
  #shown = [];

  /** @param {() => void} onResize called when it must be drawn again */
  constructor(onResize) {
    new ResizeObserver(([entry]) => {
      const { width, height } = entry.contentRect;
      this.#size = { width, height };
      onResize();
    }).observe(this.#canvas);
  }

  /** @param {State} state */
  show = (state) => {
    const open = state.view.evidence;
    this.#toggle.setAttribute("aria-expanded", String(open));
    this.#section.hidden = !open;
    this.#text.hidden = !open;
    if (!open) return;
    const { amounts, estimate } = state;
    setText(this.#text, textOf(state));
    if (!this.#context || this.#size.width === 0 || !this.#isNews(state)) return;
    this.#fitPixels(this.#context);
    this.#context.clearRect(0, 0, this.#size.width, this.#size.height);
    if (!amounts || !estimate) return;
    const bars = barsOf(amounts, estimate.price);
    this.#describe(bars, estimate.price);
    draw(this.#context, this.#size, bars, amounts, estimate.price, readTheme(this.#canvas));
  };

  /** @param {State} state */
  #isNews({ amounts, estimate }) {
    const { level, stale } = document.body.dataset;
    const wanted = [amounts, estimate?.price, document.documentElement.dataset.theme, level, stale, this.#size, window.devicePixelRatio];
    const isNews = wanted.some((value, at) => value !== this.#shown[at]);
    this.#shown = wanted;
    return isNews;
  }

  /** @param {Context} context */
  #fitPixels(context) {
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [Math.round(this.#size.width * ratio), Math.round(this.#size.height * ratio)];
    if (this.#canvas.width !== width) this.#canvas.width = width;
    if (this.#canvas.height !== height) this.#canvas.height = height;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  /**
   * @param {Bar[]} bars
   * @param {number} price
   */
  #describe(bars, price) {
    const total = bars.reduce((sum, { count }) => sum + count, 0);
    const on = bars.reduce((sum, { count, onRung }) => sum + (onRung ? count : 0), 0);
    const expected = bars.filter(({ onRung }) => onRung).length / bars.length;
    const share = total > 0 ? on / total : 0;
    this.#canvas.dataset.amounts = String(total);
    this.#canvas.dataset.excess = (share / expected).toFixed(2);
    const label = `${formatCount(total)} amounts on a logarithmic scale. At ${formatUsd(price)}, ${formatCount(on)} lie on round sums, ${formatDecimal(share / expected, 1, 1)} times as many as if they lay anywhere.`;
    if (this.#canvas.getAttribute("aria-label") !== label) this.#canvas.setAttribute("aria-label", label);
  }
}

/** @param {State} state */
function textOf({ amounts, estimate }) {
  if (!amounts || !estimate) return "No amounts have been counted yet.";
  return `People pay round sums, so amounts pile up where bitcoin makes $5, $10, $20 … Slid along the amounts, the ladder of round sums meets the peaks best at ${formatUsd(estimate.price)}.`;
}

/**
 * @param {Context} context
 * @param {{ width: number, height: number }} size
 * @param {Bar[]} bars
 * @param {Amounts} amounts
 * @param {number} price
 * @param {Theme} theme
 */
function draw(context, { width, height }, bars, amounts, price, theme) {
  context.font = `${theme.em}px ${theme.font}`;
  context.textBaseline = "middle";
  const [top, bottom] = [1.7 * theme.em, height - 1.5 * theme.em];
  drawRungs(context, { width, top, bottom }, amounts, theme);
  drawBars(context, { width, top, bottom }, bars, theme);
  drawAmounts(context, { width, bottom }, price, theme);
}

/**
 * One column for each CSS pixel or bar, whichever is wider; in it the tallest of its bars.
 * @param {Context} context
 * @param {{ width: number, top: number, bottom: number }} frame
 * @param {Bar[]} bars
 * @param {Theme} theme
 */
function drawBars(context, { width, top, bottom }, bars, theme) {
  const sorted = bars.map(({ count }) => count).sort((one, other) => one - other);
  const most = Math.max(1, sorted[Math.floor(FITTING * (sorted.length - 1))]) * 1.15;
  const step = Math.max(1, width / bars.length);
  for (const onRung of [false, true]) {
    context.fillStyle = onRung ? theme.level : theme.muted;
    context.globalAlpha = onRung ? 1 : 0.42;
    for (const bar of bars) {
      if (bar.onRung !== onRung || bar.count === 0) continue;
      const tall = Math.min(1, bar.count / most) * (bottom - top);
      context.fillRect(bar.at * width - step / 2, bottom - tall, Math.max(1, step - 0.4), tall);
    }
  }
  context.globalAlpha = 1;
  context.fillStyle = theme.tick;
  context.fillRect(0, Math.floor(bottom), width, 1);
}

/**
 * @param {Context} context
 * @param {{ width: number, top: number, bottom: number }} frame
 * @param {Amounts} amounts
 * @param {Theme} theme
 */
function drawRungs(context, { width, top, bottom }, { ladder }, theme) {
  context.textAlign = "center";
  /** @type {{ from: number, to: number }[]} */
  const taken = [];
  const strongestFirst = [...ladder].sort((one, other) => other.strength - one.strength);
  for (const { roundUsd, strength } of strongestFirst) {
    const at = placeOf(roundUsd);
    if (strength < DRAWN_STRENGTH || at < 0 || at > 1) continue;
    const x = at * width;
    context.fillStyle = theme.line;
    context.fillRect(Math.floor(x), top, 1, bottom - top);
    const text = formatRoundUsd(roundUsd);
    const half = context.measureText(text).width / 2 + 0.5 * theme.em;
    const fits = x - half >= 0 && x + half <= width && taken.every(({ from, to }) => x + half < from || x - half > to);
    if (strength < NAMED_STRENGTH || !fits) continue;
    taken.push({ from: x - half, to: x + half });
    context.fillStyle = theme.text;
    context.fillText(text, x, 0.75 * theme.em);
    context.fillStyle = theme.muted;
    context.fillRect(Math.floor(x), 1.4 * theme.em, 1, 0.35 * theme.em);
  }
}

/**
 * Writes round amounts of bitcoin below the bars.
 * @param {Context} context
 * @param {{ width: number, bottom: number }} frame
 * @param {number} price
 * @param {Theme} theme
 */
function drawAmounts(context, { width, bottom }, price, theme) {
  context.fillStyle = theme.muted;
  context.textAlign = "center";
  let free = -Infinity;
  for (let power = -7; power <= 2; power += 1) {
    for (const digit of [1, 2, 5]) {
      const btc = digit * 10 ** power;
      const x = placeOf(btc * price) * width;
      const text = `${formatDecimal(btc, Math.max(0, -power), Math.max(0, -power))} BTC`;
      const half = context.measureText(text).width / 2;
      if (x - half < Math.max(0, free) || x + half > width) continue;
      context.fillText(text, x, bottom + 0.85 * theme.em);
      free = x + half + 2 * theme.em;
    }
  }
}
