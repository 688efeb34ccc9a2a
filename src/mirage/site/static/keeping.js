// Keeps the site for when there is no network, and says when another export of it lies there. A page goes on with the parts of
// the export that it is of: the new worker waits until somebody takes it.

import { _ } from "./words.js";
import { root } from "./parts.js";
import { made } from "./cards.js";

function newer(registration) {
  if (document.getElementById("newer")) return;
  const load = made("button", { type: "button" }, _("Load it"));
  load.addEventListener("click", () => {
    if (!registration.waiting) return location.reload(); // another page has taken it
    navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
    registration.waiting.postMessage("take over");
  });
  const said = made("p", { class: "problem", id: "newer", role: "status" }, _("A newer version of this site is there. This page is of the one before and goes on."), " ", load);
  document.getElementById("main").prepend(said);
}

async function kept() {
  // Only pages from a host have a worker; what was opened from a folder needs none.
  if (!("serviceWorker" in navigator) || !/^https?:$/.test(location.protocol)) return "nothing";
  let before = navigator.serviceWorker.controller;
  const registration = await navigator.serviceWorker.register(`${root}sw.js`);
  if (registration.waiting && before) newer(registration);
  registration.addEventListener("updatefound", () => {
    const fresh = registration.installing;
    fresh.addEventListener("statechange", () => fresh.state === "installed" && navigator.serviceWorker.controller && newer(registration));
  });
  navigator.serviceWorker.addEventListener("controllerchange", () => {
    if (before) newer(registration); // taken by another page
    before = navigator.serviceWorker.controller;
  });
  const { active } = await navigator.serviceWorker.ready;
  const { saveData, type } = navigator.connection ?? {};
  if (saveData || type === "cellular") return "search";
  active.postMessage("keep the rest"); // at every page: a browser ends a worker that takes long
  return "all";
}

// For other scripts of a page: what of the site this browser keeps without being asked.
globalThis.mirageSite.kept = kept().catch(() => "nothing");
