"""Words for a figure: its caption, now and then with what kind of picture it is, or with some of its sentences."""

from __future__ import annotations

import random

from mirage.figure import MODALITIES
from mirage_research.training.finetuning.examples import Example
from mirage_research.training.samples import split_sentences


def words_for(example: Example, share: float, rng: random.Random) -> str:
    """Choose words for an example.

    Parameters
    ----------
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


def kind_of(example: Example) -> str:
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
