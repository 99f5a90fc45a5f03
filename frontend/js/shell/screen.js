// Full screen and kiosk: nothing but the price and the plot, no cursor, and a screen that stays on.

import { byId } from "../base/dom.js";

/** Time without a move after which the tools and the cursor are hidden, in milliseconds. */
const IDLE_MS = 3000;

/** @type {WakeLockSentinel | null} */
let awake = null;
/** @type {number | undefined} */
let idleTimer;

/**
 * @param {boolean} kiosk whether the page was opened as a kiosk
 * @param {boolean} compact whether the page is a small part of another one
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
    // Browsers refuse this on low battery or by a setting. The screen then goes dark as it does for other pages.
    awake = await navigator.wakeLock.request("screen").catch(() => null);
  }
}

function onMove() {
  document.body.classList.remove("idle");
  clearTimeout(idleTimer);
  if (!document.body.classList.contains("kiosk")) return;
  idleTimer = window.setTimeout(() => document.body.classList.add("idle"), IDLE_MS);
}
