// Runs the search apart from the page: Python with the atlas, and the two towers. It knows nothing of pages.
//
// The page brings every part that is asked for ("need"), because a page opened from a folder may load scripts and nothing
// else. All names below are those of parts of the site's plan.

const waiting = new Map();
const PLACE = "https://parts.invalid/"; // where Pyodide believes that its files lie; nothing is fetched from there

self.onmessage = ({ data }) => handlers[data.kind](data);
const handlers = {
  part: ({ name, bytes }) => waiting.get(name)?.resolve(bytes),
  lost: ({ name }) => waiting.get(name)?.reject(new Error(`part ${name} could not be loaded`)),
  begin: ({ plan }) => begin(plan).catch((error) => post("failed", { why: lastLine(error) })),
  ask: ({ id, query }) => inTurn(() => asked(id, query)),
  explain: ({ id, query }) => inTurn(() => explained(id, query)),
  look: ({ id, pixels, width, height }) => inTurn(() => looked(id, pixels, width, height)),
};
const lastLine = (error) => String(error.message ?? error).trim().split("\n").at(-1); // of a traceback that is what went wrong
const post = (kind, more = {}, moved = []) => self.postMessage({ kind, ...more }, moved);

// One question at a time, in the order in which they were asked.
let last = Promise.resolve();
const inTurn = (task) => (last = last.then(task, task));

async function need(name) {
  const packed = await new Promise((resolve, reject) => {
    waiting.set(name, { resolve, reject });
    post("need", { name });
  }).finally(() => waiting.delete(name));
  const whole = new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip")));
  return new Uint8Array(await whole.arrayBuffer());
}
const text = async (name) => new TextDecoder().decode(await need(name));
const module = (source) => import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));

// -- counting over all figures ---------------------------------------------------------------------------------------------

const halves = (() => {
  // float16 to numbers, all 65,536 of them.
  const table = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const sign = bits >> 15 ? -1 : 1, power = (bits >> 10) & 31, rest = bits & 1023;
    table[bits] = sign * (power ? 2 ** (power - 15) * (1 + rest / 1024) : 2 ** -24 * rest);
  }
  return table;
})();

function unpacked(bytes, size) {
  const given = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
  const made = Float32Array.from(given, (bits) => halves[bits]);
  for (let start = 0; start < made.length; start += size) {
    let square = 0;
    for (let place = start; place < start + size; place++) square += made[place] ** 2;
    const length = Math.sqrt(square) || 1;
    for (let place = start; place < start + size; place++) made[place] /= length;
  }
  return made;
}

const plain = (value) => (value?.toJs ? value.toJs() : value);
const near = (score) => Math.round(score * 1e4);

// The best, in the order in which `mirage.indexes.ranking` puts them: what scores alike stands by key.
function best(scores, keys, limit) {
  const rounded = Int32Array.from(keys, (key) => near(scores[key]));
  let least = -Infinity;
  if (keys.length > limit) least = rounded.slice().sort()[keys.length - limit];
  const chosen = [];
  for (let place = 0; place < keys.length; place++) if (rounded[place] >= least) chosen.push(place);
  chosen.sort((a, b) => rounded[b] - rounded[a] || keys[a] - keys[b]);
  const flat = new Float64Array(2 * Math.min(limit, chosen.length));
  for (let place = 0; place < flat.length / 2; place++) {
    flat[2 * place] = keys[chosen[place]];
    flat[2 * place + 1] = scores[keys[chosen[place]]];
  }
  return flat;
}

