"""What a sentence tells of: what a thing is, where, how it looks, or what else it could be."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mirage.explain.evidence import Aspect
from mirage.explain.explainers.focus import Focus
from mirage.language.words import lowered

ORDER: tuple[Aspect, ...] = ("what", "where", "look", "differential")


def _any(words: str) -> re.Pattern[str]:
    """Any of some expressions, one a line, as whole words."""
    return re.compile(rf"(?i)\b(?:{'|'.join(line.strip() for line in words.strip().splitlines())})\b")


# Each cue counts once. They are words of radiology at large, no knowledge of a disease.
_CUES: dict[Aspect, tuple[tuple[float, re.Pattern[str]], ...]] = {
    "what": (
        (
            0.8,
            re.compile(
                r"(?i)\b(?:is|are)\s+(?:\w+[\s-]){0,5}(?:tumou?rs?|neoplasms?|disorders?|diseases?|lesions?|malformations?|conditions?|"
                r"anomal(?:y|ies)|syndromes?|infections?|abnormalit(?:y|ies)|cysts?|fractures?|collections?|mass(?:es)?|dilat\w+|"
                r"process|inflammation|communication|form|type|variant|complication|entity|injur(?:y|ies)|cancers?|malignanc\w+|"
                r"herniation|defects?|obstruction|occlusion|rupture|h[ae]?emorrhage|h[ae]?ematoma)\b"
            ),
        ),
        (
            0.7,
            _any("""(?:is|are) (?:defined|characteri[sz]ed|caused|thought|believed|classified|considered)
                refers? to
                consists? of
                results? from
                represents?
                arises? from
                (?:is|are) (?:usually |most often |most commonly )?(?:due to|from|the result of)
                derive\\w* from"""),
        ),
        (0.4, _any("most common\nautosomal\ncongenital\nbenign\nmalignant\nacquired\nidiopathic\nhereditary\nrare")),
        (0.3, _any("also (?:known|called)\na\\.?k\\.?a\nso-called\nterm")),
    ),
    "where": (
        (
            0.8,
            _any("""locat(?:ed|ions?)
                occurs? (?:in|at|along|within|anywhere|most)
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
                (?:within|between|adjacent to) the"""),
        ),
        (
            0.4,
            _any("""frontal|temporal|parietal|occipital|cerebell\\w+|ventric\\w+|midline|bilateral(?:ly)?|unilateral
                proximal|distal|anterior|posterior|medial|lateral|superior|inferior|upper|lower|left|right
                supra\\w+|infra\\w+|sub\\w+al|peri\\w+|intra\\w+|extra\\w+|para\\w+|lobes?|segments?|hemispheres?|hil\\w+|apex
                base|fossa|spaces?|junction|cortex|medulla|spin\\w+|vertebr\\w+|cord|canal|discs?|dur\\w+|pleura\\w*|bronch\\w+
                femor\\w+|femur|tibia\\w*|humer\\w+|joints?|bones?|marrow|knees?|hips?|skull|sella\\w*|pituitary|orbit\\w*|eyelids?
                kidneys?|renal|liver|hepat\\w+|splen\\w+|pancrea\\w+|adrenals?|ovar\\w+|uter\\w+|bladder|colon\\w*|bowel|duoden\\w+
                lungs?|pulmonary|thora\\w+|mediastin\\w+|brain|cereb\\w+|pelvi[sc]|abdom\\w+|retroperiton\\w+|arter\\w+|veins?|aort\\w+"""),
        ),
    ),
    "look": (
        (
            0.7,
            _any("""(?:hyper|hypo|iso|high|low|increased|decreased)[- ]?(?:intens|dens|attenuat|echo|signal|lucen)\\w*
                signal|attenuation|densit\\w+|enhanc\\w+|opacit\\w+|opacif\\w+|lucen\\w+|calcif\\w+|echogenic\\w*|hounsfield
                HU|filling defects?|mass effect|o?edema|air[- ]fluid|fluid level|cystic|necro\\w+|margins?
                well[- ]?(?:circumscribed|defined)
                heterogen\\w+|homogen\\w+|lytic|sclerotic|thicken\\w+|dilat\\w+|restricted diffusion
                flow void|rim|ring|halo|nodul\\w+|crescent\\w*|lentiform|biconvex|stranding|ground[- ]glass"""),
        ),
        (
            0.4,
            _any("""CT|MRI?|T1\\w*|T2\\w*|FLAIR|DWI|ADC|STIR|ultrasound|sonogra\\w+|radiogra\\w+|x-?rays?|films?|angiogra\\w+
                contrast|gadolinium|images?|imaging|scan|axial|coronal|sagittal"""),
        ),
        (
            0.3,
            _any(
                "appear\\w*|demonstrat\\w+|shows?|showing|seen|reveal\\w*|visuali[sz]ed|sign|characteristic|classic\\w*|typical\\w*"
            ),
        ),
    ),
    "differential": (
        (
            0.9,
            _any("""differential|mimic\\w*|distinguish\\w*|differentiat(?:e|ed|ing|ion)|confused with|rule[ds]? out
                indistinguishable|in contrast to|as opposed to|unlike|versus|vs|other (?:causes|entities|considerations)"""),
        ),
    ),
}
# What "occurs in" and "localized to" also go with.
_NO_PLACE = _any("decades?|chromosomes?|genes?|rate|births?|ages?|years?|insertions|localized")
_SIGN = _CUES["look"][0][1]
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
    symptoms?|signs?|patients?|cases?|incidence|prevalence|risk|prognosis|differential|presentation|complications?|therapy|studies|study|images?""")


def strength(aspect: Aspect, kind: str, text: str) -> float:
    """How much a sentence of a passage of this kind tells of an aspect, 0 to about 2."""
    cues = sum(weight for weight, cue in _CUES[aspect] if cue.search(text))
    if aspect == "what" and kind in ("caption", "findings"):
        cues *= 0.3
    if (aspect == "where" and _NO_PLACE.search(text)) or (
        aspect == "look" and kind == "discussion" and not _SIGN.search(text)
    ):
        cues *= 0.3
    if kind == "differential" and aspect != "differential":
        cues *= 0.2
    return cues + _KINDS.get((kind, aspect), 0.0)


def defines(text: str, focus: Focus) -> float:
    """How far a sentence says what the thing is: 1 where the thing is its subject, 1.6 as an entry "Thing: what it is"."""
    entry, _, rest = text.partition(": ")
    if rest and len(entry.split()) <= 4 and focus.held(lowered(entry)) > 0.6 and not _ABOUT.search(entry):
        return 1.6
    verb = _SAYS.search(text)
    subject = text[: verb.start()] if verb else ""
    words = lowered(subject)
    if not words or len(words) > 14 or _ABOUT.search(subject):
        return 0.2
    return 0.2 + 0.8 * min(1.0, focus.held(words) / 0.6)
