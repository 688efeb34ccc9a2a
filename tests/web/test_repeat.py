"""Repetition on its pages, without scripts, and by the API: nothing names what a card asks before it is asked."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import httpx
import pytest
from serving import Served, serving

from browsing import expect, opened, too_wide
from learner import Clock, Learner
from mirage.atlas import Atlas
from mirage.settings import Settings
from mirage.study.quiz.kept import Given
from mirage.web.plots import rounded, stacked
from parts import copy_atlas


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, some_folder: Path, roots: Path) -> Iterator[Served]:
    """A site of its own: here data are deleted."""
    with (
        Atlas.open(copy_atlas(some_folder, tmp_path_factory.mktemp("repeat") / "atlas")) as atlas,
        serving(atlas, Settings(), roots) as served,
    ):
        yield served


@pytest.fixture(autouse=True)
def _fresh(site: Served) -> Iterator[None]:
    yield
    site.atlas.study.own_data.delete()


@pytest.fixture
def clock(site: Served, monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    for atlas in site.atlases:
        monkeypatch.setattr(atlas.study.schedule, "clock", made)
    return made


@pytest.fixture
def labelled(site: Served) -> str:
    """Id of a stack whose structures are marked."""
    rows = site.atlas.store.rows(site.atlas.store.keys()).values()
    return next(row.figure.id for row in rows if row.figure.stack and len(row.figure.stack.labels) > 3)


@pytest.fixture
def added(site: Served, client: httpx.Client, labelled: str) -> str:
    """That stack's structures are cards."""
    sent(site, client, "/repeat/add", source="figure", target=labelled, kind="point")
    return labelled


def sent(site: Served, client: httpx.Client, page: str, **fields: str) -> httpx.Response:
    return client.post(page, data={"token": site.token, **fields}, headers={"Origin": site.url})


def head(site: Served) -> dict[str, str]:
    return {"X-Mirage-Token": site.token}


# -- adding, and being told nothing -----------------------------------------------------------------------------------------


def test_without_cards_the_page_says_where_they_come_from(client: httpx.Client) -> None:
    text = client.get("/repeat").text
    assert "There are no cards yet" in text
    assert 'href="/repeat" aria-current="page"' in text
    assert client.get("/repeat/progress").status_code == client.get("/repeat/cards").status_code == 200


def test_a_figure_and_a_collection_lead_to_the_form_that_makes_cards(site, client, labelled) -> None:
    own = client.post("/api/collections", json={"title": "Mine"}, headers=head(site)).json()["id"]
    client.post(f"/api/collections/{own}/items", json={"kind": "figure", "target": labelled}, headers=head(site))
    for page in (f"/figure/{labelled}", f"/collections/{own}"):
        way = next(unescape(found) for found in re.findall(r'href="(/repeat/add[^"]+)"', client.get(page).text))
        form = client.get(way)
        assert (form.status_code, 'value="point" checked' in form.text) == (200, True)
    made = sent(site, client, "/repeat/add", source="collection", target=own, kind="point")
    number = client.get("/api/repeat").json()["cards"]
    assert f"{number} cards are added" in made.text
    assert number > 3


def test_no_list_of_cards_tells_what_they_ask(site, client, added) -> None:
    stack = site.atlas.figure(added).stack
    said = [added.partition(":")[2], *(label.name for label in stack.labels)]
    for page in (
        "/repeat",
        "/repeat/cards",
        "/repeat/progress",
        "/api/repeat",
        "/api/repeat/cards",
        "/my-data",
        "/api/my-data",
    ):
        text = client.get(page).text.lower()
        assert [word for word in said if word.lower() in text] == [], page


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"source": "figure", "target": "nobody:1", "kind": "name"}, 404),
        ({"source": "magic", "target": "x", "kind": "name"}, 400),
        ({"source": "collection", "target": "x", "kind": "name"}, 404),
        ({"source": "mistakes", "target": "x"}, 400),
        ({}, 400),
    ],
)
def test_what_cannot_be_repeated_is_told(site, client, fields, status) -> None:
    assert client.get("/repeat/add", params=fields).status_code == status
    assert sent(site, client, "/repeat/add", **fields).status_code == status
    body = {"source": fields.get("source", ""), "target": fields.get("target", "")}
    assert client.post("/api/repeat/cards", json=body, headers=head(site)).status_code == status