function host(head, vectors, slices, postings) {
  const count = head.ids.length, size = head.encoder.dimension;
  const all = unpacked(vectors, size);
  const of = { image: all.subarray(0, count * size), caption: all.subarray(count * size) };
  const everyone = Uint32Array.from({ length: count }, (_, key) => key);
  const captioned = everyone.filter((key) => head.captioned[key]);
  const cut = unpacked(slices, size), sliced = new Map();
  let start = 0;
  for (const key of Object.keys(head.slices).map(Number).sort((a, b) => a - b)) {
    const rows = head.slices[key].length;
    sliced.set(key, Array.from({ length: rows }, (_, row) => cut.subarray((start + row) * size, (start + row + 1) * size)));
    start += rows;
  }
  const lists = {};
  let at = 0;
  for (const [channel, [numbers, pairs]] of Object.entries(head.postings)) {
    const part = (Kind, length) => new Kind(postings.buffer, postings.byteOffset + (at += length * 4) - length * 4, length);
    lists[channel] = {
      numbers: part(Uint32Array, numbers), ends: part(Uint32Array, numbers), keys: part(Uint32Array, pairs), weights: part(Float32Array, pairs),
    };
  }
  const product = (vector, matrix, start) => {
    // Four sums, of which none waits for another; sizes of vectors are multiples of four.
    let one = 0, two = 0, three = 0, four = 0;
    for (let place = 0, there = start; place < size; place += 4, there += 4) {
      one += vector[place] * matrix[there];
      two += vector[place + 1] * matrix[there + 1];
      three += vector[place + 2] * matrix[there + 2];
      four += vector[place + 3] * matrix[there + 3];
    }
    return one + two + three + four;
  };
  const placeOf = ({ numbers }, number) => {
    let low = 0, high = numbers.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (numbers[middle] === number) return middle;
      if (numbers[middle] < number) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  };
  const from = (list, place) => (place ? list.ends[place - 1] : 0);
  return {
    nearest(channel, given, limit, among) {
      const vector = Float32Array.from(plain(given)), scores = new Float64Array(count);
      const chosen = among ? plain(among) : null;
      let keys = channel === "caption" ? captioned : everyone;
      if (chosen) keys = channel === "caption" ? chosen.filter((key) => head.captioned[key]) : chosen;
      for (const key of keys) scores[key] = product(vector, of[channel], key * size);
      if (channel === "image") {
        const asked = chosen && new Set(chosen);
        for (const [key, rows] of sliced) {
          if (!asked || asked.has(key)) for (const row of rows) scores[key] = Math.max(scores[key], product(vector, row, 0));
        }
      }
      return best(scores, keys, limit);
    },
    matching(channel, given, weights, limit, among) {
      const list = lists[channel], scores = new Float64Array(count), worth = plain(weights);
      const seen = new Uint8Array(count), found = [];
      plain(given).forEach((number, which) => {
        const place = placeOf(list, number);
        if (place < 0) return;
        for (let pair = from(list, place); pair < list.ends[place]; pair++) {
          const key = list.keys[pair];
          scores[key] += list.weights[pair] * worth[which];
          if (!seen[key]) found.push(key);
          seen[key] = 1;
        }
      });
      return best(scores, among ? plain(among).filter((key) => seen[key]) : found, limit);
    },
    frequency(channel, number) {
      const place = placeOf(lists[channel], number);
      return place < 0 ? 0 : lists[channel].ends[place] - from(lists[channel], place);
    },
    vector: (channel, key) => (channel === "caption" && !head.captioned[key] ? new Float32Array(0) : of[channel].slice(key * size, (key + 1) * size)),
    slices: (key) => sliced.get(key),
  };
}

// -- the beginning ---------------------------------------------------------------------------------------------------------

let engine, towers, plan;

async function begin(given) {
  plan = given;
  if (!("python-machine" in plan)) throw new Error("no Python");
  const [head, vectors, slices, postings] = await Promise.all(["head", "vectors", "slices", "postings"].map(need));
  post("progress", { done: 1, of: 3 });
  const python = await begunPython();
  post("progress", { done: 2, of: 3 });
  const known = JSON.parse(new TextDecoder().decode(head));
  python.registerJsModule("site_host", host(known, vectors, slices, postings));
  python.unpackArchive(await need("engine"), "zip", { extractDir: "/" });
  python.globals.set("head", new TextDecoder().decode(head));
  const read = "text" in plan && "towers-machine" in plan;
  if (read) {
    try {
      towers = await begunTowers();
    } catch (error) {
      post("note", { what: "towers", why: lastLine(error) });
    }
  }
  python.globals.set("reads", Boolean(towers));
  python.globals.set("known", JSON.stringify(known.known));
  python.globals.set("exceptions", JSON.stringify(known.stems));
  engine = await python.runPythonAsync(`
import sys
sys.path.insert(0, "/")
import json, qdrant_edge, site_host
qdrant_edge.learn(json.loads(exceptions))
from mirage.shipped import SHIPPED
from mirage.site.browser.engine import Engine
pieces = json.dumps(json.loads((SHIPPED / "encoder" / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]) if reads else "{}"
made = Engine(head, site_host, pieces)
for text, vector in json.loads(known).items():
    made.know(text, vector)
made
`);
  for (const name of ["head", "known", "exceptions", "pieces"]) python.globals.delete(name);
  await warmed();
  post("ready", { towers: Boolean(towers) });
}

