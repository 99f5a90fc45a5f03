// Makes the page installable where the origin is secure: a service worker keeps its files, and never an old build of it.

/** Seconds after which the worker is registered, so that it does not hold up the first price. */
const AFTER_SECONDS = 4;

/** Registers the service worker after `AFTER_SECONDS`; the console tells of a refusal. */
export function installWorker() {
  if (!isSecureContext || !("serviceWorker" in navigator)) return;
  setTimeout(() => {
    navigator.serviceWorker.register(new URL("sw.js", document.baseURI)).catch((error) => {
      console.info("The browser installs no service worker:", error);
    });
  }, AFTER_SECONDS * 1000);
}
