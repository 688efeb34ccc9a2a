"""Numbers with their units, brought to one measure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mirage.language.vocabulary import Token

_WORDS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60,
    "seventy": 70, "eighty": 80, "ninety": 90, "hundred": 100, "thousand": 1000,
}  # fmt: skip
_PARTS = {"half": 2, "third": 3, "quarter": 4, "fifth": 5, "tenth": 10}
_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()
_ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7, "viii": 8}
# Unit to the measure it is compared in and how much of it one is.
_UNITS: dict[str, tuple[str, float]] = {
    "mm": ("length", 1), "millimeter": ("length", 1), "cm": ("length", 10), "centimeter": ("length", 10),
    "millimetre": ("length", 1), "centimetre": ("length", 10), "litre": ("volume", 1000), "millilitre": ("volume", 1),
    "inch": ("length", 25.4), "inches": ("length", 25.4), "micron": ("length", 0.001),
    "year": ("time", 365.25), "yr": ("time", 365.25), "yo": ("time", 365.25), "y/o": ("time", 365.25), "month": ("time", 30.44),  # noqa: E501
    "mo": ("time", 30.44), "week": ("time", 7), "wk": ("time", 7), "day": ("time", 1), "hour": ("time", 1 / 24),
    "hr": ("time", 1 / 24), "minute": ("time", 1 / 1440), "decade": ("time", 3652.5),
    "hu": ("HU", 1), "hounsfield": ("HU", 1), "%": ("percent", 1), "percent": ("percent", 1),
    "ml": ("volume", 1), "cc": ("volume", 1), "milliliter": ("volume", 1), "liter": ("volume", 1000),
    "mg": ("mass", 1), "g": ("mass", 1000), "gram": ("mass", 1000), "kg": ("mass", 1e6),
    "degree": ("angle", 1), "°": ("angle", 1), "mmhg": ("pressure", 1),
    "mm hg": ("pressure", 1), "gy": ("dose", 1), "tesla": ("field", 1),
}  # fmt: skip
_GRADED = r"stage|grade|type|class|level|segment|zone|phase|who grade|category|bi-?rads|chromosome"
_NUMBER = r"\d+(?:,\d{3})+(?:\.\d+)?|\d*\.\d+|\d+"
_UNIT = "|".join(
    sorted((re.escape(unit) + ("s?" if unit.isalpha() and len(unit) > 1 else "") for unit in _UNITS), key=len, reverse=True)
)
_COUNT = rf"(?:{'|'.join(_WORDS)})(?:[ -](?:{'|'.join(_WORDS)}))*"
_QUANTITY = re.compile(
    rf"(?<![\w.])(?P<first>{_NUMBER}|\b(?:{_COUNT})\b)"
    rf"(?P<more>(?:\s*-?\s*(?:{_UNIT})?\s*(?:[x×X*]|by|to|-|–|and|or)\s*(?:{_NUMBER}|(?:{_COUNT})\b)(?![\w.]*\d))*)"
    rf"\s*-?\s*(?P<unit>(?:{_UNIT})(?![\w]))?",
    re.IGNORECASE,
)
_GRADE = re.compile(
    rf"\b(?P<what>{_GRADED})\s+(?P<value>[ivx]+|\d+|(?-i:[A-H]))(?P<part>[a-d]?)\b(?:\s*(?:or|-|to)\s*(?P<to>[ivx]+|\d+)(?P<more>[a-d]?)\b)?",
    re.IGNORECASE,
)
# Vertebrae, vitamins and the like. T1 and T2 are mostly sequences.
_CODE = re.compile(r"\b(?P<what>[A-Z])-?(?P<value>\d{1,2})\b(?:\s*(?:-|–|to|through)\s*(?P=what)(?P<to>\d{1,2})\b)?")
_ORDINAL = re.compile(rf"\b(?P<value>{'|'.join(_ORDINALS)}|\d+(?=st|nd|rd|th))(?:st|nd|rd|th)?\b", re.IGNORECASE)
# The eighth thoracic vertebra is T8.
_VERTEBRA = re.compile(
    r"\s+(?P<part>cervical|thoracic|lumbar|sacral)\s+(?:vertebra|vertebral|segment|level)\b", re.IGNORECASE
)
_PLAIN = rf"(?:{_NUMBER}|\b(?:{_COUNT})\b)"
_RATIO = re.compile(
    rf"(?<![\w.])(?P<first>{_PLAIN})(?:\s*(?:to|or|-)\s*(?P<to>{_PLAIN}))?(?:\s+[a-z]+){{0,3}}?\s+"
    rf"(?P<how>out of(?: every)?|in(?: every)?|for every)\s+(?:a )?(?P<of>{_PLAIN})(?!\s*-?\s*(?:{_UNIT})\b)(?![\w.]*\d)"
    rf"|(?<![\w.:])(?P<left>\d{{1,2}}):(?P<right>\d{{1,2}})(?![\d:])"
    r"|\b(?:(?P<times>one|two|three|four|a)[ -])?(?P<part>half|third|quarter|fifth|tenth)s?(?![ -]li[fv]e)"
    r"(?= of| the| may|\b(?!\s+[a-z]))"
    r"|\b(?P<threequarters>three)[ -]quarters\b",
    re.IGNORECASE,
)
_ONE = re.compile(rf"{_NUMBER}|\b(?:{_COUNT})\b", re.IGNORECASE)
_AGE = re.compile(r"\b(?:age of|aged?|ages|age between)\s*$", re.IGNORECASE)
_ABOUT = re.compile(r"(?:about|approximately|approx\.?|around|nearly|almost|roughly|some|~)\s*$", re.IGNORECASE)
# Measures whose numbers are compared only where they are of one thing.
_NAMED = ("grade", "code", "ordinal")
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
    plain : tuple of float
        The numbers as written, before units.
    head : str
        The concept that is measured: the last before it in its clause, else the next one.
    """

    values: tuple[float, ...]
    measure: str
    of: str
    ranged: bool
    about: bool
    words: str
    plain: tuple[float, ...] = ()
    head: str = ""


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
    for pattern in (_GRADE, _CODE, _ORDINAL, _RATIO):
        for match in pattern.finditer(text):
            if not any(start < match.end() and match.start() < end for start, end in taken):
                read = _graded(match, tokens) if pattern is not _RATIO else _ratio(match, text)
                if read is not None:
                    found.append(read)
                    taken.append(match.span())
    for match in _QUANTITY.finditer(text):
        if any(start < match.end() and match.start() < end for start, end in taken):
            continue
        quantity = _quantity(match, tokens, text)
        if quantity is not None:
            found += _each(quantity, text[: match.start()])
            taken.append(match.span())
    places = frozenset(
        place for place, token in enumerate(tokens) if any(start <= token.start < end for start, end in taken)
    )
    return tuple(found), places


