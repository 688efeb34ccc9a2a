// Outlines of what is marked on a slice: colours that differ, no specks, and one structure at a time where that is wanted.

const HUES = 12, LIGHTS = [0.62, 0.8, 0.5];
const PALETTE = LIGHTS.flatMap((light) => Array.from({ length: HUES }, (_, at) => rgb((at + LIGHTS.indexOf(light) / 3) * (360 / HUES), light)));

function rgb(hue, light) {
  return [0, 8, 4].map((n) => {
    const k = (n + hue / 30) % 12;
    return Math.round(255 * (light - Math.min(light, 1 - light) * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  });
}

// How far apart two colours look, red and blue weighed by how light they are.
function apart([r, g, b], [s, h, c]) {
  const red = (r + s) / 2;
  return Math.sqrt((2 + red / 256) * (r - s) ** 2 + 4 * (g - h) ** 2 + (2 + (255 - red) / 256) * (b - c) ** 2);
}

// A structure keeps its colour from slice to slice, unless another on the same slice has it.
export class Colours {
  constructor() { this.known = new Map(); }

  choose(values) {
    const taken = [];
    const free = (colour) => !taken.includes(colour);
    const fresh = values.filter((value) => {
      const own = this.known.get(value);
      if (!own || !free(own)) return true;
      taken.push(own);
      return false;
    });
    for (const value of fresh) {
      const nearest = (colour) => Math.min(999, ...taken.map((other) => apart(colour, other)));
      const left = PALETTE.filter(free);
      const own = (left.length ? left : PALETTE).reduce((best, colour) => (nearest(colour) > nearest(best) ? colour : best));
      this.known.set(value, own);
      taken.push(own);
    }
  }

  of(value) { return this.known.get(value) ?? PALETTE[0]; }
}

// Marks without what is too small to be read as an outline: gaps inside one structure, as round the vessels of a lung, and
// specks beside a far larger part of the same structure. A structure that is small as a whole stays.
export function withoutSpecks(marks, rows, columns) {
  const gap = (rows * columns) / 4000, speck = gap / 8;
  const part = new Int32Array(marks.length).fill(-1);
  const stack = new Int32Array(marks.length);
  const parts = [];
  for (let from = 0; from < marks.length; from += 1) {
    if (part[from] >= 0) continue;
    const value = marks[from], number = parts.length, beside = new Set();
    let top = 0, size = 0, atEdge = false;
    stack[top++] = from;
    part[from] = number;
    while (top) {
      const at = stack[--top], column = at % columns;
      size += 1;
      if (!column || column === columns - 1 || at < columns || at >= marks.length - columns) atEdge = true;
      for (const next of [column ? at - 1 : -1, column < columns - 1 ? at + 1 : -1, at - columns, at + columns]) {
        if (next < 0 || next >= marks.length) continue;
        if (marks[next] !== value) beside.add(marks[next]);
        else if (part[next] < 0) { part[next] = number; stack[top++] = next; }
      }
    }
    parts.push({ value, size, beside, atEdge });
  }
  const largest = new Map();
  for (const { value, size } of parts) largest.set(value, Math.max(size, largest.get(value) ?? 0));
  const becomes = parts.map(({ value, size, beside, atEdge }) => {
    if (atEdge || beside.size !== 1) return value;
    const [around] = beside;
    return (value ? size <= speck && size * 50 <= largest.get(value) : size <= gap) ? around : value;
  });
  return marks.map((_, at) => becomes[part[at]]);
}

// Pixels of a structure that touch another one or none. Of the one that is looked at, the inside too; `alone` leaves the
// others out, else they are fainter.
export function outline(pen, marks, rows, columns, colours, lit = 0, alone = false) {
  const pixels = pen.createImageData(columns, rows);
  for (let row = 0, at = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1, at += 1) {
      const value = marks[at];
      if (!value || (alone && value !== lit)) continue;
      const inside = row && column && row < rows - 1 && column < columns - 1 && marks[at - 1] === value && marks[at + 1] === value
        && marks[at - columns] === value && marks[at + columns] === value;
      if (inside && value !== lit) continue;
      pixels.data.set(colours.of(value), at * 4);
      pixels.data[at * 4 + 3] = inside ? 50 : lit && value !== lit ? 70 : 255;
    }
  }
  pen.putImageData(pixels, 0, 0);
}
