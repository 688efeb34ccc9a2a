"""Which sentences of a source are worth quoting: not those without content, nor those that speak to a machine."""

from __future__ import annotations

import re

from mirage.language.annotation import annotate

_WORD = re.compile(r"[^\W\d_]{2,}")
_COMMANDS = re.compile(
    r"""(?ixm)
    \b(?:ignore|disregard|forget|override|bypass|do\s+not\s+(?:use|cite|follow)|stop\s+(?:using|citing))\b
        [^.!?\n]{0,60}\b(?:instructions?|prompts?|sources?|evidence|rules|guidelines?|context|above|previous|citations?)\b
    | \b(?:system|developer)\s+(?:prompt|message)\b | \bas\s+an?\s+(?:ai|language\s+model)\b
    | \byou\s+are\s+(?:now\s+)?(?:an?\s+)?(?:ai|assistant|chatbot|language\s+model|chatgpt|gpt|llm)\b
    | \byou\s+(?:must|should|will)\s+(?:now\s+)?(?:answer|reply|respond|say|write|output|tell\s+the)\b
    | \b(?:respond|reply|answer)\s+(?:only\s+)?(?:with|in)\s+(?:["'“]|the\s+(?:word|phrase|sentence)|json|one\s+word)
    | ^\s*(?:system|assistant|user|instructions?)\s*: | <\|[a-z_]+\|> | \[/?INST\]
    | \#\#\#\s*(?:instruction|response|system|end)\b
    | \b(?:repeat|print|output|write)\s+(?:after\s+me|the\s+(?:following|word|phrase|sentence)|exactly)\b
    | \b(?:new|following|these|my|your)\s+instructions?\s*[:.!]
    """
)
_NO_CONTENT = re.compile(
    r"""(?ix)
    ^\W*(?:(?:please\s+)?(?:see|refer\s+to|read|click|go\s+to|as)\s+(?:the\s+)?(?:above|below|factoid|topic|case|discussion|
        findings?|images?|figures?|text|caption|link|previous|attached|history|full)\b
      | as\s+above | n/?a\b | none\b | unknown\W*$ | not\s+(?:available|applicable|stated|given) | same\s+as | ditto
      | no\s+(?:comment|further|additional\s+(?:comment|information)) | to\s+be\s+(?:added|determined) | tbd\b
      | key\s*words? | references?\b | bibliography | further\s+reading | acknowledg | copyright | disclaimer
      | contributed\s+by | notes?\s*: | please\b | (?:for\s+)?(?:more|further|additional)\s+information
      | (?:figure|image)\s+\d+\W*$ | test\s+question | question\s+\d | the\s+(?:opinions|views)\s+expressed)
    """
)
_REFERENCES = re.compile(
    r"""(?ix)
    https?:// | \bwww\. | \bdoi\b | \bpmid\b | \bet\s+al\b | \bISBN\b
    | \b(?:19|20)\d\d\s*;\s*\d | ;\s*\d+\s*(?:\(\d+\))?\s*:\s*[A-Z]?\d+ | \b\d+\s*:\s*\d{2,}\s*[-–]\s*\d+
    | \bvol(?:ume)?\.?\s*\d | \bpp?\.\s*\d | \baccessed\b.{0,30}\d{4} | \(address\s+left\s+out\)
    | \b(?:Radiographics|Radiology|AJR|AJNR|NEJM|Lancet|JAMA|Springer|Elsevier|Mosby|Saunders|Lippincott|
        Williams\s*(?:&|and)\s*Wilkins|eMedicine|UpToDate|StatDx|Radiopaedia|Wikipedia|ed(?:ition)?\.,|Textbook)\b
    | \bJ(?:ournal)?\s+(?:of\s+)?[A-Z]\w+\.?.{0,40}\d{4} | (?-i:\b[A-Z][a-z]+\s+[A-Z]{1,2},\s+[A-Z][a-z]+\s+[A-Z]{1,2}\b)
    """
)
_PERSON = re.compile(
    r"""(?x)
    \b(?:Dr|Drs|Prof|Mr|Mrs|Ms)\.?\s+[A-Z] | \b(?:MD|M\.D\.|DO|PhD|MBBS|CPT|LCDR|Maj|Capt|Col)\b[.,]?
    | (?i:\b(?:the|this|our|his|her)\s+(?:patient|pt|family|mother|father|wife|husband)\b)
    | (?i:\b(?:he|she|his|her|him|pt)\b)
    | (?i:\b(?:we|our|us|my|I)\b\s+(?:present|report|saw|performed|believe|thank|would|will|have|did|describe|found)\b)
    | (?i:\b\d{1,3}\s*[- ]?\s*(?:year|yr|y/?o|month|day|week)s?[- ]?(?:old)?\b\s*(?:male|female|man|woman|boy|girl|[mf]\b))
    | (?i:\bpatient\s+(?:was|is|has|had|reports|presented|denied|underwent|complain|did|does)\b)
    """
)
# What leans on a sentence that is not quoted beside it.
_LEANS = re.compile(
    r"""(?ix)
    ^\W*(?:it|its|they|their|them|these|those|this|that|such|he|she|his|her|there\s+are\s+(?:also|other)|however|therefore|
      thus|hence|also|in\s+addition|additionally|furthermore|moreover|further|similarly|likewise|conversely|instead|another|
      other|others|both|either|neither|but|and|or|so|then|otherwise|nevertheless|as\s+such|when\s+(?:this|it|they)|
      as\s+(?:stated|mentioned|noted|described)|in\s+(?:this|our|these|that|such|summary|conclusion)|on\s+the\s+other\s+hand|
      for\s+(?:example|this|these|instance)|unlike\s+(?:this|these)|turning\s+attention|at\s+this\s+time|again|finally|lastly|
      second|third|secondly|thirdly|next|later|more\s+recently|despite\s+this|of\s+(?:these|those)|
      the\s+(?:latter|former|same|above|other|study|disease|condition|lesion|syndrome|disorder|process|remaining))\b
    | \b(?:described|mentioned|noted|listed|shown|seen|discussed|stated)\s+(?:above|below|previously)\b
    | \bdiscussed\s+(?:in|later|elsewhere|separately)\b | \bon\s+above\b | \bsee\s+(?:fig|image|below|above)
    """
)
# A source's own reference marks would be read as ours.
_MARKS = re.compile(
    r"\[\d+(?:\s*[,–-]\s*\d+)*\]|(?<=[a-z]{3})\d{1,2}(?:,\d{1,2})*(?=[.,;\s]|$)|\(\s*\d{1,2}(?:\s*[,–-]\s*\d{1,2})*\s*\)"
)
_UNFINISHED = re.compile(
    r"(?i)(?:\b(?:the|a|an|of|and|or|with|in|is|are|by|to|from|include|includes|including)|[,:;(])\s*\.?$"
)
# About the course of care rather than about what pictures show.
_CARE = re.compile(
    r"""(?ix)
    \b(?:treat(?:ed|ment|ments|ing)?|therap(?:y|ies|eutic)|surg(?:ery|ical|ically)|manage(?:d|ment)|prognos\w*|mortality|
      surviv\w+|dos(?:e|es|age)|mg|antibiotic\w*|chemotherap\w*|follow-?up|resect\w*|incidence|prevalence|per\s+100|studies|
      trials?|recommend\w*|guidelines?|anticoagula\w*|medication\w*|complain\w*|symptoms?|present(?:s|ation)?\s+with|
      hospital|screening|biopsy)\b
    """
)
_NORMAL = re.compile(r"(?i)\b(?:unremarkable|within normal limits|appears? normal)\b")
# About how a picture was made or what it costs.
_MAKING = re.compile(
    r"(?i)\b(?:w(?:as|ere) (?:performed|obtained|acquired)|expensive|availab\w+|accura\w+|is (?:often )?evaluated)\b"
)
# A question mark inside a word is what is left of a letter that was lost.
_SPOILT = re.compile(r"\w\?\w|\?\?")
_POINTS = re.compile(r"(?i)\b(?:fig(?:ure)?s?\.?|images?)\s*#?\d|#\d|\(arrows?|\barrows?\b")


