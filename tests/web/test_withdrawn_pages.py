"""What its source has withdrawn, on every page and in the API: said where it is shown, and counted where it is not."""

from __future__ import annotations

import io
import json
import re
import zipfile
from html import unescape
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from serving import Served, serving
from typer.testing import CliRunner

from mirage.atlas import Atlas
from mirage.cli import app, output
from mirage.corpora.live.base import Standing
from mirage.settings import Settings
from mirage.storage.gone import heed
from mirage.web.site import RunningSite
from parts import copy_atlas

GONE, OTHER, CASE = "starter:retina", "starter:retina-microaneurysms", "starter:case-lung-mass"
SAID, PAGE, SEEN = "The article <b>was</b> retracted.", "https://example.org/retraction", 1_790_000_000.0
MARK = "Withdrawn by its source."
LEFT_OUT = "1 figure that fits is left out: its source has withdrawn it."


@pytest.fixture(scope="module")
def whole(tmp_path_factory, some_folder, roots):
    """A site on which a figure and a case were withdrawn after somebody had kept both; with what was kept."""
    with (
        Atlas.open(copy_atlas(some_folder, tmp_path_factory.mktemp("withdrawn") / "atlas")) as atlas,
        serving(atlas, Settings(), roots) as served,
        served.client() as client,
    ):
        client.headers["X-Mirage-Token"] = served.token
        kept = client.post("/api/collections", json={"title": "Eyes"}).json()["page"]
        for kind, target in (("figure", GONE), ("figure", OTHER), ("case", CASE)):
            client.post(f"/api{kept}/items", json={"kind": kind, "target": target}).raise_for_status()
        quiz = client.post("/api/quiz", json={"origin": "case", "target": CASE, "count": 3, "seed": 1}).json()
        client.post("/api/repeat/cards", json={"source": "case", "target": CASE}).raise_for_status()
        review = client.post("/api/reviews", json={"query": "retina"}).json()
        heed(served.atlas, "starter", [Standing(GONE, SEEN, SAID, PAGE), Standing(CASE, SEEN, SAID, PAGE)])
        yield served, {"kept": kept, "quiz": f"/quiz/{quiz['id']}", "review": review["page"]}


@pytest.fixture
def client(whole: tuple[Served, dict[str, str]]) -> httpx.Client:
    with whole[0].client(headers={"X-Mirage-Token": whole[0].token}) as made:
        yield made


BANNER = (
    "withdrawn banner",
    MARK,
    "The article &lt;b&gt;was&lt;/b&gt; retracted.",
    "Seen on 2026-09-21",
    PAGE,
    "Remove it …",
)
PAGES: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "the figure": (f"/figure/{GONE}", BANNER, ("Make a synthetic image from it", "/repeat/add")),
    "another figure": (f"/figure/{OTHER}", (), ("withdrawn banner", MARK, f'href="/figure/{GONE}"')),
    "the case": (
        f"/case/{CASE}",
        (
            "withdrawn banner",
            "<strong>All ",
            " figures of this case were withdrawn by their source.",
            "They are kept here and marked.",
            PAGE,
            "Remove them …",
            MARK,
        ),
        ("to-quiz", "/repeat/add"),
    ),
    "the case, with its answer hidden": (f"/case/{CASE}?answer=hidden", ("withdrawn banner",), ()),
    "a search": (
        "/search?q=retina",
        (LEFT_OUT, '<a href="/search?q=retina&amp;withdrawn=1" rel="nofollow">Show what was withdrawn too, marked</a>'),
        (f'href="/figure/{GONE}"', MARK),
    ),
    "a search that asks for it": (
        "/search?q=retina&withdrawn=1",
        (f'href="/figure/{GONE}"', MARK, '<a href="/search?q=retina">Leave them out</a>', 'name="withdrawn" value="1"'),
        (LEFT_OUT,),
    ),
    "a search that nothing else fits": (
        "/search?q=lung+mass",
        ("Only what was withdrawn fits.", '<p class="hint"><a href="/search?q=lung+mass&amp;withdrawn=1"'),
        ("Nothing here fits.",),
    ),
    "a comparison with what nothing else fits": (
        "/compare?a.q=lung+mass&b.q=aortic+dissection",
        ("Only what was withdrawn fits.", "What fits A was withdrawn by its source, so there is nothing to compare it by."),
        ("No figure in this atlas fits A",),
    ),
    "a search that it does not fit": ("/search?q=skin+histology", (), (MARK, "left out: its source")),
    "an explanation": ("/explain?q=retina&withdrawn=1", (), ()),
    "a comparison": ("/compare?a.q=retina&a.withdrawn=1&b.q=skin+histology", (), (f'href="/figure/{GONE}"', MARK)),
    "the start": ("/", (), (f'href="/figure/{GONE}"', MARK)),
    "what there is": ("/browse", (), (f'href="/figure/{GONE}"',)),
    "the library": ("/corpora", ("figures of it were withdrawn by their source.", ">Lung nodule</a>"), (">Lung mass</a>",)),
    "the collection": ("{kept}", ("<strong>withdrawn by its source</strong>",), ("<strong>removed</strong>",)),
    "the collection in print": (
        "{kept}/print",
        ("stayed behind: their sources have withdrawn them.", "picture left out: its source has withdrawn it."),
        (f"/api/pictures/{GONE}?",),
    ),
    "the collection in print to pass on": (
        "{kept}/print?for=pass-on&non_commercial=1",
        ("stayed behind: their sources have withdrawn them.",),
        (f"/api/pictures/{GONE}?",),
    ),
    "what goes along": (
        "/take?kind=figure&target=" + quote(GONE), ("1 picture stayed behind: its source has withdrawn it.",), ()
    ),
    "the quiz": ("{quiz}", ("its figure was withdrawn by its source",), ("its figure was removed",)),
    "a question": ("{quiz}/1", ("Its figure was withdrawn by its source. It does not count.",), ()),
    "what is due": ("/repeat", ("or was withdrawn by its source.", "or were withdrawn by their sources."), ()),
    "the cards": ("/repeat/cards", ("<strong>withdrawn by its source</strong>",), ("<strong>removed</strong>",)),
    "a review": ("{review}?reviewer=Somebody", (MARK,), ()),
}  # fmt: skip
EITHER = ("what is due",)  # one of the texts is there


