"""An article of PubMed Central as a case: its passages by the names of `mirage.figure.Case`, and its figures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from mirage.corpora.inferring import with_words
from mirage.corpora.live.jats import Article, JatsFigure
from mirage.figure import Case, Figure, Licence, Source

PAGES = "https://pmc.ncbi.nlm.nih.gov/articles/"
_MOST_PASSAGE = 12_000  # characters
_MOST_NAMED = 12  # authors
_MOST_CAPTION = 6_000
_MOST_TITLE = 200
_WORDS = 15  # of a caption that stands for a figure without a label

# Titles of sections and the passage that they become; the innermost title that is known decides.
_SECTIONS = (
    ("differential", r"differential"),
    ("exam", r"(physical|clinical|neurologic\w*) (exam\w*|findings?)|^examination"),
    ("treatment", r"treatment|therap|management|intervention|surg(ery|ical)|operati|follow[\s-]?up|outcome"),
    ("discussion", r"discussion|conclusion|literature|learning points?|lessons?"),
    ("history", r"\bcases?\b|patient|presentation|history|anamnes|clinical (course|summary|description)"),
)
_KNOWN = tuple((name, re.compile(rf"(?i){pattern}")) for name, pattern in _SECTIONS)


def attribution(article: Article, pmc: str, label: str = "", notes: Sequence[str] = ()) -> str:
    """The line to print beside a figure: its label, authors, title, journal, year, DOI, the article's id, and notes.

    Parameters
    ----------
    article : Article
    pmc : str
        "PMC123".
    label : str
        "Figure 2"; empty for the article as a whole.
    notes : sequence of str
        What has to be known of the article wherever its figures go, a sentence each.
    """
    named = ", ".join(article.authors[:_MOST_NAMED])
    if more := len(article.authors) - _MOST_NAMED:
        named += f" and {more} other{'s' if more > 1 else ''}" if more > 0 else ""
    printed = ", ".join(filter(None, [article.journal, article.year]))
    parts = [
        named,
        article.title.rstrip("."),
        printed,
        f"doi {article.doi}" if article.doi else "",
        f"{pmc} at PubMed Central",
    ]
    line = (f"{label.rstrip('.:')} of " if label else "") + ". ".join(filter(None, parts))
    return ". ".join([line, " ".join(notes)]) if notes else line


def case_of(article: Article, pmc: str, licence: Licence, notes: Sequence[str] = ()) -> Case:
    """The case that an article's figures share.

    Paragraphs that speak of a figure are its findings; no diagnosis is taken from the text, which may name several.

    Parameters
    ----------
    article : Article
    pmc : str
    licence : Licence
    notes : sequence of str
        See `attribution`.
    """
    taken = {figure.id: figure.label for figure in article.figures if not figure.left_out}
    passages: dict[str, list[str]] = {}
    for paragraph in article.paragraphs:
        name = "findings" if any(each in taken for each in paragraph.figures) else _passage(paragraph.titles)
        if name:
            passages.setdefault(name, []).append(paragraph.text)
    if article.abstract:
        passages.setdefault("discussion", []).insert(0, article.abstract)
    source = Source("pmc", attribution(article, pmc, notes=notes), f"{PAGES}{pmc}/", "article", licence)
    return Case(
        f"pmc:{pmc}",
        article.title,
        source,
        **{name: _cut("\n".join(texts), _MOST_PASSAGE) for name, texts in passages.items()},
    )


def figure_of(
    article: Article, pmc: str, licence: Licence, found: JatsFigure, name: str, notes: Sequence[str] = ()
) -> Figure:
    """A figure of an article.

    Parameters
    ----------
    article : Article
    pmc : str
    licence : Licence
    found : JatsFigure
    name : str
        Unique in the article.
    notes : sequence of str
        See `attribution`.
    """
    label = (found.label or "Figure").rstrip(".:")
    if found.panels:  # said where the figure is seen, and wherever it is taken along
        label += f" (its parts {found.panels} in one picture)"
    source = Source("pmc", attribution(article, pmc, label, notes), f"{PAGES}{pmc}/", "article", licence)
    figure = Figure(
        id=f"pmc:{pmc}-{name}",
        caption=_cut(found.caption, _MOST_CAPTION),
        source=source,
        title=article.title,
        case_id=f"pmc:{pmc}",
    )
    return with_words(figure)


def names_of(figures: tuple[JatsFigure, ...]) -> list[str]:
    """A name for each figure of an article: its id there, where that is short, plain and its own; otherwise by its place."""
    names: list[str] = []
    for place, figure in enumerate(figures, start=1):
        plain = bool(re.fullmatch(r"[A-Za-z0-9_.-]{1,60}", figure.id))
        name = figure.id if plain and figure.id not in names else f"figure-{place}"
        while name in names:
            name += "+"
        names.append(name)
    return names


def label_of(pmc: str, found: JatsFigure) -> str:
    """A figure as a person knows it: "PMC123, Figure 2"."""
    words = found.label or " ".join(found.caption.split()[:_WORDS]) or "a figure without a label"
    return f"{pmc}, {words.rstrip('.:')}"


@lru_cache(maxsize=256)
def _passage(titles: tuple[str, ...]) -> str:
    for title in reversed(titles):
        for name, pattern in _KNOWN:
            if pattern.search(title[:_MOST_TITLE]):
                return name
    return ""


def _cut(text: str, most: int) -> str:
    """The text up to the end of the last sentence, or word, that fits."""
    if len(text) <= most:
        return text
    kept = text[:most]
    return kept[: max(kept.rfind(". ") + 1, 0) or max(kept.rfind(" "), 1)].rstrip() + " …"
