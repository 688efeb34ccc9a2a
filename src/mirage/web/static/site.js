// Everything here is a convenience: the pages search and read without it.
import { startPictures } from "./picture.js";
import { startViewer } from "./viewer.js";
import { startStack } from "./stack.js";
import { startJobs } from "./jobs.js";
import { startGrid } from "./grid.js";
import { startExplanations } from "./explain.js";
import { startSynthesis } from "./generate.js";

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

// A ticked filter is meant at once.
document.addEventListener("change", (event) => {
  if (event.target instanceof HTMLInputElement && event.target.matches("[data-apply]")) event.target.form?.requestSubmit();
});

document.addEventListener("click", async (event) => {
  const button = event.target instanceof Element && event.target.closest("[data-copy]");
  if (!button) return;
  const text = document.getElementById(button.dataset.copy);
  const words = button.textContent;
  try {
    await navigator.clipboard.writeText(text.textContent.trim());
    button.textContent = "Copied";
  } catch {
    // Without the right to copy, show the text so that it can be copied by hand.
    const around = text.closest("details");
    around.hidden = false;
    around.open = true;
    getSelection().selectAllChildren(text);
    return;
  }
  setTimeout(() => { button.textContent = words; }, 1800);
});

export function awaken() {
  for (const hidden of document.querySelectorAll("[data-copy]:not([data-late]), [data-pick]")) hidden.hidden = false;
  startViewer();
  startStack();
  startJobs();
  startExplanations();
  startSynthesis();
}

startGrid();
startPictures(awaken);
awaken();
