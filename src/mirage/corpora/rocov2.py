"""ROCOv2: ROCO's second version, with newer articles and concepts that people looked over.

Rückert et al., "ROCOv2: Radiology Objects in COntext Version 2, an Updated Multimodal Image Dataset", Scientific Data 11
(2024) 688, doi 10.1038/s41597-024-03496-6. The pictures come in parquet files from the Hugging Face hub
(``eltorio/ROCOv2-radiology``); licences in ``license_information.csv`` from Zenodo, doi 10.5281/zenodo.8333645.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mirage.corpora.base import CorpusInfo
from mirage.corpora.inferring import with_words
from mirage.corpora.options import CorpusOption
from mirage.corpora.parquet import ARTICLES, SPLITS, Article, ParquetFigures, licence_of, name_of, parquet_card
from mirage.errors import BadInput
from mirage.figure import Figure, Source, clean_text, is_link
from mirage.wording import N_, _

FILE = "license_information.csv"
# The published columns first; others as people rename them.
_COLUMNS = {
    "id": ("id", "imageid", "name", "image"),
    "licence": ("license", "licence", "cc", "licensename", "attribution"),
    "authors": ("attribution", "citation", "authors", "author", "credit"),
    "article": ("pmcid", "pmc", "articleid"),
    "link": ("link", "url", "articlelink", "sourceurl"),
}
_ARTICLE = re.compile(r"PMC\d+")


class LicenceTable:
    """The table, read once.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    columns : dict
        What is read, and the column it is read from.

    Raises
    ------
    mirage.errors.BadInput
        When it has no column for the image or none for the licence; the message names those it has.
    """

    def __init__(self, path: Path) -> None:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise BadInput(
                _(
                    "%(path)s cannot be read: %(strerror)s. Give %(FILE)s of ROCOv2.",
                    path=path,
                    strerror=error.strerror or error,
                    FILE=FILE,
                )
            ) from error
        self.version = hashlib.sha256(data).hexdigest()[:16]
        rows = csv.DictReader(data.decode("utf-8-sig", "replace").splitlines())
        rows.fieldnames = header = [each.strip() for each in rows.fieldnames or ()]
        self.columns = _chosen(header)
        if missing := [name for name in ("id", "licence") if name not in self.columns]:
            wanted = {"id": _("image (ID)"), "licence": _("licence (Attribution or License)")}
            raise BadInput(
                _(
                    "%(path)s has no column for %(missing)s; its columns are %(columns)s. Give %(file)s of ROCOv2 as it was "
                    "published.",
                    path=path,
                    missing=", ".join(wanted[name] for name in missing),
                    columns=", ".join(filter(None, header)) or _("none"),
                    file=FILE,
                )
            )
        one_column = self.columns["licence"] == self.columns.get("authors")
        self._terms: dict[str, Article] = {}
        for row in rows:
            words = {name: clean_text(row[column]) for name, column in self.columns.items()}
            if name := name_of(words["id"]):
                self._terms.setdefault(name, _terms(words, one_column=one_column))

    def of(self, name: str) -> Article:
        """What it says of an image; nothing of one that it lacks."""
        return self._terms.get(name, Article())


def find_table(path: Path) -> Path | None:
    """``license_information.csv`` in a folder, right under it, or beside it when the folder is ``data``."""
    folder = path if path.is_dir() else path.parent
    places = [folder, *sorted(each for each in folder.glob("*/")), folder.parent]
    return next((place / FILE for place in places if (place / FILE).is_file()), None)


def _chosen(header: Sequence[str]) -> dict[str, str]:
    plain = {re.sub(r"[^a-z]", "", column.lower()): column for column in reversed(header)}
    chosen = {name: next((plain[each] for each in known if each in plain), "") for name, known in _COLUMNS.items()}
    return {name: column for name, column in chosen.items() if column}


def _by_brackets(text: str) -> tuple[str, str, str]:
    """What stands before the first bracket, up to the last one, and after that; all of it before where there are none."""
    before, _other, rest = text.partition("[")
    inside, closed, after = rest.rpartition("]")
    return (before, inside, after) if closed else (text, "", "")


def _terms(words: dict[str, str], *, one_column: bool) -> Article:
    # "CC BY [Doe et al. (2020)]" is the licence, and whom to name.
    credit = words.get("authors", "")
    _other, inside, _other = _by_brackets(credit)
    before, _other, after = _by_brackets(words["licence"])
    article = _ARTICLE.search(words.get("article", "") or words.get("link", ""))
    link = words.get("link", "")
    return Article(
        licence=licence_of(before + after),
        authors=inside.strip() if inside else "" if one_column else credit,
        pmc=article[0] if article else "",
        link=link if is_link(link) else "",
    )


HOMEPAGE = "https://huggingface.co/datasets/eltorio/ROCOv2-radiology"
CITED = "ROCOv2 (Rückert et al., 2024, doi 10.1038/s41597-024-03496-6)"


class Rocov2Corpus(ParquetFigures):
    """ROCOv2, as the Hugging Face hub has it.

    Parameters
    ----------
    path : Path or str
        The folder that holds ``train-00000-of-….parquet`` and the like, or its folder ``data``, or one such file;
        or an address of a bucket (``s3://bucket/prefix``).
    licences : Path, optional
        ``license_information.csv`` of the release at Zenodo. Left out, it is looked for in `path`, right under it, and
        beside the folder ``data``; without it, article and licence of the figures are not known.
    splits : sequence of str
        Which of ``train``, ``validation`` and ``test`` to take.

    Raises
    ------
    mirage.errors.BadInput
        When there are no parquet files that can be used, the table cannot be, or a split is unknown.
    mirage.errors.Unavailable
        When pyarrow is not installed.
    """

    card = parquet_card(
        "ROCOv2",
        N_(
            "79,793 radiology figures of articles, each with its caption and its own licence. Choose the folder that holds "
            "the parquet files; modality and plane are inferred, and marked so."
        ),
        HOMEPAGE,
        CorpusOption(
            "licences",
            N_("license_information.csv of the release at Zenodo; left out, it is looked for in the folder."),
            Path,
        ),
    )
    name = "rocov2"
    columns = ("cui",)

    def __init__(self, path: Path | str, *, licences: Path | str | None = None, splits: Sequence[str] = SPLITS) -> None:
        super().__init__(path, splits)
        table = Path(licences).expanduser() if licences is not None else find_table(self.folder)
        self.licences = LicenceTable(table) if table is not None else None

    def info(self) -> CorpusInfo:
        """Tell what this corpus is; the version is a digest of the parquet files and the table of licences."""
        if self.licences is None:
            known = f"{FILE} is not there, so that articles and licences are not known."
        else:
            columns = ", ".join(dict.fromkeys(self.licences.columns.values()))
            known = f"Licences are those of {FILE} (columns {columns})."
        return self._info(f". {known}", self.licences.version if self.licences else "")

    def _figure(self, name: str, values: Mapping[str, Any]) -> Figure:
        article = self.licences.of(name) if self.licences else Article()
        figure = Figure(id=f"rocov2:{name}", caption=clean_text(values["caption"]), source=_source(article))
        return with_words(figure, concepts=_concepts(values["cui"]))


def _source(article: Article) -> Source:
    whose = f"{article.authors}; " if article.authors else ""
    if article.pmc:
        attribution = f"{whose}article {article.pmc} at PubMed Central; from {CITED}"
        return Source("rocov2", attribution, article.link or f"{ARTICLES}{article.pmc}/", "article", article.licence)
    if article.link:
        return Source("rocov2", f"{whose}from {CITED}", article.link, "article", article.licence)
    stated = whose or "its article is not stated; "
    return Source("rocov2", f"{stated}from {CITED}", HOMEPAGE, "collection", article.licence)


def _concepts(value: object) -> tuple[str, ...]:
    """The column ``cui``: a list of concepts, or one text with separators between them."""
    if isinstance(value, str):
        value = value.replace(";", ",").strip("[]").split(",")
    return tuple(str(each).strip(" '\"") for each in value) if isinstance(value, Iterable) else ()
