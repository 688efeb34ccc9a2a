// Rating in a packet: kept in this browser where that is possible, and saved as a file.
import { fillRating, readRating, saysNothing, startRegion } from "./rating.js";
import { _ } from "./words.js";

const saving = document.querySelector("[data-packet]");
const forms = [...document.querySelectorAll("form[data-item]")];
const list = document.querySelector(".review-items");
const name = saving.elements.namedItem("reviewer");
const given = new Map();  // item to rating
const shelf = `mirage ${saving.dataset.review}`;
const tell = (text) => { saving.querySelector("[data-said]").textContent = text; };

function count() { saving.querySelector("[data-done]").textContent = given.size; }

function remember() {
  try { localStorage.setItem(shelf, JSON.stringify({ name: name.value, ratings: [...given.values()] })); } catch { /* the file is what counts */ }
}

function take(ratings) {
  for (const rating of ratings) {
    const form = forms.find((each) => each.dataset.item === rating.item);
    if (!form) continue;
    given.set(rating.item, rating);
    fillRating(form, rating);
  }
  count();
}

// Everybody has an order of their own, which a hash of the name gives (FNV-1a), once the name is known.
function hash(text) {
  let value = 2166136261;
  for (const letter of text) value = Math.imul(value ^ letter.codePointAt(0), 16777619) >>> 0;
  return value;
}

function begin() {
  name.readOnly = true;
  saving.querySelector("[type=submit]").hidden = true;
  saving.querySelector("[data-save]").hidden = list.hidden = false;
  const sorted = [...forms].sort((a, b) => hash(name.value + a.dataset.item) - hash(name.value + b.dataset.item));
  sorted.forEach((form) => list.append(form.parentElement));
}

for (const form of forms) {
  startRegion(form);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", () => {
    const rating = { item: form.dataset.item, ...readRating(form), rated: Date.now() / 1000 };
    if (saysNothing(rating)) given.delete(rating.item); else given.set(rating.item, rating);
    count();
    remember();
    tell(_("Not saved as a file yet"));
  });
}

saving.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!list.hidden || !name.value.trim()) return;
  begin();
  remember();
});

saving.querySelector("[data-save]").addEventListener("click", () => {
  const { review, protocol, query } = saving.dataset;
  const told = { format: 1, software: "MIRAGE packet", written: new Date().toISOString(), review, protocol, query, reviewers: [{ name: name.value.trim(), ratings: [...given.values()] }] };
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(told, null, 1)], { type: "application/json" }));
  link.download = `${`${query} ${name.value}`.toLowerCase().replace(/[^a-z0-9]+/g, "-").slice(0, 60)}.mirage-ratings`;
  link.click();
  tell(_("Saved: send the file to whoever gave you this packet"));
});

document.getElementById("ratings-file").addEventListener("change", async (event) => {
  try {
    const read = JSON.parse(await event.target.files[0].text());
    if (read.review !== saving.dataset.review) throw new Error(_("These ratings are of another packet. Nothing was changed."));
    const mine = read.reviewers.find((each) => each.name === name.value.trim()) ?? read.reviewers[0];
    name.value = mine?.name ?? name.value;
    if (name.value.trim()) begin();
    take(mine?.ratings ?? []);
    remember();
    tell(_("Taken up where you stopped"));
  } catch (error) { tell(error instanceof SyntaxError ? _("This file holds no ratings.") : error.message); }
});

try {
  const kept = JSON.parse(localStorage.getItem(shelf));
  if (kept) { name.value = kept.name; begin(); take(kept.ratings); }
} catch { /* nothing kept */ }
count();
