// Arrow keys go from figure to figure in a grid of results.

export function startGrid() {
  document.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
    const here = event.target instanceof Element && event.target.closest("[data-grid] a.shot");
    if (!steps || !here || event.ctrlKey || event.metaKey || event.altKey) return;
    const grid = here.closest("[data-grid]");
    const shots = [...grid.querySelectorAll("a.shot")].filter((shot) => !shot.closest("details:not([open])"));
    // Rows differ in how many they hold: up and down lead to what lies nearest above or below.
    const next = steps[0] ? shots[shots.indexOf(here) + steps[0]] : nearest(shots.filter((shot) => shot.closest("ol") === here.closest("ol")), here, steps[1]);
    if (!next) return;
    event.preventDefault();
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  });
}

function nearest(shots, here, down) {
  const middle = (shot) => { const { left, width, top, height } = shot.getBoundingClientRect(); return [left + width / 2, top + height / 2]; };
  const [across, at] = middle(here);
  const beyond = shots.map((shot) => [shot, ...middle(shot)]).filter(([, , y]) => (y - at) * down > 1);
  const row = Math.min(...beyond.map(([, , y]) => Math.abs(y - at)));
  return beyond.filter(([, , y]) => Math.abs(y - at) < row + 2).sort((a, b) => Math.abs(a[1] - across) - Math.abs(b[1] - across))[0]?.[0];
}
