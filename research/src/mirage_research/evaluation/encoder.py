"""How often an encoder alone finds the right figure of MedPix 2.0 by its words, and the words by the figure.

It asks with the data set's raw words, as the card of the shipped encoder does. A hit is a figure with the same caption in
the same case. Ties count against the encoder.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mirage.corpora.base import Refused
from mirage.corpora.medpix import MedPixCorpus
from mirage.encoders import Encoder
from mirage.errors import BadInput, BadPicture
from mirage_research.data.medpix import MedPixPair, read_pairs
from mirage_research.evaluation.intervals import bootstrap, codes, told
from mirage_research.evaluation.ranking import random_recalls, recalls

ROWS = ("text_to_image", "image_to_text", "caption_only", "chance", "coarse_oracle")
Table = dict[str, Any]


def measure(
    encoder: Encoder,
    medpix: Path,
    split: str,
    cases: Sequence[str] | None = None,
    left_out: Callable[[str], object] = lambda line: None,
) -> Table:
    """Measure text to image and image to text over all figures of a split, or of some of its cases.

    Parameters
    ----------
    encoder : Encoder
    medpix : Path
        A copy of MedPix 2.0.
    split : str
    cases : sequence of str, optional
        Take only these cases.
    left_out : callable
        Told in a line of each figure whose picture cannot be read.

    Returns
    -------
    dict
        ``pool`` (figures, every one a query and an answer), ``cases``, and for each measure ``R@K`` as
        ``[value, low, high]`` with 95 % bootstrap intervals over cases.

    Raises
    ------
    mirage.errors.BadInput
        When there are no such figures.

    Notes
    -----
    *within_kind* keeps the answers of the query's own modality, plane and region (MedPix's Type, Plane and Location
    Category) and asks only where a wrong answer is among them; *above_chance* is the difference to a random order, query by
    query. *coarse_oracle* knows just those three and guesses within them.
    """
    pairs, images = read_figures(medpix, split, cases, left_out)
    pictures = encoder.encode_images(images)
    of = [pair.case for pair in pairs]
    keys, kinds = codes([pair.key for pair in pairs]), codes([pair.kind for pair in pairs])
    right, alike = keys[:, None] == keys, kinds[:, None] == kinds
    scores = encoder.encode_texts([pair.query for pair in pairs]) @ pictures.T
    captions = encoder.encode_texts([pair.caption for pair in pairs]) @ pictures.T
    found = {
        "text_to_image": recalls(scores, right),
        "image_to_text": recalls(np.ascontiguousarray(scores.T), right),
        "caption_only": recalls(captions, right),
        "chance": random_recalls(right),
        "coarse_oracle": random_recalls(right, alike),
    }
    asked = (alike & ~right).any(1)
    within = recalls(np.where(alike, scores, -np.inf).astype(np.float32), right)
    first, guess = within["R@1"][asked], found["coarse_oracle"]["R@1"][asked]
    chosen = [case for case, wanted in zip(of, asked, strict=True) if wanted]
    compared = {"R@1": first, "chance": guess, "above_chance": first - guess}
    return {
        "split": split,
        "pool": len(pairs),
        "cases": len(set(of)),
        **{row: {name: bootstrap(values, of).row() for name, values in found[row].items()} for row in ROWS},
        "within_kind": {
            "queries": int(asked.sum()),
            **{name: bootstrap(values, chosen).row() for name, values in compared.items()},
        },
    }


def rows(table: Table) -> list[tuple[str, str]]:
    """The figures for a reader."""
    found = [("figures, cases", f"{table['pool']}, {table['cases']}")]
    for row in ROWS:
        found += [(f"{row.replace('_', ' ')}, {name}", told(values)) for name, values in table[row].items()]
    within = table["within_kind"]
    found += [(f"within the kind, {name.replace('_', ' ')}", told(within[name])) for name in list(within)[1:]]
    return found


def holdout(file: Path) -> list[str]:
    """The cases that a training run set aside, from its ``splits.json``.

    Raises
    ------
    mirage.errors.BadInput
        When the file is not there, or names none.
    """
    try:
        return list(json.loads(file.read_text("utf-8"))["holdout"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{file} does not say which cases a training run set aside ({error}).") from error


def read_figures(
    medpix: Path, split: str, cases: Sequence[str] | None = None, left_out: Callable[[str], object] = lambda line: None
) -> tuple[list[MedPixPair], list[Image.Image]]:
    """The figures of a split, or of some of its cases, with the words that should find them.

    Parameters
    ----------
    medpix : Path
    split : str
    cases : sequence of str, optional
    left_out : callable
        Told in a line of each figure whose picture cannot be read.

    Raises
    ------
    mirage.errors.BadInput
        When there are none.
    """
    corpus = MedPixCorpus(medpix, splits=(split,))
    items = {item.figure.id.partition(":")[2]: item for item in corpus.items() if not isinstance(item, Refused)}
    wanted = {case.rpartition(":")[2] for case in cases} if cases is not None else None
    pairs, images = [], []
    for pair in read_pairs(medpix, split):
        if pair.name not in items or (wanted is not None and pair.case not in wanted):
            continue
        try:
            images.append(corpus.read(items[pair.name]).image)
            pairs.append(pair)
        except BadPicture as error:
            left_out(f"left out {pair.name}: {error}")
    if not pairs:
        raise BadInput(f"{medpix} has no figures of the split “{split}” (for the cases asked for).")
    return pairs, images
