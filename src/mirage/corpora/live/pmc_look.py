"""What there is at PubMed Central for a query: which figures may come, and why the others do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple

from mirage.corpora.base import Refused, digest
from mirage.corpora.live.base import Kept, Reason, Standing, sentence, tally
from mirage.corpora.live.client import Changed
from mirage.corpora.live.jats import Article, JatsFigure
from mirage.corpora.live.planned import Plan, Planned
from mirage.corpora.live.pmc_case import PAGES, case_of, figure_of, label_of, names_of
from mirage.corpora.live.pmc_licence import licence_of
from mirage.corpora.live.pmc_source import PAGE, Entry, Source
from mirage.corpora.live.s3 import Stored
from mirage.figure import Case, Licence
from mirage.locales import number as number_in_words
from mirage.models.download import FetchRefused, TooLarge
from mirage.wording import N_, _, nN_, speaking, translations

_AT_ONCE = 4  # articles
_MOST_ARTICLES = 2_000
# Why an article or a figure does not come, as for `mirage.corpora.live.base.tally`.
RETRACTED = Reason(*nN_("article marked as retracted", "articles marked as retracted"))
UNREADABLE = Reason(*nN_("article that cannot be read", "articles that cannot be read"))
NO_PICTURE = Reason(
    *nN_("figure whose picture PubMed Central does not give out", "figures whose picture PubMed Central does not give out")
)
# Kept in English, and looked up where it is read.
_BY_LIST = N_("PubMed Central’s list says that the article was retracted.")
_BY_ITSELF = N_("The article’s title or a notice in it says that it was retracted.")
_CONCERN = N_("An expression of concern about the article was published.")
_NO_FIGURES = Reason(*nN_("article without figures", "articles without figures"))
MOST_PICTURE = 30_000_000  # bytes
TOO_LARGE = Reason(
    *nN_("figure with a picture of more than %(megabytes)s MB", "figures with a picture of more than %(megabytes)s MB"),
    megabytes=MOST_PICTURE // 1_000_000,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleFigure(Planned):
    """A figure that may come: its picture in the bucket, and a small one where there is one."""

    picture: Stored
    small: Stored | None = None


class Looked(NamedTuple):
    """What became of one article."""

    asked: float
    case: Case | None = None
    figures: tuple[ArticleFigure, ...] = ()
    refused: tuple[tuple[str, Refused], ...] = ()  # with the reason to count it by
    fault: Changed | None = None
    standing: Standing | None = None  # where the source says whether it was retracted


Tell = Callable[[int, int], None]
"""Told how many articles were looked at, of how many."""


def look(source: Source, query: str, licences: Sequence[str], most: int, tell: Tell) -> Plan[ArticleFigure]:
    """Look at articles, the best first, until there are enough figures.

    Parameters
    ----------
    source : Source
    query : str
    licences : sequence of str
        Keys of `mirage.corpora.live.pmc_licence.FILTERS`.
    most : int
        Figures.
    tell : callable
        See `Tell`.

    Raises
    ------
    mirage.errors.NoNetwork, mirage.errors.Unavailable
    """
    figures: list[ArticleFigure] = []
    cases: dict[str, Case] = {}
    refused: list[Refused] = []
    standings: list[Standing] = []
    reasons: list[str] = []
    looked_at, faults = 0, []
    first = source.find(query, licences, 0)
    total, asked = first.value[0], first.asked
    for looked in _each(source, query, licences, *first.value):
        looked_at += 1
        asked = min(asked, looked.asked)
        tell(looked_at, min(total, _MOST_ARTICLES))
        reasons += [reason for reason, _one in looked.refused]
        refused += [each for _reason, each in looked.refused]
        faults += [looked.fault] if looked.fault else []
        standings += [looked.standing] if looked.standing else []
        for planned in looked.figures[: most - len(figures)]:
            figures.append(planned)
            if looked.case:
                cases[looked.case.id] = looked.case
        if len(figures) >= most or looked_at >= _MOST_ARTICLES:
            break
    if faults and len(faults) == looked_at:  # not one article, but the source itself
        raise faults[0]
    left_out, told = tally(reasons), tuple(standings)
    return Plan(tuple(figures), tuple(cases.values()), tuple(refused), left_out, total, looked_at, asked, told)


def _each(source: Source, query: str, licences: Sequence[str], total: int, ids: list[str]) -> Iterator[Looked]:
    """Articles in the order of the search, each once, some of them ahead of who takes them."""
    start, seen, spoken = 0, set[str](), translations()

    def look_here(pmc: str) -> Looked:
        with speaking(spoken):  # which a thread of its own does not know
            return look_at(source, pmc, licences)

    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="articles") as pool:
        while ids:
            for place in range(0, len(ids), _AT_ONCE):
                yield from pool.map(look_here, ids[place : place + _AT_ONCE])
            start += PAGE
            seen.update(ids)
            more = source.find(query, licences, start).value[1] if start < min(total, _MOST_ARTICLES) else []
            ids = [each for each in more if each not in seen]


def look_at(source: Source, pmc: str, licences: Sequence[str]) -> Looked:
    """Look at one article.

    Parameters
    ----------
    source : Source
    pmc : str
        "PMC123".
    licences : sequence of str

    Raises
    ------
    mirage.errors.NoNetwork, mirage.errors.Unavailable
        When the source cannot be asked any more; what one article does wrong is told in what is given back.
    """
    try:
        entry = source.entry(pmc)
        if entry is None:
            return _out(
                pmc,
                Reason(
                    *nN_("article that PubMed Central does not give out", "articles that PubMed Central does not give out")
                ),
            )
        if why := _unfit(entry):
            return _out(pmc, why, entry, standing=_standing(entry, _BY_LIST) if why == RETRACTED else None)
        article = source.article(entry)
    except Changed as error:
        return _out(pmc, UNREADABLE, why=str(error), fault=error)
    except (FetchRefused, TooLarge) as error:
        return _out(pmc, UNREADABLE, why=str(error))
    article = replace(article, title=article.title or entry.title, doi=article.doi or entry.doi)
    stated = licence_of(entry.licence_code, article, licences)
    reason = RETRACTED if article.retracted else stated.refusal or ("" if article.figures else _NO_FIGURES)
    if reason:
        told = reason == stated.refusal and stated.words
        why = f"{sentence(reason)[:-1]}: {stated.words}." if told else ""
        return _out(pmc, reason, entry, why, standing=_standing(entry, "" if reason != RETRACTED else _BY_ITSELF))
    notes = [stated.warning] if stated.warning else []
    notes += [Kept(_CONCERN)] if article.concern else []
    return _figures(entry, article, stated.licence, tuple(notes))._replace(standing=_standing(entry))


def _unfit(entry: Entry) -> str:
    """Why nothing of an article may come, by what the source says of it."""
    if entry.retracted is None:
        return Reason(
            *nN_(
                "article whose state, retracted or not, PubMed Central does not tell",
                "articles whose state, retracted or not, PubMed Central does not tell",
            )
        )
    if entry.retracted:
        return RETRACTED
    if not entry.open_access:
        return Reason(*nN_("article outside of open access", "articles outside of open access"))
    return (
        ""
        if entry.xml is not None
        else Reason(
            *nN_(
                "article whose text PubMed Central does not give out", "articles whose text PubMed Central does not give out"
            )
        )
    )


def _out(
    pmc: str,
    reason: str,
    entry: Entry | None = None,
    why: str = "",
    fault: Changed | None = None,
    standing: Standing | None = None,
) -> Looked:
    """An article of which nothing comes."""
    refused = (reason, Refused(pmc, why or sentence(reason)))
    return Looked(entry.asked if entry else float("inf"), refused=(refused,), fault=fault, standing=standing)


def _standing(entry: Entry, said: str = "") -> Standing:
    return Standing(f"pmc:{entry.pmc}", entry.asked, said, f"{PAGES}{entry.pmc}/")


def _figures(entry: Entry, article: Article, licence: Licence, notes: tuple[Kept, ...]) -> Looked:
    case = case_of(article, entry.pmc, licence, notes)
    planned: list[ArticleFigure] = []
    refused: list[tuple[str, Refused]] = []
    told = digest(repr(case))
    for found, name in zip(article.figures, names_of(article.figures), strict=True):
        label = label_of(entry.pmc, found)
        if found.left_out:
            refused.append((found.left_out, Refused(label, sentence(found.left_out))))
            continue
        for number, names in enumerate(found.pictures, start=1):
            forms = entry.forms(names)
            fit = [each for each in forms if each.size is None or each.size <= MOST_PICTURE]
            if not fit:
                refused.append(_no_picture(label, forms))
                continue
            whole = name if number == 1 else f"{name}-{number}"
            figure = figure_of(article, entry.pmc, licence, found, whole, notes)
            small = next((each for each in fit[1:] if each.name.lower().endswith(".gif")), None)
            planned.append(
                ArticleFigure(
                    figure=figure,
                    label=label if len(found.pictures) == 1 else f"{label}, picture {number}",
                    fingerprint=digest(f"{figure!r}{told}{fit[0].key}{fit[0].digest}"),
                    size=fit[0].size,
                    notes=(*(each.said for each in notes), *_compound(found)),
                    compound=bool(found.panels),
                    picture=fit[0],
                    small=small,
                )
            )
    return Looked(entry.asked, case, tuple(planned), tuple(refused))


def _compound(found: JatsFigure) -> tuple[str, ...]:
    if not found.panels:
        return ()
    return (_("It is a compound figure with the parts %(panels)s, kept whole.", panels=found.panels),)


def _no_picture(label: str, forms: list[Stored]) -> tuple[str, Refused]:
    if not forms:
        return NO_PICTURE, Refused(label, sentence(NO_PICTURE))
    size = max(each.size or 0 for each in forms)
    kind = forms[0].name.rpartition(".")[2].upper()
    return TOO_LARGE, Refused(label, too_large(kind, f"{number_in_words(size / 1e6, 1)} MB"))


def too_large(kind: str, size: str) -> str:
    """Why a picture is not taken, in a sentence."""
    return _(
        "Its only picture is a %(kind)s file of %(size)s, and at most %(most)s MB are taken.",
        kind=kind,
        size=size,
        most=MOST_PICTURE // 1_000_000,
    )
