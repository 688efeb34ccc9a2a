// What is marked on a stack: outlined, named where it is pointed at, shown alone by its name, and found by typing.
import { Colours, outline, withoutSpecks } from "./outlines.js";
import { _ } from "./words.js";

export class Structures {
  constructor(stack) {
    const { box, stage } = stack.viewer;
    Object.assign(this, { stack, box, stage, names: new Map(stack.header.labels.map((label) => [label.value, label.name])) });
    for (const part of ["legend", "outlines", "named", "seek", "sought"]) this[part] = box.querySelector(`[data-${part}]`);
    this.colours = new Colours();
    this.only = this.pointed = 0;  // the one that is shown alone, and the one pointed at
  }

  valueOf(name) { return this.stack.header.labels.find((each) => each.name === name)?.value ?? 0; }

  nameOf(value) { return this.names.get(value) ?? _("label %(n)s", { n: value }); }

  // What is marked on a slice, as pairs of value and name.
  on(marks) {
    const here = marks ? [...new Set(marks)].filter((value) => value) : [];
    return here.map((value) => [value, this.nameOf(value)]).sort((a, b) => a[1].localeCompare(b[1]));
  }

  listen() {
    const { stage, legend } = this;
    this.outlines?.addEventListener("change", () => this.draw());
    stage.addEventListener("pointermove", (event) => this.point(this.under(event)));
    stage.addEventListener("pointerleave", () => this.point(0));
    const of = (event) => Number(event.target.closest("[data-value]")?.dataset.value ?? 0);
    for (const kind of ["pointerover", "focusin"]) legend?.addEventListener(kind, (event) => this.point(of(event)));
    for (const kind of ["pointerleave", "focusout"]) legend?.addEventListener(kind, () => this.point(0));
    legend?.addEventListener("click", (event) => this.alone(of(event)));
    this.seek?.addEventListener("input", () => this.seeking());
    this.seek?.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.found()[0]?.querySelector("a").click();
    });
  }

  under(event) {
    const { marks, viewer, plane: { rows, columns } } = this.stack, stage = this.stage.getBoundingClientRect();
    const [across, down] = viewer.camera.inPicture(event.clientX - stage.left, event.clientY - stage.top);
    if (!(across >= 0 && across < 1 && down >= 0 && down < 1)) return 0;
    return marks?.[Math.floor(down * rows) * columns + Math.floor(across * columns)] ?? 0;
  }


  point(value) {
    if (value === this.pointed) return;
    this.pointed = value;
    this.draw();
  }

  alone(value) {
    if (!value) return;
    this.only = value === this.only ? 0 : value;
    for (const each of this.legend.querySelectorAll("[data-value]")) each.setAttribute("aria-pressed", Number(each.dataset.value) === this.only);
    if (this.only) this.stack.standIn(this.only);
    this.draw();
    this.stack.page.addressed();
  }

  // Among the links to all structures: those whose name has every word that is typed, in some order.
  seeking() {
    const words = this.seek.value.toLowerCase().split(/\s+/);
    for (const item of this.box.querySelectorAll(".structures li")) {
      const name = item.textContent.toLowerCase();
      item.hidden = !words.every((word) => name.includes(word));
    }
    const count = this.found().length;
    this.sought.textContent = _("%(n)s of %(m)s structures", { n: count, m: this.stack.header.labels.length });
  }

  found() { return [...this.box.querySelectorAll(".structures li:not([hidden])")]; }

  // The middle of a structure on the slice that is shown; nothing where it is not there.
  middle(value) {
    const { marks, plane: { rows, columns } } = this.stack;
    let count = 0, across = 0, down = 0;
    marks?.forEach((each, at) => { if (each === value) { count += 1; across += at % columns; down += Math.floor(at / columns); } });
    return count ? [(across / count + 0.5) / columns, (down / count + 0.5) / rows] : null;
  }

  draw() {
    const { overlay, marks, plane: { rows, columns } } = this.stack;
    if (overlay.width !== columns || overlay.height !== rows) { overlay.width = columns; overlay.height = rows; }
    const pen = overlay.getContext("2d");
    pen.clearRect(0, 0, columns, rows);
    const lit = this.pointed || this.only;
    if (this.named) this.named.textContent = lit && marks ? this.nameOf(lit) : "";
    if (!marks) return;
    if (this.cleaned !== marks) [this.cleaned, this.clean] = [marks, null];
    this.colours.choose([...new Set(marks)].filter((value) => value).sort((a, b) => a - b));
    if (!this.outlines?.checked) return;
    this.clean ??= withoutSpecks(marks, rows, columns);
    outline(pen, this.clean, rows, columns, this.colours, lit, !this.pointed && Boolean(this.only));
  }

  item([value, name]) {
    const line = document.createElement("li"), button = document.createElement("button"), swatch = document.createElement("span");
    Object.assign(button, { type: "button", title: _("Show %(name)s alone", { name }) });
    button.dataset.value = value;
    button.setAttribute("aria-pressed", value === this.only);
    swatch.className = "swatch";
    swatch.style.backgroundColor = `rgb(${this.colours.of(value).join(" ")})`;
    button.append(swatch, name);
    line.append(button);
    return line;
  }
}
