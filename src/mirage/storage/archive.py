"""The one file in which an atlas travels: a ZIP archive of records, vectors and pictures, every part with its checksum.

======================  ===========================================================================================
``README.txt``          for whoever opens the archive by hand
``licences.csv``        every figure with its source, licence and link
``corpora.jsonl``       what is known of each corpus
``cases.jsonl``         cases
``figures/00000.jsonl`` the next n figures, in the order in which they were added, with the name and size of their pictures
``vectors/00000.npy``   their vectors, (n, 2, d) float16: of the picture, and of its words (NaN where it has none)
``slices/00000.npy``    vectors of slices of the stacks among them, (n, d) float16, one stack after the other
``encoder/card.md``     the card of the encoder that made them, where it has one
``pictures/ab/…``       pictures and the files of stacks, named by the SHA-256 of their bytes
``manifest.json``       written last: format, encoder, counts, and the SHA-256 of every part but the pictures
======================  ===========================================================================================

Vectors and records travel, never shard files: the index is made anew where the atlas arrives. A file without stacks has
format 1, which earlier versions read too, and one in which no figure is withdrawn by its source has format 2 at most.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tokenize import TokenError
from typing import IO, TypeVar, cast

import numpy as np
from pydantic import NonNegativeInt
from pydantic_core import from_json

from mirage.encoders.base import EncoderInfo
from mirage.errors import ROOM, BadAtlasFile, BadPicture, check_room
from mirage.figure import Case, SlicePlace, Stack
from mirage.images import DEFAULT_LIMITS
from mirage.images.stack_file import StackFile
from mirage.images.stacks import shape_in
from mirage.storage.archive_records import ArchivedFigure, id_of, read_record
from mirage.storage.records import CorpusRecord, Half, StackRow
from mirage.wording import _

Read = TypeVar("Read")

FORMAT = 3  # figures may be withdrawn by their source; a version that does not know the mark must not drop it
STACKED = 2  # the format of a file where none is
PLAIN = 1  # the format of a file without stacks, too
ENDING = ".mirage"
BLOCK = 1000  # figures to one member of vectors
MANIFEST = "manifest.json"
README, LICENCES, CORPORA, CASES, CARD = "README.txt", "licences.csv", "corpora.jsonl", "cases.jsonl", "encoder/card.md"
_NAMES = re.compile(
    r"README\.txt|licences\.csv|(corpora|cases)\.jsonl|encoder/card\.md|manifest\.json"
    r"|figures/\d{5}\.jsonl|(vectors|slices)/\d{5}\.npy|pictures/[0-9a-f]{2}/[0-9a-f]{64}\.(png|jpg|webp|stack)"
)
_MOST_LINE = 8_000_000  # bytes; of the manifest too
_MOST_DIMENSION = 16_384
_MOST_ENCODED = 512  # slices of a stack, each label's best one with them
# A part that unpacks to much more than it is packed is a bomb; records of a real atlas shrink five to thirty times.
_MOST_SHRUNK, _SHRUNK_FROM = 100, 16_000_000
# What zipfile raises for an archive whose directory or members are damaged.
_FLAWS = (KeyError, ValueError, OSError, EOFError, OverflowError, RuntimeError, struct.error, zipfile.BadZipFile, zlib.error)


def vectors_name(block: int) -> str:
    """The member that holds a block's vectors."""
    return f"vectors/{block:05d}.npy"


def slices_name(block: int) -> str:
    """The member that holds the vectors of slices of a block's stacks."""
    return f"slices/{block:05d}.npy"


def figures_name(block: int) -> str:
    """The member that holds a block's figures."""
    return f"figures/{block:05d}.jsonl"


