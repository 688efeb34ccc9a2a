"""The loop of fine-tuning: batches, gradients, steps, measurements and checkpoints."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import torch

from mirage.errors import BadInput, Unavailable
from mirage_research.training.finetuning import checkpoints, losses
from mirage_research.training.finetuning.caching import Precision, backward
from mirage_research.training.finetuning.config import Config
from mirage_research.training.finetuning.curves import Curves
from mirage_research.training.finetuning.examples import Splits, Tell
from mirage_research.training.finetuning.feeding import Batch, Feeder
from mirage_research.training.finetuning.measuring import Recall, measure, pool_of, score
from mirage_research.training.finetuning.towers import (
    Towers,
    clamp_scale,
    for_training,
    frozen_towers,
    highest_scale,
    parameter_groups,
)

Measured = dict[str, float]
_TELL_SECONDS = 20.0


class Run:
    """One run, which can be killed at any time and goes on from its last checkpoint to the same weights.

    Parameters
    ----------
    towers : Towers
    splits : Splits
    feeder : Feeder
    config : Config
    out : Path
        Gets checkpoint and curves.
    precision : Precision
    made_from : dict of str to str
        Digests of what a checkpoint belongs to.
    keep_model : callable
        Told the measurements so far when the weights are the best yet.
    tell : callable

    Attributes
    ----------
    step, total : int
    history : list of dict
        Step and recall of every measurement; the first is of the base itself.

    Raises
    ------
    mirage.errors.BadInput
        When a batch is larger than the data, or the loss does not suit the model.
    """

    def __init__(
        self,
        towers: Towers,
        splits: Splits,
        feeder: Feeder,
        config: Config,
        out: Path,
        *,
        precision: Precision,
        made_from: dict[str, str],
        keep_model: Callable[[list[Measured]], None],
        tell: Tell,
    ) -> None:
        self._towers, self._splits, self._feeder, self._config = towers, splits, feeder, config
        self._out, self._precision, self._made_from = out, precision, made_from
        self._keep_model, self._tell = keep_model, tell
        self._loss = loss_of(towers, config)
        together = config.batch * config.accumulate
        self._per_epoch = len(splits.train) // together
        if not self._per_epoch:
            what = f"{together:,} pairs (batch {config.batch:,}" + (
                f", {config.accumulate} accumulated)" if config.accumulate > 1 else ")"
            )
            raise BadInput(
                f"A step takes {what}, and there are {len(splits.train):,} figures to train on. Make batch smaller."
            )
        self.total = config.steps or self._per_epoch * config.epochs
        self._pool = pool_of(splits.held_out, config.measured, config.seed)
        frozen_towers(towers, config.freeze)
        if config.recompute:
            towers.recompute()
        self._highest = highest_scale(towers, config)
        towers.model.to(precision.device)
        self._optimiser = torch.optim.AdamW(
            parameter_groups(towers, config), lr=config.rate, betas=(config.beta1, config.beta2), eps=config.epsilon
        )
        self._scaler = torch.amp.GradScaler(precision.device.partition(":")[0], enabled=precision.dtype is torch.float16)
        self.step, self._best = 0, -1.0
        self.history: list[Measured] = []

    # -- going on ---------------------------------------------------------------------------------------------------

    def resume(self) -> None:
        """Go on from the checkpoint, where there is one.

        Raises
        ------
        mirage.errors.BadInput
            When it belongs to another configuration, base or data.
        """
        path = self._out / checkpoints.NAME
        if not path.is_file():
            return
        kept = checkpoints.read(path, self._config, self._made_from)
        self._towers.model.load_state_dict(kept["model"])
        self._optimiser.load_state_dict(kept["optimiser"])
        self._scaler.load_state_dict(kept["scaler"])
        self.step, self.history, self._best = kept["step"], kept["history"], kept["best"]
        torch.set_rng_state(kept["chance"])
        if self._precision.device.startswith("cuda") and kept["chance_on_card"] is not None:
            torch.cuda.set_rng_state(kept["chance_on_card"])
        self._tell(f"going on from step {self.step:,} of {self.total:,}")

    def keep(self) -> None:
        """Write the checkpoint: whole, or not at all."""
        on_card = self._precision.device.startswith("cuda")
        checkpoints.write(
            self._out / checkpoints.NAME,
            {
                "config": dataclasses.asdict(self._config),
                "made_from": self._made_from,
                "model": self._towers.model.state_dict(),
                "optimiser": self._optimiser.state_dict(),
                "scaler": self._scaler.state_dict(),
                "step": self.step,
                "history": self.history,
                "best": self._best,
                "chance": torch.get_rng_state(),
                "chance_on_card": torch.cuda.get_rng_state() if on_card else None,
            },
        )

    @property
    def better(self) -> bool:
        """Whether the best weights find more of the held-out figures than the base did."""
        return bool(self.history) and self._best > score(self.history[0])

    # -- learning ---------------------------------------------------------------------------------------------------

    def run(self, stop: Callable[[], bool] = lambda: False) -> bool:
        """Learn to the last step, or until asked to stop; a checkpoint is left either way.

        Returns
        -------
        bool
            Whether the last step was reached.

        Raises
        ------
        mirage.errors.Unavailable
            When memory or disk run out.
        mirage.errors.BadInput
            When no picture can be read, or the loss is no number any more.
        """
        curves = Curves(self._out, self.step if self.step else -1)
        before, began, first = curves.seconds, time.monotonic(), self.step
        if not self.step:
            curves.add({"step": 0, "epoch": 0, "seconds": 0}, self._measured())
        kept = told = began
        batches = self._batches()
        try:
            while self.step < self.total and not stop():
                rate = rate_at(self.step, self.total, self._config)
                loss = self._one(batches, rate)
                now = time.monotonic()
                due = self.step == self.total or self.step % (self._config.measure_every or self._per_epoch) == 0
                row = {
                    "step": self.step,
                    "epoch": round(self.step / self._per_epoch, 4),
                    "loss": round(loss, 6),
                    "rate": f"{rate:.4g}",
                    "scale": round(float(self._towers.scale.detach().exp().max()), 4),
                    "seconds": round(before + now - began, 2),
                }
                if now - told > _TELL_SECONDS or self.step in (first + 1, self.total):
                    told = now
                    left = (now - began) / (self.step - first) * (self.total - self.step)
                    self._tell(f"step {self.step:,} of {self.total:,}, loss {loss:.4f}, about {left / 60:.0f} min left")
                curves.add(row, self._measured() if due else None)
                if due:
                    curves.draw()
                if due or now - kept > 60 * self._config.keep_minutes:
                    self.keep()
                    kept = time.monotonic()
        finally:
            batches.close()
        self.keep()
        curves.draw()
        done = self.step >= self.total
        if not done:
            self._tell(f"stopped at step {self.step:,} of {self.total:,}; go on with --resume")
        return done

    def _one(self, batches: Iterator[Batch], rate: float) -> float:
        config, total = self._config, 0.0
        for_training(self._towers, config.freeze)
        try:
            for _ in range(config.accumulate):
                total += self._gradient(next(batches))
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and "memory" not in str(error).lower():
                raise
            size = min(config.chunk, config.batch)
            raise Unavailable(
                f"Memory ran out at step {self.step + 1:,} with {size} pairs in the towers at once. Make chunk smaller "
                f"({max(1, size // 2)}, say): the result is the same and takes somewhat longer; or set recompute."
            ) from error
        loss = total / config.accumulate
        if not math.isfinite(loss):
            raise BadInput(
                f"The loss is no number any more at step {self.step + 1:,}. Lower the rate ({config.rate:g}), or compute "
                "with precision fp32; what was kept before stays."
            )
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._scaler.unscale_(self._optimiser)
        torch.nn.utils.clip_grad_norm_([p for group in self._optimiser.param_groups for p in group["params"]], config.clip)
        self._scaler.step(self._optimiser)
        self._scaler.update()
        self._optimiser.zero_grad(set_to_none=True)
        clamp_scale(self._towers, self._highest)
        self.step += 1
        return loss

    def _gradient(self, batch: Batch) -> float:
        towers, config = self._towers, self._config
        groups, keys = [one.group for one in batch.examples], [one.key for one in batch.examples]
        wrong = losses.negatives(groups, keys, batch.texts).to(self._precision.device)
        return backward(
            towers,
            batch.pixels,
            batch.tokens,
            lambda images, texts: self._loss(images, texts, towers.scale, towers.bias, wrong),
            chunk=config.chunk,
            freeze=config.freeze,
            precision=self._precision,
            scaled=lambda value: self._scaler.scale(value / config.accumulate),
        )

    def _batches(self) -> Generator[Batch]:
        """Batches from where the run is, epoch after epoch."""
        config, epoch, done = self._config, *divmod(self.step, self._per_epoch)
        usable = self._per_epoch * config.accumulate
        for number in range(epoch, math.ceil(self.total / self._per_epoch)):
            first = done * config.accumulate if number == epoch else 0
            made = self._feeder.training(self._splits.train, number, config.batch, first)
            try:
                for _, batch in zip(range(usable - first), made, strict=False):
                    yield batch
            finally:
                made.close()

    def _measured(self) -> Recall | None:
        if not self._pool:
            return None
        recall = measure(self._towers, self._feeder, self._pool, self._config.chunk, self._precision)
        row = {"step": self.step, **recall.row()}
        self.history.append(row)
        self._tell(f"step {self.step:,}, {'the base itself' if not self.step else 'held out'}: {recall}")
        if self.step and score(row) > self._best:
            self._best = score(row)
            self._keep_model(self.history)
        return recall


def loss_of(towers: Towers, config: Config) -> Callable[..., torch.Tensor]:
    """The loss that suits a model.

    Raises
    ------
    mirage.errors.BadInput
        When the sigmoid loss is asked for and the model has no logit bias.
    """
    if config.loss == "sigmoid" and towers.bias is None:
        raise BadInput("The sigmoid loss needs a model with a logit bias, as SigLIP has; this one learns with “contrast”.")
    return losses.sigmoid if towers.bias is not None and config.loss != "contrast" else losses.contrast


def rate_at(step: int, total: int, config: Config) -> float:
    """The learning rate of a step, counted from 0: a straight line up, then a cosine down to nothing."""
    rising = round(config.warm_up * total)
    if step < rising:
        return config.rate * (step + 1) / rising
    return config.rate * (0.5 + 0.5 * math.cos(math.pi * (step - rising) / max(total - rising, 1)))
