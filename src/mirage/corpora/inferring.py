"""Modality and plane from the picture itself: the encoder says which kind's pictures, or which description, are nearest.

Asked only where neither the source nor the caption says, and only of an encoder whose answers were measured: `Rule` holds
what pictures of each modality look like to it, by how much the nearest kind has to be nearer than any other, and which
answers could be checked. All else is left open. ``mirage evaluate inference`` makes the rule and measures it; see
docs/corpora.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter

from mirage.encoders.base import Encoder
from mirage.errors import BadInput, first_fault
from mirage.figure import INFERABLE, Figure
from mirage.language import labels
from mirage.language.concepts import lexicon
from mirage.language.sentences import language_of
from mirage.language.short_forms import set_apart
from mirage.once import loaded_once
from mirage.places import own_data
from mirage.shipped import SHIPPED
from mirage.wording import _

# The kind of prototypes of what is of no modality: drawings, pages of text, photographs of things. Never an answer.
NO_MODALITY = "OT"
SHIPPED_RULE = SHIPPED / "encoder" / "inference.json"
Vectors = npt.NDArray[np.float32]

_REGIONS = ("brain", "neck", "chest", "heart", "abdomen", "liver", "kidney", "pelvis", "spine", "knee", "shoulder")
_SLICES = ("axial", "coronal", "sagittal")
_NAMES = {
    "CT": ("CT", "contrast-enhanced CT"),
    "MR": ("MRI", "T1-weighted MRI", "T2-weighted MRI"),
    "US": ("ultrasound",),
    "XA": ("angiography",),
    "NM": ("bone scan, scintigraphy",),
    "PT": ("PET",),
    "RF": ("barium fluoroscopy",),
}
_WHOLE = {"XR": "chest X-ray", "MG": "mammography", "OP": "fundus photograph", "SM": "histology micrograph"}


class Description(NamedTuple):
    """Words that one kind of picture would fit."""

    modality: str
    plane: str
    text: str


def descriptions() -> list[Description]:
    """What the encoder chooses from: each modality, in its planes, of each region."""
    found = [Description(key, "", text) for key, text in _WHOLE.items()]
    for region in _REGIONS:
        found += [Description("XR", plane, f"{plane} X-ray of the {region}") for plane in ("frontal", "lateral")]
        for key, names in _NAMES.items():
            planes = _SLICES if key in ("CT", "MR") else ("",)
            found += [Description(key, p, f"{p} {name} of the {region}".strip()) for name in names for p in planes]
    return found


@dataclass(frozen=True, slots=True)
class Rule:
    """When to believe one encoder.

    Attributes
    ----------
    encoder : str
        Its digest.
    margins : mapping
        ``modality`` and ``plane``: by how much the best description's cosine has to exceed that of every other kind.
        A field that is not there is never inferred from pictures.
    answers : mapping
        ``modality`` and ``plane``: the values that could be checked where the rule was made. Others are not believed.
    prototypes : mapping
        Of each modality some unit vectors, middles of groups of its pictures. Where there are any, modality is theirs to
        say; without, the descriptions say it. Those of `NO_MODALITY` say that it stays open.
    """

    encoder: str
    margins: Mapping[str, float]
    answers: Mapping[str, tuple[str, ...]]
    prototypes: Mapping[str, tuple[tuple[float, ...], ...]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Rule:
        """Read what `write` wrote.

        Raises
        ------
        mirage.errors.BadInput
        """
        try:
            return TypeAdapter(cls).validate_json(path.read_bytes())
        except (OSError, ValueError) as error:
            raise BadInput(
                _(
                    "%(path)s holds no rule of inference (%(error)s). Make it anew: mirage evaluate inference --fit.",
                    path=path,
                    error=first_fault(error),
                )
            ) from error

    def write(self, path: Path, **more: object) -> None:
        """Write as JSON, with whatever else should be known of how it was made."""
        path.parent.mkdir(parents=True, exist_ok=True)
        told = {**asdict(self), **more}
        vectors = json.dumps(told.pop("prototypes"), separators=(",", ":"))  # a number a line would be thousands of lines
        text = json.dumps(told | {"prototypes": None}, indent=2)
        path.write_text(text.removesuffix("null\n}") + vectors + "\n}\n", "utf-8")


def rule_place(digest: str) -> Path:
    """Where this user's rule for an encoder lies."""
    return own_data() / "inference" / f"{digest[:32]}.json"


