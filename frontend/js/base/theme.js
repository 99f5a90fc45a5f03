// The colours and type of the canvases, read from style.css, so that they are set in one place.

/**
 * @typedef {object} Theme
 * @property {string} font family names
 * @property {number} em the size of small type, CSS pixels; all drawings grow with it
 * @property {string} ground
 * @property {string} text
 * @property {string} muted
 * @property {string} line grid and frame
 * @property {string} tick
 * @property {string} confirmed `#rrggbb`
 * @property {string} mempool `#rrggbb`
 * @property {string} hidden
 * @property {string} level the colour of the present confidence
 * @property {number} band opacity of the interval
 */

/** Small type, as a share of the page's. */
const SMALL = 0.8;

/**
 * Reads the theme in force from an element's computed style.
 * @param {Element} element
 * @returns {Theme}
 */
export function readTheme(element) {
  const style = getComputedStyle(element);
  const value = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
  return {
    font: style.fontFamily,
    em: Math.max(10, Math.round(parseFloat(style.fontSize) * SMALL)),
    ground: value("--ground"),
    text: value("--text"),
    muted: value("--muted"),
    line: value("--line"),
    tick: value("--tick"),
    confirmed: value("--confirmed"),
    mempool: value("--mempool"),
    hidden: value("--hidden"),
    level: value("--level"),
    band: Number(value("--band")),
  };
}

/** The theme that was last applied. */
let applied = "";

/**
 * Makes a theme the page's.
 * @param {"dark" | "light"} theme
 */
export function applyTheme(theme) {
  if (applied === theme) return;
  applied = theme;
  document.documentElement.dataset.theme = theme;
  const ground = getComputedStyle(document.documentElement).getPropertyValue("--ground").trim();
  document.querySelector('meta[name="theme-color"]')?.setAttribute("content", ground);
}
