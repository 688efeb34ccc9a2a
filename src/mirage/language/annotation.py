"""One sentence annotated: words as concepts, and what is said of each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from mirage.language import imaging, laterality, negation, numbers
from mirage.language.lexicon import Kind, Token, spelled_out, tokenize


@dataclass(frozen=True, slots=True)
class Annotation:
    """A sentence annotated.

    Attributes
    ----------
    text : str
    tokens : tuple of Token
    concepts : dict
        Concept to the words it stands in, for those that say something: no stop words, no sides, no bare verbs of showing.
    kinds : dict
        Concept to its kind.
    denials : tuple of mirage.language.negation.Denial
        What is denied.
    questions : tuple of mirage.language.negation.Denial
        What is neither affirmed nor denied: "rule out pneumonia", "pneumonia cannot be excluded".
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
    questions: tuple[negation.Denial, ...]
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
        """Concepts that stand outside every denial and every question."""
        inside = {place for denial in (*self.denials, *self.questions) for place in denial.places}
        return frozenset(
            token.concept
            for place, token in enumerate(self.tokens)
            if token.concept in self.concepts and place not in inside
        )


@lru_cache(maxsize=8192)
def annotate(sentence: str) -> Annotation:
    """Annotate one sentence; words past the first 240 are not read."""
    text = spelled_out(sentence)
    tokens = tokenize(text)
    modalities, planes, imaging_places = imaging.mentions(tokens)
    quantities, number_places = numbers.quantities(tokens, text)
    cues = negation.cues(tokens)
    found = negation.denials(tokens, cues, imaging_places)
    silent = imaging_places | number_places | frozenset(place for cue in cues for place in cue.places)
    concepts: dict[str, str] = {}
    kinds: dict[str, Kind] = {}
    for place, token in enumerate(tokens):
        if token.concept and token.kind != "plain" and place not in silent and not laterality.is_side(token.word):
            concepts.setdefault(token.concept, token.text)
            kinds.setdefault(token.concept, token.kind)
    return Annotation(
        text=sentence,
        tokens=tokens,
        concepts=concepts,
        kinds=kinds,
        denials=tuple(denial for denial in found if denial.certain),
        questions=tuple(denial for denial in found if not denial.certain),
        sides=laterality.mentions(tokens),
        quantities=quantities,
        modalities=modalities,
        planes=planes,
        denies=bool(cues) or any(token.word in negation.CLEAR for token in tokens),
    )
