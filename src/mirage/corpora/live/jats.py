"""Articles in JATS, the XML of PubMed Central (NISO Z39.96): what they say of themselves, their figures, and where in the
text each figure is spoken of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field
from itertools import islice
from xml.etree.ElementTree import Element

from mirage.corpora.live.base import Reason
from mirage.corpora.live.jats_rights import authors_own, of_another, words_of
from mirage.corpora.live.xml import parse, text_of
from mirage.figure import Licence, clean_text
from mirage.locales import number
from mirage.wording import _, nN_

_NOT_WORDS = frozenset("fig fig-group table-wrap tex-math supplementary-material fn-group ref-list".split())
_CREDITS = frozenset("permissions attrib label".split())  # read by themselves
_NOT_TERMS = frozenset("copyright-year copyright-holder license_ref free_to_read".split())
_NOT_TITLE = frozenset("fn xref tex-math".split())
_NOT_READ = frozenset("sub-article response ref-list supplementary-material table-wrap front front-stub".split())
_MOST_AUTHORS, _MOST_FIGURES, _MOST_PARAGRAPHS = 500, 500, 5_000
_MOST_PARAGRAPH, _MOST_CAPTION, _MOST_LINE, _MOST_NAME = 4_000, 6_000, 2_000, 300  # characters
_LENT = Reason(*nN_("figure shown by permission of somebody else", "figures shown by permission of somebody else"))
_VIDEO = Reason(*nN_("figure with a video in place of a picture", "figures with a video in place of a picture"))
_NOTHING = Reason(*nN_("figure without a picture", "figures without a picture"))
_MOST_SAID = 20_000  # characters in a figure, all of which are read for whose it is
_MOST_FORMS = 20  # of a picture
_TABLE = re.compile(r"(?i)^(supplement(ary|al) )?(tab(le|la|elle|ella|leau)?)\b\.?\s*[\dIVXA-Z]")
_RETRACTED = re.compile(
    r"(?i)^\W*(?:(?:notice|statement) of )?(?:retracted|retraction|withdrawn|withdrawal|removed|removal)\b"
    r"(?: (?:article|paper|chapter|notice|note|statement))?(?: (?:to|of|for))?\s*(?:[:\])\-–—]|$)|"
    r"^\W*(?:retraction|withdrawal) (?:(?:note|notice|statement)\b|to\b)|"
    r"^\W*(?:notice|statement) of (?:retraction|withdrawal)|"
    r"\bretracted (?:article|paper)\b|[(\[]\s*(?:this article (?:has been|was) )?(?:retracted|withdrawn|retraction)"
    r"\s*(?:[)\]:.;,\d]|(?:article|paper|in|by|on)\b)|(?:[:–—]| -)\s*(?:retracted|retraction|withdrawn)\W*$|"
    r"^\W*(?:zurückgezogen|zurückziehung|rétracté|rétractation|retractado|retractación|retratado|retratação|retirado|ritirato|"
    r"ritrattazione)\b[^:\])]{0,20}[:\])]|撤稿|撤回"
)
_CONCERN = re.compile(r"(?i)concern")
_CONCERN_TITLE = re.compile(r"(?i)\b(?:expression|note|notice|statement)s? of (?:editorial )?concern\b")
# "(A)", "(a, b)", "(A–C)"; or a letter at the beginning of a sentence: "A. Axial view".
_PANELS = re.compile(r"[(\[]([A-Ha-h](?:(?:\s?[,–&-]\s?|\sand\s)[A-Ha-h])*)[)\]]|(?:^|[.;:]\s)([A-H])(?:[.:)]|,\s)")
_CC = re.compile(
    r"(?i)(?:https?:)?(?://)?(?:www\.)?creativecommons\.org/(?:licen[sc]es?/(?P<kind>by(?:[-_](?:nc|nd|sa)){0,2})(?![\w-])|"
    r"publicdomain/(?P<public>zero|mark))(?:/(?P<version>\d\.\d))?(?:/(?P<port>[a-z]{2,3})(?=[/?#]|$))?[^\s<>\"']*"
)


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph, the titles of the sections that it stands in from the outermost, and which figures it speaks of."""

    text: str
    titles: tuple[str, ...]
    figures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class JatsFigure:
    """A ``<fig>``.

    Attributes
    ----------
    id : str
        As the article has it; empty where it has none.
    label, caption : str
    pictures : tuple of tuple of str
        Names of files: of each picture, the forms of it that there are.
    left_out : str
        Why it is none that can be taken, as for `mirage.corpora.live.base.tally`; empty for one that can.
    panels : str
        Of a picture of several parts, which: "A–D".
    """

    id: str
    label: str
    caption: str
    pictures: tuple[tuple[str, ...], ...] = ()
    left_out: str = ""
    panels: str = ""


