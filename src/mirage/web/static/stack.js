// Scrolling through a stack. Without this module the page shows one slice, with links to the next and the one before.
import { Colours, outline, withoutSpecks } from "./outlines.js";
import { Slices, lookUp } from "./slices.js";

const NAMED = 8;  // structures told aloud; the legend has them all
const NOTCH = 40;  // pixels that a wheel's notch has at least
const LEAP = 10;  // slices that Page Up and Page Down pass

export async function startStack() {
  const place = document.querySelector("[data-stack]:not(.scrolled)");
  if (!place || !("DecompressionStream" in window)) return;
  place.classList.add("scrolled");
  const say = (words) => { place.querySelector("[data-problem]").textContent = words; };
  try {
    const answer = await fetch(place.dataset.stack);
    const header = await answer.json();
    if (!answer.ok) throw new Error(header.detail);
    await new Viewer(place, header, say).begin();
  } catch (error) {
    say(`${error.message} The slice is still a picture; the links below show others.`);
  }
}

class Viewer {
  constructor(place, header, say) {
    Object.assign(this, { place, header, say });
    const names = ["viewer", "slider", "count", "legend", "outlines", "edges", "named"];
    this.parts = Object.fromEntries(names.map((name) => [name, place.querySelector(`[data-${name}]`)]));
    const planeOf = (view) => header.planes.find((each) => each.plane === view);
    const source = (template, colours) =>
      new Slices((view, number) => filled(template, view, number), planeOf, colours);
    this.planeOf = planeOf;
    this.values = source(header.links.slices, header.colours);
    this.marks = header.links.labels ? source(header.links.labels, 1) : null;
    this.names = new Map(header.labels.map((label) => [label.value, label.name]));
    this.view = place.dataset.view;
    this.number = Number(place.dataset.number);
    this.window = header.windows.find((each) => each.name === place.dataset.window) ?? header.windows[0];
    this.colours = new Colours();
    this.only = this.pointed = 0;  // structures: the one that is shown alone, and the one pointed at
    this.sought = this.stoodIn = this.valueOf(place.dataset.structure);  // the one gone to, and the one other planes are cut through
    this.body = [0.5, 0.5, 0.5];  // the place that another plane is cut through
    this.placed = new Set();  // in which directions somebody chose it
  }

  async begin() {
    const image = this.parts.viewer.querySelector("img");
    this.layers = document.createElement("div");
    this.layers.className = "layers";
    this.picture = document.createElement("canvas");
    this.overlay = document.createElement("canvas");
    this.overlay.className = "overlay";
    this.picture.setAttribute("role", "img");
    this.overlay.setAttribute("aria-hidden", "true");
    this.layers.append(this.picture, this.overlay);
    await this.show(this.view, this.number);
    image.replaceWith(this.layers);
    this.parts.viewer.classList.add("layered");
    this.parts.viewer.dispatchEvent(new Event("layered"));
    for (const each of this.place.querySelectorAll("[data-scripted]")) each.hidden = false;
    for (const each of this.place.querySelectorAll("[data-plain]")) each.hidden = true;
    this.listen();
  }

