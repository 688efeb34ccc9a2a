"""What the repository ``razorx89/roco-dataset`` says of ROCO's figures: article, licence, keywords, concepts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mirage.corpora.licences import licence_of
from mirage.errors import BadInput
from mirage.figure import Licence

# The files were renamed twice; any revision will do.
_FILES = {
    "licences": ("licences*.txt", "cc_*.csv"),
    "dlinks": ("dlinks*.txt",),
    "keywords": ("keywords*.txt",),
    "cuis": ("cuis*.txt",),
}
_ARTICLE = re.compile(r"PMC\d+")


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
        Empty when the annotations found none, or have no row for the figure.
    """

    pmc: str = ""
    file: str = ""
    licence: Licence = Licence()


class Annotations:
    """The annotations of some splits.

    Parameters
    ----------
    folder : Path
        The repository's folder ``data``, as `find_annotations` gives it.
    splits : sequence of str

    Raises
    ------
    mirage.errors.BadInput
        When a file has another format than the published one; the message names it and the line.
    """

    def __init__(self, folder: Path, splits: Sequence[str]) -> None:
        self.folder = folder
        self.articles: dict[str, Article] = {}
        self.split_of: dict[str, str] = {}
        self._splits = splits
        self._digest = hashlib.sha256()
        for split in splits:
            for name, article in self._read_links(split):
                self._put(name, split, article)
            for name, article in self._read_licences(split):
                self._put(name, split, article)
        self.version = self._digest.hexdigest()[:16]

    @cached_property
    def keywords(self) -> dict[str, tuple[str, ...]]:
        """Words of each caption in their base forms, as the annotations have them; read when first asked for."""
        return self._read_lists("keywords")

    @cached_property
    def cuis(self) -> dict[str, tuple[str, ...]]:
        """UMLS concepts that were found in each caption; read when first asked for."""
        return self._read_lists("cuis")

    def _put(self, name: str, split: str, article: Article) -> None:
        known = self.articles.get(name, Article())
        self.articles[name] = Article(article.pmc or known.pmc, article.file or known.file, article.licence)
        self.split_of.setdefault(name, split)

    def _lines(self, split: str, kind: str) -> Iterator[tuple[Path, int, str]]:
        path = _first(self.folder / split / "radiology", _FILES[kind])
        if path is None:
            return
        try:
            data = path.read_bytes()
        except OSError as error:
            raise BadInput(f"{path} cannot be read: {error.strerror or error}. Copy the annotations again.") from error
        if kind in ("licences", "dlinks"):
            self._digest.update(data)
        for number, line in enumerate(data.decode("utf-8-sig", "replace").splitlines(), start=1):
            if line.strip():
                yield path, number, line

    def _read_licences(self, split: str) -> Iterator[tuple[str, Article]]:
        for path, number, line in self._lines(split, "licences"):
            # A file's name may hold commas; the first and the last one part the columns.
            name, _, rest = line.partition(",")
            place, comma, code = rest.rpartition(",")
            if number == 1 and name.strip().upper() == "ROCO_ID":
                continue
            if not comma or not name.strip().startswith("ROCO_"):
                raise BadInput(
                    f"{path}, line {number} is not ROCO_ID,PMC_ID,CC, as in ROCO_00001,PMC4608653_cro-g01.jpg,CC BY-NC. "
                    "Copy the annotations again."
                )
            pmc, _, file = place.strip().partition("_")
            known = _ARTICLE.fullmatch(pmc) is not None
            yield name.strip(), Article(pmc if known else "", file if known else "", licence_of(code))

    def _read_links(self, split: str) -> Iterator[tuple[str, Article]]:
        for _, _, line in self._lines(split, "dlinks"):
            parts = line.split("\t")
            found = _ARTICLE.search(parts[1]) if len(parts) > 1 else None
            yield parts[0].strip(), Article(found[0] if found else "", parts[2].strip() if len(parts) > 2 else "")

    def _read_lists(self, kind: str) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for split in self._splits:
            for _, _, line in self._lines(split, kind):
                name, *values = line.split("\t")
                found[name.strip()] = tuple(value for each in values if (value := each.strip()))
        return found


def find_annotations(path: Path) -> Path | None:
    """Find the annotations' folder ``data`` at a path or below it; None when there are none.

    Parameters
    ----------
    path : Path
        A checkout, its folder ``data``, or a folder that holds a checkout.
    """
    if not path.is_dir():
        return None
    for folder in (path, path / "data", *(inner for each in sorted(path.glob("*/")) for inner in (each, each / "data"))):
        if any(_first(folder / split / "radiology", _FILES["licences"]) for split in ("train", "validation", "test")):
            return folder
    return None


def _first(folder: Path, patterns: Sequence[str]) -> Path | None:
    return next((path for pattern in patterns for path in sorted(folder.glob(pattern))), None)