// A first question takes several times as long as the next: tables are read, and the words of figures are brought.
async function warmed() {
  for (;;) {
    const { wanted } = JSON.parse(engine.answer("q=axial+CT+of+the+chest"));
    if (!wanted) return;
    for (const words of wanted.texts) await read(words);
    for (const shard of wanted.shards) engine.take(shard, await text(`words-${shard}`));
  }
}

async function begunPython() {
  const [loader, machine, library] = await Promise.all(["python-module", "python-machine", "python-library"].map(need));
  const { default: createPyodideModule } = await module(loader);
  const fetched = self.fetch;
  self.fetch = (address, ...more) => {
    const asked = String(address.url ?? address);
    if (asked === `${PLACE}pyodide.asm.wasm`) return Promise.resolve(new Response(machine, { headers: { "Content-Type": "application/wasm" } }));
    if (asked === `${PLACE}python_stdlib.zip`) return Promise.resolve(new Response(library));
    return fetched.call(self, address, ...more);
  };
  try {
    const { loadPyodide } = await module(await need("python-loader"));
    return await loadPyodide({ indexURL: PLACE, packageBaseUrl: PLACE, createPyodideModule, lockFileContents: await text("python-lock") });
  } finally {
    self.fetch = fetched;
  }
}

async function begunTowers() {
  const ort = await module(await need("towers-loader"));
  const binary = await need("towers-machine");
  Object.assign(ort.env.wasm, { numThreads: 1, proxy: false, wasmBinary: binary.buffer });
  const session = async (name) => ort.InferenceSession.create(await need(name), { executionProviders: ["wasm"] });
  const reading = await session("text");
  return { ort, text: reading, image: null, session };
}

async function vectorOf(session, given) {
  const found = await session.run(given);
  return unit(Object.values(found)[0].data);
}

function unit(values) {
  let square = 0;
  for (const value of values) square += value ** 2;
  const length = Math.sqrt(square);
  return length > 1e-6 ? Float32Array.from(values, (value) => value / length) : Float32Array.from(values, () => 1 / Math.sqrt(values.length));
}

// -- answers ---------------------------------------------------------------------------------------------------------------

async function asked(id, query) {
  const started = performance.now();
  try {
    for (;;) {
      const answer = JSON.parse(engine.answer(query));
      if (!answer.wanted) return post("answer", { id, answer, milliseconds: performance.now() - started });
      for (const words of answer.wanted.texts) await read(words);
      await Promise.all(answer.wanted.shards.map(async (shard) => engine.take(shard, await text(`words-${shard}`))));
    }
  } catch (error) {
    post("answer", { id, answer: { error: "", why: lastLine(error) } });
  }
}

async function explained(id, query) {
  try {
    for (;;) {
      const told = JSON.parse(engine.explain(query));
      if (!told.wanted) return post("explained", { id, told });
      for (const words of told.wanted.texts) await read(words);
      await Promise.all(told.wanted.cases.map(async (shard) => engine.take_cases(shard, await text(`cases-${shard}`))));
    }
  } catch (error) {
    post("explained", { id, told: { why: lastLine(error) } });
  }
}

async function read(words) {
  const ids = engine.ids(words).toJs(), { Tensor } = towers.ort;
  const whole = new BigInt64Array(ids.length), mask = new BigInt64Array(ids.length).fill(1n);
  ids.forEach((value, place) => (whole[place] = BigInt(value)));
  const shape = [1, ids.length];
  engine.know(words, await vectorOf(towers.text, { ids: new Tensor("int64", whole, shape), mask: new Tensor("int64", mask, shape) }));
}

