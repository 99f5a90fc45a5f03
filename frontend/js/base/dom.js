// The two things that every view does with the document: find an element, and write text into it.

/**
 * The element with this id.
 * @param {string} id
 * @returns {HTMLElement}
 * @throws {Error} when the page has none: a mistake in index.html
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`index.html has no element with the id "${id}"`);
  return element;
}

/**
 * Writes text, never HTML, and only when it differs, so that the browser does not lay out the page
 * again without need.
 * @param {HTMLElement} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
