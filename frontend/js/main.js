// Puts the page together: messages change the state, and each change asks for a frame that shows it.

import { Connection } from "./connection.js";
import { Chart } from "./chart.js";
import { byId } from "./dom.js";
import { showHops } from "./hops.js";
import { readMessage } from "./message.js";
import { showNotice } from "./notice.js";
import { showOrigin } from "./origin.js";
import { showPrice, titleOf } from "./price.js";
import { RestOfPicture } from "./rest.js";
import { applyRest, applyUpdate, createState } from "./state.js";
import { showStats } from "./stats.js";

const state = createState();
let frameRequested = false;
const chart = new Chart(/** @type {HTMLCanvasElement} */ (byId("chart")), requestFrame);
const views = [showPrice, showNotice, showOrigin, showHops, showStats, chart.show];

/** At most one frame for all changes before it, and none while nobody looks. */
function requestFrame() {
  if (frameRequested || document.hidden) return;
  frameRequested = true;
  requestAnimationFrame(() => {
    frameRequested = false;
    for (const show of views) show(state);
  });
}

function changed() {
  document.body.dataset.updates = String(state.updates);
  const title = titleOf(state);
  if (document.title !== title) document.title = title;
  requestFrame();
}

const rest = new RestOfPicture((picture) => {
  applyRest(state, picture);
  changed();
});

/** @param {string} message */
function onMessage(message) {
  const update = readOrWarn(message);
  if (!update) return;
  applyUpdate(state, update, Date.now());
  if (update.reset) void rest.fetch();
  changed();
}

/** @param {string} message */
function readOrWarn(message) {
  try {
    return readMessage(message);
  } catch (error) {
    console.warn("A message from the gateway is not JSON, and was left out:", error);
    return null;
  }
}

const scheme = location.protocol === "https:" ? "wss:" : "ws:";
const connection = new Connection(`${scheme}//${location.host}/ws/mempool`, {
  after: () => state.sequence,
  onMessage,
  onLink(link) {
    state.link = link;
    changed();
  },
});

connection.open();
byId("retry").addEventListener("click", () => connection.open());
window.addEventListener("online", () => connection.open());
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  connection.open();
  requestFrame();
});
// A countdown and the age of an old price move without any message.
setInterval(() => {
  if (state.link.phase !== "connected") requestFrame();
}, 1000);
