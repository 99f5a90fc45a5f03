// Where the data comes from, when that is not the real network: a simulation, or a chain other than main.

import { byId, setText } from "../base/dom.js";
import { formatSignedPercent, formatUsd } from "../base/format.js";

const banner = byId("simulated");
const hidden = byId("simulated-hidden");
const chainName = byId("chain");

/** @param {import("../state/state.js").State} state */
export function showOrigin({ simulated, hiddenPriceUsd, estimate, chain }) {
  banner.hidden = !simulated;
  setText(hidden, hiddenPriceUsd === null ? "" : hiddenText(hiddenPriceUsd, estimate));
  chainName.hidden = chain === "" || chain === "main";
  setText(chainName, `chain: ${chain}`);
}

/**
 * @param {number} hiddenPriceUsd
 * @param {import("../link/message.js").Estimate | null} estimate
 */
function hiddenText(hiddenPriceUsd, estimate) {
  const off = estimate ? `, estimate off by ${formatSignedPercent(estimate.price / hiddenPriceUsd - 1)}` : "";
  return `hidden price ${formatUsd(hiddenPriceUsd)}${off}`;
}
