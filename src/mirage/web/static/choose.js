// How many of the pictures that a source offers are ticked, and how large they are, on the button that adds them.
import { _, bytes, number } from "./words.js";

export function startChoosing() {
  const form = document.querySelector("[data-choose]:not([data-watched])");
  if (!form) return;
  form.dataset.watched = "";
  const button = form.querySelector("[data-add-these]");
  if (!button) return;
  button.disabled = !form.querySelector("[data-size]:checked");
  form.addEventListener("change", ({ target }) => {
    const group = target.closest("fieldset");
    const whole = group?.querySelector("[data-group]");
    if (whole && target === whole) for (const each of group.querySelectorAll("[data-size]:enabled")) each.checked = whole.checked;
    else if (whole && target.checked) whole.checked = true;
    const ticked = [...form.querySelectorAll("[data-size]:checked")];
    const count = ticked.reduce((all, each) => all + Number(each.dataset.count ?? 1), 0);
    button.disabled = !count;
    const sum = ticked.reduce((all, each) => all + Number(each.dataset.size), 0);
    let size = bytes(sum);
    if (ticked.some((each) => !each.dataset.size)) size = sum ? _("at least %(size)s", { size }) : _("size not stated");
    button.textContent = _("Add the %(number)s that are ticked (%(size)s)", { number: number(count), size });
  });
}
