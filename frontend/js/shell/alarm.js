// Rings when an alert fires: by a tone if it is armed, and by a notification if the browser allows one. Of several tabs, one
// rings.

import { byId, setText } from "../base/dom.js";
import { remember, remembered } from "../base/storage.js";
import { Tone } from "../base/tone.js";
import { AlertBook, KEPT_AS } from "../panels/alert-book.js";
import { bannerOf, newsOf } from "../panels/alert-words.js";
import { listenToAlerts } from "../panels/alerts.js";

/** @typedef {import("../state/state.js").State} State */
/** @typedef {import("../state/alerts.js").Alert} Alert */

/** The name under which the browser keeps the alert that was rung for last, so that no second tab rings for it. */
const RUNG = "satscope.rung";

/** The time over which tabs spread their claims to ring, in milliseconds. */
const SPREAD_MS = 400;

const ICON = "icon-192.png";

const tone = new Tone();
const offer = byId("alert-notify");

/**
 * @param {State} state
 * @param {() => void} onChange called when the alerts have changed
 * @returns {AlertBook}
 */
export function setUpAlarm(state, onChange) {
  const book = new AlertBook(state, (fired) => fired.forEach(ringOnce));
  listenToAlerts(state, book, { onChange, onSet: () => void arm(), onOpen: showMeans });
  addEventListener("storage", ({ key }) => {
    if (key !== null && key !== KEPT_AS) return;
    book.readAgain();
    onChange();
  });
  // A reload disarms the tone, so the next click or key anywhere arms it again.
  for (const sign of ["pointerdown", "keydown"]) {
    addEventListener(sign, () => state.alerts.some(({ stage }) => stage !== "fired") && !tone.isArmed && void arm(), { passive: true });
  }
  byId("alert-test").addEventListener("click", async () => {
    await arm();
    tone.play();
  });
  offer.addEventListener("click", async () => {
    await askToNotify();
    showMeans();
  });
  return book;
}

async function arm() {
  await tone.arm();
  showMeans();
}

/** @param {Alert} alert */
function ringOnce(alert) {
  const name = `${alert.id}@${alert.firedAt}`;
  setTimeout(() => {
    if (remembered(RUNG) === name) return;
    remember(RUNG, name);
    tone.play();
    void notify(alert);
  }, SPREAD_MS * Math.random());
}

function mayNotify() {
  return isSecureContext && "Notification" in window && Notification.permission === "granted";
}

/** @param {Alert} alert */
async function notify(alert) {
  if (!mayNotify()) return;
  const options = { body: bannerOf(alert), tag: `satscope-${alert.id}`, icon: new URL(ICON, document.baseURI).href };
  try {
    const worker = await navigator.serviceWorker?.getRegistration();
    // Browsers of phones notify through a service worker only.
    if (worker?.active) await worker.showNotification(newsOf(alert), options);
    else new Notification(newsOf(alert), options).addEventListener("click", () => window.focus());
  } catch (error) {
    console.info("The browser shows no notification:", error);
  }
}

async function askToNotify() {
  try {
    await Notification.requestPermission();
  } catch (error) {
    console.info("The browser does not ask whether it may notify:", error);
  }
}

/** Writes how an alert will reach the reader in this browser, and why it cannot in other ways. */
function showMeans() {
  setText(
    byId("alert-sound"),
    tone.isArmed
      ? "An alert shows a banner on this page and sounds a tone."
      : "An alert shows a banner on this page; a tone needs one click or key on it first.",
  );
  const permission = isSecureContext && "Notification" in window ? Notification.permission : null;
  offer.hidden = permission !== "default";
  setText(byId("alert-notify-why"), notifyWords(permission));
}

/** @param {NotificationPermission | null} permission `null` if there are no notifications here */
function notifyWords(permission) {
  switch (permission) {
    case "granted": return "The browser notifies you too, while this page is open in a tab.";
    case "denied": return "The browser was told to refuse notifications of this page; its settings for the page can allow them.";
    case "default": return "The browser can notify you too, if you allow it.";
    case null:
      return isSecureContext
        ? "This browser has no notifications."
        : "There are no notifications here, because browsers allow them over https only.";
  }
}
