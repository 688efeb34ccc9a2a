// Citations: pointing at one lights up its figures; choosing one shows the passage it stands on.

import { _ } from "./words.js";

const lit = new Set();
let passage, opener, begun = false;

export function startCitations() {
  if (begun) return;
  begun = true;
  for (const [into, out] of [["pointerover", "pointerout"], ["focusin", "focusout"]]) {
    document.addEventListener(into, (event) => { const mark = citation(event); if (mark) light(mark); });
    document.addEventListener(out, (event) => { if (citation(event) && !opener) dark(); });
  }
  document.addEventListener("click", (event) => {
    const mark = citation(event);
    if (mark && !event.ctrlKey && !event.metaKey) { event.preventDefault(); if (opener === mark) close(); else open(mark); }
    else if (opener && !passage.contains(event.target)) close();
    else if (event.target instanceof Element && passage?.contains(event.target) && event.target.closest("a[href^='#']")) close();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !opener) return;
    const back = opener;
    close();
    back.focus();
  });
  document.addEventListener("focusin", (event) => { if (opener && event.target !== opener && !passage.contains(event.target)) close(); });
  addEventListener("resize", () => opener && place());
  addEventListener("scroll", (event) => { if (opener && !passage.contains(event.target)) place(); }, { capture: true, passive: true });
}

const citation = (event) => event.target instanceof Element && event.target.closest("a.cite");
const cards = (mark) => mark.dataset.lights.split(" ").map((id) => id && document.getElementById(id)).filter(Boolean);

function light(mark) {
  if (opener && opener !== mark) return;
  dark();
  for (const card of cards(mark)) { card.classList.add("lit"); lit.add(card); }
}

function dark() {
  for (const card of lit) card.classList.remove("lit");
  lit.clear();
}

// The numbers of the sources that speak of a figure, on the figure.
export function number(panel) {
  const spoken = new Map();
  for (const mark of panel.querySelectorAll("a.cite")) {
    for (const card of cards(mark)) spoken.set(card, (spoken.get(card) ?? new Set()).add(mark.textContent));
  }
  for (const [card, numbers] of spoken) {
    const badge = card.querySelector(".spoken") ?? card.appendChild(Object.assign(document.createElement("p"), { className: "spoken" }));
    badge.textContent = [...numbers].sort((a, b) => parseInt(a.replace(/\D/g, "")) - parseInt(b.replace(/\D/g, ""))).join(" ");
    badge.setAttribute("aria-label", _("Cited as %(numbers)s", { numbers: [...numbers].join(", ") }));
  }
}

function open(mark) {
  const item = document.getElementById(mark.dataset.cite);
  if (!item) return;
  close();
  opener = mark;
  light(mark);
  passage = document.createElement("div");
  passage.className = "passage-card";
  passage.id = "passage";
  passage.setAttribute("role", "group");
  passage.setAttribute("aria-label", mark.getAttribute("aria-label"));
  passage.append(...[...item.childNodes].map((node) => node.cloneNode(true)));
  const strip = document.createElement("p");
  strip.className = "thumbs";
  for (const card of cards(mark)) {
    const image = card.querySelector("img")?.cloneNode();
    if (!image) continue;
    image.alt = _("Figure %(number)s", { number: card.id.split("-").pop() });
    const link = Object.assign(document.createElement("a"), { href: `#${card.id}` });
    link.append(image);
    strip.append(link);
  }
  if (strip.childElementCount) passage.querySelector(".evidence-head").after(strip);
  underline(passage.querySelector(".passage-text"), mark.closest(".sentence")?.querySelector("q")?.textContent);
  const shut = Object.assign(document.createElement("button"), { type: "button", className: "shut", textContent: _("Close") });
  shut.addEventListener("click", () => { const back = opener; close(); back?.focus(); });
  passage.append(shut);
  // After its citation in the document, so that the next Tab enters it.
  mark.after(passage);
  mark.setAttribute("aria-expanded", "true");
  if (passage.showPopover) { passage.popover = "manual"; passage.showPopover(); }
  place();
  passage.querySelector("mark")?.scrollIntoView({ block: "nearest" });
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth";
  if (matchMedia("(min-width: 64rem)").matches) cards(mark)[0]?.scrollIntoView({ block: "nearest", behavior: still });
}

function close() {
  passage?.remove();
  opener?.removeAttribute("aria-expanded");
  passage = opener = undefined;
  dark();
}

function place() {
  const at = opener.getBoundingClientRect();
  const { width, height } = passage.getBoundingClientRect();
  const room = 8;
  const below = at.bottom + room + height <= innerHeight;
  const top = below ? at.bottom + room : Math.max(room, at.top - height - room);
  passage.style.left = `${Math.max(room, Math.min(at.left - 24, innerWidth - width - room))}px`;
  passage.style.top = `${Math.min(top, innerHeight - height - room)}px`;
}

// Where the quoted words stand in the passage.
function underline(place, quoted) {
  if (!quoted) return;
  const pieces = quoted.split(/\s*…\s*|;\s+/).map((piece) => piece.trim().replace(/[.,;]$/, "")).filter((piece) => piece.length > 7);
  for (const piece of pieces) {
    const pattern = new RegExp(piece.split(/\s+/).map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("\\s+"), "i");
    for (const node of [...place.childNodes].filter((each) => each.nodeType === Node.TEXT_NODE)) {
      const found = pattern.exec(node.data);
      if (!found) continue;
      const words = node.splitText(found.index);
      words.splitText(found[0].length);
      const mark = document.createElement("mark");
      words.replaceWith(mark);
      mark.append(words);
      break;
    }
  }
}
