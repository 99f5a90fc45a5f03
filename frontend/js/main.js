// Puts the page together: messages and gestures change the state, and each change asks for a frame that shows it.

import { byId } from "./base/dom.js";
import { connection, held } from "./first.js";
import { SeriesAsker } from "./link/archive.js";
import { readMessage } from "./link/message.js";
import { amountsWhile, coverageWhile, currenciesWhile, pastEstimates, resetDelayMs, restOfPoints } from "./link/rest.js";
import { Wake } from "./link/wake.js";
import { staleReason } from "./state/age.js";
import { applyCurrencies } from "./state/converter.js";
import { applyPast, applyRest, applyUpdate, createState } from "./state/state.js";
import { goLive, isLive } from "./state/view.js";
import { Chart } from "./plot/chart.js";
import { speakDot } from "./plot/crosshair.js";
import { listen } from "./plot/gestures.js";
import { showAlerts } from "./panels/alerts.js";
import { listenToControls, showControls } from "./panels/controls.js";
import { listenToConverter, showConverter } from "./panels/converter.js";
import { Evidence } from "./panels/evidence.js";
import { plainWheelHint } from "./panels/hint.js";
import { showHops } from "./panels/hops.js";
import { setUpKeys } from "./panels/keys.js";
import { showNotice } from "./panels/notice.js";
import { showOrigin } from "./panels/origin.js";
import { askForMoment, listenToPast, showPast } from "./panels/past.js";
import { listenToPlotMessage, showPlotMessage } from "./panels/plot-message.js";
import { showPrice } from "./panels/price.js";
import { listenToRanges, showRanges } from "./panels/ranges.js";
import { listenToSpeech, speakPrice } from "./panels/speech.js";
import { showStats } from "./panels/stats.js";
import { viewOfAddress, write, writeAtRest } from "./shell/address.js";
import { setUpAlarm } from "./shell/alarm.js";
import { Inquiry } from "./shell/archive.js";
import { buildIn, Renewal } from "./shell/build.js";
import { showTab } from "./shell/favicon.js";
import { Frames } from "./shell/frames.js";
import { installWorker } from "./shell/installed.js";
import { setUpScreen } from "./shell/screen.js";
import { listenToShare } from "./shell/share.js";
import { listenToTheme, showTheme } from "./shell/theme.js";

const query = new URLSearchParams(location.search);
const state = createState();
state.view = viewOfAddress();

const front = /** @type {HTMLCanvasElement} */ (byId("chart"));
const canvases = { grid: /** @type {HTMLCanvasElement} */ (byId("grid")), dots: /** @type {HTMLCanvasElement} */ (byId("dots")), front };
const requestFrame = () => frames.request();
const chart = new Chart(canvases, requestFrame, query.has("canvas"));
const evidence = new Evidence(requestFrame);
/** The views with ages and countdowns, which move without any message. */
const runningViews = [showPrice, speakPrice, showNotice, showHops, showStats];
const views = [
  showTheme, ...runningViews, showOrigin, showControls, showRanges, showPast, showPlotMessage, showConverter, showAlerts, evidence.show,
];

/** Seconds of the page's own clock, which no setting of the machine's clock moves. */
const clockNow = () => performance.now() / 1000;
const wallNow = () => Date.now() / 1000;
const wake = new Wake(wallNow(), clockNow());

const frames = new Frames(state, chart, views, clockNow);

function changed() {
  document.body.dataset.updates = String(state.updates);
  showTab(state);
  requestFrame();
}

let hadPicture = false;
const rest = restOfPoints((picture) => {
  const isTaken = applyRest(state, picture);
  hadPicture ||= isTaken && picture.isLast;
  if (isTaken) changed();
  return isTaken;
});
const past = pastEstimates((estimates) => {
  applyPast(state, estimates);
  changed();
});
const askForAmounts = amountsWhile(
  () => state.view.evidence && !document.hidden && state.link.phase === "connected",
  (amounts) => {
    state.amounts = amounts;
    requestFrame();
  },
);

const askForCoverage = coverageWhile(
  () => !document.hidden && state.link.phase === "connected",
  (coverage) => {
    [state.coverage, state.isCoverageKnown] = [coverage, true];
    lookBack();
    requestFrame();
  },
);

const askForCurrencies = currenciesWhile(
  () => !document.hidden && state.link.phase === "connected",
  (currencies) => {
    applyCurrencies(state, currencies);
    requestFrame();
  },
);

const inquiry = new Inquiry(
  state,
  new SeriesAsker(
    (key, series) => {
      inquiry.take(key, series, clockNow());
      requestFrame();
    },
    (words) => {
      state.archive.failure = words;
      requestFrame();
    },
  ),
);

