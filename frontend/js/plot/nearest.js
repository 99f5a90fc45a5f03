// Finds the dot that is meant: the one nearest to a place, or the next one in a direction. Pure.

import { partOf, xOf, yOf } from "./layout.js";

/** @typedef {import("./layout.js").Layout} Layout */
/** @typedef {import("../state/points.js").Points} Points */
/** @typedef {import("../state/view.js").View} View */

/** A dot further away than this, in CSS pixels, is not meant. */
const REACH = 26;

/** The factor by which distance aside counts more than distance ahead; and how far aside, per pixel ahead, a dot may lie. */
const ASIDE = 2.5;
const CONE = 2;

/**
 * The place of a dot on the chart; `null` if it is not drawn.
 * @param {Points} points
 * @param {number} slot
 * @param {Layout} layout
 * @param {View} view
 * @returns {{ x: number, y: number } | null}
 */
export function positionOf(points, slot, layout, view) {
  const name = points.confirmed[slot] === 1 ? "confirmed" : "mempool";
  const part = partOf(layout, name);
  if (!part || view.hides.has(name)) return null;
  const price = points.prices[slot];
  const place = part.live ? Math.min(points.places[slot], part.end) : points.places[slot];
  const outside = place < part.start || place > part.end || price < layout.low || price > layout.high;
  if (outside) return null;
  return { x: xOf(part, place), y: yOf(layout, price) };
}

/**
 * The slot of the dot nearest to a place; -1 when none is near.
 * @param {Points} points
 * @param {Layout} layout
 * @param {View} view
 * @param {number} x CSS pixels
 * @param {number} y
 * @param {number} [reach] CSS pixels
 */
export function nearest(points, layout, view, x, y, reach = REACH) {
  let [found, least] = [-1, reach * reach];
  const { prices, places, confirmed, count } = points;
  for (const name of /** @type {const} */ (["confirmed", "mempool"])) {
    const part = partOf(layout, name);
    if (!part || view.hides.has(name)) continue;
    const isConfirmed = name === "confirmed" ? 1 : 0;
    // Only numbers are used, because this runs over all dots at each move of the mouse.
    const [left, start, end] = [part.left, part.start, part.end];
    const perSecond = (part.right - part.inset - left) / (end - start);
    const perUsd = (layout.bottom - layout.top) / (layout.high - layout.low);
    for (let slot = 0; slot < count; slot += 1) {
      if (confirmed[slot] !== isConfirmed) continue;
      const dy = layout.bottom - (prices[slot] - layout.low) * perUsd - y;
      if (dy * dy >= least) continue;
      const place = part.live && places[slot] > end ? end : places[slot];
      const dx = left + (place - start) * perSecond - x;
      const distance = dx * dx + dy * dy;
      if (distance < least && positionOf(points, slot, layout, view)) [found, least] = [slot, distance];
    }
  }
  return found;
}

/**
 * The slot of the next dot from a place in a direction; -1 when there is none.
 * @param {Points} points
 * @param {Layout} layout
 * @param {View} view
 * @param {{ x: number, y: number }} from CSS pixels
 * @param {{ x: number, y: number }} direction of length 1, along an axis
 */
export function next(points, layout, view, from, direction) {
  let [found, least] = [-1, Infinity];
  for (let slot = 0; slot < points.count; slot += 1) {
    const at = positionOf(points, slot, layout, view);
    if (!at) continue;
    const [dx, dy] = [at.x - from.x, at.y - from.y];
    const ahead = dx * direction.x + dy * direction.y;
    const aside = Math.abs(dx * direction.y + dy * direction.x);
    const distance = ahead + ASIDE * aside;
    if (ahead > 0.5 && aside <= CONE * ahead && distance < least) [found, least] = [slot, distance];
  }
  return found;
}
