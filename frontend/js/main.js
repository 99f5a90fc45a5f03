// Puts the page together: messages and gestures change the state, and each change asks for a frame that shows it.

import { staleReason } from "./state/age.js";
import { buildIn, Renewal } from "./shell/build.js";
import { Chart } from "./plot/chart.js";
import { Connection } from "./link/connection.js";
import { listenToControls, showControls } from "./panels/controls.js";
import { showTooltip, speakDot } from "./plot/crosshair.js";
import { byId } from "./base/dom.js";
import { Evidence } from "./panels/evidence.js";
import { showTab } from "./shell/favicon.js";
import { listen } from "./plot/gestures.js";
import { showHops } from "./panels/hops.js";
import { ARRIVES_IN } from "./plot/look.js";
import { readMessage } from "./link/message.js";
import { Glide, spanOf, Strength } from "./plot/motion.js";
import { showNotice } from "./panels/notice.js";
import { showOrigin } from "./panels/origin.js";
import { showPrice } from "./panels/price.js";
import { amountsWhile, coverageWhile, pastEstimates, resetDelayMs, restOfPoints } from "./link/rest.js";
import { setUpScreen } from "./shell/screen.js";
import { listenToShare } from "./shell/share.js";
import { applyPast, applyRest, applyUpdate, createState } from "./state/state.js";
import { showStats } from "./panels/stats.js";
import { applyTheme } from "./base/theme.js";
import { fromFragment, toFragment } from "./state/view.js";
import { Wake } from "./link/wake.js";

const THEME = "satscope.theme";
/** More dots than this are not moved by the plain canvas: it draws each by itself. */
const MOST_MOVED_BY_CANVAS = 3000;

const query = new URLSearchParams(location.search);
const state = createState();
state.view = viewOfLink();

const front = /** @type {HTMLCanvasElement} */ (byId("chart"));
const canvases = { grid: /** @type {HTMLCanvasElement} */ (byId("grid")), dots: /** @type {HTMLCanvasElement} */ (byId("dots")), front };
const chart = new Chart(canvases, requestFrame, query.has("canvas"));
const evidence = new Evidence(requestFrame);
/** What shows ages and countdowns, which move without any message. */
const runningViews = [showPrice, showNotice, showHops, showStats];
const views = [...runningViews, showOrigin, showControls, evidence.show];

const axis = new Glide();
const strength = new Strength();
const lessMotion = matchMedia("(prefers-reduced-motion: reduce)");
let frameRequested = false;
let allWanted = false;
let frontWanted = false;
let priceShown = false;
let followsFrameAt = -Infinity;
let drawnAt = -Infinity;

/** Seconds of the page's own clock, which no setting of the machine's clock moves. */
const clockNow = () => performance.now() / 1000;
const wallNow = () => Date.now() / 1000;
const wake = new Wake(wallNow(), clockNow());

/** At most one frame for all changes before it, and none while nobody looks. */
function requestFrame() {
  allWanted = true;
  schedule();
}

/** Likewise, when only what is pointed at has changed. */
function requestFront() {
  frontWanted = true;
  schedule();
}

function schedule() {
  if (frameRequested || document.hidden) return;
  frameRequested = true;
  requestAnimationFrame(() => {
    frameRequested = false;
    draw();
  });
}

function draw() {
  const clock = (state.clock = clockNow());
  const still = lessMotion.matches || !strength.suffices(clock) || (chart.renderer === "canvas" && state.points.count > MOST_MOVED_BY_CANVAS);
  if (Number.isFinite(followsFrameAt)) strength.frame(clock - followsFrameAt, clock);
  const gliding = axis.towards(state.priceAxis && spanOf(state.priceAxis), clock, still);
  const dotClock = still ? Infinity : clock;
  if (allWanted || gliding) {
    for (const show of views) show(state);
    // The price first: what the plot needs before its first frame would hold it up.
    const first = !priceShown && state.estimate !== null;
    priceShown ||= first;
    if (first) return schedule();
    chart.show(state, axis.at, dotClock);
    [allWanted, frontWanted] = [false, false];
    showTooltip(state, chart.layout);
  } else {
    if (state.points.newestArrival > drawnAt - ARRIVES_IN) chart.showDots(state, dotClock);
    if (frontWanted) chart.showFront(state);
    if (frontWanted) showTooltip(state, chart.layout);
    frontWanted = false;
  }
  drawnAt = clock;
  const arriving = !still && clock - state.points.newestArrival < ARRIVES_IN;
  followsFrameAt = gliding || arriving ? clock : -Infinity;
  if (gliding || arriving) schedule();
}

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
    state.coverage = coverage;
    requestFrame();
  },
);

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
  if (isTurned) showLink();
  if (first || (update.reset && !state.amounts)) askForAmounts();
  if (first) void askForCoverage();
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

/** The link says how to look; what it leaves out is as it was the last time. */
function viewOfLink() {
  const view = fromFragment(location.hash);
  if (!/[#&]theme=/.test(location.hash)) view.theme = remembered() === "light" ? "light" : "dark";
  applyTheme(view.theme);
  return view;
}

function remembered() {
  try {
    return localStorage.getItem(THEME);
  } catch {
    return null;
  }
}

function viewChanged() {
  applyTheme(state.view.theme);
  try {
    localStorage.setItem(THEME, state.view.theme);
  } catch (error) {
    console.info("The theme cannot be remembered:", error);
  }
  showLink();
  if (state.view.evidence && !state.amounts) askForAmounts();
  requestFrame();
}

/** Makes the page's address one that restores the view. */
function showLink() {
  const fragment = toFragment(state.view);
  window.history.replaceState(null, "", fragment ? `#${fragment}` : location.pathname + location.search);
}

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

const socketAddress = new URL("ws/mempool", document.baseURI);
socketAddress.protocol = socketAddress.protocol === "https:" ? "wss:" : "ws:";
const connection = new Connection(socketAddress.href, {
  after: () => state.sequence,
  onMessage,
  onLink(link) {
    const back = link.phase === "connected" && state.link.phase !== "connected" && state.updates > 0;
    state.link = link;
    if (back) void past.fetch();
    changed();
  },
});

connection.open();
setUpScreen(query.has("kiosk"), query.has("compact"));
listenToControls(state, viewChanged);
listenToShare(state, () => {
  chart.show(state, axis.at, Infinity);
  return chart.layers;
});
listen(front, {
  state,
  layout: () => chart.layout,
  onView: viewChanged,
  onPoint: requestFront,
  onStep: () => speakDot(state),
});
byId("retry").addEventListener("click", () => connection.open());
window.addEventListener("online", () => connection.open());
window.addEventListener("hashchange", () => {
  state.view = viewOfLink();
  requestFrame();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  connection.open();
  askForAmounts();
  void askForCoverage();
  // At once, not when the browser next thinks of a frame; and the time in between says nothing of the machine.
  allWanted = true;
  followsFrameAt = -Infinity;
  draw();
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
  if (document.hidden) return;
  if (document.body.dataset.stale !== (staleReason(state) ?? undefined)) requestFrame();
  for (const show of runningViews) show(state);
}
setInterval(tick, 1000);