def test_who_ticks_nothing_is_told_and_the_form_stays(site, client, labelled) -> None:
    told = sent(site, client, "/repeat/add", source="figure", target=labelled)
    assert (told.status_code, "at least one kind" in told.text) == (400, True)
    assert f'value="{labelled}"' in told.text


# -- a round ------------------------------------------------------------------------------------------------------------


def test_a_round_is_a_quiz_of_due_cards_and_its_answers_move_them(site, client, added) -> None:
    begun = client.post("/api/repeat/begin?count=3", headers=head(site)).json()
    assert begun["questions"] >= 1
    quiz = site.atlas.study.quiz.get(begun["quiz"])
    first = quiz.asked[0]
    site.atlas.study.quiz.answer(quiz.id, 1, Given())
    today = client.get("/api/repeat").json()
    assert (today["answered"], today["soon"]) == (1, 1)
    page = client.get("/repeat").text
    assert "Your last answer was wrong" in page
    assert (
        client.post("/api/repeat/rate", json={"answer": first.id, "rating": "easy"}, headers=head(site)).status_code == 400
    )
    assert client.post("/api/repeat/undo", headers=head(site)).json() == {"answer": first.id}
    assert client.get("/api/repeat").json()["answered"] == 0
    assert site.atlas.study.quiz.get(quiz.id).asked[0].waits, "it is asked again"
    assert client.post("/api/repeat/undo", headers=head(site)).status_code == 404


def test_a_round_that_was_begun_goes_on_and_a_due_card_is_said_to_be_due(site, client, added, clock) -> None:
    study = site.atlas.study
    quiz = study.repeating.begin(3)
    study.quiz.answer(quiz.id, 1, Given())
    assert f'href="/quiz/{quiz.id}/2"' in client.get("/repeat").text
    assert sent(site, client, "/repeat", do="begin").url.path == f"/quiz/{quiz.id}"
    for asked in study.repeating.begin(3).waiting:
        study.quiz.answer(quiz.id, asked.number, Given())
    clock.now = study.schedule.last().due
    page = client.get("/repeat").text
    assert "the card is due." in page
    assert "Go on" not in page
    assert study.repeating.begin(3).id != quiz.id


def test_who_says_that_it_was_easy_on_the_page_is_asked_later(site, client, added) -> None:
    card = site.atlas.study.schedule.queue(1)[0]
    learner = Learner(site.atlas, Clock())
    learner.clock.now = site.atlas.study.schedule.clock()
    own = learner.answer(card).id
    waits = []
    for how in ("hard", "good", "easy"):
        assert "The card comes again in" in sent(site, client, "/repeat", do=how, answer=own).text
        waits.append(site.atlas.study.schedule.last().due)
    assert waits == sorted(waits)
    assert waits[0] < waits[2]
    assert "is taken back" in sent(site, client, "/repeat", do="undo").text
    assert sent(site, client, "/repeat", do="hard", answer=own).status_code == 404


def test_a_quizs_mistakes_become_cards(site, client, labelled) -> None:
    sent(site, client, "/repeat/add", source="figure", target=labelled, kind="point")
    quiz = site.atlas.study.repeating.begin(4)
    for asked in quiz.asked:
        site.atlas.study.quiz.answer(quiz.id, asked.number, Given())
    site.atlas.study.own_data.delete("learning")
    for asked in quiz.asked:
        site.atlas.study.quiz.answer(quiz.id, asked.number, Given())  # keeps the answer again, as after a crash
    assert client.get("/repeat/add", params={"source": "mistakes", "target": quiz.id}).status_code == 200
    sent(site, client, "/repeat/add", source="mistakes", target=quiz.id)
    again = {each.question.item for each in site.atlas.study.repeating.begin(10).asked}
    assert again == {each.question.item for each in quiz.asked}


def test_nothing_due_is_told_and_makes_no_quiz(site, client) -> None:
    assert "No card is due now" in client.post("/api/repeat/begin", headers=head(site)).json()["detail"]
    assert sent(site, client, "/repeat", do="begin").status_code == 400
    assert site.atlas.study.quiz.list() == []