@dataclass(frozen=True, slots=True)
class Article:
    """What an article says of itself.

    Attributes
    ----------
    title, journal, year, doi : str
        Empty where it does not say.
    authors : tuple of str
    licences : tuple of Licence
        Those whose addresses it names, with their version and their port; the first is the one that is marked as its own.
    terms : str
        What it says of its licence in words, and addresses that are none of Creative Commons.
    retracted : bool
        Whether it says so itself.
    concern : bool
        Whether an expression of concern about it was published.
    abstract : str
    paragraphs : tuple of Paragraph
    figures : tuple of JatsFigure
    """

    title: str
    journal: str
    year: str
    doi: str
    authors: tuple[str, ...]
    licences: tuple[Licence, ...]
    terms: str
    retracted: bool
    concern: bool
    abstract: str
    paragraphs: tuple[Paragraph, ...] = field(repr=False)
    figures: tuple[JatsFigure, ...] = field(repr=False)


def read_article(data: bytes) -> Article:
    """Read an article.

    Parameters
    ----------
    data : bytes

    Raises
    ------
    ValueError
        When it is no article in JATS, or beyond the bounds of `mirage.corpora.live.xml.parse`.
    """
    root = parse(data)
    article = root if root.tag == "article" else root.find("article")
    meta = article.find("front/article-meta") if article is not None else None
    if article is None or meta is None:
        raise ValueError(_("its XML is no article"))
    front = article.find("front")
    assert front is not None
    title = _line(meta.find("title-group/article-title"))
    related = [each.get("related-article-type", "") for each in meta.iter("related-article")]
    permissions = meta.findall("permissions")
    addresses = _addresses(permissions)
    authors = _authors(meta)
    figures, groups = _figures(article, words_of(" ".join(authors)))
    return Article(
        title=title,
        journal=_line(front.find("journal-meta/journal-title-group/journal-title"))
        or _line(front.find("journal-meta/journal-title"))
        or _line(front.find("journal-meta/journal-id")),
        year=_year(meta),
        doi=next((_line(each) for each in meta.findall("article-id") if each.get("pub-id-type") == "doi"), ""),
        authors=authors,
        licences=tuple(dict.fromkeys(each for each in map(cc_licence, addresses) if each is not None)),
        terms=_terms(permissions, addresses),
        retracted=article.get("article-type") in ("retraction", "retracted-article")
        or bool(_RETRACTED.search(title))
        or any(each.startswith(("retract", "withdraw")) for each in related),
        concern=any(_CONCERN.search(each) for each in related) or bool(_CONCERN_TITLE.search(title)),
        abstract=_abstract(meta),
        paragraphs=tuple(islice(_paragraphs(article, {each.id for each in figures} - {""}, groups), _MOST_PARAGRAPHS)),
        figures=tuple(figures),
    )


def cc_licence(address: str) -> Licence | None:
    """The licence of Creative Commons that an address leads to: "CC BY 3.0 DE", and the address as it stands.

    Parameters
    ----------
    address : str
    """
    found = _CC.match(address.strip())
    if found is None:
        return None
    name = (
        f"CC {found['kind'].upper().replace('_', '-')}"
        if found["kind"]
        else {"zero": "CC0", "mark": "Public Domain Mark"}[found["public"].lower()]
    )
    return Licence(" ".join(filter(None, [name, found["version"], (found["port"] or "").upper()])), found[0].rstrip(".,;)"))


# -- what stands at the front -----------------------------------------------------------------------------------------------


def _line(element: Element | None) -> str:
    return "" if element is None else _cut(text_of(element, _NOT_TITLE, _MOST_LINE), _MOST_LINE)


def _cut(text: str, most: int) -> str:
    """A line of a text, of so many characters at most, however long the pieces are that it was put together from."""
    line = " ".join(clean_text(text[: 2 * most]).split())
    return line if len(line) <= most else f"{line[:most].rstrip()} …"


