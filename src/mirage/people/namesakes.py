"""Names that look alike: a learner goes by none that could be taken for an educator's or owner's.

After the skeletons of Unicode Technical Standard #39, in short: case, accents, spaces and signs say nothing, and letters of
other scripts that look like Latin ones count as those. Vowel signs of Hindi, Thai and their like say nothing either: too
many of them are drawn alike, alone, twice or put together, and a name too many that is refused does less harm.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from mirage.letters import unaccented

# A letter, and others that look like it, or like it with a vowel sign.
_ALIKE = """
A АΑ  B ВΒ  C С  E ЕΕ  G Ԍ  H НΗ  I ІΙӀ  J Ј  K КΚ  M МΜ  N Ν  O ОΟ0  P РΡ  Q Ԛ  S Ѕ  T ТΤ  W Ԝ  X ХΧ  Y УΥҮ  Z Ζ
a аαɑ  b ьЬвβ  c сϲ  d ԁđ  e еєε  g ɡ  h һнħ  i іιı  j јϳ  k кκ  l ӏł1|  m м  n пηո  o оοσøօ  p рρ  q ԛ  r г  s ѕ  t тτ
u иυս  v νѵ  w ԝωѡш  x хχ  y уүγ  z ζ
अ आओऔऑ  ए ऐऍ  অ আ  અ આએઐઑઓઔ  ਅ ਆਐਔ
""".split()
_LOOK = {ord(other): letter for letter, others in zip(_ALIKE[::2], _ALIKE[1::2], strict=True) for other in others}
_TOGETHER = (("rn", "m"), ("vv", "w"), ("เเ", "แ"), ("ເເ", "ແ"))
_UNSEEN = re.compile("FILLER")  # in the names of letters that are not drawn


def skeleton(name: str) -> str:
    """What two names share that look alike.

    Parameters
    ----------
    name : str
    """
    plain = unaccented(name).translate(_LOOK).casefold()
    # A vowel sign is no letter, and neither is a joiner.
    plain = "".join(sign for sign in plain if sign.isalnum() and not _UNSEEN.search(unicodedata.name(sign, "")))
    for two, one in _TOGETHER:
        plain = plain.replace(two, one)
    # I, l and 1 are one stroke in many typefaces.
    return plain.replace("i", "l")


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
