"""One sentence as the checker reads it: words as concepts, and what is said of each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from mirage.language import imaging, laterality, negation, numbers
from mirage.language.lexicon import Kind, concept_of, fold, vocabulary

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?\d*|\d+(?:[.,]\d+)*|[,;:()]")
_MOST_WORDS = 240


@dataclass(frozen=True, slots=True)
class Token:
    """One word or name, where it stands, and what it means.

    Attributes
    ----------
    text : str
        As written.
    word : str
        Folded; of a name of several words, all of them.
    concept : str
        Same for all names of one thing; empty for stop words, numbers and stops.
    kind : str
        What the concept names.
    start, end : int
        In the sentence.
    """

    text: str
    word: str
    concept: str
    kind: Kind
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Reading:
    """A sentence read.

    Attributes
    ----------
    text : str
    tokens : tuple of Token
    concepts : dict
        Concept to the words it stands in, for those that say something: no stop words, no sides, no bare verbs of showing.
    kinds : dict
        Concept to its kind.
    denials : tuple of mirage.language.negation.Denial
    sides : tuple of mirage.language.laterality.SideMention
    quantities : tuple of mirage.language.numbers.Quantity
    modalities, planes : dict
        Modality or plane to the words that say it.
    denies : bool
        Whether any word of it denies or says that something is normal, in whatever reach.
    """

    text: str
    tokens: tuple[Token, ...]
    concepts: dict[str, str]
    kinds: dict[str, Kind]
    denials: tuple[negation.Denial, ...]
    sides: tuple[laterality.SideMention, ...]
    quantities: tuple[numbers.Quantity, ...]
    modalities: dict[str, str]
    planes: dict[str, str]
    denies: bool = False

    @property
    def denied(self) -> frozenset[str]:
        """All concepts in the scope of a denial."""
        return frozenset(concept for denial in self.denials for concept in denial.scope)

    @property
    def affirmed(self) -> frozenset[str]:
        """Concepts that stand outside every denial."""
        inside = {place for denial in self.denials for place in denial.places}
        return frozenset(
            token.concept
            for place, token in enumerate(self.tokens)
            if token.concept in self.concepts and place not in inside
        )


@lru_cache(maxsize=8192)
def read(sentence: str) -> Reading:
    """Read one sentence.

    Parameters
    ----------
    sentence : str
        Words past the first 240 are not read.
    """
    tokens = _tokens(spelled_out(sentence))
    modalities, planes, imaging_places = imaging.mentions(tokens)
    sides = laterality.mentions(tokens)
    quantities, number_places = numbers.quantities(tokens, spelled_out(sentence))
    concepts: dict[str, str] = {}
    kinds: dict[str, Kind] = {}
    for place, token in enumerate(tokens):
        silent = place in imaging_places or place in number_places or laterality.is_side(token.word)
        if token.concept and token.kind != "plain" and not silent and not negation.is_cue(token.word):
            concepts.setdefault(token.concept, token.text)
            kinds.setdefault(token.concept, token.kind)
    denies = any(negation.is_cue(token.word) or token.word in negation.CLEAR for token in tokens)
    denied = negation.denials(tokens, imaging_places)
    return Reading(sentence, tokens, concepts, kinds, denied, sides, quantities, modalities, planes, denies)


def spelled_out(sentence: str) -> str:
    """The sentence with short forms that hold a side written out: ``LUL`` becomes ``left upper lobe``."""
    shorts = vocabulary().shorts
    text = re.sub(r"\b[A-Z]{3}\b", lambda match: shorts.get(match[0], match[0]), sentence)
    text = re.sub(r"\b([LR])\.?(?=[ -](?:sided?\b|[a-z]{4}|[A-Z]{3}\b))", lambda m: {"L": "left", "R": "right"}[m[1]], text)
    return re.sub(r"\b([LR])t\.?(?=\s)", lambda m: {"L": "left", "R": "right"}[m[1]], text)


def _tokens(text: str) -> tuple[Token, ...]:
    found = list(_WORD.finditer(text))[:_MOST_WORDS]
    folded = [fold(match[0]) for match in found]
    known = vocabulary()
    tokens: list[Token] = []
    place = 0
    while place < len(found):
        match, word = found[place], folded[place]
        length, concept = 1, ""
        for name, meant in known.phrases.get(word, ()):
            if tuple(folded[place : place + len(name)]) == name:
                length, concept = len(name), meant
                break
        if not concept and match[0][0].isalpha():
            concept = concept_of(word)
        last = found[place + length - 1]
        kind = known.kind(concept, word) if concept else ""
        tokens.append(
            Token(
                text[match.start() : last.end()],
                " ".join(folded[place : place + length]),
                concept,
                kind,
                match.start(),
                last.end(),
            )
        )
        place += length
    return tuple(tokens)
