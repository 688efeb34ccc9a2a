// Slices of a stack: fetched in time, inflated, and their prediction undone.
// The format is that of mirage.images.packing: what the predictor of JPEG-LS left, folded to numbers without a sign, all
// high bytes before all low ones.
import { ask } from "./source.js";
import { _ } from "./words.js";

const AT_ONCE = 4;  // requests; a browser allows six to one host, and the page has others
const AHEAD = 6;    // slices fetched on either side of the one that is shown; twice as many the way somebody scrolls
const KEPT = 96 * 2 ** 20;  // bytes of unpacked slices

// The bytes of an answer, unpacked while they come.
export async function inflate(answer) {
  return new Uint8Array(await new Response(answer.body.pipeThrough(new DecompressionStream("deflate"))).arrayBuffer());
}

// A typed array of rows × columns values for each colour, one after the other.
export function unpredict(bytes, rows, columns, colours) {
  const each = rows * columns;
  const depth = bytes.length / (each * colours);
  if (depth !== 1 && depth !== 2) throw new Error(_("The slice arrived damaged: %(rows)s × %(columns)s pixels in %(bytes)s bytes.", { rows, columns, bytes: bytes.length }));
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

// Fetches what is shown before what may be shown next, and forgets what was shown longest ago.
export class Slices {
  constructor(addressOf, shapeOf, colours = 1) {
    Object.assign(this, { addressOf, shapeOf, colours });
    this.kept = new Map();
    this.size = 0;
    this.waiting = [];
    this.running = 0;
  }

  // The values of a slice; those around it follow, and where somebody scrolls, those that come next.
  get(view, number) {
    const { slices } = this.shapeOf(view);
    const step = this.view === view ? number - this.number : 0, scrolls = step && Math.abs(step) <= AHEAD;
    Object.assign(this, { view, number });
    const [on, back] = scrolls ? [2 * AHEAD, 1] : [AHEAD, AHEAD], way = Math.sign(step) || 1;
    const near = [number];
    for (let far = 1; far <= on; far += 1) {
      near.push(number + way * far);
      if (far <= back) near.push(number - way * far);
    }
    this.waiting = near.filter((each) => each >= 0 && each < slices && !this.kept.has(`${view} ${each}`))
      .map((each) => [view, each]);
    this.next();
    // What was passed long ago is not waited for.
    for (const [key, { size, view: of, number: at, stop }] of this.kept) {
      const ahead = (at - number) * way;
      if (!size && (of !== view || Math.abs(ahead) > on)) stop.abort();
    }
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
    const stop = new AbortController();
    const entry = { size: 0, view, number, stop, values: this.fetched(view, number, stop.signal) };
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
    }, () => { if (this.kept.get(key) === entry) this.kept.delete(key); }).finally(() => { this.running -= 1; this.next(); });
    return entry;
  }

  async fetched(view, number, signal) {
    const answer = await ask(this.addressOf(view, number), { signal });
    const { rows, columns } = this.shapeOf(view);
    return unpredict(await inflate(answer), rows, columns, this.colours);
  }
}
