// Two conditions side by side, each searched for, and what sets one apart: what is asked for less what the other has.

import { _ } from "./words.js";
import { card, made, summary } from "./cards.js";
import { givenAddress, remember, whenGiven } from "./parts.js";
import { answered } from "./search.js";

const compared = document.getElementById("compared");
const sides = document.getElementById("sides");

const examples = document.getElementById("examples");

let compares = 0;

async function compare(a, b) {
  const mine = ++compares;
  if (examples) examples.hidden = true;
  sides.replaceChildren(made("p", { role: "status" }, _("Searching …")));
  const columns = [];
  for (const [own, other] of [[a, b], [b, a]]) {
    const plain = await answered(new URLSearchParams({ q: own, k: 12 }).toString());
    const apart = await answered(new URLSearchParams({ q: own, less: `${other}@0.5`, k: 6 }).toString());
    const column = made("section", { class: "side" }, made("h2", { dir: "auto" }, own));
    if (plain.error !== undefined) column.append(made("p", { class: "problem", role: "alert" }, plain.error));
    else {
      column.append(summary(plain, Number(sides.dataset.figures)), made("ol", { class: "grid" }, ...plain.hits.map(card)));
      if (!apart.plain && apart.error === undefined) {
        column.append(made("h3", {}, _("More of this, less of %(other)s", { other })), made("ol", { class: "grid" }, ...apart.hits.map(card)));
      }
    }
    columns.push(column);
  }
  if (mine === compares) sides.replaceChildren(...columns);
}

if (compared && sides) {
  compared.addEventListener("submit", (event) => {
    event.preventDefault();
    const { a, b } = Object.fromEntries(new FormData(compared));
    if (!a.trim() || !b.trim()) {
      sides.replaceChildren(made("p", { class: "problem", role: "alert" }, _("Name two things to compare, for example pneumonia and pleural effusion.")));
      return;
    }
    remember(new URLSearchParams({ a, b }));
    settled();
    compare(a, b);
  });
  const fromAddress = () => {
    const given = givenAddress();
    for (const name of ["a", "b"]) compared.elements[name].value = given.get(name) ?? "";
    if (given.get("a") && given.get("b")) compare(given.get("a"), given.get("b"));
    else {
      compares += 1; // what is still being searched for comes too late
      sides.replaceChildren();
      if (examples) examples.hidden = false;
    }
  };
  const settled = whenGiven(fromAddress);
  fromAddress();
}
