"""Letters that are, or look like, a short form of the lexicon, and what else they mean; it stands in ``short_forms.toml``.

*MR* is magnetic resonance, and a title in "MR. Smith"; *CT* is tomography, and a kind of surgeon. Where the words beside
letters, or the text's own brackets, say that something else is meant, a reader reads nothing, or what they may still mean.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from mirage.language.words import WORD

_TOLD: Mapping[str, Any] = tomllib.loads(Path(__file__).with_name("short_forms.toml").read_text("utf-8"))
EVERYDAY = frozenset(_TOLD["everyday"].split())
# Short form, in small letters, to words of which one settles that something is meant that is no concept.
ALSO: Mapping[str, Sequence[str]] = {short: words.split() for short, words in _TOLD["also"].items()}
_BESIDE: dict[str, list[Mapping[str, Any]]] = {}
for _entry in _TOLD["beside"]:
    for _letters in _entry["letters"].split():
        _BESIDE.setdefault(_letters.lower(), []).append(_entry)
BESIDE = frozenset(_BESIDE)
_BETWEEN = r"[\s/‐‑–-]"
_REACH = 60  # characters before letters and behind them
_FEWEST = 4  # words in capitals, from which on these say nothing
_TITLE = re.compile(r"\b(?:(?i:mr|mrs|ms|dr|prof|sr|sra|dra)\.|Mr|Mrs|Ms|Miss|Dr|Prof|Sr|Sra|Dra)\s*$")
_SMALL_WORDS = frozenset("of the and in a".split())


@lru_cache(maxsize=256)
def _patterns(word: str) -> list[tuple[re.Pattern[str], Mapping[str, Any]]]:
    """What letters, in small ones, are something else beside, with the rule that says so."""
    found = []
    for entry in _BESIDE[word]:
        exact = next((each for each in entry["letters"].split() if each.lower() == word), word)
        letters = rf"(?P<at>(?{'i' if exact.islower() else '-i'}:{exact}))"
        for where in entry["where"]:
            spaced = where.replace(" ?", f"{_BETWEEN}{{0,3}}").replace(" ", f"{_BETWEEN}{{1,3}}").replace("_", letters)
            found.append((re.compile(rf"(?i)(?<!\w)(?:{spaced})(?!\w)"), entry))
    return found


def elsewhere(text: str, start: int, word: str, knows: Callable[[str], bool] | None = None) -> tuple[str, ...] | None:
    """What letters may mean beside the words around them, where these say that it is not what it usually is.

    Parameters
    ----------
    text : str
    start : int
        Where the letters begin.
    word : str
        The letters, small; one of `BESIDE`.
    knows : callable, optional
        Whether a word is one of medicine, and nobody's name. Given where somebody typed the text.

    Returns
    -------
    tuple of str or None
        Names of concepts, none where something else is meant; None where nothing beside them tells.
    """
    first, last = max(0, start - _REACH), start + _REACH
    for pattern, rule in _patterns(word):
        if rule.get("typed") and knows is None:
            continue
        for found in pattern.finditer(text, first, last):
            named = knows is not None and "name" in pattern.groupindex and knows(found["name"])
            if found.start("at") == start and not named and not _unless(rule.get("unless", ""), text[first:last]):
                return tuple(rule.get("may", ()))
    return None


def _unless(pattern: str, near: str) -> bool:
    return bool(pattern) and re.search(rf"(?i)(?<!\w)(?:{pattern})(?!\w)", near) is not None


def set_apart(text: str) -> str:
    """A text with dots in place of letters that are something else beside the words around them."""

    def seen(found: re.Match[str]) -> str:
        word = found[0].lower()
        other = word in BESIDE and elsewhere(text, found.start(), word) is not None
        return "." * len(word) if other else found[0]

    return WORD.sub(seen, text)


def shouted(text: str, words: int) -> bool:
    """Whether a text of so many words is in capitals, so that *AS* and *ALL* are everyday words."""
    return words >= _FEWEST and text.isupper()


def is_titled(text: str, start: int) -> bool:
    """Whether a word is the name of somebody: "Dr. Smith" says nothing of a Smith fracture."""
    return _TITLE.search(text, max(0, start - _REACH), start) is not None


def spelled(words: Sequence[str], place: int) -> tuple[int, int] | None:
    """From which word to which those stand whose initials letters in brackets are, "mental status (MS)"; or None.

    Parameters
    ----------
    words : sequence of str
        Of the text as they are written, with stops.
    place : int
        Of the letters.
    """
    if words[place - 1 : place] != ["("] or words[place + 1 : place + 2] != [")"]:
        return None
    letters, at = list(words[place].lower()), place - 1
    while letters and at > 0:
        at -= 1
        word = words[at].lower()
        if word[0] == letters[-1]:
            letters.pop()
        elif word not in _SMALL_WORDS:
            return None
    return None if letters else (at, place - 1)