/** Asks for the prices of the past that the view needs. */
function lookBack() {
  inquiry.look(clockNow(), !document.hidden && state.link.phase === "connected");
  askForMoment(state, requestFrame);
}

/** @param {string} message */
function onMessage(message) {
  const update = readOrWarn(message);
  if (!update) return;
  const hadSince = state.historySince;
  const first = state.updates === 0;
  const { isBegun, isTurned } = applyUpdate(state, update, clockNow(), !document.hidden);
  renewal.hear(update.build, state.clock);
  const delayMs = resetDelayMs(!hadPicture, Math.random());
  if (isBegun) void rest.fetch(delayMs);
  // The clock was set, more of the past has become known, or some of it went by while the gateway was away.
  if (isTurned || update.reset || state.historySince < hadSince) void past.fetch(delayMs);
  if (isTurned) write(state.view);
  if (first || (update.reset && !state.amounts)) askForAmounts();
  if (first) {
    void askForCoverage();
    void askForCurrencies();
    lookBack();
  }
  alerts?.judge();
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

let wasEvidence = state.view.evidence;

function viewChanged() {
  lookBack();
  requestFrame();
  writeAtRest(state.view);
  if (state.view.evidence && !wasEvidence) askForAmounts();
  wasEvidence = state.view.evidence;
}

/** `null` in a small part of another page, which has no room for alerts. */
const alerts = query.has("compact") ? null : setUpAlarm(state, changed);

const renewal = new Renewal(buildIn(import.meta.url), {
  random: Math.random,
  wallNow: () => Date.now(),
  storage: () => sessionStorage,
  offered: async () => {
    const response = await fetch(location.href, { cache: "no-cache" });
    return response.ok ? buildIn(await response.text()) : null;
  },
  reload: () => location.reload(),
});
for (const move of ["pointermove", "pointerdown", "pointerup", "pointercancel", "wheel", "keydown"]) {
  addEventListener(move, (event) => renewal.touch(clockNow(), "buttons" in event && event.buttons !== 0), { passive: true, capture: true });
}

const isWhole = held.handTo({
  after: () => state.sequence,
  onMessage,
  onLink(link) {
    const back = link.phase === "connected" && state.link.phase !== "connected" && state.updates > 0;
    state.link = link;
    if (back) {
      // A gateway that was away comes back to all its pages at once.
      const delayMs = resetDelayMs(false, Math.random());
      void past.fetch(delayMs);
      inquiry.renew(clockNow(), delayMs);
    }
    changed();
  },
});
if (!isWhole) connection.renew("the page took too long to load");

setUpScreen(query.has("kiosk"), query.has("compact"));
listenToControls(state, viewChanged);
listenToTheme(state, viewChanged);
listenToRanges(state, viewChanged);
listenToPast(state, viewChanged);
listenToPlotMessage(state, viewChanged);
listenToConverter(state, requestFrame);
listenToSpeech();
setUpKeys(() => {
  if (isLive(state.view)) return;
  goLive(state.view);
  viewChanged();
});
listenToShare(state, { layers: () => frames.picture(), layout: () => chart.layout });
if (!query.has("compact")) installWorker();
listen(front, {
  state,
  layout: () => chart.layout,
  onView: viewChanged,
  onPoint: () => frames.requestFront(),
  onStep: () => speakDot(state, chart.layout),
  onPlainWheel: plainWheelHint(),
});
byId("retry").addEventListener("click", () => connection.open());
window.addEventListener("online", () => connection.open());
window.addEventListener("hashchange", () => {
  state.view = viewOfAddress();
  lookBack();
  requestFrame();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  connection.open();
  askForAmounts();
  void askForCoverage();
  void askForCurrencies();
  frames.resume();
});

function leisure() {
  if (document.hidden) return "hidden";
  return query.has("kiosk") ? "kiosk" : "watched";
}

/** Lets ages and countdowns run on. The plot does not move by itself, but is dimmed when the price becomes stale. */
function tick() {
  state.clock = clockNow();
  if (wake.slept(wallNow(), state.clock)) {
    state.slept = true;
    connection.renew("this computer was asleep");
  }
  showTab(state);
  if (state.link.phase === "connected" && !document.fullscreenElement) void renewal.tick(state.clock, leisure());
  lookBack();
  if (document.hidden) return;
  if (document.body.dataset.stale !== (staleReason(state) ?? undefined)) requestFrame();
  for (const show of runningViews) show(state);
}
setInterval(tick, 1000);
