"""What a person keeps of one atlas: the facade over the rooms of study."""

from __future__ import annotations

import threading

from mirage.errors import MirageError
from mirage.storage.database import Database
from mirage.storage.databases import STUDY, Databases
from mirage.storage.store import Store
from mirage.study.collections import Collections
from mirage.study.learning import Learning
from mirage.study.owndata import OwnData
from mirage.study.progress import LearningProgress
from mirage.study.quiz.keeping import Quizzes
from mirage.study.quiz.question import Library
from mirage.study.records import SCHEMA
from mirage.study.repeating import Repeating
from mirage.study.reviews.reviews import Reviews
from mirage.study.schedule import Schedule


class Study:
    """What is kept beside an atlas, in a database of its own, which is made when something is first kept.

    Parameters
    ----------
    databases : mirage.storage.databases.Databases
        The atlas's.
    store : mirage.storage.store.Store
        The atlas's records, which tell what is still there.
    library : mirage.study.quiz.question.Library
        The atlas, of which questions are made.
    name : str
        Of the database: whose study it is.
    reviews : mirage.study.reviews.reviews.Reviews, optional
        The atlas's reviews, and what is hidden in it, where they are kept apart from this; its own when left out.
    refusal : mirage.errors.MirageError, optional
        What is raised instead of keeping something.

    Attributes
    ----------
    collections : mirage.study.collections.Collections
    schedule : mirage.study.schedule.Schedule
    learning : mirage.study.learning.Learning
    reviews : mirage.study.reviews.reviews.Reviews
    progress : mirage.study.progress.LearningProgress
    own_data : mirage.study.owndata.OwnData
    repeating : mirage.study.repeating.Repeating
    quiz : mirage.study.quiz.keeping.Quizzes
    """

    def __init__(
        self,
        databases: Databases,
        store: Store,
        library: Library,
        name: str = STUDY,
        *,
        reviews: Reviews | None = None,
        refusal: MirageError | None = None,
    ) -> None:
        self._databases, self._name, self._refusal = databases, name, refusal
        self._opened: Database | None = None
        self._lock = threading.Lock()
        self.collections = Collections(self._database, store)
        self.reviews = reviews or Reviews(self._database)
        self.schedule = Schedule(self._database, store, self.reviews.hidden.figures)
        self.learning = Learning(self._database, self.schedule.answered)
        self.progress = LearningProgress(self._database, self.schedule)
        self.own_data = OwnData(self._database, self.reviews.hidden.forget)
        self.quiz = Quizzes(self._database, library, self.collections, self.learning)
        self.repeating = Repeating(library, self.schedule, self.quiz, self.collections, self.learning)

    def _database(self, make: bool) -> Database | None:
        """The database; None where nothing was ever kept and nothing is to be now."""
        if make and self._refusal is not None:
            raise self._refusal
        with self._lock:
            if self._opened is None and (make or self._databases.there(self._name)):
                self._opened = self._databases.open(self._name, SCHEMA, upgraded=True)
            return self._opened

    def close(self) -> None:
        """Let go of all connections."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None