  listen() {
    const { slider, viewer, outlines } = this.parts;
    const by = (count) => this.show(this.view, this.number + count);
    slider.addEventListener("input", () => this.show(this.view, Number(slider.value) - 1));
    let turned = 0;
    viewer.addEventListener("wheel", (event) => {
      if (event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      // A notch of a wheel is a slice; a touchpad sends many small steps.
      if (event.deltaMode || Math.abs(event.deltaY) >= NOTCH) {
        turned = 0;
        by(Math.sign(event.deltaY));
        return;
      }
      turned += event.deltaY;
      const count = Math.trunc(turned / NOTCH);
      turned -= count * NOTCH;
      if (count) by(count);
    }, { passive: false });
    const zoomed = () => Number(viewer.dataset.scale ?? 1) > 1;
    const keys = {
      ArrowUp: () => !zoomed() && by(1), ArrowRight: () => !zoomed() && by(1),
      ArrowDown: () => !zoomed() && by(-1), ArrowLeft: () => !zoomed() && by(-1),
      PageUp: () => by(LEAP), PageDown: () => by(-LEAP),
      Home: () => this.show(this.view, 0), End: () => this.show(this.view, this.planeOf(this.view).slices - 1),
    };
    viewer.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
      if (keys[event.key]() !== false) event.preventDefault();
    });
    // A range's own Page keys pass a tenth of it; these pass as many slices as in the picture.
    slider.addEventListener("keydown", (event) => {
      if (!event.key.startsWith("Page")) return;
      event.preventDefault();
      keys[event.key]();
    });
    this.place.addEventListener("click", (event) => {
      const link = event.target instanceof Element && event.target.closest("a[data-go]");
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      const { view = this.view, window: name, number } = link.dataset;
      if (name) this.window = this.header.windows.find((each) => each.name === name);
      this.sought = number === undefined ? 0 : this.valueOf(link.textContent);
      if (link.dataset.step) by(Number(link.dataset.step));
      else this.show(view, number === undefined ? this.seen(view) : Number(number));
    });
    outlines?.addEventListener("change", () => this.draw());
    this.pointing();
  }

  // Which structure is meant: by pointing at it in the picture, or at its name in the legend; pressing its name shows it alone.
  pointing() {
    const { viewer, legend } = this.parts;
    const point = (value) => {
      if (value === this.pointed) return;
      this.pointed = value;
      this.draw();
    };
    const found = (event) => {
      const box = this.overlay.getBoundingClientRect();
      const across = (event.clientX - box.left) / box.width, down = (event.clientY - box.top) / box.height;
      if (!(across >= 0 && across < 1 && down >= 0 && down < 1)) return null;
      const { rows, columns } = this.planeOf(this.view);
      return { across, down, value: this.marked?.[Math.floor(down * rows) * columns + Math.floor(across * columns)] ?? 0 };
    };
    viewer.addEventListener("pointermove", (event) => event.target.closest(".viewer-tools") || point(found(event)?.value ?? 0));
    viewer.addEventListener("pointerleave", () => point(0));
    viewer.addEventListener("pointerdown", (event) => {
      const there = !event.target.closest(".viewer-tools") && found(event);
      if (!there) return;
      this.stand(there.across, there.down);
      this.stoodIn = this.sought = 0;
      point(there.value);
      this.addressed();
    });
    const of = (event) => Number(event.target.closest("[data-value]")?.dataset.value ?? 0);
    for (const kind of ["pointerover", "focusin"]) legend?.addEventListener(kind, (event) => point(of(event)));
    for (const kind of ["pointerleave", "focusout"]) legend?.addEventListener(kind, () => point(0));
    legend?.addEventListener("click", (event) => {
      const value = of(event);
      if (!value) return;
      this.only = value === this.only ? 0 : value;
      for (const each of legend.querySelectorAll("[data-value]")) each.setAttribute("aria-pressed", Number(each.dataset.value) === this.only);
      if (this.only) this.standIn(this.only);
      this.draw();
      this.addressed();
    });
  }

  // Another plane is cut through this place of the slice, from 0 to 1 across and down.
  stand(across, down) {
    for (const [axis, part] of inBody(this.view, across, down)) {
      this.body[axis] = part;
      this.placed.add(axis);
    }
  }

  standIn(value) {
    const { rows, columns } = this.planeOf(this.view);
    let count = 0, across = 0, down = 0;
    this.marked?.forEach((each, at) => { if (each === value) { count += 1; across += at % columns; down += Math.floor(at / columns); } });
    if (!count) return;
    this.stand((across / count + 0.5) / columns, (down / count + 0.5) / rows);
    this.stoodIn = value;
  }

  seen(view) {
    if (view === this.view) return this.number;
    const axis = AXES[view]?.[2], { slices } = this.planeOf(view);
    if (this.placed.has(axis)) return Math.floor(Math.min(this.body[axis], 0.999999) * slices);
    return view === this.header.planes[0].plane ? this.header.best : slices >> 1;
  }

  within(view, number) {
    return Math.max(0, Math.min(this.planeOf(view).slices - 1, number));
  }

  async show(view, number) {
    this.view = view;
    this.number = number = this.within(view, number);
    this.body[AXES[view]?.[2]] = (number + 0.5) / this.planeOf(view).slices;
    this.placed.add(AXES[view]?.[2]);
    this.said(null);
    const wanted = [this.values.get(view, number), this.marks?.get(view, number)];
    const slow = setTimeout(() => this.say(`Cutting the ${view} slices from the stack …`), 400);
    try {
      const [values, marks] = await Promise.all(wanted);
      // By now somebody may look at another slice, which is drawn by its own call.
      if (this.view !== view || this.number !== number) return;
      if (marks !== this.marked) this.clean = null;
      Object.assign(this, { shown: values, marked: marks });
      if (marks && this.sought) this.standIn(this.sought);
      this.say("");
      this.draw();
      this.said(marks);
    } catch (error) {
      if (this.view === view && this.number === number) this.say(error.message);
    } finally {
      clearTimeout(slow);
    }
  }

  draw() {
    const { rows, columns, spacing } = this.planeOf(this.view);
    if (this.shown?.length !== rows * columns * this.header.colours) return;
    for (const canvas of [this.picture, this.overlay]) {
      if (canvas.width !== columns || canvas.height !== rows) { canvas.width = columns; canvas.height = rows; }
    }
    const [down, across] = spacing ?? [1, 1];
    this.layers.style.setProperty("--proportion", (columns * across) / (rows * down));
    paint(this.picture, this.shown, lookUp(this.header, this.window, this.shown.BYTES_PER_ELEMENT === 2 ? 65536 : 256), this.header.colours);
    const lines = this.overlay.getContext("2d");
    lines.clearRect(0, 0, columns, rows);
    const lit = this.pointed || this.only;
    this.parts.named.textContent = lit && this.marked ? this.nameOf(lit) : "";
    if (!this.marked) return;
    this.colours.choose([...new Set(this.marked)].filter((value) => value).sort((a, b) => a - b));
    if (!this.parts.outlines.checked) return;
    this.clean ??= withoutSpecks(this.marked, rows, columns);
    outline(lines, this.clean, rows, columns, this.colours, lit, !this.pointed && Boolean(this.only));
  }

  valueOf(name) { return this.header.labels.find((each) => each.name === name)?.value ?? 0; }

  nameOf(value) { return this.names.get(value) ?? `label ${value}`; }

  item([value, name]) {
    const line = document.createElement("li"), button = document.createElement("button"), swatch = document.createElement("span");
    Object.assign(button, { type: "button", title: `Show ${name} alone` });
    button.dataset.value = value;
    button.setAttribute("aria-pressed", value === this.only);
    swatch.className = "swatch";
    swatch.style.backgroundColor = `rgb(${this.colours.of(value).join(" ")})`;
    button.append(swatch, name);
    line.append(button);
    return line;
  }

  // What is shown, in words: the slider's value, the count, the letters, the legend, the links, the address.
  said(marks) {
    const { slices, letters } = this.planeOf(this.view);
    const { slider, count, edges, legend } = this.parts;
    const here = marks ? [...new Set(marks)].filter((value) => value) : [];
    const named = here.map((value) => [value, this.nameOf(value)]).sort((a, b) => a[1].localeCompare(b[1]));
    const names = named.map(([, name]) => name);
    const told = names.slice(0, NAMED).join(", ") + (names.length > NAMED ? ` and ${names.length - NAMED} more` : "");
    const where = `slice ${this.number + 1} of ${slices}`;
    slider.max = slices;
    slider.value = this.number + 1;
    slider.setAttribute("aria-valuetext", where + (told && `, ${told}`));
    count.textContent = `${this.view}, ${where}`;
    this.picture.setAttribute("aria-label", `${this.view} ${where}${told && `: ${told}`}`);
    for (const [side, letter] of [["left", 0], ["right", 1], ["top", 2], ["bottom", 3]]) {
      edges.querySelector(`[data-side=${side}]`).textContent = letters ? letters[letter] : "";
    }
    if (marks) legend.replaceChildren(...named.map((each) => this.item(each)));
    for (const link of this.place.querySelectorAll("a[data-go]")) {
      const { view, window: name, number } = link.dataset;
      const current = name ? name === this.window?.name : !number && view === this.view;
      if (current) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    this.addressed();
  }

  addressed() {
    const first = this.header.planes[0].plane, usual = this.header.windows[0]?.name;
    const page = (number, view = this.view, window = this.window?.name, structure = this.names.get(this.stoodIn)) => {
      const here = new URL(this.header.links.page, location);
      here.searchParams.set("slice", number + 1);
      if (view !== first) here.searchParams.set("view", view);
      if (window !== usual) here.searchParams.set("window", window);
      if (structure) here.searchParams.set("structure", structure);
      return here;
    };
    for (const link of this.place.querySelectorAll("a[data-go]")) {
      const { view, window, number, step } = link.dataset;
      if (step) link.href = page(this.within(this.view, this.number + Number(step)));
      else if (number !== undefined) link.href = page(Number(number), view, window, link.textContent);
      else link.href = page(this.seen(view ?? this.view), view, window);
    }
    const { pictures } = this.header.links;
    this.parts.viewer.querySelector(".whole").href = filled(pictures, this.view, this.number)
      + (this.window ? `&window=${encodeURIComponent(this.window.name)}` : "");
    // Browsers refuse too many changes of the address in a row.
    clearTimeout(this.writing);
    this.writing = setTimeout(() => history.replaceState(history.state, "", page(this.number)), 250);
  }
}