def rule_for(digest: str) -> Rule | None:
    """The rule of an encoder: the user's own, else the one that ships; None when its answers were never measured."""
    for path in (rule_place(digest), SHIPPED_RULE):
        if path.is_file() and (rule := Rule.read(path)).encoder == digest:
            return rule
    return None


class Looked(NamedTuple):
    """What an encoder would say of n pictures, however unsure.

    Attributes
    ----------
    values : list of str
        Empty where no description with such a value was allowed.
    margins : numpy.ndarray
        (n,) float32; how much better the best fits than the best of any other value.
    """

    values: list[str]
    margins: Vectors


class Looking:
    """Compares pictures with prototypes, or with the descriptions. The descriptions are encoded when it is first asked.

    Parameters
    ----------
    encoder : Encoder
    prototypes : mapping, optional
        See `Rule`.
    """

    def __init__(self, encoder: Encoder, prototypes: Mapping[str, Sequence[Sequence[float]]] | None = None) -> None:
        self._encoder = encoder
        self._descriptions = descriptions()
        known = prototypes or {}
        self._kinds = [key for key, rows in known.items() for _ in rows]
        self._prototypes = np.array([row for rows in known.values() for row in rows], dtype=np.float32)

    @loaded_once
    def _texts(self) -> Vectors:
        return self._encoder.encode_texts([each.text for each in self._descriptions])

    def modality(self, images: Vectors) -> Looked:
        """Choose the modality of each of (n, d) image vectors."""
        if self._kinds:
            return _chosen(images @ self._prototypes.T, self._kinds)
        return _chosen(images @ self._texts.T, [each.modality for each in self._descriptions])

    def plane(self, images: Vectors, modalities: Sequence[str]) -> Looked:
        """Choose the plane of each of (n, d) image vectors, among those that its modality has.

        Parameters
        ----------
        images : (n, d) float32
            Unit length.
        modalities : sequence of str
            Of each picture.
        """
        scores = images @ self._texts.T
        fits = np.array([[each.modality == modality for each in self._descriptions] for modality in modalities])
        planes = [each.plane for each in self._descriptions]
        return _chosen(np.where(fits.reshape(scores.shape), scores, -np.inf).astype(np.float32), planes)


class Inference:
    """Fills in what is not known of figures, from their image vectors.

    Parameters
    ----------
    encoder : Encoder
    fields : tuple of str
        Of `mirage.figure.INFERABLE`.
    rule : Rule, optional
        The encoder's own when left out; without one, nothing is inferred.
    """

    def __init__(self, encoder: Encoder, fields: tuple[str, ...] = INFERABLE, rule: Rule | None = None) -> None:
        self.rule = rule or rule_for(encoder.info().digest)
        self._fields = fields
        self._looking = Looking(encoder, self.rule.prototypes if self.rule else None)

    def __call__(self, figures: Sequence[Figure], images: Vectors) -> list[Figure]:
        """Give the figures with what the encoder is sure enough of, marked as inferred.

        Parameters
        ----------
        figures : sequence of Figure
        images : numpy.ndarray
            (n, d) float32, the figures' image vectors, unit length.
        """
        known = list(figures)
        if self.rule is None or not known:
            return known
        if "modality" in self._fields:
            known = self._filled(known, "modality", self._looking.modality(images))
        if "plane" in self._fields:
            # A plane depends on the kind of picture: an ultrasound has none of these.
            known = self._filled(known, "plane", self._looking.plane(images, [figure.modality for figure in known]))
        return known

    def _filled(self, figures: Sequence[Figure], field: str, looked: Looked) -> list[Figure]:
        assert self.rule is not None
        least, believed = self.rule.margins.get(field, np.inf), self.rule.answers.get(field, ())
        return [
            replace(figure, **{field: value}, inferred=(*figure.inferred, field))  # type: ignore[arg-type]
            if not getattr(figure, field) and value in believed and margin >= least
            else figure
            for figure, value, margin in zip(figures, looked.values, looked.margins, strict=True)
        ]


def _chosen(scores: Vectors, kinds: Sequence[str]) -> Looked:
    """The kind whose best description scores highest, and by how much over the next kind."""
    names = [kind for kind in dict.fromkeys(kinds) if kind]
    best = np.stack([scores[:, [kind == name for kind in kinds]].max(1) for name in names], 1)
    order = np.sort(np.pad(best, ((0, 0), (1, 0)), constant_values=-np.inf), 1)  # there may be one kind only
    # Where nothing was allowed all are -inf; where only one kind was, it leads by everything.
    nothing = ~np.isfinite(order[:, -1])
    margins = np.where(nothing, 0, order[:, -1] - np.where(np.isfinite(order[:, -2]), order[:, -2], -1))
    values = ["" if empty else names[which] for empty, which in zip(nothing, best.argmax(1), strict=True)]
    return Looked(values, margins.astype(np.float32))


