"""A made-up learner: what they answered over weeks, the same each time, through the doors that a quiz uses."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from random import Random
from typing import Any

from mirage.atlas import Atlas
from mirage.study.learning import GivenAnswer
from mirage.study.memory import day_of, start_of
from mirage.study.schedule import CardQuestion

DAY = 86_400.0
MONDAY = start_of(day_of(1_750_000_000.0)) + 16 * 3600.0  # eight in the evening
NAMES = ("appendicitis", "diverticulitis", "pneumothorax", "bullous emphysema", "glioblastoma", "brain abscess")
CONFUSED = {NAMES[number]: NAMES[number ^ 1] for number in range(6)}


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = MONDAY

    def __call__(self) -> float:
        return self.now


@dataclass
class Learner:
    """Somebody who answers the cards that are due."""

    atlas: Atlas
    clock: Clock
    chance: Random = field(default_factory=lambda: Random(7))
    given: list[GivenAnswer] = field(default_factory=list)

    def answer(self, question: CardQuestion, *, right: bool = True, **more: Any) -> GivenAnswer:
        """Answer one question, now."""
        number = len(self.given)
        asked = NAMES[sum(question.item.encode()) % len(NAMES)]
        common: dict[str, Any] = {"figure": question.figure, "item": question.item, "kind": question.kind}
        common |= {"asked": asked, "asked_name": asked.capitalize(), "graded": True, "when": self.clock.now, "seconds": 4.0}
        given = asked if right else CONFUSED[asked]
        common |= {"given": given, "given_text": given, "right": right, "quiz": "q1"}
        made = GivenAnswer(**{"id": f"a{number:05}", **common, **more})
        if self.atlas.study.learning.record(made):
            self.given.append(made)
        return made

    def learn(self, days: int, *, share: float = 0.8) -> None:
        """Answer on each of some days what is due, a share of it right; the same each time, FSRS's own chance included."""
        random.seed(11)
        for _ in range(days):
            evening = start_of(day_of(self.clock.now)) + 16 * 3600.0
            self.clock.now = max(self.clock.now, evening)
            for _ in range(4):
                for question in self.atlas.study.schedule.queue(100):
                    self.answer(question, right=self.chance.random() < share)
                    self.clock.now += 8.0
                self.clock.now += 660.0
            self.clock.now = evening + DAY