def _authors(meta: Element) -> tuple[str, ...]:
    found: list[str] = []
    for contributor in (each for group in meta.findall("contrib-group") for each in group.findall("contrib")):
        if contributor.get("contrib-type", "author") != "author" or len(found) >= _MOST_AUTHORS:
            continue
        named = next(
            (each for tag in ("name", "string-name", "collab") if (each := contributor.find(f".//{tag}")) is not None), None
        )
        if named is None:
            continue
        if named.tag == "name":
            parts = (_line(named.find(tag)) for tag in ("prefix", "given-names", "surname", "suffix"))
            name = _cut(" ".join(filter(None, parts)), _MOST_NAME)
        else:
            name = _cut(text_of(named, frozenset({"contrib-group", "fn", "xref", "email"}), _MOST_NAME), _MOST_NAME)
        found += [name] if name else []
    return tuple(found)


def _year(meta: Element) -> str:
    years = [_line(each.find("year")) for each in meta.findall("pub-date")]
    return min((year for year in years if re.fullmatch(r"(1[6-9]|20)\d\d", year)), default="")


def _abstract(meta: Element) -> str:
    plain = [each for each in meta.findall("abstract") if not each.get("abstract-type")]
    if not plain:
        return ""
    parts = [each for each in plain[0] if each.tag in ("p", "sec")]
    return "\n".join(filter(None, (clean_text(text_of(each, _NOT_WORDS, _MOST_PARAGRAPH)) for each in parts)))


def _addresses(permissions: Sequence[Element]) -> list[str]:
    """Every address that an article names as its licence's, the one that is marked as its own first."""
    addresses: list[str] = []
    for licence in (each for element in permissions for each in element.iter("license")):
        addresses += [licence.get("href", "")]
        addresses += [each.text or "" for each in licence.iter("license_ref")]
        addresses += [each.get("href", "") for each in licence.iter() if each.tag in ("ext-link", "uri")]
    addresses += [each.text or "" for element in permissions for each in element.findall("license_ref")]
    addresses += [found[0] for element in permissions for found in _CC.finditer(text_of(element))]
    return list(dict.fromkeys(filter(None, (each.strip() for each in addresses))))


def _terms(permissions: Sequence[Element], addresses: Sequence[str]) -> str:
    """All that is said of the licence, each statement a sentence of its own, with addresses that are not known."""
    said = [text_of(each) for element in permissions for each in element if each.tag not in _NOT_TERMS]
    said += [f"© {text_of(each)}" for element in permissions for each in element.findall("copyright-holder")]
    said += [each.get("license-type", "") for element in permissions for each in element.iter("license")]
    said += [each for each in addresses if cc_licence(each) is None]
    return " ; ".join(filter(None, (" ".join(each.split()) for each in said)))


# -- figures ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Around:
    """What stands around a figure: the group's id and caption, its parts, and why nothing in it can be taken."""

    group: str = ""
    caption: str = ""
    panels: str = ""
    left_out: str = ""


def _figures(article: Element, authors: Set[str]) -> tuple[list[JatsFigure], dict[str, list[str]]]:
    """The figures in document order, and by the id of each group of figures those in it."""
    found: list[JatsFigure] = []
    groups: dict[str, list[str]] = {}
    waiting: list[tuple[Element, _Around]] = [(article, _Around())]
    while waiting and len(found) < _MOST_FIGURES:
        element, around = waiting.pop()
        if element.tag == "fig":
            figure = _figure(element, around, authors)
            found.append(figure)
            if around.group and figure.id:
                groups.setdefault(around.group, []).append(figure.id)
        elif element.tag not in _NOT_READ:
            if element.tag == "fig-group":
                own = [each for each in element if each.tag not in ("fig", "fig-group")]
                caption = _caption(element.find("caption"))
                left_out = around.left_out or _whose(own, authors)
                around = _Around(element.get("id", ""), caption, _panels(caption), left_out)
            waiting += [(child, around) for child in reversed(element)]
    return found, groups


