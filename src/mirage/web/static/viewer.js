// Zoom and pan: wheel, pinch, drag, keys. Without this module the picture is a link to the whole picture.

const MOST = 12;

export function startViewer() {
  const viewer = document.querySelector("[data-viewer]:not(.live)");
  if (!viewer) return;
  let image = viewer.querySelector("img");
  const stack = viewer.closest("[data-stack]");
  const tools = viewer.querySelector(".viewer-tools");
  const link = viewer.querySelector(".whole");
  viewer.classList.add("live");
  tools.hidden = false;
  image.draggable = false;
  viewer.tabIndex = 0;
  viewer.setAttribute("role", "group");
  viewer.setAttribute("aria-label", `Picture. Plus and minus zoom, arrow keys move, 0 fits it.${stack ? " Page up and page down scroll." : ""}`);
  viewer.addEventListener("layered", () => { image = viewer.querySelector(".layers"); draw(); });
  link.tabIndex = -1;
  link.addEventListener("click", (event) => { if (!event.ctrlKey && !event.metaKey) event.preventDefault(); });

  let scale = 1, x = 0, y = 0;
  const fingers = new Map();

  const draw = () => {
    const { width, height } = viewer.getBoundingClientRect();
    x = Math.min(0, Math.max(width * (1 - scale), x));
    y = Math.min(0, Math.max(height * (1 - scale), y));
    image.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
    viewer.dataset.scale = scale.toFixed(2);
  };
  const zoom = (factor, px, py) => {
    const next = Math.min(MOST, Math.max(1, scale * factor));
    x = px - (px - x) * (next / scale);
    y = py - (py - y) * (next / scale);
    scale = next;
    draw();
  };
  const zoomMiddle = (factor) => { const box = viewer.getBoundingClientRect(); zoom(factor, box.width / 2, box.height / 2); };
  const fit = () => { scale = 1; x = y = 0; draw(); };
  const place = (event) => { const box = viewer.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };

  viewer.addEventListener("wheel", (event) => {
    // A plain scroll goes through a stack; of one picture, at rest, it belongs to the page.
    if (viewer.classList.contains("layered") && !event.ctrlKey && !event.metaKey) return;
    if (event.deltaY > 0 && scale === 1) return;
    event.preventDefault();
    zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0022)), ...place(event));
  }, { passive: false });

  viewer.addEventListener("pointerdown", (event) => {
    if (event.button || tools.contains(event.target)) return;
    fingers.set(event.pointerId, place(event));
    viewer.setPointerCapture(event.pointerId);
    viewer.classList.add("moving");
  });
  viewer.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const now = place(event);
    const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
    fingers.set(event.pointerId, now);
    if (other) {
      const apart = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]) || 1;
      x += (now[0] - before[0]) / 2;
      y += (now[1] - before[1]) / 2;
      zoom(apart(now, other) / apart(before, other), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    } else {
      x += now[0] - before[0];
      y += now[1] - before[1];
      draw();
    }
  });
  const lift = (event) => { fingers.delete(event.pointerId); if (!fingers.size) viewer.classList.remove("moving"); };
  viewer.addEventListener("pointerup", lift);
  viewer.addEventListener("pointercancel", lift);
  viewer.addEventListener("dblclick", (event) => { if (!tools.contains(event.target)) { if (scale > 1) fit(); else zoom(2.5, ...place(event)); } });

  const step = 60;
  const keys = {
    "+": () => zoomMiddle(1.3), "=": () => zoomMiddle(1.3), "-": () => zoomMiddle(1 / 1.3), "0": fit,
    ArrowLeft: () => { x += step; draw(); }, ArrowRight: () => { x -= step; draw(); },
    ArrowUp: () => { y += step; draw(); }, ArrowDown: () => { y -= step; draw(); },
  };
  viewer.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    if (event.key.startsWith("Arrow") && scale === 1) return;
    event.preventDefault();
    keys[event.key]();
  });
  tools.addEventListener("click", (event) => {
    const what = event.target.dataset.zoom;
    if (what) ({ in: () => zoomMiddle(1.4), out: () => zoomMiddle(1 / 1.4), fit })[what]();
  });
  new ResizeObserver(draw).observe(viewer);
}
