// Brings the parts of a site to its search, and asks it questions.

const plan = JSON.parse(document.getElementById("plan")?.textContent ?? "{}");
export const root = document.documentElement.dataset.root;
export const has = (name) => name in plan;

// What is looked for stands behind "#?" in an address, which a browser sends to no host. Addresses of before, with "?", are read,
// too. Another "#" is a place on the page.
export function givenAddress() {
  if (location.search.length > 1) history.replaceState(null, "", `${location.pathname}#${location.search}`);
  return new URLSearchParams(location.hash.startsWith("#?") ? location.hash.slice(2) : "");
}
export const remember = (query) => history.pushState(null, "", `#?${query}`);

// Calls when an address asks for something else: by back and forward, or by a link.
export function whenGiven(call) {
  let before = location.hash;
  const look = () => {
    if (location.hash === before || !/^(#\?|$)/.test(location.hash)) return;
    before = location.hash;
    call();
  };
  for (const event of ["popstate", "hashchange"]) addEventListener(event, look);
  return () => (before = location.hash);
}

// A part is a script, which a browser loads from a folder on a disk too; it hands itself over under its name.
const taken = new Map();
globalThis.mirageTake = (name, coded) => taken.get(name)?.(coded);

function decoded(coded) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(coded);
  const letters = atob(coded), made = new Uint8Array(letters.length);
  for (let place = 0; place < letters.length; place++) made[place] = letters.charCodeAt(place);
  return made;
}

export function part(name) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    taken.set(name, (coded) => resolve(decoded(coded)));
    script.onload = () => (script.remove(), reject(new Error(name))); // too late where it was handed over
    script.onerror = () => (script.remove(), reject(new Error(name, { cause: "lost" })));
    script.src = root + plan[name];
    document.head.append(script);
  }).finally(() => taken.delete(name));
}

export async function unpacked(name) {
  const whole = new Response(new Blob([await part(name)]).stream().pipeThrough(new DecompressionStream("gzip")));
  return whole.text();
}

// What is wrong with the parts, in a word for `why` of search.js: another export lies in their place, or some are damaged.
// Those are kept no longer, so that loading the page again brings them anew.
export async function amiss(said) {
  try {
    const { files } = await (await fetch(`${root}mirage-site.json`, { cache: "no-store" })).json();
    if (Object.values(plan).some((file) => !files.includes(file))) return "replaced";
  } catch {} // no network, or a page from a folder
  const named = /^part (\S+) could not be loaded$/.exec(said), damaged = [];
  for (const name of named ? [named[1]] : Object.keys(plan)) {
    const known = await unpacked(name).then(() => "whole", (error) => error.cause);
    if (known) continue; // whole, or not there
    damaged.push(name);
    for (const kept of (await globalThis.caches?.keys()) ?? []) await (await caches.open(kept)).delete(root + plan[name]);
    await fetch(root + plan[name], { cache: "reload" }).catch(() => {}); // what the browser itself keeps, too
  }
  return damaged.length ? `damaged ${damaged.join(", ")}` : "";
}

const asking = new Map();
let begun = null, questions = 0;

// The search; `tell` hears of progress. It fails where the browser lacks something, or a part does not load.
export function begin(tell = () => {}) {
  begun ??= (async () => {
    if (!plan["python-machine"]) throw new Error("words");
    if (typeof WebAssembly !== "object") throw new Error("wasm");
    const source = await unpacked("worker");
    // A classic worker: of a page from a folder Chromium begins no worker that is a module.
    const worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    return new Promise((resolve, reject) => {
      worker.onerror = (event) => {
        const why = event.message || "worker";
        reject(new Error(why));
        begun = null; // the next question begins anew
        for (const answer of asking.values()) answer({ why });
      };
      const heard = {
        need: ({ name }) => part(name).then(
          (found) => worker.postMessage({ kind: "part", name, bytes: found }, [found.buffer]),
          () => worker.postMessage({ kind: "lost", name }),
        ),
        progress: tell,
        note: tell,
        failed: ({ why }) => reject(new Error(why)),
        ready: ({ towers }) => resolve({ worker, towers }),
        answer: ({ id, answer, milliseconds }) => asking.get(id)({ ...answer, milliseconds }),
        explained: ({ id, told }) => asking.get(id)(told),
        seen: ({ id, token, why }) => asking.get(id)({ token, why }),
      };
      worker.onmessage = ({ data }) => heard[data.kind](data);
      worker.postMessage({ kind: "begin", plan: Object.fromEntries(Object.keys(plan).map((name) => [name, true])) });
    });
  })();
  return begun;
}

async function sent(message, moved = []) {
  const { worker } = await begin();
  const id = ++questions;
  return new Promise((resolve) => {
    asking.set(id, (answer) => (asking.delete(id), resolve(answer)));
    worker.postMessage({ ...message, id }, moved);
  });
}

// Answer a query's address, as `mirage.query.Query.parse` reads it.
export const ask = (query) => sent({ kind: "ask", query });

// What the sources of the hits say of the query that was answered last.
export const explain = (query) => sent({ kind: "explain", query });

// A picture as a term of a query's address.
export async function look(file) {
  const picture = await createImageBitmap(file);
  const { width, height } = picture;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { colorSpace: "srgb" });
  context.drawImage(picture, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  return sent({ kind: "look", pixels: data.buffer, width, height }, [data.buffer]);
}

// For other scripts of a page: the same search.
globalThis.mirageSite = { begin, ask, explain, look };
