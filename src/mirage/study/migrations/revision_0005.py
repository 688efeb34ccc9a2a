"""Quizzes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "quizzes",
        sa.Column("id", sa.String, primary_key=True),
        *(_text(name) for name in ("title", "origin", "target", "lacking")),
        sa.Column("created", sa.Float, nullable=False),
    )
    op.create_table(
        "quiz_questions",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("quiz", sa.String, sa.ForeignKey("quizzes.id", ondelete="CASCADE"), nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        _text("question"),
        sa.Column("step", sa.Integer, nullable=False, server_default="0"),
        *(sa.Column(name, sa.Float, nullable=True) for name in ("opened", "answered")),
        _text("given"),
    )
    op.create_index("ix_quiz_questions_quiz", "quiz_questions", ["quiz"])
