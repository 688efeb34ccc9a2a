"""Documented rewordings that leave what a sentence says as it is."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

Rewording = Callable[[str, random.Random], str]

# Names of one thing, either for the other. Written for the measurement, apart from the checker's own vocabulary.
_SYNONYMS = (
    ("hemorrhage", "bleeding", "both"), ("neoplasm", "tumor", "both"), ("infarction", "infarct", "both"),
    ("demonstrates", "shows", "both"), ("demonstrate", "show", "both"), ("reveals", "shows", "one"), ("reveal", "show", "one"),  # noqa: E501
    ("unremarkable", "normal", "one"), ("enlarged", "increased in size", "one"), ("heterogeneous", "inhomogeneous", "both"),
    ("hypoattenuating", "low attenuation", "one"), ("hyperattenuating", "high attenuation", "one"),
    ("hypodense", "low density", "one"), ("hyperdense", "high density", "one"), ("dilatation", "dilation", "both"),
    ("hyperintense signal", "high signal", "one"), ("hypointense signal", "low signal", "one"),
    ("approximately", "about", "both"), ("multiple", "several", "one"), ("numerous", "many", "one"),
    ("adjacent to", "next to", "both"), ("consistent with", "in keeping with", "both"),
    ("lymphadenopathy", "enlarged lymph nodes", "one"), ("osteonecrosis", "avascular necrosis", "both"),
    ("avascular necrosis", "osteonecrosis", "one"), ("calculus", "stone", "both"), ("calculi", "stones", "both"),
    ("well-circumscribed", "well-defined", "both"), ("well circumscribed", "well defined", "both"),
    ("evident", "visible", "one"), ("identified", "seen", "one"), ("visualized", "seen", "one"), ("noted", "seen", "one"),
    ("frequently", "often", "both"), ("commonly", "often", "one"), ("usually", "typically", "both"),
    ("secondary to", "due to", "one"), ("secondary to", "caused by", "one"), ("most common", "commonest", "both"),
    ("radiograph", "X-ray", "one"), ("radiographs", "X-rays", "one"), ("pulmonary embolus", "pulmonary embolism", "both"),
    ("portion", "part", "one"), ("displaying", "showing", "one"), ("prior to", "before", "one"), ("thorax", "chest", "both"),
    ("hepatic lesion", "liver lesion", "one"), ("renal mass", "kidney mass", "one"), ("pulmonary nodule", "lung nodule", "one"),  # noqa: E501
    ("cerebral hemorrhage", "brain hemorrhage", "one"), ("carcinoma", "cancer", "one"), ("osseous", "bony", "both"),
    ("gastric wall", "stomach wall", "one"), ("aneurysmal dilation", "aneurysmal dilatation", "one"),
)  # fmt: skip
_BRITISH = (
    ("hemorrh", "haemorrh"), ("edema", "oedema"), ("tumor", "tumour"), ("esophag", "oesophag"), ("ischemi", "ischaemi"),
    ("hematoma", "haematoma"), ("anemia", "anaemia"), ("leukemi", "leukaemi"), ("pediatric", "paediatric"),
    ("center", "centre"), ("fiber", "fibre"), ("color", "colour"), ("gray", "grey"), ("cecum", "caecum"), ("cecal", "caecal"),  # noqa: E501
    ("fetal", "foetal"), ("fetus", "foetus"), ("hemangioma", "haemangioma"), ("characterized", "characterised"),
    ("localized", "localised"), ("visualized", "visualised"), ("generalized", "generalised"), ("diarrhea", "diarrhoea"),
    ("caliber", "calibre"), ("anesthe", "anaesthe"), ("orthopedic", "orthopaedic"), ("hemothorax", "haemothorax"),
)  # fmt: skip
_EXPANDED = (
    (r"\bCT\b", "computed tomography"), (r"\bMRI\b", "magnetic resonance imaging"), (r"\bIVC\b", "inferior vena cava"),
    (r"\bSVC\b", "superior vena cava"), (r"\bCSF\b", "cerebrospinal fluid"), (r"\bICA\b", "internal carotid artery"),
    (r"\bMCA\b", "middle cerebral artery"), (r"\bACL\b", "anterior cruciate ligament"), (r"\bRCC\b", "renal cell carcinoma"),
    (r"\bAVM\b", "arteriovenous malformation"), (r"\bHCC\b", "hepatocellular carcinoma"), (r"\bIV contrast\b", "intravenous contrast"),  # noqa: E501
    (r"\bRUL\b", "right upper lobe"), (r"\bLLL\b", "left lower lobe"), (r"\bLUL\b", "left upper lobe"),
    (r"\bRLL\b", "right lower lobe"), (r"\bRLQ\b", "right lower quadrant"), (r"\bLLQ\b", "left lower quadrant"),
    (r"\bRUQ\b", "right upper quadrant"), (r"\bLUQ\b", "left upper quadrant"), (r"\bw/ ?(?=\w)", "with "), (r"\bpt\b", "patient"),  # noqa: E501
    (r"\bDWI\b", "diffusion-weighted imaging"), (r"\bGBM\b", "glioblastoma multiforme"), (r"\bSAH\b", "subarachnoid hemorrhage"),  # noqa: E501
)  # fmt: skip
_LEADS = (
    "According to the source, {}", "In this case, {}", "The images show the following: {}", "As the case describes, {}",
    "It is reported that {}", "The authors state that {}", "Of note, {}",
)  # fmt: skip


def synonyms(sentence: str, rng: random.Random) -> str:
    """Up to three words for others that mean the same."""
    options = []
    for one, other, way in _SYNONYMS:
        if way and re.search(rf"\b{one}\b", sentence):
            options.append((one, other))
        if way == "both" and re.search(rf"\b{other}\b", sentence):
            options.append((other, one))
    used: set[str] = set()
    for old, new in rng.sample(options, min(3, len(options))):
        if old not in used and new not in used:
            sentence = re.sub(rf"\b{old}\b", new, sentence)
            used |= {old, new}
    return sentence


def british(sentence: str, rng: random.Random) -> str:
    """American spelling to British, where British does not stand already."""
    for american, spelt in _BRITISH:
        if spelt not in sentence.lower():
            sentence = re.sub(american, spelt, sentence)
            sentence = re.sub(american.capitalize(), spelt.capitalize(), sentence)
    return sentence


def expanded(sentence: str, rng: random.Random) -> str:
    """Abbreviations written out."""
    for pattern, words in _EXPANDED:
        sentence = re.sub(pattern, words, sentence)
    return sentence


def converted(sentence: str, rng: random.Random) -> str:
    """Centimetres in millimetres and back, numbers below ten in words and back."""
    words = ("two", "three", "four", "five", "six", "seven", "eight", "nine")
    if re.search(r"\d\s*[x×X]|to \d|\d\s*-\s*\d", sentence):
        return sentence

    def millimetres(match: re.Match[str]) -> str:
        return f"{float(match[1]) * 10:g} mm"

    sentence = re.sub(r"(?<![\d.x×-])(\d+(?:\.\d)?)\s*-?cm\b", millimetres, sentence)
    return re.sub(
        rf"\b({'|'.join(words)})(?= (?:[a-z]+ )?(?:lesions|masses|nodules|cysts|stones|years|months|days|weeks)\b)",
        lambda match: str(words.index(match[1]) + 2),
        sentence,
    )


_BODY = r"(?P<body>[^.;:]+?)"
_TURNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # "CT of the chest shows a mass." -> "A mass is seen on CT of the chest." without the verb's number: "On …, there is …"
    (re.compile(rf"^(?P<lead>[A-Z][^.,;:]{{1,60}}?) (?:shows|demonstrates|reveals) (?!that){_BODY}\.?$"), "{lead}: {body} can be seen."),  # noqa: E501
    (re.compile(rf"^There (?:is|are) (?!no\b|not\b){_BODY}\.?$"), "{body} can be seen."),
    (re.compile(rf"^There (?:is|are) no (?:evidence of )?{_BODY}\.?$"), "No {body} can be seen."),
    (re.compile(rf"^No (?!evidence|longer|sign){_BODY}(?: (?:is|are|was|were) (?:seen|noted|present|identified))?\.?$"), "There is no evidence of {body}."),  # noqa: E501
    (re.compile(rf"^(?P<lead>(?:In|On|At|Within|Along|After|During|Following) [^.,;:]{{3,60}}), {_BODY}\.?$"), "{body}, {low_lead}."),  # noqa: E501
    (re.compile(r"^(?P<lead>[A-Z][^.;:]{10,}?), (?P<body>with(?!out)\b[^.;:,]+)\.?$"), "{body}, {low_lead}."),
)  # fmt: skip


def turned(sentence: str, rng: random.Random) -> str:
    """The same statement in another order or voice, by one of a few templates."""
    for pattern, template in _TURNS:
        match = pattern.match(sentence)
        if match:
            parts = {name: value.strip() for name, value in match.groupdict().items() if value}
            parts["low_lead"] = lower_first(parts.get("lead", ""))
            text = template.format(**parts)
            return text[0].upper() + text[1:]
    return sentence


def sided(sentence: str, rng: random.Random) -> str:
    """ "The left kidney" as "the kidney on the left", and "left-sided" as "left"."""
    sentence = re.sub(r"\b(left|right)-sided\b", r"\1", sentence)
    organs = "kidney|lung|hemithorax|hemisphere|orbit|hip|knee|shoulder|ureter|adrenal gland|breast|ovary|thigh|femur"
    return re.sub(rf"\bthe (left|right) ({organs})\b(?! \w+ing)", r"the \2 on the \1", sentence)


def led(sentence: str, rng: random.Random) -> str:
    """The words with which language models like to begin."""
    return rng.choice(_LEADS).format(lower_first(sentence))


def lower_first(sentence: str) -> str:
    """A sentence as it goes on after other words; a name or an abbreviation keeps its capital."""
    first = sentence.split(" ", 1)[0]
    common = first.lower() in _SMALL or (
        first[1:].islower() and len(first) > 3 and first.endswith(("ed", "ing", "al", "ous"))
    )
    return sentence[0].lower() + sentence[1:] if sentence and common else sentence


_SMALL = frozenset(
    "the a an there this these it in on at no both most many multiple large small within with he she they".split()
)
STEPS: tuple[Rewording, ...] = (turned, sided, synonyms, expanded, converted, british, led)


def reworded(sentence: str, rng: random.Random, *, lead: bool = True) -> str | None:
    """Reword a sentence by all that applies; None when nothing does.

    Parameters
    ----------
    sentence : str
    rng : random.Random
    lead : bool
        Whether it may get a lead such as "In this case, …" too; one that nothing else changes gets it half of the time.
    """
    text = sentence.strip()
    for step in STEPS[:-1]:
        if rng.random() < 0.85:
            text = step(text, rng)
    if text != sentence.strip():
        return led(text, rng) if lead and rng.random() < 0.3 else text
    return led(text, rng) if lead and rng.random() < 0.5 else None


def joined(one: str, other: str) -> str:
    """Two sentences that follow each other in the source, as one."""
    return f"{one.rstrip(' .')}, and {lower_first(other)}"
