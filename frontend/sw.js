// The service worker. The document comes from the network whenever there is one, so that no old build of the page stays;
// files of a build never change, so they come from the cache. Answers of the API are never kept.

/** @type {any} */
const worker = self;
const scope = new URL(worker.registration.scope);

/** The beginning of the names of this page's caches; other caches of the origin are not touched. */
const OWN = `satscope ${scope.pathname} `;
const PAGE = `${OWN}page`;

/** The build that a document or a path names; `null` if it names none. @param {string} text */
function buildIn(text) {
  return /(?:^|["/])assets\/([0-9a-f]{16})\//.exec(text)?.[1] ?? null;
}

worker.addEventListener("install", () => worker.skipWaiting());
worker.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(worker.clients.claim()));

worker.addEventListener("fetch", (/** @type {any} */ event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== scope.origin || !url.pathname.startsWith(scope.pathname)) return;
  const path = url.pathname.slice(scope.pathname.length);
  const build = path.startsWith("assets/") ? buildIn(path) : null;
  if (request.mode === "navigate" && (path === "" || path === "index.html")) event.respondWith(documentFor(event));
  else if (build) event.respondWith(fileOf(build, request));
});

worker.addEventListener("notificationclick", (/** @type {any} */ event) => {
  event.notification.close();
  event.waitUntil(showPage());
});

/** The document from the network; if the network fails, the last document that was kept. @param {any} event */
async function documentFor(event) {
  try {
    const response = await fetch(event.request);
    if (response.ok && !response.redirected) event.waitUntil(keep(response.clone()));
    return response;
  } catch (error) {
    const kept = await caches.open(PAGE).then((cache) => cache.match(scope.href)).catch(() => undefined);
    if (kept) return kept;
    throw error;
  }
}

/** Keeps a document and drops the files of all other builds, unless the document names no build. @param {Response} response */
async function keep(response) {
  const build = buildIn(await response.clone().text());
  // A document without a build is not this page, because a proxy may answer with a document of its own.
  if (build === null) return;
  const cache = await caches.open(PAGE);
  await cache.put(scope.href, response);
  const others = (await caches.keys()).filter((name) => name.startsWith(OWN) && name !== PAGE && name !== OWN + build);
  await Promise.all(others.map((name) => caches.delete(name)));
}

/**
 * A file of a build, from the cache or else from the network. It is kept once it has come whole.
 * @param {string} build
 * @param {Request} request
 */
async function fileOf(build, request) {
  const cache = await caches.open(OWN + build).catch(() => null);
  const kept = await cache?.match(request.url).catch(() => undefined);
  if (kept) return kept;
  const response = await fetch(request);
  // With a full disk, the file is served and not kept.
  if (response.status === 200) await cache?.put(request.url, response.clone()).catch(() => {});
  return response;
}

/** Shows an open page, or opens one. */
async function showPage() {
  const pages = await worker.clients.matchAll({ type: "window" });
  const ours = pages.find((/** @type {{ url: string }} */ { url }) => url.startsWith(scope.href));
  return ours ? ours.focus() : worker.clients.openWindow(scope.href);
}
