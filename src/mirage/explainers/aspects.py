"""What a sentence tells of: what a thing is, where, how it looks, or what else it could be."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mirage.evidence import Aspect

ORDER: tuple[Aspect, ...] = ("what", "where", "look", "differential")

# Each cue counts once. They are words of radiology at large, no knowledge of a disease.
_CUES: dict[Aspect, tuple[tuple[float, re.Pattern[str]], ...]] = {
    "what": (
        (
            0.8,
            re.compile(
                r"(?i)\b(?:is|are)\s+(?:(?:also|usually|generally|typically|often|the|a|an|one)\s+){0,2}(?:\w+\s+){0,3}?"
                r"(?:a|an|the)?\s*(?:\w+[\s-]){0,4}(?:tumou?rs?|neoplasms?|disorders?|diseases?|lesions?|malformations?|anomal(?:y|ies)|"
                r"conditions?|syndromes?|infections?|abnormalit(?:y|ies)|cysts?|fractures?|collections?|mass(?:es)?|dilat\w+|process|"
                r"inflammation|communication|cause|form|type|variant|complication|entity|injur(?:y|ies)|cancers?|malignanc\w+|"
                r"herniation|defects?|obstruction|occlusion|rupture|hemorrhage|h[ae]matoma)\b"
            ),
        ),
        (
            0.8,
            re.compile(r"(?i)\b(?:is|are)\s+(?:defined|characteri[sz]ed|caused|thought|believed|classified|considered)\b"),
        ),
        (
            0.6,
            re.compile(
                r"(?i)\b(?:refers? to|consists? of|results? from|represents?|arises? from|is due to|are due to|derive\w* from)\b"
            ),
        ),
        (
            0.5,
            re.compile(r"(?i)\b(?:most common|autosomal|congenital|benign|malignant|acquired|idiopathic|hereditary|rare)\b"),
        ),
        (0.3, re.compile(r"(?i)\b(?:also (?:known|called)|a\.?k\.?a\b|so-called|term)\b")),
    ),
    "where": (
        (
            0.8,
            re.compile(
                r"(?i)\b(?:located|location|locations|localized|occurs?|occur(?:ring)? (?:in|at|along)|found (?:in|within|along|at|near)|"
                r"site|sites|involv(?:es?|ing|ement)|predilection|distribution|arises?|arising|originat\w+|affects?|extends?|extending|"
                r"situated|predominat\w+ in|confined to|seen in the|within the|between the|adjacent to|lobes?|segments?)\b"
            ),
        ),
        (
            0.4,
            re.compile(
                r"(?i)\b(?:frontal|temporal|parietal|occipital|cerebell\w+|ventric\w+|midline|bilateral(?:ly)?|unilateral|proximal|distal|"
                r"anterior|posterior|medial|lateral|superior|inferior|upper|lower|left|right|supra\w+|infra\w+|sub\w+al|peri\w+|intra\w+|"
                r"extra\w+|hilum|apex|base|fossa|space|junction|cortex|medulla|spine|femur|kidney|liver|lung|brain|pelvis|artery|vein)\b"
            ),
        ),
    ),
    "look": (
        (
            0.7,
            re.compile(
                r"(?i)\b(?:hyper|hypo|iso|high|low|increased|decreased)[- ]?(?:intens\w+|dens\w+|attenuat\w+|echo\w+|signal|lucen\w+)\b|"
                r"\b(?:signal|attenuation|densit\w+|enhanc\w+|opacit\w+|opacif\w+|lucen\w+|calcif\w+|echogenic\w*|hounsfield|HU|"
                r"filling defects?|mass effect|edema|oedema|air[- ]fluid|fluid level|cystic|necro\w+|margins?|well[- ]?(?:circumscribed|"
                r"defined)|heterogen\w+|homogen\w+|lytic|sclerotic|thicken\w+|dilat\w+|restricted diffusion|flow void|rim|ring|halo|nodul\w+)\b"
            ),
        ),
        (
            0.4,
            re.compile(
                r"(?i)\b(?:CT|MRI?|T1|T2|FLAIR|DWI|ADC|STIR|ultrasound|sonogra\w+|radiogra\w+|x-?rays?|films?|angiogra\w+|contrast|gadolinium|"
                r"images?|imaging|scan|axial|coronal|sagittal)\b"
            ),
        ),
        (
            0.3,
            re.compile(
                r"(?i)\b(?:appear\w*|demonstrat\w+|shows?|showing|seen|reveal\w*|visuali[sz]ed|sign|characteristic|classic\w*|typical\w*)\b"
            ),
        ),
    ),
    "differential": (
        (
            0.9,
            re.compile(
                r"(?i)\b(?:differential|mimic\w*|distinguish\w*|differentiat(?:e|ed|ing|ion)|confused with|rule out|ruled out|"
                r"indistinguishable|in contrast to|as opposed to|unlike|versus|vs|other (?:causes|entities|considerations))\b"
            ),
        ),
    ),
}
# A passage of this kind speaks of this by its nature.
_KINDS: Mapping[tuple[str, Aspect], float] = {
    ("discussion", "what"): 0.5,
    ("discussion", "where"): 0.25,
    ("caption", "look"): 0.45,
    ("findings", "look"): 0.4,
    ("findings", "where"): 0.1,
    ("caption", "where"): 0.1,
    ("differential", "differential"): 0.9,
}


def strength(aspect: Aspect, kind: str, text: str) -> float:
    """How much a sentence of a passage of this kind tells of an aspect, 0 to about 2."""
    cues = sum(weight for weight, cue in _CUES[aspect] if cue.search(text))
    if aspect == "what" and kind in ("caption", "findings"):
        cues *= 0.3
    if kind == "differential" and aspect != "differential":
        cues *= 0.2
    return cues + _KINDS.get((kind, aspect), 0.0)
