"""Training images of the generator: framed alike, without lettering, with the what is known of each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from mirage.corpora.base import Refused
from mirage.corpora.starter import StarterCorpus
from mirage.generate.generators.conditions import MODALITY_CONCEPTS, Learnt, closure, modality_of
from mirage.generate.generators.copies import KIND, THRESHOLD, middle_coefficients
from mirage.generate.generators.evidence import REGIONS
from mirage.generate.generators.latents import SIDE, framed, squared
from mirage.language.concepts import lexicon
from mirage.language.denying import HOW
from mirage.language.mentions import mentions
from mirage_research.data.admission import check_admitted
from mirage_research.data.medpix import NOT_PLAIN
from mirage_research.data.samples import TrainingSample, read_medpix, read_radiographs, sequence_of, tidied
from mirage_research.data.wide_samples import READERS, read_set
from mirage_research.training.runs import GeneratorConfig, TrainingData

Pixels = npt.NDArray[np.uint8]
Tell = Callable[[str], None]

_COLOURED = 12  # mean difference between the channels, of 255; from there on it is a photograph or a drawing
_SEQUENCES = {
    "flair": ("fluid-attenuated inversion recovery",),
    "gre": ("gradient echo",),
    "adc": ("apparent diffusion coefficient map",),
    "dwi": ("diffusion-weighted imaging",),
    "stir": ("short tau inversion recovery",),
    "fiesta": ("balanced steady-state free precession",),
    "mra": ("MR angiography",),
    "t1 gd fs": ("contrast-enhanced T1-weighted imaging", "fat-suppressed imaging"),
    "t1 gd": ("contrast-enhanced T1-weighted imaging",),
    "t1": ("T1-weighted imaging",),
    "t2": ("T2-weighted imaging",),
    "pd": ("proton density-weighted imaging",),
    "cta": ("CT angiography",),
    "ct gi iv": ("contrast-enhanced CT",),
    "ct iv": ("contrast-enhanced CT",),
    "ct plain": ("non-contrast CT",),
}
# What a source's name of a region means in concepts of the lexicon.
_PLACES = {
    "brain and neuro": ("brain",),
    "nerve, central": ("brain",),
    "head": ("head",),
    "head and neck": ("head", "neck"),
    "eye and orbit": ("orbit",),
    "ophthalmology": ("orbit",),
    "chest, pulmonary": ("chest",),
    "thorax": ("chest",),
    "cardiovascular": ("chest", "heart"),
    "heart and great vessels": ("chest", "heart"),
    "breast and mammography": ("breast",),
    "gastrointestinal": ("abdomen",),
    "abdomen": ("abdomen",),
    "genitourinary": ("abdomen", "pelvis"),
    "reproductive and urinary system": ("abdomen", "pelvis"),
    "spine": ("spine",),
}
_FRAME = 16  # pixels a side in which later sets are compared with earlier pictures
_SAME = 0.995  # correlation from which two pictures are the same


@dataclass(frozen=True, slots=True)
class ConditionedImage:
    """What is known of one training image.

    Attributes
    ----------
    id, group : str
        The group is the case; images of one case are never both trained and measured on.
    kind : str
        Modality, plane and region, for balance.
    concepts : tuple of str
        What it shows, as its source says it: concepts of the lexicon.
    source : str
        The set that it is from.
    """

    id: str
    group: str
    kind: str
    concepts: tuple[str, ...]
    source: str


def conditioned(sample: TrainingSample, source: str, group: str = "") -> ConditionedImage:
    """What is known of a sample, in concepts.

    Modality, plane and region are those that its source states. Its caption tells the rest; of its case's title and
    diagnosis only diseases and findings count, because they may concern another part of the body.

    Parameters
    ----------
    sample : TrainingSample
    source : str
    group : str
        Its own when left out.
    """
    stated = sample.attributes
    way = MODALITY_CONCEPTS.get(stated.get("modality", ""), "")
    made = [way, *_SEQUENCES.get(stated.get("sequence", ""), ()), stated.get("plane", "")]
    kinds = lexicon().kind
    told = _affirmed(f"{sample.query}. {sample.caption}")
    if _NO_FINDING.search(sample.caption):
        told.append("normal")
    case = _affirmed(f"{sample.title}. {sample.diagnosis}")
    shown = [
        name
        for name in told
        if kinds(name) not in HOW or (kinds(name) == "sequence" and modality_of(name) in (stated.get("modality"), ""))
    ]
    places = _PLACES.get(stated.get("region", ""), ())
    shown = [*places, *shown, *(name for name in case if kinds(name) in ("disease", "finding"))]
    if not any(kinds(name) == "anatomy" for name in shown):
        shown += [name for name in case if kinds(name) == "anatomy"]
    concepts = tuple(dict.fromkeys(name for name in (*made, *shown) if name in lexicon()))
    every = closure(concepts)
    region = next((each for each in REGIONS if each in every), "")
    kind = f"{stated.get('modality', '')}|{stated.get('plane', '')}|{region}"
    return ConditionedImage(sample.id, group or sample.group.removeprefix("medpix:"), kind, concepts, source)


_NO_FINDING = re.compile(r"(?i)\bno finding\b")


def _affirmed(text: str) -> list[str]:
    return list(dict.fromkeys(each.concept for each in mentions(tidied(text)) if each.polarity == "affirmed"))


def vocabulary(examples: Sequence[ConditionedImage], config: GeneratorConfig) -> dict[str, Learnt]:
    """The concepts that enough pictures of enough cases show, themselves or as something narrower.

    Parameters
    ----------
    examples : sequence of ConditionedImage
    config : GeneratorConfig
        Says how many are enough.
    """
    pictures: Counter[str] = Counter()
    cases: dict[str, set[str]] = {}
    for example in examples:
        for name in closure(example.concepts):
            pictures[name] += 1
            cases.setdefault(name, set()).add(example.group)
    return {
        name: Learnt(lexicon().kind(name), count, len(cases[name]))
        for name, count in pictures.most_common()
        if count >= config.least_pictures and len(cases[name]) >= config.least_cases
    }


def read(data: TrainingData, tell: Tell = lambda _: None) -> tuple[Pixels, list[ConditionedImage]]:
    """Read and frame the training images; those of MedPix and the chest X-rays come first.

    Parameters
    ----------
    data : TrainingData
        Colour pictures, drawings and montages are left out, and of later sets what an earlier one has already.
    tell : callable
        Told in a line how many images there are of each set, and how many were left out.

    Returns
    -------
    images : (n, 160, 160) uint8
    examples : list of ConditionedImage
    """
    images: list[Pixels] = []
    examples: list[ConditionedImage] = []
    small: list[npt.NDArray[np.float32]] = []
    left_out: Counter[str] = Counter()
    for source, sample, group, picture in _every(data):
        check_admitted([source])
        strange = sample.attributes.get("modality", "") not in MODALITIES
        if strange or NOT_PLAIN.search(sample.query.partition(".")[0]) or _coloured(picture):
            left_out[source] += 1
            continue
        framing = squared(picture.convert("L"), SIDE) if source == "cxr" else framed(picture)
        tiny = np.asarray(framing.resize((_FRAME, _FRAME), Image.Resampling.BOX), np.float32).ravel()
        tiny = (tiny - tiny.mean()) / max(float(np.linalg.norm(tiny - tiny.mean())), 1e-6)
        if source not in (*FIRST, "starter") and float((np.stack(small) @ tiny).max()) > _SAME:
            left_out[source] += 1
            continue
        small.append(tiny)
        images.append(np.asarray(framing))
        examples.append(conditioned(sample, source, group))
    counts = Counter(example.source for example in examples)
    told = ", ".join(f"{count:,} of {source} ({left_out[source]} left out)" for source, count in counts.items())
    tell(f"{len(images):,} images: {told}")
    return np.stack(images), examples


FIRST = ("medpix", "cxr")
MODALITIES = ("CT", "MR", "XR")


def _every(data: TrainingData) -> Iterator[tuple[str, TrainingSample, str, Image.Image]]:
    for sample in read_medpix(data.medpix, "train"):
        yield "medpix", sample, "", _opened(sample.picture)
    for sample in read_radiographs(data.radiographs) if data.radiographs else ():
        yield "cxr", sample, sample.id, _opened(sample.picture)
    if data.starter:
        for sample, picture in read_starter(data.starter):
            yield "starter", sample, sample.group, picture
    for source in READERS:
        if data.wide and (data.wide / f"{source}.jsonl").is_file():
            for sample in read_set(data.wide, source)[0]:
                yield source, sample, sample.group, _opened(sample.picture)


def _opened(path: Path) -> Image.Image:
    with Image.open(path) as opened:
        return opened.convert("RGB")


_BRAIN_ATLAS = re.compile(r"(?i)\batlas\b")  # of an average brain; no vertebra


def read_starter(path: Path) -> Iterator[tuple[TrainingSample, Image.Image]]:
    """The grey figures of the starter atlas with their pictures; those of one case or stack are one group."""
    corpus = StarterCorpus(path)
    for item in corpus.items():
        if isinstance(item, Refused) or item.stacked:
            continue
        figure = item.figure
        of = figure.slice_of.stack if figure.slice_of else figure.case_id or re.split(r"[-_]", figure.id)[0]
        known = {"modality": figure.modality, "plane": figure.plane, "region": figure.region}
        known["sequence"] = sequence_of(f"{figure.modality_detail} ")
        query = " ".join(filter(None, [figure.plane, figure.modality_detail or figure.modality]))
        sample = TrainingSample(
            figure.id, f"starter:{of}", "", figure.diagnosis.lower(), query, _BRAIN_ATLAS.sub("", figure.caption), path,
            figure.title, attributes=known,
        )  # fmt: skip
        yield sample, corpus.read(item).image.convert("RGB")


def _coloured(picture: Image.Image) -> bool:
    small = np.asarray(picture.resize((64, 64)), dtype=np.int16)
    return float((small.max(2) - small.min(2)).mean()) > _COLOURED


def set_aside(examples: Sequence[ConditionedImage], share: float, seed: int) -> tuple[list[int], list[int]]:
    """Numbers of the examples to train on, and of those that are only measured on: some groups of the first sets.

    Parameters
    ----------
    examples : sequence of ConditionedImage
    share : float
        Of the groups of MedPix and the chest X-rays, from 0 to 1; rounded down to whole groups.
    seed : int

    Returns
    -------
    train, held_out : list of int
        Places in `examples`.
    """
    groups = sorted({example.group for example in examples if example.source in FIRST})
    chosen = set(np.random.default_rng(seed).choice(groups, int(len(groups) * share), replace=False).tolist())
    train = [number for number, example in enumerate(examples) if example.group not in chosen]
    return train, [number for number, example in enumerate(examples) if example.group in chosen]


def write_fingerprints(path: Path, images: Iterable[Image.Image], names: Sequence[str]) -> None:
    """Write the fingerprints of training images, as `mirage.generate.generators.copies.TrainingFingerprints` reads them.

    Parameters
    ----------
    path : Path
        The file, .npz, which is replaced.
    images : iterable of PIL.Image.Image
        As the generator saw them (`mirage.generate.generators.latents.framed`), or as they were published.
    names : sequence of str
        One for each.

    Raises
    ------
    ValueError
        When there are not as many names as images, or none.
    """
    sizes = np.stack([middle_coefficients(image) for image in images])
    if len(sizes) != len(names):
        raise ValueError(f"{len(sizes)} images and {len(names)} names: give one name for each image")
    np.savez_compressed(
        path,
        kind=np.array(KIND),
        signs=np.packbits(sizes > 0, axis=1),
        spread=np.maximum(sizes.std(0), 1e-6).astype(np.float32),
        names=np.array(list(names)),
        threshold=np.array(THRESHOLD, dtype=np.float32),
    )
