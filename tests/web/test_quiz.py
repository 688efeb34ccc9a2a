"""Quizzes on their pages and in the API: made, answered once, and silent about the answer until then."""

from __future__ import annotations

import html
import re
import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from serving import Served, serving

from mirage.atlas import Atlas
from mirage.errors import BadInput, NotFound
from mirage.settings import Settings
from mirage.storage.ingest import add
from mirage.study.quiz.kept import Given, Quiz
from mirage.study.quiz.origin import Material, Origin
from mirage.study.quiz.pictures import PictureAddresses
from mirage.study.quiz.question import Choice, Question, Shown
from mirage.study.quiz.words import gives_away, names_of
from quiz_maker import MadeCases, diagnoses
from scan_maker import MadeStacks


@pytest.fixture(scope="module")
def quizzed(tmp_path_factory, roots) -> Iterator[Served]:
    with Atlas.open(tmp_path_factory.mktemp("quizzed") / "atlas", create=True) as atlas:
        add(atlas, MadeCases())
        add(atlas, MadeStacks())
        with serving(atlas, Settings(), roots) as served:
            yield served


@pytest.fixture
def client(quizzed: Served) -> Iterator[httpx.Client]:
    with quizzed.client() as made:
        yield made


@pytest.fixture
def make(quizzed: Served):
    def made(*kinds: str, count: int = 5, seed: int = 1) -> Quiz:
        return quizzed.atlas.study.quiz.make(Origin("filter"), kinds=kinds or ("name",), count=count, seed=seed)

    return made


def secrets_of(atlas: Atlas, question: Question) -> list[str]:
    """Everything that would find the figure, or name its diagnosis, in a text."""
    row = atlas.store.row(question.figure)
    figure = row.figure
    told = [figure.id, figure.id.partition(":")[2], question.figure, row.picture.name, row.picture.name[:12]]
    told += [figure.caption, figure.title, figure.source.attribution, figure.source.url]
    if figure.case_id:
        told += [figure.case_id, figure.case_id.partition(":")[2]]
    return [each for each in told if each]


def told_in(question: Question, secrets: list[str], text: str) -> list[str]:
    """What of the answer stands in a text; of those who are asked to choose, beside the choices."""
    plain = html.unescape(text)
    for choice in question.choices:
        plain = plain.replace(choice.text, " ")
    found = [each for each in secrets if each.lower() in plain.lower()]
    if question.kind in ("name", "choose", "unfold"):
        found += [name for name in names_of(question.asked) if len(name) > 4 and name.lower() in plain.lower()]
        visible = re.sub(r"<[^>]*>", " ", plain) if "<body" in plain else ""
        found += [question.asked] if gives_away(visible, [question.asked]) else []
    return found


def chunks(png: bytes) -> set[bytes]:
    found, at = set(), 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        found.add(png[at + 4 : at + 8])
        at += length + 12
    return found


@pytest.mark.timeout(1200)  # many pages; on a busy machine each takes its time
@pytest.mark.parametrize("count", [20, pytest.param(54, marks=pytest.mark.nightly)])
def test_questions_tell_nothing_before_they_are_answered(quizzed: Served, client, chromium, make, count) -> None:
    """Walk through a quiz in a browser: what stands in the page, and every response with its headers."""
    quiz = make("name", "choose", "point", "side", "unfold", count=count)
    assert len(quiz.asked) >= count - 4
    context = chromium.new_context()
    page, seen = context.new_page(), list[Any]()
    page.on("response", lambda response: seen.append(response))  # noqa: PLW0108 - it wants a function of its own

    def look(question: Question, secrets: list[str]) -> None:
        assert page.evaluate("[...document.images].every((each) => each.complete && each.naturalWidth > 0)")
        assert not told_in(question, secrets, page.content())
        for response in seen:
            where = f"{response.url}\n{response.headers}"
            assert not told_in(question, secrets, where), where
            if response.status != 200 or "/static/" in response.url:
                continue
            assert not {"etag", "last-modified", "content-disposition", "link"} & response.headers.keys()
            if "/pictures/" in response.url:
                assert chunks(response.body()) == {b"IHDR", b"IDAT", b"IEND"}
            else:
                assert not told_in(question, secrets, response.text()), response.url
        seen.clear()

    for asked in quiz.asked:
        question, secrets = asked.question, secrets_of(quizzed.atlas, asked.question)
        page.goto(f"{quizzed.url}/quiz/{quiz.id}/{asked.number}")
        look(question, secrets)
        while (further := page.locator("button[value=unfold]")).count():
            with page.expect_navigation(wait_until="load"):
                further.click()
            look(question, secrets)
        assert page.locator("main img").count() >= 1
        for path in (f"{quiz.id}/questions/{asked.number}", quiz.id):
            twin = client.get(f"/api/quiz/{path}")
            assert not told_in(question, secrets, f"{twin.headers}{twin.text}")
        quizzed.atlas.study.quiz.answer(quiz.id, asked.number, Given())
        # What was looked for is there now: it would have been found before.
        assert told_in(question, secrets, client.get(f"/quiz/{quiz.id}/{asked.number}").text)
    context.close()


