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
from mirage.language.sentences import language_of

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
_CATHETER = re.compile(
    r"(?i)\b(?:DSA|catheter|conventional|digital subtraction|arteriogra\w+|embolization"
    r"|cat[eé]ter|convencional|sustracci[oó]n digital|embolizaci[oó]n)\b"
)
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
# The same in Spanish, where what says so stands on the other side of the name as often.
_SPANISH_SECOND = re.compile(
    r"(?i)\b(?:respecto a|previ[oa]s?|posterior(?:es|mente)?|seguimiento|recomiend\w+|vist[oa]s? (?:en|por)|mejor en"
    r"|guiad[oa]s?|tras|despu[eé]s de|antes de|a diferencia de)\b[^.;]{0,40}$"
)
_SPANISH_DENIED = re.compile(
    r"(?i)\bno (?:se )?(?:(?:le|les|ha|hab[ií]a|fue|han) )*(?:realiz|hizo|hecho|dispon|obtuv|practic)[^.;]{0,30}$"
)
_SPANISH_AFTER = re.compile(r"(?i)^ (?:previ[oa]s?|anterior(?:es)?|posterior(?:es)?|de (?:control|seguimiento))\b")
_SPANISH_NO_PLANE = re.compile(
    r"(?i)\b(?:suturas?|senos?|bandas?|ligamentos?|di[aá]metros?|longitud|dimensi[oó]n|balance|equilibrio|carga|esqueleto|eje"
    r"|espondil\w+|fracturas?|procesos?|colon) (?:\w+ )?$"
)
# How a radiograph was taken: these words tell it beside the name of one only, as *lateral* tells where something lies too.
_DIRECTED = re.compile(
    r"(?i)\b(?:radiograf[ií]as?|placas? de (?:t[oó]rax|abdomen|cr[aá]neo|columna|rodilla|pie|mano|cadera)|rayos x"
    r"|proyecci[oó]n|proyecciones|vistas? radiogr[aá]ficas?|incidencias?)"
    r"(?: (?!con\b|en\b|que\b|muestra|se\b|caras?\b|bordes?\b|pared(?:es)?\b|porci[oó]n\b|regi[oó]n\b)[\w-]+){0,3} "
    r"(?:(?P<frontal>frontal(?:es)?|(?:antero|postero)-?(?:posterior|anterior)|PA|AP)|(?P<lateral>lateral(?:es)?)|(?P<oblique>oblicu[ao]s?))\b"
)


def said(text: str) -> dict[str, frozenset[str]]:
    """The modalities and planes that a caption affirms of its own picture, by the names of a figure's fields."""
    modalities, planes = set[str](), set[str]()
    spanish = language_of(text) == "Spanish"
    if spanish:
        planes |= {str(found.lastgroup) for found in _DIRECTED.finditer(text)}
    for mention in mentions(text):
        key = _names(lexicon()).get(mention.concept)
        if key is None or not _own(mention) or (spanish and not _own_in_spanish(mention)):
            continue
        if key in _SLICES:
            planes.add(key)
        elif key != "XA" or _CATHETER.search(mention.sentence):
            modalities.add(key)
    if spanish and modalities == {"XR"}:
        planes -= {*_SLICES}  # pain may be axial; a radiograph is not
    return {"modality": frozenset(modalities), "plane": frozenset(planes)}


def contradicted(figure: Figure) -> tuple[tuple[str, str], ...]:
    """Labels of a figure that its caption contradicts, and what the caption says instead.

    The title counts where there is no case: a case's title is about all its figures.
    """
    words = said(figure.caption if figure.case_id else f"{figure.title}.\n{figure.caption}")
    found = []
    for field, names in words.items():
        label = getattr(figure, field)
        if not label or len(names) != 1 or label in names:
            continue
        (name,) = names
        if field == "plane" and not {label, name} <= {*_SLICES}:
            continue
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


def _own_in_spanish(mention: Mention) -> bool:
    before, after = mention.sentence[: mention.start], mention.sentence[mention.end :]
    elsewhere = (_SPANISH_SECOND, _SPANISH_DENIED, _SPANISH_NO_PLANE)
    return not (any(each.search(before) for each in elsewhere) or _SPANISH_AFTER.match(after))


@lru_cache(maxsize=2)
def _names(known: Lexicon) -> dict[str, str]:
    """Concept to what it says of a picture; of two that it may, the narrower."""
    found: dict[str, str] = {}
    for name, key in reversed(MODALITY_LABELS.items()):
        if name in known and key not in _BESIDE:
            found |= dict.fromkeys({name} | known.children(name), key)
    return found | {plane: plane for plane in _SLICES if plane in known}
