// The widget of a notebook: it draws what Python found, and tells Python what somebody does. Words become text, never mark-up.

const WAITING = 400; // milliseconds after which a search that is not answered is said to be under way
const SILENT = 8000; // and after which the kernel may be busy with another cell
const MOST = 6_000_000; // bytes of a picture in one message: a notebook's server may cut the connection at 10 MB
const LONGEST = 2048; // pixels of a larger one that is made smaller

function make(name, attributes = {}, ...inside) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === undefined || value === "") continue;
    if (key === "on") for (const [what, act] of Object.entries(value)) made.addEventListener(what, act);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...inside.filter((each) => each !== "" && each !== null && each !== undefined));
  return made;
}

// An empty `alt` is said, since the words stand beside; anything else that is empty is left out.
function picture(source, alt) {
  const made = make("img", { src: source, loading: "lazy", decoding: "async" });
  made.alt = alt;
  return made;
}

function link(address, words) {
  return address ? make("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, words) : make("span", {}, words);
}

async function smaller(file) {
  const whole = await createImageBitmap(file);
  const by = Math.min(1, LONGEST / Math.max(whole.width, whole.height));
  const drawn = new OffscreenCanvas(Math.max(1, Math.round(whole.width * by)), Math.max(1, Math.round(whole.height * by)));
  drawn.getContext("2d").drawImage(whole, 0, 0, drawn.width, drawn.height);
  whole.close();
  return drawn.convertToBlob({ type: "image/jpeg", quality: 0.92 });
}

let made = 0;

function render({ model, el }) {
  const texts = model.get("_words");
  const _ = (text, values = {}) => (texts[text] ?? text).replace(/%\((\w+)\)s/g, (whole, name) => values[name] ?? whole);
  const own = `mirage-${++made}`;
  const words = make("input", { type: "search", id: `${own}-words`, dir: "auto", autocomplete: "off", placeholder: _("axial brain MRI thalamus") });
  const other = make("input", { type: "search", id: `${own}-other`, dir: "auto", autocomplete: "off" });
  const file = make("input", { type: "file", id: `${own}-file`, accept: "image/*,.dcm,.dicom" });
  const said = make("p", { class: "mirage-said", role: "status" });
  const wrong = make("p", { class: "mirage-wrong", role: "alert" });
  const tells = make("div", { class: "mirage-tells" });
  const sides = make("div", { class: "mirage-sides" });
  const open = make("section", { class: "mirage-open", tabindex: "-1", "aria-label": _("Figure"), hidden: true });
  const form = make("form", { class: "mirage-form", role: "search" },
    make("label", { for: words.id }, _("Search for")), words,
    make("label", { for: other.id }, _("Compare with")), other,
    make("button", { type: "submit" }, _("Search")),
    make("label", { class: "mirage-file", for: file.id }, _("or choose, or drop, a picture")), file);
  const page = make("div", { class: "mirage" }, form, said, wrong, open, tells, sides);
  let from = null; // the card that the open figure was opened from
  let timers = [];

  function asked() {
    settle();
    wrong.textContent = "";
    timers = [
      setTimeout(() => (said.textContent = _("Searching …")), WAITING),
      setTimeout(() => (said.textContent = _("The kernel has not answered yet: it may be busy with another cell, or have stopped.")), SILENT),
    ];
  }
  function settle() {
    timers.forEach(clearTimeout);
    timers = [];
  }
  function tell(what, buffers) {
    asked();
    model.send(what, undefined, buffers);
  }

  async function take(dropped) {
    if (!dropped) return;
    try {
      const sent = dropped.size > MOST ? await smaller(dropped) : dropped;
      tell({ kind: "picture", name: dropped.name }, [await sent.arrayBuffer()]);
    } catch {
      settle();
      wrong.textContent = _("The browser could not read %(name)s, or not make it small enough for a notebook. In a cell: widget.look_like(picture).", { name: dropped.name });
    }
  }

  function card(hit) {
    const button = make("button", { type: "button", class: "mirage-look", "data-id": hit.id, "aria-label": _("Open: %(title)s", { title: hit.title }) },
      hit.thumbnail ? picture(hit.thumbnail, "") : make("span", { class: "mirage-none" }, _("The picture is not there.")));
    button.addEventListener("click", () => {
      from = hit.id;
      tell({ kind: "open", id: hit.id });
    });
    return make("li", { class: `mirage-card mirage-${hit.confidence}` }, button,
      make("p", { class: "mirage-title", dir: "auto" }, `${hit.rank}. ${hit.title}`),
      hit.caption && make("p", { class: "mirage-caption", dir: "auto" }, hit.caption),
      make("p", { class: "mirage-sure" }, hit.sure), ...whence(hit));
  }
  function whence(hit) {
    return [
      make("p", { class: "mirage-source" }, make("bdi", {}, link(hit.source, hit.attribution)), " · ", link(hit.terms, _("licence: %(name)s", { name: hit.licence }))),
      hit.passing && make("p", { class: "mirage-passing" }, hit.passing),
      hit.withdrawn && make("p", { class: "mirage-gone", dir: "auto" }, hit.withdrawn),
    ];
  }

  function drawSides() {
    const found = model.get("_sides");
    sides.replaceChildren(...found.map((side) => make("section", { class: "mirage-side", "aria-label": side.words || _("Results") },
      found.length > 1 && make("h3", { dir: "auto" }, side.words),
      side.said && make("p", { class: "mirage-unfit" }, side.said),
      ...side.notes.map((note) => make("p", { class: "mirage-note", dir: "auto" }, note)),
      make("ol", { class: "mirage-hits" }, ...side.hits.map(card)))));
    sides.classList.toggle("mirage-two", found.length > 1);
  }
  function drawTells() {
    tells.replaceChildren(...model.get("_tells").map((each) => make("p", { dir: "auto" }, make("b", {}, `${each.of}: `), each.concepts.join(", "))));
  }
  function drawOpen() {
    const shown = model.get("_open");
    open.hidden = !shown.id;
    if (!shown.id) {
      open.replaceChildren();
      return;
    }
    open.replaceChildren(
      make("button", { type: "button", class: "mirage-close", on: { click: close } }, _("Close")),
      shown.picture ? picture(shown.picture, shown.alt) : make("p", {}, _("The picture is not there.")),
      make("h3", { dir: "auto" }, shown.title),
      shown.kind && make("p", { class: "mirage-kind" }, shown.kind),
      shown.diagnosis && make("p", { dir: "auto" }, _("Diagnosis: %(name)s", { name: shown.diagnosis })),
      shown.caption && make("p", { class: "mirage-caption", dir: "auto" }, shown.caption),
      ...whence(shown).filter(Boolean), make("p", {}, make("code", {}, shown.id)));
    if (from === shown.id) open.focus();
  }
  function close() {
    const back = from && [...sides.querySelectorAll("[data-id]")].find((each) => each.dataset.id === from);
    tell({ kind: "open", id: "" });
    if (back) back.focus();
  }
  function drawWords() {
    if (words.value !== model.get("query")) words.value = model.get("query");
    if (other.value !== model.get("against")) other.value = model.get("against");
  }
  function drawWrong() {
    wrong.textContent = model.get("error");
  }
  function drawDone() {
    settle();
    drawWrong();
    const found = model.get("_sides").reduce((sum, side) => sum + side.hits.length, 0);
    said.textContent = model.get("_sides").length ? _("Figures shown: %(number)s", { number: found }) : "";
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    tell({ kind: "ask", query: words.value, against: other.value });
  });
  file.addEventListener("change", () => {
    take(file.files[0]);
    file.value = ""; // the same one may be chosen again
  });
  // Keys are the notebook's, which has shortcuts of one letter, except where somebody types or looks.
  page.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Escape" && !open.hidden) close();
  });
  page.addEventListener("dragover", (event) => {
    event.preventDefault();
    page.classList.add("mirage-drop");
  });
  page.addEventListener("dragleave", () => page.classList.remove("mirage-drop"));
  page.addEventListener("drop", (event) => {
    event.preventDefault();
    event.stopPropagation();
    page.classList.remove("mirage-drop");
    take(event.dataTransfer.files[0]);
  });

  const follows = { query: drawWords, against: drawWords, _sides: drawSides, _tells: drawTells, _open: drawOpen, error: drawWrong, _done: drawDone };
  for (const [name, draw] of Object.entries(follows)) model.on(`change:${name}`, draw);
  for (const draw of Object.values(follows)) draw();
  el.append(page);
  return () => {
    settle();
    for (const [name, draw] of Object.entries(follows)) model.off(`change:${name}`, draw);
  };
}

export default { render };
