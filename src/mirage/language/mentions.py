"""Mentions: which concepts a text speaks of, and whether it affirms, denies, supposes or only names them.

After ConText (Harkema et al., Journal of Biomedical Informatics 42 (2009) 839-851): denied and open come from
`mirage.language.negation`; history and what is only spoken of, from the words of ``cues.toml``, up to the end of the clause.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from mirage.language import negation, sentences
from mirage.language.annotation import annotate
from mirage.language.concepts import Lexicon, lexicon

Polarity = Literal["affirmed", "denied", "possible", "history", "named"]
POLARITIES: tuple[Polarity, ...] = get_args(Polarity)

_CLAUSE = r"[^.;:,()]{0,80}"
_CUES: dict[Any, list[str]] = tomllib.loads(Path(__file__).with_name("cues.toml").read_text("utf-8"))
_REACHES: list[tuple[Polarity, re.Pattern[str]]] = [
    (kind, re.compile(rf"(?i)\b(?:{'|'.join(cues)})(?!\w):?{_CLAUSE}")) for kind, cues in _CUES.items()
]


@dataclass(frozen=True, slots=True)
class Mention:
    """A concept in a text.

    Attributes
    ----------
    concept : str
    polarity : str
        One of `POLARITIES`.
    start, end : int
        In the text of its sentence.
    sentence : str
    """

    concept: str
    polarity: Polarity
    start: int
    end: int
    sentence: str


def mentions(text: str, known: Lexicon | None = None) -> list[Mention]:
    """The concepts of a text, sentence by sentence."""
    known = known or lexicon()
    return [mention for sentence in sentences.split(text) for mention in _of_sentence(sentence.text, known)]


def _of_sentence(text: str, known: Lexicon) -> list[Mention]:
    found = known.find(text).matches
    if not found:
        return []
    reaches: list[tuple[int, int, Polarity]] = []
    for polarity, pattern in _REACHES:
        reaches += [(hit.start(), hit.end(), polarity) for hit in pattern.finditer(text)]
    if negation.may_deny(text):
        annotation = annotate(text)
        for denial in (*annotation.denials, *annotation.questions):
            said: Polarity = "denied" if denial.certain else "possible"
            reaches += [(token.start, token.end, said) for token in (annotation.tokens[place] for place in denial.places)]
    return [
        Mention(match.concept, _polarity(match.start, match.end, reaches), match.start, match.end, text) for match in found
    ]


def _polarity(start: int, end: int, reaches: list[tuple[int, int, Polarity]]) -> Polarity:
    held = {polarity for first, last, polarity in reaches if first < end and start < last}
    return next((polarity for polarity in ("denied", "named", "history", "possible") if polarity in held), "affirmed")
