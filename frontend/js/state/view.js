// The reader's choices: range, axis, layers, zoom, moment, theme; and the link that restores them. Pure.

import { isMoment } from "./moment.js";

/** @typedef {import("./scale.js").Span} Span */
/** @typedef {"confirmed" | "mempool" | "estimate" | "interval" | "blocks" | "hidden"} Layer */
/** @typedef {"time" | "confirmed" | "mempool"} PartName a part of the plot: all of time, or the dots of one state */
/** @typedef {Record<PartName | "price", Span | null>} Zooms the zoomed span of each axis; `null` follows live */
/**
 * @typedef {object} View
 * @property {number} range seconds that the plot goes back, one of `RANGES`; infinity for all that there is
 * @property {number | null} before the range to go back to from a moment of the history, in seconds; `null` if `range` was chosen
 * @property {"one" | "split"} axis whether dots share one time axis, or have one for each state
 * @property {Set<Layer>} hides layers that are not shown
 * @property {Zooms} zoom
 * @property {string | null} at the moment or block whose price is asked for, as `moment.js` writes it
 * @property {boolean} evidence whether the histogram is open
 * @property {"dark" | "light" | null} theme of the link; `null` if it names none
 */

/** The longest range that shows dots, in seconds. */
export const DOTS_SECONDS = 10_800;

const DAY = 86_400;

/** The ranges by their names in links and on buttons; all but the first three are of the historian's prices. */
export const RANGES = /** @type {const} */ ([
  { name: "15m", seconds: 900 },
  { name: "1h", seconds: 3600 },
  { name: "3h", seconds: DOTS_SECONDS },
  { name: "24h", seconds: DAY },
  { name: "7d", seconds: 7 * DAY },
  { name: "30d", seconds: 30 * DAY },
  { name: "1y", seconds: 365 * DAY },
  { name: "all", seconds: Infinity },
]);

/** Names that older links have for ranges. */
const OLD_NAMES = new Map([["60m", 3600], ["180m", DOTS_SECONDS]]);

/** @type {readonly Layer[]} */
export const LAYERS = ["confirmed", "mempool", "estimate", "interval", "blocks", "hidden"];
/** @type {readonly (keyof Zooms)[]} */
const ZOOMS = ["time", "confirmed", "mempool", "price"];

/** @returns {View} */
export function defaultView() {
  return {
    range: DOTS_SECONDS,
    before: null,
    axis: "one",
    hides: new Set(),
    zoom: noZoom(),
    at: null,
    evidence: true,
    theme: null,
  };
}

/** @returns {Zooms} */
function noZoom() {
  return { time: null, confirmed: null, mempool: null, price: null };
}

/** Whether the plot shows payments; the longer ranges have prices alone. @param {View} view */
export function hasDots({ range }) {
  return range <= DOTS_SECONDS;
}

/**
 * The parts that the plot has, from left to right.
 * @param {View} view
 * @returns {readonly PartName[]}
 */
export function partNames(view) {
  return view.axis === "split" && hasDots(view) ? ["confirmed", "mempool"] : ["time"];
}

/** @param {View} view */
export function isLive({ zoom }) {
  return ZOOMS.every((name) => zoom[name] === null);
}

/**
 * Whether one view leads to another by a step that a reader may want to take back: another range, or the end of a zoom.
 * @param {View} from
 * @param {View} to
 */
export function isAnotherStep(from, to) {
  return from.range !== to.range || (!isLive(from) && isLive(to));
}

/** Drops the zoom, and goes back to the range that was chosen. @param {View} view */
export function goLive(view) {
  view.zoom = noZoom();
  view.range = view.before ?? view.range;
  view.before = null;
}

/**
 * Shows the newest data, as many seconds back as the range has.
 * @param {View} view
 * @param {number} seconds one of `RANGES`
 */
export function chooseRange(view, seconds) {
  [view.range, view.before] = [seconds, null];
  goLive(view);
}

/**
 * Shares one time axis, or splits it; the zoom is kept as far as the other axes can show it.
 * @param {View} view
 * @param {View["axis"]} axis
 */
export function chooseAxis(view, axis) {
  const { time, confirmed, mempool, price } = view.zoom;
  view.axis = axis;
  view.zoom = axis === "one"
    ? { time: confirmed ?? mempool ?? time, confirmed: null, mempool: null, price }
    : { time: null, confirmed: time ?? confirmed, mempool: time ?? mempool, price };
}

/**
 * A view as the fragment of a link, without its `#`; only what differs from the default is named.
 * @param {View} view
 */
export function toFragment({ range, axis, hides, zoom, at, evidence, theme }) {
  const parts = new URLSearchParams();
  if (range !== DOTS_SECONDS) parts.set("range", RANGES.find(({ seconds }) => seconds === range)?.name ?? "");
  if (axis === "split") parts.set("axis", "split");
  if (hides.size > 0) parts.set("hide", LAYERS.filter((layer) => hides.has(layer)).join("+"));
  for (const name of ZOOMS) {
    const span = zoom[name];
    if (span) parts.set(name, `${Number(span.low.toFixed(2))}~${Number(span.high.toFixed(2))}`);
  }
  if (at) parts.set("at", at);
  if (!evidence) parts.set("evidence", "off");
  if (theme !== null) parts.set("theme", theme);
  return parts.toString().replaceAll("%2B", "+").replaceAll("%7E", "~").replaceAll("%3A", ":");
}

/**
 * The view that a fragment names; unreadable parts are ignored.
 * @param {string} fragment with or without its `#`
 * @param {View} [otherwise] gives the parts that it does not name
 * @returns {View}
 */
export function fromFragment(fragment, otherwise = defaultView()) {
  const parts = new URLSearchParams(fragment.replace(/^#/, "").replaceAll("+", "%2B"));
  const hides = (parts.get("hide") ?? "").split("+");
  const [theme, at] = [parts.get("theme"), parts.get("at")];
  const zoom = noZoom();
  for (const name of ZOOMS) zoom[name] = readSpan(parts.get(name));
  return {
    range: readRange(parts.get("range")) ?? otherwise.range,
    before: otherwise.before,
    axis: readAxis(parts.get("axis"), zoom) ?? otherwise.axis,
    hides: new Set(LAYERS.filter((layer) => hides.includes(layer))),
    zoom,
    at: at !== null && isMoment(at) ? at : null,
    evidence: parts.has("evidence") ? parts.get("evidence") !== "off" : otherwise.evidence,
    theme: theme === "light" || theme === "dark" ? theme : otherwise.theme,
  };
}

/** @param {string | null} text */
function readRange(text) {
  return RANGES.find(({ name }) => name === text)?.seconds ?? OLD_NAMES.get(text ?? "");
}

/**
 * A link from before the axis could be chosen does not name it, and means the split axis if it zooms one of the parts.
 * @param {string | null} text
 * @param {Zooms} zoom
 * @returns {View["axis"] | undefined}
 */
function readAxis(text, { confirmed, mempool }) {
  if (text === "one" || text === "split") return text;
  return confirmed || mempool ? "split" : undefined;
}

/**
 * @param {string | null} text
 * @returns {Span | null}
 */
function readSpan(text) {
  const [low, high] = (text ?? "").split("~").map(Number);
  return low > 0 && high > low && Number.isFinite(high) ? { low, high } : null;
}
