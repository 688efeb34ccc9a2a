"""Words in the forms in which they are compared: spelling folded, or stemmed as the words channel has them; and counted."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, TypeVar

import qdrant_edge as edge

Held = TypeVar("Held")
_REMEMBERED = 2**23
"""Characters that the texts of one cache may have together: others write them, and long ones would fill the memory."""

# What people add to say that they want a picture; a figure's words need not hold these to answer.
FILLERS = frozenset(
    "image images picture pictures photo photograph scan scans slice slices section sections view views level levels "
    "show shows showing seen find example examples case patient figure plane cut near through cm mm".split()
)
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
# Beginnings that are written with a hyphen as well as without: *sub-arachnoid*, *osteo-arthritis*, *non-ossifying*.
BEGINNINGS = (
    "adeno angio anti arthro bi bili broncho cardio cerebro cholangio cholecysto chondro co colo contra cranio cysto "
    "de dermato dextro di dys echo ecto electro encephalo endo entero epi extra fibro gastro hem hema hemangio hemi "
    "hemo hepato hetero hydro hyper hypo ileo infra inter intra iso juxta laryngo leio levo lipo litho lymph "
    "lymphangio lympho macro mal mega meningo meso meta micro mono multi myelo myo naso necro neo nephro neuro non "
    "oligo orbito osteo oto pan para patello peri pharyngo phlebo pleuro pneumo poly post pre pseudo pyelo pyo radio "
    "recto reno retro rhabdo rhino sacro scapho sclero semi sino spondylo steno sub super supra syn tachy teno tetra "
    "thrombo thyro tracheo trans tri ultra un uni uretero uro utero vaso ventriculo vertebro vesico xantho"
).split()
_HYPHENS = "-‐‑–"
MAY_BE_PARTED = re.compile(rf"[{_HYPHENS}]|(?i:\bnon )")  # told at once, and most texts are not
# What stands first is there for speed: only words that go on with a hyphen are held against all the beginnings.
PARTED = re.compile(rf"(?i)\b(?=[a-z]+[{_HYPHENS}]|non )(?:(?:{'|'.join(BEGINNINGS)})[{_HYPHENS}]|non )+{WORD.pattern}")
APOSTROPHES = str.maketrans("’‘ʼ´`", "'''''")
_IRREGULAR = {
    "foci": "focus", "nuclei": "nucleus", "bronchi": "bronchus", "emboli": "embolus", "thrombi": "thrombus",
    "calculi": "calculus", "diverticula": "diverticulum", "sulci": "sulcus", "gyri": "gyrus", "rami": "ramus",
    "abscesses": "abscess", "masses": "mass", "testes": "testis", "femora": "femur", "ova": "ovum", "viscera": "viscus",
    "ganglia": "ganglion", "septa": "septum", "hila": "hilum", "atria": "atrium", "feet": "foot", "teeth": "tooth",
    "women": "woman", "men": "man", "menisci": "meniscus", "uteri": "uterus", "humeri": "humerus", "crura": "crus",
    "cortices": "cortex", "apices": "apex", "varices": "varix", "appendices": "appendix", "cervices": "cervix",
    "calices": "calyx", "calyces": "calyx", "calix": "calyx", "foramina": "foramen", "lumina": "lumen",
    "phalanges": "phalanx", "pelves": "pelvis", "ilia": "ilium", "labra": "labrum", "ostia": "ostium", "acini": "acinus",
    "fungi": "fungus", "mediastina": "mediastinum", "aneurism": "aneurysm", "aneurisms": "aneurysm", "does": "do",
}  # fmt: skip
# Plurals as Latin and Greek make them, each with the letters that a word ends in, how many others it has, and its singular.
_CLASSICAL = (
    ("ae", 3, "a"), ("thoraces", 0, "thorax"), ("omata", 2, "oma"), ("oses", 4, "osis"), ("yses", 3, "ysis"),
    ("stases", 2, "stasis"), ("theses", 3, "thesis"), ("pareses", 0, "paresis"), ("diagnoses", 0, "diagnosis"),
)  # fmt: skip
# What a word has to hold for the pattern to be tried, the pattern, and what stands in its place.
_SPELLING = (
    ("ae", re.compile(r"(?<!^)ae|^ae(?!r)"), "e"),
    # British "oe" is one letter only in words from Greek and Latin; "does", "shoe", "toe" and "coexist" have two.
    ("oe", re.compile(
        r"oo?e(?=dem|soph)|^oe(?=str|n)|(?<=f)oe(?=t)|(?<=c)oe(?=lia|lio|lom)|(?<=rrh)oe(?=[ai])|(?<=pn)oe(?=[ai])"
        r"|(?<=am)oe(?=b)|(?<=hom)oe(?=o)|(?<=p)oe(?=tin|ia)"
    ), "e"),
    ("our", re.compile(r"(?<=[a-z]{2})(?<!^fl)(?<!^sc)(?<!cont)(?<!^det)(?<!^dev)our(?=s?$|ed$|ing$|less$)"), "or"),
    ("re", re.compile(r"^(cent|fib|calib|lit|met|millimet|centimet|goit|theat)re(s?)$"), r"\1er\2"),
    ("grey", re.compile(r"grey"), "gray"),
    ("is", re.compile(r"(?<=.{4})is(e[ds]?|ing|ation)$"), r"iz\1"),
    ("dilatation", re.compile(r"dilatation"), "dilation"),
)  # fmt: skip


def remembered(most: int) -> Callable[[Callable[[str], Held]], Callable[[str], Held]]:
    """As `functools.lru_cache`, for what reads a text: one that is long for so many is read each time, and not kept.

    Parameters
    ----------
    most : int
        How many are remembered.
    """
    longest = _REMEMBERED // most

    def of(reading: Callable[[str], Held]) -> Callable[[str], Held]:
        held = lru_cache(maxsize=most)(reading)

        @wraps(reading)
        def read(text: str) -> Held:
            return held(text) if len(text) <= longest else reading(text)

        return read

    return of


@remembered(50_000)
def fold(word: str) -> str:
    """One word in lower case, singular, British spelling read as American; only to compare words with."""
    word = word.lower().translate(APOSTROPHES).removesuffix("'s")
    word = _IRREGULAR.get(word, word)
    for plural, others, singular in _CLASSICAL:
        if word.endswith(plural) and len(word) >= len(plural) + others:
            word = word[: -len(plural)] + singular
            break
    for held, pattern, american in _SPELLING:
        if held in word:
            word = pattern.sub(american, word)
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is", "os")):
        word = word[:-3] + "y" if word.endswith("ies") and len(word) > 4 else word[:-1]
    return _IRREGULAR.get(word, word)  # "diverticulas" has two plurals


def lowered(text: str) -> list[str]:
    """The words of a text in lower case."""
    return [word.lower() for word in WORD.findall(text)]


# How a text is cut into words and these are stemmed, stop words left out, wherever words are looked for.
STEMMED: dict[str, Any] = {"language": "english", "tokenizer": edge.TokenizerType.Word, "ascii_folding": True}


@lru_cache(maxsize=1)
def _stemmer() -> edge.Bm25:
    return edge.Bm25(edge.Bm25Config(**STEMMED))


@remembered(50_000)
def stem(word: str) -> int | None:
    """One word's stem as a number; None for a stop word."""
    found = _stemmer().embed_query(word).indices
    return int(found[0]) if found else None


def stems(text: str) -> frozenset[int]:
    """The stems of a text's words."""
    return frozenset(int(index) for index in _stemmer().embed_query(text).indices)


def packed_stems(text: str) -> bytes:
    """The stems of a text's words, four bytes each, as they are stored."""
    return array("I", _stemmer().embed_query(text).indices).tobytes()


def unpacked_stems(packed: bytes) -> frozenset[int]:
    """The stems that `packed_stems` packed."""
    return frozenset(memoryview(packed).cast("I"))


def words(text: str) -> dict[int, str]:
    """Stem to the first word that has it, in order, stop words and `FILLERS` left out."""
    found: dict[int, str] = {}
    for word in WORD.findall(text):
        if word.lower() not in FILLERS and (number := stem(word)) is not None:
            found.setdefault(number, word)
    return found


def joined(text: str) -> str:
    """A text with the words joined that are written in two parts."""
    return PARTED.sub(lambda found: re.sub(rf"[{_HYPHENS} ]", "", found.group()), text)
