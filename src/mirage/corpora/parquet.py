"""Figures in parquet files as the Hugging Face hub has them, read as a stream: nothing is unpacked to disk.

A row holds ``image`` (the file's bytes and its path), ``image_id``, ``caption`` and what else a collection has. The words of
all rows are read without their pictures; a picture is read when it is asked for, with its neighbours, since who asks for
one mostly asks for the next one too.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any

from mirage.corpora.base import CorpusCard, CorpusOption, Item, Refused, digest
from mirage.errors import BadInput, BadPicture, Unavailable
from mirage.figure import Figure, Licence, clean_text
from mirage.images import DEFAULT_LIMITS, DecodedPicture, Limits, read_picture
from mirage.models.runtime import loaded_once

SPLITS = ("train", "validation", "test")
# What to say of a collection whose figures have their own.
EACH_ITS_OWN = Licence("each figure's own, where one is stated")

_CODE = re.compile(r"(?i)\bCC[ _-]?(BY(?:[ _-](?:NC|ND|SA))*|0|ZERO)\b(?:[ _-]?v?(\d\.\d))?")
_LINK = re.compile(
    r"(?i)https?://(?:www\.)?creativecommons\.org/(licenses|publicdomain)/(by(?:-(?:nc|nd|sa))*|zero)(?:/(\d\.\d))?[\w./-]*"
)
_NOTHING = re.compile(r"(?i)^(no[ -]?cc[ -]?code|none|unknown|not stated|not found|n/?a|nan|-)?$")
NEEDED = ("image", "image_id", "caption")
_BEGINS = re.compile(r"(?i)^(train|validation|valid|val|test)(?=[-_.]|$)")
_SHARD_OF = re.compile(r"-(\d{5})-of-(\d{5})")
_TOGETHER = 32  # rows whose pictures are read at once
_KEPT = 6  # such blocks that are kept: the threads that decode pictures are a few blocks apart


@dataclass(frozen=True, slots=True)
class ParquetRow:
    """One row's words, and where it stands.

    Attributes
    ----------
    shard, group, place : int
        The file, the row group in it, and the row in that group, from 0.
    mark : int
        Bytes that the pictures of its row group take: another picture, another mark, most likely.
    values : dict
        What was asked for, by column.
    """

    shard: int
    group: int
    place: int
    mark: int
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shard:
    """One parquet file."""

    path: Path
    split: str
    rows: int
    columns: frozenset[str]


@dataclass(slots=True)
class _Blocks:
    """Pictures read lately, and the stream that they came from."""

    kept: OrderedDict[tuple[int, int, int], list[Any]] = field(default_factory=OrderedDict)
    at: tuple[int, int] = (-1, -1)
    next: int = 0
    stream: Iterator[Any] = field(default_factory=lambda: iter(()))


class Shards:
    """The parquet files of a collection, those of the chosen splits.

    Parameters
    ----------
    path : Path
        A folder that holds them, or its folder ``data``; or one file.
    splits : sequence of str
        ``train``, ``validation``, ``test``; told by the files' names (``train-00000-of-00027.parquet``) or their folder's.
    title : str
        Of the collection, for messages.

    Raises
    ------
    mirage.errors.BadInput
        When a split is unknown, or no file can be used; the message names the first one's fault.
    mirage.errors.Unavailable
        When pyarrow is not installed.
    """

    def __init__(self, path: Path, *, splits: Sequence[str], title: str) -> None:
        unknown = [split for split in splits if split not in SPLITS]
        if unknown or not splits:
            raise BadInput(f"{title} has no split “{', '.join(unknown)}”. It has {', '.join(SPLITS)}.")
        self._parquet = _pyarrow(title)
        self.shards: list[Shard] = []
        self.broken: list[Refused] = []
        found = _find(path, title)
        chosen = [(file, split_of(file)) for file in found]
        everything = set(splits) == set(SPLITS)
        chosen = [(file, split) for file, split in chosen if split in splits or (everything and not split)]
        if not chosen:
            raise BadInput(f"{path} has no parquet files of the split {', '.join(splits)}: {_names(found)} are others.")
        chosen.sort(key=lambda pair: (SPLITS.index(pair[1]) if pair[1] else len(SPLITS), pair[0].as_posix()))
        for file, split in chosen:
            opened = self._open(file, split)
            (self.shards if isinstance(opened, Shard) else self.broken).append(opened)  # type: ignore[arg-type]
        if not self.shards:
            raise BadInput(f"{self.broken[0].label}: {self.broken[0].reason}")
        self._lock = Lock()
        self._blocks = _Blocks()

    def rows(self, *columns: str) -> Iterator[ParquetRow | Refused]:
        """Read columns of all rows in order, a row group at a time; a column that a file lacks is None there."""
        for number, shard in enumerate(self.shards):
            there = [name for name in columns if name in shard.columns]
            with self._parquet.ParquetFile(shard.path, pre_buffer=False) as file:
                for group in range(file.num_row_groups):
                    try:
                        values = file.read_row_group(group, columns=there).to_pylist()
                    except (OSError, ValueError) as error:
                        yield Refused(
                            f"{shard.path.name}, row group {group}",
                            f"Its rows cannot be read ({_first_line(error)}). The file is damaged: fetch it again.",
                        )
                        continue
                    mark = _bytes_of_pictures(file.metadata.row_group(group))
                    for place, row in enumerate(values):
                        yield ParquetRow(number, group, place, mark, {name: row.get(name) for name in columns})

    def complete(self, split: str) -> bool:
        """Whether all files of a split are there, as far as their names ("-00000-of-00027") say how many there should be."""
        names = [match for shard in self.shards if shard.split == split and (match := _SHARD_OF.search(shard.path.name))]
        return bool(names) and len({match[1] for match in names}) == int(names[0][2])

    def picture(self, shard: int, group: int, place: int, label: str) -> bytes:
        """The bytes of one row's picture. Threads may ask at once.

        Parameters
        ----------
        shard, group, place : int
            As in `ParquetRow`.
        label : str
            For messages.

        Raises
        ------
        mirage.errors.BadPicture
            When the row has none, or cannot be read.
        """
        with self._lock:
            try:
                image = self._block(shard, group, place // _TOGETHER)[place % _TOGETHER]
            except (OSError, ValueError, IndexError) as error:
                self._blocks = _Blocks()
                raise BadPicture(
                    f"{label} cannot be read ({_first_line(error)}). The file is damaged: fetch it again."
                ) from error
        if image is None:
            raise BadPicture(f"{label} has no picture: the column image is empty in its row.")
        data = image.get("bytes") if isinstance(image, dict) else image
        if not data:
            where = f" It only names {image['path']!r}." if isinstance(image, dict) and image.get("path") else ""
            raise BadPicture(f"{label} has no picture: the column image holds no bytes in its row.{where}")
        return bytes(data)

    def _block(self, shard: int, group: int, block: int) -> list[Any]:
        blocks, key = self._blocks, (shard, group, block)
        if key in blocks.kept:
            blocks.kept.move_to_end(key)
            return blocks.kept[key]
        if blocks.at != (shard, group) or blocks.next > block:
            blocks.at, blocks.next = (shard, group), 0
            blocks.stream = self._pictures(shard, group)
        while blocks.next <= block:
            batch = next(blocks.stream, None)
            if batch is None:
                raise IndexError("the row is not there any more")
            if blocks.next == block:
                blocks.kept[key] = batch.column(0).to_pylist()
            blocks.next += 1
        while len(blocks.kept) > _KEPT:
            blocks.kept.popitem(last=False)
        return blocks.kept[key]

    def _pictures(self, shard: int, group: int) -> Iterator[Any]:
        with self._parquet.ParquetFile(self.shards[shard].path, pre_buffer=False, buffer_size=1 << 20) as file:
            yield from file.iter_batches(_TOGETHER, row_groups=[group], columns=["image"], use_threads=False)

    def _open(self, path: Path, split: str) -> Shard | Refused:
        try:
            with self._parquet.ParquetFile(path) as file:
                columns, rows = frozenset(file.schema_arrow.names), file.metadata.num_rows
                kind = str(file.schema_arrow.field("image").type) if "image" in columns else ""
        except (OSError, ValueError) as error:
            reason = f"It is no whole parquet file ({_first_line(error)}). It may be cut short: fetch it again."
            return Refused(path.name, reason)
        if missing := [name for name in NEEDED if name not in columns]:
            what = f"has no column {' and no column '.join(missing)}"
            return Refused(
                path.name, f"It {what}; its columns are {', '.join(sorted(columns))}. Rename them, or fetch it again."
            )
        if not kind.startswith(("struct", "binary", "large_binary")):
            return Refused(path.name, f"Its column image holds {kind}, not pictures' bytes. Fetch it again.")
        return Shard(path, split, rows, columns)


def parquet_card(title: str, count: str, homepage: str, *options: CorpusOption) -> CorpusCard:
    """The card of a collection of articles' figures.

    Parameters
    ----------
    title, count, homepage : str
    *options : CorpusOption
        What it takes beside the folder and the splits.
    """
    return CorpusCard(
        title=title,
        summary=f"{count} radiology figures of articles, each with its caption and its own licence. Choose the folder that "
        "holds the parquet files; modality and plane are inferred, and marked so.",
        homepage=homepage,
        licence=EACH_ITS_OWN,
        options=(
            CorpusOption("path", "Folder that holds the parquet files.", Path, required=True, is_folder=True),
            *options,
            CorpusOption("splits", "Only these splits.", default=SPLITS, several=True, choices=SPLITS),
        ),
        needs=("pyarrow",),
    )


def split_of(file: Path) -> str:
    """The split that a file is of, by its name, else by its folder's; empty when neither says."""
    for name in (file.name, file.parent.name):
        if begins := _BEGINS.match(name):
            return {"val": "validation", "valid": "validation"}.get(begins[1].lower(), begins[1].lower())
    return ""


