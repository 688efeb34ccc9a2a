"""``license_information.csv`` of ROCOv2: article, licence and authors of each image."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mirage.corpora.licences import licence_of
from mirage.corpora.parquet_figures import name_of
from mirage.errors import BadInput
from mirage.figure import Licence, clean_text

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
_BRACKETS = re.compile(r"\[(.+)\]")


@dataclass(frozen=True, slots=True)
class Terms:
    """What the table says of one image.

    Attributes
    ----------
    licence : Licence
    authors : str
        As the table credits them; may be empty.
    article : str
        ``PMC4608653``; may be empty.
    link : str
        The table's own link to the article; may be empty.
    """

    licence: Licence = Licence()
    authors: str = ""
    article: str = ""
    link: str = ""


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
            raise BadInput(f"{path} cannot be read: {error.strerror or error}. Give {FILE} of ROCOv2.") from error
        self.version = hashlib.sha256(data).hexdigest()[:16]
        rows = csv.reader(data.decode("utf-8-sig", "replace").splitlines())
        header = [each.strip() for each in next(rows, [])]
        self.columns = _chosen(header)
        if missing := [name for name in ("id", "licence") if name not in self.columns]:
            wanted = {"id": "image (ID)", "licence": "licence (Attribution or License)"}
            raise BadInput(
                f"{path} has no column for the {' and the '.join(wanted[name] for name in missing)}; "
                f"its columns are {', '.join(filter(None, header)) or 'none'}. Give {FILE} of ROCOv2 as it was published."
            )
        places = {name: header.index(column) for name, column in self.columns.items()}
        one_column = self.columns["licence"] == self.columns.get("authors")
        self._terms: dict[str, Terms] = {}
        for row in rows:
            words = {name: clean_text(row[place]) if place < len(row) else "" for name, place in places.items()}
            if name := name_of(words["id"]):
                self._terms.setdefault(name, _terms(words, one_column=one_column))

    def of(self, name: str) -> Terms:
        """What it says of an image; nothing of one that it lacks."""
        return self._terms.get(name, Terms())


def find_table(path: Path) -> Path | None:
    """``license_information.csv`` in a folder, right under it, or beside it when the folder is ``data``."""
    folder = path if path.is_dir() else path.parent
    places = [folder, *sorted(each for each in folder.glob("*/")), folder.parent]
    return next((place / FILE for place in places if (place / FILE).is_file()), None)


def _chosen(header: Sequence[str]) -> dict[str, str]:
    plain = {re.sub(r"[^a-z]", "", column.lower()): column for column in reversed(header)}
    chosen = {name: next((plain[each] for each in known if each in plain), "") for name, known in _COLUMNS.items()}
    return {name: column for name, column in chosen.items() if column}


def _terms(words: dict[str, str], *, one_column: bool) -> Terms:
    # "CC BY [Doe et al. (2020)]" is the licence, and whom to name.
    credit = words.get("authors", "")
    inside = _BRACKETS.search(credit)
    article = _ARTICLE.search(words.get("article", "") or words.get("link", ""))
    link = words.get("link", "")
    return Terms(
        licence=licence_of(_BRACKETS.sub("", words["licence"])),
        authors=inside[1].strip() if inside else "" if one_column else credit,
        article=article[0] if article else "",
        link=link if re.fullmatch(r"https?://\S+", link) else "",
    )
