// The colours and type of the canvas, as style.css has them, so that they are set in one place.

/**
 * @typedef {object} Theme
 * @property {string} font family names
 * @property {number} em the size of small type, CSS pixels; what is drawn grows with it
 * @property {string} ground
 * @property {string} text
 * @property {string} muted
 * @property {string} line grid and frame
 * @property {string} confirmed
 * @property {string} mempool
 * @property {string} hidden
 * @property {string} level the colour of the present confidence
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
    em: Math.round(parseFloat(style.fontSize) * SMALL),
    ground: value("--ground"),
    text: value("--text"),
    muted: value("--muted"),
    line: value("--line"),
    confirmed: value("--confirmed"),
    mempool: value("--mempool"),
    hidden: value("--hidden"),
    level: value("--level"),
  };
}
