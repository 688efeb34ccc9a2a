// The form of one item: read it, fill it, and draw a place in its pictures. Shared by the site and by packets.

const SIDES = ["left", "top", "width", "height"];
const field = (form, name) => form.elements.namedItem(name);
const number = (form, name) => Number.parseFloat(field(form, name)?.value ?? "");

export function readRating(form) {
  const [left, top, width, height] = SIDES.map((name) => Math.min(Math.max(number(form, name) / 100, 0), 1));
  const whole = left < 1 && top < 1 && width > 0 && height > 0;
  const region = whole ? { picture: number(form, "picture") || 0, left, top, width: Math.min(width, 1 - left), height: Math.min(height, 1 - top) } : null;
  return { rating: field(form, "rating").value, comment: field(form, "comment").value.trim(), place: { words: field(form, "words").value.trim(), region } };
}

export const saysNothing = (given) => !(given.rating || given.comment || given.place.words || given.place.region);

export function fillRating(form, given) {
  for (const box of field(form, "rating")) box.checked = box.value === given.rating;
  field(form, "comment").value = given.comment ?? "";
  field(form, "words").value = given.place?.words ?? "";
  const region = given.place?.region;
  if (field(form, "picture") && region) field(form, "picture").value = region.picture;
  for (const name of SIDES) if (field(form, name)) field(form, name).value = region ? Math.round(region[name] * 1000) / 10 : "";
  showRegion(form);
}

function showRegion(form) {
  for (const old of form.querySelectorAll(".review-box")) old.remove();
  const { region } = readRating(form).place;
  const picture = region && form.querySelector(`.review-picture[data-picture="${region.picture}"]`);
  if (!picture) return;
  const box = document.createElement("span");
  box.className = "review-box";
  for (const name of SIDES) box.style[name] = `${region[name] * 100}%`;
  picture.append(box);
}

// Drawing is switched on by a button, so that a finger on a picture scrolls the page otherwise.
export function startRegion(form) {
  const button = form.querySelector("[data-draw]");
  if (!button) return;
  button.hidden = false;
  const pictures = [...form.querySelectorAll(".review-picture")];
  const drawing = (on) => {
    button.setAttribute("aria-pressed", String(on));
    for (const each of pictures) each.classList.toggle("drawing", on);
    if (on) pictures[0].scrollIntoView({ block: "nearest" });
  };
  button.addEventListener("click", () => drawing(button.getAttribute("aria-pressed") !== "true"));
  form.addEventListener("keydown", (event) => { if (event.key === "Escape") drawing(false); });
  for (const picture of pictures) {
    picture.addEventListener("pointerdown", (down) => {
      if (!picture.classList.contains("drawing")) return;
      down.preventDefault();
      picture.setPointerCapture(down.pointerId);
      const bounds = picture.getBoundingClientRect();
      const at = (event) => [(event.clientX - bounds.left) / bounds.width, (event.clientY - bounds.top) / bounds.height].map((share) => Math.min(Math.max(share, 0), 1) * 100);
      const from = at(down);
      const move = (event) => {
        const to = at(event);
        const values = [Math.min(from[0], to[0]), Math.min(from[1], to[1]), Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1])];
        SIDES.forEach((name, place) => { field(form, name).value = values[place].toFixed(1); });
        if (field(form, "picture")) field(form, "picture").value = picture.dataset.picture;
        showRegion(form);
      };
      const end = () => {
        picture.removeEventListener("pointermove", move);
        drawing(false);
        form.dispatchEvent(new Event("change", { bubbles: true }));
      };
      picture.addEventListener("pointermove", move);
      picture.addEventListener("pointerup", end, { once: true });
      picture.addEventListener("pointercancel", end, { once: true });
    });
  }
  form.addEventListener("input", () => showRegion(form));
  showRegion(form);
}
