// Slices of a stack: fetched in time, inflated, their prediction undone, and made into pixels.
// The format is that of mirage.images.packing: what the predictor of JPEG-LS left, folded to numbers without a sign, all
// high bytes before all low ones.

const AT_ONCE = 4;  // requests; a browser allows six to one host, and the page has others
const AHEAD = 6;    // slices fetched on either side of the one that is shown
const KEPT = 96 * 2 ** 20;  // bytes of unpacked slices

export async function inflate(packed) {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// A typed array of rows × columns values for each colour, one after the other.
export function unpredict(bytes, rows, columns, colours) {
  const each = rows * columns;
  const depth = bytes.length / (each * colours);
  if (depth !== 1 && depth !== 2) throw new Error(`A slice of ${rows} × ${columns} has ${bytes.length} bytes`);
  const values = new (depth === 2 ? Uint16Array : Uint8Array)(each * colours);
  for (let colour = 0; colour < colours; colour += 1) {
    for (let row = 0, at = colour * each; row < rows; row += 1) {
      let west = 0, northwest = 0;
      for (let column = 0; column < columns; column += 1, at += 1) {
        const folded = depth === 2 ? (bytes[at] << 8) | bytes[values.length + at] : bytes[at];
        const north = row ? values[at - columns] : west;
        let guess;
        if (!column) guess = north;
        else if (!row) guess = west;
        else if (northwest >= west && northwest >= north) guess = west < north ? west : north;
        else if (northwest <= west && northwest <= north) guess = west > north ? west : north;
        else guess = west + north - northwest;
        values[at] = guess + ((folded >> 1) ^ -(folded & 1));
        west = values[at];
        northwest = north;
      }
    }
  }
  return values;
}

// Kept values to 0 … 255: through a window, or as they are where there is none.
export function lookUp(stack, window, entries) {
  const table = new Uint8ClampedArray(entries);
  if (!window) {
    for (let kept = 0; kept < entries; kept += 1) table[kept] = kept;
    return table;
  }
  const darkest = window.centre - window.width / 2;
  for (let kept = 0; kept < entries; kept += 1) {
    table[kept] = Math.floor(((stack.slope * (kept + stack.least) + stack.intercept - darkest) / window.width) * 255 + 0.5);
  }
  return table;
}

// Fetches what is shown before what may be shown next, and forgets what was shown longest ago.
export class Slices {
  constructor(addressOf, shapeOf, colours = 1) {
    Object.assign(this, { addressOf, shapeOf, colours });
    this.kept = new Map();
    this.size = 0;
    this.waiting = [];
    this.running = 0;
  }

  // The values of a slice; those around it follow.
  get(view, number) {
    const { slices } = this.shapeOf(view);
    const near = [number];
    for (let step = 1; step <= AHEAD; step += 1) near.push(number + step, number - step);
    this.waiting = near.filter((each) => each >= 0 && each < slices && !this.kept.has(`${view} ${each}`))
      .map((each) => [view, each]);
    this.next();
    const found = this.kept.get(`${view} ${number}`) ?? this.start(view, number);
    this.kept.delete(`${view} ${number}`);
    this.kept.set(`${view} ${number}`, found);
    return found.values;
  }

  next() {
    while (this.running < AT_ONCE && this.waiting.length) {
      const [view, number] = this.waiting.shift();
      if (!this.kept.has(`${view} ${number}`)) this.start(view, number);
    }
  }

  start(view, number) {
    const key = `${view} ${number}`;
    this.running += 1;
    const entry = { size: 0, values: this.fetched(view, number) };
    this.kept.set(key, entry);
    entry.values.then((values) => {
      entry.size = values.byteLength;
      this.size += entry.size;
      for (const [oldest, { size }] of this.kept) {
        if (this.size <= KEPT || oldest === key) break;
        if (!size) continue;
        this.kept.delete(oldest);
        this.size -= size;
      }
    }, () => this.kept.delete(key)).finally(() => { this.running -= 1; this.next(); });
    return entry;
  }

  async fetched(view, number) {
    const answer = await fetch(this.addressOf(view, number));
    if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).detail ?? `The site answered ${answer.status}.`);
    const { rows, columns } = this.shapeOf(view);
    return unpredict(await inflate(await answer.arrayBuffer()), rows, columns, this.colours);
  }
}
