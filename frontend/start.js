// Sets the theme before the first paint, and loads the page again when some of its files were refused. A gateway of another
// build behind the same balancer does not have them. This script lies at the same address in every build. It fetches each
// file until a gateway of the right build answers, so that the browser has all of them in its cache.

(() => {
  /** Refusals after which a file is given up, because the gateway that named it may be gone. */
  const MOST_REFUSALS = 20;

  /** The wait between two attempts, in milliseconds. */
  const PAUSE_MS = 250;

  /** The longest wait before the page is loaded again, in milliseconds. */
  const LONGEST_WAIT_MS = 60_000;

  const REPAIRS = "satscope.repairs";
  const FRAGMENT = "satscope.fragment";
  let isBroken = false;

  /** @param {string} name */
  function remembered(name) {
    try {
      return sessionStorage.getItem(name);
    } catch {
      return null;
    }
  }

  /**
   * @param {string} name
   * @param {string | null} value `null` to forget
   */
  function remember(name, value) {
    try {
      if (value === null) sessionStorage.removeItem(name);
      else sessionStorage.setItem(name, value);
      return true;
    } catch {
      return false;
    }
  }

  /** @param {number} ms */
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms * (0.5 + Math.random() / 2)));

  /** Fetches a file again and again until it comes or was refused `MOST_REFUSALS` times. @param {string} address */
  async function fetchPatiently(address) {
    for (let refusals = 0; refusals < MOST_REFUSALS; ) {
      try {
        const response = await fetch(address);
        if (response.ok) return response.arrayBuffer();
        refusals += 1;
        await pause(PAUSE_MS);
      } catch {
        // No gateway answers: loading the page again now would show the browser's own error page.
        await pause(20 * PAUSE_MS);
      }
    }
  }

  async function repair() {
    const notice = document.getElementById("notice");
    if (notice) notice.textContent = "Some of the page's files could not be loaded; it tries again by itself";
    const repairs = Number(remembered(REPAIRS) ?? "0");
    const isRemembered = remember(REPAIRS, String(repairs + 1));
    await Promise.all(addresses().map(fetchPatiently));
    // The first times at once; a page that is still broken then waits ever longer.
    await pause(isRemembered ? Math.min(LONGEST_WAIT_MS, repairs < 3 ? 0 : 1000 * 2 ** (repairs - 3)) : LONGEST_WAIT_MS);
    loadAgain();
  }

  /** The addresses of the page's style sheets and modules, also of those that `js/first.js` has not yet asked for. */
  function addresses() {
    const parts = [document, ...[...document.querySelectorAll("template")].map(({ content }) => content)];
    return parts.flatMap((part) => {
      /** @type {NodeListOf<HTMLLinkElement>} */
      const links = part.querySelectorAll('link[rel="stylesheet"], link[rel="modulepreload"]');
      /** @type {NodeListOf<HTMLScriptElement>} */
      const scripts = part.querySelectorAll('script[type="module"]');
      return [...[...links].map(({ href }) => href), ...[...scripts].map(({ src }) => src)];
    });
  }

  /**
   * Goes to this page's own address. A reload would ask for each file again although the browser has it. Going to an
   * address with a fragment would load nothing, so the fragment is kept apart.
   */
  function loadAgain() {
    const address = location.pathname + location.search;
    if (location.hash && remember(FRAGMENT, location.hash)) show(address);
    if (location.hash) location.reload();
    else location.replace(address);
  }

  /** Changes the address bar without loading the page; browsers refuse that in some frames. @param {string} address */
  function show(address) {
    try {
      history.replaceState(null, "", address);
    } catch (error) {
      console.info("The browser does not keep the view in the address:", error);
    }
  }

  /** Sets the theme before the first paint, by the rule of `js/shell/theme.js`. */
  function showTheme() {
    const linked = /[#&]theme=(dark|light)\b/.exec(location.hash)?.[1];
    const system = matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
    document.documentElement.dataset.theme = linked ?? chosenTheme() ?? system;
  }

  /** The theme that the reader has chosen; `null` if none, or the browser keeps nothing. */
  function chosenTheme() {
    try {
      const theme = localStorage.getItem("satscope.chosen-theme");
      return theme === "light" || theme === "dark" ? theme : null;
    } catch {
      return null;
    }
  }

  const fragment = remembered(FRAGMENT);
  if (fragment !== null) {
    remember(FRAGMENT, null);
    show(fragment);
  }
  showTheme();
  // Only the element of a file is told whether it was loaded, so this listens on the way down to it.
  addEventListener("error", ({ target }) => {
    const isNeeded = target instanceof HTMLScriptElement || (target instanceof HTMLLinkElement && target.rel === "stylesheet");
    if (!isNeeded || isBroken) return;
    isBroken = true;
    // Before that, index.html may not be there as a whole, and other files may fail as well.
    if (document.readyState === "complete") void repair();
  }, true);
  addEventListener("load", ({ target }) => {
    if (target === document && isBroken) void repair();
    if (target instanceof HTMLScriptElement && target.src.endsWith("js/main.js") && !isBroken) remember(REPAIRS, null);
  }, true);
})();