def _each(quantity: Quantity, before: str) -> list[Quantity]:
    """ "4.4 and 3.9 cm" are two values, and so is what falls, "from 15.4 to 10.5 cm"; "between 4 and 6 cm" is a range."""
    low, *rest = quantity.values
    if not (quantity.ranged and rest and quantity.measure != "count"):
        return [quantity]
    listed = " and " in quantity.words and not re.search(r"(?i)\bbetween\s*$", before)
    if not listed and low <= rest[-1]:
        return [quantity]
    plain = quantity.plain or quantity.values
    pairs = zip(quantity.values, plain, strict=True)
    return [replace(quantity, values=(value,), plain=(own,), ranged=False) for value, own in pairs]


def _graded(match: re.Match[str], tokens: Sequence[Token]) -> Quantity | None:
    """Stage IIA, B12, chromosome 17, the seventh rib."""
    said = match.groupdict()
    what = (said.get("what") or "").lower()
    value = _rank(said["value"].lower(), said.get("part"))
    if value is None or (what == "t" and value < 3):
        return None
    last = _rank((said.get("to") or "").lower(), said.get("more"))
    if match.re is _ORDINAL:
        if vertebra := _VERTEBRA.match(match.string, match.end()):
            return Quantity((value,), "code", vertebra["part"][0].lower(), False, False, match[0] + vertebra[0])
        counted = next((token for token in tokens if token.start >= match.end() and token.concept), None)
        return (
            Quantity((value,), "ordinal", counted.concept, False, False, f"{match[0]} {counted.text}") if counted else None
        )
    values = (value,) if last is None else (value, last)
    measure = "code" if match.re is _CODE else "grade"
    return Quantity(values, measure, what, last is not None and " or " not in match[0], False, match[0])


def _rank(value: str, part: str | None) -> float | None:
    whole = _ROMAN.get(value) or (int(value) if value.isdigit() else None)
    if whole is None and len(value) == 1 and value in "abcdefgh":
        whole = "abcdefgh".index(value) + 1
    if whole is None and value in _ORDINALS:
        whole = _ORDINALS.index(value) + 1
    return None if whole is None else whole + (" abcd".index(part.lower()) / 10 if part else 0)


