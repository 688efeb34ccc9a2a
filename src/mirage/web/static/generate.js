// A synthetic image in the making: asked for in place, followed as it is drawn, stopped.
import { ask, data, events, piece, root } from "./source.js";
import { _, left } from "./words.js";

const STATES = { queued: _("waiting"), running: _("drawing"), done: _("done"), failed: _("failed"), cancelled: _("stopped") };
const ended = (state) => ["done", "failed", "cancelled"].includes(state);
const part = (place, name) => place.querySelector(`[data-part="${name}"]`);
const pause = (time) => new Promise((go) => setTimeout(go, time));

export function startSynthesis() {
  for (const place of document.querySelectorAll("[data-drawing]:not([data-awake])")) follow(place);
  for (const form of document.querySelectorAll("[data-make]:not([data-awake])")) arm(form);
}

// -- asking --------------------------------------------------------------------------------------------------------

function arm(form) {
  form.dataset.awake = "";
  form.addEventListener("submit", (event) => { event.preventDefault(); make(form); });
  const known = remembered(form);
  if (known.length) show(form, known, false).catch(() => { forget(form); if (form.dataset.always !== undefined) make(form, false); });
  else if (form.dataset.always !== undefined) make(form, false);
}

async function make(form, byHand = true) {
  const refused = part(form, "refused");
  if (form.dataset.busy) return;
  form.dataset.busy = "yes";
  refused.hidden = true;
  try {
    const answer = await data(form.dataset.make, { method: "POST", body: new FormData(form) });
    const jobs = (answer.a ? [answer.a, answer.b] : [answer]).map((job) => job.id);
    remember(form, jobs);
    await show(form, jobs, byHand);
  } catch (error) {
    refused.textContent = error.message;
    refused.hidden = false;
  } finally {
    delete form.dataset.busy;
  }
}

async function show(form, jobs, byHand) {
  const slots = form.closest(".making").querySelectorAll("[data-slot]");
  const pieces = await Promise.all(jobs.map((job) => piece(`${root}/generate/${encodeURIComponent(job)}/piece`)));
  pieces.forEach((nodes, at) => {
    slots[at].hidden = false;
    slots[at].querySelector("[data-slot-body]").replaceChildren(...nodes);
  });
  const button = form.querySelector("button");
  button.hidden = true;
  if (byHand) slots[0].querySelector("[data-stops] button")?.focus();
  Promise.all([...slots].slice(0, jobs.length).map((slot) => follow(slot.querySelector("[data-drawing]")))).then(() => {
    button.textContent = _("Make another");
    button.hidden = false;
  });
}

// Coming back to a page shows again what was made on it.
const key = (form) => `mirage.made ${[...new FormData(form)].filter(([name]) => name !== "token").join("&")}`;
function remembered(form) { try { return JSON.parse(sessionStorage.getItem(key(form))) ?? []; } catch { return []; } }
function remember(form, jobs) { try { sessionStorage.setItem(key(form), JSON.stringify(jobs)); } catch { /* not remembered, then */ } }
function forget(form) { try { sessionStorage.removeItem(key(form)); } catch { /* nothing was kept */ } }

// -- following -----------------------------------------------------------------------------------------------------

async function follow(place) {
  place.dataset.awake = "";
  if (ended(place.dataset.state)) return;
  const job = place.dataset.drawing;
  const stop = place.querySelector("[data-stops]");
  stop.addEventListener("submit", (event) => { event.preventDefault(); cancel(place, stop); });
  let wait = 500;
  while (place.isConnected) {
    try {
      for await (const [name, view] of events(`${root}/api/jobs/${encodeURIComponent(job)}/events`)) {
        if (!place.isConnected) return;
        wait = 500;
        const done = HANDLERS[name]?.(place, view);
        if (name === "result") await done;
      }
    } catch (error) {
      if (error.status) { end(place, { state: "failed", message: error.message }); return; }
      part(place, "message").textContent = _("The site does not answer. Trying again.");
    }
    if (ended(place.dataset.state)) return;
    await pause(wait);
    wait = Math.min(wait * 2, 15000);
  }
}

const HANDLERS = { progress, preview, result, ended: end };

function progress(place, job) {
  place.dataset.state = job.state;
  part(place, "state").textContent = STATES[job.state];
  const bar = part(place, "bar");
  if (job.total) { bar.max = job.total; bar.value = job.done; }
  const line = job.state === "queued" ? [job.ahead ? _("%(number)s before it", { number: job.ahead }) : _("Next in line")]
    : [job.total ? _("Step %(number)s of %(count)s", { number: job.done, count: job.total }) : _("Starting")];
  if (job.seconds_left !== null) line.push(_("%(time)s left", { time: left(job.seconds_left) }));
  part(place, "line").textContent = line.join(" · ");
  part(place, "message").textContent = "";
  // Spoken once in a quarter of the way, not at every step.
  const quarter = job.total ? `${job.state}${Math.floor((4 * job.done) / job.total)}` : `${job.state}${job.ahead}`;
  if (place.dataset.quarter !== quarter) { part(place, "says").textContent = `${STATES[job.state]}, ${line.join(", ")}`; place.dataset.quarter = quarter; }
}

async function preview(place, view) {
  const frame = part(place, "preview");
  if (!frame || frame.dataset.loading) return;
  frame.dataset.loading = "yes";
  try {
    const response = await ask(view.image);
    if (response.status !== 200) return;
    const image = frame.querySelector("img");
    const address = URL.createObjectURL(await response.blob());
    image.addEventListener("load", () => URL.revokeObjectURL(address), { once: true });
    image.src = address;
    frame.hidden = false;
  } catch { /* the next step brings another */ } finally {
    delete frame.dataset.loading;
  }
}

async function result(place, view) {
  const results = part(place, "results");
  if (results.querySelector(`[data-made="${CSS.escape(view.id)}"]`)) return;
  const made = document.createElement("div");
  made.dataset.made = view.id;
  try { made.append(...await piece(`${view.page}/piece`)); } catch { return; }
  results.append(made);
}

function end(place, job) {
  const within = place.contains(document.activeElement);
  place.dataset.state = job.state;
  part(place, "state").textContent = STATES[job.state];
  part(place, "under-way")?.remove();
  const message = part(place, "message");
  message.textContent = job.state === "done" ? "" : job.message;
  message.classList.toggle("problem", job.state === "failed");
  part(place, "says").textContent = job.state === "done" ? _("The synthetic image is there.") : job.message;
  if (within) (place.querySelector(".made") ?? place.querySelector(".job-title a")).focus();
}

async function cancel(place, form) {
  const button = form.querySelector("button");
  if (button.ariaDisabled) return;
  button.ariaDisabled = "true"; // a button that is disabled outright would lose the focus
  button.textContent = _("Stopping…");
  try {
    await ask(form.getAttribute("action"), { method: "POST", headers: { "X-Mirage-Token": form.elements.token.value } });
  } catch (error) {
    button.ariaDisabled = null;
    button.textContent = _("Stop");
    part(place, "message").textContent = error.message;
  }
}
