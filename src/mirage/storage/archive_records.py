"""The records in an atlas file, each field checked: whoever wrote the file may have put anything there.

Types come from the dataclasses themselves, which pydantic reads strictly from JSON. What a type does not say stands here:
how long a text may be, which values a field may have, that a link leads to a web page, and that an id belongs to its corpus.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from mirage.errors import first_fault
from mirage.figure import INFERABLE, MODALITIES, PLANES, Case, Figure, Source
from mirage.images import LOOK_BITS

Read = TypeVar("Read")

MOST_PROSE, MOST_TEXT, MOST_NAME = 200_000, 10_000, 500  # characters of a passage, of another text, of a name or link
_MOST_SIDE, _MOST_BYTES = 1_000_000, 2**40
_PROSE = {"caption", "summary", *Case.PASSAGES}
_NAMES = {"id", "case_id", "corpus", "name", "url", "url_of", "licence_url", "homepage", "fingerprint", "version"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CORPUS = re.compile(r"\w[\w.-]{0,99}")
_PICTURE = re.compile(r"[0-9a-f]{64}\.(png|jpg|webp)")
_HASH = re.compile(rf"[0-9a-f]{{1,{LOOK_BITS // 4}}}")


@dataclass(frozen=True, slots=True)
class ArchivedPicture:
    """What an atlas file says of a picture; `look` is the perceptual hash in hexadecimal digits."""

    name: str
    width: int
    height: int
    bytes: int
    look: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedFigure(Figure):
    """A figure in an atlas file, with the fingerprint of what it was made from."""

    fingerprint: str
    picture: ArchivedPicture

    def figure(self) -> Figure:
        """The figure alone."""
        return Figure(**{field.name: getattr(self, field.name) for field in fields(Figure)})


@dataclass(frozen=True, slots=True)
class ArchivedCorpus:
    """What an atlas file says of a corpus."""

    name: str
    title: str
    summary: str
    version: str
    homepage: str
    licence: str
    licence_url: str
    complete: bool
    added: float = 0.0


def read_figure(line: bytes) -> ArchivedFigure:
    """One line of a block of figures.

    Raises
    ------
    ValueError
        Naming the field that cannot be used, and why; as for `read_case` and `read_corpus`.
    """
    figure = parse(ArchivedFigure, line)
    _check_texts(figure)
    _check_source(figure.source)
    _check_id("id", figure.id, figure.source)
    if figure.case_id:
        _check_id("case_id", figure.case_id, figure.source)
    for name, known in (("modality", MODALITIES), ("plane", PLANES)):
        if (value := getattr(figure, name)) and value not in known:
            raise ValueError(f"{name}: {value[:40]!r} is none of {', '.join(known)}")
    if strange := set(figure.inferred) - set(INFERABLE):
        raise ValueError(f"inferred: {min(strange)[:40]!r} is none of {', '.join(INFERABLE)}")
    picture = figure.picture
    if not _PICTURE.fullmatch(picture.name):
        raise ValueError("picture.name: not the SHA-256 of a picture with its ending")
    if not _HASH.fullmatch(picture.look):
        raise ValueError(f"picture.look: not a perceptual hash of {LOOK_BITS} bits in hexadecimal digits")
    if not (0 < picture.width <= _MOST_SIDE and 0 < picture.height <= _MOST_SIDE and 0 < picture.bytes <= _MOST_BYTES):
        raise ValueError("picture: width, height and bytes have to be above 0, and possible")
    return figure


def read_case(line: bytes) -> Case:
    """One line of the cases; raises as `read_figure` does."""
    case = parse(Case, line)
    _check_texts(case)
    _check_source(case.source)
    _check_id("id", case.id, case.source)
    return case


def read_corpus(line: bytes) -> ArchivedCorpus:
    """One line of the corpora; raises as `read_figure` does."""
    corpus = parse(ArchivedCorpus, line)
    _check_texts(corpus)
    if not _CORPUS.fullmatch(corpus.name):
        raise ValueError(f"name: {corpus.name[:40]!r} is no name of a corpus")
    _check_link("homepage", corpus.homepage)
    _check_link("licence_url", corpus.licence_url)
    return corpus


def parse(kind: type[Read], data: bytes) -> Read:
    """A dataclass from JSON: every field of its type, none missing.

    Parameters
    ----------
    kind : type
        A dataclass.
    data : bytes
        JSON text in UTF-8.

    Raises
    ------
    ValueError
        Naming the first field that is not as its type says.
    """
    try:
        reader: Any = _reader
        found: Read = reader(kind).validate_json(data, strict=True, extra="forbid")
        return found
    except ValidationError as error:
        raise ValueError(first_fault(error)) from error


@lru_cache(maxsize=8)
def _reader(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def id_of(line: bytes) -> str:
    """The id or name that a record gives itself, for messages; empty when it gives none."""
    try:
        record = from_json(line)
    except ValueError:
        return ""
    found = (record.get("id") or record.get("name")) if isinstance(record, dict) else ""
    return repr(found[:80]) if isinstance(found, str) else ""


def _check_texts(record: Any, place: str = "") -> None:
    for name in (field.name for field in fields(record)):
        value = getattr(record, name)
        if not isinstance(value, str):
            continue
        most = MOST_PROSE if name in _PROSE else MOST_NAME if name in _NAMES else MOST_TEXT
        if len(value) > most:
            raise ValueError(f"{place}{name}: {len(value):,} characters, where {most:,} may be")
        if "\0" in value or (name in _NAMES and _CONTROL.search(value)):
            raise ValueError(f"{place}{name}: it holds a control character")


def _check_source(source: Source) -> None:
    _check_texts(source, "source.")
    _check_texts(source.licence, "source.licence.")
    _check_link("source.url", source.url)
    _check_link("source.licence.url", source.licence.url)


def _check_link(field: str, link: str) -> None:
    if not link:
        return
    try:
        parts = urlsplit(link)
    except ValueError:  # brackets that do not match
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"[\s\"<>\\]", link):
        raise ValueError(f"{field}: {link[:60]!r} is no link to a web page (https or http)")


def _check_id(field: str, identity: str, source: Source) -> None:
    corpus, _, name = identity.partition(":")
    if corpus != source.corpus:
        raise ValueError(f"{field}: {identity[:60]!r} does not belong to the corpus {source.corpus[:60]!r}")
    if not name or name != name.strip() or {".", ".."} & set(name.split("/")):
        raise ValueError(f"{field}: {identity[:60]!r} is no id")