def test_each_showing_has_its_own_addresses_and_they_lead_nowhere_else(client, make) -> None:
    quiz, other = make(), make(seed=2)

    def address() -> str:
        return client.get(f"/api/quiz/{quiz.id}/questions/1").json()["pictures"][0]["address"]

    one, two = address(), address()
    assert one != two
    assert client.get(one).content == client.get(two).content
    name = one.rpartition("/")[2]
    assert client.get(f"/quiz/{other.id}/pictures/{name}").status_code == 404
    assert client.get(f"/quiz/{quiz.id}/pictures/{name[:-1]}").status_code == 404


def test_choices_stand_in_no_order_that_tells(make) -> None:
    quiz = make("choose", count=20)
    places = [[each.concept for each in asked.question.choices].index(asked.question.asked) for asked in quiz.asked]
    assert set(places) == {0, 1, 2, 3}


def form(quizzed: Served, **fields: str) -> dict[str, str]:
    return {"token": quizzed.token, **fields}


def test_a_quiz_goes_by_plain_forms_from_start_to_end(quizzed: Served, client) -> None:
    chosen = form(quizzed, of="filter", target="corpus=cases", count="2", kind="name")
    first = client.post("/quiz", data=chosen)
    assert first.url.path.endswith("/1")
    own = first.url.path.split("/")[2]
    right = quizzed.atlas.study.quiz.get(own).asked[0].question.asked
    after = client.post(first.url.path, data=form(quizzed, do="answer", text=right))
    assert "<h1>Right.</h1>" in after.text
    assert right in after.text
    assert client.get(first.url.path).text.count("<h1>Right.</h1>") == 1, "reload shows the answer again"
    second = client.post(f"/quiz/{own}/2", data=form(quizzed, do="pass"))
    assert "Not answered." in second.text
    assert "See how it went" in second.text
    done = client.get(f"/quiz/{own}").text
    assert "2 of 2 answered" in done
    kept = {each.id for each in quizzed.atlas.study.learning.answers(limit=1000)}
    assert {each.id for each in quizzed.atlas.study.quiz.get(own).asked} <= kept


def test_two_pages_do_not_count_one_answer_twice(quizzed: Served, client, make) -> None:
    quiz = make()
    here, right = f"/quiz/{quiz.id}/1", quiz.asked[0].question.asked
    wrong = next(each for each in diagnoses() if each != right)
    client.post(here, data=form(quizzed, do="answer", text=right))
    again = client.post(here, data=form(quizzed, do="answer", text=wrong))
    assert "answered already" in again.text
    assert "<h1>Right.</h1>" in again.text
    answers = [each for each in quizzed.atlas.study.learning.answers(limit=1000) if each.id == quiz.asked[0].id]
    assert [(each.right, each.asked, each.item) for each in answers] == [(True, right, quiz.asked[0].question.item)]


def test_what_is_not_understood_can_be_said_again(quizzed: Served, client, make) -> None:
    own = make().id
    here = f"/quiz/{own}/1"
    for text, said in (("xyzzy", "no diagnosis that is known"), ("", "No answer was given"), ("x" * 301, "301 characters")):
        answer = client.post(here, data=form(quizzed, do="answer", text=text))
        assert answer.status_code == 400
        assert said in answer.text
        assert f'value="{text}"' in answer.text, "what was typed stays"
    assert client.get(f"/api/quiz/{own}/questions/1").json()["state"] == "asked"


