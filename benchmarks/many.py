"""An atlas of many figures: real ones with their cases repeated, vectors jittered and words changed a little.

Sentences of a copy's caption stand in another order and one word in ten is another figure's, so that what names a concept
mostly stays; a copy belongs to a copy of the case. So a condition has as many figures as in an atlas of that size, and
concepts in all fields are stored for each.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.measure import Setting
from mirage import corpora
from mirage.atlas import Atlas
from mirage.figure import Figure
from mirage.storage import ingest
from mirage.storage.folder import points_of
from mirage.storage.records import FigureRecord, FigureRow

_JITTER = 0.35  # length of the noise beside a vector of length 1: copies are neighbours, not twins
CHANGED = 0.2  # share of the words of a copy that are replaced by another figure's
_REPLACED = 0.1  # the same in `grow`, where sentences are kept
_AT_ONCE = 2_000


def source_of(setting: Setting) -> tuple[str, dict[str, object]]:
    """MedPix where there is a copy, else the starter corpus."""
    return ("medpix", {"path": setting.medpix}) if setting.medpix else ("starter", {})


def real_atlas(setting: Setting, limit: int | None = None) -> tuple[Path, ingest.Report]:
    """Make an atlas of the real figures, once a run; adding again passes over what is there."""
    name, options = source_of(setting)
    folder = setting.folder / f"{name}-atlas"
    done = 0

    def progress(now: ingest.Progress) -> None:
        nonlocal done
        done = now.done

    with Atlas.open(folder, create=True) as atlas:
        stop = (lambda: done >= limit) if limit else (lambda: False)
        report = ingest.add(atlas, corpora.load(name, **options), progress=progress, stop=stop)
    return folder, report


def grow(real: Path, folder: Path, figures: int, seed: int = 0) -> Path:
    """Make an atlas of `figures` figures out of the real ones.

    Records go through the store and points through the index, as adding does; pictures are named and not copied, since no
    search reads them.
    """
    if (folder / "atlas.toml").exists():
        return folder
    with Atlas.open(real) as atlas:
        rows = [row for batch in atlas.store.each() for row in batch]
        vectors = atlas.store.vectors.of([row.key for row in rows], atlas.encoder.info().digest)
        facts = atlas.store.corpora()
        cases = atlas.store.cases({row.figure.case_id for row in rows} - {""})
    rng, dice = np.random.default_rng(seed), random.Random(seed)
    vocabulary = [word for row in rows for word in f"{row.figure.caption} {row.figure.title}".split()]
    with Atlas.open(folder, create=True) as made:
        for corpus in facts:
            made.store.put_corpus(corpus)
        digest = made.encoder.info().digest
        for batch in _batches(rows, figures):
            records = []
            for copy, row in batch:
                image, caption = vectors[row.key]
                figure, case = _reworded(row.figure, copy, vocabulary, dice), cases.get(row.figure.case_id)
                records.append(
                    FigureRecord(
                        figure,
                        case and replace(case, id=figure.case_id),
                        f"{row.key}-{copy}",
                        replace(row.picture, look=dice.getrandbits(1024)) if copy else row.picture,
                        _jittered(image, copy, rng),
                        None if caption is None else _jittered(caption, copy, rng),
                    )
                )
            keys = made.store.put(records, digest, 1)
            made.index.add(points_of(made.store, list(made.store.rows(keys).values()), digest))
        made.index.optimise()
        made.changed()
    return folder


def _batches(rows: Sequence[FigureRow], figures: int) -> Iterator[list[tuple[int, FigureRow]]]:
    every = [(number // len(rows), rows[number % len(rows)]) for number in range(figures)]
    for start in range(0, figures, _AT_ONCE):
        yield every[start : start + _AT_ONCE]


def _reworded(figure: Figure, copy: int, vocabulary: Sequence[str], dice: random.Random) -> Figure:
    if not copy:
        return figure
    sentences = [
        " ".join(dice.choice(vocabulary) if dice.random() < _REPLACED else word for word in sentence.split())
        for sentence in figure.caption.split(". ")
    ]
    dice.shuffle(sentences)
    case = f"{figure.case_id}-{copy}" if figure.case_id else ""
    return replace(figure, id=f"{figure.id}-{copy}", case_id=case, caption=". ".join(sentences))


def _jittered(vector: np.ndarray, copy: int, rng: np.random.Generator) -> np.ndarray:
    if not copy:
        return vector
    noise = rng.normal(size=vector.shape).astype(np.float32)
    moved = vector + _JITTER * noise / np.linalg.norm(noise)
    return moved / np.linalg.norm(moved)


def queries(real: Path, count: int, seed: int = 1) -> list[str]:
    """Distinct texts of 2 to 12 words out of captions, titles and diagnoses, as somebody looking for these would type.

    No two are the same, so that no answer can come from memory.
    """
    with Atlas.open(real) as atlas:
        figures = [row.figure for batch in atlas.store.each() for row in batch]
    dice = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        figure = dice.choice(figures)
        words = dice.choice([figure.caption, figure.title, figure.diagnosis, figure.title]).split()
        if len(words) < 2:
            continue
        length = min(len(words), dice.randint(2, 12))
        start = dice.randint(0, len(words) - length)
        kind = dice.choice(["", "", figure.modality, figure.plane])
        found.setdefault(" ".join(filter(None, [kind, *words[start : start + length]])), None)
    return list(found)
