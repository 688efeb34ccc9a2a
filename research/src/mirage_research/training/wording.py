"""The many ways in which words may stand for one picture."""

from __future__ import annotations

import random
from dataclasses import dataclass

from mirage.figure import MODALITIES
from mirage_research.training.samples import Sample, split_sentences

_SHORT_SEQUENCES = {
    "flair": "FLAIR",
    "t1": "T1",
    "t2": "T2",
    "t1 gd": "T1 post-contrast",
    "t1 gd fs": "T1 fat-suppressed post-contrast",
    "gre": "GRE",
    "dwi": "DWI",
    "adc": "ADC map",
    "mra": "MR angiography",
    "pd": "proton density",
    "stir": "STIR",
    "ct iv": "contrast-enhanced CT",
    "ct gi iv": "CT with oral and IV contrast",
    "ct plain": "non-contrast CT",
    "cta": "CT angiography",
}


@dataclass(frozen=True, slots=True)
class Wording:
    """Words for a picture.

    Attributes
    ----------
    text : str
    kind : {"query", "case", "generic"}
        ``query`` names plane and modality; ``case`` may fit any picture of the case; ``generic`` fits every picture
        with the same attributes, so they must not count as wrong answers.
    """

    text: str
    kind: str


def word(sample: Sample, rng: random.Random) -> Wording:
    """Choose words for a sample, as its corpus or as a student would put them."""
    draw = rng.random()
    if draw < 0.5:
        return Wording(_shorten(sample.query, rng) if rng.random() < 0.35 else sample.query, "query")
    kind = kind_of(sample, rng)
    if draw < 0.58 and kind:
        return Wording(kind, "generic")
    if draw < 0.70 and sample.title:
        name = rng.choice([sample.title, sample.diagnosis or sample.title])
        plain = MODALITIES.get(sample.attributes.get("modality", ""), "")
        return Wording(rng.choice([name, f"{name} {plain}", f"{kind}. {name}", f"{name}, {kind}"]).strip(), "case")
    if draw < 0.82 and sample.sentences:
        return Wording(f"{kind}. {rng.choice(sample.sentences)}", "case")
    if draw < 0.92 and sample.caption:
        return Wording(sample.caption, "case")
    return Wording(". ".join(filter(None, [sample.title, kind, sample.caption])), "query")


def kind_of(sample: Sample, rng: random.Random) -> str:
    """Plane, modality and region in a few words, e.g. "axial T2 brain"."""
    given = sample.attributes
    plain = MODALITIES.get(given.get("modality", ""), "")
    sequence = _SHORT_SEQUENCES.get(given.get("sequence", ""), "")
    modality = rng.choice([plain, sequence or plain, f"{sequence} {plain}" if "CT" not in sequence else sequence])
    region = given.get("region", "").replace("brain and neuro", "brain").replace("chest, pulmonary", "chest")
    parts = [given.get("plane", ""), modality, region]
    if rng.random() < 0.3:
        rng.shuffle(parts)
    return " ".join(part for part in parts if part).strip()


def _shorten(query: str, rng: random.Random) -> str:
    head, _, caption = query.partition(". ")
    sentences = split_sentences(caption, least=8)
    if len(sentences) < 2:
        return query
    start = rng.randrange(len(sentences))
    return f"{head}. {'. '.join(sentences[start : start + rng.randint(1, 3)])}"
