"""The ISIC Archive: photographs of skin lesions, with their diagnoses as the archive states them.

Its interface: https://api.isic-archive.com/api/docs/swagger/. Whoever wrote this could not reach it; see docs/sources.md.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pydantic import TypeAdapter

from mirage.corpora.base import CorpusCard, Refused, digest, each_its_own
from mirage.corpora.live.base import sentence, tally
from mirage.corpora.live.client import Client, Pulse, Rate
from mirage.corpora.live.isic_entry import LICENCES, UNREADABLE, Entry, File, Page, asked_as, case_of, figure_of, why_not
from mirage.corpora.live.planned import Plan, Planned, PlannedCorpus, Telling
from mirage.corpora.options import CorpusOption
from mirage.figure import Case, Figure
from mirage.settings import Settings
from mirage.wording import N_, _

BASE = "https://api.isic-archive.com/api/v2"
TITLE = N_("the ISIC Archive")
_RATE = Rate(4, 1.0)  # it documents none
_PAGE = 100
_MOST, _USUAL = 2_000, 50
_LOOKED = 10  # times as many images are looked at as are wanted, at most
_PICTURE, _SMALL = 40_000_000, 400_000  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Photograph(Planned):
    """An image that may come: where it is, and a small one where there is one."""

    url: str
    small: File | None


class IsicCorpus(PlannedCorpus[Client, Photograph]):
    """Photographs of the ISIC Archive that fit a query.

    Parameters
    ----------
    query : str
        A diagnosis, "basal cell carcinoma"; or the archive's own language, ``diagnosis_3:Nevus AND sex:female``.
    most : int
        Images at most.
    licences : sequence of str
        Only under these.
    only : sequence of str
        Only these figures, by the ids that `offer` gives.
    refresh : bool
        Ask again what was answered before.
    settings : Settings, optional

    Raises
    ------
    mirage.errors.BadInput
        When an option cannot be used.
    """

    card: ClassVar[CorpusCard] = CorpusCard(
        title="ISIC Archive",
        summary=N_(
            "Photographs of skin lesions, most of them through a dermatoscope, with the diagnosis and how it was "
            "proven. It is asked over the network for what you name."
        ),
        homepage="https://www.isic-archive.com/",
        licence=each_its_own("CC-0, CC-BY or CC-BY-NC", "image"),
        options=(
            CorpusOption(
                "query",
                N_("What to look for: a diagnosis, “basal cell carcinoma”."),
                required=True,
                positional=True,
                label=N_("Look for"),
            ),
            CorpusOption("most", N_("How many images at most."), int, default=_USUAL, bounds=(1, _MOST)),
            CorpusOption(
                "licences",
                N_("Only under these licences."),
                default=("CC-0", "CC-BY"),
                several=True,
                choices=tuple(LICENCES),
            ),
            CorpusOption("only", N_("Only these figures, by their ids."), several=True),
            CorpusOption("refresh", N_("Ask anew."), bool, default=False),
        ),
        live=True,
        asks=N_("the ISIC Archive’s servers for these words"),
        rate=N_("4 requests a second"),
        trial="melanoma",
        place=4,
    )
    name = "isic"
    title = TITLE
    unit = N_("images")
    _plans = TypeAdapter(Plan[Photograph])

    def __init__(
        self,
        query: str,
        *,
        most: int = _USUAL,
        licences: Sequence[str] = ("CC-0", "CC-BY"),
        only: Sequence[str] = (),
        refresh: bool = False,
        settings: Settings | None = None,
    ) -> None:
        super().__init__(query, most=most, licences=licences, only=only, refresh=refresh, settings=settings)

    def _source(self, pulse: Pulse, *, refresh: bool) -> Client:
        return Client(self.name, TITLE, _RATE, base=BASE, settings=self._settings, refresh=refresh, pulse=pulse)

    def _look(self, source: Client, telling: Telling) -> Plan[Photograph]:
        found: list[Entry] = []
        left_out: list[tuple[str, str]] = []
        total, looked, asked = None, 0, time.time()
        where: str | None = "/images/search/"
        params: dict[str, str | int] | None = {"query": asked_as(self._query), "limit": _PAGE}
        seen = set[str]()
        while where and len(found) < self._most and looked < self._most * _LOOKED + _PAGE:
            answer = source.json(where, Page.model_validate, params)
            total, asked = answer.value.count if total is None else total, min(asked, answer.asked)
            before = looked
            for entry in answer.value.results:
                if entry is not None and entry.isic_id in seen:
                    continue
                if len(found) >= self._most:
                    break
                looked += 1
                if entry is None:
                    left_out.append((_("An image"), UNREADABLE))
                    continue
                seen.add(entry.isic_id)
                if why := why_not(entry, self._licences):
                    left_out.append((entry.isic_id, why))
                else:
                    found.append(entry)
            telling.tell("asking", looked, total)
            where, params = answer.value.next, None
            if looked == before or where in seen:  # nothing new
                break
            seen.add(where or "")
        cases = dict[str, Case]()
        images = tuple(_planned(each, cases) for each in found)
        refused = tuple(Refused(label, sentence(why)) for label, why in left_out)
        counts = tally(why for _label, why in left_out)
        return Plan(images, tuple(cases.values()), refused, counts, total, looked, asked)

    def _group(self, figure: Figure) -> str:
        return figure.title

    def _small(self, source: Client, each: Photograph) -> Path | None:
        if each.small is None or not each.small.url or (each.small.size or 0) > _SMALL:
            return None
        target = self._folder / "small" / f"{each.label}.jpg"
        return source.file(each.small.url, target, size=each.small.size, most=_SMALL)

    def _fetch(self, source: Client, each: Photograph) -> str:
        source.file(each.url, self._file(each), size=each.size, most=_PICTURE)
        return ""

    def _lost(self, status: int) -> str:
        return _(
            "The archive does not give its picture any more (%(status)s). Ask again: it may lie elsewhere.", status=status
        )

    def _file(self, each: Photograph) -> Path:
        ending = re.search(r"/[^/]*(\.[a-zA-Z]{3,4})$", re.split("[?#]", each.url)[0])
        return self._folder / "files" / f"{each.label}{ending[1].lower() if ending else '.jpg'}"


def _planned(entry: Entry, cases: dict[str, Case]) -> Photograph:
    """An image as it will be fetched; images of one lesion are of one case, which the first of them tells."""
    figure, told = figure_of(entry), case_of(entry)
    case = cases.setdefault(told.id, told)
    full = entry.files.full
    return Photograph(
        figure=figure,
        label=entry.isic_id,
        fingerprint=digest(repr((figure, case, full.size))),
        size=full.size,
        url=full.url,
        small=entry.files.thumbnail_256,
    )
