"""What a training run learns from: pictures with their words and attributes."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mirage.corpora.base import Refused
from mirage.corpora.medpix import MedPixCorpus, find_folder
from mirage.errors import BadInput
from mirage.figure import MODALITIES, clean_text
from mirage.language.sentences import cut
from mirage_research.evaluation.medpix import read_pairs

ATTRIBUTES = ("modality", "sequence", "plane", "region")


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture with the words that may stand for it.

    Attributes
    ----------
    id : str
    group : str
        The case; pictures of one case are positives of each other's words.
    caption_group : str
        Case and caption; pictures that share it cannot be told apart by their words.
    diagnosis : str
        In lower case; empty when there is none.
    query : str
        The words of the benchmark, ``{Plane} {Modality}. {Caption}``.
    caption, title : str
    sentences : tuple of str
        Of findings and discussion.
    attributes : dict
        Name (see `ATTRIBUTES`) to value; empty values are unknown.
    picture : Path
    """

    id: str
    group: str
    caption_group: str
    diagnosis: str
    query: str
    caption: str
    picture: Path
    title: str = ""
    sentences: tuple[str, ...] = ()
    attributes: dict[str, str] = field(default_factory=dict)


def sequence_of(detail: str) -> str:
    """Fold MedPix's modality wording into what a picture shows: the CT contrast or the MR sequence."""
    words = detail.lower()
    table = (
        (("flair",), "flair"),
        (("gre", "t2*", "swan"), "gre"),
        (("adc",), "adc"),
        (("dwi",), "dwi"),
        (("stir",), "stir"),
        (("fiesta",), "fiesta"),
        (("mra", "venography"), "mra"),
        (("fat suppressed",), "t1 gd fs"),
        (("gadolinium",), "t1 gd"),
        (("t1w", "t1 ", "t1-"), "t1"),
        (("t2",), "t2"),
        (("pdw", "proton"), "pd"),
        (("cta", "ct angiography"), "cta"),
        (("gi & iv",), "ct gi iv"),
        (("w/contrast", "contrast (iv)"), "ct iv"),
        (("gi contrast",), "ct gi"),
        (("noncontrast",), "ct plain"),
    )
    return next((name for keys, name in table if any(key in words for key in keys)), "")


def split_sentences(text: str, *, least: int = 25, most: int = 300) -> tuple[str, ...]:
    """Cut a passage into sentences worth learning from."""
    return tuple(part.rstrip(".")[:most] for part in cut(text) if len(part) >= least)


def read_medpix(path: Path, split: str) -> list[Sample]:
    """Read one split of MedPix 2.0; figures whose picture is missing are left out."""
    corpus = MedPixCorpus(path, splits=(split,))
    folder = find_folder(path)
    pairs = {pair.name: pair for pair in read_pairs(path, split)}
    samples = []
    for item in corpus.items():
        if isinstance(item, Refused):
            continue
        name = item.figure.id.partition(":")[2]
        pair = pairs.get(name)
        if pair is None:
            continue
        figure, case = item.figure, item.case
        passages = " ".join(filter(None, [case.findings, case.discussion])) if case else ""
        samples.append(
            Sample(
                id=figure.id,
                group=figure.case_id,
                caption_group=f"{figure.case_id}|{pair.query.partition('. ')[2]}",
                diagnosis=figure.diagnosis.lower(),
                query=pair.query,
                caption=figure.caption,
                title=figure.title or figure.diagnosis,
                sentences=split_sentences(passages)[:12],
                attributes={
                    "modality": figure.modality,
                    "sequence": sequence_of(figure.modality_detail),
                    "plane": figure.plane,
                    "region": pair.location.lower(),
                },
                picture=folder / "images" / item.label,
            )
        )
    if not samples:
        raise BadInput(f"{path} has no usable figures of the split “{split}”.")
    return samples


_RADIOGRAPH_WORDS = {
    "no finding": ("no finding", "normal chest"),
    "pneumonia": ("pneumonia", "pneumonia on chest X-ray"),
    "COVID-19 pneumonia": ("COVID-19 pneumonia", "COVID pneumonia"),
}


def read_radiographs(path: Path) -> list[Sample]:
    """Read the labelled chest X-rays. Their words claim no more than the label."""
    samples = []
    with (path / "labels.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            label = row["label"]
            words = _RADIOGRAPH_WORDS.get(label, (label,))
            samples.append(
                Sample(
                    id=f"cxr:{row['file']}",
                    group=f"cxr:{label}",
                    caption_group=f"cxr:{label}",
                    diagnosis=label.lower(),
                    query=f"Frontal X-ray. Chest X-ray, {label}",
                    caption=f"Frontal chest X-ray, {label}",
                    title=words[0],
                    sentences=tuple(f"Chest radiograph: {word}" for word in words),
                    attributes={"modality": "XR", "plane": "frontal", "region": "chest, pulmonary"},
                    picture=path / row["file"],
                )
            )
    return samples


_STARTER_REGIONS = {"brain": "brain and neuro", "thorax": "chest, pulmonary", "chest": "chest, pulmonary"}


def read_starter(path: Path) -> list[Sample]:
    """Read the figures of the starter atlas."""
    samples = []
    for line in (path / "figures.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        caption = clean_text(row.get("caption"))
        modality = str(row.get("modality", ""))
        plane = str(row.get("plane", ""))
        detail = str(row.get("modality_detail", ""))
        region = str(row.get("region", ""))
        kind = " ".join(filter(None, [plane.capitalize(), detail or MODALITIES.get(modality, modality)]))
        structures = row.get("structures") or []
        samples.append(
            Sample(
                id=str(row["id"]),
                group=str(row["id"]),
                caption_group=caption,
                diagnosis="",
                query=f"{kind}. {caption}" if kind else caption,
                caption=caption,
                title=str(row.get("title", "")),
                sentences=tuple(f"{kind} {region} {word}" for word in structures) or split_sentences(caption),
                attributes={
                    "modality": modality,
                    "sequence": sequence_of(detail + " "),
                    "plane": plane,
                    "region": _STARTER_REGIONS.get(region, ""),
                },
                picture=path / "pictures" / str(row["picture"]),
            )
        )
    return samples


def set_aside(samples: Iterable[Sample], count: int, seed: int) -> tuple[list[Sample], list[Sample], list[str]]:
    """Split samples by case into what is trained on and what is chosen on.

    Returns
    -------
    train, holdout : list of Sample
    cases : list of str
        The cases set aside, sorted.
    """
    everything = list(samples)
    cases = sorted({sample.group for sample in everything})
    chosen = sorted(random.Random(seed).sample(cases, min(count, len(cases) // 2)))  # noqa: S311 - not a secret
    aside = set(chosen)
    return (
        [sample for sample in everything if sample.group not in aside],
        [sample for sample in everything if sample.group in aside],
        chosen,
    )