def picture_name(name: str) -> str:
    """The member that holds a picture."""
    return f"pictures/{name[:2]}/{name}"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What an export did not take, and why.

    Attributes
    ----------
    unlicensed : int
        Figures that `mirage.licensing` does not let leave for the file's purpose.
    no_picture : int
        Figures whose picture is lost.
    no_vectors : int
        Figures that the atlas's encoder has not encoded.
    """

    unlicensed: NonNegativeInt = 0
    no_picture: NonNegativeInt = 0
    no_vectors: NonNegativeInt = 0


@dataclass(frozen=True, slots=True)
class ArchiveManifest:
    """What an atlas file says of itself.

    Attributes
    ----------
    format : int
    software, created : str
    encoder : EncoderInfo
    figures, cases, pictures : int
    picture_side : int
        Longest side of the pictures in pixels; 0 for the originals.
    left_out : LeftOut
    licences : mapping
        Licence to how many figures have it.
    parts : mapping
        Member to SHA-256, for all but the pictures (whose names are their SHA-256).
    """

    format: int
    software: str
    created: str
    encoder: EncoderInfo
    figures: NonNegativeInt
    cases: NonNegativeInt
    pictures: NonNegativeInt
    picture_side: NonNegativeInt
    left_out: LeftOut
    licences: Mapping[str, NonNegativeInt]
    parts: Mapping[str, str]

    def print(self) -> str:
        """As JSON text."""
        values = asdict(self)
        # Left out where they are empty, so that older versions can read the file.
        values["encoder"] = {name: value for name, value in values["encoder"].items() if value != ""}
        return json.dumps(values, ensure_ascii=False, indent=1, sort_keys=True)


class AtlasFile:
    """An atlas file, opened to read; use `opened`.

    Parameters
    ----------
    path : Path
        For messages.
    archive : zipfile.ZipFile
        Opened to read.

    Raises
    ------
    mirage.errors.AtlasError
        When it holds what no export writes, or its manifest cannot be read.
    """

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.path = path
        self._archive = archive
        size = path.stat().st_size
        self._sizes = {info.filename: info.file_size for info in archive.infolist()}
        for info in archive.infolist():
            if not _NAMES.fullmatch(info.filename):
                raise self.refused(_("it holds %(name)s, which no export writes", name=repr(info.filename[:80])))
            if info.file_size > _SHRUNK_FROM and info.file_size > _MOST_SHRUNK * info.compress_size:
                raise self.refused(
                    _(
                        "its part %(name)s unpacks to more than %(times)s times its size",
                        name=info.filename,
                        times=_MOST_SHRUNK,
                    )
                )
            if info.filename.endswith(".stack") and info.compress_type != zipfile.ZIP_STORED:
                raise self.refused(_("its part %(name)s is packed once more, which no export does", name=info.filename))
            if info.compress_size > size:  # room would be made for it
                raise self._damaged(info.filename)
        if len(self._sizes) != len(archive.infolist()):
            raise self.refused(_("it holds a name twice, which no export does"))
        self.manifest = self._manifest()

    def _manifest(self) -> ArchiveManifest:
        if MANIFEST not in self._sizes:
            raise BadAtlasFile(
                _("%(path)s is not an atlas file: it has no %(MANIFEST)s.", path=self.path, MANIFEST=MANIFEST)
            )
        try:
            raw = self.read(MANIFEST, _MOST_LINE)
            given = from_json(raw)
            version = given.get("format") if isinstance(given, dict) else None
            if isinstance(version, int) and version > FORMAT:
                raise BadAtlasFile(
                    _(
                        "%(path)s has format %(version)s; this MIRAGE reads up to %(FORMAT)s. Update MIRAGE.",
                        path=self.path,
                        version=version,
                        FORMAT=FORMAT,
                    )
                )
            read = read_record(ArchiveManifest, raw)
            if not 0 < read.encoder.dimension <= _MOST_DIMENSION or read.encoder.max_tokens < 1:
                raise ValueError(_("the encoder's dimension or number of tokens is not possible"))
            return read
        except ValueError as error:
            raise BadAtlasFile(
                _("%(path)s is not an atlas file, or its manifest is damaged (%(error)s).", path=self.path, error=error)
            ) from error

    @property
    def blocks(self) -> int:
        """How many blocks of figures there are."""
        return -(-self.manifest.figures // BLOCK)

    def check(self) -> None:
        """Compare every part with its checksum, then check every record; pictures are checked as they are read.

        Raises
        ------
        mirage.errors.AtlasError
            Naming the first part that differs or is missing, or the first record and field that cannot be used.
        """
        if self.blocks != sum(name.startswith("figures/") for name in self._sizes):
            raise self.refused(_("it has not as many figures as its manifest tells"))
        for name, expected in self.manifest.parts.items():
            with self._member(name) as file:
                if hashlib.file_digest(cast(zipfile.ZipExtFile, file), "sha256").hexdigest() != expected:
                    raise self._damaged(name)
        told = {name for name in self._sizes if not name.startswith("pictures/")} - {MANIFEST}
        if unknown := told - set(self.manifest.parts):
            raise self._damaged(min(unknown))
        corpora, cases, figures = set[str](), set[str](), set[str]()

        def check(part: str, seen: set[str], identity: str, corpus: str) -> None:
            if identity in seen:
                raise self.refused(_("in %(part)s, %(id)s occurs twice", part=part, id=repr(identity[:80])))
            seen.add(identity)
            if corpus not in corpora:
                raise self.refused(
                    _(
                        "in %(part)s, %(id)s: source.corpus is of no corpus that the file has",
                        part=part,
                        id=repr(identity[:80]),
                    )
                )

        for corpus in self.corpora():
            check(CORPORA, corpora, corpus.name, corpus.name)
        for case in self.cases():
            check(CASES, cases, case.id, case.source.corpus)
        self._check_figures(lambda name, figure: check(name, figures, figure.id, figure.source.corpus))
        if (len(figures), len(cases)) != (self.manifest.figures, self.manifest.cases):
            raise self.refused(_("it has not as many figures or cases as its manifest tells"))

    def _check_figures(self, check: Callable[[str, ArchivedFigure], None]) -> None:
        stacks: dict[str, Stack] = {}
        cut: list[ArchivedFigure] = []
        for block in range(self.blocks):
            count = slices = 0
            for figure in self.figures(block):
                check(figures_name(block), figure)
                count += 1
                if picture_name(figure.picture.name) not in self._sizes:
                    raise self._damaged(picture_name(figure.picture.name))
                if figure.stack is not None and figure.files is not None:
                    self._check_stack(figure.id, figure.stack, figure.files)
                    stacks[figure.id], slices = figure.stack, slices + len(figure.files.slices)
                elif figure.slice_of is not None:
                    cut.append(figure)
            if (len(self.vectors(block)), len(self.slices(block))) != (count, slices):
                raise self.refused(_("block %(block)s has not as many figures as vectors, or slices", block=block))
        for figure in cut:
            if (place := figure.slice_of) and (stack := stacks.get(place.stack)) and not _has(stack, place):
                raise self.refused(_("%(id)s: slice_of is a slice that its stack does not have", id=repr(figure.id[:80])))

    def corpora(self) -> Iterator[CorpusRecord]:
        """What is known of each corpus; raises `mirage.errors.AtlasError` as `figures` does."""
        return self._records(CORPORA, CorpusRecord)

    def cases(self) -> Iterator[Case]:
        """The cases, one after another; raises `mirage.errors.AtlasError` as `figures` does."""
        return self._records(CASES, Case)

    def figures(self, block: int) -> Iterator[ArchivedFigure]:
        """The figures of a block, one after another.

        Raises
        ------
        mirage.errors.AtlasError
            Naming the first record, and the field of it, that cannot be used.
        """
        return self._records(figures_name(block), ArchivedFigure)

    def _records(self, name: str, kind: type[Read]) -> Iterator[Read]:
        with self._member(name) as file:
            for number, line in enumerate(iter(lambda: file.readline(_MOST_LINE + 1), b""), start=1):
                where = _("in %(name)s, record %(number)s", name=name, number=number)
                if len(line) > _MOST_LINE:
                    raise self.refused(
                        _("%(where)s is longer than %(most)s MB", where=where, most=f"{_MOST_LINE / 1e6:.0f}")
                    )
                try:
                    record = read_record(kind, line)
                except ValueError as error:
                    raise self.refused(f"{where} {id_of(line)}: {error}") from error
                yield record

    def vectors(self, block: int) -> Half:
        """The vectors of a block's figures: (n, 2, d) float16, of the picture and of its words; NaN where it has none.

        Raises
        ------
        mirage.errors.AtlasError
            When they are not finite, or of another shape or type.
        """
        name, dimension = vectors_name(block), self.manifest.encoder.dimension
        pairs = self._array(name, BLOCK, (2, dimension))
        captions = pairs[:, 1][~np.isnan(pairs[:, 1]).all(axis=1)]
        self._check_directions(name, np.concatenate([pairs[:, 0], captions]))
        return pairs

    def slices(self, block: int) -> Half:
        """The vectors of slices of a block's stacks, one stack after the other: (n, d) float16; none where it has none.

        Raises
        ------
        mirage.errors.AtlasError
            When they are not finite, or of another shape or type.
        """
        name, dimension = slices_name(block), self.manifest.encoder.dimension
        if name not in self._sizes:
            return np.zeros((0, dimension), np.float16)
        found = self._array(name, BLOCK * _MOST_ENCODED, (dimension,))
        self._check_directions(name, found)
        return found

    def _array(self, name: str, most: int, each: tuple[int, ...]) -> Half:
        """At most so many things of a shape, of 16-bit floats."""
        data = self.read(name, most * math.prod(each) * 2 + 4096)  # and what says so
        try:
            file = io.BytesIO(data)
            if np.lib.format.read_magic(file) != (1, 0):
                raise ValueError(_("not as numpy writes it"))
            # The header is read by itself: numpy would make room for whatever shape it tells.
            shape, by_column, kind = np.lib.format.read_array_header_1_0(file)
            if shape[1:] != each or by_column or kind != np.float16:
                raise ValueError(_("its shape or type is another"))
            return np.frombuffer(data, np.float16, offset=file.tell()).reshape(shape)
        except (ValueError, SyntaxError, TokenError) as error:
            raise self.refused(_("%(name)s cannot be used (%(why)s)", name=name, why=str(error)[:200])) from error

    def _check_directions(self, name: str, vectors: Half) -> None:
        there = vectors.astype(np.float32)
        if not np.isfinite(there).all():
            raise self.refused(_("%(name)s cannot be used (a vector is not finite)", name=name))
        if not there.any(axis=1).all():
            raise self.refused(_("%(name)s cannot be used (a vector has no direction)", name=name))

    def _check_stack(self, figure_id: str, stack: Stack, files: StackRow) -> None:
        """Look at all slices of a stack, and whether they are those that its description tells."""
        for name in files.names:
            with self.unpacked(name) as path:
                try:
                    StackFile(path, stack, labels=name == files.labels).check()
                except BadPicture as error:
                    raise self.refused(
                        _("the slices of %(id)s cannot be used (%(why)s)", id=repr(figure_id[:80]), why=error)
                    ) from error

    @contextmanager
    def unpacked(self, name: str) -> Iterator[Path]:
        """The file of a stack by itself, as long as it is looked at; it is checked against its name.

        Raises
        ------
        mirage.errors.AtlasError
            When it is missing or was changed.
        mirage.errors.Unavailable
            When there is no room for it.
        """
        member = picture_name(name)
        with tempfile.TemporaryDirectory(prefix="mirage-") as folder:
            check_room(Path(folder), self._sizes.get(member, 0) + ROOM)
            path = Path(folder) / name
            with self._member(member) as packed, path.open("wb") as file:
                shutil.copyfileobj(packed, file)
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != name.partition(".")[0]:
                    raise self._damaged(member)
            yield path

    def read(self, name: str, most: int = DEFAULT_LIMITS.file_bytes) -> bytes:
        """One member as a whole, which must not be larger than `most` bytes.

        Parameters
        ----------
        name : str
            The member's path in the file.
        most : int
            Bytes that it may have, unpacked.

        Raises
        ------
        mirage.errors.AtlasError
        """
        if self._sizes.get(name, 0) > most:
            raise self._damaged(name)
        with self._member(name) as file:
            return file.read()

    def picture(self, name: str) -> bytes:
        """A picture's bytes, which are checked against its name.

        Raises
        ------
        mirage.errors.AtlasError
            When it is missing or was changed.
        """
        member = picture_name(name)
        data = self.read(member)
        if hashlib.sha256(data).hexdigest() != name.partition(".")[0]:
            raise self._damaged(member)
        return data

    @contextmanager
    def _member(self, name: str) -> Iterator[IO[bytes]]:
        try:
            with self._archive.open(name) as file:
                yield file
        except _FLAWS as error:
            raise self._damaged(name) from error

    def _damaged(self, name: str) -> BadAtlasFile:
        return BadAtlasFile(
            _(
                "%(path)s is damaged: its part %(name)s is missing or is not what was exported. Get the file again.",
                path=self.path,
                name=name[:120],
            )
        )

    def refused(self, why: str) -> BadAtlasFile:
        """The error that says why the file is not taken."""
        return BadAtlasFile(_("%(path)s is refused: %(why)s. Nothing was changed.", path=self.path, why=why))


def _has(stack: Stack, place: SlicePlace) -> bool:
    return place.view in stack.views and place.number < shape_in(stack, place.view)[0]


@contextmanager
def opened(path: Path) -> Iterator[AtlasFile]:
    """Open an atlas file and check its names and its manifest.

    Raises
    ------
    mirage.errors.AtlasError
        When there is no such file, or it is no atlas file, cut short, of a newer format, or holds what no export writes.
    """
    if not path.is_file():
        raise BadAtlasFile(_("There is no file %(path)s.", path=path))
    try:
        archive = zipfile.ZipFile(path)
    except _FLAWS as error:
        raise BadAtlasFile(
            _(
                "%(path)s is not an atlas file, or was cut short on its way (%(error)s). Get it "
                "again, or export the atlas again.",
                path=path,
                error=error,
            )
        ) from error
    with archive:
        yield AtlasFile(path, archive)
