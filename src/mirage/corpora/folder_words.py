"""Rows of a table of words as figures and cases, and what its words for modality and plane mean."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from functools import lru_cache
from typing import TYPE_CHECKING

from mirage.corpora.base import plane_of
from mirage.figure import MODALITIES, Case, Figure, Licence, Source, is_link
from mirage.letters import unaccented

if TYPE_CHECKING:
    from mirage.images.dicom_header import DicomHeader

_LICENCES_NAMED = 3
# In texts without accents and with spaces for signs; of each several languages' words and what stands on scanners.
_MODALITY_WORDS = {key: re.compile(rf"\b(?:{words})\b") for key, words in {
    "CT": r"ct|cat scan|comput\w* tomogra\w*|computertomogra\w*|tac|tc|tdm|tomodensitometri\w*|scanner|ct ?a|ctpa|hrct|cbct|"
          r"tomografia comput\w*|tomografia axial\w*",
    "MR": r"mri?|mrt|irm|rmn?|nmr|magnetic resonance|magnetresonanz\w*|kernspin\w*|ress?onan\w* magn\w*|risonanza|mra|mrcp|"
          r"fmri|t1|t2|t[12] ?(?:w|gd|ce|c|fs|fse|tse|star)|t[12] weighted|flair|dwi|adc|stir|swi|dti|pdw|mprage|rm t[12]",
    "US": r"us|usg|ultraso\w*|ultrason\w*|sonogra\w*|ultraschall|echogra\w*|echocardiogra\w*|ecogra\w*|ecocardiogra\w*|"
          r"doppler|echo|tte|tee|pocus",
    "XR": r"x ?rays?|xr|cxr|cr|dx|dr|rx|radiogra\w*|rontgen\w*|roentgen\w*|plain films?|raio s? ?x|raios x|rayos x|raggi x",
    "XA": r"xa|angiogra\w*|arteriogra\w*|venogra\w*|dsa",
    "NM": r"nm|nuclear\w*|scintigra\w*|szintigra\w*|gammagra\w*|cintilogra\w*|cintigra\w*|scintigrafia|bone scan|spect",
    "PT": r"pt|pet|positron\w*",
    "MG": r"mg|mammogra\w*|mamogra\w*|mammo|tomosynthesis",
    "RF": r"rf|fluorosc\w*|fluoroscop\w*|durchleuchtung|barium\w*",
    "OP": r"op|fundus\w*|funduscop\w*|retinogra\w*|retinal (?:photo\w*|image\w*)|augenhintergrund\w*|fond d oeil",
    "SM": r"sm|histo\w*|pathology|pathologie|patologia|microscop\w*|mikroskop\w*|anatomia patologica|h ?& ?e|h and e|"
          r"wsi|cytolog\w*",
    "XC": r"xc|photo\w*|foto\w*|dermosc\w*|dermatosc\w*|clinical (?:image|picture)",
}.items()}  # fmt: skip
_PLANE_WORDS = {plane: re.compile(rf"\b(?:{words})\b") for plane, words in {
    "axial": r"axial\w*|axiaal|assial\w*|aksial\w*|transvers\w*|trasvers\w*|transax\w*|tra|ax|querschnitt",
    "coronal": r"coronal\w*|koronar\w*|koronal\w*|coronaal|cor",
    "sagittal": r"sagit\w*|sag",
    "frontal": r"frontal\w*|ap|pa|a p|p a|(?:antero|postero) ?(?:posterior|anterior)\w*|face",
    "lateral": r"lateral\w*|latero ?lateral\w*|seitlich\w*|lat|ll|profil|perfil|laterale",
    "oblique": r"obli\w*|schrag\w*|lao|rao",
}.items()}  # fmt: skip
_WITHIN = {"XA": ("CT", "MR", "XR"), "XC": ("OP", "SM"), "XR": ("MG",), "US": ("MR",)}
"""What a word of some modality means beside another's: a *CT angiography* is CT, a *gradient echo* MR."""
_TOLD_MOST = 200
STORY = ("history", "findings", "differential", "diagnosis_by", "discussion")
"""Words that make a case of a single row."""
_AGE_AND_SEX = re.compile(
    r"(?i)(?:(?:\d{1,3}|years?|months?|weeks?|days?|old|aged?|y|yr?s?|yo|y/o|mo|m|f|male|female|man|woman|boy|girl|infant|"
    r"neonate|newborn|child|adult|an?|w|v|h|männlich|weiblich|jahre?n?|monate?|homme|femme|masculin|féminin|ans|mois|"
    r"hombre|mujer|varón|masculino|femenino|feminino|años?|meses|anos?|maschio|femmina|anni|mesi|man|vrouw|jaar)"
    r"(?:[\s,.;:/-]+|$)|\d{1,3}(?:y|m|w|d|f)(?:[\s,.;:/-]+|$))*"
)
_SHARED = re.compile(r"(?i)^(cc0|cc[ -]by\b|creative commons|public domain|apache|mit\b|bsd|odc|pddl)")


