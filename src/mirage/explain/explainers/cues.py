"""What a sentence tells of (what a thing is, where, how it looks, what else it could be), and if it is worth quoting."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from mirage.explain.evidence import Aspect
from mirage.explain.statements import VERB
from mirage.explain.subject import Subject
from mirage.language.annotation import annotate
from mirage.language.words import remembered

ORDER: tuple[Aspect, ...] = ("what", "where", "look", "differential", "pitfall")


def _any(words: str) -> re.Pattern[str]:
    """Any of some expressions, one a line, as whole words."""
    return re.compile(rf"(?i)\b(?:{'|'.join(line.strip() for line in words.strip().splitlines())})\b")


# They are words of radiology at large, no knowledge of a disease.
# Nothing but words that describe it may stand before what it is: "is associated with a tumour" says not what it is.
_DESCRIBING = r"(?:(?!(?:by|with|in|to|for|from|at|on|of|more|less|seen|found|as|when|where|if)\b)\w+,?[\s-]){0,6}"
_CATEGORY = _any(rf"""(?:is|are)\s+(?:one of the\s+)?{_DESCRIBING}(?:tumou?rs?|neoplasms?|disorders?|diseases?|lesions?
    malformations?|conditions?|anomal(?:y|ies)|syndromes?|infections?|abnormalit(?:y|ies)|cysts?|fractures?|collections?
    mass(?:es)?|dilat\w+|process|inflammation|communication|form|type|variant|complication|entity|injur(?:y|ies)|cancers?
    malignanc\w+|herniation|defects?|obstruction|occlusion|rupture|h[ae]?emorrhage|h[ae]?ematoma)""")
_DEFINED = _any(r"""(?:is|are) (?:defined|characteri[sz]ed|caused|classified)
    (?:is|are) (?:thought|believed|considered|said|described) (?:as |to (?:be |have )?(?:due|an?|the|caused|result\w*|aris\w+
    originat\w+)|an? )
    (?:is|are) divided into
    refers? to
    consists? of
    results? from
    represents?(?! (?:about |approximately |up to |only |nearly )?\d)
    arises? from
    (?:is|are) (?:usually |most often |most commonly )?(?:due to|from|the result of)
    derive\w* from""")
_ORIGIN = _any("most common\nautosomal\ncongenital\nbenign\nmalignant\nacquired\nidiopathic\nhereditary\nrare")
_NAMES = _any("also (?:known|called)\na\\.?k\\.?a\nso-called\nterm")
_SITED = _any("""locat(?:ed|ions?)
    occurs? (?:in|at|along|within|between(?! \\d)|anywhere|most)
    occurring (?:in|at|along|within)
    found (?:in|within|along|at|near)
    sites?
    involv(?:es?|ing|ement)
    predilection
    distribution
    aris(?:es?|ing)
    originat\\w+
    affects?
    extend(?:s|ing)
    situated
    confined to
    (?:within|adjacent to) the""")
_ANATOMY = _any("""frontal|temporal|parietal|occipital|cerebell\\w+|ventric\\w+|midline|bilateral(?:ly)?|unilateral
    proximal|distal|anterior|posterior|medial|lateral|superior|inferior|upper|lower|left|right
    supra\\w+|infra\\w+|sub\\w+al|peri\\w+|intra\\w+|extra\\w+|para\\w+|lobes?|segments?|hemispheres?|hil\\w+|apex
    base|fossa|junction|cortex|medulla|spin\\w+|vertebr\\w+|cord|canal|discs?|dur\\w+|pleura\\w*|bronch\\w+
    femor\\w+|femur|tibia\\w*|humer\\w+|joints?|bones?|marrow|knees?|hips?|skull|sella\\w*|pituitary|orbit\\w*|eyelids?
    kidneys?|renal|liver|hepat\\w+|splen\\w+|pancrea\\w+|adrenals?|ovar\\w+|uter\\w+|bladder|colon\\w*|bowel|duoden\\w+
    lungs?|pulmonary|thora\\w+|mediastin\\w+|brain|cereb\\w+|pelvi[sc]|abdom\\w+|retroperiton\\w+|arter\\w+|veins?|aort\\w+""")
_SIGN = _any("""(?:hyper|hypo|iso|high|low|increased|decreased)[- ]?(?:intens|dens|attenuat|echo|signal|lucen)\\w*
    signal|attenuation|densit\\w+|enhanc\\w+|opacit\\w+|opacif\\w+|lucen\\w+|calcif\\w+|echogenic\\w*|hounsfield
    HU|filling defects?|mass effect|o?edema|air[- ]fluid|fluid level|cystic|necro\\w+|margins?
    well[- ]?(?:circumscribed|defined)
    heterogen\\w+|homogen\\w+|lytic|sclerotic|thicken\\w+|dilat\\w+|restricted diffusion
    flow void|rim|ring|halo|nodul(?:es?|arity)|crescent\\w*|lentiform|biconvex|stranding|ground[- ]glass""")
_PICTURE = _any("""CT|MRI?|T[12](?!\\d)\\w*|FLAIR|DWI|ADC|STIR|ultrasound|sonogra\\w+|radiogra\\w+|x-?rays?|films?
    angiogra\\w+|contrast|gadolinium|images?|imaging|scan|axial|coronal|sagittal""")
_SEEN = _any("""appear\\w*|demonstrat\\w+|shows?|showing|seen|reveal\\w*|visuali[sz]ed
    sign|characteristic|classic\\w*|typical\\w*""")
_OTHERS = _any("""differential(?! \\(| air)|mimic\\w*|distinguish\\w*|differentiat(?:e|ed|ing|ion)|confused with
    rule[ds]? out|indistinguishable
    in contrast to|as opposed to|unlike|versus|vs|other (?:causes|entities|considerations)""")
_PITFALLS = _any("""pitfalls?|misdiagnos\\w+|mistaken|mistake|misinterpret\\w+|missed|overlook\\w*|caution
    false[- ](?:positives?|negatives?)|may be normal|(?:should|must) not be (?:confused|mistaken)|can be confused
    simulat\\w+|easily confused|can mimic|may mimic|mimics|underestimat\\w+|overestimat\\w+|obscure[ds]?
    difficult to (?:see|detect|distinguish|differentiate)|does not exclude
    (?:be|is|are|being|relatively|quite|very|often|too) (?:\\w+ and )?subtle|subtle or
    (?:findings?|signs?|features?|appearances?|imaging|films?)\\s+(?:\\w+\\s+){0,4}(?:is|are|be) (?:\\w+ ){0,2}non-?specific
    non-?specific (?:\\w+ )?(?:findings?|signs?|features?|appearances?|patterns?|changes)""")
# What helps to find it deceives nobody.
_CLUE = _any("clues?|helpful|pathognomonic|diagnostic of|aids?|allows?")
# Each cue counts once.
_CUES: dict[Aspect, tuple[tuple[float, re.Pattern[str]], ...]] = {
    "what": ((0.8, _CATEGORY), (0.7, _DEFINED), (0.4, _ORIGIN), (0.3, _NAMES)),
    "where": ((0.8, _SITED), (0.4, _ANATOMY)),
    "look": ((0.7, _SIGN), (0.4, _PICTURE), (0.3, _SEEN)),
    "differential": ((0.9, _OTHERS),),
    "pitfall": ((0.9, _PITFALLS),),
}
# What "occurs in" and "localized to" also go with.
_NO_PLACE = _any(
    "decades?|chromosomes?|genes?|rate|births?|ages?|years?|insertions|localized|patients|women|men|girls|boys|children|fashion"
    "|depending|mechanism|pathogenesis|people|annually|per year|each year|population"
    "|athletes|individuals|persons|smokers|adults|infants"
)
_NO_LOOK = _any(
    "accounts? for|(?:is|are|be) (?:often |usually )?due to"
    "|ratio|incidence|prevalence|mortality|study of choice|modality of choice"
)
# What is left of something else, and what comes with age.
_BESIDES = _any("scarr?(?:s|ing)?|atherosclero\\w+|degenerative change\\w*|incidental\\w*|unrelated")
# Course, cure and cost, and how a picture was made, tell neither what a thing is nor where, how it looks or what it is not.
_OF_OTHER = _any("""treat(?:ed|ment|ments|ing)?|therap(?:y|ies|eutic)|surg(?:ery|ical|ically)|manage(?:d|ment)
    (?:higher|increased|high) risk|recurren\\w+|graft\\w*|post-?operative\\w*|excision|resect\\w+|prognos\\w+
    outcomes?|theor(?:y|ies)|mortality|surviv\\w+|repair|clinical(?:ly)?|symptom\\w*|asymptomatic|hoarse\\w+|complain\\w*
    (?:excellent|preferred|initial|main) (?:modality|study|test)|of choice|limited by|helpful|useful|effective
    (?:is|are|was|were|can be) (?:often |frequently |also )?(?:used|administered|obtained|performed|placed)
    (?:poorly|well) visuali[sz]ed|(?:will )?var(?:y|ies) according|guided|percutaneous
    angiographers?|surgeons?|operators?|physicians?|clinicians?|(?:take|taking) care|emboli[sz]ation|catheteri[sz]\\w+
    (?:interval|tube|catheter|drain|stent) placement""")
# A passage of this kind speaks of this by its nature.
_KINDS: Mapping[tuple[str, Aspect], float] = {
    ("discussion", "what"): 0.4,
    ("discussion", "where"): 0.25,
    ("caption", "look"): 0.45,
    ("findings", "look"): 0.4,
    ("findings", "where"): 0.1,
    ("caption", "where"): 0.1,
    ("differential", "differential"): 0.9,
}
_SAYS = _any("""is|are|was|were|represents?|refers?|consists?|results?|arises?|occurs?|describes?|means|comprises?|accounts?
    derives?|develops?|comes?|can|may|has|have|involves?""")
# Sentences whose subject is one of these speak about the thing, they do not say what it is.
_ABOUT = _any("""diagnos[ie]s|treatment|management|imaging|CT|MRI?|ultrasound|radiogra\\w+|scans?|appearance|findings?
    symptoms?|signs?|patients?|cases?|incidence|prevalence|risk|prognosis|differential|presentation|complications?|therapy|studies|study|images?|causes?|rates?|presence""")


# A sentence is looked at for each query that finds it, and what it tells by its own words does not change.
@lru_cache(maxsize=16_384)
def strength(aspect: Aspect, kind: str, text: str) -> float:
    """How much a sentence of a passage of this kind tells of an aspect, 0 to about 2.

    Parameters
    ----------
    aspect : str
    kind : str
        As in `Evidence`.
    text : str
        The sentence.
    """
    cues = sum(weight for weight, cue in _CUES[aspect] if cue.search(text))
    if aspect == "what" and kind in ("caption", "findings"):
        cues *= 0.3
    if aspect == "where" and _NO_PLACE.search(text):
        cues *= 0.3
    if aspect == "where" and _SIGN.search(text) and _PICTURE.search(text):
        cues *= 0.5
    if aspect == "look" and kind == "discussion" and not _SIGN.search(text):
        cues *= 0.3
    if aspect == "look" and _NO_LOOK.search(text):
        cues *= 0.3
    if aspect == "pitfall" and _CLUE.search(text):
        cues *= 0.3
    if aspect == "what" and not any(cue.search(text) for cue in (_CATEGORY, _DEFINED, _NAMES)):
        return 0.0
    if aspect == "look" and _BESIDES.search(text):
        cues *= 0.3
    if cues and _OF_OTHER.search(text):
        cues *= 0.3
    if kind == "differential" and aspect != "differential":
        cues *= 0.2
    return cues + _KINDS.get((kind, aspect), 0.0)


_SUBORDINATE = re.compile(
    r"(?i)\W*(?:when|whenever|if|although|because|since|as|while|due|in|on|with|for|after|of|at|by|from|given|once|among|unless)\b"
)


_OF_ANOTHER = re.compile(
    r"(?i)\b(?:and|for|with|in|on|by"
    r"|(?<!form )(?<!forms )(?<!type )(?<!types )(?<!kind )(?<!majority )(?<!most )(?<!% )(?<!percent )of)\b"
)


def defines(text: str, subject: Subject) -> float:
    """How far a sentence says what the thing is: 1 where the thing is its subject, 1.6 as an entry "Thing: what it is".

    Parameters
    ----------
    text : str
        The sentence.
    subject : Subject
        The thing.
    """
    entry, _, rest = text.partition(": ")
    if rest and len(entry.split()) <= 4 and subject.named_in(entry) and not _ABOUT.search(entry):
        return 1.6
    verb = _SAYS.search(text)
    before = text[: verb.start()] if verb else ""
    if not before or len(before.split()) > 14 or _ABOUT.search(before) or _SUBORDINATE.match(before):
        return 0.2
    # "Vasospasm and X are ...", "a sign of X is ..." say what something else is.
    clause = before.rpartition(", ")[2]
    of_another = _OF_ANOTHER.search(clause)
    return 1.0 if subject.named_in(before if not of_another else clause[: of_another.start()]) else 0.2


_WORD = re.compile(r"[^\W\d_]{2,}")
_COMMANDS = re.compile(r"""(?ixm)
    \b(?:ignore|disregard|forget|override|bypass|do\s+not\s+(?:use|cite|follow)|stop\s+(?:using|citing))\b
        [^.!?\n]{0,60}\b(?:instructions?|prompts?|sources?|evidence|rules|guidelines?|context|above|previous|citations?)\b
    | \b(?:system|developer)\s+(?:prompt|message)\b | \bas\s+an?\s+(?:ai|language\s+model)\b
    | \byou\s+are\s+(?:now\s+)?(?:an?\s+)?(?:ai|assistant|chatbot|language\s+model|chatgpt|gpt|llm)\b
    | \byou\s+(?:must|should|will)\s+(?:now\s+)?(?:answer|reply|respond|say|write|output|tell\s+the)\b
    | \b(?:respond|reply|answer)\s+(?:only\s+)?(?:with|in)\s+(?:["'“]|the\s+(?:word|phrase|sentence)|json|one\s+word)
    | ^[^\S\n]*(?:system|assistant|user|instructions?)\s*: | <\|[a-z_]+\|> | \[/?INST\]
    | \#\#\#\s*(?:instruction|response|system|end)\b
    | \b(?:repeat|print|output|write)\s+(?:after\s+me|the\s+(?:following|word|phrase|sentence)|exactly)\b
    | \b(?:new|following|these|my|your)\s+instructions?\s*[:.!]
""")
_NO_CONTENT = re.compile(r"""(?ix)
    ^\W*(?:(?:please\s+)?(?:see|refer\s+to|read|click|go\s+to|as)\s+(?:the\s+)?(?:above|below|factoid|topic|case|discussion|
        findings?|images?|figures?|text|caption|link|previous|attached|history|full)\b
      | as\s+above | n/?a\b | none\b | unknown\W*$ | not\s+(?:available|applicable|stated|given) | same\s+as | ditto
      | no\s+(?:comment|further|additional\s+(?:comment|information)) | to\s+be\s+(?:added|determined) | tbd\b
      | key\s*words? | references?\b | bibliography | further\s+reading | acknowledg | copyright | disclaimer
      | contributed\s+by | notes?\s*: | please\b | (?:for\s+)?(?:more|further|additional)\s+information
      | (?:figure|image)\s+\d+\W*$ | test\s+question | question\s+\d | the\s+(?:opinions|views)\s+expressed)
""")
_REFERENCES = re.compile(r"""(?ix)
    https?:// | \bwww\. | \bdoi\b | \bpmid\b | \bet\s+al\b | \bISBN\b
    | \b(?:19|20)\d\d\s*;\s*\d | ;\s*\d+\s*(?:\(\d+\))?\s*:\s*[A-Z]?\d+ | \b\d+\s*:\s*\d{2,}\s*[-–]\s*\d+
    | \bvol(?:ume)?\.?\s*\d | \bpp?\.\s*\d | \baccessed\b.{0,30}\d{4} | \(address\s+left\s+out\)
    | \b(?:Radiographics|Radiology|AJR|AJNR|NEJM|Lancet|JAMA|Springer|Elsevier|Mosby|Saunders|Lippincott|
        Williams\s*(?:&|and)\s*Wilkins|eMedicine|UpToDate|StatDx|Radiopaedia|Wikipedia|ed(?:ition)?\.,|Textbook)\b
    | \bJ(?:ournal)?\s+(?:of\s+)?[A-Z]\w+\.?.{0,40}\d{4} | (?-i:\b[A-Z][a-z]+\s+[A-Z]{1,2},\s+[A-Z][a-z]+\s+[A-Z]{1,2}\b)
""")
_PERSON = re.compile(r"""(?x)
    \b(?:Dr|Drs|Prof|Mr|Mrs|Ms)\.?\s+[A-Z] | \b(?:MD|M\.D\.|DO|PhD|MBBS|CPT|LCDR|Maj|Capt|Col)\b[.,]?
    | (?i:\b(?:the|this|our|his|her)\s+(?:patient|pt|family|mother|father|wife|husband)\b)
    | (?i:\b(?:he|she|his|her|him|pt)\b)
    | (?i:\b(?:we|our|us|my|I)\b\s+(?:present|report|saw|performed|believe|thank|would|will|have|did|describe|found)\b)
    | (?i:\b\d{1,3}\s*[- ]?\s*(?:year|yr|y/?o|month|day|week)s?[- ]?(?:old)?\b\s*(?:male|female|man|woman|boy|girl|[mf]\b))
    | (?i:\bpatient\s+(?:was|is|has|had|reports|presented|denied|underwent|complain|did|does)\b)
""")
# What leans on a sentence that is not quoted beside it.
_LEANS = re.compile(r"""(?ix)
    ^\W*(?:in\s+other|it|its|they|their|them|these|those|this|that|such|he|she|his|her|there\s+are\s+(?:also|other)|however|therefore|
      thus|hence|also|in\s+addition|additionally|furthermore|moreover|further|similarly|likewise|conversely|instead|another|
      other|others|both|either|neither|but|and|or|so|then|otherwise|nevertheless|as\s+such|when\s+(?:this|it|they)|
      as\s+(?:stated|mentioned|noted|described)|more\s+distinctively|in\s+(?:this|our|these|that|such|summary|conclusion)|on\s+the\s+other\s+hand|
      for\s+(?:example|this|these|instance)|unlike\s+(?:this|these)|turning\s+attention|at\s+this\s+time|again|finally|lastly|
      (?:less|more)\s+(?:commonly|frequently|often|rarely|recently)|
      second|third|secondly|thirdly|next|later|more\s+recently|despite\s+this|of\s+(?:these|those)|
      the\s+(?:latter|former|same|above|other|first|second|third|study|disease|condition|lesion|syndrome|disorder|process|remaining))\b
    | \b(?:described|mentioned|noted|listed|shown|seen|discussed|stated)\s+(?:above|below|previously)\b
    | \bon\s+the\s+other\s+hand\b
    | ^(?:(?!;|\b(?:and|but|so|which|that)\b).)*\b(?:therefore|thus(?!\s\w+ing)|hence|consequently|accordingly)\b
    | \b(?:an?\s+)?similar(?!\s+(?:to|in|between|for)\b)(?!ity|ities|ly\s+to)\w*\b
    | \b(?:is|are|was|were)\s+also\s+(?:an?|the|one)\b | \bthe\s+case\s+here\b
    | ^[^,;]{0,60}\bthis\s+(?:findings?|appearance|sign|feature|pattern|location|structure|region|area|vessel|change|result
        |technique|method|approach|reason|fact|is|was|can|may|has)\b
    | \bdiscussed\s+(?:in|later|elsewhere|separately)\b | \bon\s+above\b | \bsee\s+(?:fig|image|below|above)
""")
# A source's own reference marks would be read as ours.
_MARKS = re.compile(
    r"\[\d+(?:\s*[,–-]\s*\d+)*\]|(?<=[a-z]{3})\d{1,2}(?:,\d{1,2})*(?=[.,;\s]|$)|\(\s*\d{1,2}(?:\s*[,–-]\s*\d{1,2})*\s*\)"
)
_UNFINISHED = re.compile(
    r"(?i)(?:\b(?:the|a|an|of|and|or|with|in|is|are|by|to|from|include|includes|including)|[,:;(])\s*\.?$"
)
# About the course of care rather than about what pictures show.
_CARE = re.compile(r"""(?ix)
    \b(?:treat(?:ed|ment|ments|ing)?|therap(?:y|ies|eutic)|surg(?:ery|ical|ically)|manage(?:d|ment)|prognos\w*|mortality|
      surviv\w+|dos(?:e|es|age)|mg|antibiotic\w*|chemotherap\w*|follow-?up|resect\w*|incidence|prevalence|per\s+100|studies|
      trials?|recommend\w*|guidelines?|anticoagula\w*|medication\w*|complain\w*|symptoms?|present(?:s|ation)?\s+with|
      hospital|screening|biopsy)\b
""")
_NORMAL = re.compile(
    r"(?i)\b(?:unremarkable|within normal limits|(?:appears?|is|are|demonstrates?|shows?)(?: an?)? normal)\b"
)
# About how a picture was made or what it costs.
_MAKING = re.compile(
    r"(?i)\b(?:w(?:as|ere) (?:performed|obtained|acquired)|expensive|availab\w+|accura\w+|is (?:often )?evaluated"
    r"|(?:is|are) performed|placed|inserted|transducer|sensitiv\w+|specificity|of choice)\b"
)
# A question mark inside a word is what is left of a letter that was lost.
_SPOILT = re.compile(r"\w\?\w|\?\?")
_POINTS = re.compile(r"(?i)\b(?:fig(?:ure)?s?\.?|images?)\s*#?\d|#\d|\(arrows?|\barrows?\b")


_DENIED = re.compile(r"(?i)\b(?:no|without|normal|unremarkable)\b.*$")
_EMPTY = frozenset(
    "with from this that there these their obtained level view consistent compatible suggestive diagnosis known"
    " history consistant finding findings patient confirms".split()
)


def affirmed(text: str) -> str:
    """The beginning of a sentence up to where it denies or calls things normal."""
    return _DENIED.sub("", text)


def shows(text: str) -> bool:
    """Whether a text names a sign that pictures show."""
    return bool(_SIGN.search(text))


_FEWEST_WORDS = 2


def is_bare(text: str) -> bool:
    """Whether a text says hardly more than that a picture shows something."""
    words = re.findall(r"[\w.-]+", _SEEN.sub(" ", _PICTURE.sub(" ", text.lower())))
    said = [word for word in words if word[0].isdigit() or (len(word) > 3 and word not in _EMPTY)]
    return len(said) < _FEWEST_WORDS


@remembered(1024)
def addresses_a_machine(text: str) -> bool:
    """Whether a text gives orders to whoever reads it, as planted text does."""
    return bool(_COMMANDS.search(text))


def leans(text: str) -> bool:
    """Whether a sentence cannot be understood without the one before it."""
    return bool(_LEANS.search(text))


# A verb of a relative clause makes no sentence: "A mass that extends into the canal".
_RELATIVE = re.compile(r"(?i)\b(?:that|which|who|where)\b[^,;.]*")


_CAPTION = re.compile(
    r"(?i)(?:axial|coronal|sagittal|frontal|lateral|oblique|CT|MRI?|T[12]|ultrasound|x-ray|radiograph|fundus|microscopy|histology"
    r"|echocardiogram|detail)\b.{24,}\.$"
)


def is_caption(text: str) -> bool:
    """Whether a text without a verb says what a picture is of: "Axial CT of the abdomen at the level of the pancreas."."""
    return bool(_CAPTION.match(text))


@remembered(8192)
def is_sentence(text: str) -> bool:
    """Whether a text is a sentence that says something by itself: no label, heading, fragment, question or reference."""
    words = _WORD.findall(text)
    if len(words) < 4 or len(text) < 16 or text.rstrip("\"'”) ").endswith(("?", ":")):
        return False
    if not VERB.search(_RELATIVE.sub(" ", text)) or not text[0].isalnum() or text[0].islower():
        return False
    if _NO_CONTENT.search(text) or _REFERENCES.search(text) or _UNFINISHED.search(text) or _LEANS.search(text):
        return False
    letters = sum(character.isalpha() for character in text)
    return letters >= 0.55 * len(text)


# What it adds to is not quoted: "CT is also effective"; but "also known as" names it.
_ADDS = re.compile(r"(?i)\balso (?!known|called|termed|referred|named|presents?)")
# Against an earlier study that is not shown.
_COMPARED = re.compile(
    r"(?i)\b(?:less|better) well\b|\bunchanged\b|\binterval\b"
    r"|\b(?:prior|previous|earlier|original) (?:stud|exam|imag|CT|MR|film)"
)
_BURDENS: tuple[tuple[float, re.Pattern[str]], ...] = (
    (0.7, _PERSON),
    (0.35, _MARKS),
    (0.35, _CARE),
    (0.5, _NORMAL),
    (0.6, _MAKING),
    (0.2, _SPOILT),
    (0.2, _POINTS),
    (0.25, _ADDS),
    (0.3, _COMPARED),
)


@lru_cache(maxsize=4096)
def burden(text: str, *, listed: bool = False) -> float:
    """What speaks against quoting a sentence, 0 to about 2: it leans on others, tells of one person, or is hard to read.

    Parameters
    ----------
    text : str
        The sentence.
    listed : bool
        Whether it is an item of a list.
    """
    words = len(text.split())
    against = sum(weight for weight, pattern in _BURDENS if pattern.search(text))
    # "Non-enhancing lesion" and "non-contrast CT" say what is there; they deny no finding.
    denials = [denial for denial in annotate(text).denials if denial.cue.lower() != "non"]
    if denials:
        against += 0.15 + (0.25 if min(place for denial in denials for place in denial.places) < 5 else 0)
    if words < 6:
        against += 0.25
    if words > 40:
        against += 0.02 * (words - 40)
    if listed and (text[0].islower() or words < 5):
        against += 0.3
    if text.isupper():
        against += 0.3
    return against