const filled = (template, view, number) => template.replace("{view}", view).replace("{number}", number);

// Where in the body a point of a slice is: parts of the way from the patient's right, from the front, and from the feet.
const AXES = { axial: [0, 1, 2], coronal: [0, 2, 1], sagittal: [1, 2, 0] };  // across, down, from slice to slice
const inBody = (view, across, down) => {
  const [first, second] = AXES[view];
  return [[first, across], [second, second === 2 ? 1 - down : down]];  // what is higher stands higher
};

function paint(canvas, values, table, colours) {
  const pen = canvas.getContext("2d");
  const pixels = pen.createImageData(canvas.width, canvas.height);
  if (colours === 1) {
    const shades = new Uint32Array(table.length);
    for (let kept = 0; kept < table.length; kept += 1) shades[kept] = 0xff000000 | (table[kept] * 0x010101);
    const whole = new Uint32Array(pixels.data.buffer);
    for (let at = 0; at < whole.length; at += 1) whole[at] = shades[values[at]];
  } else {
    const each = canvas.width * canvas.height;
    for (let at = 0, to = 0; at < each; at += 1, to += 4) {
      for (let colour = 0; colour < 3; colour += 1) pixels.data[to + colour] = table[values[colour * each + at]];
      pixels.data[to + 3] = 255;
    }
  }
  pen.putImageData(pixels, 0, 0);
}
