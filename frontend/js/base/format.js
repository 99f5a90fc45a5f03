// How numbers, spans of time and moments are written on the page: in the reader's locale, with the page's own units.

/** The locale of a machine without one; it does not separate thousands. */
const NO_LOCALE = /-u-va-posix$/;

/** The locale of all numbers and dates; `undefined` is the browser's. @type {string | undefined} */
let locale = NO_LOCALE.test(new Intl.NumberFormat().resolvedOptions().locale) ? "en-US" : undefined;

/** Formatters are slow to make, so each is made once. @type {Map<string, Intl.NumberFormat | Intl.DateTimeFormat>} */
let made = new Map();

/**
 * Sets the locale, for tests; a page keeps its browser's.
 * @param {string | undefined} name such as `de-DE`; `undefined` for the browser's
 */
export function setLocale(name) {
  locale = name;
  made = new Map();
}

/**
 * @param {string} name of the formatter
 * @param {Intl.NumberFormatOptions} options
 */
function numbers(name, options) {
  const known = made.get(name) ?? new Intl.NumberFormat(locale, options);
  made.set(name, known);
  return /** @type {Intl.NumberFormat} */ (known);
}

/**
 * @param {string} name of the formatter
 * @param {Intl.DateTimeFormatOptions} options
 */
function dates(name, options) {
  const known = made.get(name) ?? new Intl.DateTimeFormat(locale, options);
  made.set(name, known);
  return /** @type {Intl.DateTimeFormat} */ (known);
}

/** A dollar sign alone: locales that know other dollars write `US$`, and the page has no other. */
const USD = /** @type {const} */ ({ style: "currency", currency: "USD", currencyDisplay: "narrowSymbol" });

/**
 * A price in US dollars: whole dollars, and cents below $1,000, because a dollar is more than the doubt there.
 * @param {number} usd
 * @param {boolean} [cents] whether cents are written above $1,000 too
 */
export function formatUsd(usd, cents = false) {
  return cents || usd < 1000 ? numbers("cents", USD).format(usd) : formatRoundUsd(usd);
}

/**
 * A round sum in US dollars, as people say it: `$5`, `$2,500`.
 * @param {number} usd
 */
export function formatRoundUsd(usd) {
  return numbers("dollars", { ...USD, minimumFractionDigits: 0, maximumFractionDigits: 0 }).format(usd);
}

/**
 * An amount in bitcoin, to the satoshi: `0.00104281 BTC`.
 * @param {number} sats
 */
export function formatBtc(sats) {
  return `${formatDecimal(sats / 1e8, 8, 8)} BTC`;
}

/**
 * A number with its decimals, and with its thousands separated: `1,234.50`.
 * @param {number} value
 * @param {number} least decimals
 * @param {number} most decimals
 */
export function formatDecimal(value, least, most) {
  return numbers(`${least}-${most}`, { minimumFractionDigits: least, maximumFractionDigits: most }).format(value);
}

/**
 * The number of decimals that amounts of a currency have (ISO 4217): 2 for EUR, 0 for JPY.
 * @param {string} code of three capital letters
 */
export function decimalsOf(code) {
  return numbers(code, { style: "currency", currency: code }).resolvedOptions().maximumFractionDigits ?? 2;
}

/**
 * A price in three or four characters, for places without more room: `97k`, `1.2M`, `850`.
 * @param {number} usd
 */
export function formatTiny(usd) {
  if (usd >= 999_500) return `${(usd / 1e6).toFixed(usd < 9.95e6 ? 1 : 0)}M`;
  return usd >= 999.5 ? `${Math.round(usd / 1000)}k` : String(Math.round(usd));
}

/**
 * A count with its thousands separated: `12,543`.
 * @param {number} value
 */
export function formatCount(value) {
  return formatDecimal(value, 0, 0);
}

/**
 * A signed share of one as percent: `+0.12 %`.
 * @param {number} share
 */
export function formatSignedPercent(share) {
  return `${share <= -0.00005 ? "−" : "+"}${formatPercent(Math.abs(share))}`;
}

/**
 * A share of one as percent: `0.12 %`.
 * @param {number} share
 */
export function formatPercent(share) {
  return `${formatDecimal(share * 100, 2, 2)} %`;
}

/**
 * A running time in two units: `45s`, `12m 05s`, `1h 02m`, `3d 04h`.
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
 * A moment as a local time of day: `14:30` or `14:30:07`. It counts 24 hours in every locale, because UTC stands beside it,
 * and the plot has no room for more.
 * @param {number} timestamp Unix seconds
 * @param {boolean} [withSeconds]
 */
export function formatLocalTime(timestamp, withSeconds = false) {
  const clock = /** @type {const} */ ({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const format = withSeconds ? dates("seconds", { ...clock, second: "2-digit" }) : dates("minutes", clock);
  return format.format(timestamp * 1000);
}

/**
 * A moment as a local date and time of day: `11/22/2025, 14:30`.
 * @param {number} timestamp Unix seconds
 */
export function formatLocalMoment(timestamp) {
  return `${dates("day", { dateStyle: "short" }).format(timestamp * 1000)}, ${formatLocalTime(timestamp)}`;
}

/** @type {Record<"day" | "month" | "whole" | "utcMonth", Intl.DateTimeFormatOptions>} */
const DATES = {
  day: { day: "numeric", month: "short" },
  month: { month: "short" },
  whole: { day: "numeric", month: "long", year: "numeric" },
  utcMonth: { month: "long", year: "numeric", timeZone: "UTC" },
};

/**
 * The day of a moment: `Mar 4`, `Mar`, `March 4, 2026`, or `March 2026` by the calendar of UTC.
 * @param {number} timestamp Unix seconds
 * @param {keyof typeof DATES} form
 */
export function formatDate(timestamp, form) {
  return dates(`date ${form}`, DATES[form]).format(timestamp * 1000);
}

/**
 * A day in words: `March 4, 2026`.
 * @param {number} timestamp Unix seconds
 */
export function formatDay(timestamp) {
  return formatDate(timestamp, "whole");
}

/**
 * A day and a time of day, local: `March 4, 2026, 12:00`.
 * @param {number} timestamp Unix seconds
 */
export function formatMoment(timestamp) {
  return `${formatDay(timestamp)}, ${formatLocalTime(timestamp)}`;
}

/**
 * A moment as date and time in UTC, the same in every locale: `2025-11-22 12:30:07 UTC`.
 * @param {number} timestamp Unix seconds
 */
export function formatUtc(timestamp) {
  return `${new Date(timestamp * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** The signs that separate decimals and thousands in the reader's locale, such as `.` and `,`. */
export function separators() {
  const parts = numbers("0-1", { minimumFractionDigits: 0, maximumFractionDigits: 1 }).formatToParts(1_234_567.5);
  const sign = (/** @type {string} */ type) => parts.find((part) => part.type === type)?.value ?? "";
  return { decimal: sign("decimal"), group: sign("group") };
}
