"""A dual encoder fine-tuned on a corpus: what ``mirage train encoder --base`` runs, top to bottom.

`fine_tune` is the run: data, steps, schedule, evaluation, checkpoint, log. Below it stand what it is made of: the batches,
the loss and its gradient, the learning rate, and recall on what was held out.
"""

from __future__ import annotations

import dataclasses
import math
import random
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from mirage.corpora.base import Corpus
from mirage.corpora.parquet import ParquetFigures
from mirage.errors import BadInput, BadPicture, Unavailable
from mirage.models.runtime import Placement, select_device
from mirage_research.evaluation.intervals import codes
from mirage_research.evaluation.ranking import AT, random_recalls, recalls
from mirage_research.training import contrastive
from mirage_research.training.augmentation import augment_picture
from mirage_research.training.bases import BaseModel
from mirage_research.training.contrastive import backward, encode_images, encode_texts
from mirage_research.training.curves import WAYS, RecallCurves, describe, score
from mirage_research.training.dual_encoders import DualEncoder, Tokens, for_training, load_dual_encoder, parameter_groups
from mirage_research.training.examples import ExampleSplits, Tell, TrainingExample, read_examples, split, words_for
from mirage_research.training.model_card import MODEL, ModelCard, best_of
from mirage_research.training.runs import (
    CHECKPOINT,
    FineTuningConfig,
    RunLog,
    read_checkpoint,
    start_folder,
    write_checkpoint,
)

_NEIGHBOURS = 32  # read in a row where pictures lie in groups of rows; see `order_of`
_TELL_SECONDS = 20.0
_TYPES = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}


