// What a page says of the slice that is shown: slider, count, sides, legend, links, and its own address.
import { _ } from "./words.js";

export const LEAP = 10;  // slices that Page Up and Page Down pass
const NAMED = 8;  // structures told aloud; the legend has them all

export const planeCalled = (plane) => ({ axial: _("axial"), coronal: _("coronal"), sagittal: _("sagittal") })[plane] ?? plane;

export const filled = (template, view, number) => template.replace("{view}", view).replace("{number}", number);

export class SlicePage {
  constructor(stack) {
    const { box } = stack.viewer;
    Object.assign(this, { stack, box, own: "address" in box.dataset });
    for (const part of ["slider", "count", "edges", "legend"]) this[part] = box.querySelector(`[data-${part}]`);
  }

  listen() {
    const { stack, slider, box } = this;
    slider.addEventListener("input", () => stack.show(stack.view, Number(slider.value) - 1));
    // A range's own Page keys pass a tenth of it; these pass as many slices as in the picture.
    slider.addEventListener("keydown", (event) => {
      const count = { PageUp: LEAP, PageDown: -LEAP }[event.key];
      if (!count) return;
      event.preventDefault();
      stack.by(count);
    });
    box.addEventListener("click", (event) => {
      const link = event.target instanceof Element && event.target.closest("a[data-go]");
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      const { view = stack.view, window: name, number, step } = link.dataset;
      if (name) { stack.viewer.tone.choose(name); return; }
      stack.sought = number === undefined ? 0 : stack.structures.valueOf(link.textContent);
      if (step) stack.by(Number(step));
      else stack.show(view, number === undefined ? stack.seen(view) : Number(number));
    });
    for (const each of box.querySelectorAll("[data-scripted]")) each.hidden = false;
  }

  // At once, whether or not the slice has come.
  counted() {
    const { stack, slider } = this, { slices } = stack.planeOf(stack.view);
    slider.max = slices;
    slider.value = stack.number + 1;
    const number = stack.number + 1;
    this.count.textContent = stack.oriented
      ? _("%(plane)s, slice %(number)s of %(count)s", { plane: planeCalled(stack.view), number, count: slices })
      : _("slice %(number)s of %(count)s", { number, count: slices });
    stack.viewer.stage.classList.toggle("at-first", !stack.can(-1));
    stack.viewer.stage.classList.toggle("at-last", !stack.can(1));
  }

  // When it is drawn.
  told() {
    const { stack, slider, edges, legend } = this, { viewer, shown, structures } = stack;
    const { slices, letters } = stack.plane, here = structures.on(shown.marks), names = here.map(([, name]) => name);
    const where = _("slice %(number)s of %(count)s", { number: shown.number + 1, count: slices });
    const first = names.slice(0, NAMED).join(", "), more = names.length - NAMED;
    const told = where + (names.length ? `, ${more > 0 ? _("%(names)s and %(n)s more", { names: first, n: more }) : first}` : "");
    slider.setAttribute("aria-valuetext", told);
    stack.picture.setAttribute("aria-label", stack.oriented ? `${planeCalled(shown.view)} ${told}` : told);
    // A slider says itself what it shows.
    if (document.activeElement === viewer.stage) viewer.tell(told);
    for (const [at, side] of ["left", "right", "top", "bottom"].entries()) {
      edges.querySelector(`[data-side=${side}]`).textContent = letters ? letters[at] : "";
    }
    if (shown.marks) legend?.replaceChildren(...here.map((each) => structures.item(each)));
    this.addressed();
  }

  addressed() {
    const { stack } = this, { header, view: shown, number: at } = stack, { name: windowed } = stack.viewer.tone;
    const first = header.planes[0].plane, usual = header.windows[0]?.name;
    const page = (number, view = shown, window = windowed, structure = stack.structures.names.get(stack.stoodIn)) => {
      const here = new URL(header.links.page, location);
      here.searchParams.set("slice", number + 1);
      if (view !== first) here.searchParams.set("view", view);
      if (window && window !== usual) here.searchParams.set("window", window);
      if (structure) here.searchParams.set("structure", structure);
      return here;
    };
    for (const link of this.box.querySelectorAll("a[data-go]")) {
      const { view, window: name, number, step } = link.dataset;
      const current = name ? name === windowed : !step && number === undefined && view === shown;
      if (current) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
      if (step) link.href = page(stack.within(shown, at + Number(step)));
      else if (number !== undefined) link.href = page(Number(number), view, name, link.textContent);
      else link.href = page(stack.seen(view ?? shown), view, name);
    }
    stack.viewer.stage.querySelector(".whole").href = this.own
      ? filled(header.links.pictures, shown, at) + (windowed ? `&window=${encodeURIComponent(windowed)}` : "") : page(at);
    if (!this.own) return;
    // Browsers refuse too many changes of the address in a row.
    clearTimeout(this.writing);
    this.writing = setTimeout(() => history.replaceState(history.state, "", page(at)), 250);
  }
}
