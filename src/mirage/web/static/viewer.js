// One viewer for pictures and stacks. Without it a picture is a link to the whole picture.
import { Camera } from "./camera.js";
import { startGestures } from "./gestures.js";
import { linkViewers } from "./linked.js";
import { Lengths } from "./measure.js";
import { data } from "./source.js";
import { Stack } from "./stack.js";
import { startKeys, startTools } from "./tools.js";
import { Filter, Tone } from "./tones.js";
import { _ } from "./words.js";

const QUIET = 450;  // milliseconds without a change until it is told

// A picture that the browser draws.
class Picture {
  constructor(image) {
    Object.assign(this, { image, filter: new Filter(image), spacing: null });
    const mm = Number(image.dataset.mm);
    if (mm > 0) this.spacing = [mm, mm];
  }

  get size() {
    const { image } = this;
    return image.naturalWidth ? [image.naturalWidth, image.naturalHeight] : [image.width || 1, image.height || 1];
  }

  paint(tone) { this.filter.paint(tone); }
}

export class Viewer {
  constructor(box) {
    this.box = box;
    this.stage = box.querySelector("[data-viewer]");
    this.pair = box.closest("[data-pair]");
    this.tools = (this.pair ?? box).querySelector(".viewer-tools");
    this.tool = "move";
    this.stack = null;
    this.waiting = new Set();
    const image = this.stage.querySelector("img");
    this.surface = new Picture(image);
    this.camera = new Camera(this.stage, (told) => { this.lengths?.draw(); if (told) this.changed("view"); });
    // What 8 bits mean nobody says: the page offers brighter and darker.
    const presets = [...box.querySelectorAll("[data-presets] option[value]")].map(({ text: name, value }) => ({ name, centre: Number(value.split(" ")[0]), width: Number(value.split(" ")[1]) }));
    this.tone = this.toneOf(presets.length ? presets : [{ name: "", centre: 127.5, width: 255 }], "", 1);
    this.lengths = new Lengths(this);
    this.camera.content = image;
    const sized = () => { if (this.stack) return; const [width, height] = this.surface.size; this.camera.proportion = width / height; this.camera.draw(false); };
    image.addEventListener("load", sized);
    sized();
    this.stage.classList.add("live");
    image.draggable = false;
    const link = this.stage.querySelector(".whole");
    link.tabIndex = -1;
    link.draggable = false;
    link.addEventListener("click", (event) => { if (!event.ctrlKey && !event.metaKey) event.preventDefault(); });
    this.stage.tabIndex = 0;
    this.stage.setAttribute("role", "application");
    this.stage.setAttribute("aria-label", _("Picture: %(alt)s. Press ? for the keys.", { alt: image.alt }));
    this.gestures = startGestures(this);
    startKeys(this);
    if (box.dataset.stack && "DecompressionStream" in window) this.opened = this.open(box.dataset.stack);
  }

  toneOf(presets, name, step) { return new Tone(presets, name, step, (told = true) => this.toned(told)); }

  async open(address) {
    try {
      await new Stack(this, await data(address)).begin();
    } catch (error) {
      this.problem(`${error.message} ${_("The slice is still a picture; the links below show others.")}`);
    }
  }

  // The stack has come and takes the picture's place.
  adopt(stack) {
    const { windows, slope } = stack.header;
    if (windows.length) this.tone = this.toneOf(windows, this.box.dataset.window, slope);
    this.surface = this.stack = stack;
    this.camera.content = stack.layers;
    this.stage.setAttribute("aria-label", _("Stack of slices: %(alt)s. Press ? for the keys.", { alt: this.stage.querySelector("img").alt }));
  }

  // To those who do not see it, when it has come to rest.
  tell(words) {
    clearTimeout(this.telling);
    this.telling = setTimeout(() => { this.box.querySelector("[data-told]").textContent = words; }, QUIET);
  }

  problem(words) {
    const place = this.box.querySelector("[data-problem]");
    if (place) place.textContent = words;
  }

  // What others that are linked with this one want to know.
  changed(kind) { this.stage.dispatchEvent(new CustomEvent("looked", { detail: kind })); }

  toned(told) {
    this.redraw("tone");
    if (told) this.changed("tone");
    const { centre, width, inverted } = this.tone, number = (value) => Number(value.toPrecision(width < 10 ? 2 : 4)).toLocaleString(document.documentElement.lang, { maximumFractionDigits: width < 10 ? 2 : 0 }).replace("-", "−");
    const unit = this.stack?.header.unit ?? "";
    const shown = { width: number(width), centre: number(centre), unit: unit && ` ${unit}`, contrast: `${number(25500 / width)} %` };
    // The numbers of a plain picture measure nothing.
    let words = inverted ? _("Contrast %(contrast)s, centre at %(centre)s of 255 grey levels, inverted", shown) : _("Contrast %(contrast)s, centre at %(centre)s of 255 grey levels", shown);
    if (this.stack) words = inverted ? _("Window %(width)s, centre %(centre)s%(unit)s, inverted", shown) : _("Window %(width)s, centre %(centre)s%(unit)s", shown);
    this.box.querySelector("[data-window-said]").textContent = this.tone.plain ? "" : words;
    this.tell(words);
    if (this.named !== this.tone.name) this.stack?.page.addressed();
    this.named = this.tone.name;
    startTools.refresh(this);
  }

  // At most once in a frame, whatever has changed since the last.
  redraw(what) {
    if (!this.waiting.size) this.frame = requestAnimationFrame(() => this.drawn());
    this.waiting.add(what);
  }

  drawn() {
    const what = this.waiting;
    this.waiting = new Set();
    this.surface.paint(this.tone, what);
    if (!what.has("slice")) return;
    this.camera.draw(false);
    this.lengths.listed();
  }
}

// A page may add viewers later, and calls this again.
export function startViewers() {
  for (const box of document.querySelectorAll("[data-viewing]:not(.scripted-viewer)")) {
    box.classList.add("scripted-viewer");
    box.viewer = new Viewer(box);
    if (!box.viewer.pair) startTools([box.viewer], box);
  }
  for (const pair of document.querySelectorAll("[data-pair]:not(.scripted-viewer)")) {
    pair.classList.add("scripted-viewer");
    const viewers = [...pair.querySelectorAll("[data-viewing]")].map((box) => box.viewer);
    startTools(viewers, pair, linkViewers(viewers, pair));
  }
}

startViewers();