@pytest.mark.parametrize(
    "fields",
    [
        {"do": "answer", "x": "nan", "y": "0.5"},
        {"do": "answer", "x": "1e400", "y": "0.5"},
        {"do": "answer", "x": "-3", "y": "0.5"},
        {"do": "answer", "x": "<script>", "y": "0.5"},
        {"do": "answer", "column": "99", "row": "1"},
        {"do": "answer", "column": "3"},
    ],
)
def test_a_place_that_is_none_is_refused(quizzed: Served, client, make, fields) -> None:
    here = f"/quiz/{make('point').id}/1"
    answer = client.post(here, data=form(quizzed, **fields))
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert "Traceback" not in answer.text


def test_a_square_of_the_grid_answers_where_one_cannot_point(quizzed: Served, client, make) -> None:
    quiz = make("point", count=2)
    for asked in quiz.asked:
        picture = asked.question.pictures[0]
        marks = quizzed.atlas.stack(asked.question.figure).marks(picture.number, picture.view)
        y, x = (marks == asked.question.value).nonzero()
        square = {
            "column": str(int(x.mean() * 16 / marks.shape[1]) + 1),
            "row": str(int(y.mean() * 16 / marks.shape[0]) + 1),
        }
        answer = client.post(f"/quiz/{quiz.id}/{asked.number}", data=form(quizzed, do="answer", **square))
        assert "<h1>Right.</h1>" in answer.text


def test_a_case_unfolds_step_by_step_and_not_twice_by_one_click(quizzed: Served, client, make) -> None:
    quiz = make("unfold")
    here = f"/quiz/{quiz.id}/1"
    assert "History" in client.get(here).text
    early = client.post(here, data=form(quizzed, do="answer", text="stroke"))
    assert early.status_code == 400
    for _ in range(2):
        told = client.post(here, data=form(quizzed, do="unfold", step="0")).text
        assert "Findings" in told
        assert "<img" not in told
    seen = client.post(here, data=form(quizzed, do="unfold", step="1")).text
    assert "<img" in seen
    assert "Your diagnosis" in seen
    after = client.post(here, data=form(quizzed, do="answer", text=quiz.asked[0].question.asked)).text
    assert "Discussion" in after


def test_what_changes_something_wants_the_token(quizzed: Served, client, make) -> None:
    quiz = make()
    for path, data in (("/quiz", {"of": "filter", "count": "3", "kind": "name"}), (f"/quiz/{quiz.id}/1", {"do": "pass"})):
        assert client.post(path, data=data).status_code == 403
    assert client.post(f"/quiz/{quiz.id}/delete", data={"do": "delete"}).status_code == 403
    assert client.post(f"/api/quiz/{quiz.id}/questions/1/answer", json={"text": "stroke"}).status_code == 403
    assert client.delete(f"/api/quiz/{quiz.id}").status_code == 403
    assert quizzed.atlas.study.quiz.get(quiz.id).asked[0].given is None


def test_the_api_makes_asks_and_judges(quizzed: Served, client) -> None:
    shows = {"X-Mirage-Token": quizzed.token}
    made = client.post("/api/quiz", json={"target": "corpus=cases", "kinds": ["choose"], "count": 2}, headers=shows)
    assert made.status_code == 201
    quiz = made.json()
    question = client.get(f"/api/quiz/{quiz['id']}/questions/1").json()
    assert [each["number"] for each in question["choices"]] == [1, 2, 3, 4]
    right = quizzed.atlas.study.quiz.get(quiz["id"]).asked[0].question
    number = next(n for n, each in enumerate(right.choices, start=1) if each.concept == right.asked)
    wrong = number % 4 + 1
    given = client.post(f"/api/quiz/{quiz['id']}/questions/1/answer", json={"choice": wrong}, headers=shows).json()["given"]
    assert (given["verdict"], given["answer"]) == ("wrong", right.answer)
    assert client.get(given["compare"]).status_code == 200
    assert client.delete(f"/api/quiz/{quiz['id']}", headers=shows).status_code == 200
    assert client.get(f"/api/quiz/{quiz['id']}").status_code == 404