async function looked(id, pixels, width, height) {
  try {
    if (!towers) throw new Error("no towers");
    towers.image ??= await towers.session("image");
    const square = squared(new Uint8ClampedArray(pixels), width, height);
    const vector = await vectorOf(towers.image, { squares: new towers.ort.Tensor("uint8", square, [1, PIXELS, PIXELS, 3]) });
    post("seen", { id, token: engine.picture(vector) });
  } catch (error) {
    post("seen", { id, token: "", why: lastLine(error) });
  }
}

// -- a picture as the image tower takes it; see `mirage.encoders.starter.to_square` -----------------------------------------

const PIXELS = 192, MOST_SQUEEZE = 1.3;

function squared(pixels, width, height) {
  const half = (value) => (Math.abs(value % 1) === 0.5 ? 2 * Math.round(value / 2) : Math.round(value)); // as Python rounds
  const across = Math.min(PIXELS, Math.max(1, half((PIXELS * MOST_SQUEEZE * width) / height)));
  const down = Math.min(PIXELS, Math.max(1, half((PIXELS * MOST_SQUEEZE * height) / width)));
  let picture = { data: new Float32Array(width * height * 3), width, height };
  for (let place = 0; place < width * height; place++) {
    const share = pixels[4 * place + 3] / 255; // what is transparent is black
    for (let colour = 0; colour < 3; colour++) picture.data[3 * place + colour] = pixels[4 * place + colour] * share;
  }
  const steps = [Math.floor(width / across / 2) || 1, Math.floor(height / down / 2) || 1];
  if (Math.max(...steps) > 1) picture = reduced(picture, ...steps);
  const scale = [width / across / steps[0], height / down / steps[1]];
  picture = resized(picture, across, scale[0], true);
  picture = resized(picture, down, scale[1], false);
  const square = new Uint8Array(PIXELS * PIXELS * 3), top = (PIXELS - down) >> 1, left = (PIXELS - across) >> 1;
  for (let row = 0; row < down; row++) {
    for (let place = 0; place < across * 3; place++) {
      square[((top + row) * PIXELS + left) * 3 + place] = picture.data[row * across * 3 + place];
    }
  }
  return square;
}

// The mean of each block of pixels, as Pillow's `reduce` gives it.
function reduced({ data, width, height }, across, down) {
  const made = { width: Math.ceil(width / across), height: Math.ceil(height / down) };
  made.data = new Float32Array(made.width * made.height * 3);
  for (let y = 0; y < made.height; y++) {
    for (let x = 0; x < made.width; x++) {
      const right = Math.min(width, (x + 1) * across), below = Math.min(height, (y + 1) * down);
      const count = (right - x * across) * (below - y * down);
      for (let colour = 0; colour < 3; colour++) {
        let sum = 0;
        for (let row = y * down; row < below; row++) for (let column = x * across; column < right; column++) sum += data[3 * (row * width + column) + colour];
        made.data[3 * (y * made.width + x) + colour] = Math.floor(sum / count + 0.5);
      }
    }
  }
  return made;
}

// Along one axis with a triangle as wide as what one pixel stands for, as Pillow's bilinear filter does.
function resized({ data, width, height }, size, scale, across) {
  const length = across ? width : height, made = across ? { width: size, height } : { width, height: size };
  made.data = new Float32Array(made.width * made.height * 3);
  const reach = Math.max(scale, 1);
  for (let place = 0; place < size; place++) {
    const middle = (place + 0.5) * scale;
    const first = Math.max(0, Math.floor(middle - reach + 0.5)), end = Math.min(length, Math.floor(middle + reach + 0.5));
    const shares = [];
    let total = 0;
    for (let from = first; from < end; from++) total += shares[shares.push(Math.max(0, 1 - Math.abs((from - middle + 0.5) / reach))) - 1];
    const others = across ? height : width;
    for (let other = 0; other < others; other++) {
      for (let colour = 0; colour < 3; colour++) {
        let sum = 0;
        for (let from = first; from < end; from++) {
          sum += shares[from - first] * data[3 * (across ? other * width + from : from * width + other) + colour];
        }
        made.data[3 * (across ? other * size + place : place * width + other) + colour] = Math.min(255, Math.max(0, Math.floor(sum / total + 0.5)));
      }
    }
  }
  return made;
}
