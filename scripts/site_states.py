"""Every page of the site in every state that looks different, for checks of all of them and for pictures of all of them."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
from PIL import Image

from mirage.atlas import Atlas
from mirage.corpora.live.base import Standing
from mirage.storage.gone import heed

Act = Callable[[Any], None]
QUERY = "axial brain MRI"
TWO = "/compare?a.q=axial+brain+MRI&b.q=sagittal+brain+MRI"
LESS = "/compare?q=brain+MRI&less=contrast&more=edema"


@dataclass(frozen=True)
class State:
    """A page as it is looked at.

    Attributes
    ----------
    name : str
        Short, for a file.
    address : str
    act : callable, optional
        What a person does first, with a page of Playwright.
    """

    name: str
    address: str
    act: Act = lambda page: None


def opened(page: Any) -> None:
    """Open everything that folds."""
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")


def _explained(page: Any) -> None:
    """Show the explanation, and a citation of it."""
    panel = page.locator("#explained")
    if panel.get_attribute("data-open") == "no" or panel.locator("[data-fold][aria-expanded=false]").count():
        panel.locator("[data-fold]").click()
    page.locator("#explained[data-state=ended]").wait_for()
    if page.locator("#explained a.cite").count():
        page.locator("#explained a.cite").first.click()


def drawn(page: Any) -> None:
    """Press the button that makes a synthetic image, and wait for it."""
    page.locator(".making [data-make] button").click()
    page.locator(".making .made img").first.wait_for(timeout=120_000)
    page.locator(".making").scroll_into_view_if_needed()


def _dropped(page: Any) -> None:
    page.evaluate("document.getElementById('drop').hidden = false")


def _told(page: Any) -> None:
    page.evaluate(
        """() => { const toast = document.getElementById('toast');
        toast.textContent = 'One picture at a time. Drop a single file.'; toast.hidden = false; }"""
    )


def _laid_out(page: Any) -> None:
    page.locator("#map.live li").first.wait_for(timeout=120_000)  # the page looks again by itself until it is there


def _stacked(page: Any) -> None:
    page.locator(".layers canvas[aria-label]").first.wait_for()
    opened(page)


def _suggested(page: Any) -> None:
    page.locator("#q").press_sequentially("lun")
    page.get_by_role("option").first.wait_for()


def states(client: httpx.Client, atlas: Atlas, token: str) -> list[State]:
    """Make what pages show, a collection for example, and list the states.

    Parameters
    ----------
    client : httpx.Client
        Of the running site, following redirects.
    atlas : mirage.atlas.Atlas
        What it serves.
    token : str
        Of the site.
    """
    client.headers["X-Mirage-Token"] = token
    found = [hit.figure for words in (QUERY, "CT", "X-ray") for hit in atlas.search(words).hits]
    figure = next(each for each in found if not each.stack and not each.slice_of)
    labelled = next(each for each in found if each.stack and each.stack.labels)
    case_id = next(each.case_id for each in found if each.case_id)
    listed = [
        State("start", "/"),
        State("start-dropping", "/", _dropped),
        State("start-refused", "/", _told),
        State("results", f"/search?q={QUERY}"),
        State("results-explained", f"/search?q={QUERY}", _explained),
        State("results-everything-open", f"/search?q={QUERY}&less=contrast@0.5&more=ventricle&k=6", opened),
        State("results-drawn", f"/search?q={QUERY}", drawn),
        State("results-nothing-fits", "/search?q=appendicitis"),
        State("results-none", f"/search?q={QUERY}&plane=oblique&modality=US"),
        State("results-understood", "/search?q=glioblastma+vs+meningioma"),
        State("results-like", f"/search?like={figure.id}"),
        State("figure", f"/figure/{figure.id}", opened),
        State("stack", f"/figure/{labelled.id}", _stacked),
        State("case", f"/case/{case_id}"),
        State("case-hidden", f"/case/{case_id}?answer=hidden"),
        State("compare-begin", "/compare", opened),
        State("compare", TWO),
        State("compare-everything-open", f"{TWO}&a.k=4&b.k=4", opened),
        State("compare-less-and-more", LESS),
        State("library", "/corpora", opened),
        State("remove", f"/remove?figure={figure.id}"),
        State("browse", "/browse"),
        State("browse-organ", re.search(r'href="(/browse/[^"]+)"', client.get("/browse").text)[1], opened),
        State("map", "/map", _laid_out),
        State("suggested", "/", _suggested),
        State("take-along", f"/take?kind=search&target={quote('q=' + QUERY)}", opened),
        State("about", "/about"),
        State("notices", "/notices", opened),
        State("privacy", "/privacy"),
        State("people", "/people", opened),
        State("sign-in", "/sign-in"),
        State("api", "/api"),
        State("generate", "/generate?q=sagittal+brain+MRI", opened),
        State("verify", "/verify"),
        State("problem", "/nowhere"),
        State("problem-of-a-query", "/search?q=brain&filter.none=x"),
        *_withdrawn(client, atlas, "starter:case-abdomen-mri"),
        *_kept(client, figure.id),
        *_made(client),
        *_asked(client),
        *_sent(client),
        *_looked(client),
        *_repeated(client, labelled.id),
        *_reviewed(client),
    ]
    return listed


def _withdrawn(client: httpx.Client, atlas: Atlas, case_id: str) -> list[State]:
    """What its source has withdrawn: the case whose figures are, one of them in a collection, and a search for them."""
    figure = atlas.figures_of(case_id)[0]
    heed(atlas, figure.source.corpus, [Standing(case_id, time.time(), "The article was retracted.", figure.source.url)])
    made = client.post("/api/collections", json={"title": "Withdrawn since"}).json()
    client.post(f"/api{made['page']}/items", json={"kind": "figure", "target": figure.id})
    words = quote(figure.title)
    return [
        State("figure-withdrawn", f"/figure/{figure.id}", opened),
        State("case-withdrawn", f"/case/{case_id}"),
        State("results-left-out", f"/search?q={words}"),
        State("results-withdrawn", f"/search?q={words}&withdrawn=1", opened),
        State("collection-withdrawn", made["page"], opened),
    ]


def _ended(client: httpx.Client, job: str) -> dict[str, Any]:
    """A job once it has ended."""
    end = time.monotonic() + 120
    while not (now := client.get(f"/api/jobs/{job}").json())["ended"] and time.monotonic() < end:
        time.sleep(0.1)
    return now


def _asked(client: httpx.Client) -> list[State]:
    """A quiz: a question of each kind, one answered, and how it went."""
    quiz = client.post("/api/quiz", json={"count": 12, "seed": 3}).json()
    page = f"/quiz/{quiz['id']}"
    kinds: dict[str, int] = {}
    for number in range(1, len(quiz["questions"]) + 1):
        kinds.setdefault(client.get(f"/api{page}/questions/{number}").json()["kind"], number)
    answered = min(kinds.values())
    client.post(f"/api{page}/questions/{answered}/answer", json={})
    return [
        State("quizzes", "/quiz", opened),
        State("quiz-new", "/quiz/new", opened),
        State("quiz", page),
        *(State(f"question-{kind}", f"{page}/{number}") for kind, number in kinds.items()),
    ]


def _sent(client: httpx.Client) -> list[State]:
    """Files that were sent to be added, looked through."""
    batch = client.post("/api/uploads").json()["id"]
    drawn = io.BytesIO()
    Image.linear_gradient("L").save(drawn, "PNG")
    table = "file,caption,modality,plane,licence\nslope.png,A slope of grey,XR,frontal,CC0\n"
    files = [
        ("file", ("a/slope.png", drawn.getvalue())),
        ("file", ("a/figures.csv", table)),
        ("file", ("a/no.png", b"none")),
    ]
    client.post(f"/api/uploads/{batch}", files=files)
    job = client.post(f"/api/uploads/{batch}/look").json()
    _ended(client, job["id"])
    return [State("add", f"/add?batch={batch}", opened)]


def _looked(client: httpx.Client) -> list[State]:
    """A living source: before it is asked; and, where tests have installed one of their own, its offer, and a failure."""
    live = [each["name"] for each in client.get("/api/corpora").json()["addable"] if each["live"]]
    listed = [State(f"look-{name}", f"/look?corpus={name}&query=pneumonia&job=none", opened) for name in live[:1]]
    if "made" not in live:  # nobody real is asked for a picture of a page
        return listed
    for name, words in (("offer", "pneumonia"), ("fails", "nobody answers")):
        job = client.post("/api/previews", json={"corpus": "made", "options": {"query": words}}).json()
        listed.append(State(f"look-{name}", _ended(client, job["id"])["page"], opened))
    return listed


def _kept(client: httpx.Client, figure: str) -> list[State]:
    """Collections."""
    made = client.post("/api/collections", json={"title": "Tuesday’s seminar"}).json()
    page = made["page"]
    for kind, target in (("figure", figure), ("search", f"/search?q={QUERY}"), ("comparison", TWO)):
        client.post(
            "/keep",
            data={"token": client.headers["X-Mirage-Token"], "kind": kind, "target": target, "collection": made["id"]},
        )
    file = client.get(f"/api{page}/file").text.replace(figure, "gone:figure")
    gone = client.post("/api/collections/import", files={"file": ("of another.mirage-collection", file)}).json()["page"]
    return [
        State("collection-removed", gone, opened),
        State("keep", f"/keep?kind=figure&target={figure}"),
        State("collections", "/collections"),
        State("collection", page),
        State("collection-everything-open", page, opened),
        State("collection-printed", f"{page}/print"),
        State("collection-empty", client.post("/api/collections", json={"title": "Empty"}).json()["page"]),
    ]


def _repeated(client: httpx.Client, labelled: str) -> list[State]:
    """Cards, of which one was answered wrong."""
    client.post("/api/repeat/cards", json={"source": "figure", "target": labelled, "kinds": ["point"]})
    round_of = client.post("/api/repeat/begin?count=3").json()["page"]
    client.post(f"{round_of}/1", data={"token": client.headers["X-Mirage-Token"], "do": "pass"})
    return [
        State("repeat", "/repeat", opened),
        State("repeat-add", f"/repeat/add?source=figure&target={labelled}"),
        State("repeat-cards", "/repeat/cards"),
        State("repeat-progress", "/repeat/progress", opened),
        State("repeat-round", round_of),
        State("repeat-answered", f"{round_of}/1"),
        State("my-data", "/my-data"),
    ]


def _reviewed(client: httpx.Client) -> list[State]:
    """Reviews; who rates is nobody."""
    page = client.post("/api/reviews", json={"query": "lung mass", "versus": "lung nodule"}).json()["page"]
    client.post("/api/reviews", json={"query": "lung nodule"})
    for item in client.get(f"/api{page}?reviewer=Nobody").json()["to_rate"]:
        word = "misleading" if item["kind"] == "claim" or "2" in item["id"] else "helpful"
        client.put(f"/api{page}/items/{item['id']}", json={"reviewer": "Nobody", "rating": word})
    client.post(f"/api{page}/close")
    going_on = next(each["page"] for each in client.get("/api/reviews").json()["reviews"] if not each["closed"])
    return [
        State("reviews", "/reviews", opened),
        State("review", going_on, opened),
        State("review-rating", f"{going_on}?reviewer=Somebody", opened),
        State("review-closed", f"{page}?reviewer=Nobody"),
        State("reviews-results", "/reviews/results"),
        State("reviews-misleading", "/reviews/misleading"),
    ]


def _made(client: httpx.Client) -> list[State]:
    """Synthetic images."""
    if not client.get("/api/generate").json()["ready"]:
        return []
    job = client.post("/api/generate", json={"terms": [{"text": QUERY}], "seed": 7}).json()
    now = _ended(client, job["id"])
    return [
        State("synthetic", f"/synthetic/{now['results'][0]}", opened),
        State("synthetics", "/synthetic"),
        State("job", f"/jobs/{job['id']}"),
        State("generating", f"/generate/{job['id']}"),
    ]
