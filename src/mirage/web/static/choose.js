// How many of the pictures that a source offers are ticked, and how large they are, on the button that adds them.
import { _, bytes, number } from "./words.js";

export function startChoosing() {
  const form = document.querySelector("[data-choose]:not([data-watched])");
  if (!form) return;
  form.dataset.watched = "";
  const button = form.querySelector("[data-add-these]");
  if (!button) return;
  const members = (group) => [...group.querySelectorAll("[data-size]:enabled")];
  const tell = () => {
    const ticked = [...form.querySelectorAll("[data-size]:checked")];
    const count = ticked.reduce((all, each) => all + Number(each.dataset.count ?? 1), 0);
    button.disabled = !count;
    const sum = ticked.reduce((all, each) => all + Number(each.dataset.size), 0);
    let size = bytes(sum);
    if (ticked.some((each) => !each.dataset.size)) size = sum ? _("at least %(size)s", { size }) : _("size not stated");
    button.textContent = _("Add the %(number)s that are ticked (%(size)s)", { number: number(count), size });
  };
  form.addEventListener("change", ({ target }) => {
    const group = target.closest("fieldset");
    const whole = group?.querySelector("[data-group]");
    if (whole && target === whole) for (const each of members(group)) each.checked = whole.checked;
    else if (whole && target.checked) whole.checked = true;
    tell();
  });
  // What was ticked before this script had come, and what the browser ticks again after Back.
  button.disabled = !form.querySelector("[data-size]:checked");
  if (![...form.elements].some((each) => each.checked !== each.defaultChecked)) return;
  for (const whole of form.querySelectorAll("[data-group]:enabled:not(:checked)")) {
    const own = members(whole.closest("fieldset"));
    whole.checked = own.some((each) => each.checked && !each.defaultChecked);
    if (!whole.checked) for (const each of own) each.checked = false;
  }
  tell();
}
