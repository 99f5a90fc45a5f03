// The dialog of what can be taken away: a link, the price, a picture, tables, and addresses to embed.

import { byId } from "../base/dom.js";
import { formatUsd } from "../base/format.js";
import { copyText, say, saveFile } from "../base/save.js";
import { setUpDialog } from "../panels/dialog.js";
import { estimatesTable, paymentsTable } from "../state/table.js";
import { nameOf, pictureOf, staleWords } from "./picture.js";

/** @typedef {import("../state/state.js").State} State */
/** @typedef {import("../plot/layout.js").Layout} Layout */

/** The size of an embedded page, CSS pixels. */
const EMBEDDED = { width: 420, height: 260 };

/**
 * @param {State} state
 * @param {object} plot
 * @param {() => HTMLCanvasElement[]} plot.layers the plot's canvases, drawn just now, from the back to the front
 * @param {() => Layout | null} plot.layout where things lie on it
 */
export function listenToShare(state, { layers, layout }) {
  setUpDialog("share", () => showTexts());
  byId("copy-price").addEventListener("click", () => {
    const { estimate } = state;
    if (estimate) void copyText(estimate.price.toFixed(2), `Copied ${formatUsd(estimate.price)}${staleWords(state)}`);
    else say("There is no price to copy yet");
  });
  byId("save").addEventListener("click", () => savePicture(state, layers()));
  byId("save-payments").addEventListener("click", () => saveTable(state, layout(), "payments"));
  byId("save-estimates").addEventListener("click", () => saveTable(state, layout(), "estimates"));
  for (const [button, text, done] of [
    ["copy-link", "share-link", "Copied a link to this view"],
    ["copy-embed", "share-embed", "Copied the code to embed the page"],
    ["copy-picture", "share-picture", "Copied the address of the picture"],
  ]) {
    byId(button).addEventListener("click", () => {
      showTexts();
      void copyText(fieldOf(text).value, done);
    });
  }
}

/** Writes what can be copied, as it is now. */
function showTexts() {
  fieldOf("share-link").value = location.href;
  fieldOf("share-embed").value = embedOf(new URL(".", document.baseURI).href);
  const [svg, png] = ["price.svg", "price.png"].map((name) => new URL(name, document.baseURI).href);
  fieldOf("share-picture").value = svg;
  for (const [link, address] of [["share-svg", svg], ["share-png", png]]) byId(link).setAttribute("href", address);
}

/** @param {string} id */
function fieldOf(id) {
  return /** @type {HTMLInputElement} */ (byId(id));
}

/**
 * The code that shows this page within another.
 * @param {string} page its address
 */
export function embedOf(page) {
  const { width, height } = EMBEDDED;
  return `<iframe src="${page}?compact" width="${width}" height="${height}" title="The price of bitcoin" loading="lazy"></iframe>`;
}

/**
 * @param {State} state
 * @param {HTMLCanvasElement[]} layers
 */
function savePicture(state, layers) {
  pictureOf(state, layers).toBlob((blob) => {
    if (blob) saveFile(blob, `${nameOf(state)}.png`);
    else say("The browser could not make the picture");
  }, "image/png");
}

/**
 * @param {State} state
 * @param {Layout | null} layout
 * @param {"payments" | "estimates"} what
 */
function saveTable(state, layout, what) {
  if (!layout) {
    say("The plot shows nothing to save yet");
    return;
  }
  const table = what === "payments" ? paymentsTable(state.points, shownOn(layout, state)) : estimatesTable(state.history.entries, timesOf(layout));
  saveFile(new Blob([table], { type: "text/csv" }), `${nameOf(state)}-${what}.csv`);
}

/** @param {Layout} layout @param {State} state @returns {import("../state/table.js").Shown} */
function shownOn({ confirmed, mempool, low, high }, { view }) {
  const span = (/** @type {"confirmed" | "mempool"} */ name) => {
    const { start, end } = name === "confirmed" ? confirmed : mempool;
    return view.hides.has(name) ? null : { low: start, high: end };
  };
  return { confirmed: span("confirmed"), mempool: span("mempool"), price: { low, high } };
}

/** @param {Layout} layout */
function timesOf({ confirmed, mempool }) {
  return { low: Math.min(confirmed.start, mempool.start), high: Math.max(confirmed.end, mempool.end) };
}
