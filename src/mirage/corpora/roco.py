"""ROCO: radiology figures of articles at PubMed Central, each with its caption.

Pelka et al., "Radiology Objects in COntext (ROCO): A Multimodal Image Dataset", LABELS at MICCAI 2018, LNCS 11043,
doi 10.1007/978-3-030-01364-6_20. The pictures come in parquet files from the Hugging Face hub
(``mdwiratathya/ROCO-radiology``); what is known of each figure's article and licence comes from ``razorx89/roco-dataset``.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from mirage.corpora.base import CorpusInfo, Item
from mirage.corpora.inferring import with_words
from mirage.corpora.options import CorpusOption
from mirage.corpora.parquet import ARTICLES, SPLITS, Article, ParquetFigures, licence_of, parquet_card
from mirage.errors import BadInput
from mirage.figure import Figure, Source, clean_text
from mirage.wording import N_, _

HOMEPAGE = "https://huggingface.co/datasets/mdwiratathya/ROCO-radiology"
ANNOTATIONS = "https://github.com/razorx89/roco-dataset"
CITED = "ROCO (Pelka et al., 2018, doi 10.1007/978-3-030-01364-6_20)"
# The files were renamed twice; any revision will do.
_FILES = {
    "licences": ("licences*.txt", "cc_*.csv"),
    "dlinks": ("dlinks*.txt",),
    "keywords": ("keywords*.txt",),
    "cuis": ("cuis*.txt",),
}
_ARTICLE = re.compile(r"PMC\d+")


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
            for name, article in (*self._read_links(split), *self._read_licences(split)):
                known = self.articles.get(name, Article())
                self.articles[name] = Article(article.pmc or known.pmc, article.file or known.file, article.licence)
                self.split_of.setdefault(name, split)
        self.version = self._digest.hexdigest()[:16]

    @cached_property
    def lists(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """By image, the ``keywords`` (words of its caption in their base forms) and ``cuis`` (UMLS concepts found in it).

        They are read when first asked for.
        """
        found: dict[str, dict[str, tuple[str, ...]]] = {"keywords": {}, "cuis": {}}
        for kind, split in itertools.product(found, self._splits):
            for _path, _number, line in self._lines(split, kind):
                name, *values = line.split("\t")
                found[kind][name.strip()] = tuple(value for each in values if (value := each.strip()))
        return found

    def _lines(self, split: str, kind: str) -> Iterator[tuple[Path, int, str]]:
        path = _first(self.folder / split / "radiology", _FILES[kind])
        if path is None:
            return
        try:
            data = path.read_bytes()
        except OSError as error:
            raise BadInput(
                _(
                    "%(path)s cannot be read: %(strerror)s. Copy the annotations again.",
                    path=path,
                    strerror=error.strerror or error,
                )
            ) from error
        if kind in ("licences", "dlinks"):
            self._digest.update(data)
        for number, line in enumerate(data.decode("utf-8-sig", "replace").splitlines(), start=1):
            if line.strip():
                yield path, number, line

    def _read_licences(self, split: str) -> Iterator[tuple[str, Article]]:
        for path, number, line in self._lines(split, "licences"):
            # A file's name may hold commas; the first and the last one part the columns.
            name, _other, rest = line.partition(",")
            place, comma, code = rest.rpartition(",")
            if number == 1 and name.strip().upper() == "ROCO_ID":
                continue
            if not comma or not name.strip().startswith("ROCO_"):
                raise BadInput(
                    _(
                        "%(path)s, line %(number)s is not ROCO_ID,PMC_ID,CC, as in "
                        "ROCO_00001,PMC4608653_cro-g01.jpg,CC BY-NC. Copy the annotations again.",
                        path=path,
                        number=number,
                    )
                )
            pmc, _other, file = place.strip().partition("_")
            known = _ARTICLE.fullmatch(pmc) is not None
            yield name.strip(), Article(pmc if known else "", file if known else "", licence_of(code))

    def _read_links(self, split: str) -> Iterator[tuple[str, Article]]:
        for _path, _number, line in self._lines(split, "dlinks"):
            name, link, file = [*line.split("\t"), "", ""][:3]
            found = _ARTICLE.search(link)
            yield name.strip(), Article(found[0] if found else "", file.strip())


def find_annotations(path: Path) -> Path | None:
    """Find the annotations' folder ``data`` at a path or below it; None when there are none.

    Parameters
    ----------
    path : Path
        A checkout, its folder ``data``, or a folder that holds a checkout.
    """
    for folder in (path, path / "data", *(inner for each in sorted(path.glob("*/")) for inner in (each, each / "data"))):
        if any(_first(folder / split / "radiology", _FILES["licences"]) for split in SPLITS):
            return folder
    return None


def _first(folder: Path, patterns: Sequence[str]) -> Path | None:
    return next((path for pattern in patterns for path in sorted(folder.glob(pattern))), None)


class RocoCorpus(ParquetFigures):
    """ROCO version 1, as the Hugging Face hub has it.

    Parameters
    ----------
    path : Path or str
        The folder that holds ``train-00000-of-….parquet`` and the like, or its folder ``data``, or one such file;
        or an address of a bucket (``s3://bucket/prefix``).
    annotations : Path, optional
        A checkout of ``razorx89/roco-dataset``. Left out, it is looked for in `path` and right under it; without it,
        article and licence of the figures are not known.
    splits : sequence of str
        Which of ``train``, ``validation`` and ``test`` to take.

    Raises
    ------
    mirage.errors.BadInput
        When there are no parquet files that can be used, the annotations are not there, or a split is unknown.
    mirage.errors.Unavailable
        When pyarrow is not installed.
    """

    card = parquet_card(
        "ROCO",
        N_(
            "81,770 radiology figures of articles, each with its caption and its own licence. Choose the folder that holds "
            "the parquet files; modality and plane are inferred, and marked so."
        ),
        HOMEPAGE,
        CorpusOption(
            "annotations",
            N_("A checkout of https://github.com/razorx89/roco-dataset; left out, it is looked for in the folder."),
            Path,
        ),
    )
    name = "roco"

    def __init__(self, path: Path | str, *, annotations: Path | str | None = None, splits: Sequence[str] = SPLITS) -> None:
        super().__init__(path, splits)
        where = find_annotations(self.folder if annotations is None else Path(annotations).expanduser())
        if where is None and annotations is not None:
            raise BadInput(
                _(
                    "%(annotations)s holds no annotations of ROCO: there is no "
                    "data/train/radiology/licences.txt in it or right under it, nor one of another "
                    "split. Give a checkout of %(ANNOTATIONS)s.",
                    annotations=annotations,
                    ANNOTATIONS=ANNOTATIONS,
                )
            )
        self.annotations = Annotations(where, splits) if where is not None else None
        if self.annotations is not None:
            self.listed = self.annotations.split_of

    def info(self) -> CorpusInfo:
        """Tell what this corpus is; the version is a digest of the parquet files and the annotations."""
        known = "" if self.annotations else " Its annotations are not there, so that articles and licences are not known."
        return self._info(f" and its own licence.{known}", self.annotations.version if self.annotations else "")

    def keywords_of(self, item: Item) -> tuple[str, ...]:
        """The annotations' keywords: words of the caption in base forms. Not in the figure, whose caption has them."""
        return self.annotations.lists["keywords"].get(item.figure.id.partition(":")[2], ()) if self.annotations else ()

    def cuis_of(self, item: Item) -> tuple[str, ...]:
        """The UMLS concepts that the annotations found in the caption."""
        return self.annotations.lists["cuis"].get(item.figure.id.partition(":")[2], ()) if self.annotations else ()

    def _figure(self, name: str, values: Mapping[str, Any]) -> Figure:
        article = self.annotations.articles.get(name, Article()) if self.annotations else Article()
        figure = Figure(id=f"roco:{name}", caption=clean_text(values["caption"]), source=_source(article))
        return with_words(figure)


def _source(article: Article) -> Source:
    if not article.pmc:
        return Source("roco", f"From {CITED}; its article is not stated", HOMEPAGE, "collection", article.licence)
    figure = f"Figure {article.file} of" if article.file else "Figure of"
    attribution = f"{figure} article {article.pmc} at PubMed Central; from {CITED}"
    return Source("roco", attribution, f"{ARTICLES}{article.pmc}/", "article", article.licence)
