// Whether the price is spoken to assistive technology now and then; the reader may turn that off.

import { byId, setText } from "../base/dom.js";
import { formatUsd } from "../base/format.js";
import { remember, remembered } from "../base/storage.js";
import { staleReason } from "../state/age.js";
import { confidenceLevel } from "../state/state.js";

/** @typedef {import("../state/state.js").State} State */

/** The least time between two spoken prices, in seconds. */
const SPEAK_EVERY = 30;

const KEPT_AS = "satscope.spoken";

const button = byId("speak");
const spoken = byId("spoken");
let isOn = remembered(KEPT_AS) !== "off";
let spokenAt = -Infinity;

/** @param {State} state */
export function speakPrice(state) {
  const { estimate, clock } = state;
  if (!isOn || !estimate || staleReason(state) !== null || clock - spokenAt < SPEAK_EVERY) return;
  const text = `${formatUsd(estimate.price)}, ${confidenceLevel(estimate.confidence)} confidence`;
  if (spoken.textContent === text) return;
  spokenAt = clock;
  setText(spoken, text);
}

/** Makes the button turn speech on and off. */
export function listenToSpeech() {
  button.setAttribute("aria-pressed", String(isOn));
  button.addEventListener("click", () => {
    isOn = !isOn;
    remember(KEPT_AS, isOn ? null : "off");
    button.setAttribute("aria-pressed", String(isOn));
    if (!isOn) setText(spoken, "");
    spokenAt = -Infinity;
  });
}
