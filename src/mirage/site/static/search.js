// The search page of a site: words or a picture in, figures out.

import { _ } from "./words.js";
import { amiss, ask, begin, explain, givenAddress, has, look, remember, root, whenGiven } from "./parts.js";
import { card, made, summary, web } from "./cards.js";
import { plainly } from "./plain.js";

// Why the whole search does not run here, in words; the words alone are searched then.
export function why(error) {
  const said = String(error.message ?? error);
  if (said === "words") return _("This site was made without what the search runs on, so words alone are searched, and how sure a hit is is not told.");
  if (said === "wasm") return _("This browser has no WebAssembly, so words alone are searched, and how sure a hit is is not told. A browser of the last years has it.");
  const damaged = /^damaged (.*)/.exec(said);
  if (damaged) return _("A part of this site is damaged or cut short (%(parts)s), so words alone are searched, and how sure a hit is is not told. Load the page again to try once more.", { parts: damaged[1] });
  if (/memory/i.test(said)) return _("This browser has too little memory for the whole search, so words alone are searched. Close other pages and load this one again.");
  if (error.cause === "search") return _("This search did not end well (%(why)s), so words alone are searched, and how sure a hit is is not told. Load the page again to try once more.", { why: said.slice(0, 160) });
  return _("The whole search could not begin (%(why)s), so words alone are searched, and how sure a hit is is not told. Load the page again to try once more.", { why: said.slice(0, 160) });
}

// Words alone, with the reason.
const reasons = new Map();
async function plainAnswer(query, error) {
  const { message } = error;
  if (!reasons.has(message)) reasons.set(message, /^words$|^wasm$|memory/i.test(message) ? "" : await amiss(message));
  const found = reasons.get(message);
  if (found === "replaced") return { error: _("This site was replaced by a newer version while this page was open. Load the page again to search it.") };
  const reason = why(found ? new Error(found) : error), text = new URLSearchParams(query).get("q") ?? "";
  if (!text.trim()) return { error: _("A picture is searched with by the whole search only. %(why)s", { why: reason }) };
  try {
    const { hits, lost, figures } = await plainly(text);
    const notes = [reason];
    if (new URLSearchParams(query).has("less")) notes.push(_("By words alone nothing is turned away from: what it should show less of is left out."));
    if (document.documentElement.lang !== "en") notes.push(_("By words alone only the words of the sources are found, which are in English."));
    if (lost) notes.push(_("%(lost)s of %(figures)s figures could not be loaded, and are not searched.", { lost, figures }));
    return { plain: true, fits: true, notes, hits, facets: {} };
  } catch (lost) {
    return { error: _("The words of this site could not be loaded (%(parts)s). Is its folder whole, and are you online? Load the page again to try once more.", { parts: lost.message }) };
  }
}

// Answer a query: the whole search, or by words where it cannot run.
export async function answered(query, status) {
  let answer;
  try {
    await begin();
    status?.(_("Searching …"));
    answer = await ask(query);
  } catch (error) {
    return plainAnswer(query, error);
  }
  return answer.why === undefined ? answer : plainAnswer(query, new Error(answer.why, { cause: "search" }));
}

const form = document.getElementById("search");
const results = document.getElementById("results");
const figures = Number(results?.dataset.figures ?? 0);
let newest = 0, picture = "", preview = "", settled = () => {};

const status = (text) => {
  const place = document.getElementById("status");
  place.textContent = text;
  place.hidden = !text;
};

function shown(answer) {
  if (answer.error !== undefined) return [made("p", { class: "problem", role: "alert" }, answer.error)];
  return [summary(answer, figures), made("ol", { class: "grid", "data-grid": "" }, ...answer.hits.map(card))];
}

// Sentences of the sources with their evidence, chosen by the same program as on a server; made when somebody opens it.
function explanation(query, current) {
  const place = made("div", { "aria-live": "polite" });
  const whole = made("details", { class: "quoted" }, made("summary", {}, _("What the sources say of it")), place);
  whole.addEventListener("toggle", async () => {
    place.replaceChildren(made("p", { class: "hint" }, _("Reading the sources …")));
    const told = await explain(query);
    if (current()) place.replaceChildren(...explained(told));
  }, { once: true });
  return whole;
}

// The place of a passage is told to the reader, and the address goes on to name the search.
function cited(number) {
  const link = made("a", { class: "cite", href: `#evidence-${number}` }, `[${number}]`);
  link.addEventListener("click", (event) => {
    event.preventDefault();
    document.getElementById(`evidence-${number}`).focus();
  });
  return link;
}

