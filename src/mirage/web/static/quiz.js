// Pointing at a place of a quiz's picture: by mouse, finger or arrow keys. Without scripts the grid serves.

const STEP = 0.01;
const box = document.querySelector("[data-point]");
const form = document.querySelector(".quiz-form");

if (box && form) {
  const [fieldX, fieldY, status] = [form.elements.x, form.elements.y, form.querySelector("[role=status]")];
  const square = form.querySelector(".quiz-square"), grid = box.querySelector(".quiz-grid");
  const NS = "http://www.w3.org/2000/svg";
  const layer = document.createElementNS(NS, "svg"), cross = document.createElementNS(NS, "svg");
  layer.setAttribute("class", "quiz-mark");
  layer.setAttribute("aria-hidden", "true");
  cross.setAttribute("overflow", "visible");
  for (const name of ["", "inner"]) {
    const path = document.createElementNS(NS, "path");
    path.setAttribute("d", "M-9 0H9M0-9V9");
    path.setAttribute("class", name);
    cross.append(path);
  }
  layer.append(cross);
  let at = null;

  const put = (x, y, say) => {
    at = [Math.min(1, Math.max(0, x)), Math.min(1, Math.max(0, y))];
    [fieldX.value, fieldY.value] = at.map((share) => share.toFixed(4));
    form.elements.column.value = form.elements.row.value = "";
    cross.setAttribute("x", `${at[0] * 100}%`);
    cross.setAttribute("y", `${at[1] * 100}%`);
    if (!layer.isConnected) box.append(layer);
    if (say) status.textContent = box.dataset.said.replace("%(x)s", Math.round(at[0] * 100)).replace("%(y)s", Math.round(at[1] * 100));
  };
  box.addEventListener("click", (event) => {
    const frame = box.getBoundingClientRect();
    put((event.clientX - frame.left) / frame.width, (event.clientY - frame.top) / frame.height, false);
  });
  box.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.key === "Enter" && at) form.requestSubmit(form.querySelector("[value=answer]"));
    if (!way || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const [x, y] = at ?? [0.5, 0.5], step = event.shiftKey ? 5 * STEP : STEP;
    put(x + way[0] * step, y + way[1] * step, true);
  });
  for (const name of ["column", "row"]) {
    form.elements[name].addEventListener("change", () => { fieldX.value = fieldY.value = ""; layer.remove(); at = null; });
  }
  Object.assign(box, { tabIndex: 0, role: "application", ariaLabel: box.dataset.label });
  box.classList.add("pointing");
  form.querySelector(".quiz-how").hidden = false;
  square.open = false;
  const show = () => grid.toggleAttribute("hidden", !square.open);
  square.addEventListener("toggle", show);
  show();
}
