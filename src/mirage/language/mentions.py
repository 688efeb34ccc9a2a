"""Mentions: which concepts a text speaks of, and whether it affirms, denies, supposes or only names them.

After ConText (Harkema et al., Journal of Biomedical Informatics 42 (2009) 839-851): denied and open come from
`mirage.language.negation`; history and what is only spoken of, from the words of ``cues.toml``, up to the end of the clause.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Protocol, get_args
from zlib import crc32

from mirage.language import negation, sentences
from mirage.language.annotation import annotate
from mirage.language.concepts import Lexicon, Match, lexicon
from mirage.language.words import WORD

Polarity = Literal["affirmed", "denied", "possible", "history", "named"]
POLARITIES: tuple[Polarity, ...] = get_args(Polarity)

_CLAUSE = r"[^.;:,()]{0,80}"
_CUES: dict[Any, Any] = tomllib.loads(Path(__file__).with_name("cues.toml").read_text("utf-8"))
_SPANISH_CUES = _CUES.pop("spanish")
# Spanish denials go on with "ni" and end at "y": what stands behind that is left open.
_SPANISH_ENDS = "pero|compatibles?|sugestiv[oa]s?|debid[oa]|dentro|alrededor|se observan?|se aprecian?|hay|muestran?"
_SPANISH_CLAUSE, _SPANISH_DENIED = (
    rf"(?:(?!\b(?:{ends})\b)[^.;:,()]){{0,80}}" for ends in (_SPANISH_ENDS, f"y|e|{_SPANISH_ENDS}")
)
# "? appendicitis" and "appendicitis?"
_ASKED = re.compile(r"(?:^|(?<=[\s(]))\?[^.;:,()?]{0,80}|[^.;:,()?]{1,80}\?")
_STOPS = ".;:,()"
_Patterns = Iterable[tuple[Polarity, re.Pattern[str]]]


def _cued(cues: Mapping[Polarity, list[str]], clause: str = "") -> list[tuple[Polarity, re.Pattern[str]]]:
    return [(kind, re.compile(rf"(?i)\b(?:{'|'.join(words)})(?!\w)(?::?{clause})")) for kind, words in cues.items()]


_BEHIND, _SPANISH_BEHIND = _cued(_CUES.pop("behind")), _cued(_SPANISH_CUES.pop("behind"))
_REACHES = _cued(_CUES, _CLAUSE)
_SPANISH_REACHES = [
    *_cued({"denied": _SPANISH_CUES["denied"]}, _SPANISH_DENIED),
    *_cued({"possible": _SPANISH_CUES.pop("denied")}, _SPANISH_CLAUSE),
    *_cued(_SPANISH_CUES, _CLAUSE),
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
    """The concepts of a text, sentence by sentence.

    What is not in English is not read as if it were: Spanish by Spanish names, other languages not at all.
    """
    known = known or lexicon()
    if language := sentences.language_of(text):
        return [] if language != "Spanish" else _of_spanish(text, known)
    return [mention for sentence in sentences.split(text) for mention in _of_sentence(sentence.text, known)]


def _of_spanish(text: str, known: Lexicon) -> list[Mention]:
    found: list[Mention] = []
    for sentence in sentences.split(text):
        reaches = _reaches(sentence.text, _SPANISH_REACHES, _SPANISH_BEHIND)
        for match in known.find(sentence.text).matches:
            words = tuple(known.words(sentence.text[match.start : match.end]))
            if words in _spanish_names(known).get(match.concept, ()):
                polarity = _polarity(match.start, match.end, reaches)
                found.append(Mention(match.concept, polarity, match.start, match.end, sentence.text))
    return found


@lru_cache(maxsize=2)
def _spanish_names(known: Lexicon) -> dict[str, frozenset[tuple[str, ...]]]:
    return {
        name: frozenset(tuple(known.words(each)) for each in concept.es)
        for name, concept in known.concepts.items()
        if concept.es
    }


def _reaches(text: str, before: _Patterns, behind: _Patterns) -> list[tuple[int, int, Polarity]]:
    """What words before a name and behind it reach: up to the end of the clause, and from its beginning."""
    found = [(hit.start(), hit.end(), polarity) for polarity, pattern in before for hit in pattern.finditer(text)]
    for polarity, pattern in behind:
        for hit in pattern.finditer(text):
            found.append((1 + max(text.rfind(stop, 0, hit.start()) for stop in _STOPS), hit.start(), polarity))
    if "?" in text:
        found += [(hit.start(), hit.end(), "possible") for hit in _ASKED.finditer(text)]
    return found


@lru_cache(maxsize=1024)  # the slices of a stack share most of their sentences, and each is read for several things
def _of_sentence(text: str, known: Lexicon) -> tuple[Mention, ...]:
    found = known.find(text).matches
    if not found:
        return ()
    reaches = _reaches(text, _REACHES, _BEHIND)
    denied: list[tuple[str, tuple[int, int, Polarity]]] = []
    if negation.may_deny(text):
        annotation = annotate(text)
        for denial in (*annotation.denials, *annotation.questions):
            said: Polarity = "denied" if denial.certain else "possible"
            tokens = (annotation.tokens[place] for place in denial.places)
            denied += [(denial.cue.lower().strip(" -"), (token.start, token.end, said)) for token in tokens]

    def of(match: Match) -> Mention:
        words = set(WORD.findall(text[match.start : match.end].lower()))
        # "Non" in "non-small cell carcinoma" and "absence of" in "absence of the pericardium" are parts of names.
        reach = [one for cue, one in denied if not words.issuperset(cue.split())]
        return Mention(match.concept, _polarity(match.start, match.end, [*reaches, *reach]), match.start, match.end, text)

    return tuple(map(of, found))


def _polarity(start: int, end: int, reaches: list[tuple[int, int, Polarity]]) -> Polarity:
    held = {polarity for first, last, polarity in reaches if first < end and start < last}
    return next((polarity for polarity in ("denied", "named", "history", "possible") if polarity in held), "affirmed")


class FieldMention(Protocol):
    """A concept that one field of a figure or its case speaks of."""

    @property
    def concept(self) -> str: ...
    @property
    def field(self) -> str: ...
    @property
    def polarity(self) -> str: ...


FIELDS = ("title", "diagnosis", "topic", "caption", "findings")  # searched each by itself; what else there is, as one
REST = "rest"
POLARITY_WEIGHTS: Mapping[str, float] = {"affirmed": 1.0, "possible": 0.5, "history": 0.3}
BROADER = 0.9  # of the weight of a concept, for those that it is a kind of


@lru_cache(maxsize=100_000)
def number_of(concept: str, field: str) -> int:
    """The number of 32 bits that an index knows a concept in a field by."""
    return crc32(f"{field if field in FIELDS else REST}\0{concept}".encode())


def postings(found: Iterable[FieldMention]) -> dict[int, float]:
    """What the index keeps of a figure's mentions: number of concept and field to weight.

    What a figure says of a concept it says, a little less plainly, of all broader ones; what it denies it does not say.
    """
    broader, weights = lexicon().parents, dict[int, float]()
    for mention in found:
        weight = POLARITY_WEIGHTS.get(mention.polarity, 0.0)
        if not weight:
            continue
        kinds = [(mention.concept, weight)]
        if mention.field in FIELDS:
            kinds += [(parent, weight * BROADER) for parent in broader(mention.concept)]
        for concept, its in kinds:
            number = number_of(concept, mention.field)
            weights[number] = max(its, weights.get(number, 0.0))
    return weights