def _find(path: Path, title: str) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise BadInput(f"{path} is not there. Give the folder that holds the parquet files of {title}.")
    for folder in (path, path / "data", *sorted(each for each in path.iterdir() if each.is_dir())):
        here = folder.glob("*.parquet") if folder == path else folder.rglob("*.parquet")
        if found := sorted(file for file in here if not file.name.startswith(".")):
            return found if folder in (path, path / "data") else sorted(path.rglob("*.parquet"))
    raise BadInput(
        f"{path} holds no parquet files. Give the folder of {title} that has train-00000-of-….parquet and the like."
    )


def _names(files: Sequence[Path]) -> str:
    return ", ".join(file.name for file in files[:3]) + (", …" if len(files) > 3 else "")


def _bytes_of_pictures(group: Any) -> int:
    columns = (group.column(number) for number in range(group.num_columns))
    return sum(column.total_uncompressed_size for column in columns if column.path_in_schema.split(".")[0] == "image")


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0].rstrip(".")[:200] or type(error).__name__


def _pyarrow(title: str) -> ModuleType:
    try:
        from pyarrow import parquet  # noqa: PLC0415 - optional, and slow to import
    except ImportError as error:
        raise Unavailable(
            f"{title} comes as parquet files, and the package that reads them is not installed. "
            "Install it: pip install pyarrow."
        ) from error
    return parquet  # type: ignore[no-any-return]


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
    """The figures of some parquet files, in the order of the files: all of a corpus but its `info`.

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
            if isinstance(row, Refused):
                yield row
                continue
            name = name_of(row.values["image_id"])
            if not name:
                yield Refused(self._where(row), "Its column image_id is empty, so that the figure has no name.")
            elif places[name] != (row.shard, row.group, row.place):
                yield Refused(f"{name} ({self._where(row)})", "Its image_id occurs twice; the first row was taken.")
            else:
                figure = self._make(name, row.values)
                # Neither the file's name nor its time: they change with every copy and every new cut into files.
                yield Item(figure, None, f"{name} ({self._where(row)})", digest(repr((figure, row.mark, row.place))))
        yield from self._shards.broken
        yield from self._contents.missing

    def read(self, item: Item) -> DecodedPicture:
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
        return f"blake2b-{digest(repr((files, more)))}"

    @loaded_once
    def _contents(self) -> _Contents:
        found = _Contents()
        for row in self._shards.rows("image_id"):
            found.entries += 1
            if isinstance(row, ParquetRow) and (name := name_of(row.values["image_id"])):
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

    def _where(self, row: ParquetRow) -> str:
        return f"{self._shards.shards[row.shard].path.name}, row group {row.group}, row {row.place}"


def name_of(value: object) -> str:
    """An image's id without white space or the ending of a file."""
    name = clean_text(value)
    return name.rsplit(".", 1)[0] if name.lower().endswith((".jpg", ".jpeg", ".png")) else name


