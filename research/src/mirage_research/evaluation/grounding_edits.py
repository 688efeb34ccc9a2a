"""Documented edits that make a sentence of a source say something else, and rewordings that leave what it says as it is.

Each takes a sentence and a random generator. An edit gives the edited sentence, or None where it does not apply; what it
makes is wrong because the source says otherwise. A rewording gives the sentence itself where it does not apply.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

Rewording = Callable[[str, random.Random], str]
Edit = Callable[[str, random.Random], str | None]

_SIDE = re.compile(
    r"\b(left|right)(?=(?:-sided|-side|ward)?\b)(?!-(?:to|greater|handed)|\s+(?:to|or|and|versus|vs|greater|untreated|alone|after)\b)",
    re.IGNORECASE,
)
_NO_SIDE = re.compile(
    r"\b(?:bilateral\w*|both|either|left[- ]to[- ]right|right[- ]to[- ]left|was left|were left|right away)\b", re.IGNORECASE
)
_OTHER = {"left": "right", "right": "left"}


def flip_side(sentence: str, rng: random.Random) -> str | None:
    """Left for right and right for left: all of them, or one where several stand.

    Parameters
    ----------
    sentence : str
        Of a source.
    rng : random.Random
        Draws whether all sides named are flipped or one, and which.

    Returns
    -------
    str or None
        None where no side is named, where both are ("bilateral"), or where the word may be no side ("right away").
    """
    found = list(_SIDE.finditer(sentence))
    if not found or _NO_SIDE.search(sentence):
        return None
    chosen = found if rng.random() < 0.5 else [rng.choice(found)]
    return _replaced(sentence, [(match, _like(match[0], _OTHER[match[0].lower()])) for match in chosen])


_DENIED = (
    (re.compile(r"\b([Tt])here (is|are|was|were) (?!no\b|not\b|also\b)(?:an? |some )?"), r"\1here \2 no "),
    (re.compile(r"\b(shows?|showed|demonstrates?|demonstrated|reveals?|revealed|showing|demonstrating)( that)? (?!no\b|not\b|that\b)(?:an? |the )?(?=\w)"), r"\1 no "),  # noqa: E501
    (re.compile(r"\b(is|are|was|were) (?=(?:seen|noted|present|identified|visualized|enlarged|dilated|displaced|thickened|visible|compressed|narrowed|involved)\b)"), r"\1 not "),  # noqa: E501
    (re.compile(r"\bwith (?=(?:an? )?(?:\w+ ){0,2}(?:enhancement|edema|hemorrhage|calcifications?|effusion|mass effect|stranding|dilatation|dilation|thickening|obstruction|erosion|destruction|fluid|necrosis)\b)"), "without "),  # noqa: E501
)  # fmt: skip


def deny(sentence: str, rng: random.Random) -> str | None:
    """State the absence of what the sentence states: "shows a mass" becomes "shows no mass".

    Parameters
    ----------
    sentence : str
        Of a source.
    rng : random.Random
        Draws one of the ways that apply.

    Returns
    -------
    str or None
        None where the sentence denies something already, or states nothing in a known form.
    """
    if re.search(r"\b(?:no|not|without|absent|absence|neither|nor|never|cannot|denies)\b|n't\b", sentence, re.IGNORECASE):
        return None
    options = [(pattern, new) for pattern, new in _DENIED if pattern.search(sentence)]
    if not options:
        return None
    pattern, new = rng.choice(options)
    return pattern.sub(new, sentence, count=1)


_STATED = (
    (re.compile(r"\b([Tt]here (?:is|are|was|were)) no (?:evidence of |sign of |signs of )?"), r"\1 "),
    (re.compile(r"\b(shows?|demonstrates?|reveals?|with|and|has|had|have|of) no (?:evidence of |sign of )?"), r"\1 "),
    (re.compile(r"^No (?:evidence of |sign of )?(?=[a-z])"), ""),
    (re.compile(r"\bwithout (?:evidence of )?(?=[a-z])"), "with "),
    (re.compile(r"\b(is|are|was|were) not (?=(?:seen|noted|present|identified|visualized|enlarged|dilated|displaced|thickened|visible|compressed|involved)\b)"), r"\1 "),  # noqa: E501
    (re.compile(r"\b(does|do|did) not (?=[a-z]+)"), r"\1 "),
)  # fmt: skip
_NOT_PLAIN = re.compile(
    r"\b(?:not only|no longer|without (?:and|or)|no more|no doubt|with (?:and|or) without|not necessarily)\b", re.IGNORECASE
)


def state(sentence: str, rng: random.Random) -> str | None:
    """Take a denial out: "There is no mass" becomes "There is mass".

    Parameters
    ----------
    sentence : str
        Of a source.
    rng : random.Random
        Not drawn from; every edit takes one.

    Returns
    -------
    str or None
        None where there is not exactly one denial, or none that can be taken out ("no longer").
    """
    denials = re.findall(r"\b(?:no|not|without|nor|never|cannot)\b", sentence, re.IGNORECASE)
    if len(denials) != 1 or _NOT_PLAIN.search(sentence):
        return None
    for pattern, new in _STATED:
        if pattern.search(sentence):
            edited = pattern.sub(new, sentence, count=1)
            return edited[0].upper() + edited[1:]
    return None


_MEASURED = re.compile(
    r"(?<![\w./-])(\d+(?:\.\d+)?)(?=(?:\s*[x×X]\s*\d+(?:\.\d+)?)*\s*-?\s*(?:cm|mm|%|percent|HU|years?|weeks?|months?|ml|cc)\b|\s*%)"
)
_COUNTS = {"two": ("three", "four"), "three": ("two", "five"), "four": ("two", "three"), "five": ("two", "three")}
_COUNTED = re.compile(r"\b(two|three|four|five)\b(?!-| of\b)", re.IGNORECASE)
_FACTORS = (0.4, 0.5, 1.6, 2.0, 3.0)


def change_number(sentence: str, rng: random.Random) -> str | None:
    """Another number, by a factor that no rounding explains; a percentage stays below 100.

    Parameters
    ----------
    sentence : str
        Of a source.
    rng : random.Random
        Draws the number and its factor.

    Returns
    -------
    str or None
        None where there is neither a number with a unit nor a count from "two" to "five", or where no factor fits.
    """
    found = [*_MEASURED.finditer(sentence), *_COUNTED.finditer(sentence)]
    if not found:
        return None
    match = rng.choice(found)
    if match[0].lower() in _COUNTS:
        return _replaced(sentence, [(match, _like(match[0], rng.choice(_COUNTS[match[0].lower()])))])
    value, places = float(match[1]), len(match[1].partition(".")[2])
    others = {float(number) for number in re.findall(r"\d+(?:\.\d+)?", sentence)}
    percent = bool(re.match(r"[\d.\sx×X]*(?:%|percent)", sentence[match.start() :]))
    for factor in rng.sample(_FACTORS, len(_FACTORS)):
        new = round(value * factor, places)
        if new > 0 and abs(new - value) >= 0.2 * value and new not in others and not (percent and new > 99):
            return _replaced(sentence, [(match, f"{new:.{places}f}")])
    return None


_MODALITIES = (
    (re.compile(r"\bCT\b"), "MRI"),
    (re.compile(r"\b(?:MRI|MR imaging|MR)\b(?! angio)"), "CT"),
    (re.compile(r"\bT1(?=[ -]?[Ww]| |,|$)"), "T2"),
    (re.compile(r"\bT2(?=[ -]?[Ww]| |,|$)"), "T1"),
    (re.compile(r"\b[Uu]ltrasound\b"), "CT"),
    (re.compile(r"\b[Rr]adiographs?\b"), "ultrasound"),
)


def swap_modality(sentence: str, rng: random.Random) -> str | None:
    """Another kind of picture: CT for MRI, T1 for T2, ultrasound for a radiograph.

    Parameters
    ----------
    sentence : str
        Of a source.
    rng : random.Random
        Draws one of the modalities named.

    Returns
    -------
    str or None
        None where no modality is named, where its replacement is named too, or where the sentence has "or" or "PET".
    """
    options = [(pattern, new) for pattern, new in _MODALITIES if pattern.search(sentence)]
    options = [(pattern, new) for pattern, new in options if not re.search(rf"\b{new}", sentence, re.IGNORECASE)]
    if not options or re.search(r"\bor\b|\bPET\b", sentence):
        return None
    pattern, new = rng.choice(options)
    return pattern.sub(new, sentence)


_PLANES = ("axial", "coronal", "sagittal")
_PLANE = re.compile(r"\b(axial|coronal|sagittal)\b(?! (?:suture|synostosis|sinus|loading|plane and))", re.IGNORECASE)


def swap_plane(sentence: str, rng: random.Random) -> str | None:
    """Another plane; only where one plane is named.

    Parameters
    ----------
    sentence : str
        Of a source.
    rng : random.Random
        Draws the new plane.

    Returns
    -------
    str or None
        None where no plane is named, or several are.
    """
    found = list(_PLANE.finditer(sentence))
    if not found or len({match[0].lower() for match in found}) > 1:
        return None
    new = rng.choice([plane for plane in _PLANES if plane != found[0][0].lower()])
    return _replaced(sentence, [(match, _like(match[0], new)) for match in found])


def _replaced(sentence: str, pieces: list[tuple[re.Match[str], str]]) -> str:
    for match, new in sorted(pieces, key=lambda piece: -piece[0].start()):
        sentence = sentence[: match.start()] + new + sentence[match.end() :]
    return sentence


def _like(old: str, new: str) -> str:
    return new.upper() if old.isupper() and len(old) > 1 else new.capitalize() if old[0].isupper() else new


# Kind of error to the edits that make it, in the order of the table.
EDITS: dict[str, tuple[Edit, ...]] = {
    "laterality": (flip_side,),
    "negation": (deny, state),
    "number": (change_number,),
    "modality": (swap_modality,),
    "plane": (swap_plane,),
}


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
    """Up to three words for others that mean the same.

    Parameters
    ----------
    sentence : str
        Of a source.
    rng : random.Random
        Draws which of the words that have another name are replaced.
    """
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
    """American spelling to British, where British does not stand already.

    Parameters
    ----------
    sentence : str
        Of a source.
    rng : random.Random
        Not drawn from; every rewording takes one.
    """
    for american, spelt in _BRITISH:
        if spelt not in sentence.lower():
            sentence = re.sub(american, spelt, sentence)
            sentence = re.sub(american.capitalize(), spelt.capitalize(), sentence)
    return sentence


def expanded(sentence: str, rng: random.Random) -> str:
    """Abbreviations written out.

    Parameters
    ----------
    sentence : str
        Of a source.
    rng : random.Random
        Not drawn from; every rewording takes one.
    """
    for pattern, words in _EXPANDED:
        sentence = re.sub(pattern, words, sentence)
    return sentence


def converted(sentence: str, rng: random.Random) -> str:
    """Centimetres in millimetres, and counts from "two" to "nine" in digits.

    Parameters
    ----------
    sentence : str
        One with a range or with several dimensions ("3 x 4 cm", "2-3") stays as it is.
    rng : random.Random
        Not drawn from; every rewording takes one.
    """
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
    """The same statement in another order or voice, by one of a few templates.

    Parameters
    ----------
    sentence : str
        Stays as it is where no template fits.
    rng : random.Random
        Not drawn from; every rewording takes one.
    """
    for pattern, template in _TURNS:
        match = pattern.match(sentence)
        if match:
            parts = {name: value.strip() for name, value in match.groupdict().items() if value}
            parts["low_lead"] = lower_first(parts.get("lead", ""))
            text = template.format(**parts)
            return text[0].upper() + text[1:]
    return sentence


def sided(sentence: str, rng: random.Random) -> str:
    """ "The left kidney" as "the kidney on the left", and "left-sided" as "left".

    Parameters
    ----------
    sentence : str
        Of a source.
    rng : random.Random
        Not drawn from; every rewording takes one.
    """
    sentence = re.sub(r"\b(left|right)-sided\b", r"\1", sentence)
    organs = "kidney|lung|hemithorax|hemisphere|orbit|hip|knee|shoulder|ureter|adrenal gland|breast|ovary|thigh|femur"
    return re.sub(rf"\bthe (left|right) ({organs})\b(?! \w+ing)", r"the \2 on the \1", sentence)


def led(sentence: str, rng: random.Random) -> str:
    """The words with which language models like to begin.

    Parameters
    ----------
    sentence : str
        Goes on after the lead.
    rng : random.Random
        Draws the lead.
    """
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
    """Two sentences that follow each other in the source, as one.

    Parameters
    ----------
    one, other : str
        The second loses its capital, unless that belongs to a name or an abbreviation.
    """
    return f"{one.rstrip(' .')}, and {lower_first(other)}"
