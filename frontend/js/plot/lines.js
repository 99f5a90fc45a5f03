// The lines through the parts: the price over time with its interval, and the price that a simulation hides.

import { formatUsd } from "../base/format.js";
import { drawThrough, isRoomy, within, xOf, yOf } from "./layout.js";

/** @typedef {import("../state/archive.js").Line} Line */
/** @typedef {import("../state/history.js").Past} Past */
/** @typedef {import("./layout.js").Layout} Layout */
/** @typedef {import("./layout.js").Part} Part */
/** @typedef {import("../base/theme.js").Theme} Theme */
/** @typedef {CanvasRenderingContext2D} Context */

/** Estimates further apart than this many seconds are not joined: in between there was none. */
const GAP_SECONDS = 420;

/** Estimates whose logarithms are further apart than this are not joined either, because the price has locked on elsewhere. */
const ELSEWHERE = 0.095;

/**
 * Whether two estimates of the last hours are not to be joined.
 * @param {Past} before
 * @param {Past} past
 */
export function isBroken(before, past) {
  return past.timestamp - before.timestamp > GAP_SECONDS || Math.abs(Math.log(past.price / before.price)) > ELSEWHERE;
}

/**
 * The prices that a part shows, and one beyond each edge, in stretches without a gap.
 * @param {Line} line
 * @param {Part} part
 * @returns {Past[][]}
 */
export function stretches({ entries, isApart }, { start, end }) {
  const first = entries.findIndex(({ timestamp }) => timestamp >= start);
  if (first < 0) return [];
  const after = entries.findIndex(({ timestamp }) => timestamp > end);
  const shown = entries.slice(Math.max(0, first - 1), after < 0 ? entries.length : after + 1);
  /** @type {Past[][]} */
  const found = [];
  shown.forEach((past, at) => {
    const before = shown[at - 1];
    if (before && !isApart(before, past)) found[found.length - 1].push(past);
    else found.push([past]);
  });
  return found;
}

/**
 * @param {Context} context
 * @param {Layout} layout
 * @param {Line} line
 * @param {boolean} holds whether the last price is of this moment
 * @param {Theme} theme
 */
export function drawInterval(context, layout, line, holds, theme) {
  context.save();
  context.fillStyle = theme.level;
  context.globalAlpha = theme.band;
  for (const part of layout.parts) {
    within(context, layout, part, () => {
      for (const stretch of stretches(line, part)) {
        context.beginPath();
        for (const past of stretch) context.lineTo(xOf(part, past.timestamp), yOf(layout, past.high));
        const last = stretch[stretch.length - 1];
        const end = endOf(part, last, holds);
        context.lineTo(end, yOf(layout, last.high));
        context.lineTo(end, yOf(layout, last.low));
        for (const past of stretch.slice().reverse()) context.lineTo(xOf(part, past.timestamp), yOf(layout, past.low));
        context.fill();
      }
    });
  }
  context.restore();
}

/**
 * @param {Context} context
 * @param {Layout} layout
 * @param {Line} line
 * @param {boolean} holds whether the last price is of this moment
 * @param {Theme} theme
 */
export function drawEstimates(context, layout, line, holds, theme) {
  context.save();
  context.lineJoin = "round";
  for (const part of layout.parts) {
    const path = pathOf(layout, part, line, holds);
    within(context, layout, part, () => {
      for (const [width, colour] of /** @type {const} */ ([[4, theme.ground], [1.75, theme.level]])) {
        context.lineWidth = width;
        context.strokeStyle = colour;
        context.globalAlpha = colour === theme.ground ? 0.55 : 1;
        context.stroke(path);
      }
    });
  }
  context.restore();
}

/** The paths drawn last, by part: pointing draws the line again and does not change it. @type {Map<string, { key: string, path: Path2D }>} */
const kept = new Map();

/**
 * The line in a part.
 * @param {Layout} layout
 * @param {Part} part
 * @param {Line} line
 * @param {boolean} holds
 */
function pathOf(layout, part, line, holds) {
  const { entries } = line;
  const [first, last] = [entries[0], entries[entries.length - 1]];
  const places = [layout.top, layout.bottom, layout.low, layout.high, part.left, part.right, part.inset, part.start, part.end];
  const key = [layout.isLog, part.live, holds, ...places, entries.length, first?.timestamp, last?.timestamp, last?.price].join();
  const before = kept.get(part.name);
  if (before?.key === key) return before.path;
  const path = new Path2D();
  for (const stretch of stretches(line, part)) {
    stretch.forEach((past, at) => path[at === 0 ? "moveTo" : "lineTo"](xOf(part, past.timestamp), yOf(layout, past.price)));
    const end = stretch[stretch.length - 1];
    path.lineTo(endOf(part, end, holds), yOf(layout, end.price));
  }
  kept.set(part.name, { key, path });
  return path;
}

/**
 * The right end of a stretch, in CSS pixels: the edge if its last estimate still holds, else that estimate's own place.
 * @param {Part} part
 * @param {Past} last of its stretch
 * @param {boolean} holds whether the newest estimate is of this moment
 */
export function endOf(part, { timestamp }, holds) {
  return holds && part.live && timestamp > part.end - GAP_SECONDS ? part.right : xOf(part, timestamp);
}

/**
 * The present estimate's own label on the price axis.
 * @param {Context} context
 * @param {Layout} layout
 * @param {number} price
 * @param {Theme} theme
 */
export function drawPriceLabel(context, layout, price, theme) {
  const { em } = theme;
  const y = Math.min(layout.bottom, Math.max(layout.top, yOf(layout, price)));
  const left = layout.edge;
  context.fillStyle = theme.level;
  context.beginPath();
  context.moveTo(left, y);
  context.lineTo(left + 0.6 * em, y - 0.85 * em);
  context.lineTo(layout.right, y - 0.85 * em);
  context.lineTo(layout.right, y + 0.85 * em);
  context.lineTo(left + 0.6 * em, y + 0.85 * em);
  context.fill();
  context.fillStyle = theme.ground;
  context.font = `600 ${em}px ${theme.font}`;
  context.textAlign = "right";
  context.fillText(formatUsd(price), layout.right - 5, y + 0.5);
  context.font = `${em}px ${theme.font}`;
}

/**
 * The price that a simulation pays by, to compare with.
 * @param {Context} context
 * @param {Layout} layout
 * @param {number} price
 * @param {number | null} estimate
 * @param {Theme} theme
 */
export function drawHiddenPrice(context, layout, price, estimate, theme) {
  if (price < layout.low || price > layout.high) return;
  const y = yOf(layout, price);
  context.save();
  context.strokeStyle = theme.hidden;
  context.lineWidth = 1.5;
  context.setLineDash([7, 6]);
  drawThrough(context, layout, y);
  context.restore();
  const awayFromEstimate = (estimate !== null && price < estimate ? 1.25 : -1.25) * theme.em;
  const words = isRoomy(layout) ? "hidden price now" : "hidden";
  const text = `${words} ${formatUsd(price)}`;
  const x = layout.parts[0].left + 8;
  context.textAlign = "left";
  context.fillStyle = theme.ground;
  context.globalAlpha = 0.75;
  context.fillRect(x - 5, y + awayFromEstimate - 0.75 * theme.em, context.measureText(text).width + 10, 1.5 * theme.em);
  context.globalAlpha = 1;
  context.fillStyle = theme.hidden;
  context.fillText(text, x, y + awayFromEstimate);
}
