// An explanation beside the figures: read as it is written, stopped, folded.
import { number, startCitations } from "./cite.js";
import { drawn as read, events } from "./source.js";
import { _ } from "./words.js";

const running = new WeakMap();
const PATIENCE = 6000;
const WIDE = matchMedia("(min-width: 110rem)");

export function startExplanations() {
  startCitations();
  for (const panel of document.querySelectorAll("[data-explain]:not([data-awake])")) awaken(panel);
}

const part = (panel, name) => panel.querySelector(`[data-${name}]`);
const beside = (panel) => panel.dataset.open ?? (WIDE.matches || panel.dataset.wide !== undefined ? "yes" : "no");

function awaken(panel) {
  panel.dataset.awake = "";
  const folder = part(panel, "fold");
  const keep = `mirage.${panel.id}`;
  if (WIDE.matches && kept(keep) === "no") panel.dataset.open = "no";
  folder.hidden = false;
  const say = () => {
    const open = beside(panel) === "yes";
    folder.textContent = open ? _("Hide") : _("Show");
    folder.setAttribute("aria-expanded", String(open));
    const title = panel.querySelector("header").firstElementChild.textContent;
    folder.setAttribute("aria-label", open ? _("Hide: %(title)s", { title }) : _("Show: %(title)s", { title }));
    if (open && !panel.dataset.state) run(panel);
  };
  folder.addEventListener("click", () => {
    panel.dataset.open = beside(panel) === "yes" ? "no" : "yes";
    if (WIDE.matches) keepAs(keep, panel.dataset.open);
    say();
  });
  WIDE.addEventListener("change", say);
  part(panel, "stop").addEventListener("click", () => { running.get(panel)?.abort("stopped"); folder.focus(); });
  part(panel, "again").addEventListener("click", () => run(panel));
  say();
  // One that costs nothing is there before it is opened; a model is asked only by somebody who looks.
  if (!panel.dataset.state && panel.dataset.costly === undefined && panel.dataset.open !== "no") run(panel);
  peek(panel);
  number(panel);
}

async function run(panel) {
  running.get(panel)?.abort("again");
  const stop = new AbortController();
  running.set(panel, stop);
  panel.dataset.state = "running";
  const [claims, evidence, writing, says] = ["claims", "evidence", "writing", "says"].map((name) => part(panel, name));
  for (const place of [claims, evidence, part(panel, "foot")]) place.replaceChildren();
  for (const name of ["again", "sources", "cited"]) part(panel, name).hidden = true;
  part(panel, "copy").hidden = true;
  part(panel, "stop").hidden = false;
  says.textContent = _("Reading the sources…");
  let slow = setTimeout(() => { says.textContent = _("Still at it. A model may take a minute or more; you can stop it."); }, PATIENCE);
  const rest = () => { clearTimeout(slow); slow = 0; };
  let failure = "", ended = false;
  try {
    const form = document.getElementById(panel.dataset.form);
    const options = { signal: stop.signal };
    if (!panel.dataset.explain.includes("?")) Object.assign(options, { method: "POST", body: new FormData(form) });
    for await (const [name, piece] of events(panel.dataset.explain, options)) {
      if (!panel.isConnected) { stop.abort("gone"); return; }
      if (name === "error") throw new Error(piece.detail);
      if (name === "waiting") {
        rest();
        says.textContent = piece.ahead > 1 ? _("%(number)s explanations for others come first.", { number: piece.ahead }) : piece.ahead ? _("One explanation for somebody else comes first.") : _("Reading the sources…");
        peek(panel);
        continue;
      }
      if (name === "writing") { rest(); says.textContent = ""; writing.textContent = piece.text; writing.hidden = false; continue; }
      if (name === "claim" || name === "remark" || name === "cases") {
        rest();
        writing.hidden = true;
        says.textContent = "";
        claims.append(...drawn(piece.html));
        if (piece.evidence) { evidence.append(...drawn(piece.evidence)); part(panel, "sources").hidden = false; }
        number(panel);
        peek(panel);
      }
      if (name === "ended") { ended = true; part(panel, "foot").append(...drawn(piece.html)); }
      if (piece.text) panel.querySelector("pre").textContent = piece.text;
    }
    if (!ended) failure = _("It broke off: the site did not finish it.");
  } catch (error) {
    if (stop.signal.aborted) says.textContent = _("Stopped.");
    else failure = error.message;
  } finally {
    rest();
    if (running.get(panel) === stop) {
      writing.hidden = true;
      part(panel, "stop").hidden = true;
      part(panel, "copy").hidden = !claims.querySelector(".claim");
      part(panel, "again").hidden = ended;
      panel.dataset.state = "ended";
      if (ended) says.textContent = "";
      if (failure) says.textContent = failure;
      peek(panel);
    }
  }
}

const drawn = (html) => read(html, "ol");

// One line of it for a narrow screen, where the rest is folded away.
function peek(panel) {
  const first = panel.querySelector(".claim .sentence > :first-child, .remark p");
  part(panel, "peek").textContent = first?.textContent || part(panel, "says").textContent;
}

function kept(name) { try { return localStorage.getItem(name); } catch { return null; } }
function keepAs(name, value) { try { localStorage.setItem(name, value); } catch { /* not remembered, then */ } }
