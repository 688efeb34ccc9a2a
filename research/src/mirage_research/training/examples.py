"""What fine-tuning learns from: captioned figures of a corpus, split by case or article, and the words drawn for each."""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mirage.corpora.base import Corpus, Item, Refused
from mirage.errors import BadInput
from mirage.figure import MODALITIES
from mirage_research.data.samples import split_sentences, tidied

Tell = Callable[[str], None]

TRAIN = ("train", "training")
MEASURE = ("validation", "valid", "val", "dev")


@dataclass(frozen=True, slots=True)
class TrainingExample:
    """One figure to learn from. Its picture stays where it is until it is needed.

    Attributes
    ----------
    number : int
        Place in the corpus; with the seed it decides what is drawn for this example.
    item : Item
    group : str
        The case or article; figures that share it are not wrong answers to one another's words.
    caption : str
        Without the traces that de-identification leaves.
    split : str
        As the corpus says; empty where it has none.
    """

    number: int
    item: Item
    group: str
    caption: str
    split: str = ""

    @property
    def key(self) -> str:
        """The caption as far as it tells figures apart."""
        return " ".join(self.caption.lower().split())


@dataclass(frozen=True, slots=True)
class ExampleSplits:
    """Which figures are trained on and which are measured on; no group is on both sides.

    Attributes
    ----------
    train, held_out : tuple of TrainingExample
    own : bool
        Whether the corpus's own splits were used.
    left_out : dict of str to int
        Why figures take no part, and how many.
    shared_captions : int
        Held-out figures whose very caption, in another group, is also trained on.
    """

    train: tuple[TrainingExample, ...]
    held_out: tuple[TrainingExample, ...]
    own: bool
    left_out: dict[str, int] = field(default_factory=dict)
    shared_captions: int = 0

    @property
    def digest(self) -> str:
        """Changes when any figure, or its side, does."""
        names = [f"{side}\t{one.item.figure.id}" for side in ("train", "held_out") for one in getattr(self, side)]
        return hashlib.sha256("\n".join(names).encode()).hexdigest()

    def to_json(self) -> str:
        """Groups and figures of each side."""
        sides = {"train": self.train, "held_out": self.held_out}
        written = {
            "splits": "the corpus's own" if self.own else "by group, drawn with the seed",
            "digest": self.digest,
            "figures": {name: len(side) for name, side in sides.items()},
            "left_out": self.left_out,
            "held_out_captions_also_trained_on": self.shared_captions,
            "groups": {name: sorted({one.group for one in side}) for name, side in sides.items()},
        }
        return json.dumps(written, indent=1, ensure_ascii=False)


def group_of(item: Item) -> str:
    """The case, else the article or case page that the figure's source names, else the figure itself."""
    source = item.figure.source
    if item.figure.case_id:
        return item.figure.case_id
    return source.url if source.url and str(source.url_of) in ("case", "article") else item.figure.id


def read_examples(corpus: Corpus, tell: Tell) -> tuple[list[TrainingExample], Counter[str]]:
    """Read the words of a corpus; no picture is opened.

    Parameters
    ----------
    corpus : Corpus
    tell : callable
        Given a line for each of the first five entries that the corpus refused.

    Returns
    -------
    examples : list of TrainingExample
    left_out : Counter
        Why figures take no part, and how many.

    Raises
    ------
    mirage.errors.BadInput
        When the corpus holds nothing, or nothing with a caption.
    """
    split_of: Callable[[Item], str] = getattr(corpus, "split_of", lambda _: "")
    examples: list[TrainingExample] = []
    left_out: Counter[str] = Counter()
    for number, entry in enumerate(corpus.items()):
        if isinstance(entry, Refused):
            if left_out["refused by the corpus"] < 5:
                tell(f"left out {entry.label}: {entry.reason}")
            left_out["refused by the corpus"] += 1
        elif not (caption := tidied(entry.figure.caption)):
            left_out["without a caption"] += 1
        else:
            examples.append(TrainingExample(number, entry, group_of(entry), caption, split_of(entry).lower()))
    if not examples:
        raise BadInput(
            f"None of the {left_out.total():,} figures of {corpus.info().title} has a caption and can be used: fine-tuning "
            "learns from captions. For a folder, put a table with the columns file and caption into it."
        )
    return examples, left_out


