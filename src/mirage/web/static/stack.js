// A figure of many slices in a viewer. Without this module the page shows one slice, with links to others.
import { Slices } from "./slices.js";
import { SlicePage, filled, planeCalled } from "./slice_page.js";
import { Structures } from "./structures.js";
import { Painter } from "./tones.js";
import { _ } from "./words.js";

// Where in the body a point of a slice is: parts of the way from the patient's right, from the front, and from the feet.
const AXES = { axial: [0, 1, 2], coronal: [0, 2, 1], sagittal: [1, 2, 0] };  // across, down, from slice to slice
const inBody = (view, across, down) => {
  const [first, second] = AXES[view];
  return [[first, across], [second, second === 2 ? 1 - down : down]];  // what is higher stands higher
};

export class Stack {
  constructor(viewer, header) {
    Object.assign(this, { viewer, header });
    const { dataset } = viewer.box;
    const source = (template, colours) =>
      new Slices((view, number) => filled(template, view, number), (view) => this.planeOf(view), colours);
    this.values = source(header.links.slices, header.colours);
    this.labels = header.links.labels ? source(header.links.labels, 1) : null;
    this.view = dataset.view;
    this.number = Number(dataset.number);
    this.body = [0.5, 0.5, 0.5];  // the place that another plane is cut through
    this.placed = new Set();  // in which directions somebody chose it
    this.turn = this.drawn = 0;
    this.structures = new Structures(this);
    this.sought = this.stoodIn = this.structures.valueOf(dataset.structure);  // the one gone to, and the one other planes are cut through
    this.page = new SlicePage(this);
  }

  planeOf(view) { return this.header.planes.find((each) => each.plane === view); }

  // What is shown, which may be a frame behind what is asked for.
  get plane() { return this.planeOf(this.shown?.view ?? this.view); }
  get marks() { return this.shown?.marks ?? null; }

  // As a viewer asks of everything that it shows.
  get size() { return [this.plane.columns, this.plane.rows]; }
  get spacing() { return this.plane.spacing; }
  get where() { return `${this.view} ${this.number}`; }
  // Frames of a film and numbered pictures are slices of no known plane.
  get oriented() { return this.header.planes.length > 1 || Boolean(this.header.planes[0].letters); }

  get title() {
    const n = this.number + 1;
    return this.oriented ? _("%(plane)s, slice %(n)s", { plane: planeCalled(this.view), n }) : _("slice %(n)s", { n });
  }
  at(where) { const [view, number] = where.split(" "); this.show(view, Number(number)); }

  // Millimetres from slice to slice: other planes have it as the spacing of their rows or columns.
  get thickness() {
    for (const { plane, spacing } of this.header.planes) {
      const axis = (AXES[plane] ?? []).indexOf(AXES[this.view]?.[2]);
      if (spacing && (axis === 0 || axis === 1)) return spacing[1 - axis];
    }
    return 0;
  }

  async begin() {
    const { stage } = this.viewer;
    this.layers = document.createElement("div");
    this.layers.className = "layers";
    this.picture = document.createElement("canvas");
    this.overlay = document.createElement("canvas");
    this.overlay.className = "overlay";
    this.picture.setAttribute("role", "img");
    this.overlay.setAttribute("aria-hidden", "true");
    this.layers.append(this.picture, this.overlay);
    this.painter = new Painter(this.picture, this.header);
    await this.show(this.view, this.number);
    if (!this.shown) return;
    this.viewer.adopt(this);
    stage.querySelector("img").replaceWith(this.layers);
    stage.classList.add("layered");
    this.structures.listen();
    this.page.listen();
  }

  // A tap: another plane is cut through this place.
  tapped([across, down]) {
    if (!(across >= 0 && across < 1 && down >= 0 && down < 1)) return;
    this.stand(across, down);
    this.stoodIn = this.sought = 0;
    this.page.addressed();
  }

  stand(across, down) {
    for (const [axis, part] of AXES[this.view] ? inBody(this.view, across, down) : []) {
      this.body[axis] = part;
      this.placed.add(axis);
    }
  }

  standIn(value) {
    const middle = this.structures.middle(value);
    if (!middle) return;
    this.stand(...middle);
    this.stoodIn = value;
  }

  // The slice of a view that goes through that place.
  seen(view) {
    if (view === this.view) return this.number;
    const axis = AXES[view]?.[2], { slices } = this.planeOf(view);
    if (this.placed.has(axis)) return Math.floor(Math.min(this.body[axis], 0.999999) * slices);
    return view === this.header.planes[0].plane ? this.header.best : slices >> 1;
  }

  within(view, number) { return Math.max(0, Math.min(this.planeOf(view).slices - 1, number)); }

  can(step) { return this.within(this.view, this.number + step) !== this.number; }

  // Some slices on or back; whether there were any.
  by(count, told = true) {
    if (!this.can(count)) return false;
    this.show(this.view, this.number + count, told);
    return true;
  }

  async show(view, number, told = true) {
    this.view = view;
    this.number = number = this.within(view, number);
    this.body[AXES[view]?.[2]] = (number + 0.5) / this.planeOf(view).slices;
    this.placed.add(AXES[view]?.[2]);
    const turn = (this.turn += 1), { viewer } = this;
    const wanted = [this.values.get(view, number), this.labels?.get(view, number)];
    this.page.counted();
    if (told) viewer.changed("scroll");
    const slow = setTimeout(() => turn === this.turn && viewer.problem(_("Cutting the %(plane)s slices from the stack …", { plane: planeCalled(view) })), 400);
    try {
      const [values, marks] = await Promise.all(wanted);
      // By now somebody may look at a later slice; what lies on the way there is shown until it has come.
      if (this.view !== view || turn < this.drawn) return;
      this.drawn = turn;
      this.shown = { view, number, values, marks };
      if (turn === this.turn) viewer.problem("");
      if (marks && this.sought && turn === this.turn) this.standIn(this.sought);
      viewer.redraw("slice");
    } catch (error) {
      if (turn === this.turn) viewer.problem(error.message);
    } finally {
      clearTimeout(slow);
    }
  }

  paint(tone, what) {
    if (!this.shown) return;
    const { rows, columns, spacing } = this.plane;
    const [down, across] = spacing ?? [1, 1];
    this.viewer.camera.proportion = (columns * across) / (rows * down);
    this.layers.style.setProperty("--proportion", this.viewer.camera.proportion);
    tone.stand(this.shown.view === this.header.planes[0].plane ? this.shown.number : undefined);
    this.painter.paint(this.shown.values, rows, columns, tone);
    if (!what.has("slice")) return;
    this.structures.draw();
    this.page.told();
  }
}