# UMLS concepts that name a modality, and the two that name the direction of a radiograph.
_MODALITY_CONCEPTS = {
    "C0040405": "CT",
    "C0024485": "MR",
    "C0041618": "US",
    "C1306645": "XR",
    "C0002978": "XA",
    "C0032743": "PT",
}
_PLANE_CONCEPTS = {"C1996865": "frontal", "C1999039": "frontal"}

_DOUBLE = {"OPG": "OPG", "DSA": "DSA", "CT": "(CT)"}  # short forms of something else as well, and where that is looked for
_ANGIO = r"(?i:angiogra\w+)"
_WHERE = r"(?i:chest|thora\w+|skull|cervical|lumbar|spine|knee|neck|hip|pelvi[cs]|abdominal|plain|supine|erect|decubitus)"
_OF = rf"(?:{_WHERE} ){{0,2}}"
_PICTURE = r"(?i:views?|radiogra\w+|x[ -]?rays?|projections?|films?|roentgen\w*|cephalogra\w+)"
_SLICED = r"(?i:planes?|sections?|views?|images?|slices?|ct|mr|scans?|t[12])"


class _Named(NamedTuple):
    """A pattern of words that name something, and what stands in every text, in small letters, that it fits."""

    key: str
    pattern: re.Pattern[str]
    signs: tuple[str, ...]


def _words(*rows: tuple[str, str, str]) -> tuple[_Named, ...]:
    return tuple(_Named(key, re.compile(pattern), tuple(signs.split())) for key, signs, pattern in rows)


# In this order: what an earlier pattern has read, a later one does not see: "MR angiogram" is MR, and "PET/CT" is PET.
# Without a key: another kind of picture, beside which nothing is certain.
_MODALITIES = _words(
    ("PT", "positron", r"(?i:positron[ -]emission[ -]tomogra\w+(?:\s?[/-]?\s?(?:computed tomography|ct\b))?)"),
    ("PT", "pet fdg", r"\b(?:18F-?)?(?:FDG[ -])?PET(?:\s?[-/]?\s?(?:CT|MRI?)\b)?|\bFDG\b"),
    (
        "NM",
        "single scintigra bone radionuclide spect",
        r"(?i:\b(?:single[ -]photon\w*|scintigra\w+|bone scans?\b|radionuclide))|\bSPECT(?:[-/]CT)?\b",
    ),
    (
        "",
        "tomogra endoscop histolog microgra photogra oct",
        r"(?i:optical coherence tomogra\w+|\bendoscop\w+|\bhistolog\w+|\bmicrogra\w+|\bphotogra\w+)|\bOCT\b",
    ),
    ("MR", "resonance", r"(?i:\bmagnetic[ -]resonance(?: imag\w+| angiogra\w+| cholangio\w+| venogra\w+)?)"),
    ("MR", "mr", r"\bMR(?:[ -](?i:imag\w+|scans?|angiogra\w+|venogra\w+|cholangio\w+|urogra\w+|arthrogra\w+))|\bMR-"),
    ("MR", "mr flair stir", r"\b(?:[cf]?MRIs?|CMR|MRCP|MRA|MRV|FLAIR|STIR)\b"),
    ("MR", "t1 t2", r"(?i:\bT[12]\*?[ -]?(?:weighted|wi?\b|images?\b))"),
    (
        "CT",
        "comput beam",
        rf"(?i:\bcompute(?:d|ri[sz]ed)(?: axial)?[ -]tomogra\w+)(?: {_ANGIO})?|(?i:\bcone[ -]beam(?: ct\b)?)",
    ),
    ("CT", "ct cat", rf"\b(?:CE|NC|HR|MD|CB|MS)?CT(?:s|A|PA)?\b(?:[ -]{_ANGIO})?|\bCAT[ -]scan"),
    ("MG", "mammogra", r"(?i:\bmammogra\w+)"),
    (
        "US",
        "ultraso sonogra cardiogra echogra doppler",
        r"(?i:\b\w*(?:ultraso(?:und|nogr)|sonogra|echocardiogra|echogra)\w*|\bdoppler)",
    ),
    ("US", "us tee tte", r"\b(?:EUS|IVUS|TEE|TTE|USG)\b"),
    ("RF", "fluorosc barium gra", r"(?i:\bfluorosc\w+|\bbarium|\bo?esophagogra\w+|\bcystogra\w+|\b(?:cysto)?urethrogra\w+)"),
    ("RF", "hysterosalpingogra", r"(?i:\bhysterosalpingogra\w+)"),
    ("XA", "angiogra ogra dsa", r"(?i:\b\w*angiogra\w+|\b(?:arterio|aorto|veno|phlebo)gra\w+)|\bDSA\b"),
    (
        "XR",
        "ray radiogra",
        r"(?i:\bx[ -]?rays?\b|\b\w*radiogra(?:phs?|ms?|phy|phies)\b|\bradiographic (?:image|view|film)s?\b)",
    ),
    (
        "XR",
        "roentgen plain pantomogra opg cxr iopa",
        r"(?i:\broentgen\w*|\bplain films?|\b(?:ortho)?pantomogra\w+)|\b(?:OPG|CXR|IOPA)\b",
    ),
)
_PLANES = _words(
    ("axial", "axial", r"(?i:\b(?:trans)?axial\b(?! (?:load|spondyl|skeleton|length)))"),
    ("axial", "transvers", rf"(?i:\btransver(?:se|sal)) (?={_SLICED})"),
    ("coronal", "coronal", r"(?i:\bcoronal\b(?! sutur))"),
    ("sagittal", "sagittal", r"(?i:\b(?:mid|para)?-?sagittal\b(?! (?:sinus|sutur|balance|alignment)))"),
    ("oblique", "oblique", rf"(?i:\boblique)[ -]{_OF}{_PICTURE}"),
    ("lateral", "lateral", rf"(?i:\blateral)[ -]{_OF}{_PICTURE}"),
    ("frontal", "frontal anterior posterior", rf"(?i:\b(?:frontal|postero-?anterior|antero-?posterior))[ -]{_OF}{_PICTURE}"),
    ("frontal", "ap pa", rf"\b(?:AP|PA)[ -]{_OF}{_PICTURE}"),
)