def split(
    examples: Sequence[TrainingExample], held_out: float, seed: int, left_out: Counter[str] | None = None
) -> ExampleSplits:
    """Sort examples into training and measuring.

    The corpus's own splits are kept where it has any: only its training split is trained on, its validation split is
    measured on, and nothing else is touched. Training figures whose group also lies in another split are left out.
    Without own splits, or without a validation split, whole groups are set aside.

    Parameters
    ----------
    examples : sequence of TrainingExample
    held_out : float
        Share of the groups to set aside where the corpus has no validation split.
    seed : int
        Draws those groups.
    left_out : Counter, optional
        What was left out before; it is added to.

    Raises
    ------
    mirage.errors.BadInput
        When nothing is left to train on.
    """
    reasons: Counter[str] = Counter(left_out or {})
    own = any(one.split for one in examples)
    train = [one for one in examples if not own or one.split in TRAIN]
    measure = [one for one in examples if own and one.split in MEASURE]
    if own:
        for one in examples:
            if one.split not in (*TRAIN, *MEASURE):
                reasons[f"in the split “{one.split or 'none'}”"] += 1
        elsewhere = {one.group for one in examples if one.split not in TRAIN}
        kept = [one for one in train if one.group not in elsewhere]
        if len(kept) < len(train):
            reasons["to train on, but of a case or article that another split holds too"] += len(train) - len(kept)
        train = kept
    if not measure and held_out:
        groups = sorted({one.group for one in train})
        count = min(max(1, round(len(groups) * held_out)), len(groups) // 2)
        aside = set(random.Random(seed).sample(groups, count))  # noqa: S311 - not a secret
        measure = [one for one in train if one.group in aside]
        train = [one for one in train if one.group not in aside]
    if not train:
        found = ", ".join(sorted({one.split or "none" for one in examples}))
        raise BadInput(f"Nothing is left to train on. The corpus's figures are in these splits: {found}.")
    trained = {one.key for one in train}
    shared = sum(one.key in trained for one in measure)
    return ExampleSplits(tuple(train), tuple(measure), own, {k: n for k, n in sorted(reasons.items()) if n}, shared)


def words_for(example: TrainingExample, share: float, rng: random.Random) -> str:
    """Choose words for an example.

    Parameters
    ----------
    example : TrainingExample
    share : float
        How often the caption is varied, from 0 to 1.
    rng : random.Random
        Drawn from in the same way whatever the caption is.

    Returns
    -------
    str
        Always from the caption: words that would fit other figures as well ("axial CT") are never all of it.
    """
    varied, how, start, many = rng.random(), rng.random(), rng.random(), rng.random()
    if varied >= share:
        return example.caption
    caption = _some_sentences(example.caption, start, many) if how < 0.5 else example.caption
    kind = kind_of(example)
    return f"{kind}. {caption}" if kind and how > 0.25 else caption


def kind_of(example: TrainingExample) -> str:
    """Plane and modality as the source says them, e.g. "Axial CT"; empty when it says neither."""
    figure = example.item.figure
    modality = figure.modality_detail or MODALITIES.get(figure.modality, "")
    return " ".join(filter(None, [figure.plane.capitalize(), modality]))


def _some_sentences(caption: str, start: float, many: float) -> str:
    sentences = split_sentences(caption, least=8)
    if len(sentences) < 2:
        return caption
    first = int(start * len(sentences))
    return ". ".join(sentences[first : first + 1 + int(many * 3)])