def licence_of(name: str, url: str) -> Licence:
    """A licence by its name; sharing is allowed only where the name is one that is known to allow it.

    Parameters
    ----------
    name, url : str
    """
    return Licence(name, url if is_link(url) else "", bool(_SHARED.match(name)))


def figure_of(
    identity: str, words: Mapping[str, str], defaults: Mapping[str, str], header: DicomHeader | None, case: Case | None
) -> Figure:
    """Make a figure of a row and a header; the row's words come before the header's.

    Parameters
    ----------
    identity : str
        ``corpus:name``.
    words : mapping
        The row, by the names of `COLUMNS`; empty for a picture without words.
    defaults : mapping
        ``licence``, ``licence_url`` and ``attribution`` for what the row leaves open.
    header : DicomHeader or None
    case : Case or None
    """
    told, asked = words.get("modality", ""), words.get("plane", "")  # either may hold both: “sagittal T2”
    modality = modality_of(told)
    return Figure(
        id=identity,
        caption=words.get("caption", ""),
        source=source_of(identity.partition(":")[0], words, defaults),
        title=words.get("title", ""),
        diagnosis=words.get("diagnosis", ""),
        modality=modality or ("" if told else modality_of(asked)) or (header.modality if header and not told else ""),
        modality_detail=told if told and told.upper() != modality else "",
        plane=plane_in(asked) or plane_in(told) or (header.plane if header else ""),
        region=words.get("region", "").lower() or (header.region if header else ""),
        case_id=case.id if case else "",
        patient=age_and_sex(words.get("patient", "")) or age_and_sex(_of_columns(words)),
    )


def _of_columns(words: Mapping[str, str]) -> str:
    """Age and sex where a table has a column for each."""
    return ", ".join(filter(None, (words.get("age", ""), words.get("sex", ""))))


def age_and_sex(words: str) -> str:
    """What a table says of a patient, where it is nothing but age and sex; anything else may tell who it was."""
    return words if _AGE_AND_SEX.fullmatch(words) else ""


def modality_of(words: str) -> str:
    """A key of `mirage.figure.MODALITIES` for what somebody wrote; empty when it is none that we know, or several."""
    if words.upper() in MODALITIES:
        return words.upper()
    several = _meant(words[:_TOLD_MOST], "modality")
    found = [each for each in several if not any(other in several for other in _WITHIN.get(each, ()))]
    return found[0] if len(found) == 1 else ""


def plane_in(words: str) -> str:
    """One of `mirage.figure.PLANES` for what somebody wrote; empty when it is none that we know, or several."""
    found = _meant(words[:_TOLD_MOST], "plane")
    return plane_of(words) or (found[0] if len(found) == 1 else "")


@lru_cache(maxsize=4096)  # a table says the same few words in thousands of rows
def _meant(words: str, field: str) -> tuple[str, ...]:
    known, bare = _PLANE_WORDS if field == "plane" else _MODALITY_WORDS, unaccented(words)
    plain = " ".join(re.findall(r"\w+|&", bare.casefold().replace("_", " ").replace("*", " star")))
    return tuple(key for key, pattern in known.items() if pattern.search(plain))


def source_of(corpus: str, words: Mapping[str, str], defaults: Mapping[str, str]) -> Source:
    """Where a row's figure comes from, in its own words or the folder's.

    Parameters
    ----------
    corpus : str
    words : mapping
        The row, by the names of `COLUMNS`.
    defaults : mapping
        As for `figure_of`.
    """
    told = words if words.get("licence") else defaults
    licence = licence_of(told.get("licence", ""), told.get("licence_url", ""))
    attribution = words.get("attribution") or defaults["attribution"]
    if is_link(url := words.get("url", "")):
        return Source(corpus, attribution, url, "figure", licence)
    return Source(corpus, attribution, licence=licence)


def case_of(corpus: str, identity: str, rows: Sequence[Mapping[str, str]], defaults: Mapping[str, str]) -> Case:
    """The case that some rows share: of each passage, the first that says something.

    Parameters
    ----------
    corpus : str
    identity : str
        Its name in the id.
    rows : sequence of mapping
        As for `figure_of`.
    defaults : mapping
        As for `figure_of`.
    """

    def first(name: str) -> str:
        return next((row[name] for row in rows if row.get(name)), "")

    return Case(
        id=f"{corpus}:case-{identity}",
        title=first("title") or first("diagnosis"),  # what the case is called may be whose it is
        source=source_of(corpus, rows[0], defaults),
        **{name: first(name) for name in (*STORY, "diagnosis")},
    )


def licence_of_all(licences: Set[Licence], defaults: Mapping[str, str]) -> Licence:
    """The licence of a collection; where its figures name several, one in words that names them.

    Parameters
    ----------
    licences : set of Licence
        Those of its figures.
    defaults : mapping
        What holds where no row says otherwise.
    """
    if len(licences) == 1:
        return next(iter(licences))
    if not licences or len(licences) > _LICENCES_NAMED:
        return licence_of(defaults["licence"], defaults["licence_url"])
    names = ", ".join(sorted(map(str, licences)))
    return Licence(f"{names}; each figure names its own", allows_sharing=all(one.allows_sharing for one in licences))
