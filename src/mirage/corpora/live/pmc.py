"""PubMed Central: figures of open-access articles, asked for by a person; an article is a case.

Whoever wrote this could not reach it; see docs/sources.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import TypeAdapter

from mirage.corpora.base import CorpusCard, CorpusInfo, digest, each_its_own
from mirage.corpora.live.base import Standing, sentence
from mirage.corpora.live.client import Pulse, day
from mirage.corpora.live.planned import Plan, PlannedCorpus, Telling
from mirage.corpora.live.pmc_licence import FILTERS
from mirage.corpora.live.pmc_look import MOST_PICTURE, NO_PICTURE, ArticleFigure, look, look_at
from mirage.corpora.live.pmc_source import Source
from mirage.corpora.live.s3 import Stored
from mirage.corpora.options import CorpusOption
from mirage.figure import INFERABLE, Figure
from mirage.locales import number
from mirage.settings import Settings
from mirage.wording import N_, _, ngettext

_MOST = 100
_MOST_ASKED = 5_000  # figures at once
_MOST_SHOWN = 1_500_000  # bytes of a picture that is fetched to be shown in an offer


class PmcCorpus(PlannedCorpus[Source, ArticleFigure]):
    """Figures of PubMed Central's open-access articles that fit a query.

    Parameters
    ----------
    query : str
        In the language of PubMed Central's search: ``aortic dissection AND case reports[filter]``.
    most : int
        Figures at most.
    licences : sequence of str
        Only of articles under these, of `mirage.corpora.live.pmc_licence.FILTERS`.
    only : sequence of str
        Only these figures, by the ids that `offer` gives; all when empty.
    refresh : bool
        Ask again what was answered before, and look whether what came earlier was retracted since.
    settings : Settings, optional
        Those of the environment when left out.

    Raises
    ------
    mirage.errors.BadInput
        When the query is empty or too long, or so many figures are not to be had at once.
    """

    card: ClassVar[CorpusCard] = CorpusCard(
        title="PubMed Central",
        summary=N_(
            "Figures of open-access articles, most of all case reports, with their captions, their licences, "
            "and what the articles say of them. It is asked over the network for what you name."
        ),
        homepage="https://pmc.ncbi.nlm.nih.gov/",
        licence=each_its_own("CC BY, CC0 or another Creative Commons licence", "article"),
        options=(
            CorpusOption(
                "query", N_("What to look for, as one types it there: “aortic dissection”."), required=True, positional=True,
                label=N_("Look for"),
            ),
            CorpusOption("most", N_("How many figures at most."), int, default=_MOST, bounds=(1, _MOST_ASKED)),
            CorpusOption(
                "licences", N_("Only of articles under these licences."), default=("CC BY", "CC0"), several=True,
                choices=tuple(FILTERS),
            ),
            CorpusOption("only", N_("Only these figures, by their ids."), several=True),
            CorpusOption("refresh", N_("Ask anew, and look whether what came before was retracted."), bool, default=False),
        ),
        live=True,
        asks=N_(
            "PubMed Central’s servers for these words, and Amazon’s public bucket of its articles for texts and pictures"
        ),
        rate=N_("3 requests a second, 10 with a key"),
        place=1,
        trial="aortic dissection",
    )  # fmt: skip
    name = "pmc"
    title = "PubMed Central"
    unit = N_("articles")
    infers = INFERABLE
    _plans = TypeAdapter(Plan[ArticleFigure])

    def __init__(
        self,
        query: str,
        *,
        most: int = _MOST,
        licences: Sequence[str] = ("CC BY", "CC0"),
        only: Sequence[str] = (),
        refresh: bool = False,
        settings: Settings | None = None,
    ) -> None:
        super().__init__(query, most=most, licences=licences, only=only, refresh=refresh, settings=settings)

    def info(self) -> CorpusInfo:
        """Tell what this corpus is; the version is the day of the answers, and a digest of what was asked."""
        name = self._version
        return self.card.info(self.name, f"{day(self._plan.asked)}, {name}" if self.ready else name)

    @property
    def advice(self) -> str:
        """How many articles fit, how many of them were looked at, and when the source said so."""
        if (plan := self._kept(self._place)) is None:
            return ""
        values = {"title": self.title, "day": day(plan.asked)}
        if not plan.total:
            return _(
                "No article fits, so none was looked at, as %(title)s answered on %(day)s; ask again for newer answers.",
                **values,
            )
        return ngettext(
            "%(looked)s of %(total)s article that fits was looked at, as %(title)s answered on %(day)s; ask again for "
            "newer answers.",
            "%(looked)s of %(total)s articles that fit were looked at, as %(title)s answered on %(day)s; ask again for "
            "newer answers.",
            plan.total,
            looked=number(plan.looked_at),
            total=number(plan.total),
            **values,
        )

    def _source(self, pulse: Pulse, *, refresh: bool) -> Source:
        return Source(self._settings, refresh=refresh, pulse=pulse)

    def _look(self, source: Source, telling: Telling) -> Plan[ArticleFigure]:
        def tell(number: int, total: int) -> None:
            telling.tell("asking", number, total or None)

        return look(source, self._query, self._licences, self._most, tell)

    def _group(self, figure: Figure) -> str:
        return f"{figure.title} ({figure.case_id.partition(':')[2]})"

    def _small(self, source: Source, each: ArticleFigure) -> Path | None:
        """Fetch the small picture, or the figure's own where that is not large: small ones are of few figures only.

        A figure's own picture need not be fetched again.
        """
        stored = each.small or each.picture
        if each.small is None and (stored.size or 0) > _MOST_SHOWN:
            return None
        return source.picture(stored, self._file_of(stored), _MOST_SHOWN)

    def _fetch(self, source: Source, each: ArticleFigure) -> str:
        source.picture(each.picture, self._file(each), MOST_PICTURE)
        return ""

    def _lost(self, status: int) -> str:
        return sentence(NO_PICTURE)

    def _file(self, each: ArticleFigure) -> Path:
        return self._file_of(each.picture)

    def _file_of(self, stored: Stored) -> Path:
        ending = stored.name.rpartition(".")[2].lower()
        name = digest(f"{stored.key} {stored.digest}")
        return self._folder / "files" / name[:2] / f"{name}.{ending}"

    def _standing_now(self, source: Source, plan: Plan[ArticleFigure]) -> list[tuple[str, Standing]]:
        """How the articles stand by now that were fetched, or found retracted, for any query before."""
        earlier = self._earlier()
        before = {case.id for each in earlier for case in each.cases}
        before |= {each.id for plans in earlier for each in plans.standings if each.said}
        found = []
        for case_id in sorted(before - {each.id for each in plan.standings}):
            pmc = case_id.partition(":")[2]
            if (standing := look_at(source, pmc, self._licences).standing) is not None:
                found.append((pmc, standing))
        return found
