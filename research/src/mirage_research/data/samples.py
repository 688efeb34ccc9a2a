"""What the starter models learn from: pictures with their words and attributes."""

from __future__ import annotations

import csv
import hashlib
import json
import random
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from mirage.corpora.base import Item, Refused
from mirage.corpora.medpix import MedPixCorpus, find_folder
from mirage.corpora.starter import StarterCorpus
from mirage.encoders.starter import to_square
from mirage.errors import BadInput, BadPicture
from mirage.figure import MODALITIES, clean_text
from mirage.images import read_picture
from mirage.language.sentences import cut
from mirage_research.data.medpix import read_pairs

ATTRIBUTES = ("modality", "sequence", "plane", "region")


@dataclass(frozen=True, slots=True)
class TrainingSample:
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
    also : tuple of str
        Other names of the title or the diagnosis.
    sentences : tuple of str
        Of findings and discussion.
    attributes : dict
        Name (see `ATTRIBUTES`) to value; empty values are unknown.
    picture : Path
        The file; where there is none, the name by which `read` knows it.
    read : callable, optional
        Gives the picture where it is in no file of its own: a slice of a stack.
    """

    id: str
    group: str
    caption_group: str
    diagnosis: str
    query: str
    caption: str
    picture: Path
    title: str = ""
    also: tuple[str, ...] = ()
    sentences: tuple[str, ...] = ()
    attributes: dict[str, str] = field(default_factory=dict)
    read: Callable[[], Image.Image] | None = field(default=None, compare=False, repr=False)

    @property
    def set(self) -> str:
        """Which data set it is of, as `mirage_research.data.admission` names it."""
        return self.id.partition(":")[0]

    def image(self) -> Image.Image:
        """The picture.

        Raises
        ------
        mirage.errors.BadPicture
            When it cannot be read.
        """
        return self.read() if self.read is not None else read_picture(self.picture).image


# What a modality's wording says, in lower case; what it shows: the CT contrast or the MR sequence; and how it is called.
_SEQUENCES = (
    (("flair",), "flair", "FLAIR"),
    (("gre", "t2*", "swan"), "gre", "GRE"),
    (("adc",), "adc", "ADC map"),
    (("dwi",), "dwi", "DWI"),
    (("stir",), "stir", "STIR"),
    (("fiesta",), "fiesta", ""),
    (("mra", "venography"), "mra", "MR angiography"),
    (("fat suppressed",), "t1 gd fs", "T1 fat-suppressed post-contrast"),
    (("gadolinium",), "t1 gd", "T1 post-contrast"),
    (("t1w", "t1 ", "t1-"), "t1", "T1"),
    (("t2",), "t2", "T2"),
    (("pdw", "proton"), "pd", "proton density"),
    (("cta", "ct angiogra"), "cta", "CT angiography"),
    (("gi & iv",), "ct gi iv", "CT with oral and IV contrast"),
    (("w/contrast", "contrast (iv)"), "ct iv", "contrast-enhanced CT"),
    (("gi contrast",), "ct gi", ""),
    (("noncontrast",), "ct plain", "non-contrast CT"),
)
_CALLED = {sequence: name for _, sequence, name in _SEQUENCES}


def sequence_of(detail: str) -> str:
    """Fold MedPix's modality wording into what a picture shows: the CT contrast or the MR sequence."""
    words = detail.lower()
    return next((sequence for keys, sequence, _ in _SEQUENCES if any(key in words for key in keys)), "")


def tidied(text: str) -> str:
    """Words without what de-identification leaves behind (``___``, ``[** … **]``, ``XXXX``)."""
    return " ".join(re.sub(r"_{2,}|\[\*\*.*?\*\*\]|\b[Xx]{3,}\b", " ", text).split())


def split_sentences(text: str, *, least: int = 25, most: int = 300) -> tuple[str, ...]:
    """Cut a passage into sentences worth learning from.

    Parameters
    ----------
    text : str
    least : int
        Characters; shorter sentences are left out.
    most : int
        Characters; longer sentences are cut off there.

    Returns
    -------
    tuple of str
        Without their full stops.
    """
    return tuple(part.rstrip(".")[:most] for part in cut(text) if len(part) >= least)