def fine_tune(  # noqa: PLR0912, PLR0915 - a run is read from top to bottom
    base: BaseModel,
    corpus: Corpus,
    out: Path,
    config: FineTuningConfig,
    *,
    device: str = "",
    resume: bool = False,
    threads: int = 2,
    stop: Callable[[], bool] = lambda: False,
) -> Path | None:
    """Fine-tune a base on a corpus. A run can be killed at any time, and goes on from its checkpoint to the same weights.

    Parameters
    ----------
    base : BaseModel
    corpus : Corpus
    out : Path
        Gets the model, checkpoint, configuration, splits, log and curves.
    config : FineTuningConfig
    device : str
        ``cuda``, ``mps`` or ``cpu``; the best that is there when empty.
    resume : bool
        Go on from the checkpoint in the output folder.
    threads : int
        Processor threads of torch.
    stop : callable
        Asked before every step; a run that was stopped leaves a checkpoint.

    Returns
    -------
    Path or None
        The folder of the model; None when the run was stopped before its last step.

    Raises
    ------
    mirage.errors.BadInput
        When a batch is larger than the data, the loss does not suit the model or is no number any more, or the run in the
        folder was begun otherwise.
    mirage.errors.Unavailable
        When memory or disk run out, or the base or the device cannot be used.
    """
    # -- data and model -----------------------------------------------------------------------------------------------
    torch.set_num_threads(threads)
    where = place(device, config.precision)
    towers = load_dual_encoder(base)
    loss_function = loss_of(towers, config)
    start_folder(out, config, resume)
    tell, info = RunLog(out / "log.txt"), corpus.info()
    tell(f"base {base.name} ({base.kind}, {base.revision or 'a folder'}), corpus {info.title} ({info.version})")
    examples, left_out = read_examples(corpus, tell)
    splits = split(examples, config.held_out, config.seed, left_out)
    together = config.batch * config.accumulate
    per_epoch = len(splits.train) // together
    if not per_epoch:
        raise BadInput(
            f"A step takes {together:,} pairs (batch times accumulate), and there are {len(splits.train):,} figures to "
            "train on. Make batch smaller."
        )
    total = config.steps or per_epoch * config.epochs
    run = config.run or (_NEIGHBOURS if isinstance(corpus, ParquetFigures) else 1)
    feeder = PairFeeder(corpus, towers, dataclasses.replace(config, run=run), tell)
    pool = pool_of(splits.held_out, config.measured, config.seed)
    card = ModelCard(base, info, splits, config, f"{where.dtype} on {where.device}", total)

    # -- optimiser, and where a stopped run goes on -------------------------------------------------------------------
    for name, part in towers.model.named_parameters():  # as LiT does (Zhai et al., 2022, arXiv 2111.07991)
        part.requires_grad_(towers.tower_of(name) != config.freeze)
    if config.recompute:
        towers.recompute()
    # Greatest logarithm of the inverse temperature; a base that starts above the setting may keep its own.
    highest = max(math.log(config.max_scale), float(towers.scale.detach().max()))
    towers.model.to(where.device)
    optimiser = torch.optim.AdamW(
        parameter_groups(towers, config), lr=config.rate, betas=(config.beta1, config.beta2), eps=config.epsilon
    )
    scaler = torch.amp.GradScaler(torch.device(where.device).type, enabled=where.dtype == "float16")
    step = 0
    history: list[dict[str, float]] = []
    made_from = {"base": base.digest, "set of figures": splits.digest}
    if resume and (out / CHECKPOINT).is_file():
        kept = read_checkpoint(out / CHECKPOINT)
        for name, digest in made_from.items():
            if kept["made_from"].get(name) != digest:
                raise BadInput(f"The run in {out} was begun with another {name}. Give the same, or another --out.")
        towers.model.load_state_dict(kept["model"])
        optimiser.load_state_dict(kept["optimiser"])
        scaler.load_state_dict(kept["scaler"])
        step, history = kept["step"], kept["history"]
        tell(f"going on from step {step:,} of {total:,}")
    card.write_records(out)
    _tell_data(tell, splits, towers, config)
    tell(f"{card.precision}, {total:,} steps of {together:,} pairs, seed {config.seed}")

    def keep() -> None:
        write_checkpoint(
            out / CHECKPOINT,
            {
                "made_from": made_from,
                "model": towers.model.state_dict(),
                "optimiser": optimiser.state_dict(),
                "scaler": scaler.state_dict(),
                "step": step,
                "history": history,
            },
        )

    def evaluate() -> dict[str, float]:
        """Recall on the held-out pool; the best weights so far become the model."""
        if not pool:
            return {}
        row = measure(towers, feeder, pool, config.chunk, where)
        history.append({"step": step, **row})
        tell(f"step {step:,}, {'held out' if step else 'the base itself'}: {describe(row)}")
        if step and best_of(history) is history[-1]:
            tell(f"the best so far is in {card.save(towers, history, out)}")
        return row

    # -- the steps ----------------------------------------------------------------------------------------------------
    curves = RecallCurves(out, step or -1)
    before, first = curves.seconds, step
    began = last_kept = last_told = time.monotonic()
    if not step:
        curves.add({"step": 0, "epoch": 0, "seconds": 0, **evaluate()})
    batches = feeder.training(splits.train, step, per_epoch)
    try:
        while step < total and not stop():
            rate = rate_at(step, total, config)
            for group in optimiser.param_groups:
                group["lr"] = rate
            for_training(towers, config.freeze)
            torch.manual_seed(random.Random(f"{config.seed}/{step}/dropout").getrandbits(63))  # noqa: S311 - not a secret
            loss = 0.0
            for _ in range(config.accumulate):
                batch = next(batches)
                groups, keys = zip(*((one.group, one.key) for one in batch.examples), strict=True)
                wrong = contrastive.negatives(groups, keys, batch.texts).to(where.device)
                with _memory_named(step, min(config.chunk, config.batch)):
                    value = backward(
                        towers,
                        batch.pixels,
                        batch.tokens,
                        partial(loss_function, scale=towers.scale, bias=towers.bias, wrong=wrong),
                        chunk=config.chunk,
                        freeze=config.freeze,
                        where=where,
                        scaled=lambda value: scaler.scale(value / config.accumulate),
                    )
                loss += value / config.accumulate
            if not math.isfinite(loss):
                raise BadInput(
                    f"The loss is no number any more at step {step + 1:,}. Lower the rate ({config.rate:g}), or compute "
                    "with precision fp32; what was kept before stays."
                )
            scaler.unscale_(optimiser)
            torch.nn.utils.clip_grad_norm_(towers.model.parameters(), config.clip)
            scaler.step(optimiser)
            scaler.update()
            optimiser.zero_grad(set_to_none=True)
            with torch.no_grad():  # as CLIP does (Radford et al., 2021, arXiv 2103.00020, section 2.5)
                towers.scale.clamp_(0.0, highest)
            step += 1

            now = time.monotonic()
            if now - last_told > _TELL_SECONDS or step in (first + 1, total):
                last_told, left = now, (now - began) / (step - first) * (total - step)
                tell(f"step {step:,} of {total:,}, loss {loss:.4f}, about {left / 60:.0f} min left")
            due = step == total or step % (config.measure_every or per_epoch) == 0
            row = {
                "step": step,
                "epoch": round(step / per_epoch, 4),
                "loss": round(loss, 6),
                "rate": f"{rate:.4g}",
                "scale": round(float(towers.scale.detach().exp().max()), 4),
                "seconds": round(before + now - began, 2),
            }
            curves.add(row | (evaluate() if due else {}))
            if due or now - last_kept > 60 * config.keep_minutes:
                keep()
                curves.draw()
                last_kept = time.monotonic()
    finally:
        batches.close()
    keep()
    curves.draw()
    if step < total:
        tell(f"stopped at step {step:,} of {total:,}; go on with --resume")
        return None
    if not history:
        card.save(towers, [], out)
    else:
        card.write(out / MODEL, history)
        if score(max(history, key=score)) <= score(history[0]):
            tell("on the held-out figures the base itself does as well; another rate, or more figures, may help")
    return out / MODEL


