// Keeps a site for when there is no network. FILES stands above: written with the site, with a stamp of all that it holds.

const NAME = `mirage-${FILES.stamp}`;

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(NAME).then((kept) => kept.addAll(FILES.core)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) if (name.startsWith("mirage-") && name !== NAME) await caches.delete(name);
    await self.clients.claim();
    keepRest();
  })());
});

// Pages and pictures one after the other, without holding up the visitor; what fails is brought when it is asked for.
async function keepRest() {
  const kept = await caches.open(NAME);
  for (const file of FILES.rest) {
    if (!(await kept.match(file))) await kept.add(file).catch(() => {});
  }
}

self.addEventListener("fetch", (event) => {
  if (event.request.method !== "GET" || new URL(event.request.url).origin !== location.origin) return;
  event.respondWith((async () => {
    const kept = await caches.open(NAME);
    const found = await kept.match(event.request, { ignoreSearch: true });
    if (found) return found;
    const answer = await fetch(event.request);
    if (answer.ok && answer.type === "basic") kept.put(event.request, answer.clone()).catch(() => {});
    return answer;
  })());
});
