// Makes the page installable where the origin is secure: a service worker keeps its files, and never an old build of it.

/** Seconds after which the worker is asked for, so that it does not hold up the first price. */
const AFTER_SECONDS = 4;

/** Asks for the service worker once the page is at rest; a browser that refuses is told of in the console. */
export function installWorker() {
  if (!isSecureContext || !("serviceWorker" in navigator)) return;
  setTimeout(() => {
    navigator.serviceWorker.register(new URL("sw.js", document.baseURI)).catch((error) => {
      console.info("The browser installs no service worker:", error);
    });
  }, AFTER_SECONDS * 1000);
}
