"""One sentence annotated: words as concepts, what is said of each, and which kinds of picture and planes it speaks of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from mirage.figure import MODALITIES
from mirage.language import laterality, negation, numbers
from mirage.language.lexicon import Kind, Token, spelled_out, tokenize

_MODALITY_WORDS: dict[str, str] = {
    "ct": "CT", "cta": "CT", "ctpa": "CT", "hrct": "CT", "cat scan": "CT", "computed tomography": "CT",
    "computerized tomography": "CT", "computed tomographic": "CT", "computer tomography": "CT",
    "mr": "MR", "mri": "MR", "mra": "MR", "mrv": "MR", "mrcp": "MR", "magnetic resonance": "MR",
    "x ray": "XR", "xray": "XR", "radiograph": "XR", "radiography": "XR", "plain film": "XR", "cxr": "XR", "kub": "XR",
    "ultrasound": "US", "ultrasonography": "US", "sonography": "US", "sonogram": "US", "sonographic": "US",
    "ultrasonographic": "US", "doppler": "US", "echocardiography": "US", "echocardiogram": "US",
    "pet": "PT", "positron emission tomography": "PT", "scintigraphy": "NM", "bone scan": "NM", "nuclear medicine": "NM",
    "mammography": "MG", "mammogram": "MG", "fluoroscopy": "RF", "fluoroscopic": "RF",
    "angiography": "XA", "angiogram": "XA", "dsa": "XA",
}  # fmt: skip
# Kinds of one MRI examination; each is its own, all are MRI.
_SEQUENCES = {
    "t1": "T1", "t1w": "T1", "t1wi": "T1", "t2": "T2", "t2w": "T2", "t2wi": "T2", "flair": "FLAIR", "dwi": "DWI",
    "diffusion weighted": "DWI", "adc": "ADC", "stir": "STIR", "gre": "GRE", "swi": "SWI",
}  # fmt: skip
_PLANES = {
    "axial": "axial", "transverse": "axial", "transaxial": "axial", "coronal": "coronal", "sagittal": "sagittal",
    "parasagittal": "sagittal", "midsagittal": "sagittal",
}  # fmt: skip
# In anatomy "transverse" and "coronal" are parts of names: transverse colon, process, sinus; coronal suture.
_NOT_A_PLANE = frozenset("colon sinus process ligament myelitis foramen diameter fracture suture large bowel".split())
Mentions = tuple[dict[str, str], dict[str, str], frozenset[int]]


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
    modalities, planes, imaging_places = _imaging(tokens)
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


def _imaging(tokens: Sequence[Token]) -> Mentions:
    """Modalities and planes with the words that say them, and the tokens that they take up."""
    modalities: dict[str, str] = {}
    planes: dict[str, str] = {}
    places: set[int] = set()
    for place, token in enumerate(tokens):
        pair = f"{token.word} {tokens[place + 1].word}" if place + 1 < len(tokens) else ""
        triple = f"{pair} {tokens[place + 2].word}" if place + 2 < len(tokens) else ""
        for name, count in ((triple, 3), (pair, 2), (token.word, 1)):
            kind = _MODALITY_WORDS.get(name) or _SEQUENCES.get(name)
            if kind and place not in places:
                modalities.setdefault(kind, token.text if count == 1 else name)
                places.update(range(place, place + count))
                break
        following = tokens[place + 1].word.split()[0] if place + 1 < len(tokens) else ""
        plane = _PLANES.get(token.word)
        if plane and following not in _NOT_A_PLANE:
            planes.setdefault(plane, token.text)
            places.add(place)
    return modalities, planes, frozenset(places)


def modality_name(kind: str) -> str:
    """A modality or sequence as people call it."""
    return MODALITIES.get(kind, kind)


def is_sequence(kind: str) -> bool:
    """Whether it is a kind of MRI picture rather than a modality."""
    return kind in _SEQUENCES.values()
