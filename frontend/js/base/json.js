// Reads the fields of an answer in JSON one by one. A field of another kind than expected counts as missing.

/** @typedef {Record<string, unknown>} Json */

/**
 * @param {unknown} value
 * @returns {Json}
 */
export const object = (value) => (typeof value === "object" && value !== null ? /** @type {Json} */ (value) : {});

/**
 * @param {unknown} value
 * @returns {unknown[]}
 */
export const list = (value) => (Array.isArray(value) ? value : []);

/** @param {unknown} value */
export const number = (value) => (typeof value === "number" && Number.isFinite(value) ? value : null);

/** @param {unknown} value */
export const positive = (value) => (typeof value === "number" && Number.isFinite(value) && value > 0 ? value : null);

/** @param {unknown} value */
export const notNegative = (value) => (typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : null);

/** @param {unknown} value */
export const text = (value) => (typeof value === "string" ? value : null);

/** @param {unknown} value */
export const flag = (value) => (typeof value === "boolean" ? value : null);
