// Wandering in the map: only what is seen is fetched and drawn, at the coarseness at which a picture is large enough.
// The place stands in the address, so that Back, a reload and a shared link lead there again.
import { data, root } from "./source.js";
import { _ } from "./words.js";

const LARGEST = 320;
const STEP = 1.5;
const MOVED = 6;  // pixels from which a press is no click

const map = document.getElementById("map");
const plane = map?.querySelector(".map-plane");
const tools = map?.querySelector(".map-tools");
const about = document.querySelector("[data-about]");
const said = document.querySelector("[data-map-said]");
const side = Number(map?.dataset.tile);
const [wide, high] = (map?.dataset.levels ?? "").split("/").map((each) => each.split(",").map(Number));
const tiles = new Map();  // address: figures, or a promise of them
const drawn = new Map();  // level, column and row: element
const pointers = new Map();
let at = { x: 0, y: 0, zoom: 1 };  // the middle of the window in cells of the finest level, and pixels of such a cell
let level = 0;
let chosen = "";  // the cell with the focus
let wanted = 0, waiting = 0;  // the next frame, and the next change of the address
let returning = false;  // to the cell that had the focus
let pinch = 0;
let from = null;

const least = () => (map.clientWidth < 600 ? 42 : 60);  // pixels of a cell; smaller ones are seen four in one
const key = (of, column, row) => `${of}/${column}/${row}`;
const size = () => at.zoom * 2 ** level;  // pixels of a cell that is drawn
// Coarse cells may reach beyond the finest ones.
const reach = (of) => [wide[of] * 2 ** of, high[of] * 2 ** of];
const levelAt = (zoom) => within(Math.ceil(Math.log2(least() / zoom) - 1e-6), 0, wide.length - 1);
function whole() {
  const fits = ([across, down]) => Math.min(map.clientWidth / across, map.clientHeight / down);
  return fits(reach(levelAt(fits([wide[0], high[0]]))));
}
const within = (value, low, most) => Math.min(Math.max(value, low), Math.max(low, most));

function show(next) {
  const zoom = within(next.zoom, whole(), LARGEST);
  at = { x: within(next.x, 0, wide[0]), y: within(next.y, 0, high[0]), zoom };
  level = levelAt(zoom);
  cancelAnimationFrame(wanted);
  wanted = requestAnimationFrame(draw);
}

function draw() {
  const cell = size();
  const left = at.x / 2 ** level - map.clientWidth / 2 / cell, top = at.y / 2 ** level - map.clientHeight / 2 / cell;
  const columns = [Math.max(0, Math.floor(left)), Math.min(wide[level] - 1, Math.floor(left + map.clientWidth / cell))];
  const rows = [Math.max(0, Math.floor(top)), Math.min(high[level] - 1, Math.floor(top + map.clientHeight / cell))];
  const seen = new Set();
  let complete = true;
  for (let down = Math.floor(rows[0] / side); down <= Math.floor(rows[1] / side); down++) {
    for (let across = Math.floor(columns[0] / side); across <= Math.floor(columns[1] / side); across++) {
      const figures = tile(level, across, down);
      complete &&= Boolean(figures);
      for (const each of figures ?? []) {
        if (each.column < columns[0] || each.column > columns[1] || each.row < rows[0] || each.row > rows[1]) continue;
        const name = key(level, each.column, each.row);
        seen.add(name);
        if (!drawn.has(name)) make(name, each);
      }
    }
  }
  for (const [name, item] of drawn) {
    // Until the finer pictures are there the coarser ones stay. What has the focus stays as long as it has it.
    const old = !seen.has(name) && (complete || item.place.level === level);
    if (old && !item.contains(document.activeElement)) { item.remove(); drawn.delete(name); continue; }
    const { column, row, scale } = item.place, own = at.zoom * scale;
    const x = old ? -9999 : (column * scale - at.x) * at.zoom + map.clientWidth / 2;
    Object.assign(item.style, { left: `${x}px`, top: `${(row * scale - at.y) * at.zoom + map.clientHeight / 2}px`, width: `${own}px`, height: `${own}px` });
  }
  tabbable();
  if (returning && drawn.has(chosen)) {
    returning = false;
    if (document.activeElement === document.body) drawn.get(chosen).firstChild.focus({ preventScroll: true });
  }
  clearTimeout(waiting);
  waiting = setTimeout(keepPlace, 300);  // browsers refuse to change the address more often
}

