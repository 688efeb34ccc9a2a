"""Labels against captions: which kind of picture and which plane a caption says it stands under, by the lexicon.

Only what a caption affirms counts, and only where it names one kind: a second study that is compared with, that came before
or that guided a needle contradicts nothing, and a caption of several panels names several.
"""

from __future__ import annotations

import re
from functools import lru_cache

from mirage.figure import Figure
from mirage.language.concepts import Lexicon, lexicon
from mirage.language.mentions import Mention, mentions

# Names of concepts to what figures call them; narrower concepts, and sequences of MR, count as they do.
MODALITY_LABELS: dict[str, str] = {
    "computed tomography": "CT", "magnetic resonance imaging": "MR", "ultrasound": "US", "mammography": "MG",
    "positron emission tomography": "PT", "nuclear medicine": "NM", "fluoroscopy": "RF", "angiography": "XA",
    "radiography": "XR", "fundus photography": "OP", "histopathology": "SM",
}  # fmt: skip
_BESIDE = frozenset({"OP", "SM"})  # a caption names them beside its own picture: "histology showed"
# Labels that a caption may name less exactly, or by another half of the same examination.
_ALIKE = (
    {"XA", "CT"}, {"XA", "MR"}, {"XA", "RF"}, {"XA", "XR"}, {"RF", "XR"}, {"MG", "XR"},
    {"PT", "NM"}, {"PT", "CT"}, {"PT", "MR"}, {"NM", "CT"},
)  # fmt: skip
_SLICES = ("axial", "coronal", "sagittal")
_CATHETER = re.compile(r"(?i)\b(?:DSA|catheter|conventional|digital subtraction|arteriogra\w+|embolization)\b")
# Another study than the one that is shown; before the name, within the sentence.
_SECOND = re.compile(
    r"(?i)\b(?:compar\w+|correlat\w+|correspond\w+|prior|previous\w*|earlier|subsequent\w*|follow(?:ed|ing)?|later|recommend\w*"
    r"|further|confirm\w*|better (?:seen|shown|demonstrated|appreciated)|seen|appreciated|noted|visible|found|obtained"
    r"|evident|unlike|than|during|see|after|before)\b[^.;]{0,40}$|\bno (?:\w+ )?$"
)
_GUIDING = re.compile(r"(?i)^[ -]?(?:guid\w+|directed)")
# In anatomy these words are parts of names: coronal suture, sagittal sinus.
_NO_PLANE = re.compile(
    r"(?i)^[ -]?(?:sutur|sinus|band|ligament|plane deform|balance|alignment|synostosis|load|skelet|spondyl|myopia|dimension"
    r"|diameter|length|orient)|^[^.;]{0,40}\bdimensions?\b"
)
_NON = re.compile(r"(?i)^(?:non|un)")


def said(text: str) -> dict[str, frozenset[str]]:
    """The modalities and planes that a caption affirms of its own picture, by the names of a figure's fields."""
    modalities, planes = set[str](), set[str]()
    for mention in mentions(text):
        key = _names(lexicon()).get(mention.concept)
        if key is None or not _own(mention):
            continue
        if key in _SLICES:
            planes.add(key)
        elif key != "XA" or _CATHETER.search(mention.sentence):
            modalities.add(key)
    return {"modality": frozenset(modalities), "plane": frozenset(planes)}


def contradicted(figure: Figure) -> tuple[tuple[str, str], ...]:
    """Labels of a figure that its caption contradicts, and what the caption says instead.

    The title counts where there is no case: a case's title is about all its figures.
    """
    words = said(figure.caption if figure.case_id else f"{figure.title}.\n{figure.caption}")
    found = []
    for field, names in words.items():
        label = getattr(figure, field)
        if not label or len(names) != 1 or label in names or (field == "plane" and label not in _SLICES):
            continue
        (name,) = names
        catheter = name == "XA"  # said so in plain words, or it would not count
        if label != "OT" and (catheter or {label, name} not in _ALIKE):
            found.append((field, name))
    return tuple(found)


def _own(mention: Mention) -> bool:
    before, named, after = (
        mention.sentence[: mention.start],
        mention.sentence[mention.start : mention.end],
        mention.sentence[mention.end :],
    )
    is_non = mention.polarity == "denied" and bool(_NON.match(named) or re.search(r"(?i)\bnon[ -]?$", before))
    if mention.polarity not in ("affirmed", "possible") and not is_non:
        return False
    return not (_SECOND.search(before) or _GUIDING.match(after) or _NO_PLANE.match(after))


@lru_cache(maxsize=2)
def _names(known: Lexicon) -> dict[str, str]:
    """Concept to what it says of a picture; of two that it may, the narrower."""
    found: dict[str, str] = {}
    for name, key in reversed(MODALITY_LABELS.items()):
        if name in known and key not in _BESIDE:
            found |= dict.fromkeys({name} | known.children(name), key)
    return found | {plane: plane for plane in _SLICES if plane in known}
