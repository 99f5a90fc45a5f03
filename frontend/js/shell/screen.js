// Full screen and kiosk: nothing but the price and the plot, no cursor, and a screen that stays on.

import { byId } from "../base/dom.js";

/** Without a move for so long, the tools and the cursor go, in milliseconds. */
const IDLE_MS = 3000;

/** @type {WakeLockSentinel | null} */
let awake = null;
/** @type {number | undefined} */
let idleTimer;

/**
 * @param {boolean} kiosk whether the page is one from the start
 * @param {boolean} compact whether it is a small part of something larger
 */
export function setUpScreen(kiosk, compact) {
  document.body.classList.toggle("compact", compact);
  const button = byId("full-screen");
  button.hidden = !document.documentElement.requestFullscreen;
  button.addEventListener("click", () => void toggleFullScreen());
  const apply = () => {
    const full = document.fullscreenElement !== null;
    button.setAttribute("aria-pressed", String(full));
    document.body.classList.toggle("kiosk", kiosk || full);
    void keepAwake(kiosk || full);
    onMove();
  };
  document.addEventListener("fullscreenchange", apply);
  // A hidden page loses its lock.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) apply();
  });
  for (const move of ["pointermove", "pointerdown", "keydown"]) document.addEventListener(move, onMove, { passive: true });
  apply();
}

async function toggleFullScreen() {
  try {
    if (document.fullscreenElement) await document.exitFullscreen();
    else await document.documentElement.requestFullscreen();
  } catch (error) {
    console.info("The browser does not go to full screen:", error);
  }
}

/** @param {boolean} wanted */
async function keepAwake(wanted) {
  if (!wanted) {
    await awake?.release();
    awake = null;
  } else if (!document.hidden && "wakeLock" in navigator && (!awake || awake.released)) {
    // Refused on battery, or by the owner of the machine: then the screen goes dark as it always did.
    awake = await navigator.wakeLock.request("screen").catch(() => null);
  }
}

function onMove() {
  document.body.classList.remove("idle");
  clearTimeout(idleTimer);
  if (!document.body.classList.contains("kiosk")) return;
  idleTimer = window.setTimeout(() => document.body.classList.add("idle"), IDLE_MS);
}