function make(name, { column, row, figure }) {
  const item = document.createElement("li");
  const link = Object.assign(document.createElement("a"), { className: "shot", href: figure.links.page, tabIndex: -1, draggable: false });
  link.dataset.cell = name;
  const picture = Object.assign(document.createElement("img"), { alt: figure.title || figure.alt, src: figure.links.thumbnail });
  link.append(picture);
  item.append(link);
  link.addEventListener("focus", () => { chosen = name; tabbable(); tell(figure); });
  link.addEventListener("pointerenter", () => tell(figure));
  item.place = { column, row, level, scale: 2 ** level };
  drawn.set(name, item);
  plane.append(item);
}

function tile(of, across, down) {
  const address = `${root}/api/map/${map.dataset.map}/${key(of, across, down)}`;
  const known = tiles.get(address);
  if (Array.isArray(known)) return known;
  if (!known) {
    tiles.set(address, data(address).then(({ figures }) => { tiles.set(address, figures); show(at); }, (error) => {
      tiles.delete(address);
      said.textContent = error.message;
      if (error.status === 404) location.reload();  // the atlas has changed: its map is another one
    }));
  }
  return null;
}

// One picture is reached by Tab: the one that had the focus, or the one in the middle.
function tabbable() {
  const links = [...drawn.values()].map((item) => item.firstChild);
  const one = drawn.get(chosen)?.firstChild ?? nearest(links, at.x / 2 ** level, at.y / 2 ** level);
  for (const link of links) link.tabIndex = link === one ? 0 : -1;
}

function nearest(links, x, y, fits = () => true) {
  const far = (link) => Math.hypot(link.parentElement.place.column + 0.5 - x, link.parentElement.place.row + 0.5 - y);
  return links.filter((link) => ofLevel(link) && fits(link.parentElement.place)).sort((a, b) => far(a) - far(b))[0];
}

const ofLevel = (link) => link.parentElement.place.level === level;

function tell(figure) {
  const line = (kind, ...parts) => { const made = document.createElement("p"); made.className = kind; made.append(...parts); return made; };
  const link = (href, text) => Object.assign(document.createElement("a"), { href, textContent: text });
  const { attribution, licence, url } = figure.source;
  const terms = licence.stated ? licence.name : _("not stated");
  about.replaceChildren(
    line("title", link(figure.links.page, figure.title || figure.alt)),
    line("source attribution", attribution || _("Attribution not stated")),
    line("source", ...(url ? [Object.assign(link(url, _("Source")), { rel: "external noreferrer" }), " "] : []), _("Licence: %(name)s", { name: terms }), " · ", link(figure.links.similar, _("More like this"))),
  );
}

function keepPlace() {
  const place = `${root}/map?at=${at.x.toFixed(2)},${at.y.toFixed(2)},${at.zoom.toFixed(2)}${chosen ? `&on=${chosen}` : ""}`;
  if (place !== location.pathname + location.search) history.replaceState(history.state, "", place);
}

// -- moving ------------------------------------------------------------------------------------------------------------

// What lies under a point stays there.
function zoomed(by, x = map.clientWidth / 2, y = map.clientHeight / 2) {
  const zoom = within(at.zoom * by, whole(), LARGEST);
  const [dx, dy] = [x - map.clientWidth / 2, y - map.clientHeight / 2];
  show({ x: at.x + dx / at.zoom - dx / zoom, y: at.y + dy / at.zoom - dy / zoom, zoom });
}

function toWhole() { show({ x: wide[0] / 2, y: high[0] / 2, zoom: whole() }); }

