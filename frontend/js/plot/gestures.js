// What fingers, mouse and keys do on the plot: point at a dot, zoom, pan, and go back to live.

import { partAt, priceAt, timeAt } from "./layout.js";
import { nearest, next, positionOf } from "./nearest.js";
import { moved, zoomed } from "../state/scale.js";
import { goLive } from "../state/view.js";

/** @typedef {import("../state/state.js").State} State */
/** @typedef {import("./layout.js").Layout} Layout */
/** @typedef {import("../state/scale.js").Span} Span */
/** @typedef {{ x: number, y: number }} Place in CSS pixels of the chart */
/** @typedef {{ time: boolean, price: boolean }} Axes */

/** The shortest time that can be zoomed to, in seconds, and the least share of the price. */
const LEAST_SECONDS = 30;
const LEAST_SHARE = 0.001;

/** What can be zoomed out to: three hours, and this share above and below the price. */
const MOST_SECONDS = 3 * 3600;
const MOST_SHARE = 0.45;

/** A press that moves less than this, in CSS pixels, is none but a tap. */
const TAP = 5;

/** Two taps within this many milliseconds are a double one. */
const DOUBLE_MS = 350;

const BOTH = { time: true, price: true };

/**
 * @typedef {object} Hands what gestures act through
 * @property {State} state
 * @property {() => Layout | null} layout
 * @property {() => void} onView called when the view has changed
 * @property {() => void} onPoint called when something else is pointed at
 * @property {() => void} onStep called when the keyboard has gone to a dot
 */

/**
 * @param {HTMLElement} chart
 * @param {Hands} hands
 */
export function listen(chart, hands) {
  listenToPointers(chart, hands);
  chart.addEventListener("wheel", (event) => onWheel(chart, event, hands), { passive: false });
  chart.addEventListener("dblclick", () => backToLive(hands));
  chart.addEventListener("keydown", (event) => {
    if (onKey(event, hands)) event.preventDefault();
  });
  chart.addEventListener("blur", () => pointAt(hands, null));
}

/**
 * @param {HTMLElement} chart
 * @param {Hands} hands
 */
function listenToPointers(chart, hands) {
  /** @type {Map<number, Place>} */
  const down = new Map();
  let travelled = 0;
  let tappedAt = -Infinity;

  chart.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    if (down.size === 0) travelled = 0;
    down.set(event.pointerId, placeOf(chart, event));
    chart.setPointerCapture(event.pointerId);
  });
  chart.addEventListener("pointermove", (event) => {
    const place = placeOf(chart, event);
    const before = down.get(event.pointerId);
    if (!before) {
      if (event.pointerType !== "touch") pointAt(hands, place);
      return;
    }
    travelled += Math.hypot(place.x - before.x, place.y - before.y);
    const other = [...down].find(([id]) => id !== event.pointerId)?.[1];
    if (travelled < TAP) return;
    down.set(event.pointerId, place);
    if (other) pinch(hands, other, before, place);
    else pan(hands, place.x - before.x, place.y - before.y, before);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    chart.addEventListener(end, (event) => {
      const pointer = /** @type {PointerEvent} */ (event);
      const wasDown = down.delete(pointer.pointerId);
      if (!wasDown || end === "pointercancel" || travelled >= TAP || pointer.pointerType !== "touch") return;
      if (pointer.timeStamp - tappedAt < DOUBLE_MS) backToLive(hands);
      else pointAt(hands, placeOf(chart, pointer));
      tappedAt = pointer.timeStamp;
    });
  }
  chart.addEventListener("pointerleave", (event) => {
    if (event.pointerType !== "touch") pointAt(hands, null);
  });
}

/**
 * @param {HTMLElement} chart
 * @param {MouseEvent} event
 * @returns {Place}
 */
function placeOf(chart, event) {
  const { left, top } = chart.getBoundingClientRect();
  return { x: event.clientX - left, y: event.clientY - top };
}

/**
 * @param {HTMLElement} chart
 * @param {WheelEvent} event
 * @param {Hands} hands
 */
function onWheel(chart, event, hands) {
  const layout = hands.layout();
  if (!layout || event.deltaY === 0) return;
  event.preventDefault();
  const place = placeOf(chart, event);
  const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
  // A pinch on a touchpad comes as a wheel with Ctrl, in small steps.
  const strength = event.ctrlKey ? 0.01 : 0.0015;
  const onAxis = { price: place.x > layout.mempool.right, time: place.y > layout.bottom };
  const axes = onAxis.price ? { time: false, price: true } : { time: true, price: !onAxis.time && !event.shiftKey };
  zoom(hands, Math.exp(Math.max(-400, Math.min(400, event.deltaY * lines)) * strength), place, axes);
}

/**
 * @param {KeyboardEvent} event
 * @param {Hands} hands
 * @returns {boolean} whether it was one of ours
 */
function onKey(event, hands) {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  const direction = directionOf(event.key);
  if (direction) {
    if (event.shiftKey) pan(hands, -60 * direction.x, -60 * direction.y, null);
    else step(hands, direction);
  } else if (event.key === "+" || event.key === "=") zoom(hands, 0.8, middle(hands), BOTH);
  else if (event.key === "-" || event.key === "_") zoom(hands, 1.25, middle(hands), BOTH);
  else if (event.key === "Escape" || event.key === "Home" || event.key === "0") backToLive(hands);
  else return false;
  return true;
}

