"""Whether a sentence says something of the thing asked for, beyond that a picture has it in it.

A sentence does with a verb of its own, between words that say more than where and how the picture was made. What has none
("CT of the liver, slice 3 of 20", "Shows: liver, spleen") does by what else it holds: a sign, or words that describe.
"""

from __future__ import annotations

import re

from mirage.explain.explainers import cues
from mirage.explain.record import without_record
from mirage.explain.statements import VERB
from mirage.explain.subject import Subject, named
from mirage.language.words import FILLERS, WORD, fold, remembered, stem

_SEEING = re.compile(
    r"""(?ix)\b(?:(?:is|are|was|were|be|can\s+be|has\s+been)\s+)?(?:well\s+|clearly\s+)?
    (?:shows?|showed|shown|showing|demonstrat\w+|reveal\w*|depict\w*|display\w*|visib\w+|visuali[sz]\w+|seen|visible|present|points?\s+(?:to|at)|marks
    |label(?:s|l?ed)?|structures?|findings?)\b"""
)
# How things look, in plain words that the signs of radiology lack.
_LOOK = re.compile(
    r"""(?ix)\b(?:widen\w*|narrow\w*|enlarg\w*|shrunken|swollen|bulg\w*|balloon\w*|bright\w*|dark\w*|dense(?:r|st)?|pale
    |split|torn|broken|displac\w+|compress\w+|invad\w+|shift\w*|collaps\w+|spots?|smooth|irregular|round|oval
    |multiple|several|numerous|solitary|single|large|small|tiny|huge|diffuse|focal)\b"""
)
# Of a caption: through what its picture goes; and which side or part of that.
_LEVEL = re.compile(r"(?i)\b(?:at\s+(?:the\s+)?levels?\s+of|through)\b[^,;:|]*|\bfrom\b[^,;:|]*?\bto\b[^,;:|]*")
_SIDE = re.compile(
    r"(?i)\b(?:left|right|both|bilateral|upper|lower|mid|middle|inner|outer|superior|inferior|anterior|posterior|medial|lateral)\b"
)
_NAMES = frozenset(("anatomy", "device", "procedure"))
_PART = re.compile(r"[:;,]")
_ASIDE = re.compile(r"\s*\([^()]*\)")
_LIST = 3  # parts from which a text without a verb is a list


def tells(text: str, subject: Subject) -> bool:
    """Whether a sentence says something of what is asked, beyond what is in the picture, where and how it was made.

    Parameters
    ----------
    text : str
    subject : Subject
    """
    if subject.normal and re.search(r"(?i)\bnormal", text):
        return True
    says, verbs = _says(text)
    if says:
        return True
    text = _ASIDE.sub("", text)
    parts = [part for part in _PART.split(_SEEING.sub(" ", without_record(text))) if _holds(part)]
    label = text.partition(":")[0] if ":" in text else ""
    listed = len(parts) >= _LIST or (label != "" and not _holds(_SEEING.sub(" ", without_record(label))))
    # Up to where something is seen, it is told through what the picture goes.
    left = _nameless(without_record(_LEVEL.sub(" ", _SEEING.sub(" | ", text))), subject)
    # What has a verb is a sentence about its picture by now: "The window is wide".
    said = sum(signs(part) or (not listed and not verbs and _holds(part)) for part in _PART.split(left))
    return said > 0 and 2 * said >= len(parts)


@remembered(4096)  # a sentence is looked at for each query that finds it
def _says(text: str) -> tuple[bool, bool]:
    """Whether a sentence says something with a verb of its own, and whether it has one at all."""
    plain = _SEEING.sub(" ", without_record(text))
    verbs = list(VERB.finditer(plain))
    # What stands behind a measure, its sizes, is no setting.
    says = any(
        _holds(plain[: verb.start()]) and (verb[0].startswith("measure") or _holds(plain[verb.end() :])) for verb in verbs
    )
    return says, bool(verbs)


def signs(text: str) -> bool:
    """Whether a text says how something looks: by a sign of radiology, a finding or a plain word."""
    return cues.shows(text) or bool(_LOOK.search(text)) or any(one.kind == "finding" for one in named(text))


def _holds(text: str) -> bool:
    """Whether a text holds a word that means something by itself."""
    words = (found[0].lower() for found in WORD.finditer(text))
    return any(word not in FILLERS and stem(word) is not None and not word.isdigit() for word in words)


def _nameless(text: str, subject: Subject) -> str:
    """A text with blanks for the names of parts of the body, their sides, devices and what is asked."""
    for one in named(text):
        if one.kind in _NAMES or one.concept in subject.narrower or one.concept in subject.wider:
            text = text[: one.start] + " " * (one.end - one.start) + text[one.end :]
    text = _SIDE.sub(" ", text)
    if subject.sort != "words":
        return text
    return re.sub(r"\w+", lambda word: "" if fold(word[0]) in subject.focus.weights else word[0], text)
