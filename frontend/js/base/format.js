// How numbers, spans of time and moments are written on the page.

const dollars = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD", maximumFractionDigits: 0 });
const dollarsAndCents = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });
const count = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/**
 * A price in US dollars: whole dollars, and cents below $1,000 where a dollar is more than the doubt.
 * @param {number} usd
 * @param {boolean} [cents] in any case
 */
export function formatUsd(usd, cents = false) {
  return (cents || usd < 1000 ? dollarsAndCents : dollars).format(usd);
}

/**
 * A round sum in US dollars, as people say it: `$5`, `$2,500`.
 * @param {number} usd
 */
export function formatRoundUsd(usd) {
  return dollars.format(usd);
}

/**
 * An amount in bitcoin, to the satoshi: `0.00104281 BTC`.
 * @param {number} sats
 */
export function formatBtc(sats) {
  return `${(sats / 1e8).toFixed(8)} BTC`;
}

/**
 * A price in three or four characters, for where there is no more room: `97k`, `1.2M`, `850`.
 * @param {number} usd
 */
export function formatTiny(usd) {
  if (usd >= 999_500) return `${(usd / 1e6).toFixed(usd < 9.95e6 ? 1 : 0)}M`;
  return usd >= 999.5 ? `${Math.round(usd / 1000)}k` : String(Math.round(usd));
}

/**
 * A count with its thousands parted: `12,543`.
 * @param {number} value
 */
export function formatCount(value) {
  return count.format(value);
}

/**
 * A signed share of one as percent: `+0.12 %`.
 * @param {number} share
 */
export function formatSignedPercent(share) {
  const percent = (Math.abs(share) * 100).toFixed(2);
  return `${share < 0 ? "−" : "+"}${percent} %`;
}

/**
 * How long something has run, with two units: `45s`, `12m 05s`, `1h 02m`, `3d 04h`.
 * @param {number} seconds
 */
export function formatUptime(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [days, hours, minutes] = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60];
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  if (days > 0) return `${days}d ${two(hours)}h`;
  if (hours > 0) return `${hours}h ${two(minutes)}m`;
  if (minutes > 0) return `${minutes}m ${two(whole % 60)}s`;
  return `${whole}s`;
}

/**
 * An age in the units that fit it: `45 s`, `12 min`, `3 h 5 min`.
 * @param {number} seconds
 */
export function formatAge(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = `${Math.floor(minutes / 60)} h`;
  return minutes % 60 === 0 ? hours : `${hours} ${minutes % 60} min`;
}

/**
 * A moment as a local time of day: `14:30` or `14:30:07`.
 * @param {number} timestamp Unix seconds
 * @param {boolean} [withSeconds]
 */
export function formatLocalTime(timestamp, withSeconds = false) {
  const date = new Date(timestamp * 1000);
  const parts = [date.getHours(), date.getMinutes(), ...(withSeconds ? [date.getSeconds()] : [])];
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}

/**
 * A moment as date and time in UTC: `2025-11-22 12:30:07 UTC`.
 * @param {number} timestamp Unix seconds
 */
export function formatUtc(timestamp) {
  return `${new Date(timestamp * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}
