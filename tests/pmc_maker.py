"""PubMed Central on this machine: E-utilities and the bucket, with articles that a test describes."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from PIL import Image

from live_server import Place, Query, Reply, of_json, settings_for
from mirage.settings import Settings

CC = "https://creativecommons.org/licenses"
BY = f'<license license-type="open-access" xlink:href="{CC}/by/4.0/"><license-p>Open.</license-p></license>'
BODY = (
    "<sec><title>Case presentation</title><p>A 34-year-old man had chest pain.</p>"
    '<p>CT (<xref ref-type="fig" rid="F1">Fig. 1</xref>) showed an intimal flap.</p></sec>'
    "<sec><title>Discussion</title><p>Dissection is rare in the young.</p></sec>"
)
JOURNAL = (
    "<journal-meta><journal-title-group><journal-title>Journal of Cases</journal-title></journal-title-group></journal-meta>"
)
DOCTYPE = '<!DOCTYPE article PUBLIC "-//NLM//DTD JATS (Z39.96) Journal Archiving DTD v1.3//EN" "JATS-archivearticle1-3.dtd">'


def picture(seed: int, kind: str = "JPEG", side: int = 64) -> bytes:
    made = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(made, kind)
    return made.getvalue()


def fig(number: int, caption: str = "", inside: str = "", graphic: str = "", **attributes: str) -> str:
    """A ``<fig>``; `inside` stands in place of its graphic."""
    told = "".join(f" {name.replace('_', '-')}={quoteattr(value)}" for name, value in attributes.items())
    drawn = inside or f'<graphic xlink:href="{graphic or f"case-g{number}"}"/>'
    caption = caption or f"Axial CT of the chest, number {number}."
    return f'<fig id="F{number}"{told}><label>Figure {number}</label><caption><p>{caption}</p></caption>{drawn}</fig>'


@dataclass
class Paper:
    """An article, as the source holds it; what is left out is as in most articles.

    Attributes
    ----------
    xml : str
        In place of the one that is made.
    metadata : dict
        What is other than usual; None takes a field out.
    media : dict
        Files by name; one JPEG of each figure when left out.
    listed : dict
        Sizes that the list of the bucket says, in place of the right ones.
    """

    number: int
    title: str = "Acute aortic dissection in a young man: a case report"
    authors: tuple[tuple[str, str], ...] = (("Jane", "Doe"), ("Ali", "Öztürk"))
    licence: str = BY
    figures: tuple[str, ...] = (fig(1), fig(2))
    body: str = ""
    front: str = ""
    abstract: str = "We report a dissection."
    kind: str = "case-report"
    language: str = "en"
    xml: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    media: dict[str, bytes] | None = None
    listed: dict[str, int] = field(default_factory=dict)
    version: int = 1

    @property
    def id(self) -> str:
        return f"PMC{self.number}"

    @property
    def files(self) -> dict[str, bytes]:
        if self.media is not None:
            return self.media
        return {f"case-g{place}.jpg": picture(self.number + place) for place in range(1, len(self.figures) + 1)}

    def jats(self) -> bytes:
        if self.xml:
            return self.xml.encode()
        names = "".join(
            f'<contrib contrib-type="author"><name><surname>{escape(last)}</surname>'
            f"<given-names>{escape(first)}</given-names></name></contrib>"
            for first, last in self.authors
        )
        return (
            f'<?xml version="1.0" encoding="UTF-8"?>{DOCTYPE}<article xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'xmlns:ali="http://www.niso.org/schemas/ali/1.0/" article-type="{self.kind}" xml:lang="{self.language}"><front>'
            f'{JOURNAL}<article-meta><article-id pub-id-type="doi">10.1234/case.{self.number}</article-id>'
            f"<title-group><article-title>{self.title}</article-title></title-group><contrib-group>{names}</contrib-group>"
            '<pub-date pub-type="epub"><year>2021</year></pub-date>'
            f"<permissions><copyright-statement>© The Authors</copyright-statement>{self.licence}</permissions>{self.front}"
            f"<abstract><p>{self.abstract}</p></abstract></article-meta></front><body>{self.body or BODY}"
            f"{''.join(self.figures)}</body></article>"
        ).encode()

    def entry(self) -> dict[str, Any]:
        folder = f"s3://pmc-oa-opendata/{self.id}.{self.version}"
        told = {
            "pmcid": self.id,
            "version": self.version,
            "pmid": 1,
            "doi": f"10.1234/case.{self.number}",
            "title": self.title,
            "is_pmc_openaccess": True,
            "is_manuscript": False,
            "is_retracted": False,
            "license_code": "CC BY",
            "xml_url": f"{folder}/{self.id}.{self.version}.xml?md5={_md5(self.jats())}",
            "media_urls": [f"{folder}/{name}?md5={_md5(data)}" for name, data in self.files.items()],
            **self.metadata,
        }
        return {name: value for name, value in told.items() if value is not None}


def _md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def hold(place: Place, *papers: Paper, lists: bool = True) -> None:
    """Put articles in place of all that the source held before."""
    place.routes, place.faults, place.asked, place.times = {}, {}, [], []
    by_id = {paper.id: paper for paper in papers}

    def search(query: Query) -> Reply:
        start, most = int(query.get("retstart", 0)), int(query["retmax"])
        ids = [str(paper.number) for paper in papers][start : start + most]
        return of_json({"header": {}, "esearchresult": {"count": str(len(papers)), "idlist": ids, "retmax": str(most)}})

    def listed(query: Query) -> Reply:
        paper = by_id.get(query["prefix"].rstrip("."))
        sizes = (
            {} if paper is None else {f"{paper.id}.xml": 100, **{n: len(b) for n, b in paper.files.items()}, **paper.listed}
        )
        keys = "".join(
            f"<Contents><Key>{paper.id}.{paper.version}/{name}</Key><Size>{size}</Size></Contents>"
            for name, size in sizes.items()
            if paper
        )
        return Reply(f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{keys}</ListBucketResult>'.encode())

    place.routes["/eutils/esearch.fcgi"] = search
    if lists:
        place.routes["/bucket/"] = listed
    for paper in papers:
        base = f"/bucket/{paper.id}.{paper.version}"
        place.routes[f"/bucket/metadata/{paper.id}.{paper.version}.json"] = of_json(paper.entry())
        place.routes[f"{base}/{paper.id}.{paper.version}.xml"] = paper.jats()
        for name, data in paper.files.items():
            place.routes[f"{base}/{name}"] = data


def pmc_settings(place: Place, cache: Path, **more: Any) -> Settings:
    addresses: Mapping[str, str] = {"pmc": f"{place.address}/eutils", "pmc-bucket": f"{place.address}/bucket"}
    return settings_for(cache, addresses, **more)
