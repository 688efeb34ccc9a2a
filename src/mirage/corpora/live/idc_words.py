"""A query in words, as the index of the Imaging Data Commons can answer it: what is asked for, and where it may stand."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from mirage.images.dicom_header import region_of
from mirage.language.concepts import lexicon
from mirage.language.labels import MODALITY_LABELS
from mirage.language.mentions import mentions
from mirage.language.reading import AskedConcept, read
from mirage.language.words import fold

_PLAIN = re.compile(r"[^a-z0-9]+")
_ANYTHING = " (?:.* )?"
_MOST_NAMES = 400  # of one concept with all that is narrower: more are no help in a description of a few words
_NOTHING = re.compile(r"\b\B")  # which stands nowhere
_SHORTEST = 3  # letters of a short form that may stand for a disease in a description in capitals
# How scanners and technologists write what the lexicon has under its full name.
_WRITTEN = {
    "T1-weighted imaging": ("t1", "t1w", "mprage", "spgr", "bravo"),
    "T2-weighted imaging": ("t2", "t2w", "t2wi"),
    "fluid-attenuated inversion recovery": ("flair", "dark fluid"),
    "diffusion-weighted imaging": ("dwi", "diff", "diffusion", "ep2d diff"),
    "apparent diffusion coefficient": ("adc",),
    "contrast-enhanced T1-weighted imaging": (
        *(f"t1 … {agent}" for agent in ("post", "gd", "gad", "gado", "ce", "c", "contrast", "km")),
        "t1c", "t1ce", "t1wce", "post … t1", "gd … t1",
    ),
    "non-contrast CT": ("w o", "wo", "without", "non con", "noncon", "noncontrast", "non contrast", "unenhanced", "native"),
    "arterial phase": ("arterial", "art", "artery phase"),
    "portal venous phase": ("portal venous", "portal", "venous", "pv"),
    "delayed phase": ("delayed", "delay", "late"),
    "digital breast tomosynthesis": ("tomosynthesis", "dbt", "tomo"),
    "chest": ("chest", "thorax", "thoracic", "ch"),
    "abdomen": ("abdomen", "abdominal", "abd", "abdo"),
    "pelvis": ("pelvis", "pelvic", "pel"),
    "axial": ("axial", "ax", "tra", "transverse", "axi"),
    "coronal": ("coronal", "cor"),
    "sagittal": ("sagittal", "sag"),
}  # fmt: skip
_PARTS = ("head brain neck chest breast heart abdomen liver pancreas kidney pelvis prostate spine shoulder hip thigh knee "
          "leg").split()  # fmt: skip
# What nobody asks for who asks for pictures of people.
PHANTOMS = frozenset("phantom phantoms".split())
ANIMALS = frozenset(map(fold, "mouse mice murine dog dogs canine animal animals veterinary xenograft".split()))

# How much it says of a series that something stands in one place or another of the index.
IN_SERIES, IN_STUDY, IN_PART, AROUND_PART = 3.0, 2.5, 3.0, 1.0
ABOUT_ONE, ABOUT_SEVERAL, IN_TITLE, IN_RESULT, IN_DESCRIPTION = 2.0, 1.5, 1.5, 1.0, 1.0
_FEW = 3  # kinds of cancer, or places, that are still joined to each other


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that is asked for.

    Attributes
    ----------
    words : str
        As it was asked for, or called.
    concepts : frozenset of str
        Of the lexicon, each of which is it; none for a plain word.
    pattern, elsewhere : re.Pattern
        How it is written in a description, made plain by `plain`; and how parts of the body are that it is not in.
    organ : str
        The anatomy that it concerns, or is; empty where none is known.
    is_anatomy : bool
    hard : bool
        Whether a series without it does not fit.
    together : tuple of frozenset of str
        Concepts of which each has to be named where none of `concepts` is: *nodule*, and a part of the lung.
    """

    words: str
    concepts: frozenset[str]
    pattern: re.Pattern[str]
    elsewhere: re.Pattern[str] = _NOTHING
    organ: str = ""
    is_anatomy: bool = False
    hard: bool = True
    together: tuple[frozenset[str], ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a query asks of the index.

    Attributes
    ----------
    needs : tuple of Need
    modalities : frozenset of str
        Keys of `mirage.figure.MODALITIES`; any where it is empty.
    normal, phantoms, animals : bool
        Whether what is not diseased, or not of a person, is asked for.
    """

    needs: tuple[Need, ...]
    modalities: frozenset[str]
    normal: bool = False
    phantoms: bool = False
    animals: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """What the words of a collection name, by how much each place of them says of its series.

    Attributes
    ----------
    concepts : tuple of (float, frozenset of str)
        The weight of a place, and the concepts that it names.
    texts : tuple of (float, str)
        The same places, plain, for words that are in no concept's name.
    """

    concepts: tuple[tuple[float, frozenset[str]], ...]
    texts: tuple[tuple[float, str], ...]

    def weight(self, need: Need) -> float:
        """How much the collection's words say that a need is met; 0 for nothing."""
        best = 0.0
        for (worth, named), (_, text) in zip(self.concepts, self.texts, strict=True):
            if worth <= best:
                continue
            together = bool(need.together) and all(each & named for each in need.together)
            if need.concepts & named or together or need.pattern.search(text):
                best = worth
        return best


def plain(text: str) -> str:
    """A text in small letters, with one space around each run of letters and figures: what `Need.pattern` is for."""
    return f" {_PLAIN.sub(' ', text.lower()).strip()} "


def wanted(query: str) -> Wanted:
    """Read what a query asks of the index.

    Parameters
    ----------
    query : str
    """
    reading = read(query, lambda _: True)
    asked = {each.name: each for each in (*reading.concepts, *reading.wanted)}
    needs = list[Need]()
    modalities = set[str]()
    for concept in asked.values():
        keys = _modalities(concept.name)
        modalities |= keys
        organ = lexicon().organ(concept.name) if concept.name in lexicon() else ""
        if keys and concept.kind == "modality" and concept.name not in _WRITTEN:
            if organ:
                needs.append(_of_concept(AskedConcept.of(organ, (organ,))))
        else:
            needs.append(_of_concept(concept))
    others = [word for word in reading.others if word not in ANIMALS and word not in PHANTOMS]
    needs += [Need(word, frozenset(), _pattern([word])) for word in others]
    unique = {need.words: need for need in needs}
    said = set(reading.others)
    return Wanted(tuple(unique.values()), frozenset(modalities), reading.normal, bool(said & PHANTOMS), bool(said & ANIMALS))


def _modalities(concept: str) -> frozenset[str]:
    """The modalities that a concept says a picture is of, the narrowest: a mammography is a radiography too."""
    known = lexicon()
    named = {name: key for name, key in MODALITY_LABELS.items() if name in known}
    hold = {name for name in named if concept == name or concept in known.children(name)}
    return frozenset(named[name] for name in hold if not any(other in known.children(name) for other in hold))


def _of_concept(asked: AskedConcept) -> Need:
    known = lexicon()
    names = frozenset({asked.name}) | asked.narrower | asked.nearly
    is_anatomy = asked.kind == "anatomy"
    organ = asked.name if is_anatomy else (known.organ(asked.name) if asked.name in known else "")
    together = (frozenset({asked.general}), asked.places) if asked.general else ()
    how = asked.kind in ("sequence", "modality", "plane")
    ordered = [asked.name, *sorted(names - {asked.name}, key=lambda name: (len(name), name))]
    written = _WRITTEN.get(asked.name, ())
    named = () if how and written else (form for name in ordered for form in _forms(name, how))
    pattern = _pattern((*written, *named))
    return Need(asked.name, names, pattern, _elsewhere(organ), organ, is_anatomy, asked.kind != "plane", together)


@lru_cache(maxsize=256)
def _elsewhere(organ: str) -> re.Pattern[str]:
    """How parts of the body are written that an organ neither is in nor holds."""
    known = lexicon()
    if not organ or organ not in known:
        return _NOTHING
    own = known.children(organ) | known.parents(organ) | {organ}
    others = [name for name in _PARTS if name in known and name not in own and not known.children(name) & own]
    return _pattern(form for name in others for form in (*_forms(name, True), *_WRITTEN.get(name, ())))


def _forms(name: str, how: bool) -> Iterable[str]:
    """How a concept is written; short forms only where nothing has to settle what they mean."""
    concept = lexicon().concepts.get(name)
    if concept is None:
        return (name,)
    short = [each for each, settled in concept.abbreviations.items() if not settled and (how or len(each) >= _SHORTEST)]
    return (concept.name, *concept.synonyms, *concept.lay, *concept.adjectives, *short)


def _pattern(forms: Iterable[str]) -> re.Pattern[str]:
    there = dict.fromkeys(
        text for form in forms if (text := _ANYTHING.join(re.escape(plain(part).strip()) for part in form.split("…")))
    )
    kept = list(there)[:_MOST_NAMES]
    return re.compile(f" (?:{'|'.join(kept)})(?:s|es)? ") if kept else _NOTHING


def told(
    about: Iterable[str], places: Iterable[str], titles: Iterable[str], results: Iterable[str], description: str
) -> Told:
    """What the words of a collection name.

    Parameters
    ----------
    about : iterable of str
        The kinds of cancer that it is about, as the index has them.
    places : iterable of str
        Where those lie.
    titles, results : iterable of str
        Its own names, and those of what others made of it.
    description : str
    """
    kinds, where = [one for one in about if one], [place for place in places if place]
    worth = ABOUT_ONE if len(kinds) == 1 else ABOUT_SEVERAL
    # "Squamous Cell Carcinoma" of a collection of the lung.
    placed = [f"{place} {kind}" for kind in kinds for place in where] if len(kinds) * len(where) <= _FEW * _FEW else []
    there = [
        (worth, [*kinds, *placed]),
        (ABOUT_ONE if len(where) <= _FEW else ABOUT_SEVERAL, where),
        (IN_TITLE, list(titles)),
        (IN_RESULT, list(results)),
        (IN_DESCRIPTION, [description]),
    ]
    concepts = tuple((weight, frozenset().union(*map(_named, texts))) for weight, texts in there)
    return Told(concepts, tuple((weight, plain(" . ".join(texts))) for weight, texts in there))


@lru_cache(maxsize=4096)
def _named(text: str) -> frozenset[str]:
    return frozenset(each.concept for each in mentions(text) if each.polarity != "denied")


@lru_cache(maxsize=1024)
def of_part(code: str) -> frozenset[str]:
    """The anatomy that a Body Part Examined names.

    Parameters
    ----------
    code : str
        As the index has it: ``CHESTABDPELVIS``, ``Left Breast``.
    """
    known = lexicon()
    found = (*known.find(code.lower()).matches, *known.find(region_of(code)).matches)
    return frozenset(match.concept for match in found if known.kind(match.concept) == "anatomy")


def part_weight(code: str, need: Need) -> float:
    """What a Body Part Examined says of a need: of an anatomy that it is met, of a disease that its organ is shown.

    Parameters
    ----------
    code : str
    need : Need

    Returns
    -------
    float
        Below 0 where it is another part of the body than the one that the need concerns.
    """
    parts = of_part(code)
    if not parts or not need.organ:
        return 0.0
    known = lexicon()
    if parts & (known.children(need.organ) | {need.organ}):
        return IN_PART if need.is_anatomy else 0.5
    around = known.parents(need.organ)
    if "body" in parts or parts & around or any(known.children(part) & around for part in parts):
        return AROUND_PART if need.is_anatomy else 0.25
    return -1.0