def _tell_data(tell: Tell, splits: ExampleSplits, towers: DualEncoder, config: FineTuningConfig) -> None:
    how = "the corpus's own splits" if splits.own else f"groups set aside with seed {config.seed}"
    tell(f"{len(splits.train):,} figures to train on, {len(splits.held_out):,} held out ({how})")
    for reason, count in splits.left_out.items():
        tell(f"left out, {reason}: {count:,}")
    if splits.shared_captions:
        tell(f"{splits.shared_captions:,} held-out figures have a caption that is also trained on")
    sample = splits.train[:: max(1, len(splits.train) // 1000)]
    if long := towers.cut([one.caption for one in sample]):
        share = long / len(sample)
        tell(f"{share:.1%} of the captions fill all {towers.context} tokens that are read; their end may not be learnt")


# -- batches ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PairBatch:
    """Pairs made ready.

    Attributes
    ----------
    examples : list of TrainingExample
        Those whose picture could be read.
    pixels : torch.Tensor
        (n, 3, height, width) float32.
    texts : list of str
    tokens : dict of str to torch.Tensor
    """

    examples: list[TrainingExample]
    pixels: torch.Tensor
    texts: list[str]
    tokens: Tokens


class PairFeeder:
    """Makes batches of examples ready while the towers work: threads decode the pictures of one batch ahead.

    Threads and not the processes of torch's loader: pictures are decoded outside of Python's lock, and an open corpus stays
    one.

    Parameters
    ----------
    corpus : Corpus
    towers : DualEncoder
    config : FineTuningConfig
    tell : callable
        Told each picture that cannot be read, once.
    """

    def __init__(self, corpus: Corpus, towers: DualEncoder, config: FineTuningConfig, tell: Tell) -> None:
        self._corpus, self._towers, self._config, self._tell = corpus, towers, config, tell
        self._unreadable: set[int] = set()

    def training(self, examples: Sequence[TrainingExample], step: int, per_epoch: int) -> Generator[PairBatch]:
        """Augmented batches from a step on, epoch after epoch without end; what does not fill a step is dropped.

        What is drawn depends on seed, epoch and example alone: not on threads, nor on whether the run was broken off.

        Parameters
        ----------
        examples : sequence of TrainingExample
        step : int
        per_epoch : int
            Steps in an epoch.
        """
        together = self._config.batch * self._config.accumulate
        epoch, done = divmod(step, per_epoch)
        while True:
            order = order_of(len(examples), self._config.run, self._config.seed, epoch)
            chosen = [examples[number] for number in order[done * together : per_epoch * together]]
            yield from self.batches(chosen, self._config.batch, epoch)
            epoch, done = epoch + 1, 0

    def batches(self, examples: Sequence[TrainingExample], size: int, epoch: int | None = None) -> Generator[PairBatch]:
        """Batches in the given order: as an epoch draws them, else pictures and captions as they are.

        Parameters
        ----------
        examples : sequence of TrainingExample
        size : int
            Pairs in a batch.
        epoch : int, optional
        """
        parts = [examples[start : start + size] for start in range(0, len(examples), size)]
        pool = ThreadPoolExecutor(self._config.workers, thread_name_prefix="picture")
        try:
            ahead = [pool.submit(self._ready, example, epoch) for example in parts[0]] if parts else []
            for part, following in pairwise([*parts, []]):
                batch = self._collated(part, [future.result() for future in ahead])
                ahead = [pool.submit(self._ready, example, epoch) for example in following]
                yield batch
                # Let go of, so that a batch lies in memory once while the next is made ready.
                del batch
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _ready(self, example: TrainingExample, epoch: int | None) -> tuple[torch.Tensor, str] | BadPicture:
        try:
            image = self._corpus.read(example.item).image.convert("RGB")
        except BadPicture as error:
            return error
        if epoch is None:
            return self._towers.prepare(image), example.caption
        config, rng = self._config, random.Random(f"{self._config.seed}/{epoch}/{example.number}")  # noqa: S311 - as above
        text = words_for(example, config.wording, rng)
        return self._towers.prepare(augment_picture(image, self._towers.pixels, config.augmenting, rng)), text

    def _collated(
        self, examples: Sequence[TrainingExample], made: Sequence[tuple[torch.Tensor, str] | BadPicture]
    ) -> PairBatch:
        kept: list[tuple[TrainingExample, torch.Tensor, str]] = []
        for example, ready in zip(examples, made, strict=True):
            if not isinstance(ready, BadPicture):
                kept.append((example, *ready))
            elif example.number not in self._unreadable:
                self._unreadable.add(example.number)
                self._tell(f"left out {example.item.label}: {ready}")
        if not kept:
            raise BadInput(f"None of {len(examples)} pictures in a row can be read. The last one: {made[-1]}")
        readable, pixels, texts = (list(column) for column in zip(*kept, strict=True))
        return PairBatch(readable, torch.stack(pixels), texts, self._towers.tokenise(texts))


def order_of(count: int, run: int, seed: int, epoch: int) -> list[int]:
    """The order of an epoch: runs of neighbours, cut at another place in each epoch, and shuffled.

    A parquet file is read in groups of rows, so that single rows from everywhere would read each group a hundred times.

    Parameters
    ----------
    count : int
        Examples.
    run : int
        Neighbours in a row.
    seed, epoch : int
    """
    rng = random.Random(f"{seed}/{epoch}/order")  # noqa: S311 - not a secret
    turned = rng.randrange(count)
    numbers = [*range(turned, count), *range(turned)]
    runs = [numbers[start : start + run] for start in range(0, count, run)]
    rng.shuffle(runs)
    return [number for neighbours in runs for number in neighbours]


# -- loss, gradient and learning rate ---------------------------------------------------------------------------------


@contextmanager
def _memory_named(step: int, size: int) -> Iterator[None]:
    """Say what to do where memory runs out."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # torch.OutOfMemoryError is a RuntimeError
        if isinstance(error, RuntimeError) and "memory" not in str(error).lower():
            raise
        raise Unavailable(
            f"Memory ran out at step {step + 1:,} with {size} pairs in the towers at once. Make chunk smaller "
            f"({max(1, size // 2)}, say): the result is the same and takes somewhat longer; or set recompute."
        ) from error


def place(device: str, precision: str) -> Placement:
    """On which device the towers compute, and in which numbers.

    ``auto`` takes bf16 on a CUDA card that has it, fp16, with a scaler, on other CUDA cards, and fp32 elsewhere.

    Parameters
    ----------
    device : str
        ``cuda``, ``cuda:1``, ``mps`` or ``cpu``; the best that is there when empty.
    precision : {"auto", "bf16", "fp16", "fp32"}

    Raises
    ------
    mirage.errors.Unavailable
        When the device is not there.
    """
    found = select_device(torch, device, _TYPES.get(precision))
    if precision == "auto" and not found.device.startswith("cuda"):
        return dataclasses.replace(found, dtype="float32")
    return found


def loss_of(towers: DualEncoder, config: FineTuningConfig) -> Callable[..., torch.Tensor]:
    """The loss that suits a model.

    Parameters
    ----------
    towers : DualEncoder
    config : FineTuningConfig

    Raises
    ------
    mirage.errors.BadInput
        When the sigmoid loss is asked for and the model has no logit bias.
    """
    if config.loss == "sigmoid" and towers.bias is None:
        raise BadInput("The sigmoid loss needs a model with a logit bias, as SigLIP has; this one learns with “contrast”.")
    return contrastive.sigmoid if towers.bias is not None and config.loss != "contrast" else contrastive.contrast


def rate_at(step: int, total: int, config: FineTuningConfig) -> float:
    """The learning rate of a step: a straight line up, then a cosine down to nothing.

    Parameters
    ----------
    step : int
        From 0.
    total : int
        Steps of the run.
    config : FineTuningConfig
    """
    rising = round(config.warm_up * total)
    if step < rising:
        return config.rate * (step + 1) / rising
    return config.rate * (0.5 + 0.5 * math.cos(math.pi * (step - rising) / max(total - rising, 1)))


# -- recall on what was held out --------------------------------------------------------------------------------------


def pool_of(examples: Sequence[TrainingExample], most: int, seed: int) -> list[TrainingExample]:
    """The held-out figures that are measured on: all, or as many as wanted, in the corpus's order.

    Parameters
    ----------
    examples : sequence of TrainingExample
    most : int
    seed : int
    """
    if len(examples) <= most:
        return list(examples)
    chosen = random.Random(f"{seed}/pool").sample(list(examples), most)  # noqa: S311 - not a secret
    return sorted(chosen, key=lambda example: example.number)


@torch.no_grad()
def measure(
    towers: DualEncoder, feeder: PairFeeder, pool: Sequence[TrainingExample], chunk: int, where: Placement
) -> dict[str, float]:
    """Recall at 1, 5 and 10 over a pool, both ways, and what a random order would reach.

    A figure with the same caption is right as well: words cannot tell the two apart.

    Parameters
    ----------
    towers : DualEncoder
    feeder : PairFeeder
    pool : sequence of TrainingExample
    chunk : int
        Pairs in the towers at once.
    where : Placement

    Returns
    -------
    dict of str to float
        ``pool``, and ``text_to_image_r1`` and so on; see `mirage_research.training.curves.COLUMNS`.
    """
    towers.model.eval()
    images, texts, keys = [], [], []
    for batch in feeder.batches(pool, chunk):
        images.append(encode_images(towers, batch.pixels, where).cpu().numpy())
        texts.append(encode_texts(towers, batch.tokens, where).cpu().numpy())
        keys += [example.key for example in batch.examples]
    which = codes(keys)
    right = which[:, None] == which[None, :]
    scores = np.concatenate(texts) @ np.concatenate(images).T
    found = (recalls(scores, right), recalls(np.ascontiguousarray(scores.T), right), random_recalls(right))
    row: dict[str, float] = {"pool": len(keys)}
    for name, values in zip((*WAYS, "chance"), found, strict=True):
        row |= {f"{name}_r{k}": round(float(values[f"R@{k}"].mean()), 4) for k in AT}
    return row