def test_how_much_is_chosen_on_the_page_and_what_cannot_be_is_told(site, client) -> None:
    sent(site, client, "/repeat", do="choose", retention="85", new_per_day="3", most_per_day="40")
    assert client.get("/api/repeat").json()["pace"] == {"retention": 0.85, "new_per_day": 3, "most_per_day": 40}
    for wrong in ({"retention": "99"}, {"retention": "nan"}, {"new_per_day": "x"}, {"most_per_day": "-1"}, {"do": "dance"}):
        fields = {"do": "choose", "retention": "85", "new_per_day": "3", "most_per_day": "40", **wrong}
        told = sent(site, client, "/repeat", **fields)
        assert (told.status_code, 'role="alert"' in told.text) == (400, True), wrong
    assert client.get("/api/repeat").json()["pace"]["most_per_day"] == 40


def test_a_card_is_taken_out_and_put_back_on_the_page(site, client, added) -> None:
    total = client.get("/api/repeat").json()["cards"]
    card = client.get("/api/repeat/cards?limit=1").json()["cards"][0]["id"]
    out = sent(site, client, "/repeat/cards", do="out", card=card)
    assert ("is taken out" in out.text, client.get("/api/repeat").json()["cards"]) == (True, total - 1)
    sent(site, client, "/repeat/cards", do="put back", card=card)
    assert client.get("/api/repeat").json()["cards"] == total
    assert sent(site, client, "/repeat/cards", do="out", card="nothing").status_code == 404


def test_a_clock_that_was_set_back_is_told(site, client, added, clock) -> None:
    learner = Learner(site.atlas, clock)
    learner.answer(site.atlas.study.schedule.queue(1)[0])
    clock.now -= 365 * 86_400.0
    text = client.get("/repeat").text
    assert "this machine’s clock has not reached" in text
    assert "Nothing is lost" in text


# -- progress -----------------------------------------------------------------------------------------------------------


def test_plots_have_a_table_beside_them_with_the_same_numbers(site, client, added, clock) -> None:
    site.atlas.study.schedule.choose(new_per_day=5)
    Learner(site.atlas, clock).learn(21)
    view = client.get("/api/repeat/progress").json()
    page = client.get("/repeat/progress").text
    parts = sum(bool(day[name]) for day in view["days"] for name in ("right", "wrong", "practice"))
    assert len(re.findall(r'<rect class="bar-(?:right|wrong|practice)"', page)) == parts > 10
    assert page.count('<path class="plot-dot"') == sum(week["asked"] > 0 for week in view["weeks"]) > 0
    for day in view["days"]:
        numbers = "".join(f"<td>{day[name]}</td>" for name in ("right", "wrong", "practice"))
        assert f"</th>{numbers}</tr>" in page
    assert len(re.findall(r'<svg role="img" aria-label="[^"]{20,}"', page)) == 3
    assert not re.search(r'\sstyle="', page)
    assert view["confusions"]
    for each in view["confusions"][:2]:
        assert client.get(each["compare"]).status_code == 200
        assert f'href="{each["compare"].replace("&", "&amp;")}"' in page


def test_bars_stand_on_one_another_and_fill_their_share() -> None:
    plot = stacked([{"right": 3, "wrong": 1}, {"right": 0, "wrong": 0}, {"right": 10, "wrong": 0}])
    assert (plot.most, plot.columns, len(plot.bars)) == (10, 3, 3)
    right, wrong, all_right = plot.bars
    assert (right.y + right.height, right.height) == (100, 30)
    assert (wrong.y + wrong.height, wrong.height) == (right.y, 10)
    assert all_right.y == 0
    assert [rounded(most) for most in (0, 5, 6, 11, 21, 51, 101, 5000)] == [5, 5, 10, 20, 50, 100, 200, 5000]


# -- one's own data -----------------------------------------------------------------------------------------------------


