"""Whose a figure is, by the words around it: where they name somebody else than the authors, it is not theirs to license."""

from __future__ import annotations

import re
from collections.abc import Set

from mirage.letters import unaccented

_REACH = 60  # characters
_TAKEN = (  # in the languages that articles are printed in; what is taken from own earlier work stays out too
    r"\b(?:re-?produced|re-?printed|re-?published|re-?used|copied|excerpted)\b[^.;]{0,60}?\b(?:from|after|under)\b|"
    r"\b(?:re-?drawn|adapted|adopted|modified|redesigned|derived)\b,?(?: and \w+| slightly|"
    r" by \w+| with \w+| (?:the )?figures?| (?:the )?images?| (?:the )?\w+ figures?){0,3},? (?:from|after)\b|"
    r"\blicen[sc]ed (?:under|from|by)\b|"
    r"\bunder (?:an? |the )?(?:cc\b|creative commons)|\b(?:borrowed|extracted|taken|obtained|source|from)\b:?"
    r"[^.;]{0,60}?(?:\bet al\b|\b(?:refs?|references?)\b[.:]?\s*[\[(]?\d|\btextbook\b|\batlas of\b|\bwebsite\b|https?://|\[\d)|"
    r"\badapt\w* d[eou]s?\b|\badatta\w* da\b|\bmodifi\w* (?:nach|d[eou]s?|d'apres|da)\b|\bd'apres\b|\btomad[oa]s? de\b|"
    r"\bre?produ[cz]\w* (?:aus|nach|d[eoua]s?|avec|con|com|mit)\b|\breproduit|\breproducid|\breproduzid|\briprodott|"
    r"\btrat[tl]?[oa] da|\bentnommen\b|\bubernommen\b|\babgedruckt\b|\bwiedergegeben\b|\bbildquelle\b|\bovergenomen\b|"
    r"\bextra[ií]d[oa]s? de\b|\bextrait de\b|\bfuente:|\bfonte:|\bquelle:|転載|引用|改変|提供|転用|引自|转载|改编|摘自|출처"
)
_GIVEN = (
    r"\bcourtes(?:y|ies)\b|\bcourteous|\bcourtoisie\b|\bcortesia\b|\bgentil\w*\b|\baimable\w*\b|\bfreundlich\w*\b|"
    r"\bmet dank aan\b|\bcon cortes|\bkindly\b|\b(?:photo|image|figure|picture|illustration)s? credits?\b|"
    r"\b(?:photo|image|figure|picture|illustration|scan|slide)\w*(?: \w+){0,3} (?:provided|donated|supplied) by\b"
)
_HELD = (
    r"\ball rights reserved\b|©|℗|\(c\)\s*\d{4}|\bcopyright|\b(?:getty|shutterstock|i-?stock|alamy|dreamstime|depositphotos|"
    r"adobe stock|science photo|sciencesource|visuals unlimited|netter|biorender|smart servier|servier medical|openstax|"
    r"radiopaedia|wikimedia|wikipedia|google (?:earth|maps?|images?)|elsevier|springer|wiley|wolters|lippincott|thieme|"
    r"mcgraw|masson|saunders|mosby)\b"
)
_ANOTHER = re.compile(f"(?i){_TAKEN}|{_GIVEN}|{_HELD}")
# Permission, whoever gives it; a patient's own is not another owner's.
_PERMISSION = re.compile(
    r"(?i)\b(?:permission|permiso|permisos|permissao|permesso|autorisation|autorizacion|autorizacao|autorizzazione|"
    r"genehmigung|erlaubnis|toestemming|tillstand|tilladelse|zezwoleniem|zgoda)\b|許可|許諾|许可|授权|허락"
)
_BY_PATIENT = re.compile(
    r"(?i)permission,?(?: (?:was|were|has been|is|obtained|granted|given|received|provided))*,? (?:of|from|by)"
    r"(?: (?:the|his|her|their|this|our|legal))* (?:patient|parent|famil|guardian|mother|father|relative|next of kin)"
)
_PATIENTS = re.compile(r"(?i)\b(?:patients?|parents?|famil(?:y|ies)|guardians?)(?:['’]s?)?(?: \w+){0,3} $")
_OWN = frozenset(
    "the author authors s own by copyright c source credit credits photo photos photograph image images picture figure work "
    "elaboration original and our of".split()
)


def of_another(said: str) -> bool:
    """Whether the words of a figure name an owner other than the authors, or what it was made from.

    Parameters
    ----------
    said : str
        All that stands in the figure.
    """
    folded = fold(said)
    if _ANOTHER.search(folded):
        return True
    for found in _PERMISSION.finditer(folded):
        clause = folded[max(0, found.start() - _REACH) : found.start()]
        if not (_BY_PATIENT.match(folded, found.start()) or _PATIENTS.search(clause)):
            return True
    return False


def authors_own(said: str, authors: Set[str]) -> bool:
    """Whether a line of credit names the authors only.

    Parameters
    ----------
    said : str
    authors : set of str
        The words of their names, folded.
    """
    return words_of(said) <= _OWN | authors


def words_of(text: str) -> set[str]:
    """The words of a text, folded; no numbers."""
    return set(re.findall(r"[^\W\d_]+", fold(text).casefold()))


def fold(text: str) -> str:
    """Text with one kind of dash, blank and apostrophe, and without accents: words are found however they are set."""
    plain = unaccented(re.sub("[\u200b-\u200f\u00ad\u2060\ufeff]", "", text))
    plain = re.sub("[\u2010-\u2015\u2212\ufe58\ufe63]", "-", plain)
    return " ".join(re.sub("[\u2018\u2019\u201b\u02bc\u00b4`]", "'", plain).split())