def licence_of(text: str) -> Licence:
    """The licence that some text states.

    Parameters
    ----------
    text : str
        ``CC BY-NC-ND``, ``CC-BY-4.0``, ``CC BY [Doe et al. (2020)]``, a licence's address; ``NO-CC CODE`` or nothing where
        there is none.

    Returns
    -------
    mirage.figure.Licence
        An empty one where nothing is stated. All Creative Commons licences permit passing the unaltered picture on (those
        with NC: without gain); any other text is kept as it is, and nothing is read into it. The address is that of the
        licence's text when its version is stated: without one, there is no telling which text is meant.
    """
    text = text.strip()
    if _NOTHING.match(text):
        return Licence()
    if link := _LINK.search(text):
        kind, parts, version = link[2].lower(), link[2].upper(), link[3] or ""
        name = "CC0" if kind == "zero" else f"CC {parts}"
        return Licence(f"{name} {version}".strip(), link[0].rstrip("."), allows_sharing=True)
    if code := _CODE.search(text):
        parts, version = re.sub(r"[ _]", "-", code[1].upper()), code[2] or ""
        if parts in ("0", "ZERO"):
            # There is one version only.
            return Licence("CC0", "https://creativecommons.org/publicdomain/zero/1.0/", allows_sharing=True)
        url = f"https://creativecommons.org/licenses/{parts.lower()}/{version}/" if version else ""
        return Licence(f"CC {parts} {version}".strip(), url, allows_sharing=True)
    return Licence(text[:200])
