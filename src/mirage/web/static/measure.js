// Lengths: in millimetres where the source gives a spacing, else in pixels, which is said.
import { _, number } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const REACH = { mouse: 12, pen: 16, touch: 28 };  // pixels round an end that take hold of it

const made = (name, attributes) => {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
};

export class Lengths {
  constructor(viewer) {
    Object.assign(this, { viewer, all: [], held: null, begun: false, cursor: null });
    this.list = viewer.box.querySelector("[data-lengths]");
    this.note = viewer.box.querySelector("[data-scale]");
    this.drawing = made("svg", { class: "lengths", "aria-hidden": "true" });
    viewer.stage.append(this.drawing);
    this.list.addEventListener("click", ({ target }) => {
      const { go, remove } = target.dataset;
      if (go !== undefined) this.viewer.stack?.at(this.all[go].where);
      if (remove !== undefined) this.remove(Number(remove));
    });
  }

  get here() { return this.viewer.stack?.where ?? ""; }

  // Millimetres and pixels from one side of the picture to the other, across and down.
  get measures() {
    const { size: [columns, rows], spacing } = this.viewer.surface;
    return { pixels: [columns, rows], scale: spacing && [columns * spacing[1], rows * spacing[0]] };
  }

  words({ from, to }) {
    const { pixels, scale } = this.measures, [across, down] = scale ?? pixels;
    const length = Math.hypot((to[0] - from[0]) * across, (to[1] - from[1]) * down);
    const n = number(length, scale && length < 100 ? 1 : 0);
    return scale ? _("%(n)s mm", { n }) : _("%(n)s pixels", { n });
  }

  within(at) { return this.viewer.camera.inPicture(...at).map((part) => Math.min(1, Math.max(0, part))); }

  // -- by pointer: a drag from end to end, or a press on each; an end is taken hold of again
  press(at, kind = "mouse") {
    if (this.begun) { this.held.to = this.within(at); return; }
    const reach = REACH[kind] ?? 12, { camera } = this.viewer;
    for (const each of this.all.filter(({ where }) => where === this.here)) {
      for (const [end, other] of [["to", "from"], ["from", "to"]]) {
        const [x, y] = camera.onStage(each[end]);
        if (Math.hypot(x - at[0], y - at[1]) > reach) continue;
        if (end === "from") [each.from, each.to] = [each[other], each[end]];
        this.held = each;
        return;
      }
    }
    this.start(this.within(at));
  }

  start(point) {
    this.held = { where: this.here, title: this.viewer.stack?.title ?? "", from: point, to: point };
    this.all.push(this.held);
    this.fresh = true;
  }

  drag(at) {
    if (!this.held) return;
    this.held.to = this.within(at);
    this.draw();
  }

  hover(at) { if (this.begun) this.drag(at); }

  lift(well) {
    if (!this.held) return;
    if (!well) { this.cancel(); return; }
    // A press without a drag is one end; the next press is the other.
    if (this.fresh && !this.begun && !this.viewer.moved) { this.begun = true; this.draw(); return; }
    this.finish();
  }

  finish() {
    const { held } = this;
    this.held = null;
    this.begun = this.fresh = false;
    if (held.from.every((part, at) => part === held.to[at])) this.all.splice(this.all.indexOf(held), 1);
    else this.viewer.tell(_("Length %(n)s: %(words)s", { n: this.all.indexOf(held) + 1, words: this.words(held) }));
    this.draw();
    this.listed();
  }

  // Whether there was something to give up.
  cancel() {
    const { held } = this;
    if (!held) return false;
    if (this.fresh) this.all.splice(this.all.indexOf(held), 1);
    this.held = null;
    this.begun = this.fresh = false;
    this.draw();
    this.listed();
    return true;
  }

  remove(number = this.all.findLastIndex(({ where }) => where === this.here)) {
    if (!this.all[number]) return;
    this.cancel();
    this.all.splice(number, 1);
    this.viewer.tell(_("Length %(n)s is removed.", { n: number + 1 }));
    this.draw();
    this.listed();
    this.viewer.stage.focus({ preventScroll: true });
  }

  clear() {
    this.cancel();
    this.all = [];
    this.draw();
    this.listed();
  }

  // -- by keys: a cross moves, Enter sets one end and then the other
  step(across, down, fine) {
    const { camera } = this.viewer, { pixels } = this.measures;
    const { width, height } = camera.box();
    this.cursor ??= this.within([camera.stage.clientWidth / 2, camera.stage.clientHeight / 2]);
    const by = (part, pixel, size) => part * (fine ? 1 / pixel : 12 / (size * camera.scale));
    const wanted = [this.cursor[0] + by(across, pixels[0], width), this.cursor[1] + by(down, pixels[1], height)];
    this.cursor = wanted.map((part) => Math.min(1, Math.max(0, part)));
    if (this.begun) this.held.to = this.cursor;
    const [x, y] = this.cursor.map((part, at) => Math.round(part * pixels[at]));
    this.viewer.tell(_("Cross at %(x)s across, %(y)s down", { x, y }) + (this.begun ? `, ${this.words(this.held)}` : ""));
    this.draw();
  }

  set() {
    if (!this.cursor) { this.step(0, 0); return; }
    if (this.begun) { this.held.to = this.cursor; this.finish(); return; }
    this.start(this.cursor);
    this.begun = true;
    this.draw();
  }

  draw() {
    const { camera, tool } = this.viewer, parts = [];
    const line = (x, y, across, down, kind) => parts.push(made("line", { x1: x, y1: y, x2: across, y2: down, class: kind }));
    for (const each of this.all) {
      if (each.where !== this.here) continue;
      const [x, y] = camera.onStage(each.from), [across, down] = camera.onStage(each.to);
      line(x, y, across, down, "under");
      line(x, y, across, down, "");
      for (const [cx, cy] of [[x, y], [across, down]]) parts.push(made("circle", { cx, cy, r: 4 }));
      const text = made("text", { x: Math.min(camera.stage.clientWidth - 76, Math.max(x, across) + 8), y: (x > across ? y : down) + 4 });
      text.textContent = this.words(each);
      parts.push(text);
    }
    if (tool === "measure" && this.cursor) {
      const [x, y] = camera.onStage(this.cursor);
      for (const kind of ["under", ""]) { line(x - 9, y, x + 9, y, kind); line(x, y - 9, x, y + 9, kind); }
    }
    this.drawing.replaceChildren(...parts);
  }

  // The list below the picture, and whether there is a scale.
  listed() {
    const { viewer } = this;
    this.note.hidden = viewer.tool !== "measure" && !this.all.length;
    this.note.textContent = this.measures.scale
      ? _("Lengths are in millimetres, by the spacing that the source gives.")
      : _("No scale is known for this picture: lengths are in pixels.");
    this.list.replaceChildren(...this.all.map((each, at) => {
      const item = document.createElement("li");
      const button = (words, data, name) => {
        const found = Object.assign(document.createElement("button"), { type: "button", textContent: words });
        if (name) found.setAttribute("aria-label", name);
        found.dataset[data] = at;
        return found;
      };
      item.append(`${this.words(each)} `);
      if (each.where !== this.here) item.append(button(each.title, "go"), " ");
      item.append(button(_("Remove"), "remove", _("Remove length %(n)s", { n: at + 1 })));
      return item;
    }));
  }
}