/**
 * @param {string} key
 * @returns {Place | null}
 */
function directionOf(key) {
  switch (key) {
    case "ArrowLeft": return { x: -1, y: 0 };
    case "ArrowRight": return { x: 1, y: 0 };
    case "ArrowUp": return { x: 0, y: -1 };
    case "ArrowDown": return { x: 0, y: 1 };
    default: return null;
  }
}

/** From dot to dot; the first step goes to one near the newest estimate. @param {Hands} hands @param {Place} direction */
function step(hands, direction) {
  const { state } = hands;
  const layout = hands.layout();
  if (!layout) return;
  const { points, view, pointed } = state;
  const from = pointed ?? middle(hands);
  const slot = pointed?.id
    ? next(points, layout, view, from, direction)
    : nearest(points, layout, view, from.x, from.y, Infinity);
  const at = slot < 0 ? null : positionOf(points, slot, layout, view);
  if (!at) return;
  state.pointed = { ...at, id: points.ids[slot] };
  hands.onPoint();
  hands.onStep();
}

/** What the keyboard zooms about: the dot that is pointed at, else the newest estimate. @param {Hands} hands @returns {Place} */
function middle({ state, layout: layoutOf }) {
  const layout = layoutOf();
  if (state.pointed || !layout) return state.pointed ?? { x: 0, y: 0 };
  const { top, bottom, low, high, mempool } = layout;
  const price = state.estimate?.price ?? (low + high) / 2;
  return { x: mempool.right - mempool.inset - 1, y: bottom - ((price - low) / (high - low)) * (bottom - top) };
}

/** @param {Hands} hands @param {Place | null} place */
function pointAt(hands, place) {
  const { state } = hands;
  const layout = hands.layout();
  if (!place && !state.pointed) return;
  const slot = place && layout ? nearest(state.points, layout, state.view, place.x, place.y) : -1;
  state.pointed = place ? { ...place, id: slot < 0 ? null : state.points.ids[slot] } : null;
  hands.onPoint();
}

/** @param {Hands} hands */
function backToLive(hands) {
  goLive(hands.state.view);
  hands.state.pointed = null;
  hands.onView();
}

/**
 * @param {Hands} hands
 * @param {Place} still the finger that rests
 * @param {Place} before where the other was
 * @param {Place} now where it is
 */
function pinch(hands, still, before, now) {
  const apart = (/** @type {Place} */ one) => Math.max(20, Math.hypot(one.x - still.x, one.y - still.y));
  zoom(hands, apart(before) / apart(now), { x: (still.x + now.x) / 2, y: (still.y + now.y) / 2 }, BOTH);
}

/**
 * @param {Hands} hands
 * @param {number} factor below 1 to see more closely
 * @param {Place} about
 * @param {Axes} axes
 */
function zoom(hands, factor, about, axes) {
  const layout = hands.layout();
  const bounds = boundsOf(hands.state);
  if (!layout || !bounds) return;
  const name = partAt(layout, about.x);
  const part = layout[name];
  const { zoom: zooms } = hands.state.view;
  if (axes.time) {
    const moment = Math.min(part.end, Math.max(part.start, timeAt(part, about.x)));
    zooms[name] = zoomed({ low: part.start, high: part.end }, factor, moment, bounds.time);
  }
  if (axes.price) {
    zooms.price = zoomed({ low: layout.low, high: layout.high }, factor, priceAt(layout, about.y), bounds.price);
  }
  hands.onView();
}

/**
 * @param {Hands} hands
 * @param {number} dx CSS pixels
 * @param {number} dy
 * @param {Place | null} from where it began: which part goes along; both when it is not said
 */
function pan(hands, dx, dy, from) {
  const layout = hands.layout();
  const bounds = boundsOf(hands.state);
  if (!layout || !bounds) return;
  const { zoom: zooms } = hands.state.view;
  for (const name of /** @type {const} */ (["confirmed", "mempool"])) {
    const part = layout[name];
    if (dx === 0 || (from && partAt(layout, from.x) !== name)) continue;
    const seconds = (-dx * (part.end - part.start)) / (part.right - part.inset - part.left);
    zooms[name] = moved({ low: part.start, high: part.end }, seconds, bounds.time.within);
  }
  if (dy !== 0) {
    const usd = (dy * (layout.high - layout.low)) / (layout.bottom - layout.top);
    zooms.price = moved({ low: layout.low, high: layout.high }, usd, bounds.price.within);
  }
  hands.state.pointed = null;
  hands.onView();
}

/**
 * How closely one may look, and how far.
 * @param {State} state
 */
function boundsOf({ timestamp: now, priceAxis }) {
  if (now === null || !priceAxis) return null;
  const { centre } = priceAxis;
  return {
    time: { least: LEAST_SECONDS, within: { low: now - MOST_SECONDS, high: now } },
    price: { least: LEAST_SHARE * centre, within: { low: centre * (1 - MOST_SHARE), high: centre * (1 + MOST_SHARE) } },
  };
}
