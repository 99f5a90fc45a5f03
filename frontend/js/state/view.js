// What whoever looks has chosen: range, layers, zoom, theme; and the link that restores it. Pure.

/** @typedef {import("./scale.js").Span} Span */
/** @typedef {"confirmed" | "mempool" | "estimate" | "interval" | "blocks" | "hidden"} Layer */
/**
 * @typedef {object} View
 * @property {number} range seconds that the plot goes back: 900, 3600 or 10,800
 * @property {Set<Layer>} hides layers that are not shown
 * @property {{ confirmed: Span | null, mempool: Span | null, price: Span | null }} zoom what is looked at; `null` follows live
 * @property {boolean} evidence whether the histogram is open
 * @property {"dark" | "light" | null} theme of the link; `null` if it names none
 */

export const RANGES = [900, 3600, 10_800];
/** @type {readonly Layer[]} */
export const LAYERS = ["confirmed", "mempool", "estimate", "interval", "blocks", "hidden"];

/** @returns {View} */
export function defaultView() {
  return {
    range: 10_800,
    hides: new Set(),
    zoom: { confirmed: null, mempool: null, price: null },
    evidence: true,
    theme: null,
  };
}

/** @param {View} view */
export function isLive({ zoom }) {
  return zoom.confirmed === null && zoom.mempool === null && zoom.price === null;
}

/** Back to what is new, at the range that was chosen. @param {View} view */
export function goLive(view) {
  view.zoom = { confirmed: null, mempool: null, price: null };
}

/**
 * A view as the fragment of a link, without its `#`; only what differs from the default is named.
 * @param {View} view
 */
export function toFragment({ range, hides, zoom, evidence, theme }) {
  const parts = new URLSearchParams();
  if (range !== 10_800) parts.set("range", `${range / 60}m`);
  if (hides.size > 0) parts.set("hide", LAYERS.filter((layer) => hides.has(layer)).join("+"));
  for (const name of /** @type {const} */ (["confirmed", "mempool", "price"])) {
    const span = zoom[name];
    if (span) parts.set(name, `${Number(span.low.toFixed(2))}~${Number(span.high.toFixed(2))}`);
  }
  if (!evidence) parts.set("evidence", "off");
  if (theme !== null) parts.set("theme", theme);
  return parts.toString().replaceAll("%2B", "+").replaceAll("%7E", "~");
}

/**
 * The view that a fragment names; what cannot be read in it is passed over.
 * @param {string} fragment with or without its `#`
 * @param {View} [otherwise] for what it does not name
 * @returns {View}
 */
export function fromFragment(fragment, otherwise = defaultView()) {
  const parts = new URLSearchParams(fragment.replace(/^#/, "").replaceAll("+", "%2B"));
  const minutes = Number(/^(\d+)m$/.exec(parts.get("range") ?? "")?.[1]);
  const hides = (parts.get("hide") ?? "").split("+");
  const theme = parts.get("theme");
  return {
    range: RANGES.includes(minutes * 60) ? minutes * 60 : otherwise.range,
    hides: new Set(LAYERS.filter((layer) => hides.includes(layer))),
    zoom: {
      confirmed: readSpan(parts.get("confirmed")),
      mempool: readSpan(parts.get("mempool")),
      price: readSpan(parts.get("price")),
    },
    evidence: parts.has("evidence") ? parts.get("evidence") !== "off" : otherwise.evidence,
    theme: theme === "light" || theme === "dark" ? theme : otherwise.theme,
  };
}

/**
 * @param {string | null} text
 * @returns {Span | null}
 */
function readSpan(text) {
  const [low, high] = (text ?? "").split("~").map(Number);
  return low > 0 && high > low && Number.isFinite(high) ? { low, high } : null;
}