def modality_in(text: str) -> str:
    """The one modality that a text names, a key of `mirage.figure.MODALITIES`; empty when it names none or several."""
    return _only(_in_spanish(text, "modality") or _named(_without_others(text), _MODALITIES))


def plane_in(text: str) -> str:
    """The one plane that a text names, of `mirage.figure.PLANES`; empty when it names none or several."""
    if language_of(text) == "Spanish":  # whose words for planes are those of English, and say other things as well
        return _only(_in_spanish(text, "plane"))
    return _only(_named(text, _PLANES))


def _without_others(text: str) -> str:
    """A text without letters that are no kind of picture there: the *CT* of CT surgery, the *OPG* of a glioma."""
    for short, shown in _DOUBLE.items():
        if shown in text:
            names = [each for each in lexicon().find(text).matches if lexicon().kind(each.concept) == "modality"]
            for found in reversed([*re.finditer(rf"\b{short}\b", text)]):
                if not any(each.start <= found.start() < each.end for each in names):
                    text = f"{text[: found.start()]}.{text[found.end() :]}"
    return set_apart(text)


def _in_spanish(text: str, field: str) -> Set[str]:
    """What the lexicon's Spanish names say in a text that is in Spanish; the patterns above are English."""
    return labels.said(text)[field] if language_of(text) == "Spanish" else frozenset()


def with_words(figure: Figure, concepts: Iterable[str] = ()) -> Figure:
    """A figure with the modality and plane that its caption names, marked as inferred, where its source says none.

    Parameters
    ----------
    figure : Figure
    concepts : iterable of str
        UMLS concepts that the source gives it; asked where the caption does not decide.
    """
    given = tuple(concepts)
    asked = {"modality": (modality_in, _MODALITY_CONCEPTS), "plane": (plane_in, _PLANE_CONCEPTS)}
    found = {
        field: named(figure.caption) or _only({known[each] for each in given if each in known})
        for field, (named, known) in asked.items()
        if not getattr(figure, field)
    }
    new = {field: value for field, value in found.items() if value}
    return replace(figure, **new, inferred=(*figure.inferred, *new)) if new else figure  # type: ignore[arg-type]


def _named(text: str, known: Sequence[_Named]) -> set[str]:
    found: set[str] = set()
    small = text.replace("İ", "i").casefold().replace("ı", "i")  # as patterns take capitals and small letters for the same
    for key, pattern, signs in known:
        if any(map(small.__contains__, signs)):
            text, count = pattern.subn(" | ", text)
            if count:
                found.add(key)
    return found


def _only(found: Set[str]) -> str:
    return next(iter(found)) if len(found) == 1 else ""
