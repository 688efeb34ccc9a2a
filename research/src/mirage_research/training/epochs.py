"""What an epoch is made of: which samples, which words, and how well each fits each."""

from __future__ import annotations

import dataclasses
import math
import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from mirage.errors import BadInput
from mirage_research.data.admission import held_out
from mirage_research.data.samples import (
    ATTRIBUTES,
    TrainingSample,
    Wording,
    radiograph_patients,
    read_starter,
)
from mirage_research.data.wide_samples import read_set, unheld_radiographs, without_lookalikes
from mirage_research.training.runs import EncoderConfig, TrainingData

SAME_CASE, SAME_DIAGNOSIS = 0.35, 0.25


def read_samples(
    config: EncoderConfig, data: TrainingData, medpix: list[TrainingSample], holdout: Sequence[TrainingSample]
) -> tuple[list[TrainingSample], dict[str, list[str]]]:
    """Everything that pictures are learnt from, as the configuration names it.

    Parameters
    ----------
    config : EncoderConfig
    data : TrainingData
    medpix : list of TrainingSample
        Of MedPix's training cases that are not set aside.
    holdout : sequence of TrainingSample
        Those set aside.

    Returns
    -------
    samples : list of TrainingSample
    held : dict of str to list of str
        Of each further set, which groups are only measured on.
    """
    samples = list(medpix) if config.medpix else []
    held: dict[str, list[str]] = {}
    if data.radiographs and config.radiographs_per_epoch:
        patients = radiograph_patients(data.radiographs)
        held["cxr"] = sorted({f"cxr:{patient}" for patient in patients.values() if held_out(f"cxr:{patient}")})
        samples += unheld_radiographs(data.radiographs)
    if data.starter and config.starter_per_epoch:
        samples += read_starter(data.starter)
    for name in config.wide_per_epoch:
        if data.wide is None:
            raise BadInput(f"The configuration trains on {name}: give --wide PATH, the folder of {name}.jsonl.")
        more, held[name] = read_set(data.wide, name)
        samples += without_lookalikes(more, holdout) if name == "vqarad" else more
    return samples, held


def with_other_names(samples: Sequence[TrainingSample], names: Mapping[str, tuple[str, ...]]) -> list[TrainingSample]:
    """Samples with the synonyms of their title and diagnosis.

    Parameters
    ----------
    samples : sequence of TrainingSample
    names : mapping of str to tuple of str
        As `mirage_research.training.synonyms.other_names` gives them.
    """
    return [
        dataclasses.replace(
            sample, also=tuple(dict.fromkeys((*names.get(sample.title.lower(), ()), *names.get(sample.diagnosis, ()))))
        )
        for sample in samples
    ]


def attribute_values(samples: Sequence[TrainingSample], least: int = 6) -> dict[str, list[str]]:
    """List the values of each attribute that occur often enough to learn.

    Parameters
    ----------
    samples : sequence of TrainingSample
    least : int
        How often a value must occur. A modality may be rarer: its pictures are repeated.

    Returns
    -------
    dict of str to list of str
        Of each of `ATTRIBUTES` its values, sorted.
    """
    found: dict[str, list[str]] = {}
    for name in ATTRIBUTES:
        counts = Counter(sample.attributes.get(name, "") for sample in samples)
        enough = 1 if name == "modality" else least
        found[name] = sorted(value for value, count in counts.items() if value and count >= enough)
    return found


def targets_of(samples: Sequence[TrainingSample], values: dict[str, list[str]]) -> dict[str, torch.Tensor]:
    """Number the attribute values; -100 where the value is unknown.

    Parameters
    ----------
    samples : sequence of TrainingSample
    values : dict of str to list of str
        Known values of each attribute, as `attribute_values` gives them.

    Returns
    -------
    dict of str to torch.Tensor
        (n,) int64, of every attribute that has known values.
    """
    return {
        name: torch.tensor(
            [known.index(v) if (v := sample.attributes.get(name, "")) in known else -100 for sample in samples]
        )
        for name, known in values.items()
        if known
    }


def match_of(samples: Sequence[TrainingSample], wordings: Sequence[Wording]) -> torch.Tensor:
    """How well each wording (column) fits each sample (row), from 0 to 1.

    Parameters
    ----------
    samples : sequence of TrainingSample
    wordings : sequence of Wording
        One for each sample, in the same order.

    Returns
    -------
    torch.Tensor
        (n, n) float32: 1 for words that fit as well as a sample's own, `SAME_CASE` and `SAME_DIAGNOSIS` for related ones.
    """
    n = len(samples)
    match = np.eye(n, dtype=np.float32)
    for column, wording in enumerate(wordings):
        own = samples[column]
        for row, other in enumerate(samples):
            if row == column:
                continue
            if wording.kind == "generic":
                value = 1.0 if other.attributes == own.attributes else 0.0
            elif other.caption_group == own.caption_group:
                value = 1.0
            elif other.group == own.group:
                value = SAME_CASE
            elif own.diagnosis and other.diagnosis == own.diagnosis:
                value = SAME_DIAGNOSIS
            else:
                value = 0.0
            match[row, column] = value
    return torch.from_numpy(match)


def choose_epoch(samples: Sequence[TrainingSample], config: EncoderConfig, rng: random.Random) -> list[int]:
    """Choose the samples of one epoch: no case, and no other collection, may crowd out the rest, and no modality is missed.

    Parameters
    ----------
    samples : sequence of TrainingSample
    config : EncoderConfig
        Says how many figures of a case and of each other collection are taken at most.
    rng : random.Random

    Returns
    -------
    list of int
        Places in `samples`, shuffled.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    sets: dict[str, list[int]] = defaultdict(list)
    kinds_seen: dict[str, list[int]] = defaultdict(list)
    most = {"cxr": config.radiographs_per_epoch, "starter": config.starter_per_epoch, **config.wide_per_epoch}
    for number, sample in enumerate(samples):
        if sample.set in most:
            sets[sample.set].append(number)
        else:
            groups[sample.group].append(number)
        kinds_seen[sample.attributes.get("modality", "")].append(number)
    chosen = [i for group in groups.values() for i in rng.sample(group, min(len(group), config.figures_per_case))]
    for name, places in sets.items():
        chosen += rng.sample(places, min(len(places), most[name]))
    counts = Counter(samples[i].attributes.get("modality", "") for i in chosen)
    for modality, places in kinds_seen.items():
        if modality not in ("", "OT"):
            chosen += rng.choices(places, k=max(0, config.least_of_modality - counts[modality]))
    rng.shuffle(chosen)
    return chosen


def rate_at(done: float, warm_up: float) -> float:
    """Share of the peak learning rate: a straight line up, then a cosine down to a fiftieth.

    Parameters
    ----------
    done : float
        Share of all steps that are done.
    warm_up : float
        Share of the steps in which the rate rises.
    """
    part = done / warm_up if done < warm_up else 0.5 + 0.5 * math.cos(math.pi * (done - warm_up) / (1 - warm_up))
    return max(part, 0.02)