def test_data_are_taken_along_deleted_and_brought_back_by_the_page(site, client, added) -> None:
    client.post("/api/collections", json={"title": "Mine"}, headers=head(site))
    before = client.get("/api/my-data").json()["parts"]
    file = client.get("/api/my-data/file")
    assert file.headers["content-disposition"] == 'attachment; filename="my.mirage-data.zip"'
    page = client.get("/my-data").text
    assert f"{before['learning']['cards']} cards" in page
    for fields in ({"part": "learning"}, {"sure": "1"}, {"part": "magic", "sure": "1"}):
        assert sent(site, client, "/my-data/delete", **fields).status_code == 400
    assert client.get("/api/my-data").json()["parts"] == before
    gone = client.post(
        "/my-data/delete",
        data={"token": site.token, "part": ["learning", "collections"], "sure": "1"},
        headers={"Origin": site.url},
    )
    assert f"{sum(sum(part.values()) for part in before.values())} entries are gone for good" in gone.text
    assert client.get("/api/my-data").json()["parts"] == {}
    taken = client.post("/my-data/import", data={"token": site.token}, files={"file": ("my.zip", file.content)})
    assert "Taken in:" in taken.text
    assert client.get("/api/my-data").json()["parts"] == before
    bad = client.post("/my-data/import", data={"token": site.token}, files={"file": ("b.zip", b"PK")})
    assert (bad.status_code, "Nothing was changed" in bad.text) == (400, True)
    assert client.post("/my-data/import", data={"token": site.token}).status_code == 400


def test_the_api_takes_data_along_and_deletes_them(site, client, added) -> None:
    data = client.get("/api/my-data/file").content
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert json.loads(archive.read("about.json"))["tables"]["cards"] > 0
    deleted = client.delete("/api/my-data?part=learning", headers=head(site)).json()["deleted"]
    assert deleted["cards"] > 0
    taken = client.post("/api/my-data/import", files={"file": ("my.zip", data)}, headers=head(site)).json()
    assert taken["new"]["cards"] == deleted["cards"]


def test_nothing_changes_without_the_token_or_from_elsewhere(site, client, added) -> None:
    before = client.get("/api/my-data").json()
    ways = [
        ("POST", "/api/repeat/cards", {"json": {"source": "figure", "target": added}}),
        ("PATCH", "/api/repeat", {"json": {"retention": 0.8, "new_per_day": 1, "most_per_day": 1}}),
        ("DELETE", "/api/repeat/cards/x", {}),
        ("POST", "/api/repeat/cards/x/restore", {}),
        ("POST", "/api/repeat/begin", {}),
        ("POST", "/api/repeat/rate", {"json": {"answer": "x", "rating": "easy"}}),
        ("POST", "/api/repeat/undo", {}),
        ("DELETE", "/api/my-data", {}),
        ("POST", "/api/my-data/import", {"files": {"file": ("a.zip", b"x")}}),
        ("POST", "/repeat", {"data": {"do": "begin"}}),
        ("POST", "/repeat/add", {"data": {"source": "figure", "target": added, "kind": "side"}}),
        ("POST", "/repeat/cards", {"data": {"do": "out", "card": "x"}}),
        ("POST", "/my-data/delete", {"data": {"part": "learning", "sure": "1"}}),
        ("POST", "/my-data/import", {"files": {"file": ("a.zip", b"x")}}),
    ]
    for method, path, options in ways:
        assert client.request(method, path, **options).status_code == 403, (method, path)
        foreign = {"Origin": "https://evil.example", **head(site)}
        assert client.request(method, path, headers=foreign, **options).status_code == 403, (method, path)
    assert client.get("/api/my-data").json() == before


# -- in a browser -------------------------------------------------------------------------------------------------------


@pytest.mark.browser
def test_a_round_goes_from_the_page_through_the_quiz_and_back_without_scripts(chromium, site, added) -> None:
    page, complaints = opened(chromium, site, java_script_enabled=False)
    page.goto("/repeat")
    page.get_by_role("button", name="Begin with").click()
    page.get_by_role("link", name="Go on with question 1").click()
    page.get_by_role("button", name="I don't know").click()
    page.get_by_role("button", name="Undo the answer").click()
    page.get_by_role("button", name="I don't know").click()
    page.get_by_role("button", name="Undo the answer").wait_for()
    page.get_by_role("link", name="Repeat", exact=True).click()
    expect(page.locator(".repeat-today dd").nth(2)).to_have_text("1")
    assert not complaints


@pytest.mark.browser
def test_pages_of_repetition_fit_a_phone(chromium, site, added, clock) -> None:
    Learner(site.atlas, clock).learn(8, share=0.5)
    page, _ = opened(chromium, site, viewport={"width": 320, "height": 700})
    add = f"/repeat/add?source=figure&target={added}"
    assert too_wide(page, "/repeat", "/repeat/progress", "/repeat/cards", "/my-data", add) == []
