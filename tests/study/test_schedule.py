"""Repetition: what is due, what moves a card, and what a clock, a removal or a second page does to it."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from learner import DAY, MONDAY, Clock
from mirage.atlas import Atlas
from mirage.errors import BadInput, NotFound
from mirage.study.learning import GivenAnswer, new_id
from mirage.study.memory import day_of, reviewed, start_of, state_of
from mirage.study.records import FILE
from mirage.study.schedule import MOST_CARDS, CardQuestion, Pace, Schedule

YEAR = 365 * DAY


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def small(unkept: Atlas) -> Path:
    return unkept.path


@pytest.fixture
def atlas(unkept: Atlas, clock: Clock) -> Atlas:
    unkept.study.schedule.clock = clock
    return unkept


@pytest.fixture
def mine(atlas: Atlas) -> Schedule:
    return atlas.study.schedule


@pytest.fixture
def questions(atlas: Atlas) -> list[CardQuestion]:
    return [CardQuestion("name", row.figure.id) for row in atlas.store.rows(atlas.store.keys()).values()]


@pytest.fixture
def answer(atlas: Atlas, clock: Clock) -> Callable[..., str]:
    def given(question: CardQuestion, *, right: bool = True, **more: Any) -> str:
        own = new_id()
        common: dict[str, Any] = {"figure": question.figure, "item": question.item, "kind": question.kind}
        common |= {"asked": "C1", "asked_name": "One", "right": right, "graded": True, "when": clock.now}
        atlas.study.learning.record(GivenAnswer(**{"id": own, **common, **more}))
        return own

    return given


def row(folder: Path, item: str) -> dict[str, Any]:
    with closing(sqlite3.connect(folder / FILE)) as database:
        database.row_factory = sqlite3.Row
        return dict(database.execute("SELECT * FROM cards WHERE item = ?", (item,)).fetchone())


# -- cards and their days -----------------------------------------------------------------------------------------------


def test_nothing_is_due_where_nothing_was_added_and_no_file_is_made(mine: Schedule, small: Path) -> None:
    assert (mine.today().cards, mine.queue(), mine.cards(), mine.pace) == (0, [], [], Pace())
    assert not (small / FILE).exists()


def test_a_question_is_one_card_however_often_it_is_added(
    mine: Schedule, questions: list[CardQuestion], clock: Clock
) -> None:
    new = []
    for number, asked in enumerate((questions[:2], questions[:3], [questions[0]] * 3)):
        clock.now = MONDAY + number
        new.append(mine.add(asked))
    assert new == [2, 1, 0]
    assert (mine.today().cards, mine.today().new) == (3, 3)
    assert mine.queue() == questions[:3]


def test_right_answers_move_a_card_away_and_a_wrong_one_brings_it_back_within_minutes(
    mine: Schedule, questions: list[CardQuestion], answer, clock: Clock, small: Path
) -> None:
    mine.add(questions[:1])
    waits = []
    for right in (True, True, True, True, False):
        answer(questions[0], right=right)
        due = row(small, questions[0].item)["due"]
        assert due > clock.now
        waits.append(due - clock.now)
        clock.now = due
    assert waits[0] < 3600
    assert DAY / 2 < waits[1] < waits[2] < waits[3]
    assert waits[4] < 3600
    assert (row(small, questions[0].item)["answered"], row(small, questions[0].item)["lapses"]) == (5, 1)


def test_what_was_learned_in_the_evening_is_due_the_next_morning(
    mine: Schedule, questions: list[CardQuestion], answer, clock: Clock, small: Path
) -> None:
    mine.add(questions[:1])
    answer(questions[0])
    clock.now += 600
    answer(questions[0])
    days = day_of(row(small, questions[0].item)["due"]) - day_of(clock.now)
    assert days >= 1
    clock.now = start_of(day_of(clock.now) + days) - 60
    assert mine.today().due == 0
    clock.now += 120
    assert mine.queue() == questions[:1], "though fewer than so many times 24 hours have gone"


def test_an_evening_that_grows_late_is_one_day() -> None:
    midnight = start_of(day_of(MONDAY)) + 20 * 3600
    assert day_of(midnight + 3 * 3600) == day_of(MONDAY)
    assert day_of(midnight + 5 * 3600) == day_of(MONDAY) + 1


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system has one time zone for all programs")
@pytest.mark.parametrize(
    "zone", ["UTC0", "PST8PDT,M3.2.0,M11.1.0", "CET-1CEST,M3.5.0,M10.5.0/3", "AEST-10AEDT,M10.1.0,M4.1.0/3"]
)
def test_days_follow_one_another_through_a_year_of_summer_and_winter_time(
    zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        first = day_of(MONDAY)
        starts = [start_of(day) for day in range(first, first + 400)]
        assert [day_of(start) for start in starts] == list(range(first, first + 400))
        assert [day_of(start - 1) for start in starts] == list(range(first - 1, first + 399))
    finally:
        monkeypatch.undo()
        time.tzset()


def test_no_more_is_asked_in_a_day_than_somebody_wants(
    mine: Schedule, questions: list[CardQuestion], answer, clock: Clock
) -> None:
    mine.choose(new_per_day=2, most_per_day=3)
    mine.add(questions)
    assert [mine.today().new, len(mine.queue())] == [2, 2]
    for question in mine.queue():
        answer(question)
        clock.now += 700
        answer(question)
    assert (mine.today().new, mine.today().answered, mine.queue()) == (0, 2, [])
    clock.now = start_of(day_of(clock.now) + 30)
    today = mine.today()
    assert (today.due, today.new, today.waiting, today.answered) == (2, 1, 0, 0)
    mine.choose(most_per_day=1)
    assert (mine.today().due, mine.today().new, mine.today().waiting) == (1, 0, 1)
    answer(mine.queue()[0], right=False)
    clock.now += 900
    assert (mine.today().due, mine.today().waiting) == (1, 1), "what was just wrong comes back, limit or not"


@pytest.mark.parametrize(
    "wrong",
    [{"retention": 0.5}, {"retention": float("nan")}, {"new_per_day": -1}, {"most_per_day": 0}, {"most_per_day": 10**9}],
)
def test_what_nobody_can_want_is_refused_and_nothing_is_changed(mine: Schedule, wrong: dict[str, Any]) -> None:
    mine.choose(retention=0.85)
    with pytest.raises(BadInput):
        mine.choose(**wrong)
    assert mine.pace == Pace(retention=0.85)


def test_who_wants_to_know_more_is_asked_sooner() -> None:
    state = None
    for _ in range(2):
        state = reviewed(state, "good", MONDAY, 0.9).state
    later = MONDAY + 30 * DAY
    waits = [reviewed(state, "good", later, share).due - later for share in (0.8, 0.9, 0.97)]
    assert waits == sorted(waits, reverse=True)
    assert waits[0] > 2 * waits[2]


def test_five_thousand_cards_that_are_due_are_shown_in_pages_and_asked_in_days(
    mine: Schedule, questions: list[CardQuestion], small: Path
) -> None:
    mine.add(questions)
    names = ("id", "item", "kind", "figure", "structure", "added", "begun", "reviewed", "due")
    fill = f"INSERT INTO cards ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    asked = [CardQuestion("point", questions[n % 6].figure, str(n)) for n in range(5000)]
    old = MONDAY - 40 * DAY
    many = [(f"c{n}", one.item, "point", one.figure, one.structure, old, old, old, old + n) for n, one in enumerate(asked)]
    with closing(sqlite3.connect(small / FILE)) as database, database:
        database.executemany(fill, many)
    today = mine.today()
    assert (today.due, today.new, today.waiting, today.cards) == (100, 0, 4900, 5006)
    assert mine.queue(20) == asked[:20]
    seen = [card.id for offset in range(0, 5010, 1000) for card in mine.cards(limit=1000, offset=offset)]
    assert len(seen) == len(set(seen)) == 5006


def test_there_is_an_end_to_cards(mine: Schedule) -> None:
    with pytest.raises(BadInput, match="20,000 cards"):
        mine.add(CardQuestion("point", "made:1", str(number)) for number in range(MOST_CARDS + 1))
    assert mine.today().cards == 0


def test_a_card_tells_nothing_of_what_it_asks(mine: Schedule, questions: list[CardQuestion]) -> None:
    mine.add([replace(questions[0], kind="point", structure="Liver")])
    told = repr(mine.cards())
    assert "Liver" not in told
    assert questions[0].figure.partition(":")[2] not in told


# -- what was removed ---------------------------------------------------------------------------------------------------


def test_a_card_whose_figure_is_removed_is_marked_and_not_asked_and_comes_back_with_it(
    atlas: Atlas, mine: Schedule, questions: list[CardQuestion], small: Path
) -> None:
    mine.add(questions[:3])
    moved = "INSERT INTO figures SELECT * FROM kept_aside"
    with closing(sqlite3.connect(small / "records.sqlite")) as records, records:
        records.execute("CREATE TABLE kept_aside AS SELECT * FROM figures WHERE id = ?", (questions[1].figure,))
        records.execute("DELETE FROM figures WHERE id = ?", (questions[1].figure,))
    assert mine.queue() == [questions[0], questions[2]]
    assert (mine.today().new, mine.today().removed) == (2, 1)
    assert sorted(card.removed for card in mine.cards()) == [False, False, True]
    with closing(sqlite3.connect(small / "records.sqlite")) as records, records:
        records.execute(moved)
    assert mine.queue() == questions[:3]


def test_a_card_whose_figure_is_hidden_from_learners_is_not_asked(
    atlas: Atlas, mine: Schedule, questions: list[CardQuestion]
) -> None:
    mine.add(questions[:2])
    atlas.study.reviews.hidden.set(f"{questions[0].figure}~000000000000", True)
    assert (mine.queue(), mine.today().removed) == (questions[1:2], 1)


def test_figures_are_found_all_at_once_as_they_are_found_one_by_one(atlas: Atlas) -> None:
    rows = [*atlas.store.rows(atlas.store.keys()).values()]
    own = [row.figure.id for row in rows]
    hashed = [f"{row.figure.id}~{row.picture.name[:12]}" for row in rows]
    elsewhere = [f"other:{n}~{row.picture.name[:12]}" for n, row in enumerate(rows)]
    atlas.store.succeed({"before:1": own[0]}, own[0].partition(":")[0])
    asked = [*own, *hashed, *elsewhere, "before:1", "before:1~000000000000", "nobody:1", "nobody:1~000000000000", ""]

    def one_by_one() -> Iterator[str]:
        for each in asked:
            try:
                atlas.store.row(each)
            except NotFound:
                continue
            yield each

    assert atlas.store.present(asked) == set(one_by_one())
    assert len(atlas.store.present(asked)) == 3 * len(rows) + 2


def test_what_is_taken_out_is_not_asked_and_comes_back_as_it_was(
    mine: Schedule, questions: list[CardQuestion], answer, small: Path
) -> None:
    mine.add(questions[:1])
    answer(questions[0])
    before = row(small, questions[0].item)
    mine.take_out(before["id"])
    assert (mine.today().cards, mine.queue()) == (0, [])
    answer(questions[0], right=False)  # in a quiz, meanwhile
    assert mine.add(questions[:1]) == 1
    assert row(small, questions[0].item) == before
    mine.take_out(before["id"])
    mine.take_out(before["id"], back=True)
    assert mine.today().cards == 1
    with pytest.raises(NotFound):
        mine.take_out("nothing")


# -- answers ------------------------------------------------------------------------------------------------------------


def test_an_answer_that_comes_twice_moves_its_card_once(
    mine: Schedule, questions: list[CardQuestion], answer, small: Path
) -> None:
    mine.add(questions[:1])
    own = answer(questions[0])
    after = row(small, questions[0].item)
    answer(questions[0], right=False, id=own)
    assert row(small, questions[0].item) == after


def test_the_last_answer_is_taken_back_and_so_is_the_one_before(
    atlas: Atlas, mine: Schedule, questions: list[CardQuestion], answer, clock: Clock, small: Path
) -> None:
    mine.add(questions[:2])
    states = [[row(small, each.item) for each in questions[:2]]]
    ids = []
    for question, right in ((questions[0], True), (questions[1], False), (questions[0], False)):
        clock.now -= 5 * DAY  # the last is the last, whatever the clock says
        ids.append(answer(question, right=right))
        states.append([row(small, each.item) for each in questions[:2]])
    for number in (2, 1, 0):
        assert mine.undo() == ids[number]
        assert [row(small, each.item) for each in questions[:2]] == states[number]
    with pytest.raises(NotFound, match="no answer to take back"):
        mine.undo()
    assert atlas.study.learning.answers() == []


def test_who_says_how_hard_it_was_is_asked_sooner_or_later(
    mine: Schedule, questions: list[CardQuestion], answer, clock: Clock
) -> None:
    mine.add(questions[:2])
    own = answer(questions[0])
    hard, good, easy = (mine.rate(own, rating) for rating in ("hard", "good", "easy"))
    assert clock.now < hard < good < easy
    with pytest.raises(BadInput, match="no rating"):
        mine.rate(own, "trivial")
    wrong = answer(questions[1], right=False)
    with pytest.raises(BadInput, match="comes back soon"):
        mine.rate(wrong, "easy")
    with pytest.raises(NotFound, match="Only the last"):
        mine.rate(own, "hard")


# -- the clock ----------------------------------------------------------------------------------------------------------


def test_a_clock_set_back_a_year_loses_nothing_and_makes_no_interval_negative(
    mine: Schedule, questions: list[CardQuestion], answer, clock: Clock, small: Path
) -> None:
    mine.add(questions)
    for question in questions[:3]:
        answer(question)
    clock.now += 600
    for question in questions[:3]:
        answer(question)
    there = clock.now
    clock.now -= YEAR
    today = mine.today()
    assert (today.cards, today.ahead, today.ahead_until) == (6, 3, there)
    assert set(mine.queue()) == set(questions), "they are asked, and not lost for a year"
    for question in questions[:3]:
        answer(question)
        kept = row(small, question.item)
        assert clock.now < kept["due"] < clock.now + 30 * DAY
        assert kept["answered"] == 3
    assert mine.today().ahead == 0
    clock.now = there + 5 * DAY  # set right again
    assert set(questions[:3]) <= set(mine.queue())
    answer(questions[0])
    kept = row(small, questions[0].item)
    assert clock.now < kept["due"] < clock.now + 100 * DAY, "the year in between was none"


def test_only_states_that_fsrs_could_have_made_are_taken() -> None:
    state = reviewed(None, "good", MONDAY, 0.9).state
    assert state_of(json.loads(json.dumps(state))) == state
    for wrong in (
        {"stability": None},
        {"stability": -1.0},
        {"difficulty": 1e300},
        {"due": "soon"},
        {"due": "2025-01-01T00:00:00"},
        {"state": 9},
        {"step": "x"},
        {"step": -1},
        {"last_review": None},
        {"card_id": "x"},
    ):
        with pytest.raises(ValueError, match="no state"):
            state_of(state | wrong)
    with pytest.raises(ValueError, match="no state"):
        state_of({})


def test_at_a_clock_of_1970_what_was_never_asked_is_not_taken_for_answered(
    mine: Schedule, questions: list[CardQuestion], clock: Clock
) -> None:
    mine.choose(most_per_day=2, new_per_day=2)
    mine.add(questions)
    clock.now = 60.0
    assert (mine.today().answered, mine.today().new) == (0, 2)
