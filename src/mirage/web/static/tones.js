// Window and level: which values are shown between black and white.

// Kept values to 0 … 255: through a window, upside down where that is wanted.
export function lookUp(stack, { centre, width, inverted, curve }, entries) {
  const table = new Uint8ClampedArray(entries);
  const darkest = centre - width / 2, sign = inverted ? -4 : 4;
  const [from, step] = inverted ? [255, -255 / width] : [0, 255 / width];
  for (let kept = 0; kept < entries; kept += 1) {
    const value = stack.slope * (kept + stack.least) + stack.intercept;
    const shade = curve ? 255 / (1 + Math.exp((sign * (centre - value)) / width)) : from + (value - darkest) * step;
    table[kept] = Math.floor(shade + 0.5);
  }
  return table;
}

export class Tone {
  // `step` is what one kept value means: no window is narrower.
  constructor(presets, name, step, changed) {
    Object.assign(this, { presets, step: Math.abs(step), changed });
    this.first = presets.find((each) => each.name === name) ?? presets[0];
    this.take(this.first);
  }

  take({ name, centre, width, each = [], curve = "" }) {
    Object.assign(this, { name, centre, width, usual: [centre, width], each, curve, inverted: false });
    this.stand(this.number);
  }

  // At a slice of the first plane, or of none: slices may have windows of their own.
  stand(number) {
    this.number = number;
    if (this.each.length) [this.centre, this.width] = this.each[number] ?? this.usual;
  }

  // Whether nothing of the picture is changed.
  get plain() {
    const same = this.each.length ? this.name === this.first.name : this.centre === this.first.centre && this.width === this.first.width;
    return same && !this.inverted;
  }

  choose(name) {
    const found = this.presets.find((each) => each.name === name);
    if (!found) return;
    const { inverted } = this;
    this.take(found);
    this.inverted = inverted;
    this.changed();
  }

  // A drag to the right widens, one upwards brightens; in pixels.
  drag(across, down) {
    const most = Math.max(...this.presets.map((each) => Math.abs(each.centre) + each.width)) * 4;
    this.width = Math.min(most, Math.max(this.step, this.width * Math.exp(across * 0.006)));
    this.centre = Math.min(most, Math.max(-most, this.centre + down * Math.max(this.width, 20 * this.step) * 0.004));
    Object.assign(this, { name: "", each: [] });
    this.changed();
  }

  set({ centre, width, inverted, name = "" }, told = true) {
    if (!(width > 0 && Number.isFinite(centre + width))) return;
    Object.assign(this, { centre, width: Math.max(this.step, width), inverted, name, each: [], curve: "" });
    this.changed(told);
  }

  invert() { this.inverted = !this.inverted; this.changed(); }

  reset() { this.take(this.first); this.changed(); }
}

// Paints slices into one buffer that is kept from frame to frame; the table is made once for each change of the window.
export class Painter {
  constructor(canvas, stack) {
    Object.assign(this, { canvas, stack, pen: canvas.getContext("2d"), made: "" });
  }

  paint(values, rows, columns, tone) {
    const { canvas, pen, stack } = this;
    if (canvas.width !== columns || canvas.height !== rows || !this.pixels) {
      canvas.width = columns;
      canvas.height = rows;
      this.pixels = pen.createImageData(columns, rows);
      this.whole = new Uint32Array(this.pixels.data.buffer);
    }
    const entries = values.BYTES_PER_ELEMENT === 2 ? 65536 : 256;
    const wanted = `${tone.centre} ${tone.width} ${tone.inverted} ${tone.curve} ${entries}`;
    if (this.made !== wanted) {
      this.made = wanted;
      const shades = lookUp(stack, tone, entries);
      this.table = Uint32Array.from(shades, stack.colours === 1 ? (shade) => 0xff000000 | (shade * 0x010101) : undefined);
    }
    const { whole, table } = this, { length } = whole;
    if (stack.colours === 1) for (let at = 0; at < length; at += 1) whole[at] = table[values[at]];
    else {
      for (let at = 0; at < length; at += 1) {
        whole[at] = 0xff000000 | (table[values[2 * length + at]] << 16) | (table[values[length + at]] << 8) | table[values[at]];
      }
    }
    pen.putImageData(this.pixels, 0, 0);
  }
}

// The same of a picture that the browser draws: a filter, of which a page needs one for each.
let filters = 0;
const SVG = "http://www.w3.org/2000/svg";
export class Filter {
  constructor(image) {
    this.image = image;
    this.id = `tone-${(filters += 1)}`;
  }

  paint(tone) {
    if (!this.parts) {
      if (tone.plain) return;
      const drawing = document.createElementNS(SVG, "svg"), filter = document.createElementNS(SVG, "filter"), parts = document.createElementNS(SVG, "feComponentTransfer");
      drawing.setAttribute("class", "unseen");
      drawing.setAttribute("aria-hidden", "true");
      filter.id = this.id;
      filter.setAttribute("color-interpolation-filters", "sRGB");
      this.parts = ["R", "G", "B"].map((each) => parts.appendChild(document.createElementNS(SVG, `feFunc${each}`)));
      for (const each of this.parts) each.setAttribute("type", "linear");
      filter.append(parts);
      drawing.append(filter);
      this.image.after(drawing);
    }
    const sign = tone.inverted ? -1 : 1, slope = 255 / tone.width, from = 0.5 - tone.centre / tone.width;
    for (const each of this.parts) {
      each.setAttribute("slope", sign * slope);
      each.setAttribute("intercept", tone.inverted ? 1 - from : from);
    }
    this.image.style.filter = tone.plain ? "" : `url(#${this.id})`;
  }
}
