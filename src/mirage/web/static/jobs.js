// Progress of long work, asked for once a second while the page is looked at.

const STATES = { queued: "waiting", running: "running", done: "done", failed: "failed", cancelled: "stopped" };
const number = new Intl.NumberFormat("en");

export function startJobs() {
  for (const place of document.querySelectorAll("[data-job]:not([data-watched])")) {
    place.dataset.watched = "";
    if (!["done", "failed", "cancelled"].includes(place.dataset.state)) watch(place);
  }
}

async function watch(place) {
  const said = document.querySelector("[data-job-says]");
  let wait = 1000, tenth = -1;
  while (place.isConnected) {
    await new Promise((go) => setTimeout(go, wait));
    if (document.hidden) continue;
    let job;
    try {
      const response = await fetch(`/api/jobs/${encodeURIComponent(place.dataset.job)}`);
      job = await response.json();
      if (!response.ok) throw new Error(job.detail);
      wait = 1000;
    } catch {
      wait = Math.min(wait * 2, 15000);
      part(place, "message").textContent = "The site does not answer. Trying again.";
      continue;
    }
    draw(place, job);
    const now = job.total ? Math.floor((10 * job.done) / job.total) : 0;
    if (said && (now !== tenth || job.ended)) { said.textContent = `${STATES[job.state]}, ${part(place, "line").textContent}`; tenth = now; }
    if (job.ended) { location.reload(); return; }
  }
}

const part = (place, name) => place.querySelector(`[data-part="${name}"]`);

function draw(place, job) {
  part(place, "state").textContent = STATES[job.state];
  const bar = part(place, "bar");
  if (job.total) { bar.max = job.total; bar.value = job.done; }
  const line = [];
  if (job.rate || job.ended) line.push(job.total ? `${number.format(job.done)} of ${number.format(job.total)}` : number.format(job.done));
  if (job.rate) line.push(`${Math.round(job.rate)} a second`);
  if (job.seconds_left !== null) line.push(`${left(job.seconds_left)} left`);
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

function left(seconds) {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  return seconds < 3600 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
