"""Names that look alike: a learner goes by none that could be taken for an educator's or owner's.

After the skeletons of Unicode Technical Standard #39, in short: case, accents, spaces and signs say nothing, and letters of
other scripts that look like Latin ones count as those. A vowel sign of Hindi or Thai is no accent: it is as much of a name
as the vowels of *Anna* and *Anne* are.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from mirage.letters import normalised

# A letter, and others that look like it.
_ALIKE = """
A АΑ  B ВΒ  C С  E ЕΕ  G Ԍ  H НΗ  I ІΙӀ  J Ј  K КΚ  M МΜ  N Ν  O ОΟ0  P РΡ  Q Ԛ  S Ѕ  T ТΤ  W Ԝ  X ХΧ  Y УΥҮ  Z Ζ
a аαɑ  b ьЬвβ  c сϲ  d ԁđ  e еєε  g ɡ  h һнħ  i іιı  j јϳ  k кκ  l ӏł1|  m м  n пηո  o оοσøօ  p рρ  q ԛ  r г  s ѕ  t тτ
u иυս  v νѵ  w ԝωѡш  x хχ  y уүγ  z ζ
""".split()
_LOOK = {ord(other): letter for letter, others in zip(_ALIKE[::2], _ALIKE[1::2], strict=True) for other in others}
# What looks like one letter; a vowel sign on a letter A is drawn as the vowel that has a letter of its own (The Unicode
# Standard, chapter 12), and two signs E of Thai or Lao as the sign AE.
_TOGETHER = (
    ("rn", "m"), ("vv", "w"), ("เเ", "แ"), ("ເເ", "ແ"),
    ("अा", "आ"), ("अो", "ओ"), ("अौ", "औ"), ("अॉ", "ऑ"), ("एे", "ऐ"), ("एॅ", "ऍ"), ("आे", "ओ"), ("आै", "औ"), ("অা", "আ"),
    ("અા", "આ"), ("અે", "એ"), ("અૈ", "ઐ"), ("અૉ", "ઑ"), ("અો", "ઓ"), ("અૌ", "ઔ"), ("ਅਾ", "ਆ"), ("ਅੈ", "ਐ"), ("ਅੌ", "ਔ"),
)  # fmt: skip
# Marks that tell no name from another, by their combining class: a nukta, points of Hebrew and Arabic, tones, accents.
_POINTS, _NUKTA, _TONES, _ACCENTS = range(10, 37), 7, (107, 122), 200
_VOICED = "\u3099\u309a"  # が is no か
_UNSEEN = re.compile("INHERENT|VARIATION SELECTOR|FILLER")  # names of signs that are not drawn


def skeleton(name: str) -> str:
    """What two names share that look alike.

    Parameters
    ----------
    name : str
    """
    plain = _letters(name).translate(_LOOK).casefold()
    for two, one in _TOGETHER:
        plain = plain.replace(two, one)
    # I, l and 1 are one stroke in many typefaces.
    return plain.replace("i", "l")


def _letters(name: str) -> str:
    """The letters of a name in compatibility forms, each with the vowel signs of its own script and no other marks."""
    kept, script = list[str](), ""
    for sign in normalised("NFKC", name):
        for part in unicodedata.normalize("NFKD", sign):
            if unicodedata.category(part).startswith("M"):
                if _is_of_the_letter(part, script):
                    kept.append(part)
            elif (part.isalnum() and not _is_unseen(part)) or part == "|":
                kept.append(part)
                # Letters without case; a mark on a Latin letter is an accent, or nothing that anybody sees.
                script = _script(part) if unicodedata.category(part) in ("Lo", "Lm") else ""
            elif unicodedata.category(part) != "Cf":  # joiners say how letters are drawn
                script = ""
    return "".join(kept)


@lru_cache(maxsize=1024)
def _is_of_the_letter(mark: str, script: str) -> bool:
    """Whether a mark is a vowel sign, or the like, on a letter of its own script."""
    if mark in _VOICED:
        return script in ("HIRAGANA", "KATAKANA")
    drawn = unicodedata.combining(mark)
    says_nothing = drawn == _NUKTA or drawn in _POINTS or drawn in _TONES or drawn >= _ACCENTS
    return bool(script) and _script(mark) == script and not (says_nothing or _is_unseen(mark))


@lru_cache(maxsize=1024)
def _is_unseen(sign: str) -> bool:
    return bool(_UNSEEN.search(unicodedata.name(sign, "")))


@lru_cache(maxsize=1024)
def _script(sign: str) -> str:
    return unicodedata.name(sign, "").partition(" ")[0]


def namesake(name: str, others: Iterable[str]) -> str:
    """The one among some names that could be taken for a name; empty where none could.

    Parameters
    ----------
    name : str
    others : iterable of str
    """
    mine = skeleton(name)
    # Of signs alone nothing is left to compare.
    return next((other for other in others if skeleton(other) == mine), "") if mine else ""
