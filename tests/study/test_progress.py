"""Progress: the plots' numbers are those of the answers, of a made-up learner over seven weeks."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from learner import CONFUSED, DAY, Clock, Learner
from mirage.atlas import Atlas
from mirage.study.memory import day_of
from mirage.study.progress import LearningProgress, Week
from mirage.study.quiz.origin import Material, Origin
from mirage.study.quiz.question import Question, Shown
from mirage.study.schedule import CardQuestion
from parts import copy_atlas


@contextmanager
def learning(folder: Path) -> Iterator[Learner]:
    with Atlas.open(folder) as atlas:
        clock = Clock()
        atlas.study.schedule.clock = clock
        yield Learner(atlas, clock)


def added(learner: Learner) -> list[CardQuestion]:
    figures = [row.figure.id for row in learner.atlas.store.rows(learner.atlas.store.keys()).values()]
    asked = [CardQuestion("point", figure, str(number)) for number in range(5) for figure in figures]
    learner.atlas.study.schedule.add(asked)
    return asked


@pytest.fixture
def learner(small: Path) -> Iterator[Learner]:
    with learning(small) as made:
        yield made


@pytest.fixture
def cards(learner: Learner) -> list[CardQuestion]:
    return added(learner)


@pytest.fixture(scope="module")
def learned(_small_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Learner]:
    """Who has learned thirty cards for seven weeks; tests only read it."""
    with learning(copy_atlas(_small_once / "small", tmp_path_factory.mktemp("learned") / "atlas")) as made:
        made.answer(added(made)[0], graded=False)
        made.learn(49)
        yield made


@pytest.fixture
def progress(learner: Learner) -> LearningProgress:
    return learner.atlas.study.progress


def test_who_has_answered_nothing_has_empty_plots(progress: LearningProgress) -> None:
    assert sum(day.right + day.wrong + day.practice for day in progress.days()) == 0
    assert [week.share for week in progress.weeks()] == [None] * 12
    assert (progress.confusions(), progress.mistakes(), progress.matrix().asked) == ([], [], ())
    assert progress.totals() == (0, 0, 0)
    assert sum(coming.due for coming in progress.forecast()) == 0


def test_seven_weeks_of_answers_are_told_as_they_were_given(learned: Learner) -> None:
    given, progress = learned.given, learned.atlas.study.progress
    assert len(given) > 200
    days = progress.days(60)
    assert sum(day.right + day.wrong + day.practice for day in days) == len(given)
    assert (sum(day.practice for day in days), day_of(days[-1].begins)) == (1, day_of(learned.clock.now))
    busiest, number = Counter(day_of(each.when) for each in given).most_common(1)[0]
    assert number == max(day.right + day.wrong + day.practice for day in days)
    told = next(day for day in days if day_of(day.begins) == busiest)
    assert told.right == sum(each.right and each.graded for each in given if day_of(each.when) == busiest)
    graded = [each for each in given if each.graded]
    assert progress.totals() == (len(given), len(graded), sum(each.right for each in graded))


def test_what_is_remembered_counts_only_cards_that_had_been_learned(
    learner: Learner, cards: list[CardQuestion], progress: LearningProgress
) -> None:
    learner.answer(cards[0], right=False)
    learner.clock.now += 60
    for _ in range(2):
        learner.answer(cards[0])
        learner.clock.now += 600
    assert progress.weeks()[-1].asked == 0, "these were its first steps"
    learner.clock.now += 20 * DAY
    learner.answer(cards[0], right=False)
    assert (progress.weeks()[-1].known, progress.weeks()[-1].asked) == (0, 1)


def test_the_share_that_is_remembered_is_the_learners_own(learned: Learner) -> None:
    weeks = learned.atlas.study.progress.weeks(8)
    known, asked = sum(week.known for week in weeks), sum(week.asked for week in weeks)
    assert asked > 100
    assert abs(known / asked - 0.8) < 5 * math.sqrt(0.8 * 0.2 / asked), "by chance in fewer than one of a million runs"


def test_wilsons_interval_is_the_published_one() -> None:
    low, high = Week(0, 81, 263).interval or (0, 0)  # Newcombe 1998, table I: 0.2553 to 0.3662
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    assert Week(0, 0, 0).interval is None
    assert Week(0, 5, 5).interval[1] == 1.0


def test_the_forecast_counts_each_card_on_its_day_and_what_is_due_today(
    learned: Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = learned.atlas.study.progress
    begun = {each.item for each in learned.given}
    assert sum(coming.due for coming in progress.forecast(4000)) == len(begun)
    monkeypatch.setattr(learned.clock, "now", learned.clock.now + 60 * DAY)
    today = learned.atlas.study.schedule.today()
    assert today.due > 0
    assert progress.forecast(1)[0].due == today.due + today.waiting + today.soon


def test_what_is_taken_for_what_is_counted_most_frequent_first(learned: Learner) -> None:
    progress = learned.atlas.study.progress
    wrong = Counter(each.asked for each in learned.given if not each.right)
    found = progress.confusions()
    told = {(each.asked, each.given): each.count for each in found}
    assert told == {(name, CONFUSED[name]): wrong[name] for name in wrong}
    assert [each.count for each in found] == sorted((each.count for each in found), reverse=True)
    matrix = progress.matrix()
    assert set(matrix.asked) == set(wrong)
    for name in wrong:
        assert matrix.counts[name, CONFUSED[name]] == wrong[name]
        assert matrix.counts[name, name] == sum(each.right and each.asked == name for each in learned.given)


def test_a_matrix_stays_small_however_much_was_confused(
    learner: Learner, cards: list[CardQuestion], progress: LearningProgress
) -> None:
    for number in range(40):
        for times in range(1 + number % 3):
            learner.answer(cards[times], right=False, asked=f"a{number}", given=f"b{number % 30}", id=f"{number}-{times}")
    matrix = progress.matrix(5)
    assert (len(matrix.asked), len(matrix.given)) == (5, 10)
    assert len(progress.confusions(20)) == 20


def test_left_for_right_and_unknown_words_are_no_confusions(
    learner: Learner, cards: list[CardQuestion], progress: LearningProgress
) -> None:
    learner.answer(CardQuestion("side", cards[0].figure), right=False, asked="left", given="right")
    learner.answer(cards[0], right=False, given="", given_text="dunno")
    assert progress.confusions() == []
    assert progress.matrix().asked == ()


def test_a_mistake_is_shown_until_it_is_mended_and_not_while_its_card_is_due(
    learner: Learner, cards: list[CardQuestion], progress: LearningProgress
) -> None:
    elsewhere = CardQuestion("name", "nowhere:1")
    learner.answer(elsewhere, right=False)
    learner.clock.now += 1
    learner.answer(cards[0], right=False)
    assert [each.item for each in progress.mistakes()] == [cards[0].item, elsewhere.item]
    learner.clock.now += 120  # its card is due again
    assert [each.item for each in progress.mistakes()] == [elsewhere.item]
    learner.answer(elsewhere)
    assert progress.mistakes() == []


def test_a_mistake_is_not_shown_while_a_quiz_or_a_card_asks_for_the_same_diagnosis(
    learner: Learner, cards: list[CardQuestion], progress: LearningProgress
) -> None:
    figure = cards[1].figure
    learner.answer(CardQuestion("name", figure), right=False)
    assert len(progress.mistakes()) == 1, "cards that ask for structures of the same figure give no diagnosis away"
    asked = Question(kind="choose", item=f"choose:{figure}", figure=figure, pictures=(Shown(figure),), asked="x", answer="X")
    quiz = learner.atlas.study.quiz.keep([asked], Material((), "A quiz", ""), Origin("filter"), {})
    assert progress.mistakes() == []
    learner.atlas.study.quiz.delete(quiz.id)
    assert len(progress.mistakes()) == 1
    learner.atlas.study.schedule.add([CardQuestion("unfold", figure)])
    assert progress.mistakes() == []
