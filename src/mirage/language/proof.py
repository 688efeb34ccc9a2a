"""How a diagnosis was proven, from a source's own words for it."""

from __future__ import annotations

import re

from mirage.figure import PROOFS

_WORDS = {
    "pathology": r"biops\w*|bx|patholog\w*|\w*histolog\w*|histopath\w*|\w*cytolog\w*|autops\w*|specimens?|microscop\w*|tissue"
    r"|frozen section|pap smear|fna|fine[ -]needle|necrops\w*|path",
    "surgery": r"surg\w*|sugical|\w*operat\w*|resect\w*|excis\w*|\w+(?:ec|o)tom(?:y|ies)|laparo\w*|laporo\w*|ex-lap|vats"
    r"|\w*endoscop\w*|bronchoscop\w*|colonoscop\w*|arthroscop\w*|cystoscop\w*|incision|direct visuali[sz]ation",
    "laboratory": r"lab|labs|laborator\w*|\w*cultur\w*|pcr|polymerase|serolog\w*|gram stain|titers?|antigens?|\w*antibod\w*"
    r"|assays?|genetic\w*|karyotyp\w*|molecular|afb|acid[ -]fast|lavage|bal|dfa|urine|oligoclonal|lumbar puncture|ca 19-9|bnp|levels?"
    r"|stone analysis|electrophoresis",
    "imaging": r"imag\w*|radiolog\w*|radiogr?aph\w*|x-?rays?|films?|roentgen\w*|ct|cta|hrct|ctpa|mr|mri|mra|mrv|mrcp|tomogra\w*"
    r"|\w*angiogra\w*|venogra\w*|\w*ultraso\w*|us|sonogra\w*|\w*echocardiogra\w*|doppler|\w*scintigra\w*|bone scan|scans?|pet"
    r"|fluorosc\w*|barium|swallow|enema|cxr|ercp|pathognom\w*|pathomnem\w*|views?|mammogra\w*|urogra\w*",
    "clinical": r"clinic\w*|follow[ -]?up|histor\w*|hx|pmh|exams?|examination|symptom\w*|course|respon\w*|resol\w*|exclusion"
    r"|presentation|treat\w*|therapy|stability|stable|recover\w*",
}
assert list(_WORDS) == list(PROOFS)
_PATTERNS = {proof: re.compile(rf"(?i)(?<![\w-])(?:{words})(?![\w])") for proof, words in _WORDS.items()}
# What was not done, or is not known yet, proves nothing; nor does what another illness needed.
_NOTHING = re.compile(
    r"(?i)\b(?:no|never|without|declin\w+|refus\w+|await\w+|prior to)(?: \w+){1,3}|[\w/]+(?: \w+){0,3}\W+(?:pending|unavailable|"
    r"(?:(?:is|are|was|were|has|have|had) )?not (?:yet )?(?:been |be )?(?:done|known|available|performed|carried out|obtained|confirmed))\b"
    r"|\bsurgical(?= history)"
)


def proof_of(text: str) -> str:
    """How a diagnosis was proven, one of `mirage.figure.PROOFS`; the strongest where several are named, empty where none is."""
    said = _NOTHING.sub(" ", text[:2000])
    return next((proof for proof, pattern in _PATTERNS.items() if pattern.search(said)), "")
