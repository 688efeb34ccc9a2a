"""Judged queries: what people said of the answers to a query, as reviews by educators write it down."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mirage.atlas import Atlas
from mirage.calibrate.queries import KnownAnswerQuery
from mirage.errors import BadInput, NotFound, first_fault
from mirage.query import DEFAULT_K, Query
from mirage.wording import _


class _Query(BaseModel):
    model_config = ConfigDict(extra="forbid")

    query: str = Field(min_length=1, max_length=500)
    right: list[str]
    wrong: list[str]
    raters: int


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    format: int = Field(ge=1, le=1)
    queries: list[_Query]


def read_judged(atlas: Atlas, path: Path) -> list[KnownAnswerQuery]:
    """Read judged queries for an atlas. Figures that nobody judged are passed over; those that it has not are left out.

    Parameters
    ----------
    atlas : Atlas
    path : Path
        What ``mirage evaluate reviews --queries`` wrote.

    Raises
    ------
    mirage.errors.BadInput
        When it is no such file, or none of its figures is in the atlas.
    """
    try:
        read = _File.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise BadInput(_("%(path)s holds no judged queries: %(error)s", path=path, error=first_fault(error))) from error
    every = frozenset(row.figure.id for rows in atlas.store.each() for row in rows)
    found: list[KnownAnswerQuery] = []
    for one in read.queries:
        right, wrong = _ids(atlas, one.right), _ids(atlas, one.wrong)
        if right:
            asked = Query.of(one.query, k=DEFAULT_K)
            found.append(KnownAnswerQuery("judged", f"judged: {one.query}", asked, right, every - right - wrong))
    if not found:
        raise BadInput(_("%(path)s judges no figure of this atlas, so there is nothing to calibrate by.", path=path))
    return found


def _ids(atlas: Atlas, references: list[str]) -> frozenset[str]:
    found: set[str] = set()
    for each in references:
        try:
            found.add(atlas.figure(each).id)
        except NotFound:
            continue
    return frozenset(found)
