// Arrow keys go from figure to figure in a grid of results.

export function startGrid() {
  document.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
    const here = event.target instanceof Element && event.target.closest("[data-grid] a.shot");
    if (!steps || !here || event.ctrlKey || event.metaKey || event.altKey) return;
    const grid = here.closest("[data-grid]");
    const shots = [...grid.querySelectorAll("a.shot")].filter((shot) => !shot.closest("details:not([open])"));
    const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
    const next = shots[shots.indexOf(here) + steps[0] + steps[1] * columns];
    if (!next) return;
    event.preventDefault();
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  });
}
