// Zooming and panning: turns a zoom factor or a move in pixels into new spans of time and price, and keeps them within bounds.

import { beginningOf } from "../state/archive.js";
import { moved, zoomed } from "../state/scale.js";
import { DOTS_SECONDS, hasDots } from "../state/view.js";
import { partAt, priceAt, timeAt } from "./layout.js";
import { followedPrices } from "./prices.js";

/** @typedef {import("../state/state.js").State} State */
/** @typedef {import("../state/scale.js").Span} Span */
/** @typedef {import("./layout.js").Layout} Layout */
/** @typedef {{ x: number, y: number }} Place in CSS pixels of the chart */
/** @typedef {{ time: boolean, price: boolean }} Axes */

/** The shortest time that can be zoomed to, in seconds, with and without dots; the least span of prices, as a share of the price. */
const LEAST_SECONDS = 30;
const LEAST_LONG_SECONDS = 3 * 3600;
const LEAST_SHARE = 0.001;

/** With dots, the price axis can be zoomed out to this share above and below the price. */
const MOST_SHARE = 0.45;

/** Without dots, the price axis can be zoomed out to the highest price times this, and to the lowest price divided by this. */
const MOST_TIMES = 2;

/**
 * The axes that are zoomed unless a gesture says otherwise: both with dots; time alone without dots, because the price axis then
 * follows.
 * @param {State} state
 * @returns {Axes}
 */
export function usualAxes({ view }) {
  return { time: true, price: hasDots(view) };
}

/**
 * @param {State} state whose zoom is changed
 * @param {Layout} layout
 * @param {number} factor below 1 to see more closely
 * @param {Place} about
 * @param {Axes} axes
 */
export function zoomBy(state, layout, factor, about, axes) {
  const bounds = boundsOf(state);
  if (!bounds) return;
  const part = partAt(layout, about.x);
  const { zoom } = state.view;
  if (axes.time) {
    const moment = Math.min(part.end, Math.max(part.start, timeAt(part, about.x)));
    zoom[part.name] = zoomed({ low: part.start, high: part.end }, factor, moment, bounds.time);
  }
  if (!axes.price) return;
  const scale = scaleOf(layout);
  const price = { least: scale.to(bounds.centre * (1 + LEAST_SHARE)) - scale.to(bounds.centre), within: onScale(bounds.price, scale.to) };
  zoom.price = onScale(zoomed(onScale(layout, scale.to), factor, scale.to(priceAt(layout, about.y)), price), scale.from);
}

/**
 * @param {State} state whose zoom is changed
 * @param {Layout} layout
 * @param {number} dx CSS pixels
 * @param {number} dy
 * @param {Place | null} from where the pan began, so that only that part moves; `null` to move all parts
 */
export function panBy(state, layout, dx, dy, from) {
  const bounds = boundsOf(state);
  if (!bounds) return;
  const { zoom } = state.view;
  for (const part of dx === 0 ? [] : layout.parts) {
    if (from && partAt(layout, from.x) !== part) continue;
    const seconds = (-dx * (part.end - part.start)) / (part.right - part.inset - part.left);
    const span = moved({ low: part.start, high: part.end }, seconds, bounds.time.within);
    // A live part that is at its bound already stays live.
    if (!part.live || Math.abs(span.high - part.end) > 1e-3) zoom[part.name] = span;
  }
  // Without dots, a price axis that follows is not panned, and goes on following.
  if (dy === 0 || (!layout.hasDots && !zoom.price)) return;
  const scale = scaleOf(layout);
  const shown = onScale(layout, scale.to);
  const by = (dy * (shown.high - shown.low)) / (layout.bottom - layout.top);
  zoom.price = onScale(moved(shown, by, onScale(bounds.price, scale.to)), scale.from);
}

/**
 * The scale on which equal heights are equal steps.
 * @param {Layout} layout
 */
function scaleOf({ isLog }) {
  return isLog ? { to: Math.log, from: Math.exp } : { to: Number, from: Number };
}

/**
 * @param {Span} span
 * @param {(value: number) => number} to
 * @returns {Span}
 */
function onScale({ low, high }, to) {
  return { low: to(low), high: to(high) };
}

/**
 * The bounds of zooming and panning; `null` before there is a price and a time.
 * @param {State} state
 */
export function boundsOf(state) {
  const { timestamp: now, view } = state;
  const followed = followedPrices(state);
  if (now === null || !followed) return null;
  const centre = (followed.low + followed.high) / 2;
  if (hasDots(view)) {
    return {
      centre,
      time: { least: LEAST_SECONDS, within: { low: now - DOTS_SECONDS, high: now } },
      price: { low: centre * (1 - MOST_SHARE), high: centre * (1 + MOST_SHARE) },
    };
  }
  return {
    centre,
    time: { least: LEAST_LONG_SECONDS, within: { low: beginningOf(state), high: now } },
    price: { low: followed.low / MOST_TIMES, high: followed.high * MOST_TIMES },
  };
}
