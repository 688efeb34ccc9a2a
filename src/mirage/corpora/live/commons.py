"""Wikimedia Commons: pictures under free licences, asked for by a person; each file is a figure.

Its interface: https://www.mediawiki.org/wiki/API:Imageinfo. Whoever wrote this could not reach it; see docs/sources.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha1
from pathlib import Path
from typing import ClassVar

from PIL import Image
from pydantic import TypeAdapter

from mirage.corpora.base import CorpusCard, Refused, digest, each_its_own
from mirage.corpora.live.base import Reason, Standing, sentence, tally
from mirage.corpora.live.client import Pulse
from mirage.corpora.live.commons_file import ENDINGS, LICENCES, Page, figure_of, notes_of, why_not
from mirage.corpora.live.commons_source import (
    CATEGORY,
    MOST_PICTURE,
    PAGE,
    TITLE,
    Source,
    in_category,
    server,
    too_large,
    width_for,
)
from mirage.corpora.live.planned import Plan, Planned, PlannedCorpus, Telling
from mirage.corpora.options import CorpusOption
from mirage.errors import BadInput
from mirage.figure import INFERABLE, Figure
from mirage.locales import number
from mirage.settings import Settings
from mirage.wording import N_, _, nN_

_MOST, _USUAL = 2_000, 50
_LOOKED = 10  # times as many files are looked at as are wanted, at most
_SMALL = 1_000_000  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonsFile(Planned):
    """A file that may come.

    Attributes
    ----------
    url, ending : str
        Of what is fetched.
    sha1 : str
        Empty for a smaller copy, whose size is not stated either.
    small : str
        Address of a thumbnail.
    """

    url: str
    ending: str
    sha1: str
    small: str


class CommonsCorpus(PlannedCorpus[Source, CommonsFile]):
    """Pictures of Wikimedia Commons that fit a query.

    Parameters
    ----------
    query : str
        Words, in the language of its search; or a category, ``Category:Radiographs of the chest``.
    most : int
        Files at most.
    licences : sequence of str
        Only under these, of `mirage.corpora.live.commons_file.LICENCES`.
    only : sequence of str
        Only these figures, by the ids that `offer` gives.
    refresh : bool
        Ask again what was answered before, and look whether what came earlier was deleted since.
    settings : Settings, optional

    Raises
    ------
    mirage.errors.BadInput
        When an option cannot be used.
    """

    card: ClassVar[CorpusCard] = CorpusCard(
        title=TITLE,
        summary=N_(
            "Pictures that people uploaded under free licences, with their descriptions, among them many "
            "of medicine. Nobody has checked what the descriptions say. It is asked over the network for what you name."
        ),
        homepage="https://commons.wikimedia.org/",
        licence=each_its_own("CC BY, CC BY-SA, CC0 or public domain", "file"),
        options=(
            CorpusOption(
                "query", N_("What to look for: “pneumothorax x-ray”, or “Category:Chest radiographs”."), required=True,
                positional=True, label=N_("Look for"), longest=300,  # its search takes no more
            ),
            CorpusOption("most", N_("How many files at most."), int, default=_USUAL, bounds=(1, _MOST)),
            CorpusOption("licences", N_("Only under these licences."), default=LICENCES, several=True, choices=LICENCES),
            CorpusOption("only", N_("Only these figures, by their ids."), several=True),
            CorpusOption("refresh", N_("Ask anew, and look whether what came before was deleted."), bool, default=False),
        ),
        live=True,
        asks=N_("Wikimedia Commons’ servers for these words"),
        rate=N_("one request at a time"),
        trial="chest x-ray",
        place=3,
    )  # fmt: skip
    name = "commons"
    title = TITLE
    unit = N_("files")
    lost_by = (400, 404, 410)
    infers = INFERABLE
    _plans = TypeAdapter(Plan[CommonsFile])

    def __init__(
        self,
        query: str,
        *,
        most: int = _USUAL,
        licences: Sequence[str] = LICENCES,
        only: Sequence[str] = (),
        refresh: bool = False,
        settings: Settings | None = None,
    ) -> None:
        super().__init__(query, most=most, licences=licences, only=only, refresh=refresh, settings=settings)
        named = self._query[len(CATEGORY) :].strip()
        if in_category(self._query) and (not named or "|" in named):
            raise BadInput(
                _(
                    "“%(query)s” is not the name of one category. Name one: Category:Chest radiographs.",
                    query=self._query[:80],
                )
            )

    def _source(self, pulse: Pulse, *, refresh: bool) -> Source:
        return Source(self._settings, refresh=refresh, pulse=pulse)

    def _look(self, source: Source, telling: Telling) -> Plan[CommonsFile]:
        counted = source.count(self._query)
        total, asked, looked = counted.value, counted.asked, 0
        wanted: list[Page] = []
        refused: list[tuple[str, Refused]] = []
        for answer in source.pages(self._query):
            asked = min(asked, answer.asked)
            for page in answer.value:
                looked += 1
                if why := why_not(page.info, page.name, self._licences):
                    refused.append((why, Refused(page.name or f"File {page.pageid}", sentence(why))))
                else:
                    wanted.append(page)
                if len(wanted) >= self._most:
                    break
            if len(wanted) >= self._most or looked >= self._most * _LOOKED + PAGE:
                break
            telling.tell("asking", looked, total)
        files = []
        smaller = source.smaller([page for page in wanted if too_large(page)])
        for page in wanted:
            planned = _planned(page, smaller.get(page.pageid, ""))
            if planned is None:
                why = Reason(
                    *nN_(
                        "file of more than %(megabytes)s MB or too many pixels, without a smaller copy",
                        "files of more than %(megabytes)s MB or too many pixels, without a smaller copy",
                    ),
                    megabytes=MOST_PICTURE // 1_000_000,
                )
                refused.append((why, Refused(page.name, sentence(why))))
            else:
                files.append(planned)
        left_out = tally(why for why, _one in refused)
        standings = tuple(Standing(each.figure.id, asked) for each in files)
        return Plan(tuple(files), (), tuple(each for _why, each in refused), left_out, total, looked, asked, standings)

    def _group(self, figure: Figure) -> str:
        return self._query if in_category(self._query) else _("Files that fit")

    def _small(self, source: Source, each: CommonsFile) -> Path | None:
        target = self._folder / "small" / digest(each.small)
        return source.file(each.small, target, None, _SMALL) if each.small else None

    def _fetch(self, source: Source, each: CommonsFile) -> str:
        target = source.file(each.url, self._file(each), each.size, MOST_PICTURE)
        why = ""
        if each.sha1 and sha1(target.read_bytes(), usedforsecurity=False).hexdigest() != each.sha1:
            why = _("It is not the file whose SHA-1 Wikimedia Commons states, and was thrown away.")
        elif each.ending in ("gif", "webp") and _moves(target):
            why = _("It is an animation, no single picture.")
        if why:
            target.unlink()
        return why

    def _lost(self, status: int) -> str:
        return _(
            "Wikimedia Commons does not give its picture any more (%(status)s): it was moved or deleted.", status=status
        )

    def _file(self, each: CommonsFile) -> Path:
        name = digest(f"{each.url} {each.sha1}")
        return self._folder / "files" / name[:2] / f"{name}.{each.ending}"

    def _standing_now(self, source: Source, plan: Plan[CommonsFile]) -> list[tuple[str, Standing]]:
        """Which files that were fetched for any query before are deleted by now, often since their licence was not true."""
        earlier = self._earlier()
        before = {each.figure.id: each.label for found in earlier for each in found.figures}
        before |= {each.id: each.id for found in earlier for each in found.standings if each.id not in before}
        asked, now = {_number(own): own for own in before}, {each.id for each in plan.standings}
        told = source.standing({number for number, own in asked.items() if own not in now})
        said = N_("Wikimedia Commons has deleted it since it was fetched.")  # kept in English; looked up where it is read
        return [
            (before[asked[number]], Standing(asked[number], when, said if gone else ""))
            for number, (gone, when) in sorted(told.items())
            if number in asked
        ]


def _planned(page: Page, smaller: str) -> CommonsFile | None:
    """A file as it will be fetched; None where it is too large and there is no smaller copy."""
    info, figure, notes = page.info, figure_of(page), notes_of(page)
    url, ending, size, stated = info.url, ENDINGS[info.mime], info.size, info.sha1
    if too_large(page):
        if not server(smaller) or smaller == info.url:
            return None
        width = width_for(page)
        notes += (
            _(
                "The file itself is larger than is taken (%(width)s × %(height)s pixels): a copy of %(copied)s pixels in "
                "width comes in its place.",
                width=number(info.width),
                height=number(info.height),
                copied=number(width),
            ),
        )
        changed = f"A smaller copy, of {width:,} pixels in width"  # which licences ask to say wherever it is passed on
        figure = replace(figure, source=replace(figure.source, attribution=f"{figure.source.attribution}. {changed}"))
        ending = smaller.partition("?")[0].rpartition(".")[2].lower()
        ending = ending if ending in ENDINGS.values() else "jpg"
        url, size, stated = smaller, None, ""
    return CommonsFile(
        figure=figure,
        label=page.name,
        fingerprint=digest(repr((figure, stated or url))),
        size=size,
        notes=notes,
        url=url,
        ending=ending,
        sha1=stated,
        small=info.thumburl if server(info.thumburl) else "",
    )


def _number(own: str) -> int:
    return int(own.partition(":M")[2])


def _moves(path: Path) -> bool:
    try:
        with Image.open(path, formats=("GIF", "WEBP")) as opened:
            return bool(getattr(opened, "is_animated", False))
    except (OSError, ValueError, SyntaxError, MemoryError):
        return False  # reading it will tell
