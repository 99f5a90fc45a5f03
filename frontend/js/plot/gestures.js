// Gestures of fingers, mouse and keys on the plot: point at a dot, zoom, pan, and go back to live.

import { goLive } from "../state/view.js";
import { yOf } from "./layout.js";
import { nearest, next, positionOf } from "./nearest.js";
import { pastAt, pastBeside } from "./past.js";
import { meaningOf } from "./wheel.js";
import { panBy, usualAxes, zoomBy } from "./zoom.js";

/** @typedef {import("../state/state.js").State} State */
/** @typedef {import("./layout.js").Layout} Layout */
/** @typedef {import("./zoom.js").Place} Place */
/** @typedef {import("./zoom.js").Axes} Axes */

/** A press that moves less than this, in CSS pixels, is a tap. */
const TAP = 5;

/** Two taps within this many milliseconds are a double one. */
const DOUBLE_MS = 350;

/** Pixels that a key with Shift moves the view by. */
const KEY_PAN = 60;

/**
 * @typedef {object} Hands the state and callbacks that gestures act through
 * @property {State} state
 * @property {() => Layout | null} layout
 * @property {() => void} onView called when the view has changed
 * @property {() => void} onPoint called when something else is pointed at
 * @property {() => void} onStep called when the keyboard has gone to a dot or price
 * @property {() => void} onPlainWheel called when the wheel was turned over the plot and scrolls the page
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
  /** Where a finger came down, until it has shown whether it scrolls the page. @type {Place | null} */
  let start = null;
  let isScroll = false;
  let tappedAt = -Infinity;

  chart.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    if (down.size === 0) travelled = 0;
    down.set(event.pointerId, placeOf(chart, event));
    isScroll = false;
    start = event.pointerType === "touch" && down.size === 1 ? placeOf(chart, event) : null;
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
    if (start) isScroll = Math.abs(place.y - start.y) > Math.abs(place.x - start.x);
    start = null;
    down.set(event.pointerId, place);
    // The browser takes a finger that moves up or down for a scroll of the page, a moment after the first such move.
    const isFinger = event.pointerType === "touch";
    if (other) pinch(hands, other, before, place);
    else if (!isScroll) pan(hands, place.x - before.x, isFinger ? 0 : place.y - before.y, before);
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
  if (!layout) return;
  const place = placeOf(chart, event);
  const meaning = meaningOf(event, document.activeElement === chart);
  if (meaning.kind === "scroll") {
    hands.onPlainWheel();
    return;
  }
  event.preventDefault();
  if (meaning.kind === "pan") {
    pan(hands, meaning.dx, 0, place);
    return;
  }
  const usual = usualAxes(hands.state);
  const axes = place.x > layout.edge
    ? { time: false, price: true }
    : { time: true, price: usual.price && place.y <= layout.bottom && !meaning.isTimeOnly };
  zoom(hands, meaning.factor, place, axes);
}

/**
 * @param {KeyboardEvent} event
 * @param {Hands} hands
 * @returns {boolean} whether the key means something on the plot
 */
function onKey(event, hands) {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  const direction = directionOf(event.key);
  if (direction) {
    if (event.shiftKey) pan(hands, -KEY_PAN * direction.x, -KEY_PAN * direction.y, null);
    else step(hands, direction);
  } else if (event.key === "+" || event.key === "=") zoom(hands, 0.8, middle(hands), usualAxes(hands.state));
  else if (event.key === "-" || event.key === "_") zoom(hands, 1.25, middle(hands), usualAxes(hands.state));
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

/**
 * Steps from dot to dot, or along the line if there are no dots. The first step goes to one near the newest price.
 * @param {Hands} hands
 * @param {Place} direction
 */
function step(hands, direction) {
  const { state } = hands;
  const layout = hands.layout();
  if (!layout) return;
  const stepped = layout.hasDots ? dotBeside(hands, layout, direction) : priceBeside(hands, layout, direction);
  if (!stepped) return;
  state.pointed = stepped;
  hands.onPoint();
  hands.onStep();
}

/** @param {Hands} hands @param {Layout} layout @param {Place} direction */
function dotBeside(hands, layout, direction) {
  const { points, view, pointed } = hands.state;
  const from = pointed ?? middle(hands);
  const slot = pointed?.id
    ? next(points, layout, view, from, direction)
    : nearest(points, layout, view, from.x, from.y, Infinity);
  const at = slot < 0 ? null : positionOf(points, slot, layout, view);
  return at && { ...at, id: points.ids[slot] };
}

/** @param {Hands} hands @param {Layout} layout @param {Place} direction */
function priceBeside(hands, layout, direction) {
  const { state } = hands;
  const from = state.pointed ?? middle(hands);
  const here = pastAt(state, layout, from.x);
  const at = state.pointed && here ? pastBeside(state, layout, here.x, direction.x || -direction.y) : (here ?? pastBeside(state, layout, from.x, -1));
  return at && { x: at.x, y: at.y, id: null };
}

/** The place that the keyboard zooms about: the cross-hair, else the newest price. @param {Hands} hands @returns {Place} */
function middle({ state, layout: layoutOf }) {
  const layout = layoutOf();
  if (state.pointed || !layout) return state.pointed ?? { x: 0, y: 0 };
  const last = layout.parts[layout.parts.length - 1];
  const price = state.estimate?.price ?? (layout.low + layout.high) / 2;
  return { x: last.right - last.inset - 1, y: yOf(layout, price) };
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
  zoom(hands, apart(before) / apart(now), { x: (still.x + now.x) / 2, y: (still.y + now.y) / 2 }, usualAxes(hands.state));
}

/**
 * @param {Hands} hands
 * @param {number} factor below 1 to see more closely
 * @param {Place} about
 * @param {Axes} axes
 */
function zoom(hands, factor, about, axes) {
  const layout = hands.layout();
  if (!layout) return;
  zoomBy(hands.state, layout, factor, about, axes);
  hands.onView();
}

/**
 * @param {Hands} hands
 * @param {number} dx CSS pixels
 * @param {number} dy
 * @param {Place | null} from where the pan began, so that only that part moves; `null` to move all parts
 */
function pan(hands, dx, dy, from) {
  const layout = hands.layout();
  if (!layout) return;
  panBy(hands.state, layout, dx, dy, from);
  hands.state.pointed = null;
  hands.onView();
}
