// Everything here is a convenience: the pages search and read without it.
import { startPictures } from "./picture.js";
import { startJobs } from "./jobs.js";
import { startAdding } from "./add.js";
import { startChoosing } from "./choose.js";
import { startGrid } from "./grid.js";
import { showWay, startWay } from "./way.js";
import { startExplanations } from "./explain.js";
import { startSynthesis } from "./generate.js";
import { showSuggestions, startSuggestions } from "./suggest.js";
import { _ } from "./words.js";

document.documentElement.classList.add("scripted");

const typing = (target) => target instanceof Element && target.closest("input, textarea, select, [contenteditable]");

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  const box = document.getElementById("q");
  if (!box) return;
  event.preventDefault();
  box.focus();
  box.select();
});

// A ticked filter is meant at once. The page that answers has the focus where it was.
const FOCUS = "mirage.focus";
document.addEventListener("change", (event) => {
  if (event.target instanceof HTMLInputElement && event.target.matches("[data-apply]")) apply(event.target);
});

function apply(box) {
  keep(FOCUS, JSON.stringify([box.name, box.value]));
  box.form?.requestSubmit();
}

// So is one that was ticked before this script had come. After Back and a reload the browser ticks what was ticked then.
function applyEarlier() {
  if (performance.getEntriesByType("navigation")[0]?.type !== "navigate") return;
  const box = [...document.querySelectorAll("input[data-apply]")].find((each) => each.checked !== each.defaultChecked);
  if (box) apply(box);
}

function keep(name, value) { try { sessionStorage.setItem(name, value); } catch { /* no focus to come back to */ } }

function refocus() {
  let kept = null;
  try { kept = JSON.parse(sessionStorage.getItem(FOCUS)); sessionStorage.removeItem(FOCUS); } catch { /* nothing kept */ }
  if (!kept) return;
  const box = [...document.querySelectorAll("input[data-apply]")].find((each) => each.name === kept[0] && each.value === kept[1]);
  for (let fold = box?.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  box?.focus({ preventScroll: true });
}

// Who comes next in this browser finds nothing of who signs out.
document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-leaves]")) return;
  try { localStorage.clear(); sessionStorage.clear(); } catch { /* nothing was kept */ }
});

// Soft hyphens in titles are for the eye; what is copied has none.
document.addEventListener("copy", (event) => {
  const text = getSelection().toString();
  if (!text.includes("\u00ad")) return;
  event.clipboardData.setData("text/plain", text.replaceAll("\u00ad", ""));
  event.preventDefault();
});

document.addEventListener("click", async (event) => {
  const button = event.target instanceof Element && event.target.closest("[data-copy]");
  if (!button) return;
  const text = document.getElementById(button.dataset.copy);
  const words = button.textContent;
  try {
    await navigator.clipboard.writeText(text.textContent.trim());
    button.textContent = _("Copied");
  } catch {
    // Without the right to copy, show the text so that it can be copied by hand.
    const around = text.closest("details");
    if (around) {
      around.hidden = false;
      around.open = true;
    }
    getSelection().selectAllChildren(text);
    return;
  }
  setTimeout(() => { button.textContent = words; }, 1800);
});

export function awaken() {
  for (const hidden of document.querySelectorAll("[data-copy]:not([data-late]), [data-pick]")) hidden.hidden = false;
  showWay();
  showSuggestions();
  startJobs();
  startAdding();
  startChoosing();
  startExplanations();
  startSynthesis();
  refocus();
}

startGrid();
startSuggestions();
startWay();
startPictures(awaken);
awaken();
applyEarlier();