def read_medpix(path: Path, split: str) -> list[TrainingSample]:
    """Read one split of MedPix 2.0; figures whose picture is missing are left out.

    Parameters
    ----------
    path : Path
        A copy of the data set in its own layout.
    split : str
        ``train``, ``dev`` or ``test``.

    Raises
    ------
    mirage.errors.BadInput
        When the copy or the split is not there, or holds no usable figure.
    """
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
            TrainingSample(
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


def radiograph_patients(path: Path) -> dict[str, str]:
    """From each labelled chest X-ray's file to its patient: the first part of an NIH film's name, else the film itself."""
    with (path / "labels.csv").open(encoding="utf-8", newline="") as file:
        return {row["file"]: row["original"].partition("_")[0].partition(".")[0] for row in csv.DictReader(file)}


def read_radiographs(path: Path) -> list[TrainingSample]:
    """Read the labelled chest X-rays. Their words claim no more than the label."""
    samples = []
    with (path / "labels.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            label = row["label"]
            words = _RADIOGRAPH_WORDS.get(label, (label,))
            samples.append(
                TrainingSample(
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


_STARTER_REGIONS = {
    "brain": "brain and neuro",
    "thorax": "chest, pulmonary",
    "chest": "chest, pulmonary",
    "heart": "cardiovascular",
    "abdomen": "abdomen",
    "spine": "spine",
    "eye": "eye and orbit",
}


# Of a caption of the starter atlas, what says nothing of the picture: how it is hung, who labelled it, where it is from.
_SAID_OF_ALL = re.compile(
    r"(?:The patient's left is on|The front is on|Labels: |The publisher does not|, slice \d+ of \d+).*?(?:\. |\.?$)"
)


def read_starter(path: Path) -> list[TrainingSample]:
    """Read the figures of the starter atlas, the slices of its stacks too."""
    corpus = StarterCorpus(path)
    records = {str(row["id"]): row for row in map(json.loads, (path / "figures.jsonl").read_text("utf-8").splitlines())}
    samples = []
    for item in corpus.items():
        if isinstance(item, Refused):
            continue
        figure, structures = item.figure, records[item.figure.id].get("structures") or []
        caption = _SAID_OF_ALL.sub(". ", clean_text(figure.caption)).replace(" . ", " ").replace(". . ", ". ").strip()
        called = figure.modality_detail or MODALITIES.get(figure.modality, figure.modality)
        kind = " ".join(filter(None, [figure.plane.capitalize(), called]))
        samples.append(
            TrainingSample(
                id=figure.id,
                group=figure.id,
                caption_group=caption,
                diagnosis="",
                query=f"{kind}. {caption}" if kind else caption,
                caption=caption,
                title=figure.title,
                sentences=tuple(f"{kind} {figure.region} {word}" for word in structures) or split_sentences(caption),
                attributes={
                    "modality": figure.modality,
                    "sequence": sequence_of(figure.modality_detail + " "),
                    "plane": figure.plane,
                    "region": _STARTER_REGIONS.get(figure.region, ""),
                },
                picture=path / "pictures" / item.label,
                read=partial(_read_item, corpus, item),
            )
        )
    return samples


def _read_item(corpus: StarterCorpus, item: Item) -> Image.Image:
    return corpus.read(item).image


def set_aside(
    samples: Iterable[TrainingSample], count: int, seed: int
) -> tuple[list[TrainingSample], list[TrainingSample], list[str]]:
    """Split samples by case into what is trained on and what is chosen on.

    Parameters
    ----------
    samples : iterable of TrainingSample
    count : int
        How many cases are set aside; half of all cases at most.
    seed : int

    Returns
    -------
    train, holdout : list of TrainingSample
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


def word(sample: TrainingSample, rng: random.Random) -> Wording:
    """Choose words for a sample, as its corpus or as a student would put them.

    Parameters
    ----------
    sample : TrainingSample
    rng : random.Random
        Draws kind and form of the words.
    """
    draw = rng.random()
    if draw < 0.5:
        return Wording(_shorten(sample.query, rng) if rng.random() < 0.35 else sample.query, "query")
    kind = kind_of(sample, rng)
    if draw < 0.58 and kind:
        return Wording(kind, "generic")
    if draw < 0.70 and sample.title:
        name = rng.choice([sample.title, sample.diagnosis or sample.title])
        if sample.also and rng.random() < 0.4:
            name = rng.choice(sample.also)
        plain = MODALITIES.get(sample.attributes.get("modality", ""), "")
        return Wording(rng.choice([name, f"{name} {plain}", f"{kind}. {name}", f"{name}, {kind}"]).strip(), "case")
    if draw < 0.82 and sample.sentences:
        return Wording(f"{kind}. {rng.choice(sample.sentences)}", "case")
    if draw < 0.92 and sample.caption:
        return Wording(sample.caption, "case")
    return Wording(". ".join(filter(None, [sample.title, kind, sample.caption])), "query")


def kind_of(sample: TrainingSample, rng: random.Random) -> str:
    """Plane, modality and region in a few words, e.g. "axial T2 brain".

    Parameters
    ----------
    sample : TrainingSample
    rng : random.Random
        Draws how the modality is named, and now and then another order.

    Returns
    -------
    str
        Empty when none of them is known.
    """
    given = sample.attributes
    plain = MODALITIES.get(given.get("modality", ""), "")
    sequence = _CALLED.get(given.get("sequence", ""), "")
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


def load_pixels(
    samples: Sequence[TrainingSample], pixels: int, folder: Path, tell: Callable[[str], None] = lambda line: None
) -> tuple[npt.NDArray[np.uint8], list[bool]]:
    """Decode every picture to a square, or read the squares that an earlier run kept.

    Parameters
    ----------
    samples : sequence of TrainingSample
    pixels : int
        Side of a square.
    folder : Path
        Keeps the squares, so that the same samples are decoded once.
    tell : callable
        Given a line for each picture left out and for every 500 pictures.

    Returns
    -------
    squares : numpy.ndarray
        (n, pixels, pixels, 3) uint8; a picture that cannot be read is black.
    usable : list of bool
        False where the picture could not be read; each such file is told by name.
    """
    names = "\n".join(f"{sample.id} {sample.picture}" for sample in samples)
    key = hashlib.sha256(f"{pixels}\n{names}".encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / f"pixels-{key}.npy"
    flags = folder / f"usable-{key}.npy"
    if kept.is_file() and flags.is_file():
        return np.load(kept, mmap_mode="r"), [bool(flag) for flag in np.load(flags)]
    squares = np.zeros((len(samples), pixels, pixels, 3), dtype=np.uint8)
    usable = [True] * len(samples)
    for number, sample in enumerate(samples):
        try:
            squares[number] = to_square(sample.image(), pixels)
        except BadPicture as error:
            usable[number] = False
            tell(f"left out {sample.picture.name}: {error}")
        if number % 500 == 499:
            tell(f"pictures {number + 1} of {len(samples)}")
    np.save(kept, squares)
    np.save(flags, np.array(usable))
    return squares, usable
