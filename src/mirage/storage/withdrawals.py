"""What sources have withdrawn since it was added, as the records keep it: a mark beside each figure, set and lifted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from mirage.corpora.live.base import Standing
from mirage.figure import Withdrawal
from mirage.storage.database import AT_ONCE, Database
from mirage.storage.dialects import among
from mirage.storage.records import WITHDRAWN, batched, figures
from mirage.storage.rows import withdrawn_written

_SPOKEN_OF = sa.select(figures.c.id, figures.c.case_id, figures.c.url, figures.c.withdrawn).where(
    among(figures.c.id, "keys") | among(figures.c.case_id, "keys"), figures.c.corpus == sa.bindparam("corpus")
)


@dataclass(frozen=True, slots=True)
class Heeded:
    """What came of a source's words.

    Attributes
    ----------
    withdrawn : tuple of str
        Ids of the figures here that it has withdrawn; they are marked now.
    lifted : tuple of str
        Ids of those that were marked, and of which it does not say so any more.
    """

    withdrawn: tuple[str, ...] = ()
    lifted: tuple[str, ...] = ()


class Withdrawals:
    """The withdrawn figures in the records of one atlas.

    Parameters
    ----------
    database : Database
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def keys(self) -> frozenset[int]:
        """The keys of those that are withdrawn."""
        return frozenset(row.key for row in self._database.rows(sa.select(figures.c.key).where(WITHDRAWN)))

    def ids(self) -> frozenset[str]:
        """Their ids."""
        return frozenset(row.id for row in self._database.rows(sa.select(figures.c.id).where(WITHDRAWN)))

    def known_by(self) -> frozenset[str]:
        """Their ids, and the pages of their sources that are no whole collection's: passages name the page alone."""
        told = sa.select(figures.c.id, figures.c.url, figures.c.url_of).where(WITHDRAWN)
        rows = self._database.rows(told)
        return frozenset(row.id for row in rows) | {row.url for row in rows if row.url and row.url_of != "collection"}

    def counts(self) -> dict[str, int]:
        """Corpus to how many of its figures are withdrawn; those without any are left out."""
        counted = sa.select(figures.c.corpus, sa.func.count()).where(WITHDRAWN).group_by(figures.c.corpus)
        return dict(self._database.rows(counted))

    def heed(self, corpus: str, standings: Iterable[Standing]) -> Heeded:
        """Mark what a source has withdrawn, and lift the mark where it does not say so any more.

        An answer that is older than the mark lifts nothing; a mark keeps the day on which it was first seen.

        Parameters
        ----------
        corpus : str
            What the atlas calls the source; figures of others stay as they are.
        standings : iterable of Standing
        """
        latest = {each.id: each for each in sorted(standings, key=lambda each: each.asked)}
        withdrawn, lifted = dict[str, str](), list[str]()
        with self._database.writing(alone=True) as connection:
            for part in batched(latest, AT_ONCE):
                for row in connection.execute(_SPOKEN_OF, {"keys": part, "corpus": corpus}).all():
                    word = max((latest[own] for own in (row.id, row.case_id) if own in latest), key=lambda each: each.asked)
                    if word.said:
                        withdrawn[row.id] = ""
                        if not row.withdrawn:
                            withdrawn[row.id] = withdrawn_written(Withdrawal(word.said, word.url or row.url, word.asked))
                    elif row.withdrawn and word.asked > json.loads(row.withdrawn)["seen"]:
                        lifted.append(row.id)
            _put(connection, {own: written for own, written in withdrawn.items() if written} | dict.fromkeys(lifted, ""))
        return Heeded(tuple(withdrawn), tuple(lifted))

    def mark(self, words: Mapping[str, Withdrawal]) -> None:
        """Mark figures by their ids, as another atlas had them marked; those that are marked here stay as they are.

        Parameters
        ----------
        words : mapping
        """
        with self._database.writing() as connection:
            _put(connection, {own: withdrawn_written(word) for own, word in words.items()}, unmarked=True)


def _put(connection: sa.Connection, written: Mapping[str, str], *, unmarked: bool = False) -> None:
    changed = sa.update(figures).where(figures.c.id == sa.bindparam("own")).values(withdrawn=sa.bindparam("word"))
    changed = changed.where(~WITHDRAWN) if unmarked else changed
    if written:
        connection.execute(changed, [{"own": own, "word": word} for own, word in written.items()])
