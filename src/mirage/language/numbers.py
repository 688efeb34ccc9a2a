"""Numbers with their units, brought to one measure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mirage.language.vocabulary import Token

_WORDS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60,
    "seventy": 70, "eighty": 80, "ninety": 90, "hundred": 100,
}  # fmt: skip
_ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7, "viii": 8}
# Unit to the measure it is compared in and how much of it one is.
_UNITS: dict[str, tuple[str, float]] = {
    "mm": ("length", 1), "millimeter": ("length", 1), "cm": ("length", 10), "centimeter": ("length", 10),
    "inch": ("length", 25.4), "inches": ("length", 25.4), "micron": ("length", 0.001),
    "year": ("time", 365.25), "yr": ("time", 365.25), "yo": ("time", 365.25), "y/o": ("time", 365.25), "month": ("time", 30.44),  # noqa: E501
    "mo": ("time", 30.44), "week": ("time", 7), "wk": ("time", 7), "day": ("time", 1), "hour": ("time", 1 / 24),
    "hr": ("time", 1 / 24), "minute": ("time", 1 / 1440), "decade": ("time", 3652.5),
    "hu": ("HU", 1), "hounsfield": ("HU", 1), "%": ("percent", 1), "percent": ("percent", 1),
    "ml": ("volume", 1), "cc": ("volume", 1), "milliliter": ("volume", 1), "liter": ("volume", 1000),
    "mg": ("mass", 1), "g": ("mass", 1000), "gram": ("mass", 1000), "kg": ("mass", 1e6),
    "degree": ("angle", 1), "°": ("angle", 1), "mmhg": ("pressure", 1), "gy": ("dose", 1), "tesla": ("field", 1),
}  # fmt: skip
_GRADED = r"stage|grade|type|class|level|segment|zone|phase|who grade|category|bi-?rads"
_NUMBER = r"\d+(?:,\d{3})+(?:\.\d+)?|\d*\.\d+|\d+"
_UNIT = "|".join(
    sorted((re.escape(unit) + ("s?" if unit.isalpha() and len(unit) > 1 else "") for unit in _UNITS), key=len, reverse=True)
)
_COUNT = "|".join(_WORDS)
_QUANTITY = re.compile(
    rf"(?<![\w.])(?P<first>{_NUMBER}|\b(?:{_COUNT})\b)"
    rf"(?P<more>(?:\s*-?\s*(?:{_UNIT})?\s*(?:[x×X*]|by|to|-|–|and|or)\s*(?:{_NUMBER}|(?:{_COUNT})\b)(?![\w.]*\d))*)"
    rf"\s*-?\s*(?P<unit>(?:{_UNIT})(?![\w]))?",
    re.IGNORECASE,
)
_GRADE = re.compile(rf"\b(?P<what>{_GRADED})\s+(?P<value>[ivx]+|\d+)[a-d]?\b", re.IGNORECASE)
_ONE = re.compile(rf"{_NUMBER}|\b(?:{_COUNT})\b", re.IGNORECASE)
_ABOUT = re.compile(r"(?:about|approximately|approx\.?|around|nearly|almost|roughly|some|~)\s*$", re.IGNORECASE)
_REFERENCE = re.compile(r"\(\s*\d{1,2}(?:\s*[,-]\s*\d{1,2})*\s*\)|\[\s*\d{1,2}(?:\s*[,-]\s*\d{1,2})*\s*\]")


@dataclass(frozen=True, slots=True)
class Quantity:
    """One number, or several of one measurement.

    Attributes
    ----------
    values : tuple of float
        In the measure's unit: mm, days, HU, percent, ml, mg.
    measure : str
        ``length``, ``time``, …; ``count`` for a bare number, ``grade`` after "stage" and the like.
    of : str
        What is counted or graded: the concept after a count, the word before a grade.
    ranged : bool
        "3 to 5", "20-50 %": everything between is meant.
    about : bool
        "approximately 4 cm".
    words : str
        As written.
    """

    values: tuple[float, ...]
    measure: str
    of: str
    ranged: bool
    about: bool
    words: str


def quantities(tokens: Sequence[Token], text: str) -> tuple[tuple[Quantity, ...], frozenset[int]]:
    """All quantities of a sentence, and the tokens that they take up.

    Parameters
    ----------
    tokens : sequence of Token
    text : str
        The sentence that the tokens are of.
    """
    found: list[Quantity] = []
    taken: list[tuple[int, int]] = [match.span() for match in _REFERENCE.finditer(text)]
    for match in _GRADE.finditer(text):
        value = _ROMAN.get(match["value"].lower()) or (int(match["value"]) if match["value"].isdigit() else None)
        if value is not None:
            found.append(Quantity((float(value),), "grade", match["what"].lower(), False, False, match[0]))
            taken.append(match.span())
    for match in _QUANTITY.finditer(text):
        if any(start < match.end() and match.start() < end for start, end in taken):
            continue
        quantity = _quantity(match, tokens, text)
        if quantity is not None:
            found.append(quantity)
            taken.append(match.span())
    places = frozenset(
        place for place, token in enumerate(tokens) if any(start <= token.start < end for start, end in taken)
    )
    return tuple(found), places


def _quantity(match: re.Match[str], tokens: Sequence[Token], text: str) -> Quantity | None:
    unit = (match["unit"] or "").lower()
    measure, scale = _UNITS.get(unit) or _UNITS.get(unit.rstrip("s")) or ("", 1.0)
    more = match["more"] or ""
    raw = [match["first"], *_ONE.findall(more)]
    values = [_value(word) for word in raw]
    about = bool(_ABOUT.search(text[: match.start()]))
    ranged = bool(re.search(r"\bto\b|[-–]|\bor\b|\band\b", more)) and not re.search(r"[x×X*]|\bby\b", more)
    if not measure:
        if match["first"].lower() in ("one", "hundred"):
            return None
        if len(values) == 1 and 1900 <= values[0] <= 2100:
            return Quantity((values[0],), "date", "", False, False, match[0].strip())
        return Quantity(tuple(values), "count", _counted(tokens, match.end()), ranged, about, match[0].strip())
    return Quantity(tuple(value * scale for value in values), measure, "", ranged, about, match[0].strip())


def _value(word: str) -> float:
    return float(_WORDS[word.lower()]) if word.lower() in _WORDS else float(word.replace(",", ""))


def _counted(tokens: Sequence[Token], end: int) -> str:
    return next((token.concept for token in tokens if token.start >= end and token.concept), "")


def same(claimed: Quantity, known: Quantity) -> bool:
    """Whether what a sentence says agrees with what a source says.

    Parameters
    ----------
    claimed, known : Quantity
    """
    if claimed.measure != known.measure or (claimed.measure == "grade" and claimed.of != known.of):
        return False
    slack = 0.09 if claimed.about else 0.011
    if known.ranged and len(known.values) == 2 and len(claimed.values) == 1:
        low, high = sorted(known.values)
        return low * (1 - slack) <= claimed.values[0] <= high * (1 + slack)
    return all(
        any(abs(value - other) <= slack * max(abs(other), 1e-9) for other in known.values) for value in claimed.values
    )


def comparable(claimed: Quantity, known: Quantity) -> bool:
    """Whether two quantities measure the same kind of thing, so that another value contradicts.

    Parameters
    ----------
    claimed, known : Quantity
    """
    if claimed.measure != known.measure:
        return False
    return claimed.measure not in ("count", "grade") or (bool(claimed.of) and claimed.of == known.of)
