// Progress of long work, asked for once a second while the page is looked at.

import { data, root } from "./source.js";
import { _, left, number } from "./words.js";

const STATES = { queued: _("waiting"), running: _("running"), done: _("done"), failed: _("failed"), cancelled: _("stopped") };

export function startJobs() {
  for (const place of document.querySelectorAll("[data-job]:not([data-watched])")) {
    place.dataset.watched = "";
    if (!["done", "failed", "cancelled"].includes(place.dataset.state)) watch(place);
  }
}

async function watch(place) {
  const said = document.querySelector("[data-job-says]");
  let wait = 1000, tenth = "";
  while (place.isConnected) {
    await new Promise((go) => setTimeout(go, wait));
    if (document.hidden) continue;
    let job;
    try {
      job = await data(`${root}/api/jobs/${encodeURIComponent(place.dataset.job)}`);
      wait = 1000;
    } catch {
      wait = Math.min(wait * 2, 15000);
      part(place, "message").textContent = _("The site does not answer. Trying again.");
      continue;
    }
    draw(place, job);
    const now = `${part(place, "state").textContent}${job.total ? Math.floor((10 * job.done) / job.total) : 0}`;
    if (said && (now !== tenth || job.ended)) { said.textContent = [part(place, "state"), part(place, "line"), part(place, "message")].map((each) => each.textContent).filter(Boolean).join(", "); tenth = now; }
    if (job.ended) { location.reload(); return; }
  }
}

const part = (place, name) => place.querySelector(`[data-part="${name}"]`);

function draw(place, job) {
  part(place, "state").textContent = job.stopping ? _("stopping") : STATES[job.state];
  if (job.stopping) part(place, "cancel")?.remove();
  const bar = part(place, "bar");
  if (job.total) { bar.max = job.total; bar.value = job.done; }
  const line = [];
  if (job.rate || job.ended) line.push(job.total ? _("%(done)s of %(total)s", { done: number(job.done), total: number(job.total) }) : number(job.done));
  if (job.rate) line.push(_("%(rate)s a second", { rate: Math.round(job.rate) }));
  if (job.seconds_left !== null) line.push(_("%(time)s left", { time: left(job.seconds_left) }));
  part(place, "line").textContent = line.join(" · ");
  part(place, "message").textContent = line[0] && job.message.startsWith(line[0]) ? "" : job.message;
  const refused = document.querySelector("[data-refused]");
  if (!refused || !job.refused.length) return;
  refused.hidden = false;
  const list = refused.querySelector("dl");
  for (const each of job.refused.slice(list.querySelectorAll("dt").length)) {
    for (const [tag, words] of [["dt", each.label], ["dd", each.reason]]) {
      const made = document.createElement(tag);
      made.textContent = words;
      list.append(made);
    }
  }
}
