"""What figures and cases speak of, as it is kept: put beside their words, and asked for by searches and case tables."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from mirage.language.mentions import Polarity
from mirage.storage.database import AT_ONCE, Database
from mirage.storage.dialects import among
from mirage.storage.records import WITHDRAWN, batched, case_mentions, cases, figure_mentions, figures
from mirage.storage.rows import CASE_FIELDS, FIGURE_FIELDS
from mirage.storage.searched import StoredMention

WORD = re.compile(r"[^\W\d_]{4,}")
_CASES_OF = sa.select(figures.c.key, figures.c.case_id).where(among(figures.c.key, "keys"), figures.c.case_id != "")
_SAID = {
    table.name: sa.select(next(iter(table.columns)), table.c.concept, table.c.field, table.c.polarity).where(
        among(next(iter(table.columns)), "keys"), among(table.c.field, "fields")
    )
    for table in (figure_mentions, case_mentions)
}
# The plus keeps the database from looking for each concept of each figure by itself.
_SAID_OF = {
    table.name: _SAID[table.name].where(among(sa.literal("").concat(table.c.concept), "concepts"))
    for table in (figure_mentions, case_mentions)
}
_AFFIRMING = [
    sa.select(next(iter(table.columns))).where(
        among(table.c.concept, "concepts"),
        table.c.polarity == "affirmed",
        among(sa.literal("").concat(table.c.field), "fields"),
    )
    for table in (figure_mentions, case_mentions)
]
_PLAINLY = (_AFFIRMING[0], sa.select(figures.c.key).where(figures.c.case_id.in_(_AFFIRMING[1])))
# One text for all who ask: hundreds of concepts, each a parameter of its own, take ten times as long.
_DIAGNOSED = (
    sa.select(figures.c.case_id, figures.c.key, figures.c.id)
    .select_from(figure_mentions.join(figures))
    .where(among(figure_mentions.c.concept, "concepts"))
    .where(figure_mentions.c.field == "diagnosis", figure_mentions.c.polarity == "affirmed")
    .where(figures.c.case_id != "", ~WITHDRAWN)
    .order_by(figures.c.key)
)


class Mentions:
    """The mentions in the records of one atlas.

    Parameters
    ----------
    database : Database
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(
        self, keys: Sequence[int], concepts: Collection[str] = (), fields: Collection[str] = ()
    ) -> dict[int, list[StoredMention]]:
        """What figures, and their cases, speak of, denials too.

        Parameters
        ----------
        keys : sequence of int
        concepts : collection of str
            Only these, at most 30,000; all when left out.
        fields : collection of str
            Only what these say; all when left out.

        Returns
        -------
        dict
            Key to mentions; to an empty list where there are none.
        """
        said = _SAID_OF if concepts else _SAID
        asked, wanted = {"concepts": list(concepts)} if concepts else {}, set(fields or (*FIGURE_FIELDS, *CASE_FIELDS))
        own, cases_own = [{"fields": sorted(wanted.intersection(some))} for some in (FIGURE_FIELDS, CASE_FIELDS)]
        found: dict[int, list[StoredMention]] = {key: [] for key in keys}
        with self._database.reading() as connection:
            for part in batched(keys, AT_ONCE):
                for row in connection.execute(said["figure_mentions"], {**asked, **own, "keys": part}).all():
                    found[row[0]].append(StoredMention(*row))
                members: dict[str, list[int]] = {}  # what a case says is read once, however many figures it has
                for key, case_id in connection.execute(_CASES_OF, {"keys": part}).all():
                    members.setdefault(case_id, []).append(key)
                for row in connection.execute(said["case_mentions"], {**asked, **cases_own, "keys": list(members)}).all():
                    for key in members[row[0]]:
                        found[key].append(StoredMention(key, *row[1:]))
        return found

    def plainly(self, concepts: Collection[str], fields: Collection[str]) -> list[int]:
        """The keys of figures of which they, or their cases, affirm one of some concepts; a key may come twice.

        Parameters
        ----------
        concepts : collection of str
            At most 30,000.
        fields : collection of str
            Those in which it counts.
        """
        asked = {"concepts": sorted(concepts), "fields": sorted(fields)}
        with self._database.reading() as connection:
            return [key for statement in _PLAINLY for key in connection.execute(statement, asked).scalars()]

    def diagnosed(self, concepts: Collection[str]) -> dict[str, dict[int, str]]:
        """The cases of which a figure's diagnosis affirms one of some concepts: case id to such figures' ids, by key.

        What its source has withdrawn is not counted.

        Parameters
        ----------
        concepts : collection of str
            At most 30,000.
        """
        found: dict[str, dict[int, str]] = {}
        with self._database.reading() as connection:
            for case_id, key, figure_id in connection.execute(_DIAGNOSED, {"concepts": sorted(concepts)}).all():
                found.setdefault(case_id, {})[key] = figure_id
        return found

    def told(self) -> list[StoredMention]:
        """What titles, diagnoses and captions affirm and deny, and what topics of cases affirm, of all figures.

        A slice of a stack shows what its own words say, not all that its case has: topics are not told of it.
        """
        own, case = figure_mentions.c, case_mentions.c
        plain = sa.select(own.key, own.concept, own.field, own.polarity).where(own.polarity.in_(("affirmed", "denied")))
        topics = (
            sa.select(figures.c.key, case.concept, case.field, case.polarity)
            .select_from(case_mentions.join(figures, figures.c.case_id == case.case_id))
            .where(case.field == "topic", case.polarity == "affirmed", figures.c.slice_of == "")
        )
        return [StoredMention(*row) for statement in (plain, topics) for row in self._database.rows(statement)]

    def subjects(self) -> dict[str, int]:
        """The topics of cases and the diagnoses of figures, as they are written, to how many figures have them.

        What its source has withdrawn is not counted.
        """
        topics = sa.select(cases.c.topic, sa.func.count()).join(figures, figures.c.case_id == cases.c.id).where(~WITHDRAWN)
        diagnoses = sa.select(figures.c.diagnosis, sa.func.count()).where(~WITHDRAWN).group_by(figures.c.diagnosis)
        found: dict[str, int] = {}
        for statement in (topics.group_by(cases.c.topic), diagnoses):
            for text, count in self._database.rows(statement):
                found[text] = max(count, found.get(text, 0))
        found.pop("", None)
        return found

    def title_words(self) -> set[str]:
        """The words of the titles, diagnoses and topics that there are."""
        told = [
            sa.select(column).distinct() for column in (figures.c.title, figures.c.diagnosis, cases.c.title, cases.c.topic)
        ]
        with self._database.reading() as connection:
            return {word for statement in told for (text,) in connection.execute(statement) for word in WORD.findall(text)}


def put_mentions(
    connection: sa.Connection, subject: sa.Column[Any], found: Mapping[Any, Mapping[tuple[str, str], Polarity]]
) -> None:
    """Replace the mentions of figures or cases.

    Parameters
    ----------
    connection : sqlalchemy.Connection
    subject : sqlalchemy.Column
        The key of one of the two tables of mentions.
    found : mapping
        Key to what `mirage.storage.rows.mentions_of` says.
    """
    for part in batched(found, AT_ONCE):
        connection.execute(sa.delete(subject.table).where(subject.in_(part)))
    rows = [
        {subject.name: own, "concept": concept, "field": field, "polarity": polarity}
        for own, said in found.items()
        for (concept, field), polarity in said.items()
    ]
    if rows:
        connection.execute(sa.insert(subject.table), rows)
