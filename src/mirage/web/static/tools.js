// The buttons and keys of a viewer; all that they do can be done by either.
import { LEAP } from "./slice_page.js";
import { _ } from "./words.js";

const STEP = 60, TURN = 12;  // pixels that an arrow key moves, and that it drags the window

const press = (button, on) => button?.setAttribute("aria-pressed", on);

export function choose(viewer, tool) {
  viewer.tool = viewer.stage.dataset.tool = tool;
  if (tool !== "measure") { viewer.lengths.cancel(); viewer.lengths.cursor = null; }
  viewer.lengths.draw();
  viewer.lengths.listed();
  viewer.tell({
    move: _("A drag moves the picture."),
    window: _("A drag or the arrow keys change the window."),
    measure: `${_("A drag measures. By keys: arrows move a cross, Enter sets each end.")} ${viewer.lengths.note.textContent}`,
  }[tool]);
}

function fill(viewer) {
  const whole = viewer.pair ?? viewer.box;
  if (document.fullscreenElement) document.exitFullscreen();
  else whole.requestFullscreen?.().catch((error) => viewer.problem(error.message));
}

const ACTIONS = {
  in: ({ camera }) => camera.zoom(1.3),
  out: ({ camera }) => camera.zoom(1 / 1.3),
  fit: ({ camera }) => camera.fit(),
  invert: ({ tone }) => tone.invert(),
  reset: (viewer) => { viewer.camera.fit(); viewer.tone.reset(); ACTIONS.move(viewer); },
  move: ({ group }) => group.forEach((each) => choose(each, "move")),
  window: ({ group }) => group.forEach((each) => choose(each, "window")),
  measure: ({ group }) => group.forEach((each) => choose(each, "measure")),
};

// For one viewer, or for two beside each other.
export function startTools(viewers, place, linked) {
  const { tools } = viewers[0], [first] = viewers;
  tools.hidden = place.querySelector("[data-keys]").hidden = false;
  const presets = tools.querySelector("[data-presets]");
  Object.assign(first, { presets });
  tools.addEventListener("click", ({ target }) => {
    const what = target.closest("[data-do]")?.dataset.do;
    if (what === "full") fill(first);
    else if (what === "linked") linked.toggle();
    else if (what === "keys") help(place, true);
    else if (what) for (const viewer of viewers) ACTIONS[what](viewer);
    for (const viewer of viewers) refresh(viewer);
  });
  presets?.addEventListener("change", () => first.tone.choose(presets.selectedOptions[0].text));
  const full = tools.querySelector("[data-do=full]"), enter = full.textContent;
  full.hidden = !document.fullscreenEnabled;
  document.addEventListener("fullscreenchange", () => { full.textContent = document.fullscreenElement ? _("Leave full screen") : enter; });
  for (const viewer of viewers) { Object.assign(viewer, { linked, group: viewers }); refresh(viewer); }
}

// What the buttons say of the state.
function refresh(viewer) {
  const { tools, presets, tone } = viewer;
  for (const tool of ["move", "window", "measure"]) press(tools.querySelector(`[data-do=${tool}]`), viewer.tool === tool);
  press(tools.querySelector("[data-do=invert]"), tone.inverted);
  if (presets) {
    const at = tone.presets.findIndex(({ name }) => name === tone.name);
    presets.selectedIndex = at < 0 ? presets.options.length - 1 : at;  // the last says that it is one's own
  }
}
startTools.refresh = refresh;

function help(place, from) {
  const keys = place.querySelector("[data-keys]");
  keys.open = !keys.open;
  if (keys.open && from) keys.querySelector("summary").focus();
}

export function startKeys(viewer) {
  const { stage, camera } = viewer;
  const arrow = (across, down, event) => {
    const { stack, tone, tool } = viewer;
    if (tool === "measure") viewer.lengths.step(across, down, event.shiftKey);
    else if (tool === "window") tone.drag(across * TURN, down * TURN);
    else if (camera.scale > 1) camera.move(-across * STEP, -down * STEP);
    else if (stack) stack.by(across - down);
    else return false;
    return true;
  };
  const slice = (go) => (viewer.stack ? (go(viewer.stack), true) : false);
  const doing = (what) => () => { ACTIONS[what](viewer); startTools.refresh(viewer); };
  const keys = {
    ArrowLeft: (event) => arrow(-1, 0, event), ArrowRight: (event) => arrow(1, 0, event),
    ArrowUp: (event) => arrow(0, -1, event), ArrowDown: (event) => arrow(0, 1, event),
    PageUp: () => slice((stack) => stack.by(LEAP) || stack.show(stack.view, Infinity)),
    PageDown: () => slice((stack) => stack.by(-LEAP) || stack.show(stack.view, 0)),
    Home: () => slice((stack) => stack.show(stack.view, 0)),
    End: () => slice((stack) => stack.show(stack.view, Infinity)),
    "+": doing("in"), "=": doing("in"), "-": doing("out"), 0: doing("fit"),
    v: doing("move"), w: doing("window"), m: doing("measure"), i: doing("invert"), r: doing("reset"),
    f: () => fill(viewer),
    l: () => (viewer.linked ? (viewer.linked.toggle(), true) : false),
    "?": () => help(viewer.pair ?? viewer.box),
    Enter: () => (viewer.tool === "measure" ? (viewer.lengths.set(), true) : false),
    Delete: () => viewer.lengths.remove(), Backspace: () => viewer.lengths.remove(),
    Escape: () => viewer.lengths.cancel() || (viewer.tool !== "move" && !document.fullscreenElement && (doing("move")(), true)),
  };
  keys[" "] = keys.Enter;
  stage.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    viewer.gestures.halt();
    const preset = /^[1-9]$/.test(event.key) && viewer.tone.presets[event.key - 1];
    const key = keys[event.key] ?? keys[event.key.toLowerCase()];
    if (preset) viewer.tone.choose(preset.name);
    else if (!key || key(event) === false) return;
    event.preventDefault();
  });
}
