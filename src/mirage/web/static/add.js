// Files and folders that are dropped on the library page: sent part by part, then looked through before anything is added.
import { ask, data, root } from "./source.js";
import { _ } from "./words.js";

const AT_ONCE = 8e6;  // bytes of one request, and
const MOST_AT_ONCE = 40;  // files of it
const place = () => document.querySelector("[data-add]");

export function startAdding() {
  const zone = place();
  if (!zone || zone.dataset.watched !== undefined) return;
  zone.dataset.watched = "";
  zone.querySelector("[data-add-folder]").hidden = !("webkitdirectory" in HTMLInputElement.prototype);
  for (const button of zone.querySelectorAll("[data-add-folder], [data-add-files]")) {
    const chooser = Object.assign(document.createElement("input"), { type: "file", multiple: true, webkitdirectory: button.matches("[data-add-folder]") });
    chooser.addEventListener("change", () => send([...chooser.files].map((file) => [file, file.webkitRelativePath || file.name])));
    button.hidden = false;
    button.addEventListener("click", () => { chooser.value = ""; chooser.click(); });
  }
  zone.querySelector("[data-add-stop]").addEventListener("click", () => stopping?.abort());
  addEventListener("dragover", over);
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) place()?.classList.remove("over"); });
  addEventListener("drop", dropped);
}

const carries = (event) => place() && event.dataTransfer?.types.includes("Files");

function over(event) {
  if (!carries(event)) return;
  event.preventDefault();
  place().classList.add("over");
}

async function dropped(event) {
  if (!carries(event)) return;
  event.preventDefault();
  place().classList.remove("over");
  // Entries are there only until the first pause.
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.() ?? null).filter(Boolean);
  const found = [];
  for (const entry of entries) await gather(entry, found);
  send(found.length ? found : [...event.dataTransfer.files].map((file) => [file, file.name]));
}

async function gather(entry, found) {
  const path = entry.fullPath.replace(/^\//, "");
  if (entry.name.startsWith(".")) return;
  if (entry.isFile) {
    found.push([await new Promise((go, no) => entry.file(go, no)), path]);
    return;
  }
  const reader = entry.createReader();
  for (;;) {  // a reader gives a hundred at a time
    const some = await new Promise((go, no) => reader.readEntries(go, no));
    if (!some.length) return;
    for (const each of some) await gather(each, found);
  }
}

let stopping = null;

async function send(files) {
  const zone = place();
  const bar = zone.querySelector("progress");
  const most = Number(zone.dataset.most);
  if (stopping || !files.length) return;
  if (files.length > most) { say(_("%(count)s files are more than the %(most)s that can be added from here at once. Add them in parts.", { count: files.length, most })); return; }
  stopping = new AbortController();
  const options = (more) => ({ headers: { "X-Mirage-Token": zone.dataset.token }, signal: stopping.signal, ...more });
  const total = files.reduce((sum, [file]) => sum + file.size, 0);
  let batch = null, done = 0, bytes = 0;
  Object.assign(bar, { max: total || 1, value: 0 });
  zone.querySelector("[data-add-sending]").hidden = false;
  try {
    batch = await data(`${root}/api/uploads`, options({ method: "POST" }));
    while (done < files.length) {
      say(_("%(done)s of %(count)s files sent.", { done, count: files.length }));
      const form = new FormData();
      let size = 0, number = 0;
      while (done + number < files.length && number < MOST_AT_ONCE && (!number || size + files[done + number][0].size <= AT_ONCE)) {
        const [file, path] = files[done + number];
        form.append("file", file, path);
        size += file.size;
        number += 1;
      }
      await ask(`${root}/api/uploads/${batch.id}`, options({ method: "POST", body: form }));
      done += number;
      bytes += size;
      bar.value = bytes;
    }
    await ask(`${root}/api/uploads/${batch.id}/look`, options({ method: "POST" }));
    location.assign(batch.page);
  } catch (error) {
    if (batch) ask(`${root}/api/uploads/${batch.id}`, { method: "DELETE", headers: { "X-Mirage-Token": zone.dataset.token } }).catch(() => {});
    zone.querySelector("[data-add-sending]").hidden = true;
    say(error.name === "AbortError" ? _("Stopped. Nothing was added.") : error.name === "NotReadableError" ? _("A file could not be read. Is it still there?") : error.message);
  } finally { stopping = null; }
}

function say(words) { place().querySelector("[data-add-says]").textContent = words; }
