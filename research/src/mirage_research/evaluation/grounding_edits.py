"""Documented edits that make a sentence of a source say something else.

Each takes a sentence and a random generator and gives the edited sentence, or None where it does not apply. What an edit
makes is wrong because the source says otherwise; `mirage_research.evaluation.grounding_paraphrases` makes what stays right.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

Edit = Callable[[str, random.Random], str | None]

_SIDE = re.compile(
    r"\b(left|right)(?=(?:-sided|-side|ward)?\b)(?!-(?:to|greater|handed)|\s+(?:to|or|and|versus|vs|greater|untreated|alone|after)\b)",
    re.IGNORECASE,
)
_NO_SIDE = re.compile(
    r"\b(?:bilateral\w*|both|either|left[- ]to[- ]right|right[- ]to[- ]left|was left|were left|right away)\b", re.IGNORECASE
)
_OTHER = {"left": "right", "right": "left"}


def flip_side(sentence: str, rng: random.Random) -> str | None:
    """Left for right and right for left: all of them, or one where several stand."""
    found = list(_SIDE.finditer(sentence))
    if not found or _NO_SIDE.search(sentence):
        return None
    chosen = found if rng.random() < 0.5 else [rng.choice(found)]
    return _replaced(sentence, [(match, _like(match[0], _OTHER[match[0].lower()])) for match in chosen])


_DENIED = (
    (re.compile(r"\b([Tt])here (is|are|was|were) (?!no\b|not\b|also\b)(?:an? |some )?"), r"\1here \2 no "),
    (re.compile(r"\b(shows?|showed|demonstrates?|demonstrated|reveals?|revealed|showing|demonstrating)( that)? (?!no\b|not\b|that\b)(?:an? |the )?(?=\w)"), r"\1 no "),  # noqa: E501
    (re.compile(r"\b(is|are|was|were) (?=(?:seen|noted|present|identified|visualized|enlarged|dilated|displaced|thickened|visible|compressed|narrowed|involved)\b)"), r"\1 not "),  # noqa: E501
    (re.compile(r"\bwith (?=(?:an? )?(?:\w+ ){0,2}(?:enhancement|edema|hemorrhage|calcifications?|effusion|mass effect|stranding|dilatation|dilation|thickening|obstruction|erosion|destruction|fluid|necrosis)\b)"), "without "),  # noqa: E501
)  # fmt: skip


def deny(sentence: str, rng: random.Random) -> str | None:
    """State the absence of what the sentence states: "shows a mass" becomes "shows no mass"."""
    if re.search(r"\b(?:no|not|without|absent|absence|neither|nor|never|cannot|denies)\b|n't\b", sentence, re.IGNORECASE):
        return None
    options = [(pattern, new) for pattern, new in _DENIED if pattern.search(sentence)]
    if not options:
        return None
    pattern, new = rng.choice(options)
    return pattern.sub(new, sentence, count=1)


_STATED = (
    (re.compile(r"\b([Tt]here (?:is|are|was|were)) no (?:evidence of |sign of |signs of )?"), r"\1 "),
    (re.compile(r"\b(shows?|demonstrates?|reveals?|with|and|has|had|have|of) no (?:evidence of |sign of )?"), r"\1 "),
    (re.compile(r"^No (?:evidence of |sign of )?(?=[a-z])"), ""),
    (re.compile(r"\bwithout (?:evidence of )?(?=[a-z])"), "with "),
    (re.compile(r"\b(is|are|was|were) not (?=(?:seen|noted|present|identified|visualized|enlarged|dilated|displaced|thickened|visible|compressed|involved)\b)"), r"\1 "),  # noqa: E501
    (re.compile(r"\b(does|do|did) not (?=[a-z]+)"), r"\1 "),
)  # fmt: skip
_NOT_PLAIN = re.compile(
    r"\b(?:not only|no longer|without (?:and|or)|no more|no doubt|with (?:and|or) without|not necessarily)\b", re.IGNORECASE
)


def state(sentence: str, rng: random.Random) -> str | None:
    """Take a denial out: "There is no mass" becomes "There is mass"."""
    denials = re.findall(r"\b(?:no|not|without|nor|never|cannot)\b", sentence, re.IGNORECASE)
    if len(denials) != 1 or _NOT_PLAIN.search(sentence):
        return None
    for pattern, new in _STATED:
        if pattern.search(sentence):
            edited = pattern.sub(new, sentence, count=1)
            return edited[0].upper() + edited[1:]
    return None


_MEASURED = re.compile(
    r"(?<![\w./-])(\d+(?:\.\d+)?)(?=(?:\s*[x×X]\s*\d+(?:\.\d+)?)*\s*-?\s*(?:cm|mm|%|percent|HU|years?|weeks?|months?|ml|cc)\b|\s*%)"
)
_COUNTS = {"two": ("three", "four"), "three": ("two", "five"), "four": ("two", "three"), "five": ("two", "three")}
_COUNTED = re.compile(r"\b(two|three|four|five)\b(?!-| of\b)", re.IGNORECASE)
_FACTORS = (0.4, 0.5, 1.6, 2.0, 3.0)


def change_number(sentence: str, rng: random.Random) -> str | None:
    """Another number, by a factor that no rounding explains; a percentage stays below 100."""
    found = [*_MEASURED.finditer(sentence), *_COUNTED.finditer(sentence)]
    if not found:
        return None
    match = rng.choice(found)
    if match[0].lower() in _COUNTS:
        return _replaced(sentence, [(match, _like(match[0], rng.choice(_COUNTS[match[0].lower()])))])
    value, places = float(match[1]), len(match[1].partition(".")[2])
    others = {float(number) for number in re.findall(r"\d+(?:\.\d+)?", sentence)}
    percent = bool(re.match(r"[\d.\sx×X]*(?:%|percent)", sentence[match.start() :]))
    for factor in rng.sample(_FACTORS, len(_FACTORS)):
        new = round(value * factor, places)
        if new > 0 and abs(new - value) >= 0.2 * value and new not in others and not (percent and new > 99):
            return _replaced(sentence, [(match, f"{new:.{places}f}")])
    return None


_MODALITIES = (
    (re.compile(r"\bCT\b"), "MRI"),
    (re.compile(r"\b(?:MRI|MR imaging|MR)\b(?! angio)"), "CT"),
    (re.compile(r"\bT1(?=[ -]?[Ww]| |,|$)"), "T2"),
    (re.compile(r"\bT2(?=[ -]?[Ww]| |,|$)"), "T1"),
    (re.compile(r"\b[Uu]ltrasound\b"), "CT"),
    (re.compile(r"\b[Rr]adiographs?\b"), "ultrasound"),
)


def swap_modality(sentence: str, rng: random.Random) -> str | None:
    """Another kind of picture: CT for MRI, T1 for T2, ultrasound for a radiograph."""
    options = [(pattern, new) for pattern, new in _MODALITIES if pattern.search(sentence)]
    options = [(pattern, new) for pattern, new in options if not re.search(rf"\b{new}", sentence, re.IGNORECASE)]
    if not options or re.search(r"\bor\b|\bPET\b", sentence):
        return None
    pattern, new = rng.choice(options)
    return pattern.sub(new, sentence)


_PLANES = ("axial", "coronal", "sagittal")
_PLANE = re.compile(r"\b(axial|coronal|sagittal)\b(?! (?:suture|synostosis|sinus|loading|plane and))", re.IGNORECASE)


def swap_plane(sentence: str, rng: random.Random) -> str | None:
    """Another plane; only where one plane is named."""
    found = list(_PLANE.finditer(sentence))
    if not found or len({match[0].lower() for match in found}) > 1:
        return None
    new = rng.choice([plane for plane in _PLANES if plane != found[0][0].lower()])
    return _replaced(sentence, [(match, _like(match[0], new)) for match in found])


def _replaced(sentence: str, pieces: list[tuple[re.Match[str], str]]) -> str:
    for match, new in sorted(pieces, key=lambda piece: -piece[0].start()):
        sentence = sentence[: match.start()] + new + sentence[match.end() :]
    return sentence


def _like(old: str, new: str) -> str:
    return new.upper() if old.isupper() and len(old) > 1 else new.capitalize() if old[0].isupper() else new


# Kind of error to the edits that make it, in the order of the table.
EDITS: dict[str, tuple[Edit, ...]] = {
    "laterality": (flip_side,),
    "negation": (deny, state),
    "number": (change_number,),
    "modality": (swap_modality,),
    "plane": (swap_plane,),
}
