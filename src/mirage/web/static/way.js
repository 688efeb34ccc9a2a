// The way through what was found: from a figure to the next and the one before, and back to the same place.

import { root } from "./source.js";
import { _ } from "./words.js";

const WAY = "mirage.way";
const SWIPE = 60;  // pixels

function kept() { try { return JSON.parse(sessionStorage.getItem(WAY)); } catch { return null; } }
function keep(way) { try { sessionStorage.setItem(WAY, JSON.stringify(way)); } catch { /* a figure then stands alone */ } }
const path = (address) => new URL(address, location).pathname;

// Opening a figure of a grid remembers the others of it, in their order.
export function startWay() {
  document.addEventListener("click", (event) => {
    const shot = event.target instanceof Element && event.target.closest("[data-grid] a.shot");
    if (!shot || event.defaultPrevented) return;
    const pages = [...shot.closest("[data-grid]").querySelectorAll("a.shot")].map((each) => each.getAttribute("href"));
    keep({ pages, from: location.pathname + location.search, words: document.getElementById("q")?.value ?? "" });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented || document.fullscreenElement || document.querySelector(".passage-card, #drop:not([hidden])")) return;
    const back = document.querySelector("[data-back]");
    if (back && !(event.target instanceof Element && event.target.closest("input, textarea, select"))) { event.preventDefault(); back.click(); }
  });
}

// Back among what was found: the figure that was looked at last has the focus. Where one page of results gave way to another
// without a new document, as with a dropped picture, this is asked when the figures are there.
function returnTo(way) {
  if (!way?.last || way.from !== location.pathname + location.search) return;
  const shot = [...document.querySelectorAll("[data-grid] a.shot")].find((each) => each.getAttribute("href") === way.last);
  if (!shot) return;
  const { last, ...rest } = way;
  keep(rest);
  for (let fold = shot.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  shot.focus({ preventScroll: true });
  shot.scrollIntoView({ block: "nearest", behavior: "instant" });
}

// On the page of a figure that was reached so.
export function showWay() {
  returnTo(kept());
  const body = document.querySelector(".figure-body:not(.on-way)");
  const way = body && kept();
  const at = way?.pages.findIndex((each) => path(each) === location.pathname) ?? -1;
  if (at < 0) return;
  body.classList.add("on-way");
  way.last = way.pages[at];
  keep(way);
  const bar = document.createElement("nav");
  bar.className = "way";
  bar.setAttribute("aria-label", _("Through what was found"));
  const link = (to, words, name) => {
    const made = document.createElement("a");
    made.className = "button";
    made.textContent = words;
    made.href = to;
    if (name) made.setAttribute("aria-label", name);
    return made;
  };
  const back = link(way.from, way.words ? _("Back to “%(words)s”", way) : way.from.startsWith(`${root}/case/`) ? _("Back to the case") : _("Back to what was found"));
  back.dataset.back = "";
  back.title = _("Esc");
  // The browser's own Back finds the page as it was left, where that is the page before this one.
  back.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || history.length !== way.length) return;
    event.preventDefault();
    history.back();
  });
  const count = document.createElement("span");
  count.textContent = _("%(number)s of %(count)s", { number: at + 1, count: way.pages.length });
  bar.append(back, count);
  const steps = { "-1": way.pages[at - 1], 1: way.pages[at + 1] };
  for (const [step, words, name] of [["-1", "◀", _("The figure before")], ["1", "▶", _("The next figure")]]) {
    if (steps[step]) bar.append(Object.assign(link(steps[step], words, name), { title: step === "1" ? _("Right arrow") : _("Left arrow") }));
  }
  body.before(bar);
  const before = document.referrer && new URL(document.referrer);
  if (before && before.pathname + before.search === way.from && way.length === undefined) keep({ ...way, length: way.length = history.length });
  // The next figure takes the place of this one, so that Back leads to what was found.
  const go = (step) => { if (steps[step]) location.replace(steps[step]); };
  for (const each of bar.querySelectorAll("a:not([data-back])")) {
    each.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      location.replace(each.href);
    });
  }
  document.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (event.target instanceof Element && event.target.closest("input, textarea, select, [data-grid], summary, dialog")) return;
    event.preventDefault();
    go(step);
  });
  swipes(body.querySelector(".viewer"), go);
}

function swipes(viewer, go) {
  let begun = null;
  viewer?.addEventListener("pointerdown", (event) => {
    begun = event.pointerType === "touch" && event.isPrimary && Number(viewer.dataset.scale ?? 1) === 1 && (viewer.dataset.tool ?? "move") === "move" ? [event.clientX, event.clientY] : null;
  });
  viewer?.addEventListener("pointerup", (event) => {
    if (!begun || !event.isPrimary || Number(viewer.dataset.scale ?? 1) !== 1) return;
    const [across, down] = [event.clientX - begun[0], event.clientY - begun[1]];
    begun = null;
    if (Math.abs(across) > SWIPE && Math.abs(across) > 2 * Math.abs(down)) go(across < 0 ? 1 : -1);
  });
}
