// Figures that were found, as the pages of a server show them. Everything from a source is put in as text.

import { _ } from "./words.js";
import { root } from "./parts.js";

export function made(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null && value !== undefined) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null && child !== ""));
  return element;
}

const SURE = () => ({ strong: _("Strong"), likely: _("Likely"), weak: _("Weak") });
const BASIS = () => ({
  named: _("named in its title, diagnosis, topic or caption"), mentioned: _("in its findings"),
  structure: _("this structure, plane and modality"), words: _("has your words"), alike: _("looks alike"),
});
const UNSURE = () => ({ named: _("named, but perhaps not all that you ask"), structure: _("this structure, perhaps another plane or modality") });

export const web = (address) => (/^https?:\/\//.test(address) ? address : "");

export function card(hit) {
  const page = root + hit.page + (hit.slice ? `#slice-${hit.slice.number + 1}` : "");
  const tenths = Math.min(14, Math.max(7, Math.round((10 * hit.width) / hit.height)));
  const item = made("li", { class: "card", "data-tenths": tenths, "data-figure": hit.id });
  const picture = made("img", { src: root + hit.thumbnail, width: hit.width, height: hit.height, loading: "lazy", decoding: "async", alt: hit.alt });
  item.append(made("a", { class: "shot", href: page }, picture));
  item.append(made("p", { class: "title", dir: "auto", lang: hit.language ? null : "en" }, hit.title || hit.caption || hit.alt));
  if (hit.caption && hit.caption !== hit.title) item.append(made("p", { class: "caption clipped", dir: "auto", lang: hit.language ? null : "en" }, hit.caption));
  if (hit.stack) item.append(made("p", { class: "hint stacked" }, _("%(count)s slices to scroll through", { count: hit.stack }), hit.slice ? ` · ${_("slice %(number)s: %(why)s", { number: hit.slice.number + 1, why: hit.slice.why })}` : ""));
  if (hit.confidence) {
    const basis = (hit.confidence !== "strong" && UNSURE()[hit.basis]) || BASIS()[hit.basis];
    const sure = made("p", { class: `sure sure-${hit.confidence}` }, made("span", { class: "bars", "aria-hidden": "true" }));
    sure.append(made("strong", {}, SURE()[hit.confidence]), " ", made("span", { class: "basis" }, basis));
    item.append(sure);
  }
  for (const doubt of hit.contradictions) item.append(made("p", { class: "hint doubt" }, doubt));
  const source = made("p", { class: "source" }, made("span", { class: "attribution", dir: "auto" }, hit.attribution || _("Attribution not stated")), " ");
  if (web(hit.url)) source.append(made("a", { href: hit.url, rel: "external noreferrer" }, _("Source")), " ");
  source.append(made("span", { class: "licence" }, _("Licence: %(name)s", { name: hit.licence || _("not stated") })));
  item.append(source);
  if (hit.condition) item.append(made("p", { class: "hint" }, hit.condition));
  return item;
}

// What a search says of itself: how many fit, how the words were read, what to know.
export function summary(answer, figures) {
  const block = made("div", { class: "summary", role: "status" });
  const fitting = answer.hits.filter((hit) => hit.confidence && hit.confidence !== "weak").length;
  const line = made("p", { class: "count-line" });
  if (!answer.hits.length) line.append(made("strong", {}, _("No figures.")));
  else if (answer.plain) line.append(made("strong", {}, _("%(count)s figures have your words.", { count: answer.hits.length })));
  else if (answer.fits) line.append(made("strong", {}, fitting === 1 ? _("1 figure fits.") : _("%(count)s figures fit, best first.", { count: fitting })));
  else line.append(made("strong", {}, _("Nothing here fits.")), " ", _("None of the %(figures)s figures of this site clearly fits this search. The nearest are below, all weak.", { figures }));
  block.append(line);
  const said = made("ul", { class: "reading-said" });
  for (const [typed, read] of answer.reading?.mended ?? []) said.append(made("li", {}, _("Showing %(read)s in place of %(typed)s.", { read, typed })));
  const names = answer.reading?.english && answer.reading.concepts.join(", "); // of a denial alone nothing is left to be named
  if (names) said.append(made("li", {}, _("Understood as %(names)s.", { names })));
  for (const [short, meanings] of Object.entries(answer.reading?.doubtful ?? {})) said.append(made("li", {}, _("%(short)s may mean: %(meanings)s.", { short, meanings: meanings.join(", ") })));
  if (said.children.length) block.append(said);
  if (answer.notes?.length) block.append(made("ul", { class: "notes" }, ...answer.notes.map((note) => made("li", {}, note))));
  return block;
}
