"""The tables of ``study.sqlite``, which lies beside an atlas and holds what people keep, not what the atlas holds.

Who changes a table adds a revision to `mirage.study.migrations` and names it in `SCHEMA`. All of it is a person's own data,
which `mirage.study.owndata` writes, takes in and deletes by these tables. Where a table's ``info`` has ``later``, of two
rows of one key that stays whose column of this name is larger, else the one that was there; ``known_by`` is the key where it
is not the primary one; columns that are ``sealed`` cannot be read in the file by the way.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from mirage.storage.dialects import INTEGER, STRING, TEXT
from mirage.storage.migrations import Schema
from mirage.wording import N_

FILE = "study.sqlite"

_metadata = sa.MetaData()


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, TEXT, nullable=False, server_default="")


def _time(name: str, *, nullable: bool = False) -> sa.Column[float]:
    return sa.Column(name, sa.Float, nullable=nullable)


collections = sa.Table(
    "collections",
    _metadata,
    sa.Column("id", STRING, primary_key=True),
    _text("title"),
    _text("notes"),
    *(_time(name) for name in ("created", "changed")),
    _time("deleted", nullable=True),  # when; it can be taken back for a while
    info={"later": "changed"},
)
items = sa.Table(
    "items",
    _metadata,
    sa.Column("id", STRING, primary_key=True),
    sa.Column("collection", STRING, sa.ForeignKey("collections.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("place", sa.Float, nullable=False),  # among the others of its collection
    sa.Column("kind", STRING, nullable=False),
    # Of a figure a reference (`mirage.storage.records.reference_of`), of a case its id, of the others a query string.
    *(_text(name) for name in ("target", "title", "note", "attribution", "url", "licence", "licence_url")),
    _time("added"),
    _time("deleted", nullable=True),
)
answers = sa.Table(
    "answers",
    _metadata,
    sa.Column("id", STRING, primary_key=True),
    sa.Column("when", sa.Float, nullable=False, index=True),
    sa.Column("kind", STRING, nullable=False),
    sa.Column("item", STRING, nullable=False, index=True),
    *(_text(name) for name in ("quiz", "figure", "asked", "asked_name", "given", "given_text")),
    *(sa.Column(name, sa.Boolean, nullable=False) for name in ("right", "graded")),
    _time("seconds"),
)
cards = sa.Table(
    "cards",
    _metadata,
    sa.Column("id", STRING, primary_key=True),  # in which no figure stands, unlike in the item
    sa.Column("item", STRING, nullable=False, unique=True),  # the key by which answers know it
    sa.Column("kind", STRING, nullable=False),
    *(_text(name) for name in ("figure", "structure")),
    _time("added"),
    *(_time(name, nullable=True) for name in ("begun", "reviewed")),  # first and last answered
    sa.Column("due", sa.Float, nullable=False, index=True),
    *(sa.Column(name, INTEGER, nullable=False, server_default="0") for name in ("answered", "lapses")),
    _text("state"),  # FSRS's, as JSON; empty for a new card
    _time("taken", nullable=True),  # out of the repetition
    info={"known_by": ["item"], "later": "reviewed"},
)
# The answers that moved a card: those to undo, and what is remembered after how long.
repetitions = sa.Table(
    "repetitions",
    _metadata,
    sa.Column("id", STRING, primary_key=True),  # of the answer
    sa.Column("place", INTEGER, nullable=False, index=True),  # in the order they were given, whatever the clock said
    sa.Column("item", STRING, nullable=False),
    sa.Column("when", sa.Float, nullable=False, index=True),
    *(sa.Column(name, STRING, nullable=False) for name in ("rating", "phase")),
    _text("before"),  # what of the card it changed, as JSON
)
choices = sa.Table(
    "choices",
    _metadata,
    sa.Column("name", STRING, primary_key=True),
    _text("value"),  # JSON
)
reviews = sa.Table(
    "reviews",
    _metadata,
    sa.Column("id", STRING, primary_key=True),
    *(_text(name) for name in ("query", "versus", "protocol", "digest")),
    _time("created"),
    *(_time(name, nullable=True) for name in ("closed", "deleted")),
    info={"later": "closed"},
)
review_items = sa.Table(
    "review_items",
    _metadata,
    sa.Column("id", STRING, primary_key=True),
    sa.Column("review", STRING, sa.ForeignKey("reviews.id", ondelete="CASCADE"), nullable=False, index=True),
    # What is shown, and what is not: see `mirage.study.reviews.pool`.
    *(_text(name) for name in ("kind", "content", "key")),
    info={"sealed": ("key",)},
)
ratings = sa.Table(
    "ratings",
    _metadata,
    sa.Column("item", STRING, sa.ForeignKey("review_items.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("reviewer", STRING, primary_key=True),  # `mirage.study.reviews.ratings.Reviewer.key`
    *(_text(name) for name in ("name", "rating", "comment", "place")),
    _time("rated"),
    info={"later": "rated"},
)
hidden = sa.Table(
    "hidden",
    _metadata,
    sa.Column("figure", STRING, primary_key=True),  # a reference
    _time("since"),
)
quizzes = sa.Table(
    "quizzes",
    _metadata,
    sa.Column("id", STRING, primary_key=True),
    *(_text(name) for name in ("title", "origin", "target")),
    _text("lacking"),  # JSON: kind of question to why there are few of it
    _time("created"),
    info={"sealed": ("title", "target")},
)
quiz_questions = sa.Table(
    "quiz_questions",
    _metadata,
    sa.Column("id", STRING, primary_key=True),  # of the answer, too
    sa.Column("quiz", STRING, sa.ForeignKey("quizzes.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("place", INTEGER, nullable=False),
    _text("question"),  # `mirage.study.quiz.question.Question` as JSON
    sa.Column("step", INTEGER, nullable=False, server_default="0"),  # how much of a case is unfolded
    *(_time(name, nullable=True) for name in ("opened", "answered")),
    _text("given"),  # `mirage.study.quiz.words.Judgement` as JSON; empty until it is answered
    info={"sealed": ("question",), "later": "answered"},
)
sa.Table("alembic_version", _metadata, sa.Column("version_num", sa.String(32), primary_key=True))

SCHEMA = Schema(
    N_("collections"),
    _metadata,
    "0005",
    "",
    Path(__file__).parent / "migrations",
    N_("Restore study.sqlite from a copy, or move it away: a new one is made."),
)
