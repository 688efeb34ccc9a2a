// A stack of slices: by wheel, by keys, by the slider; the address says which slice is shown.

import { _ } from "./words.js";

const viewer = document.querySelector("[data-slices]");
if (viewer) {
  const names = JSON.parse(viewer.dataset.slices), picture = viewer.querySelector("img"), slider = viewer.querySelector("input"), said = viewer.querySelector("output");
  let number = Number(viewer.dataset.best);
  const kept = new Map();
  const brought = (place) => {
    if (names[place] && !kept.has(place)) kept.set(place, Object.assign(new Image(), { src: names[place] }));
  };
  const show = (wanted, written = true) => {
    number = Math.min(names.length - 1, Math.max(0, wanted));
    picture.src = names[number];
    slider.value = number + 1;
    said.textContent = _("slice %(number)s of %(count)s", { number: number + 1, count: names.length });
    if (written) history.replaceState(null, "", `#slice-${number + 1}`);
    for (const near of [1, -1, 2, -2]) brought(number + near);
  };
  slider.addEventListener("input", () => show(Number(slider.value) - 1));
  viewer.addEventListener("wheel", (event) => {
    event.preventDefault();
    show(number + Math.sign(event.deltaY));
  }, { passive: false });
  viewer.addEventListener("keydown", (event) => {
    const step = { ArrowUp: -1, ArrowDown: 1, PageUp: -10, PageDown: 10 }[event.key];
    if (!step || event.target === slider) return;
    event.preventDefault();
    show(number + step);
  });
  const fromAddress = () => {
    const asked = /^#slice-(\d+)$/.exec(location.hash);
    show(asked ? Number(asked[1]) - 1 : number, false);
  };
  addEventListener("hashchange", fromAddress);
  fromAddress();
}
