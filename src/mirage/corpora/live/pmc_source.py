"""PubMed Central as it answers: what fits a query, an article's entry in the bucket, and its XML.

E-utilities find (https://www.ncbi.nlm.nih.gov/books/NBK25499/); the bucket ``pmc-oa-opendata`` holds articles as
``PMC{id}.{version}/…`` and what is known of each as ``metadata/PMC{id}.{version}.json``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qs, quote, unquote, urlsplit

from pydantic import BaseModel, BeforeValidator, Field, TypeAdapter

from mirage.corpora.live.client import Answer, Changed, Client, Pulse, Rate
from mirage.corpora.live.jats import Article, read_article
from mirage.corpora.live.pmc_licence import FILTERS
from mirage.corpora.live.s3 import Stored, listed
from mirage.models.download import FetchRefused
from mirage.settings import Settings
from mirage.wording import _

EUTILS = "https://eutils.ncbi.nlm.nih.gov/entrez/eutils"
BUCKET = "https://pmc-oa-opendata.s3.amazonaws.com"
PAGES = "https://pmc.ncbi.nlm.nih.gov/articles/"
PAGE = 100  # articles of one answer
# NCBI's rule; and, of a bucket that documents none, a modest one of ours.
EUTILS_RATE, EUTILS_RATE_WITH_KEY, BUCKET_RATE = Rate(3), Rate(10), Rate(10)
_MOST_VERSIONS = 5
_MOST_MEDIA = 2_000
_MOST_METADATA = 1_000_000
_MOST_XML = 15_000_000
_PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff")  # the first is preferred


class _Found(BaseModel):
    count: int = Field(ge=0)
    idlist: list[Annotated[int, BeforeValidator(lambda given: str(given).removeprefix("PMC"))]]


def _address(given: object) -> object:
    """An address, with the digest that stands beside it, if it does not stand in it."""
    if isinstance(given, dict) and "url" in given:
        return f"{given['url']}?md5={given['md5']}" if given.get("md5") else given["url"]
    return given


class _Entry(BaseModel):
    """What the bucket's metadata say; other fields there may come and go."""

    pmcid: str | None = None
    version: int | None = None
    is_retracted: bool | None = None
    license_code: str | None = None
    doi: str | None = None
    title: str | None = None
    citation: str | None = None
    xml_url: str | None = None
    media_urls: list[Annotated[str, BeforeValidator(_address)]] | None = None
    is_pmc_openaccess: bool | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """An article in the bucket.

    Attributes
    ----------
    pmc : str
        "PMC123".
    version : int
    retracted : bool or None
        None where the source does not say.
    licence_code, doi, title : str
        Empty where the source does not say.
    open_access : bool
        Whether it may be used again at all, as the source says.
    xml : Stored or None
    media : tuple of Stored
    asked : float
        When the source said so.
    """

    pmc: str
    version: int
    retracted: bool | None
    licence_code: str
    doi: str
    title: str
    open_access: bool
    xml: Stored | None
    media: tuple[Stored, ...]
    asked: float

    def forms(self, names: Iterable[str]) -> list[Stored]:
        """The files of a picture by the names that the article gives it, the one to prefer first.

        An article names a file with its ending, with another one, or without.
        """
        wanted = [name.rpartition("/")[2].casefold() for name in names]
        stems = {_stem(name) for name in wanted} | set(wanted)
        fitting = [each for each in self.media if _stem(each.name.casefold()) in stems]
        pictures = [each for each in fitting if each.name.casefold().endswith(_PICTURES)]
        return sorted(
            pictures, key=lambda each: next(n for n, end in enumerate(_PICTURES) if each.name.casefold().endswith(end))
        )


