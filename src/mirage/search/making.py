"""Whether a figure was made as a query asks: its modality, sequence, window and plane."""

from __future__ import annotations

from functools import lru_cache

from mirage.language.concepts import lexicon
from mirage.language.denying import HOW
from mirage.language.labels import MODALITY_LABELS
from mirage.language.reading import AskedConcept, QueryReading
from mirage.language.words import remembered
from mirage.storage.searched import SearchRow

# What a film calls the view that slices call a plane.
_PROJECTIONS = {"coronal": "frontal", "sagittal": "lateral"}
# Told by what a text states of contrast medium; see `mirage.language.stated`.
_BY_CONTRAST = frozenset({"contrast-enhanced CT", "non-contrast CT", "contrast-enhanced T1-weighted imaging"})
# Labels that another may stand for: CT and MR angiograms, PET/CT.
_BOTH = {"CT": frozenset({"XA", "PT", "NM"}), "MR": frozenset({"XA", "PT"})}


def made_as_asked(reading: QueryReading, figure: SearchRow) -> bool:
    """Whether a figure was made as a query asks, all of it: modality, sequence, window, plane.

    Parameters
    ----------
    reading : QueryReading
    figure : SearchRow
    """
    asked = [each for each in reading.concepts if each.kind in HOW]
    made = [each for each in asked if made_so(each, figure)]
    return all(each in made or any(_another_way(each, other) for other in made) for each in asked)


def _another_way(one: AskedConcept, other: AskedConcept) -> bool:
    """Whether no picture is made in both ways: who asks for CT and MRI, or for two planes, wants pictures of either."""
    if one.kind != other.kind or one.kind == "sequence":
        return False
    return one.kind == "plane" or _labels(one.name).isdisjoint(_labels(other.name))


def made_otherwise(concept: AskedConcept, figure: SearchRow) -> bool:
    """Whether a figure is of another modality than is asked for."""
    labels = _labels(concept.name)
    if not figure.modality or not labels or figure.modality in labels:
        return False
    return labels.isdisjoint(_BOTH.get(figure.modality, ())) or not _says(concept, figure)


def _says(concept: AskedConcept, figure: SearchRow) -> bool:
    return not named_in(f"{figure.title}. {figure.caption}").isdisjoint({concept.name, *concept.narrower})


@lru_cache(maxsize=1024)
def _labels(concept: str) -> frozenset[str]:
    kinds = {concept, *lexicon().parents(concept)}
    return frozenset(MODALITY_LABELS[name] for name in kinds if name in MODALITY_LABELS)


def made_so(concept: AskedConcept, figure: SearchRow) -> bool:  # noqa: PLR0911 - each return is one way to tell it
    """Whether a figure was made as asked: by its labels, or by its own words."""
    if concept.kind == "plane" and figure.plane in (concept.name, _PROJECTIONS.get(concept.name)):
        return True
    if figure.modality and MODALITY_LABELS.get(concept.name) == figure.modality:
        return True
    if made_otherwise(concept, figure):
        return False  # a spin echo is no "echo" of the heart
    if concept.name.endswith(" window"):  # "lung" and "window" stand in the captions of other windows too
        return concept.name in named_in(figure.caption)
    if figure.words.issuperset(concept.words) or (concept.name in _BY_CONTRAST and figure.modality in _labels(concept.name)):
        return True
    if concept.name in MODALITY_LABELS or figure.modality not in _labels(concept.name):
        return False
    # "chest film" is a radiograph of what its organ is; other kinds of a modality have to be said.
    organ, shown = lexicon().organ(concept.name), named_in(figure.region)
    of_organ = organ in shown.union(*map(lexicon().parents, shown)) or lexicon().canonical(organ) in figure.words
    return _says(concept, figure) or (of_organ and lexicon().general(concept.name) in MODALITY_LABELS)


@remembered(4096)
def named_in(text: str) -> frozenset[str]:
    """The concepts that a text names."""
    return frozenset(match.concept for match in lexicon().find(text).matches)
