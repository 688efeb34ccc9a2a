"""The one file in which an atlas travels: a ZIP archive of records, vectors and pictures, every part with its checksum.

======================  ===========================================================================================
``README.txt``          for whoever opens the archive by hand
``licences.csv``        every figure with its source, licence and link
``corpora.jsonl``       what is known of each corpus
``cases.jsonl``         cases
``figures/00000.jsonl`` the next n figures, in the order in which they were added, with the name and size of their pictures
``vectors/00000.npy``   their vectors, (n, 2, d) float16: of the picture, and of its words (NaN where it has none)
``encoder/card.md``     the card of the encoder that made them, where it has one
``pictures/ab/…``       pictures, named by the SHA-256 of their bytes
``manifest.json``       written last: format, encoder, counts, and the SHA-256 of every part but the pictures
======================  ===========================================================================================

Vectors and records travel, never shard files: the index is made anew where the atlas arrives.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from mirage.encoders.base import EncoderInfo
from mirage.errors import AtlasError

FORMAT = 1
ENDING = ".mirage"
BLOCK = 1000  # figures to one member of vectors
MANIFEST = "manifest.json"
README, LICENCES, CORPORA, CASES, CARD = "README.txt", "licences.csv", "corpora.jsonl", "cases.jsonl", "encoder/card.md"
_NAMES = re.compile(
    r"README\.txt|licences\.csv|(corpora|cases)\.jsonl|encoder/card\.md|manifest\.json"
    r"|figures/\d{5}\.jsonl|vectors/\d{5}\.npy|pictures/[0-9a-f]{2}/[0-9a-f]{64}\.(png|jpg|webp)"
)
_MOST_MANIFEST = 64_000_000
_MOST_PICTURE = 500_000_000
_MOST_LINE = 16_000_000
_CHUNK = 1 << 20


def vectors_name(block: int) -> str:
    """The member that holds a block's vectors."""
    return f"vectors/{block:05d}.npy"


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
        Figures whose licence is not stated or forbids sharing.
    no_picture : int
        Figures whose picture is lost.
    no_vectors : int
        Figures that the atlas's encoder has not encoded.
    """

    unlicensed: int = 0
    no_picture: int = 0
    no_vectors: int = 0


@dataclass(frozen=True, slots=True)
class Manifest:
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
    figures: int
    cases: int
    pictures: int
    picture_side: int
    left_out: LeftOut
    licences: Mapping[str, int]
    parts: Mapping[str, str]

    def print(self) -> str:
        """As JSON text."""
        values = asdict(self)
        # Left out where they are empty, so that older versions can read the file.
        values["encoder"] = {name: value for name, value in values["encoder"].items() if value != ""}
        return json.dumps(values, ensure_ascii=False, indent=1, sort_keys=True)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `print` wrote.

        Raises
        ------
        ValueError, KeyError, TypeError
            When it is no manifest.
        """
        given: dict[str, Any] = json.loads(text)
        values = {field.name: given[field.name] for field in fields(cls)}
        values["encoder"] = EncoderInfo(**values["encoder"])
        values["left_out"] = LeftOut(**values["left_out"])
        if not all(isinstance(values[name], int) for name in ("format", "figures", "cases", "pictures", "picture_side")):
            raise ValueError("counts must be whole numbers")
        sums = {str(name): str(digest) for name, digest in dict(values["parts"]).items()}
        values["parts"], made_by = sums, values["encoder"]
        named = isinstance(made_by.name, str) and isinstance(made_by.digest, str)
        if not named or not 0 < made_by.dimension < 100_000:
            raise ValueError("the encoder is told in a name, a digest and a dimension")
        return cls(**values)


class AtlasFile:
    """An atlas file, opened to read; use `opened`."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.path = path
        self._archive = archive
        self._sizes = {info.filename: info.file_size for info in archive.infolist()}
        strange = next((name for name in archive.namelist() if not _NAMES.fullmatch(name)), None)
        if strange is not None:
            raise AtlasError(f"{path} holds {strange[:80]!r}, which no export writes. It is refused; nothing was changed.")
        if len(self._sizes) != len(archive.infolist()):
            raise AtlasError(f"{path} holds a name twice, which no export does. It is refused; nothing was changed.")
        self.manifest = self._manifest()

    def _manifest(self) -> Manifest:
        try:
            raw = self._archive.read(MANIFEST) if self._sizes.get(MANIFEST, _MOST_MANIFEST) < _MOST_MANIFEST else b"{}"
            version = int(json.loads(raw).get("format", 0))
            if version > FORMAT:
                raise AtlasError(f"{self.path} has format {version}; this MIRAGE reads up to {FORMAT}. Update MIRAGE.")
            return Manifest.parse(raw.decode("utf-8"))
        except (KeyError, ValueError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
            raise AtlasError(f"{self.path} is not an atlas file, or its manifest is damaged ({error}).") from error

    def check(self) -> None:
        """Compare every part but the pictures with its checksum; pictures are checked as they are read.

        Raises
        ------
        mirage.errors.AtlasError
            Naming the first part that differs or is missing.
        """
        for name, expected in self.manifest.parts.items():
            digest = hashlib.sha256()
            with self._member(name) as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
            if digest.hexdigest() != expected:
                raise self._damaged(name)
        told = {name for name in self._sizes if not name.startswith("pictures/")} - {MANIFEST}
        if unknown := told - set(self.manifest.parts):
            raise self._damaged(min(unknown))

    def lines(self, name: str) -> Iterator[dict[str, Any]]:
        """The records of one of the ``.jsonl`` members, one after another."""
        with self._member(name) as file:
            while line := file.readline(_MOST_LINE + 1):
                if len(line) > _MOST_LINE:
                    raise self._damaged(name)
                try:
                    record = json.loads(line)
                except ValueError as error:
                    raise self._damaged(name) from error
                if not isinstance(record, dict):
                    raise self._damaged(name)
                yield record

    def read(self, name: str, most: int = _MOST_PICTURE) -> bytes:
        """One member as a whole, which must not be larger than `most` bytes.

        Raises
        ------
        mirage.errors.AtlasError
        """
        if self._sizes.get(name, 0) > most:
            raise self._damaged(name)
        with self._member(name) as file:
            data: bytes = file.read()
        return data

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
    def _member(self, name: str) -> Iterator[Any]:
        try:
            with self._archive.open(name) as file:
                yield file
        except (KeyError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise self._damaged(name) from error

    def _damaged(self, name: str) -> AtlasError:
        return AtlasError(
            f"{self.path} is damaged: its part {name[:120]} is missing or is not what was exported. Get the file again."
        )


@contextmanager
def opened(path: Path) -> Iterator[AtlasFile]:
    """Open an atlas file and check its names and its manifest.

    Raises
    ------
    mirage.errors.AtlasError
        When there is no such file, or it is no atlas file, cut short, of a newer format, or holds what no export writes.
    """
    if not path.is_file():
        raise AtlasError(f"There is no file {path}.")
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise AtlasError(
            f"{path} is not an atlas file, or was cut short on its way ({error}). Get it again, or export the atlas again."
        ) from error
    with archive:
        yield AtlasFile(path, archive)
