// The chain from the node to this browser as lights with words.

import { byId, setText } from "../base/dom.js";

/** @typedef {import("../state/state.js").State} State */
/** @typedef {import("../link/message.js").Hop} Hop */

const list = byId("hops");

/** The hops that are shown before the gateway has sent any. */
const UNKNOWN_HOPS = ["node", "ingest", "analyzer", "gateway"].map((name) => ({ name, state: "unknown", detail: "" }));

/**
 * All hops, this browser's own last. While the browser is cut off, the states of the others are
 * unknown.
 * @param {State} state
 * @returns {Hop[]}
 */
export function chainOfHops({ link, hops, clock }) {
  const told = hops.length > 0 ? hops : UNKNOWN_HOPS;
  const others = link.phase === "connected" ? told : told.map(({ name }) => ({ name, state: "unknown", detail: "" }));
  return [...others, { name: "browser", state: browserState(link, clock), detail: "" }];
}

/**
 * @param {import("../state/state.js").Link} link
 * @param {number} clock seconds
 */
function browserState({ phase, retryAt }, clock) {
  return phase === "waiting" ? `reconnecting in ${secondsUntil(retryAt, clock)} s` : phase;
}

/**
 * Whole seconds until a moment, for a countdown.
 * @param {number} moment seconds of the page's own clock
 * @param {number} clock likewise
 */
export function secondsUntil(moment, clock) {
  return Math.max(0, Math.ceil(moment - clock));
}

/** @param {State} state */
export function showHops(state) {
  const hops = chainOfHops(state);
  while (list.children.length > hops.length) list.lastElementChild?.remove();
  while (list.children.length < hops.length) list.append(newItem());
  hops.forEach((hop, index) => showHop(/** @type {HTMLElement} */ (list.children[index]), hop));
}

function newItem() {
  const item = document.createElement("li");
  for (const name of ["light", "name", "word"]) {
    const part = document.createElement("span");
    part.className = name;
    item.append(part, " ");
  }
  return item;
}

/**
 * @param {HTMLElement} item
 * @param {Hop} hop
 */
function showHop(item, { name, state, detail }) {
  item.dataset.hop = name;
  item.dataset.state = state.startsWith("reconnecting") ? "disconnected" : state;
  item.title = detail;
  const [, nameElement, word] = /** @type {HTMLElement[]} */ ([...item.children]);
  setText(nameElement, name);
  setText(word, state);
}