def _ratio(match: re.Match[str], text: str) -> Quantity | None:
    """One in twenty, three quarters and half are shares, compared in percent; 3:2 and three for every two are ratios."""
    about = not match["of"] or not match["of"].isdigit() or bool(_ABOUT.search(text[: match.start()]))
    if match["left"]:
        return Quantity((float(match["left"]) / max(1.0, float(match["right"])),), "ratio", "", False, about, match[0])
    if match["threequarters"] or match["part"]:
        times = match["threequarters"] or match["times"] or ""
        if not times and match["part"].lower() != "half":
            return None
        share = _WORDS.get(times.lower(), 1) / (4 if match["threequarters"] else _PARTS[match["part"].lower()])
        return Quantity((100 * share,), "percent", "", False, about, match[0])
    whole = _value(match["of"])
    parts = tuple(_value(part) for part in (match["first"], match["to"]) if part)
    every = match["how"].lower() == "for every"
    if not whole or (not every and max(parts) > whole):
        return None
    values = tuple(part / whole * (1 if every else 100) for part in parts)
    return Quantity(values, "ratio" if every else "percent", "", len(values) > 1, about, match[0])


def _quantity(match: re.Match[str], tokens: Sequence[Token], text: str) -> Quantity | None:
    unit = " ".join((match["unit"] or "").lower().split())
    measure, scale = _UNITS.get(unit) or _UNITS.get(unit.rstrip("s")) or ("", 1.0)
    if not measure and _AGE.search(text[: match.start()]):
        measure, scale = _UNITS["year"]
    more = match["more"] or ""
    raw = [match["first"], *_ONE.findall(more)]
    values = tuple(_value(word) for word in raw)
    about = bool(_ABOUT.search(text[: match.start()]))
    ranged = bool(re.search(r"\bto\b|[-–]|\bor\b|\band\b", more)) and not re.search(r"[x×X*]|\bby\b", more)
    words = match[0].strip()
    if not measure:
        if match["first"].lower() in ("one", "hundred"):
            return None
        if len(values) == 1 and 1900 <= values[0] <= 2100:
            return Quantity(values, "date", "", False, False, words)
        return Quantity(values, "count", _counted(tokens, match.end()), ranged, about, words, values)
    scaled = tuple(value * scale for value in values)
    return Quantity(scaled, measure, "", ranged, about, words, values, _measured(tokens, match.start(), match.end()))


def _measured(tokens: Sequence[Token], start: int, end: int) -> str:
    """The structure or finding that a measurement is of."""
    before = [token for token in tokens if token.end <= start]
    for token in reversed(before):
        if token.word in (";", ":", ",", "and", "while", "whereas", "but"):
            break
        if token.kind in ("anatomy", "disease"):
            return token.concept
    return next((token.concept for token in tokens if token.start >= end and token.kind in ("anatomy", "disease")), "")


def _value(word: str) -> float:
    parts = re.split(r"[ -]", word.lower())
    if parts[0] not in _WORDS:
        return float(word.replace(",", ""))
    total = 0.0
    for part in parts:
        total = max(1.0, total) * _WORDS[part] if part in ("hundred", "thousand") else total + _WORDS[part]
    return total


def _counted(tokens: Sequence[Token], end: int) -> str:
    return next((token.concept for token in tokens if token.start >= end and token.concept), "")


def same(claimed: Quantity, known: Quantity) -> bool:
    """Whether what a sentence says agrees with what a source says.

    Parameters
    ----------
    claimed, known : Quantity
    """
    if claimed.measure == "count" and set(claimed.values) <= set(known.plain) and not comparable(claimed, known):
        return True
    if claimed.measure != known.measure or (claimed.measure in _NAMED and claimed.of != known.of):
        return False
    if claimed.measure == "code":
        low, high = min(known.values), max(known.values)
        return any(low <= value <= high for value in claimed.values)
    slack = 0.09 if claimed.about else 0.011
    if known.ranged and len(known.values) == 2:
        low, high = sorted(known.values)
        return all(low * (1 - slack) <= value <= high * (1 + slack) for value in claimed.values)
    if claimed.measure == "grade" and all(value % 1 == 0 for value in claimed.values):
        return {int(value) for value in claimed.values} <= {int(value) for value in known.values}
    return all(
        any(abs(value - other) <= max(slack * abs(other), _rounded(claimed, place)) for other in known.values)
        for place, value in enumerate(claimed.values)
    )


def _rounded(claimed: Quantity, place: int) -> float:
    """Half of the last decimal that was written: 12.5 mm may be told as 1.2 cm."""
    if claimed.measure not in ("length", "volume") or place >= len(claimed.plain) or claimed.plain[place] % 1 == 0:
        return 0.0
    digits = len(str(claimed.plain[place]).partition(".")[2])
    return 0.5001 * 10.0**-digits * claimed.values[place] / claimed.plain[place]


def comparable(claimed: Quantity, known: Quantity) -> bool:
    """Whether two quantities measure the same kind of thing, so that another value contradicts.

    Parameters
    ----------
    claimed, known : Quantity
    """
    if claimed.measure != known.measure:
        return False
    return claimed.measure not in (*_NAMED, "count") or (bool(claimed.of) and claimed.of == known.of)
