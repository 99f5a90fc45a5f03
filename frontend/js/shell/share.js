// The dialog to share and export: a link, the price, a picture, tables, and addresses to embed.

import { byId, setText } from "../base/dom.js";
import { formatUsd } from "../base/format.js";
import { copyText, say, saveFile } from "../base/save.js";
import { staleReason } from "../state/age.js";
import { pastLine } from "../state/archive.js";
import { estimatesTable, paymentsTable } from "../state/table.js";
import { setUpDialog } from "../panels/dialog.js";
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
  setUpDialog("share", () => {
    showTexts();
    void showEmbedding();
  });
  byId("copy-price").addEventListener("click", () => {
    const { estimate } = state;
    if (estimate) void copyText(estimate.price.toFixed(2), `Copied ${formatUsd(estimate.price, true)}${staleWords(state)}`);
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

/** Fills the fields with the texts to copy for the present view. */
function showTexts() {
  fieldOf("share-link").value = location.href;
  fieldOf("share-embed").value = embedOf(new URL(".", document.baseURI).href, location.hash);
  const [svg, png] = ["price.svg", "price.png"].map((name) => new URL(name, document.baseURI).href);
  fieldOf("share-picture").value = svg;
  for (const [link, address] of [["share-svg", svg], ["share-png", png]]) byId(link).setAttribute("href", address);
}

/** Says which sites may embed the page: the gateway tells browsers in a header. */
async function showEmbedding() {
  try {
    const { headers } = await fetch("?compact", { method: "HEAD", cache: "no-store" });
    setText(byId("share-allowed"), allowedWords(headers.get("content-security-policy") ?? ""));
  } catch {
    // If no answer comes, the general sentence stays.
  }
}

/**
 * Which sites may embed the page.
 * @param {string} policy the Content-Security-Policy of the page
 */
export function allowedWords(policy) {
  const sites = /frame-ancestors ([^;]*)/.exec(policy)?.[1].split(" ").filter((site) => site !== "'self'" && site !== "'none'") ?? [];
  if (sites.length === 0) return "This gateway allows no other site to embed the page. Its operator names sites in the setting";
  return `Works on ${sites.join(", ")}. The operator of this gateway names more in the setting`;
}

/** @param {string} id */
function fieldOf(id) {
  return /** @type {HTMLInputElement} */ (byId(id));
}

/**
 * The code that shows this page within another.
 * @param {string} page its address
 * @param {string} view the fragment that names the view, with its `#`; empty for the usual one
 */
export function embedOf(page, view) {
  const { width, height } = EMBEDDED;
  return `<iframe src="${page}?compact${view.replaceAll('"', "%22")}" width="${width}" height="${height}" title="The price of bitcoin" loading="lazy"></iframe>`;
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
  if (!layout) say("The plot shows nothing to save yet");
  else if (what === "payments" && !layout.hasDots) say("The plot shows prices of days or years, and no payments");
  else saveFile(new Blob([tableOf(state, layout, what)], { type: "text/csv" }), `${nameOf(state)}-${what}.csv`);
}

/**
 * @param {State} state
 * @param {Layout} layout
 * @param {"payments" | "estimates"} what
 */
function tableOf(state, layout, what) {
  if (what === "payments") return paymentsTable(state.points, shownOn(layout, state));
  const line = layout.hasDots ? state.history : pastLine(state, staleReason(state) === null);
  const { parts } = layout;
  const times = { low: Math.min(...parts.map(({ start }) => start)), high: Math.max(...parts.map(({ end }) => end)) };
  return estimatesTable(line?.entries ?? [], times);
}

/** @param {Layout} layout @param {State} state @returns {import("../state/table.js").Shown} */
function shownOn({ parts, low, high }, { view }) {
  const span = (/** @type {"confirmed" | "mempool"} */ name) => {
    const part = parts.find(({ states }) => states.includes(name));
    return part && !view.hides.has(name) ? { low: part.start, high: part.end } : null;
  };
  return { confirmed: span("confirmed"), mempool: span("mempool"), price: { low, high } };
}