class Source:
    """Asks PubMed Central.

    Parameters
    ----------
    settings : Settings
    refresh : bool
        Whether to ask again what was answered before.
    pulse : callable
        See `mirage.corpora.live.client.Client`.
    """

    def __init__(self, settings: Settings, *, refresh: bool = False, pulse: Pulse | None = None) -> None:
        key = settings.ncbi_key.get_secret_value()
        sent = {"tool": "mirage-atlas", "email": settings.live_contact, "api_key": key}
        self.finder = Client(
            "pmc",
            "PubMed Central",
            EUTILS_RATE_WITH_KEY if key else EUTILS_RATE,
            base=EUTILS,
            settings=settings,
            sent={name: value for name, value in sent.items() if value},
            refresh=refresh,
            pulse=pulse,
        )
        self.bucket = Client(
            "pmc-bucket",
            "PubMed Central's bucket",
            BUCKET_RATE,
            base=BUCKET,
            settings=settings,
            refresh=refresh,
            pulse=pulse,
        )
        self._lists = True

    def find(self, query: str, licences: Iterable[str], start: int) -> Answer[tuple[int, list[str]]]:
        """How many articles fit, and the ids of a page of them ("PMC123"), the best first.

        Parameters
        ----------
        query : str
            In the language of PubMed Central's search.
        licences : iterable of str
            Keys of `FILTERS`.
        start : int
            How many to pass over.
        """
        filters = " OR ".join(f'"{FILTERS[each]}"[filter]' for each in licences)
        term = f"({query}) AND ({filters})"
        params: dict[str, str | int] = {
            "db": "pmc",
            "term": term,
            "retmode": "json",
            "retstart": start,
            "retmax": PAGE,
            "sort": "relevance",
        }
        return self.finder.json("/esearch.fcgi", _found, params)

    def entry(self, pmc: str) -> Entry | None:
        """What the bucket holds of an article, in its newest version; None where it has none."""
        sizes: Mapping[str, int | None] = {}
        versions: list[int] = []
        if self._lists:
            try:
                sizes = {each.key: each.size for each in listed(self.bucket, f"{pmc}.")}
                versions = sorted({_version_of(key, pmc) for key in sizes} - {0})[-1:]
                if not versions:
                    return None
            except FetchRefused as error:
                if error.answered not in (400, 403, 404, 405):
                    raise
                self._lists = False  # this one (a mirror, say) gives no lists
            except Changed:
                self._lists = False
        if versions:
            return self._entry(pmc, versions[0], sizes)
        newest = None
        for version in range(1, _MOST_VERSIONS + 1):
            try:
                newest = self._entry(pmc, version, sizes)
            except FetchRefused as error:
                if error.answered not in (403, 404):
                    raise
                break
        return newest

    def article(self, entry: Entry) -> Article:
        """The XML of an article, compared with its digest and read.

        Raises
        ------
        mirage.errors.Unavailable
            When it is damaged, or is no article.
        """
        assert entry.xml is not None
        stated = entry.xml.digest

        def read(body: bytes) -> Article:
            if stated and md5(body, usedforsecurity=False).hexdigest() != stated:
                raise ValueError(_("it is not the file whose MD5 it states"))
            return read_article(body)

        address = f"/{quote(entry.xml.key)}" + (f"?md5={stated}" if stated else "")
        return self.bucket.get(address, read, most=_MOST_XML).value

    def picture(self, stored: Stored, target: Path, most: int) -> Path:
        """Fetch a picture to a place, where it is not there."""
        return self.bucket.file(f"/{quote(stored.key)}", target, size=stored.size, digest=stored.digest, most=most)

    def _entry(self, pmc: str, version: int, sizes: Mapping[str, int | None]) -> Entry:
        def read(told: object) -> _Entry:
            entry = _METADATA.validate_python(told)
            named = (entry.pmcid or pmc).upper().removeprefix("PMC"), entry.version or version
            if named != (pmc.removeprefix("PMC"), version):
                other, own = f"PMC{named[0][:20]}.{named[1]}", f"{pmc}.{version}"
                raise ValueError(_("it tells of %(other)s in place of %(own)s", other=other, own=own))
            if entry.is_retracted is None and entry.xml_url is None and not entry.license_code:
                raise ValueError(_("it lacks is_retracted, xml_url and license_code"))
            return entry

        answer = self.bucket.json(f"/metadata/{pmc}.{version}.json", read, most=_MOST_METADATA)
        told, folder = answer.value, f"{pmc}.{version}/"
        media = (self._stored(address, folder, sizes) for address in told.media_urls or ())
        return Entry(
            pmc,
            version,
            told.is_retracted,
            (told.license_code or "").strip(),
            (told.doi or "").strip(),
            (told.title or "").strip(),
            told.is_pmc_openaccess is not False,
            self._stored(told.xml_url, folder, sizes) if told.xml_url else None,
            tuple(each for each in media if each is not None)[:_MOST_MEDIA],
            answer.asked,
        )

    def _stored(self, address: str, folder: str, sizes: Mapping[str, int | None]) -> Stored | None:
        """A file by its address, s3:// or https://; None for one that is not in the article's own folder."""
        try:
            parts = urlsplit(self.bucket.whole(address))
            path = unquote(parts.path)
            base = urlsplit(self.bucket.base)
        except ValueError:
            return None
        if parts.scheme != "s3":
            if (parts.scheme, parts.netloc) != (base.scheme, base.netloc) or not path.startswith(base.path):
                return None
            path = path[len(base.path) :]
        elif parts.netloc != "pmc-oa-opendata":
            return None
        key = path.removeprefix("/")
        if not key.startswith(folder) or not re.fullmatch(r"[^/\\\x00-\x1f]{1,200}", key[len(folder) :]) or ".." in key:
            return None
        stated = parse_qs(parts.query).get("md5", [""])[0].lower()
        return Stored(key, sizes.get(key), stated if re.fullmatch(r"[0-9a-f]{32}", stated) else "")


_METADATA = TypeAdapter(_Entry)
_SEARCHED = TypeAdapter(_Found)


def _found(told: dict[str, dict[str, object]]) -> tuple[int, list[str]]:
    result = told["esearchresult"]
    if "ERROR" in result:
        raise ValueError(_("it says: %(said)s", said=str(result["ERROR"])[:200]))
    found = _SEARCHED.validate_python(result)
    return found.count, [f"PMC{number}" for number in dict.fromkeys(found.idlist) if number > 0]


def _version_of(key: str, pmc: str) -> int:
    found = re.match(rf"{pmc}\.(\d{{1,4}})/", key)
    return int(found[1]) if found else 0


def _stem(name: str) -> str:
    stem, dot, ending = name.rpartition(".")
    return stem if dot and f".{ending}" in _PICTURES else name
