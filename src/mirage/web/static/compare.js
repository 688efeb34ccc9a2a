// A weight that is dragged is meant at once: the page asks again, with the new weight in its address.

const PAUSE = 350;
let waiting = 0;

function send(form, submitter) {
  sessionStorage.setItem("mirage.compare", JSON.stringify({ at: scrollY, name: document.activeElement?.name, nth: nth(document.activeElement) }));
  form.requestSubmit(submitter);
}

const nth = (input) => [...document.getElementsByName(input?.name ?? "")].indexOf(input);

document.addEventListener("input", (event) => {
  if (event.target.matches?.(".change > input[type='range']")) event.target.nextElementSibling.value = event.target.value;
});

document.addEventListener("change", (event) => {
  const { target } = event;
  if (target.matches?.("[data-drag]")) {
    clearTimeout(waiting);
    waiting = setTimeout(() => send(target.form), PAUSE);
  }
  if (target.id === "compare-file" && target.files.length) target.form.requestSubmit(target.parentElement.querySelector("button"));
});

// Arrow keys go on where they were.
try {
  const kept = JSON.parse(sessionStorage.getItem("mirage.compare"));
  sessionStorage.removeItem("mirage.compare");
  if (kept) {
    const field = document.getElementsByName(kept.name)[kept.nth];
    for (let fold = field?.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    field?.focus({ preventScroll: true });
    scrollTo(0, kept.at);
  }
} catch { /* nothing was kept */ }