def addresses_a_machine(text: str) -> bool:
    """Whether a text gives orders to whoever reads it, as planted text does."""
    return bool(_COMMANDS.search(text))


def leans(text: str) -> bool:
    """Whether a sentence cannot be understood without the one before it."""
    return bool(_LEANS.search(text))


def has_content(text: str) -> bool:
    """Whether a sentence says something of its own: no question, reference, pointer elsewhere, or scrap."""
    words = _WORD.findall(text)
    if len(words) < 3 or len(text) < 16 or text.rstrip("\"'”) ").endswith("?"):
        return False
    if _NO_CONTENT.search(text) or _REFERENCES.search(text) or _UNFINISHED.search(text):
        return False
    letters = sum(character.isalpha() for character in text)
    return letters >= 0.55 * len(text)


_BURDENS: tuple[tuple[float, re.Pattern[str]], ...] = (
    (0.6, _LEANS),
    (0.7, _PERSON),
    (0.35, _MARKS),
    (0.35, _CARE),
    (0.25, _NORMAL),
    (0.3, _MAKING),
    (0.2, _SPOILT),
    (0.2, _POINTS),
)


def burden(text: str, *, listed: bool = False) -> float:
    """What speaks against quoting a sentence, 0 to about 2: it leans on others, tells of one person, or is hard to read."""
    words = len(text.split())
    against = sum(weight for weight, pattern in _BURDENS if pattern.search(text))
    said = annotate(text)
    if said.denials:
        against += 0.15 + (0.25 if min(place for denial in said.denials for place in denial.places) < 5 else 0)
    if words < 6:
        against += 0.25
    if words > 40:
        against += 0.02 * (words - 40)
    if listed and (text[0].islower() or words < 5):
        against += 0.3
    if text.isupper():
        against += 0.3
    return against
