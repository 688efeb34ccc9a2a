"""Whether a sentence stands in a passage word for word, from the start of a sentence to its end."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from mirage.explain.evidence import Evidence
from mirage.language.negation import cues
from mirage.language.sentences import cut
from mirage.language.vocabulary import tokenize
from mirage.language.words import remembered

_MOST_TIMES = 200  # that a text stands in a passage and is looked at, whether it is whole sentences there
_MARKS = re.compile(r"\[\d{1,3}(?:\s*[,;–-]\s*\d{1,3})*\]")
_ELLIPSIS = re.compile(r"(?<!\s)\s*(?:…|\.\.\.)\s*")
_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "–": "-", "—": "-", "−": "-", "\u00a0": " "})
_NOT_SAID = re.compile(r"[^\w%<>=≥≤+°./']+|(?<!\w)'|'(?!\w)")


def without_marks(text: str) -> str:
    """The text less citation marks such as ``[2]`` or ``[1, 3]``."""
    return re.sub(r"(?<!\s)\s+([.,;:!?])", r"\1", _MARKS.sub("", text)).strip() if "[" in text else text.strip()


@remembered(8192)
def said(text: str) -> str:
    """A text reduced to what is said: case, white space, quotation marks and closing punctuation do not count.

    Decimal points, comparison signs and units stay, so that "1.5 cm" is never "15 cm". Words are set apart by one
    space, with one at either end, so that containment means whole words.
    """
    flat = _NOT_SAID.sub(" ", text.translate(_QUOTES).casefold())
    flat = re.sub(r"(?<![./])[./]+(?=\s|$)|(?<=\s)[./]+(?!\d)", " ", flat + " ")
    return f" {' '.join(flat.split())} "


def quoted_in(text: str, evidence: Iterable[Evidence]) -> tuple[int, ...]:
    """The numbers of the evidence in which a text stands word for word, as `stands_in` tells.

    Parameters
    ----------
    text : str
    evidence : iterable of Evidence
    """
    return tuple(item.number for item in evidence if stands_in(text, item.text))


def stands_in(text: str, passage: str) -> bool:
    """Whether a text stands in a passage word for word, from the start of one of its sentences to the end of one.

    Half a sentence can say the opposite of the whole: a quotation that leaves out the "no" before it, or stops short of
    "is not seen". Such a piece is no quotation here. Where "…" says that words were left out, the piece may begin or end
    within a sentence, unless what is left out of it denies something.

    Parameters
    ----------
    text : str
        One sentence or several; items of a list may be set apart by semicolons.
    passage : str

    Returns
    -------
    bool
    """
    pieces = [piece for piece in _ELLIPSIS.split(text) if said(piece).strip()]
    if not pieces:
        return False
    cut_before, cut_after = bool(_ELLIPSIS.match(text.lstrip())), bool(_ELLIPSIS.search(text.rstrip()[-4:]))
    last = len(pieces) - 1
    return all(
        _stands(piece, passage, place > 0 or cut_before, place < last or cut_after) for place, piece in enumerate(pieces)
    )


def _stands(piece: str, passage: str, open_start: bool, open_end: bool) -> bool:
    wanted = "".join(said(part) for part in cut(piece)).replace("  ", " ")
    if not wanted.strip():
        return False
    # Told at once, and enough for nearly all passages: a word of letters and digits alone is not written otherwise there.
    longest = max(filter(str.isalnum, wanted.split()), key=len, default="")
    if longest not in passage.casefold():
        return False
    whole, edges = _laid_out(passage)
    at = whole.find(wanted)
    for _ in range(_MOST_TIMES):
        if at < 0:
            break
        end = at + len(wanted) - 1
        before = whole[edges[bisect_right(edges, at) - 1] : at]
        following = bisect_left(edges, end)
        after = whole[end : edges[following]] if following < len(edges) else ""
        if (not before or open_start) and (not after or open_end) and not cues(tokenize(f"{before} {after}")):
            return True
        at = whole.find(wanted, at + 1)
    return False


@remembered(1024)
def _laid_out(passage: str) -> tuple[str, tuple[int, ...]]:
    """All that is said in a passage, and where its sentences begin and end."""
    parts, edges = [" "], [0]
    for part in cut(passage):
        parts.append(said(part)[1:])
        edges.append(edges[-1] + len(parts[-1]))
    return "".join(parts), tuple(edges)
