// Two viewers beside each other, in step: what one shows, the other shows too, as far as they can be compared.
import { _ } from "./words.js";

export function linkViewers(viewers, pair) {
  let on = true, bases = new Map();
  const button = pair.querySelector("[data-do=linked]");

  // Where both stand now belongs together from here on.
  const rebase = () => { bases = new Map(viewers.filter(({ stack }) => stack).map((viewer) => [viewer, { view: viewer.stack.view, number: viewer.stack.number }])); };

  const scroll = (from, to) => {
    const [a, b] = [bases.get(from), bases.get(to)];
    if (!from.stack || !to.stack) return;
    if (!a || !b || a.view !== from.stack.view || b.view !== to.stack.view) { rebase(); return; }
    const moved = from.stack.number - a.number, [mm, others] = [from.stack.thickness, to.stack.thickness];
    // In millimetres where both lie in one plane and say how far apart their slices are, else by parts of the way.
    const step = a.view === b.view && mm && others ? (moved * mm) / others
      : (moved / from.stack.planeOf(a.view).slices) * to.stack.planeOf(b.view).slices;
    const number = Math.round(b.number + step);
    if (to.stack.within(b.view, number) !== to.stack.number) to.stack.show(b.view, number, false);
  };

  const tone = (from, to) => {
    const { centre, width, inverted, name, first } = from.tone, other = to.tone.first;
    const unit = from.stack?.header.unit;
    // Hounsfield units are the same everywhere; of other values only how far they are from how the picture is shown first.
    if (unit && unit === to.stack?.header.unit) to.tone.set({ centre, width, inverted, name: to.tone.presets.some((each) => each.name === name) ? name : "" }, false);
    else {
      to.tone.set({
        centre: other.centre + ((centre - first.centre) / first.width) * other.width,
        width: (width / first.width) * other.width, inverted, name: name === first.name ? other.name : "",
      }, false);
    }
  };

  const follow = {
    view: (from, to) => to.camera.look(from.camera.view, false),
    tone,
    scroll,
  };
  for (const viewer of viewers) {
    viewer.stage.addEventListener("looked", ({ detail }) => {
      if (on) for (const other of viewers) if (other !== viewer) follow[detail](viewer, other);
    });
    viewer.opened?.then(rebase);
  }
  const shown = () => button.setAttribute("aria-pressed", on);
  shown();
  rebase();
  return {
    toggle() {
      on = !on;
      rebase();
      shown();
      viewers[0].tell(on ? _("Both move together.") : _("Each moves alone."));
    },
  };
}