function explained(told) {
  if (told.error ?? told.why) return [made("p", { class: "problem" }, _("This could not be explained (%(why)s). Load the page again to try once more.", { why: String(told.error ?? told.why).slice(0, 160) }))];
  const blocks = [made("p", { class: "hint teaches" }, _("For learning: this does not diagnose, and it may be wrong. Look at the sources."))];
  let heading = "";
  const claims = told.claims.map(({ text, cites, quoted, support, aspect, marks }) => {
    const headed = aspect && aspect !== heading;
    heading = aspect || heading;
    const sentence = made("p", { class: "sentence", lang: "en", dir: "auto" }, made(quoted ? "q" : "span", {}, text));
    for (const number of cites) sentence.append(" ", cited(number));
    for (const mark of marks) sentence.append(" ", made("span", { class: "reach" }, `(${mark})`));
    return made("li", { class: `claim ${support}` }, headed ? made("p", { class: "hint" }, aspect) : "", sentence);
  });
  if (claims.length) blocks.push(made("ol", { class: "claims" }, ...claims), made("p", { class: "hint" }, _("In the sources’ own words, chosen and put in order by this program.")));
  blocks.push(...told.remarks.map((remark) => made("p", { class: "hint" }, remark)));
  if (told.page) blocks.push(made("p", {}, made("a", { href: root + told.page }, _("Read the whole explanation"))));
  const evidence = told.evidence.map(({ number, text, title, pages, attribution, url, licence }) => {
    const source = made("p", { class: "source" }, made("span", { class: "attribution", dir: "auto" }, attribution || _("Attribution not stated")), " ");
    if (web(url)) source.append(made("a", { href: url, rel: "external noreferrer" }, _("Source")), " ");
    source.append(made("span", { class: "licence" }, _("Licence: %(name)s", { name: licence || _("not stated") })));
    const figures = made("p", { class: "shows" }, made("a", { href: root + pages[0] }, title || _("figure")));
    return made("li", { class: "evidence", id: `evidence-${number}`, tabindex: "-1" }, made("p", { class: "passage-text prose", lang: "en", dir: "auto" }, `[${number}] ${text}`), figures, source);
  });
  if (evidence.length) blocks.push(made("p", { class: "hint" }, _("Sources cited")), made("ol", { class: "evidence-list" }, ...evidence));
  return blocks;
}

async function search(query, { written = true } = {}) {
  const mine = ++newest;
  if (written) remember(query);
  settled();
  results.setAttribute("aria-busy", "true");
  status(_("Loading the search …"));
  document.getElementById("welcome").hidden = true;
  const given = new URLSearchParams(query);
  if (picture) given.append("picture", picture);
  const answer = await answered(given.toString(), status);
  if (mine !== newest) return;
  results.replaceChildren(...shown(answer));
  results.removeAttribute("aria-busy");
  results.dataset.milliseconds = answer.milliseconds ?? "";
  status("");
  if (answer.hits && !answer.plain) {
    narrowed(answer.facets, given);
    if (answer.fits) results.querySelector(".grid").before(explanation(given.toString(), () => mine === newest));
  }
}

function narrowed(facets, given) {
  const place = document.getElementById("filters"), names = JSON.parse(place.dataset.names);
  place.replaceChildren();
  for (const name of ["modality", "plane", "region"]) {
    const values = Object.entries(facets[name] ?? {}).filter(([value]) => value).sort((a, b) => b[1] - a[1]).slice(0, 12);
    if (values.length < 2 && !given.has(name)) continue;
    const choose = made("select", { name, form: "search", "aria-label": place.dataset[name] }, made("option", { value: "" }, place.dataset[name]));
    for (const [value, count] of values) choose.append(made("option", { value }, `${names[value] ?? value} (${count})`));
    const chosen = given.get(name);
    if (chosen && !values.some(([value]) => value === chosen)) choose.append(made("option", { value: chosen }, names[chosen] ?? chosen));
    choose.value = given.get(name) ?? "";
    choose.addEventListener("change", () => form.requestSubmit());
    place.append(choose);
  }
}

function forget() {
  picture = "";
  document.getElementById("with-picture").hidden = true;
}

function welcome() {
  newest += 1; // what is still being searched for comes too late
  results.replaceChildren();
  results.removeAttribute("aria-busy");
  status("");
  document.getElementById("welcome").hidden = false;
}

function asked() {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (String(value).trim()) query.append(name, value);
  return query;
}

async function withPicture(file) {
  if (!file) return;
  status(_("Reading the picture …"));
  let seen;
  try {
    await begin();
    seen = await look(file);
  } catch (error) {
    seen = { token: "", why: String(error.message ?? error) };
  }
  if (!seen.token) {
    status("");
    forget();
    const reads = has("towers-machine");
    const said = reads ? _("“%(name)s” could not be read as a picture. JPEG, PNG, WebP and what else this browser shows can be searched with; it was not sent anywhere.", { name: file.name || "picture" }) : _("This site searches words only: it was made without the models that read pictures.");
    results.replaceChildren(made("p", { class: "problem", role: "alert" }, said));
    return;
  }
  picture = seen.token;
  if (preview) URL.revokeObjectURL(preview);
  preview = URL.createObjectURL(file);
  const place = document.getElementById("with-picture");
  place.hidden = false;
  place.querySelector("img").src = preview;
  search(asked(), { written: false });
}

if (form && results) {
  begin().catch(() => {});
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const query = asked();
    if (query.toString() || picture) search(query);
    else status(_("Type what you look for, or drop a picture."));
  });
  const file = document.getElementById("file");
  document.querySelector("[data-pick]").addEventListener("click", () => file.click());
  file.addEventListener("change", () => withPicture(file.files[0]));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    withPicture(event.dataTransfer.files[0]);
  });
  document.addEventListener("paste", (event) => event.clipboardData.files.length && withPicture(event.clipboardData.files[0]));
  document.querySelector("[data-forget-picture]").addEventListener("click", () => {
    forget();
    if (asked().toString()) search(asked());
    else welcome();
  });
  const fromAddress = () => {
    forget(); // of a picture an address says nothing
    const given = givenAddress();
    form.elements.q.value = given.get("q") ?? "";
    form.elements.less.value = given.get("less") ?? "";
    document.getElementById("less-of").open = given.has("less");
    if ([...given.keys()].length) search(given, { written: false });
    else welcome();
  };
  settled = whenGiven(fromAddress);
  fromAddress();
}
