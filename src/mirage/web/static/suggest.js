// The search box suggests what this atlas holds while one types, and what one searched for last while it is empty.
// Recent searches lie in this browser alone; where it refuses to keep anything, there are none.

import { data, root } from "./source.js";
import { number } from "./words.js";

const RECENT = "mirage.recent";
const MOST = 8;
const WAIT = 90;  // ms after a key, so that not every letter is asked for
const known = new Map();  // typed: suggestions
let shown = [];
let active = -1;
let timer = 0;

const box = () => document.getElementById("q");
const part = (name) => document.getElementById(`suggest-${name}`);

export function startSuggestions() {
  document.addEventListener("input", (event) => { if (event.target === box()) later(); });
  document.addEventListener("click", (event) => {
    if (event.target === box() && !box().value) suggest();
    else if (event.target instanceof Element && event.target.closest("[data-forget]")) { forget(); box()?.focus(); }
    else if (event.target instanceof Element && event.target.closest("#suggest-list [role=option]")) pick(Number(event.target.closest("[role=option]").dataset.place));
    else close();
  });
  // The box keeps the focus while one clicks in the list.
  document.addEventListener("mousedown", (event) => { if (event.target instanceof Element && event.target.closest("#suggest-list")) event.preventDefault(); });
  document.addEventListener("focusin", (event) => { if (!(event.target instanceof Element && event.target.closest("search.box"))) close(); });
  document.addEventListener("submit", close);
  document.addEventListener("keydown", key);
}

// For each new page: the box says what it is, and what was searched for is kept.
export function showSuggestions() {
  const input = box();
  if (!input || !part("words")) return;
  if (!part("pop")) input.form.after(part("words").content.firstElementChild.cloneNode(true));
  for (const [name, value] of [["role", "combobox"], ["aria-autocomplete", "list"], ["aria-controls", "suggest-list"], ["aria-expanded", "false"]]) input.setAttribute(name, value);
  const asked = document.body.classList.contains("results") && input.form.method === "get" && input.value.trim();
  if (asked) keep({ words: input.value.trim(), url: location.pathname + location.search });
  showRecent();
}

function key(event) {
  if (event.target !== box() || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  const open = !part("pop")?.hidden;
  if (event.key === "Escape" && open) { event.preventDefault(); event.stopPropagation(); close(); }
  else if (event.key === "Enter" && open && active >= 0) { event.preventDefault(); pick(active); }
  else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    if (event.shiftKey) return;
    event.preventDefault();
    if (!open) return void suggest();
    // From the last the way leads back to what was typed, and from there to the first.
    const step = event.key === "ArrowDown" ? 1 : -1;
    activate((active + 1 + step + shown.length + 1) % (shown.length + 1) - 1);
  }
}

function later() {
  clearTimeout(timer);
  timer = setTimeout(suggest, WAIT);
}

async function suggest() {
  clearTimeout(timer);
  const input = box();
  const typed = input.value.trim();
  const found = typed ? await asked(typed) : recent().map(({ words, url }) => ({ text: words, url }));
  // Somebody who has typed on meanwhile, or left, wants other ones or none.
  if (input !== box() || input.value.trim() !== typed || document.activeElement !== input) return;
  draw(found, typed === "");
}

async function asked(typed) {
  if (!known.has(typed)) {
    try { known.set(typed, (await data(`${root}/api/suggest?q=${encodeURIComponent(typed.slice(0, 200))}`)).suggestions); } catch { return []; }  // it is a convenience
  }
  return known.get(typed);
}

function draw(found, isRecent) {
  if (!found.length) { close(); return; }
  shown = found;
  const words = part("pop").dataset;
  part("list").setAttribute("aria-label", isRecent ? words.recent : words.suggestions);
  part("list").replaceChildren(...found.map((each, place) => {
    const item = Object.assign(document.createElement("li"), { id: `suggest-${place}` });
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", "false");
    item.dataset.place = place;
    item.append(piece("what", each.text));
    if (each.name) item.append(piece("by", each.name));
    if (each.kind) item.append(piece("kind", words[each.kind]));
    if (each.figures) item.append(piece("count", number(each.figures)));
    return item;
  }));
  part("pop").classList.toggle("recently", isRecent);
  part("pop").hidden = false;
  box().setAttribute("aria-expanded", "true");
  activate(-1);
  part("said").textContent = `${isRecent ? words.recent : words.suggestions}: ${found.length}`;
}

const piece = (kind, text) => Object.assign(document.createElement("span"), { className: kind, textContent: text });

function activate(place) {
  active = place;
  part("list").childNodes.forEach((item, number) => item.setAttribute("aria-selected", String(number === place)));
  const item = part(String(place));
  if (item && place >= 0) { box().setAttribute("aria-activedescendant", item.id); item.scrollIntoView({ block: "nearest" }); }
  else box().removeAttribute("aria-activedescendant");
}

function close() {
  clearTimeout(timer);
  if (!part("pop") || part("pop").hidden) return;
  part("pop").hidden = true;
  part("said").textContent = "";
  active = -1;
  box()?.setAttribute("aria-expanded", "false");
  box()?.removeAttribute("aria-activedescendant");
}

function pick(place) {
  const { text, url, kind } = shown[place];
  close();
  if (!kind) { location.assign(url); return; }
  box().value = text;
  box().form.requestSubmit();
}

// -- what was searched for ---------------------------------------------------------------------------------------------

function recent() {
  try {
    const kept = JSON.parse(localStorage.getItem(RECENT) ?? "[]");
    return Array.isArray(kept) ? kept.filter((each) => typeof each?.words === "string" && String(each.url).startsWith(`${root}/search?`)).slice(0, MOST) : [];
  } catch { return []; }
}

function keep(search) {
  const same = (each) => each.words.toLowerCase() === search.words.toLowerCase();
  try { localStorage.setItem(RECENT, JSON.stringify([search, ...recent().filter((each) => !same(each))].slice(0, MOST))); } catch { /* none are kept */ }
}

function forget() {
  try { localStorage.removeItem(RECENT); } catch { /* there were none */ }
  close();
  showRecent();
}

function showRecent() {
  const place = document.getElementById("recent");
  if (!place) return;
  const searches = recent();
  place.hidden = !searches.length;
  place.querySelector("ul").replaceChildren(...searches.map(({ words, url }) => {
    const item = document.createElement("li");
    item.append(Object.assign(document.createElement("a"), { href: url, textContent: words }));
    return item;
  }));
}
