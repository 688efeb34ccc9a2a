"""How often an inferred modality or plane is right, on MedPix figures whose source states them.

The figures are stripped of what is to be inferred, and given it back by the same code that adds ROCO. Rules are made on
training cases only, and measured on another split.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mirage.corpora.base import Item
from mirage.corpora.inferring import NO_MODALITY, Inference, Looking, Rule, Vectors, with_words
from mirage.corpora.medpix import MedPixCorpus
from mirage.encoders import Encoder
from mirage.errors import BadInput, BadPicture
from mirage.figure import INFERABLE, MODALITIES, Figure, Source
from mirage.shipped import SHIPPED
from mirage_research.evaluation.encoder import holdout
from mirage_research.evaluation.intervals import bootstrap, told
from mirage_research.evaluation.prototypes import EncodedKinds, centroids, prototypes

# A wrong value hides a figure from its filter.
WANTED = {"modality": 0.95, "plane": 0.95}
LEAST_SEEN = 10  # figures of a value, below which its answers could not be checked
_BATCH = 32

Tell = Callable[[int, int], None]
Table = dict[str, Any]


@dataclass(frozen=True, slots=True)
class EncodedFigures:
    """Figures of some cases with their image vectors, (n, d)."""

    figures: list[Figure]
    images: Vectors


def look(
    medpix: Path, split: str, encoder: Encoder, cases: set[str] | None = None, tell: Tell = lambda *_: None
) -> EncodedFigures:
    """Read and encode the figures of a split of MedPix 2.0, or of some of its cases.

    Parameters
    ----------
    medpix : Path
    split : str
    encoder : Encoder
    cases : set of str, optional
        Ids of the cases; all of the split when left out.
    tell : callable
        Told how many figures are encoded, and of how many.

    Raises
    ------
    mirage.errors.BadInput
        When there are none.
    """
    corpus = MedPixCorpus(medpix, splits=(split,))
    items = [each for each in corpus.items() if isinstance(each, Item) and (cases is None or each.figure.case_id in cases)]
    figures: list[Figure] = []
    vectors: list[Vectors] = []
    for start in range(0, len(items), _BATCH):
        pictures = []
        for item in items[start : start + _BATCH]:
            try:
                pictures.append(corpus.read(item).image)
            except BadPicture:
                continue
            figures.append(item.figure)
        if pictures:
            vectors.append(encoder.encode_images(pictures))
        tell(min(start + _BATCH, len(items)), len(items))
    if not figures:
        raise BadInput(
            f"{medpix} has no figures of the split “{split}” (for the cases that the encoder was not trained on)."
        )
    return EncodedFigures(figures, np.concatenate(vectors))


def unseen_cases(encoder: Encoder) -> set[str] | None:
    """The training cases that an encoder was not trained on, where that is known; None means all of them."""
    from mirage.encoders import load  # noqa: PLC0415 - loads the engine

    if not (SHIPPED / "encoder").is_dir() or encoder.info().digest != load("starter").info().digest:
        return None
    return set(holdout(SHIPPED / "encoder" / "splits.json"))


def fit(
    looked: EncodedFigures,
    encoder: Encoder,
    kinds: EncodedKinds | None = None,
    unlike: Mapping[str, Vectors] | None = None,
) -> Rule:
    """Choose the least margins at which the encoder is right often enough.

    Parameters
    ----------
    looked : EncodedFigures
        Of training cases, best ones that the encoder was not trained on.
    encoder : Encoder
    kinds : EncodedKinds, optional
        Pictures of all modalities. With them, prototypes say the modality, and each modality that has some is believed.
    unlike : mapping of str to (n, d) float32, optional
        Pictures of no modality, by kind. What is nearest to one of these kinds stays open.

    Notes
    -----
    Without `kinds`, believed are the values that `LEAST_SEEN` figures have, so that they could be checked. Of the margins,
    it is the lowest one at which at least `WANTED` of the believed answers are right. Where there is none, the field is
    left out.
    """
    known = {} if kinds is None else {key: _rounded(rows) for key, rows in prototypes(kinds).items()}
    if known and unlike:
        known[NO_MODALITY] = _rounded(centroids(unlike))
    looking = Looking(encoder, known)
    margins: dict[str, float] = {}
    answers: dict[str, tuple[str, ...]] = {}
    for field in INFERABLE:
        kept = [number for number, figure in enumerate(looked.figures) if getattr(figure, field)]
        truth = np.array([getattr(looked.figures[number], field) for number in kept])
        images = looked.images[kept]
        said = (
            looking.modality(images)
            if field == "modality"
            else looking.plane(images, [looked.figures[number].modality for number in kept])
        )
        values = np.array(said.values)
        seen = tuple(str(value) for value in np.unique(truth) if (truth == value).sum() >= LEAST_SEEN)
        if field == "modality" and known:
            seen = tuple(key for key in known if key != NO_MODALITY)
        for margin in np.unique(np.ceil(said.margins * 1000) / 1000):
            sure = (said.margins >= margin) & np.isin(values, seen)
            if sure.sum() >= LEAST_SEEN and (values == truth)[sure].mean() >= WANTED[field]:
                margins[field], answers[field] = round(float(margin), 3), seen
                break
    return Rule(encoder.info().digest, margins, answers, known)


def _rounded(rows: Vectors) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(round(float(value), 3) for value in row) for row in rows)


def measure(looked: EncodedFigures, encoder: Encoder, rule: Rule | None) -> Table:
    """Measure words alone, the encoder alone, and words first, then the encoder.

    Parameters
    ----------
    looked : EncodedFigures
    encoder : Encoder
    rule : Rule or None
        The encoder's margins; without one it answers nothing.

    Returns
    -------
    dict
        ``figures``, ``cases``, and for each way and field: ``known`` (figures whose source says it), ``answered`` (the share
        that got an answer) and ``right`` (the share of answers that are the source's), each ``[value, low, high]`` with
        95 % bootstrap intervals over cases, and the same for each ``by`` value of the source.
    """
    bare = [replace(figure, modality="", plane="", inferred=()) for figure in looked.figures]
    spoken = [with_words(figure) for figure in bare]
    # A rule that believes nothing, so that an encoder without one is not looked up.
    infer = Inference(encoder, rule=rule or Rule(encoder.info().digest, {}, {}))
    ways = {"words": spoken, "encoder": infer(bare, looked.images), "words, then encoder": infer(spoken, looked.images)}
    table: Table = {
        "figures": len(looked.figures),
        "cases": len({figure.case_id for figure in looked.figures}),
        "encoder": encoder.info().digest,
        "rule": None if rule is None else {"margins": dict(rule.margins), "answers": dict(rule.answers)},
    }
    for way, inferred in ways.items():
        table[way] = {field: _compared(looked.figures, inferred, field) for field in INFERABLE}
    return table


def _compared(truth: Sequence[Figure], inferred: Sequence[Figure], field: str) -> Table:
    pairs = [(a, getattr(a, field), getattr(b, field)) for a, b in zip(truth, inferred, strict=True) if getattr(a, field)]
    by = {value: _shares([pair for pair in pairs if pair[1] == value]) for value in sorted({pair[1] for pair in pairs})}
    return {**_shares(pairs), "by": by}


def _shares(pairs: Sequence[tuple[Figure, str, str]]) -> Table:
    answered = [pair for pair in pairs if pair[2]]

    def share(of: Sequence[tuple[Figure, str, str]], what: list[bool]) -> list[float] | None:
        if not of:
            return None
        return bootstrap(np.array(what, float), [figure.case_id for figure, _, _ in of]).row(3)

    return {
        "known": len(pairs),
        "answered": share(pairs, [bool(given) for _, _, given in pairs]),
        "right": share(answered, [said == given for _, said, given in answered]),
    }


def rows(table: Table) -> list[tuple[str, str]]:
    """The table in words, a name and a value a line."""
    found: list[tuple[str, str]] = []
    for field in INFERABLE:
        for way in ("words", "encoder", "words, then encoder"):
            found.append((f"{field}: {way}", _told(table[way][field])))
        found += [(f"  {value}", _told(row)) for value, row in table["words, then encoder"][field]["by"].items()]
    return found


def silence(rule: Rule, encoder: Encoder, unlike: Mapping[str, Vectors], without: Mapping[str, int] | None = None) -> Table:
    """How often pictures of no modality are given none.

    Parameters
    ----------
    rule : Rule
    encoder : Encoder
    unlike : mapping of str to (n, d) float32
        Pictures that the rule was not made of, by kind.
    without : mapping of str to int, optional
        Which of the rule's prototypes of no modality to leave out where a kind is measured, so that it is new to the rule.

    Returns
    -------
    dict
        ``not sure``: the share of each kind, and ``mean`` over kinds; ``taken for``: what the others were taken for.
    """
    own = rule.prototypes.get(NO_MODALITY, ())
    shares: dict[str, float] = {}
    taken: Counter[str] = Counter()
    for kind, vectors in unlike.items():
        left_out = (without or {}).get(kind)
        rows = tuple(row for number, row in enumerate(own) if number != left_out)
        known = {key: value for key, value in rule.prototypes.items() if key != NO_MODALITY} | (
            {NO_MODALITY: rows} if rows else {}
        )
        figures = [Figure(f"unlike:{number}", "", Source("unlike", "")) for number in range(len(vectors))]
        said = [
            each.modality for each in Inference(encoder, ("modality",), replace(rule, prototypes=known))(figures, vectors)
        ]
        shares[kind] = round(said.count("") / len(said), 3)
        taken.update(value for value in said if value)
    return {
        "not sure": shares,
        "mean": round(float(np.mean(list(shares.values()))), 3),
        "taken for": dict(taken.most_common()),
    }


def silence_rows(table: Table) -> list[tuple[str, str]]:
    """The shares for a reader, a name and a value a line."""
    found = [(f"  {kind}, not sure", f"{share:.3f}") for kind, share in table["not sure"].items()]
    taken = ", ".join(f"{MODALITIES[key]} {count}" for key, count in table["taken for"].items())
    return [
        ("of no modality, not sure, mean over kinds", f"{table['mean']:.3f}"),
        *found,
        ("  the others taken for", taken or "nothing"),
    ]


def _told(row: Table) -> str:
    if row["answered"] is None:
        return "none known"
    right = "nothing answered" if row["right"] is None else f"right {told(row['right'])}"
    return f"{right}, answered {told(row['answered'])} of {row['known']}"


def write(rule: Rule, path: Path, looked: EncodedFigures) -> None:
    """Write a rule with how it was made.

    Parameters
    ----------
    rule : Rule
    path : Path
    looked : EncodedFigures
        What it was made on.
    """
    rule.write(
        path,
        made_on={"figures": len(looked.figures), "cases": len({figure.case_id for figure in looked.figures})},
        wanted=WANTED,
        made=time.strftime("%Y-%m-%d"),
    )