def _figure(element: Element, around: _Around, authors: Set[str]) -> JatsFigure:
    label, own = _line(element.find("label")), _caption(element.find("caption"))
    pictures: list[tuple[str, ...]] = []
    for child in element:
        if child.tag == "alternatives":
            pictures += [tuple(each.get("href", "") for each in child.findall("graphic")[:_MOST_FORMS])]
        else:
            pictures += [(each.get("href", ""),) for each in child.iter("graphic") if each.get("href")]
    pictures = [tuple(filter(None, forms)) for forms in pictures[:_MOST_FIGURES]]
    return JatsFigure(
        element.get("id", ""),
        label,
        " ".join(filter(None, [around.caption, own])),
        tuple(filter(None, pictures)),
        _unfit(element, label, any(pictures)) or around.left_out or _whose([element], authors),
        (_panels(own) if own else "") or around.panels,
    )


def _unfit(element: Element, label: str, drawn: bool) -> str:
    kind = element.get("fig-type", "").lower()
    if "table" in kind or _TABLE.match(label) or next(element.iter("table"), None) is not None:
        return Reason(*nN_("figure with a table in place of a picture", "figures with a table in place of a picture"))
    if not drawn:
        video = next(element.iter("media"), None) is not None
        return _VIDEO if video else _NOTHING
    return ""


def _whose(elements: list[Element], authors: Set[str]) -> str:
    """Why what stands in elements is not, or not surely, the authors' own; empty where nothing says so."""
    said: list[str] = []
    for element in elements:
        for terms in element.iter("permissions"):
            linked = any(each.get("href") for each in terms.iter())
            if linked or not authors_own(text_of(terms), authors):
                return Reason(
                    *nN_("figure under terms other than the article's", "figures under terms other than the article's")
                )
        for credit in element.iter("attrib"):
            if not authors_own(text_of(credit), authors):
                return _LENT
        said.append(text_of(element, _CREDITS, _MOST_SAID))
    whole = " ".join(said)
    if len(whole) >= _MOST_SAID:
        return Reason(
            *nN_(
                "figure with more than %(most)s characters beside it, too many to tell whose the picture is",
                "figures with more than %(most)s characters beside it, too many to tell whose the picture is",
            ),
            most=number(_MOST_SAID),
        )
    return _LENT if of_another(whole) else ""


def _caption(element: Element | None) -> str:
    if element is None:
        return ""
    parts: list[str] = []
    size = 0
    for each in element:
        if size >= _MOST_CAPTION:
            break
        parts.append(clean_text(text_of(each, _NOT_WORDS, _MOST_PARAGRAPH)[:_MOST_PARAGRAPH]))
        size += len(parts[-1])
    told = " ".join(" ".join(filter(None, parts)).split())
    return (told or clean_text(text_of(element, _NOT_WORDS, _MOST_PARAGRAPH)[:_MOST_PARAGRAPH]))[: _MOST_CAPTION + 1]


def _panels(caption: str) -> str:
    """The parts of a compound picture by its caption: letters from A on without a gap, two at least."""
    letters: set[str] = set()
    for found in _PANELS.finditer(caption):
        said = re.sub(r"[^A-H–-]", "", (found[1] or found[2]).upper().replace("AND", ""))
        letters |= set(said)
        for first, last in re.findall(r"([A-H])[–-]([A-H])", said):
            letters |= {chr(code) for code in range(ord(first), ord(last) + 1)}
    last = "A"
    while chr(ord(last) + 1) in letters:
        last = chr(ord(last) + 1)
    return f"A–{last}" if "A" in letters and last > "A" else ""


# -- the text ---------------------------------------------------------------------------------------------------------------


def _paragraphs(article: Element, known: set[str], groups: dict[str, list[str]]) -> Iterator[Paragraph]:
    body = article.find("body")
    waiting: list[tuple[Element, tuple[str, ...]]] = [] if body is None else [(body, ())]
    while waiting:
        element, titles = waiting.pop()
        if element.tag == "p":
            if text := clean_text(text_of(element, _NOT_WORDS, _MOST_PARAGRAPH)[:_MOST_PARAGRAPH]):
                named = dict.fromkeys(name for each in element.iter("xref") for name in (each.get("rid") or "").split()[:20])
                figures = dict.fromkeys(each for name in named for each in (groups.get(name) or [name]) if each in known)
                yield Paragraph(text, titles, tuple(figures))
        elif element.tag not in _NOT_READ and element.tag not in _NOT_WORDS:
            if element.tag == "sec":
                titles = (*titles, _line(element.find("title")))
            waiting += [(child, titles) for child in reversed(element)]
