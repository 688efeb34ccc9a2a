"""How a diagnosis was proven, from a source's own words for it."""

from __future__ import annotations

import re

from mirage.figure import PROOFS

_WORDS = {
    "pathology": r"biops\w* bx patholog\w* \w*histolog\w* histopath\w* \w*cytolog\w* autops\w* necrops\w* specimens? "
    r"microscop\w* tissue frozen[ ]section pap[ ]smear fna fine[ -]needle path",
    "surgery": r"surg\w* sugical \w*operat\w* resect\w* excis\w* \w+(?:ec|o)tom(?:y|ies) laparo\w* laporo\w* ex-lap vats "
    r"\w*endoscop\w* bronchoscop\w* colonoscop\w* arthroscop\w* cystoscop\w* incision direct[ ]visuali[sz]ation",
    "laboratory": r"labs? laborator\w* \w*cultur\w* pcr polymerase serolog\w* gram[ ]stain titers? antigens? \w*antibod\w* "
    r"assays? genetic\w* karyotyp\w* molecular afb acid[ -]fast lavage bal dfa urine oligoclonal lumbar[ ]puncture "
    r"ca[ ]19-9 bnp levels? stone[ ]analysis electrophoresis",
    "imaging": r"imag\w* radiolog\w* radiogr?aph\w* x-?rays? films? roentgen\w* ct cta hrct ctpa mr mri mra mrv mrcp "
    r"tomogra\w* \w*angiogra\w* venogra\w* \w*ultraso\w* us sonogra\w* \w*echocardiogra\w* doppler "
    r"\w*scintigra\w* scans? pet fluorosc\w* barium swallow enema cxr ercp pathognom\w* pathomnem\w* views? "
    r"mammogra\w* urogra\w*",
    "clinical": r"clinic\w* follow[ -]?up histor\w* hx pmh exams? examination symptom\w* course respon\w* resol\w* "
    r"exclusion presentation treat\w* therapy stability stable recover\w*",
}
assert list(_WORDS) == list(PROOFS)
_BETWEEN = re.compile(r"(?<!\[) ")
_PATTERNS = {
    proof: re.compile(rf"(?i)(?<![\w-])(?:{'|'.join(_BETWEEN.split(words))})(?!\w)") for proof, words in _WORDS.items()
}
# What was not done, or is not known yet, proves nothing.
_NOTHING = re.compile(
    r"(?i)\b(?:no|never|without|declin\w+|refus\w+|await\w+|prior to)(?: \w+){1,3}"
    r"|(?<![\w/])[\w/]+(?: \w+){0,3}\W+(?:pending|unavailable|(?:(?:is|are|was|were|has|have|had) )?not (?:yet )?"
    r"(?:been |be )?(?:done|known|available|performed|carried out|obtained|confirmed))\b|\bsurgical(?= history)"
)

_TESTS = (
    r"(?:histo(?:patho)?log\w*|biops(?:y|ies)|cytolog\w*|tissue (?:diagnosis|sample|proof)|pathology report"
    r"|pathologic(?:al)? proof)"
)
_UNPROVEN = re.compile(
    rf"(?i)\b(?:no|without(?: any)?|lack(?:s|ing)?) (?:[\w-]+ ){{0,2}}?{_TESTS}\b(?! (?:complication|tract|site|needle))"
    rf"|\b(?:{_TESTS}|(?:the |final )diagnosis) (?:\w+ )?(?:(?:is|are|was|were|has|have|had) (?:not|never) (?:been |yet )*"
    r"(?:performed|done|obtained|taken|available|confirmed|proven|proved|made|established|known)\b"
    r"|(?:(?:is|are|was|were) )?(?:declined|refused|pending|unavailable))"
    r"|\b(?:was|were|is|has|have) (?:not|never) (?:been )?(?:biopsied|(?:histo|patho)logically \w+)"
    r"|\bnot (?:say|state|tell) what it is\b|\bwhat it is,? is not (?:stated|said|told|known|given)\b"
)


# What was proven in another way, or was not to be proven.
_PROVEN_STILL = re.compile(
    r"(?i)\b(?<!not )(?<!never )(?<!been )(?:confirm(?:s|ed)|prove[ds]?)\b|\b(?:in doubt|needed|required|necessary)\b"
    r"|\bno (?:further|other|repeat(?:ed)?|additional|second)\b"
)


def unproven(sentence: str) -> bool:
    """Whether a sentence says that the diagnosis is not proven: "there is no histology", "biopsy was declined".

    Parameters
    ----------
    sentence : str
    """
    return bool(_UNPROVEN.search(sentence)) and not _PROVEN_STILL.search(sentence)


def proof_of(text: str) -> str:
    """How a diagnosis was proven, of `mirage.figure.PROOFS`: the strongest of those named, empty where none is."""
    said = _NOTHING.sub(" ", text[:2000])
    return next((proof for proof, pattern in _PATTERNS.items() if pattern.search(said)), "")
