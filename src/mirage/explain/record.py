"""What a text says of a picture's making, keeping and place in its series, rather than of what it shows.

Words of data sets and viewers at large; what a corpus calls its own things is not among them.
"""

from __future__ import annotations

import re

from mirage.language.concepts import lexicon
from mirage.language.words import remembered

# Who keeps a picture and what was done to its values: nothing of this is seen in a body.
_KEPT = re.compile(
    r"""(?ix)\b(?:publishers?|data\s?-?sets?|files?|folders?|archives?|metadata|headers?|voxels?|pixels?|DICOM|NIfTI
    |resampl\w+|(?:down|up)-?sampl\w+|cropp\w+|anonymi[sz]\w+|de-?identif\w+|blanked|left\s+out|annotat\w+
    |licen[cs]e[sd]?|copyright\w*|courtesy|upload\w*|download\w*|contributed|rows\s+and\s+columns|segmentation\s+(?:mask|by)
    |(?:named|traced|checked)\s+by|not\s+(?:stated|checked)|nobody
    |(?<!-)label(?:s|l?ed)?(?!\s+(?:with|WBCs?|white|red|leu\w+)))\b"""
)
_CLAUSES = re.compile(r"[;:,()]")
_NUMBER = r"[-+−]?\d+(?:[.,]\d+)?"
# Where in its series, its figure or its space a picture lies, and with what settings it was made.
_PLACED = re.compile(
    rf"""(?ix)
    (?:\b(?:a\s+)?(?:stack|series|set|number)\s+of\s+)?\b\d+\s+(?:\w+\s+)?(?:slices?|frames?|images?|pictures?|views?)\b
    |\b(?:slices?|frames?|images?|im|img|ser(?:ies)?|se|acq|fig(?:ure)?s?|panels?|plates?|pages?)\b\.?\s*[:#]?\s*
        \#?\d+[a-z]?\b(?:\s*(?:of|/|-|–|to)\s*\d+)?
    |\b\d+\s*(?:/|of)\s*\d+\s*$
    |\b[xyz]\s*=\s*{_NUMBER}(?:\s*mm)?(?:\s*(?:in|from)\s+[^,;:]*)?
    |\bfrom\s+the\s+(?:lowest|highest|first|last)\s+(?:slice|image)\b
    |\b(?:colou?r\s+)?maps?\s+of\s[^,;:]*
    |\bat\s+(?:the\s+|about\s+the\s+)?levels?\s+of\b|\bin\s+\w+\s+space\b
    |\b(?:on|in|at|to|from|of|towards?|up|down|and|the|\s)*
        (?:left|right|top|bottom|cent(?:re|er)|middle|side|edge|front|back)\s+of\s+the\s+(?:picture|image|slice|figure|screen)\b
    |\b(?:T[RE1I]|FOV|NEX|FA|W[LW]|WC|kVp?|mAs?|matrix|cent(?:re|er)|width|level|(?:slice\s+)?(?:thickness|spacing|gap))\s*
        (?:of\s+|is\s+|[:=]\s*)?{_NUMBER}(?:\s*(?:x|×)\s*\d+)?
    |{_NUMBER}\s*(?:kVp?|mAs?|mSv|mGy|MHz|Tesla|T|HU|Hounsfield\s+units?|ms|msec|mm|cm|ml|px|MB)\b
    |\b(?:(?:soft\s+tissue|\w+)\s+)?windows?\b(?!\s+(?:sign|period))
    """
)
# How it came about, up to what it shows: "acquired on a portable unit", "was obtained after contrast medium".
_CAME = re.compile(
    r"""(?ix)\b(?:(?:is|are|was|were|been)\s+)?(?:re)?(?:constructed|formatted|acquired|obtained|performed|scanned|imaged|recorded
    |photographed|taken(?!\s+up))\b(?:(?!\b(?:is|are|was|were|has|have|and|shows?|showed|demonstrat\w+|reveal\w*|depict\w*)\b)[^,;:])*"""
)
# What a picture is.
_MADE = re.compile(
    r"""(?ix)\b(?:pictures?|images?|imag(?:ed|ing)|figures?|photo(?:graph)?s?|photograph(?:ed|s)?|scans?|scann(?:ed|ing)|slices?(?:\s+thickness)?
    |sections?|sectional|frames?|views?|films?|stud(?:y|ies)|examinations?|exam|series|sequences?|stacks?|volumes?|planes?
    |cuts?|levels?|positions?|projections?|protocol|technique
    |contrast(?:\s+(?:medium|media|agent|material))?|(?:(?:arterial|portal\s+venous|venous|delayed)\s+)?phase|weighted|(?:spin|gradient)\s+echo
    |axial|transverse|coronal|sagittal|oblique|frontal\s+view|lateral\s+view|posteroanterior|anteroposterior|PA|AP
    |CTA?|MRI?|MRA|PET|X-?rays?|radiogra\w+|angiogra\w+|ultraso\w+|sonogra\w+|echocardiogra\w+|doppler|scintigra\w+|microscop\w+
    |histolog\w+|immunohistochem\w+|cryosection|frozen|fundus\s+photograph|fundus|tomogra\w+|computed|magnetic\s+resonance
    |T[12](?!\d)\w*|FLAIR|DWI|ADC|STIR|arrows?|arrowheads?|asterisks?|circles?|markers?|scale\s+bars?|insets?
    |detail|example|average|people|patients?|humans?|normal|whole|body|through|without|after|before|above|below|appearance)\b"""
)
_OF_PICTURES = frozenset(("modality", "sequence", "plane"))


@remembered(8192)
def is_of_record(text: str) -> bool:
    """Whether a sentence is about the record of a picture: it begins with that, or most of its clauses are about it."""
    clauses = [clause for clause in _CLAUSES.split(text) if clause.strip(" .")]
    about = [bool(_KEPT.search(clause)) for clause in clauses]
    return bool(about) and (about[0] or 2 * sum(about) > len(about))


@remembered(4096)  # of one sentence several ask, each for something else
def without_record(text: str) -> str:
    """A sentence with blanks for its clauses about the record, and for where and how its picture was made."""
    kept: list[str] = []
    for part in re.split(r"([;:,()])", text):
        kept.append(" " if _KEPT.search(part) else part)
    plain = _PLACED.sub(" ", _CAME.sub(" ", "".join(kept)))
    known = lexicon()
    for one in known.find(plain).matches:
        if known.kind(one.concept) in _OF_PICTURES:
            plain = plain[: one.start] + " " * (one.end - one.start) + plain[one.end :]
    return _MADE.sub(" ", plain)