def test_which_structure_was_marked_is_told_after_the_answer(quizzed: Served, client, make) -> None:
    point = make("point", count=1).asked[0].question
    both = (Choice("left", "Left"), Choice("right", "Right"))
    more = {"item": point.item.replace("point", "side", 1), "asked": "left", "answer": "Left"}
    question = replace(point, kind="side", choices=both, mark=(0.5, 0.5), **more)
    quiz = quizzed.atlas.study.quiz.keep([question], Material((), "Sides", ""), Origin("filter"), {})
    here = f"/quiz/{quiz.id}/1"
    assert question.structure not in client.get(here).text
    after = client.post(here, data=form(quizzed, do="pass")).text
    assert f"What is marked: {question.structure}." in after
    assert client.get(f"/api/quiz/{quiz.id}/questions/1").json()["given"]["structure"] == question.structure


def test_a_title_that_names_an_answer_is_told_at_the_end(quizzed: Served, client) -> None:
    name = diagnoses()[3]
    quiz = quizzed.atlas.study.quiz.make(Origin("search", f"q={name}"), kinds=["name"], count=1, seed=1)
    assert quiz.asked[0].question.asked == name
    for path in (f"/quiz/{quiz.id}", "/quiz", "/api/quiz"):
        assert name not in client.get(path).text
    quizzed.atlas.study.quiz.answer(quiz.id, 1, Given(text=name))
    assert name in client.get(f"/quiz/{quiz.id}").text


def test_no_quiz_is_made_of_nothing_and_it_is_said_what_lacks(quizzed: Served, client) -> None:
    mine = quizzed.atlas.study.collections.make("Nothing yet")
    answer = client.post("/quiz", data=form(quizzed, of="collection", target=mine.id, count="5", kind="name"))
    assert answer.status_code == 400
    assert "it is empty" in answer.text
    answer = client.post("/quiz", data=form(quizzed, of="filter", target="corpus=cases", count="5", kind="point"))
    assert "no stacks with labelled structures" in answer.text
    for strange in ({"count": "0"}, {"count": "1000000"}, {"count": "ten"}, {"kind": "next"}, {"of": "x" * 300}):
        answer = client.post("/quiz", data=form(quizzed, **{"of": "filter", "count": "5", "kind": "name", **strange}))
        assert answer.status_code == 400, strange


@pytest.mark.writes("its quiz was made by who may write to the folder")
def test_a_quiz_of_a_removed_figure_goes_on_without_it(tmp_path, roots) -> None:
    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        add(atlas, MadeCases(4))
        quiz = atlas.study.quiz.make(Origin("filter"), kinds=["name"], count=4, seed=1)
        gone = quiz.asked[1].question
        atlas.remove(gone.figure.partition("~")[0])
        with serving(atlas, Settings(), roots) as served, served.client() as client:
            page = client.get(f"/quiz/{quiz.id}/2")
            assert page.status_code == 200
            assert "was removed from the atlas" in page.text
            assert client.post(f"/quiz/{quiz.id}/2", data=form(served, do="pass")).status_code == 404
            assert "its figure was removed" in client.get(f"/quiz/{quiz.id}").text
            assert len(served.atlas.study.quiz.get(quiz.id).waiting) == 3
    with Atlas.open(tmp_path / "atlas") as atlas:  # after a restart
        assert [each.removed for each in atlas.study.quiz.get(quiz.id).asked] == [False, True, False, False]


