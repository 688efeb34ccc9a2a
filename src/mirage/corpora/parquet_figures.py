"""Rows of parquet files as the figures of a corpus: what ROCO and ROCOv2 share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mirage.corpora.base import Item, Refused
from mirage.corpora.parquet import Broken, Row, Shards, digest
from mirage.errors import BadPicture
from mirage.figure import Figure, clean_text
from mirage.images import DEFAULT_LIMITS, Limits, Picture, read_picture
from mirage.models.runtime import loaded_once

Make = Callable[[str, Mapping[str, Any]], Figure]
"""A figure of an image's name and its row's values."""
_NAMED = 5  # missing figures that a message names


@dataclass(slots=True)
class _Contents:
    """What one look at all names found."""

    places: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    entries: int = 0
    missing: list[Refused] = field(default_factory=list)


class ParquetFigures:
    """The figures of some parquet files, in the order of the files.

    Parameters
    ----------
    shards : Shards
    corpus : str
        Name of the corpus; ids are ``corpus:image_id``.
    make : callable
    columns : tuple of str
        What `make` reads beside ``caption``.
    listed : mapping
        Image ids that ought to be there, with their splits. Where all files of a split are there and some of its images are
        not, that is reported.
    limits : Limits
    """

    def __init__(
        self,
        shards: Shards,
        corpus: str,
        make: Make,
        *,
        columns: tuple[str, ...] = (),
        listed: Mapping[str, str] | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self._shards, self._corpus, self._make = shards, corpus, make
        self._columns = ("image_id", "caption", *columns)
        self._listed = listed or {}
        self._limits = limits

    def __len__(self) -> int:
        return self._contents.entries

    def items(self) -> Iterator[Item | Refused]:
        """Yield every figure once; then what cannot be read, and how many figures are missing."""
        places = self._contents.places
        for row in self._shards.rows(*self._columns):
            if isinstance(row, Broken):
                yield Refused(row.label, row.reason)
                continue
            name = name_of(row.values["image_id"])
            if not name:
                yield Refused(self._where(row), "Its column image_id is empty, so that the figure has no name.")
            elif places[name] != (row.shard, row.group, row.place):
                yield Refused(f"{name} ({self._where(row)})", "Its image_id occurs twice; the first row was taken.")
            else:
                figure = self._make(name, row.values)
                # Neither the file's name nor its time: they change with every copy and every new cut into files.
                yield Item(figure, None, f"{name} ({self._where(row)})", digest(figure, row.mark, row.place))
        yield from (Refused(broken.label, broken.reason) for broken in self._shards.broken)
        yield from self._contents.missing

    def read(self, item: Item) -> Picture:
        """Decode the picture of one item.

        Raises
        ------
        mirage.errors.BadPicture
        """
        place = self._contents.places.get(item.figure.id.partition(":")[2])
        if place is None:
            raise BadPicture(f"{item.label} is not in these parquet files.")
        return read_picture(self._shards.picture(*place, item.label), name=item.label, limits=self._limits)

    def split_of(self, item: Item) -> str:
        """Name the split of the file that an item is in; empty when neither it nor its folder says."""
        place = self._contents.places.get(item.figure.id.partition(":")[2])
        return self._shards.shards[place[0]].split if place else ""

    def version(self, *more: object) -> str:
        """A digest of the files' rows and of what else is told."""
        files = [(shard.split, shard.rows, shard.path.stat().st_size) for shard in self._shards.shards]
        return f"blake2b-{digest(files, more)}"

    @loaded_once
    def _contents(self) -> _Contents:
        found = _Contents()
        for row in self._shards.rows("image_id"):
            found.entries += 1
            if isinstance(row, Row) and (name := name_of(row.values["image_id"])):
                found.places.setdefault(name, (row.shard, row.group, row.place))
        found.missing = list(self._missing(found.places))
        found.entries += len(self._shards.broken) + len(found.missing)
        return found

    def _missing(self, places: Mapping[str, object]) -> Iterator[Refused]:
        lost: dict[str, list[str]] = {}
        for name, split in self._listed.items():
            if name not in places:
                lost.setdefault(split, []).append(name)
        for split, names in lost.items():
            if self._shards.complete(split) and not self._shards.broken:
                some = ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
                yield Refused(
                    f"{len(names):,} figures of the split {split}",
                    f"The annotations list them, and the parquet files do not hold them ({some}): images that vanished "
                    "from the articles before the files were made. Nothing can be done about it.",
                )

    def _where(self, row: Row) -> str:
        return f"{self._shards.shards[row.shard].path.name}, row group {row.group}, row {row.place}"


def name_of(value: object) -> str:
    """An image's id without white space or the ending of a file."""
    name = clean_text(value)
    return name.rsplit(".", 1)[0] if name.lower().endswith((".jpg", ".jpeg", ".png")) else name
