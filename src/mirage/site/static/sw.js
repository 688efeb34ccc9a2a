// Keeps a site for when there is no network. FILES stands above: written with the site, with a stamp of all that it holds.

// A host may have several sites, and caches are the host's.
const OWN = `mirage ${self.registration.scope} `;
const NAME = OWN + FILES.stamp;

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(NAME).then((kept) => Promise.all(FILES.core.map((file) => keep(kept, file)))).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) if (name.startsWith(OWN) && name !== NAME) await caches.delete(name);
    await self.clients.claim();
    keepRest();
  })());
});

// From the host itself, and not what the browser still has of an earlier export. An answer that was led elsewhere is no
// answer to who opens the page, so it is written anew.
async function keep(kept, file) {
  const answer = await fetch(file, { cache: "reload" });
  if (!answer.ok) throw new Error(file);
  await kept.put(file, answer.redirected ? new Response(await answer.blob(), { headers: answer.headers }) : answer);
}

// Pages and pictures one after the other, without holding up the visitor; what fails is brought when it is asked for.
async function keepRest() {
  if (navigator.connection?.saveData || navigator.connection?.type === "cellular") return;
  const kept = await caches.open(NAME);
  for (const file of FILES.rest) {
    if (!(await kept.match(file))) await keep(kept, file).catch(() => {});
  }
}

self.addEventListener("fetch", (event) => {
  if (event.request.method !== "GET" || new URL(event.request.url).origin !== location.origin) return;
  event.respondWith((async () => {
    const kept = await caches.open(NAME);
    const found = await kept.match(event.request, { ignoreSearch: true });
    if (found) return found;
    const answer = await fetch(event.request);
    if (answer.ok && !answer.redirected && answer.type === "basic") kept.put(event.request, answer.clone()).catch(() => {});
    return answer;
  })());
});
