"""Medical prose into sentences, word for word.

Notes are full of stops that end nothing ("e.g.", "Fig. 1", "3.5 cm", "S. aureus"), of sentences that end without one
(bullets, lines), and of stops that nothing follows ("arteries.There is").
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Lower case, without the last stop. What ends a sentence as often as not ("etc", "cm") is not among them.
_ABBREVIATIONS = frozenset(
    "e.g i.e eg ie cf vs viz resp approx ca c.f fig figs tab ref refs eq dr drs mr mrs ms prof st jr sr rt lt no nos vol "
    "pp ed eds al inc dept est dx ddx hx tx fx pt pts wt ht temp max min avg incl excl esp lat med ant inf"
    " jan feb mar apr jun jul aug sep sept oct nov dec".split()
)
# A single capital after one of these names a kind and ends a sentence; elsewhere it is an initial or a genus.
_KINDS = frozenset(
    "type grade stage class vitamin hepatitis group image figure panel level zone category protein factor".split()
)
_BULLET = re.compile(
    r"^\s*(?:[•●▪◦‣·*→►✓\-–—]+\s+|[•●▪◦‣·→►✓]+|[-–—](?=[A-Za-z])|\(?(?:\d{1,2}|[a-hA-H]|[ivx]{1,4})[.)]\s+(?=\S))"
)
_END = re.compile(r"""[.!?…]+["'”’)\]]*""")
_REFERENCE = re.compile(r"(?:\s?\[\d+(?:\s*[,–-]\s*\d+)*\])+")
_STARTS = re.compile(r"""["'“‘(\[]*[A-Z0-9À-Þ]""")
_GLUED = re.compile(r"(?<=[a-z)\]])([.?!])(?=[A-Z][a-z]+[\s,]|[A-Z]\s|The\b)")


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a passage.

    Attributes
    ----------
    text : str
        Word for word, white space folded, without a bullet.
    listed : bool
        Whether it is an item of a list or a line without a stop, rather than a sentence of prose.
    place : int
        0 for the first of its passage.
    heading : str
        The heading above it, as "About pulmonary embolism"; empty without one.
    """

    text: str
    listed: bool
    place: int
    heading: str = ""


def split(text: str) -> list[Sentence]:
    """Cut a passage into sentences.

    A line break ends a sentence only where what follows is a new item, paragraph or line of its own; a broken
    line of prose is put together again. Headings (lines that end in a colon) are no sentences, and stand in the
    `heading` of those below.
    """
    found: list[Sentence] = []
    heading = ""
    for line, listed in _lines(text):
        if line.endswith(":") and len(line) < 120:
            heading = line.rstrip(": ")
            continue
        parts = ends(line)
        for part in parts:
            item = listed or not part.rstrip("\"'”’)]").endswith((".", "!", "?"))
            found.append(Sentence(part, item, len(found), heading))
    return found


def _lines(text: str) -> list[tuple[str, bool]]:
    """Lines with their bullets off, broken prose joined, and whether each is an item of a list."""
    lines: list[tuple[str, bool]] = []
    fresh = True
    for raw in text.splitlines():
        bullet = _BULLET.match(raw)
        line = " ".join(raw[bullet.end() :].split() if bullet else raw.split())
        if not line:
            fresh = True
            continue
        before = lines[-1][0] if lines else ""
        continues = (
            not (fresh or bullet)
            and (line[0].islower() or before.endswith((",", " and", " or", " the", " of", " with")))
            and not before.endswith((".", "!", "?", ":"))
            and len(before) > 50
        )
        if continues:
            lines[-1] = (f"{before} {line}", lines[-1][1])
        else:
            lines.append((line, bool(bullet)))
        fresh = False
    return lines


def ends(line: str) -> list[str]:
    """Cut one line of prose at the ends of its sentences."""
    line = _GLUED.sub(r"\1 ", line)
    parts: list[str] = []
    start = 0
    for match in _END.finditer(line):
        end = match.end()
        reference = _REFERENCE.match(line, end)
        if reference:
            end = reference.end()
        if ends_at(line, match.start(), end) and line[start:end].strip(" .…"):
            parts.append(line[start:end].strip())
            start = end
    rest = line[start:].strip()
    return [*parts, rest] if rest else parts


def ends_at(line: str, stop: int, end: int) -> bool:
    """Whether the stop at `stop`, its brackets and references up to `end` included, ends a sentence."""
    if end >= len(line):
        return True
    after = line[end:].lstrip()
    if not line[end].isspace() or not _STARTS.match(after):
        return False
    return line[stop] != "." or not _abbreviates(line[:stop].split(), after)


def _abbreviates(words: list[str], after: str) -> bool:
    """Whether a full stop after these words belongs to the last of them."""
    last = words[-1].lstrip("(\"'“[") if words else ""
    if last.lower() in _ABBREVIATIONS:
        return last.lower() != "no" or after[0].isdigit()
    if len(last) == 1 and last.isalpha() and last.isupper():
        return len(words) < 2 or words[-2].lower() not in _KINDS
    # "1. Clot": a number that opens the line counts, it does not say.
    return len(words) == 1 and last.isdigit()


def clip(text: str, most: int) -> str:
    """The text, or its beginning up to the last clause that ends before `most` characters, and "…"."""
    if len(text) <= most:
        return text
    room = text[: most - 2]
    cut = max(room.rfind(mark) for mark in ("; ", ", ", " – ", " - ", ": "))
    if cut < most // 2:
        cut = max(cut, room.rfind(" and "), room.rfind(" which "), room.rfind(" that "))
    if cut < most // 3:
        cut = room.rfind(" ")
    return f"{text[:cut].rstrip(' ,;:–-')} …" if cut > 0 else f"{room} …"