def test_what_reviewers_hide_is_not_asked_in_quizzes_and_rounds_that_are_there(tmp_path) -> None:
    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        add(atlas, MadeCases(4))
        study = atlas.study
        study.repeating.add("filter", "", ["name"])
        quizzes = [study.quiz.make(Origin("filter"), kinds=["name"], count=4, seed=1), study.repeating.begin()]
        gone = quizzes[0].asked[1].question.figure
        study.reviews.hidden.set(gone, True)
        for quiz in (*map(study.quiz.get, [each.id for each in quizzes]), *study.quiz.list()):
            assert {each.question.figure for each in quiz.asked if each.removed} == {gone}
        with pytest.raises(NotFound, match="is hidden, or was withdrawn"):
            study.quiz.answer(quizzes[0].id, 2, Given())
        study.reviews.hidden.set(gone, False)
        assert len(study.quiz.get(quizzes[0].id).waiting) == 4


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("choose", {"text": "stroke"}),
        ("choose", {"x": 0.5, "y": 0.5}),
        ("name", {"choice": 2}),
        ("name", {"text": "\u200b"}),
        ("point", {"text": "left kidney"}),
        ("point", {"x": 0.5}),
    ],
)
def test_an_answer_of_another_sort_leaves_the_question_open(quizzed: Served, client, make, kind, answer) -> None:
    quiz = make(kind, count=1)
    told = client.post(f"/api/quiz/{quiz.id}/questions/1/answer", json=answer, headers={"X-Mirage-Token": quizzed.token})
    assert (told.status_code, "no answer to this question" in told.text) == (400, True)
    assert quizzed.atlas.study.quiz.get(quiz.id).waiting


def test_an_answer_that_cannot_be_recorded_leaves_the_question_open(quizzed: Served, make, monkeypatch) -> None:
    quiz = make(count=1)
    monkeypatch.setattr("mirage.study.quiz.keeping.time.time", lambda: 1e12)
    with pytest.raises(BadInput):
        quizzed.atlas.study.quiz.answer(quiz.id, 1, Given())
    assert quizzed.atlas.study.quiz.get(quiz.id).waiting


def test_results_collections_and_cases_lead_to_a_quiz(client, quizzed: Served) -> None:
    mine = quizzed.atlas.study.collections.make("Some")
    case = quizzed.atlas.figure(f"cases:figure-{diagnoses()[0].replace(' ', '-')}").case_id
    quizzed.atlas.study.collections.add(mine.id, "case", case)
    for page in ("/search?q=axial+MRI+of+the+brain", f"/collections/{mine.id}", f"/case/{case}"):
        link = re.search(r'href="(/quiz/new\?[^"]*)"', client.get(page).text)
        assert link, page
        assert client.get(html.unescape(link[1])).status_code == 200


def test_by_keyboard_the_cross_moves_and_enter_answers(quizzed: Served, chromium, make) -> None:
    quiz = make("point", count=1)
    context = chromium.new_context(viewport={"width": 320, "height": 640})
    page = context.new_page()
    page.goto(f"{quizzed.url}/quiz/{quiz.id}/1")
    box = page.get_by_role("application")
    box.focus()
    for key in ("ArrowLeft", "Shift+ArrowUp"):
        page.keyboard.press(key)
    page.get_by_text("49 percent from the left and 45 percent from the top").wait_for(state="attached")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.keyboard.press("Enter")
    page.wait_for_selector("text=See how it went")
    place = quizzed.atlas.study.quiz.get(quiz.id).asked[0].given.place
    assert place == pytest.approx((0.49, 0.45), abs=1e-3)
    page.go_back()
    page.reload()
    page.wait_for_selector("text=See how it went")
    context.close()


def test_an_address_of_one_server_leads_to_its_picture_on_another_until_its_time_is_over() -> None:
    now = [1e9]
    one, other, foreign = (PictureAddresses(key, lambda: now[0]) for key in (b"key", b"key", b"another"))
    pictures = [Shown("made:1"), Shown("made:2", "axial", 3)]
    may_be = [(each, tinted) for each in pictures for tinted in (0, 7)]
    name = one.make("quiz", pictures[1], 7)
    assert other.get("quiz", name, may_be) == (pictures[1], 7)
    for addresses, quiz, asked in (
        (foreign, "quiz", name),
        (other, "another", name),
        (other, "quiz", name[:-1]),
        (other, "quiz", ""),
    ):
        with pytest.raises(NotFound, match="used up"):
            addresses.get(quiz, asked, may_be)
    now[0] += 3600
    with pytest.raises(NotFound, match="used up"):
        other.get("quiz", name, may_be)