const WAYS = { in: () => zoomed(STEP), out: () => zoomed(1 / STEP), whole: toWhole };
const KEYS = { "+": "in", "=": "in", "-": "out", "−": "out", 0: "whole" };

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const way = WAYS[KEYS[event.key]];
  const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0];
  if (!way && !dx && !dy) return;
  event.preventDefault();
  event.stopPropagation();
  if (way) { way(); sayWhere(); return; }
  const here = event.target.closest("li")?.place ?? { column: at.x / 2 ** level, row: at.y / 2 ** level };
  const ahead = (place) => { const along = (place.column - here.column) * dx + (place.row - here.row) * dy; return along > 0 && along >= Math.abs((place.column - here.column) * dy + (place.row - here.row) * dx); };
  const next = nearest([...drawn.values()].map((item) => item.firstChild), here.column + 0.5, here.row + 0.5, ahead);
  if (next) next.focus({ preventScroll: true });
  const place = next?.parentElement.place ?? { column: here.column + 4 * dx, row: here.row + 4 * dy };
  // What has the focus is brought well into the window; towards the edge the map goes along.
  const room = [map.clientWidth, map.clientHeight].map((each) => Math.max(0, each / 2 / size() - 1.5));
  const [x, y] = [at.x / 2 ** level, at.y / 2 ** level];
  const to = { x: within(x, place.column + 0.5 - room[0], place.column + 0.5 + room[0]), y: within(y, place.row + 0.5 - room[1], place.row + 0.5 + room[1]) };
  if (to.x !== x || to.y !== y) show({ x: to.x * 2 ** level, y: to.y * 2 ** level, zoom: at.zoom });
}

function sayWhere() {
  said.textContent = level ? _("Each picture stands for up to %(count)s here.", { count: 4 ** level }) : _("Every picture of this part is shown.");
}

function move(event) {
  if (!pointers.has(event.pointerId)) return;
  const before = pointers.get(event.pointerId);
  pointers.set(event.pointerId, [event.clientX, event.clientY]);
  const [one, two] = [...pointers.values()];
  if (two) {
    const box = map.getBoundingClientRect(), apart = Math.hypot(one[0] - two[0], one[1] - two[1]);
    if (pinch) zoomed(apart / pinch, (one[0] + two[0]) / 2 - box.left, (one[1] + two[1]) / 2 - box.top);
    pinch = apart;
    from = null;
  } else if (!from || Math.hypot(event.clientX - from[0], event.clientY - from[1]) > MOVED) {
    if (from) { map.classList.add("moving"); map.setPointerCapture(event.pointerId); }
    from = null;
    show({ x: at.x - (event.clientX - before[0]) / at.zoom, y: at.y - (event.clientY - before[1]) / at.zoom, zoom: at.zoom });
  }
}

function released(event) {
  pointers.delete(event.pointerId);
  pinch = 0;
  if (!pointers.size) setTimeout(() => map.classList.remove("moving"));  // after the click that ends a drag
}

function start() {
  map.classList.add("live");
  plane.replaceChildren();
  tools.hidden = false;
  map.addEventListener("keydown", pressed);
  map.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;  // the page scrolls
    event.preventDefault();
    const box = map.getBoundingClientRect();
    zoomed(Math.exp(-event.deltaY / 300), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  map.addEventListener("pointerdown", (event) => {
    if (event.button || event.target.closest(".map-tools")) return;
    pointers.set(event.pointerId, [event.clientX, event.clientY]);
    from = [event.clientX, event.clientY];
  });
  for (const [kind, listen] of [["pointermove", move], ["pointerup", released], ["pointercancel", released]]) addEventListener(kind, listen);
  map.addEventListener("click", (event) => { if (map.classList.contains("moving")) { event.preventDefault(); event.stopPropagation(); } else keepPlace(); }, true);
  map.addEventListener("dragstart", (event) => event.preventDefault());
  tools.addEventListener("click", (event) => { WAYS[event.target.closest("button")?.dataset.zoom]?.(); sayWhere(); });
  addEventListener("resize", () => show(at));
  const asked = new URLSearchParams(location.search);
  const [x, y, zoom] = (asked.get("at") ?? "").split(",").map(Number);
  chosen = asked.get("on") ?? "";
  returning = Boolean(chosen);
  if ([x, y, zoom].every(Number.isFinite)) show({ x, y, zoom });
  else show({ x: wide[0] / 2, y: high[0] / 2, zoom: Math.max(map.clientWidth / wide[0], map.clientHeight / high[0]) });
}

if (map) start();
else setTimeout(() => location.reload(), 5000);  // it is being laid out