@pytest.mark.parametrize("name", list(PAGES))
def test_every_page_says_it(whole: tuple[Served, dict[str, str]], client: httpx.Client, name: str) -> None:
    address, there, absent = PAGES[name]
    answer = client.get(address.format(**whole[1]))
    assert answer.status_code == 200
    found = [each in answer.text for each in there]
    assert any(found) if name in EITHER else all(found), [
        each for each, is_there in zip(there, found, strict=True) if not is_there
    ]
    assert [each for each in absent if each in answer.text] == []
    if name != "a search that asks for it":
        assert "<b>was</b>" not in answer.text


def test_what_is_shown_beside_a_figure_carries_its_own_mark(client: httpx.Client) -> None:
    first, *others = client.get(f"/api/cases/{CASE}").json()["figures"]
    beside = client.get(f"/figure/{first['id']}").text.partition('id="siblings"')[2].partition("</section>")[0]
    shown = beside.count('class="shot"')
    assert 0 < shown <= len(others)
    assert beside.count(MARK) == shown


def test_the_pages_button_leads_to_the_removal_of_what_is_meant(client: httpx.Client) -> None:
    for address in (f"/figure/{GONE}", f"/case/{CASE}"):
        banner = client.get(address).text.partition("withdrawn banner")[2].partition("</section>")[0]
        page = client.get(unescape(re.search(r'href="(/remove\?[^"]+)"', banner)[1]))
        assert page.status_code == 200
        told = set(re.findall(r'name="figure" value="([^"]+)"', page.text))
        case = client.get(f"/api/cases/{CASE}").json()
        assert told == ({GONE} if "figure" in address else {each["id"] for each in case["figures"]})


def test_where_all_was_withdrawn_a_quiz_and_the_repetition_say_so(client: httpx.Client) -> None:
    for address, origin in (("/api/quiz", "origin"), ("/api/repeat/cards", "source")):
        refused = client.post(address, json={origin: "case", "target": CASE})
        assert refused.status_code == 400
        assert "no figures" in refused.json()["detail"]
        assert "or all are hidden or withdrawn" in refused.json()["detail"]


def test_the_api_tells_it_with_words_link_and_day(client: httpx.Client) -> None:
    told = {"said": SAID, "url": PAGE, "day": "2026-09-21"}
    assert client.get(f"/api/figures/{GONE}").json()["withdrawn"] == told
    assert client.get(f"/api/figures/{OTHER}").json()["withdrawn"] is None
    assert {str(each["withdrawn"]) for each in client.get(f"/api/cases/{CASE}").json()["figures"]} == {str(told)}
    held = client.get("/api/atlas").json()
    assert (
        held["withdrawn"] == held["corpora"][0]["withdrawn"] == 1 + len(client.get(f"/api/cases/{CASE}").json()["figures"])
    )


