// Keeps what was loaded of the console itself: hashed files for good, the page for when there is no network.
// Data is kept elsewhere (src/api/kept.ts); calls of the API never pass through here. Only what bears the service's own
// header is kept: a network's sign-in page answers 200, too.
const PAGE = "njangi-page";
const FILES = "njangi-files";
const MOST_FILES = 120;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== self.location.origin) return;
  if (url.pathname.startsWith("/assets/")) event.respondWith(kept(event.request));
  else if (event.request.mode === "navigate" && !isDocumentation(url)) event.respondWith(newest(event.request));
});

// What the page had loaded before it had a worker: the browser has it still, so that this costs no network.
self.addEventListener("message", (event) => {
  const page = newest(new Request("/", { headers: { Accept: "text/html" } }));
  event.waitUntil(Promise.all([page, ...event.data.map((address) => kept(new Request(address)))]));
});

// The pages below /docs are no page of the console.
function isDocumentation(url) {
  return /^\/docs(\/|$)/.test(url.pathname);
}

function isOurs(answer) {
  return answer.ok && answer.headers.has("X-Request-ID");
}

async function kept(request) {
  const cache = await caches.open(FILES);
  const found = await cache.match(request);
  if (found) return found;
  const answer = await fetch(request);
  if (isOurs(answer)) {
    await cache.put(request, answer.clone());
    const names = await cache.keys();
    await Promise.all(names.slice(0, Math.max(0, names.length - MOST_FILES)).map((name) => cache.delete(name)));
  }
  return answer;
}

async function newest(request) {
  const cache = await caches.open(PAGE);
  try {
    const answer = await fetch(request);
    if (isOurs(answer) && answer.headers.get("content-type")?.startsWith("text/html"))
      await cache.put("/", answer.clone());
    return answer;
  } catch (error) {
    const found = await cache.match("/");
    if (found) return found;
    throw error;
  }
}
