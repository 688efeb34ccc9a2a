// The one place from which scripts get their data. Another source, such as an atlas in plain files, takes its place.
import { _ } from "./words.js";

// Where the site begins, as /mirage; empty where it has a server to itself.
export const root = document.documentElement.dataset.root ?? "";

let source = (address, options) => fetch(address, options);

// `other` takes what `fetch` takes, an address of this site and options, and gives what it gives: a promise of a Response.
export function replaceSource(other) { source = other; }

// Whatever is answered. Errors here and below have a message for the person who asked, and the `status` where there was an answer.
export async function reach(address, options) {
  try { return await source(address, options); } catch (error) {
    throw error.name === "AbortError" || options?.signal?.aborted ? error : new Error(_("The site did not answer. Is it still running?"), { cause: error });
  }
}

export async function ask(address, options) {
  const answer = await reach(address, options);
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  throw Object.assign(new Error(problem.detail ?? _("The site answered %(status)s.", answer)), { status: answer.status });
}

export const data = async (address, options) => (await ask(address, options)).json();

// Pieces of pages: the server's own templates, with everything from outside escaped.
export const piece = async (address, options) => drawn(await (await ask(address, options)).text());

export function drawn(html, within = "body") {
  const page = new DOMParser().parseFromString(within === "body" ? html : `<${within}>${html}</${within}>`, "text/html");
  return [...page.querySelector(within).childNodes].map((node) => document.adoptNode(node));
}

// Server-sent events: pairs of a name and data.
export async function* events(address, options) {
  const answer = await ask(address, { ...options, headers: { Accept: "text/event-stream" } });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    rest += value;
    for (let end; (end = rest.indexOf("\n\n")) >= 0; rest = rest.slice(end + 2)) {
      const lines = rest.slice(0, end).split("\n");
      const field = (name) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      if (field("event")) yield [field("event"), JSON.parse(field("data"))];
    }
  }
}
