// The first module that runs: it opens the socket, shows the price of the first message, and only then has the browser
// load the rest of the page. All modules at once would keep a small machine busy for longer than the price takes to come.

import { Connection } from "./link/connection.js";
import { Held } from "./link/held.js";
import { readMessage } from "./link/message.js";
import { applyUpdate, createState } from "./state/state.js";
import { showOrigin } from "./panels/origin.js";
import { showPrice } from "./panels/price.js";

/** The longest time for which the rest of the page waits for the first price, in milliseconds. */
const LONGEST_WAIT_MS = 300;

/** What is known until the rest of the page has a state of its own. */
const state = createState();

/** Gives the rest of the page all messages from the first one on. */
export const held = new Held();

const address = new URL("ws/mempool", document.baseURI);
address.protocol = address.protocol === "https:" ? "wss:" : "ws:";

export const connection = new Connection(address.href, {
  after: () => held.after(),
  onLink(link) {
    held.onLink(link);
    state.link = link;
    if (link.phase === "waiting") loadRest();
  },
  onMessage(message) {
    held.onMessage(message);
    if (state.updates === 0) showFirst(message);
  },
});

/** @param {string} message */
function showFirst(message) {
  try {
    const update = readMessage(message);
    if (update) applyUpdate(state, update, performance.now() / 1000, false);
    showOrigin(state);
    showPrice(state);
  } catch (error) {
    console.warn("The gateway's first message cannot be shown:", error);
  }
  // The task after the next frame comes when the price has been painted; a hidden page has no frames.
  requestAnimationFrame(() => setTimeout(loadRest));
}

/** Has the browser load the modules that index.html keeps in a template. */
function loadRest() {
  const rest = document.querySelector("template#rest");
  if (!(rest instanceof HTMLTemplateElement)) return;
  document.head.append(rest.content);
  rest.remove();
}

setTimeout(loadRest, LONGEST_WAIT_MS);
connection.open();
