"""Measure an encoder on MedPix 2.0: ``python -m mirage_research.evaluation.retrieval --medpix PATH --split dev``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mirage.corpora.base import Refused
from mirage.corpora.medpix import MedPixCorpus
from mirage.encoders import Encoder, load
from mirage.errors import BadInput, BadPicture, MirageError
from mirage_research.evaluation.medpix import Pair, read_pairs
from mirage_research.evaluation.retrieval import (
    Measured,
    bootstrap,
    chance_by_query,
    ranks_of_first_right,
    recalls,
    within_kind,
)

AT = (1, 5, 10)
Table = dict[str, Any]


def measure(encoder: Encoder, medpix: Path, split: str, cases: Sequence[str] | None = None) -> Table:
    """Measure text to image and image to text over all figures of a split, or of some of its cases.

    Parameters
    ----------
    encoder : Encoder
    medpix : Path
        A copy of MedPix 2.0.
    split : str
    cases : sequence of str, optional
        Take only these cases.

    Returns
    -------
    dict
        ``pool`` (figures, every one a query and an answer), ``cases``, and for each measure ``R@K`` as
        ``[value, low, high]`` with 95 % bootstrap intervals over cases.

    Notes
    -----
    A hit is a figure with the same caption in the same case. Ties count against the encoder. *within_kind* keeps the
    answers of the query's own modality, plane and region (MedPix's Type, Plane and Location Category) and asks only
    where a wrong answer is among them; *above_chance* is the difference to a random order, query by query.
    *coarse_oracle* knows just those three and guesses within them.
    """
    pairs, images = _read(medpix, split, cases)
    pictures = encoder.encode_images(images)
    of = [pair.case for pair in pairs]
    right = np.array([[a.key == b.key for b in pairs] for a in pairs])
    everything = np.ones_like(right)
    kinds = [pair.kind for pair in pairs]
    scores = encoder.encode_texts([pair.query for pair in pairs]) @ pictures.T
    captions = encoder.encode_texts([pair.caption for pair in pairs]) @ pictures.T
    alike, allowed, asked = within_kind(scores, right, kinds)
    chosen = [case for case, wanted in zip(of, asked, strict=True) if wanted]
    first = (ranks_of_first_right(alike, right)[asked] <= 1).astype(float)
    guess = chance_by_query(right, allowed)[1][asked]
    return {
        "split": split,
        "pool": len(pairs),
        "cases": len(set(of)),
        "text_to_image": _rows(recalls(scores, right, of, AT)),
        "image_to_text": _rows(recalls(np.ascontiguousarray(scores.T), right, of, AT)),
        "caption_only": _rows(recalls(captions, right, of, AT)),
        "chance": _rows(_expected(chance_by_query(right, everything, AT), of)),
        "coarse_oracle": _rows(_expected(chance_by_query(right, allowed, AT), of)),
        "within_kind": {
            "queries": len(first),
            "R@1": _row(bootstrap(first, chosen)),
            "chance": _row(bootstrap(guess, chosen)),
            "above_chance": _row(bootstrap(first - guess, chosen)),
        },
    }


def _expected(found: dict[int, Any], cases: Sequence[str]) -> dict[int, Measured]:
    return {k: bootstrap(values, cases) for k, values in found.items()}


def _row(measured: Measured) -> list[float]:
    return [round(value, 4) for value in (measured.value, measured.low, measured.high)]


def _rows(found: dict[int, Measured]) -> Table:
    return {f"R@{k}": _row(measured) for k, measured in found.items()}


def _read(medpix: Path, split: str, cases: Sequence[str] | None) -> tuple[list[Pair], list[Any]]:
    corpus = MedPixCorpus(medpix, splits=(split,))
    items = {item.figure.id.partition(":")[2]: item for item in corpus.items() if not isinstance(item, Refused)}
    wanted = {case.rpartition(":")[2] for case in cases} if cases is not None else None
    pairs, images = [], []
    for pair in read_pairs(medpix, split):
        if pair.name not in items or (wanted is not None and pair.case not in wanted):
            continue
        try:
            images.append(corpus.read(items[pair.name]).image)
        except BadPicture as error:
            print(f"left out {pair.name}: {error}", file=sys.stderr)  # noqa: T201
            continue
        pairs.append(pair)
    if not pairs:
        raise BadInput(f"{medpix} has no figures of the split “{split}” (for the cases asked for).")
    return pairs, images


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; ``--out`` keeps the figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m mirage_research.evaluation.retrieval", description=__doc__)
    parser.add_argument("--medpix", type=Path, default=os.environ.get("MIRAGE_MEDPIX"), help="a copy of MedPix 2.0")
    parser.add_argument("--split", choices=("train", "dev", "test"), default="dev")
    parser.add_argument("--cases", type=Path, help="splits.json of a training run: measure on its holdout cases")
    parser.add_argument("--encoder", type=Path, help="folder of an encoder; the shipped one when left out")
    parser.add_argument("--out", type=Path, help="results.json to write or add to")
    given = parser.parse_args(arguments)
    if given.medpix is None:
        parser.error("give --medpix PATH, or set MIRAGE_MEDPIX")
    try:
        encoder = load("starter", **({"path": given.encoder} if given.encoder else {}))
        cases = json.loads(given.cases.read_text("utf-8"))["holdout"] if given.cases else None
        table = measure(encoder, Path(given.medpix), given.split, cases)
    except MirageError as error:
        print(error, file=sys.stderr)  # noqa: T201
        sys.exit(error.exit_code)
    name = "holdout" if cases else given.split
    print(json.dumps({name: table}, indent=1))  # noqa: T201
    if given.out:
        kept = json.loads(given.out.read_text("utf-8")) if given.out.is_file() else {}
        kept |= {"encoder": encoder.info().digest, name: table}
        given.out.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
