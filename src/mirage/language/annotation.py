"""One sentence annotated: words as concepts, what is said of each, and which kinds of picture and planes it speaks of."""

from __future__ import annotations

from functools import cached_property

from mirage.figure import MODALITIES
from mirage.language import laterality, negation, numbers
from mirage.language.vocabulary import Token, spelled_out, tokenize
from mirage.language.words import remembered

_MODALITY_WORDS: dict[str, str] = {
    "ct": "CT", "cta": "CT", "ctpa": "CT", "hrct": "CT", "nect": "CT", "cect": "CT", "ncct": "CT", "cat scan": "CT",
    "computed tomography": "CT",
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
_IMAGING_WORDS = _MODALITY_WORDS | _SEQUENCES
_BEGINNINGS = {" ".join(name.split()[:count]) for name in _IMAGING_WORDS for count in (1, 2, 3)}
_PLANES = {
    "axial": "axial", "transverse": "axial", "transaxial": "axial", "coronal": "coronal", "sagittal": "sagittal",
    "parasagittal": "sagittal", "midsagittal": "sagittal",
}  # fmt: skip
# In anatomy "transverse" and "coronal" are parts of names: transverse colon, process, sinus; coronal suture.
_NOT_A_PLANE = frozenset("colon sinus process ligament myelitis foramen diameter fracture suture large bowel".split())


class Annotation:
    """A sentence annotated; what is not looked at is not worked out.

    Parameters
    ----------
    text : str
        One sentence; words past the first 240 are not read.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def _spelled(self) -> str:
        return spelled_out(self.text)

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        """Words, names and stops."""
        return tokenize(self._spelled)

    @cached_property
    def concepts(self) -> dict[str, Token]:
        """Concept to the first word for it, of those that say something: no stop words, sides or bare verbs of showing."""
        silent = self._imaging[2] | self._numbers[1] | {place for cue in self._cues for place in cue.places}
        found: dict[str, Token] = {}
        for place, token in enumerate(self.tokens):
            if token.concept and token.kind != "plain" and place not in silent and not laterality.is_side(token.word):
                found.setdefault(token.concept, token)
        return found

    @property
    def denials(self) -> tuple[negation.Denial, ...]:
        """What is denied."""
        return tuple(denial for denial in self._denials if denial.certain)

    @property
    def questions(self) -> tuple[negation.Denial, ...]:
        """What is neither affirmed nor denied: "rule out pneumonia", "pneumonia cannot be excluded"."""
        return tuple(denial for denial in self._denials if not denial.certain)

    @property
    def denies(self) -> bool:
        """Whether any word of it denies or says that something is normal, in whatever reach."""
        return bool(self._cues) or any(token.word in negation.CLEAR for token in self.tokens)

    @cached_property
    def denied(self) -> frozenset[str]:
        """All concepts in the scope of a denial."""
        return frozenset(concept for denial in self.denials for concept in denial.scope)

    @cached_property
    def affirmed(self) -> frozenset[str]:
        """Concepts that stand outside every denial and every question."""
        inside = {place for denial in self._denials for place in denial.places}
        outside = frozenset(token.concept for place, token in enumerate(self.tokens) if place not in inside)
        return outside & self.concepts.keys()

    @cached_property
    def sides(self) -> tuple[laterality.SideMention, ...]:
        """Left, right and both, with what they stand with."""
        return laterality.mentions(self.tokens)

    @property
    def quantities(self) -> tuple[numbers.Quantity, ...]:
        """Numbers with their units."""
        return self._numbers[0]

    @property
    def modalities(self) -> dict[str, str]:
        """Modality to the words that say it."""
        return self._imaging[0]

    @property
    def planes(self) -> dict[str, str]:
        """Plane to the words that say it."""
        return self._imaging[1]

    @cached_property
    def _cues(self) -> tuple[negation.Cue, ...]:
        return negation.cues(self.tokens) if negation.may_deny(self.text) else ()

    @cached_property
    def _denials(self) -> tuple[negation.Denial, ...]:
        return negation.denials(self.tokens, self._cues, self._imaging[2]) if self._cues else ()

    @cached_property
    def _imaging(self) -> tuple[dict[str, str], dict[str, str], frozenset[int]]:
        """Modalities and planes with the words that say them, and the tokens that they take up."""
        tokens = self.tokens
        modalities: dict[str, str] = {}
        planes: dict[str, str] = {}
        places: set[int] = set()
        for place, token in enumerate(tokens):
            counts = (3, 2, 1) if token.word in _BEGINNINGS else ()
            for span in (tokens[place : place + count] for count in counts):
                name = " ".join(other.word for other in span)
                if place not in places and (kind := _IMAGING_WORDS.get(name)):
                    modalities.setdefault(kind, token.text if len(span) == 1 else name)
                    places.update(range(place, place + len(span)))
                    break
            if plane := _PLANES.get(token.word):
                following = tokens[place + 1].word.split()[0] if place + 1 < len(tokens) else ""
                if following not in _NOT_A_PLANE:
                    planes.setdefault(plane, token.text)
                    places.add(place)
        return modalities, planes, frozenset(places)

    @cached_property
    def _numbers(self) -> tuple[tuple[numbers.Quantity, ...], frozenset[int]]:
        return numbers.quantities(self.tokens, self._spelled)


@remembered(8192)
def annotate(sentence: str) -> Annotation:
    """Annotate one sentence."""
    return Annotation(sentence)


def modality_name(kind: str) -> str:
    """A modality or sequence as people call it."""
    return MODALITIES.get(kind, kind)


def is_imaging(word: str) -> bool:
    """Whether a folded word names a kind of picture."""
    return word in _IMAGING_WORDS


def is_sequence(kind: str) -> bool:
    """Whether it is a kind of MRI picture rather than a modality."""
    return kind in _SEQUENCES.values()
