// Uses things that a browser may refuse, such as its storage or a change of the page's address, without throwing.

/** Names of the things refused so far, because the console is told of each once. @type {Set<string>} */
const told = new Set();

/**
 * Runs `act`. A browser may refuse it in a frame of another page, with cookies forbidden, on a full disk, or when asked too often.
 * @template T
 * @param {string} what names the thing that is lost by a refusal, for the console
 * @param {() => T} act
 * @returns {T | undefined} `undefined` if it was refused
 */
export function attempt(what, act) {
  try {
    return act();
  } catch (error) {
    if (!told.has(what)) console.info(`The browser does not keep ${what}:`, error);
    told.add(what);
    return undefined;
  }
}

/**
 * The text that this browser keeps under a name, across visits.
 * @param {string} name
 * @returns {string | null} `null` if there is none, or the browser refuses
 */
export function remembered(name) {
  return attempt(name, () => localStorage.getItem(name)) ?? null;
}

/**
 * Keeps a text across visits.
 * @param {string} name
 * @param {string | null} value `null` to forget it
 * @returns {boolean} `false` if the browser refuses
 */
export function remember(name, value) {
  return (
    attempt(name, () => {
      if (value === null) localStorage.removeItem(name);
      else localStorage.setItem(name, value);
      return true;
    }) ?? false
  );
}
