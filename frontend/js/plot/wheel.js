// Decides what a turn of the wheel, or a move of two fingers on a touchpad, does on the plot. Pure.

/**
 * @typedef {object} Turn
 * @property {number} deltaX
 * @property {number} deltaY
 * @property {number} deltaMode 0 if the deltas are CSS pixels, 1 if they are lines, 2 if they are pages
 * @property {boolean} ctrlKey also true during a pinch on a touchpad
 * @property {boolean} metaKey
 * @property {boolean} shiftKey
 */
/** @typedef {{ kind: "scroll" } | { kind: "pan", dx: number } | { kind: "zoom", factor: number, isTimeOnly: boolean }} Meaning `scroll` leaves the turn to the page */

/** CSS pixels in each unit of `deltaMode`: a pixel, a line, a page. */
const UNITS = [1, 16, 400];

/** A turn counts as at most this many pixels. */
const MOST = 400;

/** Natural logarithm of the zoom factor for each pixel: of a wheel, and of a pinch, which comes with Ctrl and in small steps. */
const WHEEL = 0.0015;
const PINCH = 0.01;

/** A wheel's notch is at least this many pixels, and a pinch's step is less. */
const NOTCH = 40;

/**
 * @param {Turn} turn
 * @param {boolean} isFocused whether the plot has been clicked, or has the keyboard
 * @returns {Meaning}
 */
export function meaningOf({ deltaX, deltaY, deltaMode, ctrlKey, metaKey, shiftKey }, isFocused) {
  const unit = UNITS[deltaMode] ?? 1;
  const isZoom = ctrlKey || metaKey;
  if (!isZoom && Math.abs(deltaX) > Math.abs(deltaY)) return { kind: "pan", dx: -bounded(deltaX * unit) };
  if (deltaY === 0 || !(isZoom || isFocused)) return { kind: "scroll" };
  const pixels = bounded(deltaY * unit);
  const isPinch = ctrlKey && deltaMode === 0 && Math.abs(pixels) < NOTCH;
  return { kind: "zoom", factor: Math.exp(pixels * (isPinch ? PINCH : WHEEL)), isTimeOnly: shiftKey };
}

/** @param {number} pixels */
function bounded(pixels) {
  return Math.max(-MOST, Math.min(MOST, pixels));
}
