// A dropped, pasted or chosen picture: sent to this site, answered as an embedding, searched for by a posted form.
// The embedding stays out of addresses; the preview is the browser's own copy and never leaves the tab, which keeps both
// for as long as it is open, so that Back and reload lose nothing.

import { data, reach, root } from "./source.js";
import { _ } from "./words.js";

const KEPT = "mirage.pictures";
const MOST = 12;
const PREVIEW = 192;  // pixels
const pictures = new Map(kept());  // token: { preview, a JPEG in base64, and warning }
const place = () => location.pathname + location.search;
let afterSwap = () => {};
let shown = place();

export function startPictures(awaken) {
  afterSwap = awaken;
  const chooser = document.createElement("input");
  chooser.type = "file";
  chooser.accept = "image/*,.dcm,application/dicom";
  chooser.addEventListener("change", () => { if (chooser.files[0]) search(chooser.files[0]); chooser.value = ""; });

  document.addEventListener("click", (event) => {
    if (event.target instanceof Element && event.target.closest("[data-pick]")) chooser.click();
  });
  document.addEventListener("paste", (event) => {
    const file = [...event.clipboardData.files].find((each) => each.type.startsWith("image/"));
    if (file) { event.preventDefault(); search(file); }
  });
  startDrop();

  // Queries that hold a picture are posted in place, so that the preview survives.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.id !== "search" || form.method !== "post") return;
    event.preventDefault();
    post(new FormData(form, event.submitter ?? undefined));
  });
  addEventListener("popstate", (event) => {
    if (event.state?.fields) post(asForm(event.state.fields), false);
    // A jump within the page, as by the skip link, is no other page.
    else if (place() !== shown) location.reload();
  });
  // Back from another page, or a reload: the browser has kept what was asked.
  if (history.state?.fields) post(asForm(history.state.fields), false);
}

function startDrop() {
  const overlay = document.getElementById("drop");
  let depth = 0;
  const hide = () => { depth = 0; overlay.hidden = true; };
  const carries = (event, ...kinds) => kinds.some((kind) => event.dataTransfer?.types.includes(kind));
  addEventListener("dragenter", (event) => {
    // On the library page what is dropped is to be added.
    if (document.querySelector("[data-add]") || !carries(event, "Files", "text/uri-list")) return;
    event.preventDefault();
    depth += 1;
    overlay.hidden = false;
  });
  addEventListener("dragleave", () => { depth -= 1; if (depth <= 0) hide(); });
  addEventListener("dragover", (event) => { if (!overlay.hidden) event.preventDefault(); });
  addEventListener("drop", (event) => {
    if (overlay.hidden) return;
    event.preventDefault();
    hide();
    const files = [...event.dataTransfer.files];
    if (files.length > 1) say(_("One picture at a time. Drop a single file."));
    else if (files.length) search(files[0]);
    else say(_("That is an address, and nothing is fetched from the network. Save the picture, then drop the file."));
  });
  addEventListener("keydown", (event) => { if (event.key === "Escape") { hide(); quiet(); } });
}

let clearing = 0;
function say(words) {
  const toast = document.getElementById("toast");
  toast.textContent = words;
  toast.hidden = false;
  clearTimeout(clearing);
  clearing = setTimeout(quiet, 9000);
}
const quiet = () => { document.getElementById("toast").hidden = true; };

async function search(file) {
  quiet();
  busy(true);
  try {
    const form = new FormData();
    form.set("file", file);
    const answer = await data(`${root}/api/embed`, { method: "POST", body: form });
    remember(answer.picture, await smallCopy(file), answer.synthetic);
    await post(asForm([["picture", answer.picture]]));
  } catch (error) {
    say(error.status ? error.message : _("The site did not answer. Is it still running? Files above its limit are refused, too."));
  } finally {
    busy(false);
  }
}

function kept() {
  try { return JSON.parse(sessionStorage.getItem(KEPT) ?? "[]"); } catch { return []; }
}

// Drawn by the browser. What it cannot show, as DICOM and TIFF, has none.
async function smallCopy(file) {
  try {
    const picture = await createImageBitmap(file);
    const scale = Math.min(1, PREVIEW / Math.max(picture.width, picture.height));
    const canvas = Object.assign(document.createElement("canvas"), { width: Math.max(1, picture.width * scale), height: Math.max(1, picture.height * scale) });
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    picture.close();
    return canvas.toDataURL("image/jpeg", 0.85).split(",")[1];
  } catch { return ""; }
}

function remember(token, preview, warning = "") {
  pictures.set(token, { preview, warning });
  while (pictures.size > MOST) pictures.delete(pictures.keys().next().value);
  try { sessionStorage.setItem(KEPT, JSON.stringify([...pictures])); } catch { /* shown, and not kept */ }
}

function asForm(fields) {
  const form = new FormData();
  for (const [name, value] of fields) form.append(name, value);
  return form;
}

let turn = 0;  // of what was asked last: an earlier answer that comes later is not shown

async function post(form, push = true) {
  const own = (turn += 1);
  busy(true);
  try {
    const response = await reach(`${root}/search`, { method: "POST", body: form });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    if (own !== turn) return;
    const next = page.getElementById("page");
    if (!next) throw new Error(_("The site answered %(status)s.", response));
    document.getElementById("page").replaceWith(document.adoptNode(next));
    for (const sheet of page.querySelectorAll("link[rel=stylesheet]")) {
      if (!document.querySelector(`link[href="${sheet.getAttribute("href")}"]`)) document.head.append(document.adoptNode(sheet));
    }
    document.body.className = page.body.className;
    document.title = page.title;
    const fields = [...form].filter(([, value]) => typeof value === "string");
    // Without its picture a query has an address again, and the server has led us there.
    if (response.redirected) history.pushState(null, "", response.url);
    else if (push) history.pushState({ fields }, "", `${root}/search`);
    shown = place();
    show();
    afterSwap();
    if (push) { scrollTo(0, 0); document.getElementById("main").focus({ preventScroll: true }); }
  } catch (error) {
    if (own === turn) say(error.message);
  } finally {
    if (own === turn) busy(false);
  }
}

function show() {
  for (const frame of document.querySelectorAll("[data-preview]")) {
    warn(frame);
    const { preview } = pictures.get(frame.dataset.preview) ?? {};
    if (!preview) continue;
    const image = document.createElement("img");
    image.alt = _("The picture you dropped");
    image.addEventListener("load", () => URL.revokeObjectURL(image.src), { once: true });
    image.src = URL.createObjectURL(new Blob([Uint8Array.from(atob(preview), (each) => each.charCodeAt(0))], { type: "image/jpeg" }));
    frame.replaceChildren(image);
  }
}

// A synthetic picture is searched with like any other, and the page says what it is for as long as it is shown.
function warn(frame) {
  const words = pictures.get(frame.dataset.preview)?.warning;
  const list = frame.closest("ul");
  if (!words || !list || list.nextElementSibling?.classList.contains("synthetic-warning")) return;
  const told = document.createElement("p");
  told.className = "problem synthetic-warning";
  told.setAttribute("role", "status");
  told.textContent = words;
  list.after(told);
}

function busy(on) {
  document.getElementById("main").classList.toggle("busy", on);
  document.getElementById("main").toggleAttribute("aria-busy", on);
}
