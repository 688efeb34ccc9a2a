// Keeps a site for when there is no network. FILES stands above: written with the site, with a stamp of all that it holds.

// A host may have several sites, and caches are the host's.
const OWN = `mirage ${self.registration.scope} `;
const NAME = OWN + FILES.stamp;
const SCOPE = self.registration.scope;
const FILE = new Map([...FILES.core, ...FILES.rest].map((file) => [new URL(file, SCOPE).pathname, file]));
// Parts of the search have a hash in their names: one of an earlier export is the same.
const HASHED = /^data\/.*-[0-9a-f]{12}\.js$/;

// It waits: open pages go on with the parts of the export that they are of, until somebody takes this one.
self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(NAME).then((kept) => Promise.all(FILES.core.map((file) => keep(kept, file)))));
});

self.addEventListener("message", (event) => {
  if (event.data === "take over") event.waitUntil(self.skipWaiting());
  if (event.data === "keep the rest") event.waitUntil(keepRest());
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) if (name.startsWith(OWN) && name !== NAME) await caches.delete(name);
    await self.clients.claim();
  })());
});

// From the host itself, and not what the browser still has of an earlier export. An answer that was led elsewhere is no
// answer to who opens the page, so it is written anew.
async function keep(kept, file) {
  const before = HASHED.test(file) && (await caches.match(file));
  if (before) return kept.put(file, before);
  const answer = await fetch(file, { cache: "reload" });
  if (!answer.ok) throw new Error(file);
  return kept.put(file, answer.redirected ? new Response(await answer.blob(), { headers: answer.headers }) : answer);
}

// Pages and pictures one after the other, without holding up the visitor; what fails is brought when it is asked for.
let keeping = null;
function keepRest() {
  keeping ??= (async () => {
    const kept = await caches.open(NAME);
    for (const file of FILES.rest) {
      if (!(await kept.match(file))) await keep(kept, file).catch(() => {});
    }
  })().finally(() => (keeping = null));
  return keeping;
}

self.addEventListener("fetch", (event) => {
  const { method, url, cache } = event.request;
  // What is wanted from the host itself, as whether another export lies there, is not looked for in a cache.
  if (method !== "GET" || ["no-store", "reload"].includes(cache)) return;
  // Whatever else a host has below the same address is no matter of this site's: neither answered for, nor kept.
  const { origin, pathname } = new URL(url), file = origin === location.origin && FILE.get(pathname);
  if (!file) return;
  event.respondWith((async () => {
    const kept = await caches.open(NAME);
    const found = await kept.match(file);
    if (found) return found;
    const answer = await fetch(event.request);
    if (answer.ok && !answer.redirected && answer.type === "basic") kept.put(file, answer.clone()).catch(() => {});
    return answer;
  })());
});
