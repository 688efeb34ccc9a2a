"""Figures in parquet files as the Hugging Face hub has them, read as a stream: nothing is unpacked to disk.

A row holds ``image`` (the file's bytes and its path), ``image_id``, ``caption`` and what else a collection has. The words of
all rows are read without their pictures; a picture is read when it is asked for, with its neighbours, since who asks for
one mostly asks for the next one too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from mirage.corpora.away import Away
from mirage.corpora.base import CorpusCard, CorpusInfo, Item, Refused, checked_splits, digest
from mirage.corpora.options import CorpusOption
from mirage.corpora.parquet_reader import ParquetFault, ParquetReader
from mirage.errors import BadInput, BadPicture, Unavailable
from mirage.figure import INFERABLE, Figure, Licence, clean_text
from mirage.images import DecodedPicture, read_picture
from mirage.images.bucket import is_address
from mirage.installed import to_install
from mirage.locales import number as number_in_words
from mirage.once import loaded_once
from mirage.wording import N_, _

SPLITS = ("train", "validation", "test")

_CODE = re.compile(r"(?i)\bCC[ _-]?(BY(?:[ _-](?:NC|ND|SA))*|0|ZERO)\b(?:[ _-]?v?(\d\.\d))?")
_LINK = re.compile(
    r"(?i)https?://(?:www\.)?creativecommons\.org/(licenses|publicdomain)/(by(?:-(?:nc|nd|sa))*|zero)(?:/(\d\.\d))?[\w./-]*"
)
_NOTHING = re.compile(r"(?i)^(no[ -]?cc[ -]?code|none|unknown|not stated|not found|n/?a|nan|-)?$")
_NEEDED = ("image", "image_id", "caption")
ARTICLES = "https://www.ncbi.nlm.nih.gov/pmc/articles/"
_BEGINS = re.compile(r"(?i)^(train|validation|valid|val|test)(?=[-_.]|$)")
_SHARD_OF = re.compile(r"-(\d{5})-of-(\d{5})")
_MOST_ROWS = 10_000_000  # of one file
_BESIDE = (".csv", ".txt")  # what a release has beside its parquet files
_NAMED = 5  # missing figures that a message names


@dataclass(frozen=True, slots=True)
class Shard:
    """One parquet file."""

    path: Path
    split: str
    rows: int
    columns: frozenset[str]
    groups: int


@dataclass(frozen=True, slots=True)
class Article:
    """Where a figure was printed, and under which terms.

    Attributes
    ----------
    pmc : str
        Of the article at PubMed Central: ``PMC4608653``; empty when not known.
    file : str
        The figure's file name there; may be empty.
    licence : Licence
        Empty when none is stated.
    authors : str
        Whom to name; may be empty.
    link : str
        The collection's own link to the article; may be empty.
    """

    pmc: str = ""
    file: str = ""
    licence: Licence = Licence()
    authors: str = ""
    link: str = ""


class RowPlace(NamedTuple):
    """Where a row stands: the file, the row group in it, and the row in that group, from 0."""

    shard: int
    group: int
    row: int


class ParquetFigures:
    """The figures of a collection's parquet files, in the order of the files.

    A subclass has a card, a name, and `_figure`, which makes a figure of an image's name and its row.

    Parameters
    ----------
    path : Path or str
        A folder that holds the files, or its folder ``data``; or one file; or an address of a bucket.
    splits : sequence of str
        ``train``, ``validation``, ``test``; told by the files' names (``train-00000-of-00027.parquet``) or their folder's.

    Attributes
    ----------
    name : str
        Of the corpus; ids are ``name:image_id``.
    folder : Path
        Where the files are, or what stands for it.
    columns : tuple of str
        What `_figure` reads beside ``caption``.
    listed : mapping
        Image ids that ought to be there, with their splits. Where all files of a split are there and some of its images are
        not, that is reported.

    Raises
    ------
    mirage.errors.BadInput
        When a split is unknown, or no file can be used; the message names the first one's fault.
    mirage.errors.Unavailable
        When pyarrow is not installed.
    """

    card: ClassVar[CorpusCard]
    name: ClassVar[str]
    columns: ClassVar[tuple[str, ...]] = ()
    infers = INFERABLE

    def __init__(self, path: Path | str, splits: Sequence[str]) -> None:
        title = self.card.title
        if find_spec("pyarrow") is None:
            raise Unavailable(
                _(
                    "%(title)s comes as parquet files, and the package that reads them is not installed. "
                    "Install it: %(install)s.",
                    title=title,
                    install=to_install("pyarrow"),
                )
            )
        checked_splits(splits, SPLITS, title)
        self.listed: Mapping[str, str] = {}
        self._told: Mapping[str, RowPlace] = {}
        self._away = Away(str(path)) if is_address(path) else None
        self.folder = path = self._away.folder if self._away else Path(path).expanduser()
        self._reader = ParquetReader(self._away)
        if self._away is not None:
            self._away.look()
            self._away.fill_all(_BESIDE)
        where = self._away.address if self._away else str(path)
        found = _find(path, title, where)
        wanted = {*splits, ""} if set(splits) == set(SPLITS) else set(splits)
        chosen = [(file, split) for file in found if (split := split_of(file)) in wanted]
        if not chosen:
            names = ", ".join(file.name for file in found[:3]) + (", …" if len(found) > 3 else "")
            raise BadInput(
                _(
                    "%(where)s has no parquet files of the split %(splits)s: %(names)s are others.",
                    where=where,
                    splits=", ".join(splits),
                    names=names,
                )
            )
        chosen.sort(key=lambda pair: ((*SPLITS, "").index(pair[1]), pair[0].as_posix()))
        opened = [self._open(file, split) for file, split in chosen]
        self._shards = [each for each in opened if isinstance(each, Shard)]
        self._broken = [each for each in opened if isinstance(each, Refused)]
        if not self._shards:
            raise BadInput(f"{self._broken[0].label}: {self._broken[0].reason}")

    def __len__(self) -> int:
        """How many entries `items` will yield."""
        _other, rows, missing = self._contents
        return rows + len(self._broken) + len(missing)

    def items(self) -> Iterator[Item | Refused]:
        """Yield every figure once; then what cannot be read, and how many figures are missing."""
        places, _other, missing = self._contents
        for row in self._rows("image_id", "caption", *self.columns):
            if isinstance(row, Refused):
                yield row
                continue
            place, size, values = row
            name = name_of(values["image_id"])
            where = self._where(place)
            if not name:
                yield Refused(where, _("Its column image_id is empty, so that the figure has no name."))
            elif places[name] != place:
                yield Refused(
                    f"{name} ({where})",
                    _("Its image_id occurs twice; the first row was taken (%(where)s).", where=self._where(places[name])),
                )
            else:
                figure = self._figure(name, values)
                # Neither the file's name nor its time: they change with every copy and every new cut into files.
                yield Item(figure, None, f"{name} ({where})", digest(repr((figure, size, place.row))))
        yield from self._broken
        yield from missing

    def _where(self, place: RowPlace) -> str:
        return f"{self._shards[place.shard].path.name}, row group {place.group}, row {place.row}"

    def read(self, item: Item) -> DecodedPicture:
        """Decode the picture of one item. Threads may ask at once.

        Raises
        ------
        mirage.errors.BadPicture
            When its row has none, or cannot be read.
        """
        label, place = item.label, self._place(item)
        if place is None:
            raise BadPicture(_("%(label)s is not in these parquet files.", label=label))
        try:
            data, beside = self._reader.picture(self._shards[place.shard].path, place.group, place.row)
        except ParquetFault as error:
            raise BadPicture(
                _("%(label)s cannot be read (%(error)s). The file is damaged: fetch it again.", label=label, error=error)
            ) from error
        if data is None:
            raise BadPicture(_("%(label)s has no picture: the column image is empty in its row.", label=label))
        if not data:
            where = " " + _("It only names %(name)s.", name=repr(beside)) if beside else ""
            raise BadPicture(
                _("%(label)s has no picture: the column image holds no bytes in its row.%(where)s", label=label, where=where)
            )
        return read_picture(data, name=label)

    def places_of(self, items: Sequence[Item]) -> dict[str, RowPlace]:
        """Give the rows of some items, by id."""
        found = {item.figure.id: self._place(item) for item in items}
        return {own: place for own, place in found.items() if place is not None}

    def find_at(self, places: Mapping[str, RowPlace]) -> None:
        """Read the items with these ids in these rows, without looking through the files."""
        self._told = places

    def split_of(self, item: Item) -> str:
        """Name the split of the file that an item is in; empty when neither it nor its folder says."""
        place = self._place(item)
        return self._shards[place.shard].split if place else ""

    def _info(self, known: str, *more: object) -> CorpusInfo:
        """Tell what it is and what is known of its articles; the version is a digest of the rows and more."""
        files = [(shard.split, shard.rows, shard.path.stat().st_size) for shard in self._shards]
        summary = f"Radiology figures of articles at PubMed Central, each with its caption{known}"
        return self.card.info(self.name, f"blake2b-{digest(repr((files, more)))}", summary)

    def _figure(self, name: str, values: Mapping[str, Any]) -> Figure:
        raise NotImplementedError

    def _place(self, item: Item) -> RowPlace | None:
        told = self._told.get(item.figure.id)
        return told or self._contents[0].get(item.figure.id.partition(":")[2])

    @loaded_once
    def _contents(self) -> tuple[dict[str, RowPlace], int, list[Refused]]:
        """Where each image is, how many rows or groups that cannot be read there are, and what is missing."""
        places: dict[str, RowPlace] = {}
        rows = 0
        for row in self._rows("image_id"):
            rows += 1
            if not isinstance(row, Refused) and (name := name_of(row[2]["image_id"])):
                places.setdefault(name, row[0])
        return places, rows, list(self._missing(places))

    def _missing(self, places: Mapping[str, object]) -> Iterator[Refused]:
        lost: dict[str, list[str]] = {}
        for name, split in self.listed.items():
            if name not in places:
                lost.setdefault(split, []).append(name)
        for split, names in lost.items():
            # The files' names ("-00000-of-00027") say how many there should be.
            files = [_SHARD_OF.search(shard.path.name) for shard in self._shards if shard.split == split]
            numbers = {(match[1], match[2]) for match in files if match}
            if numbers and len(numbers) == int(max(numbers)[1]) and not self._broken:
                some = ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
                yield Refused(
                    _("%(figures)s figures of the split %(split)s", figures=number_in_words(len(names)), split=split),
                    _(
                        "The annotations list them, and the parquet files do not hold them (%(some)s): images that vanished "
                        "from the articles before the files were made. Nothing can be done about it.",
                        some=some,
                    ),
                )

    def _rows(self, *columns: str) -> Iterator[tuple[RowPlace, int, dict[str, Any]] | Refused]:
        """Read columns of all rows in order, a row group at a time; a column that a file lacks is None there.

        With each row go its place, and the bytes that the pictures of its row group take: another picture, another number,
        most likely.
        """
        for number, shard in enumerate(self._shards):
            there = [name for name in columns if name in shard.columns]
            for group in range(shard.groups):
                try:
                    size, values = self._reader.rows(shard.path, group, there)
                except ParquetFault as error:
                    yield Refused(
                        f"{shard.path.name}, row group {group}",
                        _("Its rows cannot be read (%(error)s). The file is damaged: fetch it again.", error=error),
                    )
                    continue
                for place, row in enumerate(values):
                    yield RowPlace(number, group, place), size, {name: row.get(name) for name in columns}

    def _open(self, path: Path, split: str) -> Shard | Refused:
        try:
            held = self._reader.describe(path)
        except ParquetFault as error:
            told = _("It is no whole parquet file (%(error)s). It may be cut short: fetch it again.", error=error)
            return Refused(path.name, told)
        columns, kind = frozenset(held["columns"]), str(held["image"])
        if missing := [name for name in _NEEDED if name not in columns]:
            told = _(
                "It has no column %(missing)s; its columns are %(columns)s. Rename them, or fetch it again.",
                missing=_(" and no column ").join(missing),
                columns=", ".join(sorted(columns)),
            )
            return Refused(path.name, told)
        if not kind.startswith(("struct", "binary", "large_binary")):
            told = _("Its column image holds %(kind)s, not pictures' bytes. Fetch it again.", kind=kind)
            return Refused(path.name, told)
        rows, groups = int(held["rows"]), int(held["groups"])
        if not 0 <= groups <= max(rows, 1) <= _MOST_ROWS:
            told = _(
                "It tells of %(rows)s rows in %(groups)s groups. Fetch it again.",
                rows=number_in_words(rows),
                groups=number_in_words(groups),
            )
            return Refused(path.name, told)
        return Shard(path, split, rows, columns, groups)


def parquet_card(title: str, summary: str, homepage: str, *options: CorpusOption) -> CorpusCard:
    """The card of a collection of articles' figures.

    Parameters
    ----------
    title, summary, homepage : str
    *options : CorpusOption
        What it takes beside the folder and the splits.
    """
    return CorpusCard(
        title=title,
        summary=summary,
        homepage=homepage,
        licence=Licence(N_("each figure's own, where one is stated")),
        options=(
            CorpusOption(
                "path",
                N_("Folder that holds the parquet files; or where they lie in a bucket, as s3://bucket/prefix."),
                Path,
                required=True,
                is_folder=True,
                away=True,
            ),
            *options,
            CorpusOption("splits", N_("Only these splits."), default=SPLITS, several=True, choices=SPLITS),
        ),
        needs=("pyarrow",),
    )


def split_of(file: Path) -> str:
    """The split that a file is of, by its name, else by its folder's; empty when neither says."""
    for name in (file.name, file.parent.name):
        if begins := _BEGINS.match(name):
            return {"val": "validation", "valid": "validation"}.get(begins[1].lower(), begins[1].lower())
    return ""


def _find(path: Path, title: str, called: str) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise BadInput(
            _(
                "%(called)s is not there. Give the folder that holds the parquet files of %(title)s.",
                called=called,
                title=title,
            )
        )
    for where in ("*.parquet", "data/**/*.parquet", "**/*.parquet"):
        if found := sorted(file for file in path.glob(where) if not file.name.startswith(".")):
            return found
    raise BadInput(
        _(
            "%(called)s holds no parquet files. Give the folder of %(title)s that has "
            "train-00000-of-….parquet and the like.",
            called=called,
            title=title,
        )
    )


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
        An empty one where nothing is stated; any other text than a Creative Commons licence's is kept as it is, and
        nothing is read into it. The address is that of the licence's text when its version is stated: without one, there is
        no telling which text is meant.
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
