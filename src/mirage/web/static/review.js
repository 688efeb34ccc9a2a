// Rating on the site: whatever is said is kept at once. Without this, each item has a button.
import { data } from "./source.js";
import { readRating, saysNothing, startRegion } from "./rating.js";
import { _ } from "./words.js";

const list = document.querySelector("[data-review]");
const done = document.querySelector("[data-done]");
const forms = [...list?.querySelectorAll("[data-item]") ?? []];

for (const form of forms) {
  startRegion(form);
  form.dataset.kept = saysNothing(readRating(form)) ? "" : "yes";
  const said = form.querySelector("[data-said]");
  if (!said) continue;
  const keep = async () => {
    said.textContent = _("Keeping …");
    try {
      const body = JSON.stringify({ reviewer: list.dataset.reviewer, ...readRating(form) });
      const headers = { "Content-Type": "application/json", "X-Mirage-Token": list.dataset.token };
      await data(`${list.dataset.review}/items/${form.dataset.item}`, { method: "PUT", headers, body });
      form.dataset.kept = saysNothing(readRating(form)) ? "" : "yes";
      done.textContent = forms.filter((each) => each.dataset.kept).length;
      said.textContent = _("Kept");
    } catch (error) { said.textContent = error.message; }
  };
  let last = Promise.resolve();
  const soon = () => { last = last.then(keep); };  // in the order in which it was said
  form.addEventListener("change", soon);
  form.addEventListener("submit", (event) => { event.preventDefault(); soon(); });
  // What was said before this script had come.
  if ([...form.elements].some((each) => each.checked !== each.defaultChecked || each.value !== (each.defaultValue ?? each.value))) soon();
}