def test_the_api_searches_without_it_counts_it_and_finds_it_when_asked(client: httpx.Client) -> None:
    plain = client.get("/api/search?q=retina").json()
    assert (plain["withdrawn"], LEFT_OUT in plain["notes"], plain["query"]["withdrawn"]) == (1, True, False)
    assert GONE not in {hit["figure"]["id"] for hit in plain["hits"]}
    for asked in (
        client.get("/api/search?q=retina&withdrawn=1"),
        client.post("/api/search", json={"terms": [{"text": "retina"}], "withdrawn": True}),
    ):
        found = {hit["figure"]["id"]: hit["figure"]["withdrawn"] for hit in asked.json()["hits"]}
        assert found[GONE]["said"] == SAID
        assert asked.json()["query"]["url"] == "/search?q=retina&withdrawn=1"
    refused = client.get("/api/search?q=retina&withdrawn=perhaps")
    assert (refused.status_code, "withdrawn is 1 to find also" in refused.json()["detail"]) == (400, True)
    assert client.get("/api/search?q=retina&withdrawn=0").json()["withdrawn"] == 1


def test_a_dropped_picture_finds_it_only_by_the_button(whole: tuple[Served, dict[str, str]], client: httpx.Client) -> None:
    path = whole[0].atlas.picture(GONE)
    embedded = client.post("/api/embed", files={"file": (path.name, path.read_bytes())}).json()["picture"]
    fields = {"q": "retina", "picture": embedded, "token": whole[0].token}
    page = client.post("/search", data=fields).text
    assert f'href="/figure/{GONE}"' not in page
    assert '<button type="submit" form="search" name="withdrawn" value="1">' in page
    assert f'href="/figure/{GONE}"' in client.post("/search", data=fields | {"withdrawn": "1"}).text


def test_no_explanation_cites_it(client: httpx.Client) -> None:
    told = client.get("/api/explain?q=retina&withdrawn=1&stream=0").json()
    assert GONE not in {own for each in told["evidence"] for own in each["figures"]}


def test_a_packet_for_reviewers_is_without_it(whole: tuple[Served, dict[str, str]], client: httpx.Client) -> None:
    for purpose in ("myself", "pass-on"):
        packet = client.get(f"/api{whole[1]['review']}/packet?for={purpose}")
        with zipfile.ZipFile(io.BytesIO(packet.content)) as file:
            html = file.read("index.html").decode()
        assert "withdrawn by its source" in html
        assert MARK not in html
        assert "stayed behind" in html


def test_what_a_page_made_while_the_atlas_changed_is_made_anew_after_it(some_copy: Path) -> None:
    with Atlas.open(some_copy) as atlas:
        site = RunningSite(atlas, Settings(), "token")
        before = site.state
        assert site.state == before
        with atlas.changing():
            during = site.state
        assert before != during != site.state


def test_the_commands_tell_it(some_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output.out, "_width", 200)  # which is looked at when the command is loaded, maybe by another test

    def ran(*arguments: str) -> str:
        done = CliRunner().invoke(app, [*arguments, "--atlas", str(some_copy)])
        assert done.exit_code == 0, done.output
        return " ".join(done.output.split())

    with Atlas.open(some_copy) as atlas:
        mine = atlas.study.collections.make("Eyes")
        atlas.study.collections.add(mine.id, "figure", GONE)
        atlas.study.repeating.add("case", CASE)
        heed(atlas, "starter", [Standing(GONE, SEEN, SAID, PAGE), Standing(CASE, SEEN, SAID, PAGE)])
    said = f"By its source. {SAID} Seen on 2026-09-21. {PAGE}"
    assert said in ran("show", GONE)
    assert f"figures. {said}" in ran("show", CASE)
    assert "withdrawn" not in ran("show", OTHER)
    plain = ran("search", "retina")
    assert LEFT_OUT in plain
    assert "With --withdrawn what was withdrawn is found too, and marked." in plain
    asked = ran("search", "retina", "--withdrawn")
    assert "[withdrawn by its source]" in asked
    assert "--withdrawn" not in asked
    assert "withdrawn by the source" in ran("atlas", "info")
    assert ", withdrawn by its source" in ran("collection", "show", "Eyes")
    assert "hidden, or withdrawn by their sources." in ran("repeat", "due")
    told = json.loads(CliRunner().invoke(app, ["show", GONE, "--json", "--atlas", str(some_copy)]).stdout)
    assert told["withdrawn"]["said"] == SAID
