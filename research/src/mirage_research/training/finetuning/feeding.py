"""Batches made ready while the towers work: pictures are decoded in threads, a bounded number ahead."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import torch

from mirage.corpora.base import Corpus
from mirage.errors import BadInput, BadPicture
from mirage_research.training.finetuning.augmenting import augment
from mirage_research.training.finetuning.config import Config
from mirage_research.training.finetuning.examples import Example, Tell
from mirage_research.training.finetuning.towers import Tokens, Towers
from mirage_research.training.finetuning.words import words_for


@dataclass(frozen=True, slots=True)
class Batch:
    """Pairs made ready.

    Attributes
    ----------
    examples : list of Example
        Those whose picture could be read.
    pixels : torch.Tensor
        (n, 3, height, width) float32.
    texts : list of str
    tokens : dict of str to torch.Tensor
    """

    examples: list[Example]
    pixels: torch.Tensor
    texts: list[str]
    tokens: Tokens


class Feeder:
    """Makes batches of examples ready.

    Parameters
    ----------
    corpus : Corpus
    towers : Towers
    config : Config
    tell : callable
        Told each picture that cannot be read, once.
    neighbours : int
        How many figures are read in a row where the configuration leaves it open.
    """

    def __init__(self, corpus: Corpus, towers: Towers, config: Config, tell: Tell, *, neighbours: int = 1) -> None:
        self._neighbours = config.run or neighbours
        self._corpus, self._towers, self._config, self._tell = corpus, towers, config, tell
        self._unreadable: set[int] = set()

    def training(self, examples: Sequence[Example], epoch: int, size: int, first: int = 0) -> Generator[Batch]:
        """Batches of one epoch, augmented, from the given batch on; what does not fill a batch is dropped.

        What is drawn depends on seed, epoch and example alone: not on threads, nor on whether the run was broken off.
        """
        config = self._config
        order = order_of(len(examples), self._neighbours, config.seed, epoch)
        order = order[first * size : len(order) // size * size]

        def ready(example: Example) -> tuple[torch.Tensor, str]:
            rng = random.Random(f"{config.seed}/{epoch}/{example.number}")  # noqa: S311 - not a secret
            text = words_for(example, config.wording, rng)
            image = self._corpus.read(example.item).image
            return self._towers.prepare(augment(image, self._towers.pixels, config.augmenting, rng)), text

        return self._batches([examples[number] for number in order], size, ready)

    def plain(self, examples: Sequence[Example], size: int) -> Generator[Batch]:
        """Batches in the given order with pictures and captions as they are."""

        def ready(example: Example) -> tuple[torch.Tensor, str]:
            return self._towers.prepare(self._corpus.read(example.item).image.convert("RGB")), example.caption

        return self._batches(examples, size, ready)

    def _batches(
        self, examples: Sequence[Example], size: int, ready: Callable[[Example], tuple[torch.Tensor, str]]
    ) -> Generator[Batch]:
        kept: list[tuple[Example, torch.Tensor, str]] = []
        problem = ""
        for number, (example, made) in enumerate(self._ahead(examples, size, ready), start=1):
            if isinstance(made, BadPicture):
                problem = str(made)
                if example.number not in self._unreadable:
                    self._unreadable.add(example.number)
                    self._tell(f"left out {example.item.label}: {problem}")
            else:
                kept.append((example, *made))
            if number % size == 0 or number == len(examples):
                if not kept:
                    raise BadInput(f"None of {size} pictures in a row can be read. The last one: {problem}")
                texts = [text for _, _, text in kept]
                pixels = torch.stack([pixels for _, pixels, _ in kept])
                batch = Batch([one for one, _, _ in kept], pixels, texts, self._towers.tokenise(texts))
                # Let go of, so that a batch lies in memory once while it is learnt.
                del pixels, made
                kept = []
                yield batch
                del batch

    def _ahead(
        self, examples: Sequence[Example], size: int, ready: Callable[[Example], tuple[torch.Tensor, str]]
    ) -> Iterator[tuple[Example, tuple[torch.Tensor, str] | BadPicture]]:
        """In order, with at most one more batch decoded than is in use."""
        waiting: deque[tuple[Example, Future[tuple[torch.Tensor, str]]]] = deque()
        most = max(size, 2 * self._config.workers)
        pool = ThreadPoolExecutor(self._config.workers, thread_name_prefix="picture")
        try:
            for example in examples:
                waiting.append((example, pool.submit(ready, example)))
                if len(waiting) >= most:
                    yield _taken(*waiting.popleft())
            while waiting:
                yield _taken(*waiting.popleft())
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def order_of(count: int, run: int, seed: int, epoch: int) -> list[int]:
    """The order of an epoch: runs of neighbours, cut at another place in each epoch, and shuffled.

    A parquet file is read in groups of rows, so that single rows from everywhere would read each group a hundred times.
    """
    rng = random.Random(f"{seed}/{epoch}/order")  # noqa: S311 - not a secret
    turned = rng.randrange(count)
    numbers = [*range(turned, count), *range(turned)]
    runs = [numbers[start : start + run] for start in range(0, count, run)]
    rng.shuffle(runs)
    return [number for neighbours in runs for number in neighbours]


def _taken(
    example: Example, future: Future[tuple[torch.Tensor, str]]
) -> tuple[Example, tuple[torch.Tensor, str] | BadPicture]:
    try:
        return example, future.result()
    except BadPicture as error:
        return example, error
