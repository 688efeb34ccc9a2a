"""One's own data: one file has all of it, nothing is lost on the way back, and what is deleted is gone."""

from __future__ import annotations

import base64
import io
import json
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from learner import Clock, Learner
from mirage.atlas import Atlas
from mirage.errors import BadInput
from mirage.study.owndata import CHECKS, EXCLUDED, all_parts, own_tables
from mirage.study.quiz.origin import Material, Origin
from mirage.study.quiz.question import Question, Shown
from mirage.study.records import FILE, SCHEMA
from mirage.study.reviews.ratings import Rating
from mirage.study.schedule import CardQuestion
from parts import copy_atlas

Change = Callable[[dict[str, Any]], object]
# Tables whose rows need no check beyond their types, and why.
PLAIN: dict[str, str] = {}


@pytest.fixture(scope="module")
def lived(_small_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed atlas beside which somebody keeps, learns and chooses."""
    folder = copy_atlas(_small_once / "small", tmp_path_factory.mktemp("own") / "atlas")
    with Atlas.open(folder) as atlas:
        study, clock = atlas.study, Clock()
        study.schedule.clock = clock
        figures = [row.figure.id for row in atlas.store.rows(atlas.store.keys()).values()]
        own = study.collections.make("Week 3", "Read\nthis").id
        for kind, target in (("figure", figures[0]), ("search", "q=lung&modality=CT"), ("comparison", "a.q=x&b.q=y")):
            study.collections.add(own, kind, target, note="<b>")
        study.collections.add(own, "section", title="Second")
        study.collections.delete(study.collections.make("Gone").id)
        study.schedule.choose(retention=0.85, new_per_day=4)
        study.schedule.add([CardQuestion("name", figure) for figure in figures])
        study.schedule.add([CardQuestion("point", figures[0], "left kidney")])
        Learner(atlas, clock).learn(12)
        study.schedule.take_out(study.schedule.cards()[0].id)
        review = study.reviews.begin(atlas, "phantom number 3")
        for item in study.reviews.items(review.id):
            study.reviews.rate(review.id, "Dr Example", Rating(item=item.id, rating="helpful", rated=clock.now))
        study.reviews.hidden.set(figures[5], True)
        shown = (Shown(figures[0], what="axial CT"),)
        asked = Question(kind="name", item="name:x", figure=figures[0], pictures=shown, asked="stroke", answer="Stroke")
        quiz = study.quiz.keep([asked], Material((), "stroke", ""), Origin("filter"), {"point": "None."})
        study.quiz.asked(quiz.id, 1, opening=True)
    return folder


@pytest.fixture
def atlas(lived: Path, tmp_path: Path) -> Iterator[Atlas]:
    with Atlas.open(copy_atlas(lived, tmp_path / "lived")) as opened:
        yield opened


@pytest.fixture
def fresh(small: Path) -> Iterator[Atlas]:
    with Atlas.open(small) as opened:
        yield opened


def rows(folder: Path) -> dict[str, list[Any]]:
    with closing(sqlite3.connect(folder / FILE)) as database:
        return {table.name: sorted(database.execute(f"SELECT * FROM {table.name}"), key=repr) for table in own_tables()}


def changed(data: bytes, file: str, change: Change | None = None, text: bytes | None = None) -> bytes:
    """The file with one part of it changed."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(written, "w") as new:
        for name in old.namelist():
            told = old.read(name)
            if name == file and change is not None:
                value = json.loads(told)
                change(value)
                told = json.dumps(value).encode()
            new.writestr(name, text if text is not None and name == file else told)
        if file not in old.namelist() and text is not None:
            new.writestr(file, text)
    return written.getvalue()


def test_every_table_of_study_is_in_the_file_or_excluded_for_a_reason(atlas: Atlas) -> None:
    with zipfile.ZipFile(io.BytesIO(atlas.study.own_data.printed())) as archive:
        written = {name.removesuffix(".json") for name in archive.namelist()} - {"about"}
    assert written == set(SCHEMA.tables.tables) - set(EXCLUDED)
    assert all(len(reason) > 20 for reason in EXCLUDED.values())
    assert set(EXCLUDED) <= set(SCHEMA.tables.tables)


def test_every_table_that_is_taken_in_is_checked_or_needs_no_check_for_a_reason() -> None:
    assert {table.name for table in own_tables()} == set(CHECKS) | set(PLAIN)
    assert all(len(reason) > 20 for reason in PLAIN.values())


def test_nothing_is_lost_on_the_way_to_another_machine_and_nothing_comes_twice(atlas: Atlas, fresh: Atlas) -> None:
    data = atlas.study.own_data.printed()
    there = rows(atlas.path)
    assert all(there.values()), "every table has something in it, or this test shows nothing"
    taken = fresh.study.own_data.take_in(data)
    assert rows(fresh.path) == there
    assert taken.new == {name: len(found) for name, found in there.items()} == atlas.study.own_data.counts()
    again = fresh.study.own_data.take_in(data)
    assert (again.new, again.there) == (dict.fromkeys(there, 0), taken.new)
    assert rows(fresh.path) == there
    with zipfile.ZipFile(io.BytesIO(fresh.study.own_data.printed())) as back, zipfile.ZipFile(io.BytesIO(data)) as first:
        assert all(back.read(name) == first.read(name) for name in first.namelist() if name != "about.json")
    fresh.study.schedule.clock = lambda: atlas.study.learning.answers(limit=1)[0].when + 1e7
    assert fresh.study.schedule.undo() == atlas.study.learning.answers(limit=1)[0].id


def test_of_a_card_on_two_machines_that_state_stays_that_was_answered_last(atlas: Atlas, fresh: Atlas) -> None:
    early = atlas.study.own_data.printed()
    clock = Clock()
    clock.now = atlas.study.learning.answers(limit=1)[0].when + 40 * 86_400.0
    atlas.study.schedule.clock = clock
    learner = Learner(atlas, clock, given=[None] * 5000)  # type: ignore[list-item] - ids of its own
    learner.answer(atlas.study.schedule.queue(1)[0])
    late = atlas.study.own_data.printed()
    expected = rows(atlas.path)["cards"]
    fresh.study.own_data.take_in(early)
    assert fresh.study.own_data.take_in(late).renewed["cards"] == 1
    assert rows(fresh.path)["cards"] == expected
    assert fresh.study.own_data.take_in(early).renewed["cards"] == 0
    assert rows(fresh.path)["cards"] == expected


def test_the_file_does_not_tell_who_rates_how_an_item_was_found(atlas: Atlas) -> None:
    with zipfile.ZipFile(io.BytesIO(atlas.study.own_data.printed())) as archive:
        written = b"".join(archive.read(name) for name in archive.namelist())
    assert b"ranks" not in written
    assert b"keywords" not in written


def test_the_file_does_not_tell_the_answers_of_a_quiz_that_is_not_done(atlas: Atlas) -> None:
    with zipfile.ZipFile(io.BytesIO(atlas.study.own_data.printed())) as archive:
        written = archive.read("quizzes.json") + archive.read("quiz_questions.json")
    assert b"stroke" not in written.lower()


def test_a_part_can_go_by_itself_and_every_table_is_in_one(atlas: Atlas) -> None:
    assert sorted(table for tables in all_parts().values() for table in tables) == sorted(t.name for t in own_tables())
    before = atlas.study.own_data.counts()
    assert set(atlas.study.own_data.parts()) == set(all_parts())
    gone = atlas.study.own_data.delete("learning")
    assert gone == {table: before[table] for table in all_parts()["learning"]}
    kept = {table: number for table, number in before.items() if table not in gone}
    assert atlas.study.own_data.counts() == {**kept, **dict.fromkeys(gone, 0)}
    assert "learning" not in atlas.study.own_data.parts()
    with pytest.raises(BadInput, match="no 'everything' to delete"):
        atlas.study.own_data.delete("everything")
    assert len(atlas.study.reviews.hidden.figures()) == 1
    atlas.study.own_data.delete("reviews")
    assert atlas.study.reviews.hidden.figures() == frozenset()


def test_what_is_deleted_is_gone_from_the_disk_too(atlas: Atlas) -> None:
    before = atlas.study.own_data.counts()
    assert atlas.study.own_data.delete() == before
    assert set(atlas.study.own_data.counts().values()) == {0}
    assert (atlas.study.collections.list(), atlas.study.schedule.today().cards) == ([], 0)
    left = b"".join(path.read_bytes() for path in atlas.path.glob(f"{FILE}*"))
    assert b"left kidney" not in left
    assert b"Week 3" not in left
    assert atlas.study.collections.make("New").title == "New"


def test_there_is_nothing_to_delete_where_nothing_was_kept(fresh: Atlas) -> None:
    assert set(fresh.study.own_data.delete().values()) == {0}
    assert not (fresh.path / FILE).exists()
    with zipfile.ZipFile(io.BytesIO(fresh.study.own_data.printed())) as archive:
        assert json.loads(archive.read("answers.json")) == []


def linking(content: str) -> str:
    told = json.loads(content)
    told["pictures"][0]["source"]["url"] = "javascript:alert(1)"
    return json.dumps(told)


def asking(rows: list[dict[str, Any]], **changes: Any) -> None:
    """Another question in the place of the first one's, which is sealed."""
    asked = {**json.loads(base64.b64decode(rows[0]["question"])), **changes}
    rows[0]["question"] = base64.b64encode(json.dumps(asked).encode()).decode()


HOSTILE: list[tuple[str, Change, str]] = [
    ("items.json", lambda rows: rows[0].update(url="javascript:alert(1)"), "url"),
    ("items.json", lambda rows: [row.update(target="/../../etc") for row in rows], "items.json"),
    ("items.json", lambda rows: rows[0].update(collection="nobody"), "number 1, refers to what is not there"),
    ("collections.json", lambda rows: rows[0].update(title="x" * 300), "300 characters"),
    ("answers.json", lambda rows: rows[0].update(kind="song"), "no kind of question"),
    ("answers.json", lambda rows: rows[0].update(right="yes"), "right"),
    ("answers.json", lambda rows: rows[0].update(when=1e300), "when"),
    ("answers.json", lambda rows: rows[0].pop("item"), "no item"),
    ("answers.json", lambda rows: rows[0].update(extra=1), "no column"),
    ("answers.json", lambda rows: rows.append(7), "no row"),
    ("cards.json", lambda rows: rows[0].update(item="name:other:1"), "item"),
    ("cards.json", lambda rows: [row.update(state='{"state": 2}') for row in rows], "FSRS"),
    ("cards.json", lambda rows: [row.update(state="") for row in rows], "do not go together"),
    ("cards.json", lambda rows: rows[0].update(due=-1e10), "below 0"),
    ("cards.json", lambda rows: rows[0].update(figure=None), "figure"),
    ("repetitions.json", lambda rows: rows[0].update(before='{"id": "x"}'), "repetitions.json"),
    ("repetitions.json", lambda rows: rows[0].update(before="[]"), "no answer to a card"),
    ("repetitions.json", lambda rows: rows[0].update(place=2**70), "place"),
    ("choices.json", lambda rows: rows[0].update(value='{"retention": 0}'), "0.70 to 0.97"),
    ("choices.json", lambda rows: rows[0].update(value='{"colour": 1}'), "choices.json"),
    ("reviews.json", lambda rows: rows[0].update(query="x" * 300), "300 characters"),
    ("review_items.json", lambda rows: rows[0].update(content=linking(rows[0]["content"])), "no link to a web page"),
    ("review_items.json", lambda rows: rows[0].update(key="not sealed"), "review_items.json"),
    ("review_items.json", lambda rows: rows[0].update(kind="song"), "kind"),
    ("ratings.json", lambda rows: rows[0].update(rating="superb"), "rating"),
    ("ratings.json", lambda rows: rows[0].update(reviewer="somebody else"), "reviewer"),
    ("hidden.json", lambda rows: rows[0].update(figure=""), "no figure"),
    ("quiz_questions.json", lambda rows: asking(rows, item="x"), "cannot be to 'x'"),
    ("quiz_questions.json", lambda rows: asking(rows, kind="choose", item="choose:x"), "choices do not go"),
    ("quiz_questions.json", lambda rows: asking(rows, choices=[{"concept": "a", "text": "A"}]), "choices do not go"),
    ("quiz_questions.json", lambda rows: asking(rows, mark=[0.5, 1.5]), "not in the picture"),
    ("about.json", lambda about: about.update(format=9), "format 9"),
    ("about.json", lambda about: about.update(format="1"), "no file of one's own data"),
]


@pytest.fixture(scope="module")
def data(lived: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    with Atlas.open(copy_atlas(lived, tmp_path_factory.mktemp("printed") / "atlas")) as atlas:
        return atlas.study.own_data.printed()


def test_a_file_of_somebody_elses_making_is_refused_in_words_and_nothing_is_changed(data: bytes, fresh: Atlas) -> None:
    mine = fresh.study.collections.make("Mine")
    there = rows(fresh.path)
    for file, change, words in HOSTILE:
        with pytest.raises(BadInput, match=words) as refused:
            fresh.study.own_data.take_in(changed(data, file, change), "x.zip")
        assert "Nothing was changed" in str(refused.value)
    whole: list[tuple[bytes, str]] = [
        (b"", "no file of one's own data"),
        (b"PK\x03\x04 and so on", "no file of one's own data"),
        (data[:-200], "no file of one's own data"),
        (changed(data, "answers.json", text=b"[" * 100_000), "no file of one's own data"),
        (changed(data, "answers.json", text=b'{"a": 1}'), "is no list"),
        (changed(data, "answers.json", text=b"[NaN]"), "no file of one's own data"),
        (changed(data, "../../evil.json", text=b"[]"), "does not know"),
        (changed(data, "later.json", text=b"[]"), "Update MIRAGE"),
    ]
    for bad, words in whole:
        with pytest.raises(BadInput, match=words):
            fresh.study.own_data.take_in(bad, "x.zip")
    assert rows(fresh.path) == there
    assert fresh.study.collections.get(mine.id).title == "Mine"


def test_a_small_file_that_unpacks_to_a_huge_one_is_refused(data: bytes, fresh: Atlas, monkeypatch) -> None:
    monkeypatch.setattr("mirage.study.owndata.MOST_WHOLE", 10_000)
    with pytest.raises(BadInput, match="larger unpacked"):
        fresh.study.own_data.take_in(changed(data, "answers.json", text=b"[" + b" " * 20_000 + b"]"))
    monkeypatch.undo()
    with pytest.raises(BadInput, match="larger unpacked"):  # a megabyte of these takes thirty of memory
        fresh.study.own_data.take_in(changed(data, "answers.json", text=b"[" + b"{}," * 4_000_000 + b"{}]"))
