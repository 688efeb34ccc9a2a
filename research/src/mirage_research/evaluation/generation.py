"""How good synthetic images are: like real ones, like what was asked for, unlike each other, and no copies.

Prompts come from the figures of MedPix 2.0's dev split (`mirage_research.data.medpix`); images are compared in the
space of a network that MIRAGE uses for nothing else (`mirage_research.evaluation.image_features`).

- *Distance*: squared maximum mean discrepancy, unbiased, with the polynomial kernel of KID, of the synthetic images to the
  real dev images. For comparison: of class averages (the mean training image of each asked kind) to the same.
- *Match*: does a synthetic image find, by cosine to the training figures (features less their mean), figures of the kind
  asked for? Precision among the first ten. Ceiling: the dev figure that the prompt was made from; floors: the same synthetic
  images with prompts exchanged, and the class average.
- *Diversity*: mean distance between images of one prompt and several seeds, against that between real figures of the kind
  and place, of different cases.
- *Copies*: how many are near copies of a training image.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from mirage.corpora.medpix import find_folder
from mirage.errors import BadInput
from mirage.generate.generators.base import DrawnImage, GenerationRequest, Generator, PromptTerm, filled
from mirage.generate.generators.copies import TrainingFingerprints
from mirage.generate.generators.latents import framed
from mirage.images.marks.band import band
from mirage_research.data.medpix import (
    FigurePrompt,
    MedPixPair,
    kind_of,
    opened,
    place_of,
    plain_prompt,
    prompts,
    read_pairs,
)
from mirage_research.evaluation import image_features as features
from mirage_research.evaluation.intervals import told

BARS = {"match": 0.8, "distance": 0.35, "diversity": 0.5}
_DRAWS = 1000  # of the bootstrap
_LEAST = 8  # real figures of a class, of as many cases, whose spread is measured
Floats = npt.NDArray[np.float64]
Kind = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class GenerationMeasures:
    """What `evaluate` found.

    Attributes
    ----------
    table : dict
        Figures only; can be written as JSON.
    rows : list of (str, list of PIL.Image.Image)
        The synthetic images of each prompt of the diversity measure, by seed, unmarked: whoever shows them puts the band on.
    """

    table: dict[str, Any]
    rows: list[tuple[str, list[Image.Image]]]


def evaluate(
    medpix: Path,
    generator: Generator,
    copies: TrainingFingerprints | None,
    network: features.Features,
    *,
    limit: int = 120,
    seeds: int = 8,
    classes: int = 12,
    seed: int = 0,
    steps: int | None = None,
    guidance: float | None = None,
    raw: bool = False,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> GenerationMeasures:
    """Draw and measure.

    Parameters
    ----------
    medpix : Path
        A copy of MedPix 2.0.
    generator : Generator
    copies : TrainingFingerprints or None
        Fingerprints of the generator's training images, where it has some.
    network : callable
        As `mirage_research.evaluation.image_features.load` gives it.
    limit : int
        Prompts of the distance and the match; drawn by `seed` from those of dev.
    seeds, classes : int
        Images of one prompt, and prompts, of the diversity.
    steps, guidance
        None for the generator's own.
    raw : bool
        Compare images as they are, with lettering, margins and all detail.
    progress : callable
        Told the stage, and how many of how many are done.

    Raises
    ------
    mirage.errors.BadInput
        When the split has no figure to ask for, or nothing was drawn.
    """
    form = features.as_it_is if raw else features.same_form
    folder = find_folder(medpix) / "images"
    asked = prompts(read_pairs(medpix, "dev"))
    pool = [(pair, kind) for pair in read_pairs(medpix, "train") if (kind := kind_of(pair))]
    if not asked or not pool:
        raise BadInput(f"MedPix in {medpix} has no plain CT or MR images to ask for in dev, or none to find in train.")
    rng = np.random.default_rng(seed)
    chosen = [asked[i] for i in sorted(rng.permutation(len(asked))[:limit])]
    request = filled(GenerationRequest((PromptTerm("CT"),), steps=steps, guidance=guidance), generator.info())
    spent: list[float] = []

    def draw(stage: str, wanted: Sequence[tuple[str, int]], count: int) -> list[list[DrawnImage]]:
        """So many images of each text, from its first seed on."""
        found = []
        for text, first in wanted:
            asking = filled(replace(request, terms=(PromptTerm(text),), seed=first, count=count), generator.info())
            begun = time.monotonic()
            found.append(list(generator.generate(asking)))
            spent.append(time.monotonic() - begun)
            progress(stage, len(found), len(wanted))
        return found

    def seen(stage: str, images: Sequence[Callable[[], Image.Image]]) -> npt.NDArray[np.float32]:
        def each() -> Any:
            for done, image in enumerate(images, 1):
                yield form(image())
                progress(stage, done, len(images))

        return network(each())

    one_each = [(prompt.text, seed + number) for number, prompt in enumerate(chosen)]
    drawn = [images[0] for images in draw("Drawing", one_each, 1)]
    groups = _classes(asked, pool, classes)
    varied = draw("Drawing again", [(text, seed) for text, _ in groups], seeds)
    kept = [number for number, image in enumerate(drawn) if not image.blank]
    if not kept:
        raise BadInput(f"The generator {generator.info()} drew nothing but blank images.")
    chosen = [chosen[number] for number in kept]
    made = seen("Looking at synthetic images", [lambda n=n: drawn[n].image for n in kept])  # type: ignore[misc]
    real = seen("Looking at dev", [lambda p=a.pair: opened(folder, p) for a in asked])  # type: ignore[misc]
    train = seen("Looking at train", [lambda p=p: opened(folder, p) for p, _ in pool])  # type: ignore[misc]
    means = _averages(chosen, pool, folder)
    average = seen("Looking at class averages", [lambda m=m: m for m in means])  # type: ignore[misc]

    where = {a.pair.name: number for number, a in enumerate(asked)}
    own = real[[where[a.pair.name] for a in chosen]]
    table: dict[str, Any] = {
        "generator": str(generator.info()),
        "revision": generator.info().revision,
        "form": "as it is" if raw else "same form",
        "network": features.NETWORK,
        "prompts": len(chosen),
        "blank": len(drawn) - len(kept),
        "real dev images": len(asked),
        "training figures": len(pool),
        "settings": {
            "steps": request.steps or 0,
            "guidance": request.guidance or 0,
            "size": request.width or 0,
            "seed": seed,
        },
        "seconds an image": round(sum(spent) / (len(drawn) + seeds * len(varied)), 2),
        "distance": _distance(made, average, real, chosen, asked),
        "match": _match({"synthetic": made, "real": own, "class average": average}, train, chosen, pool),
    }
    table["diversity"], rows = _diversity(groups, varied, train, pool, lambda images: network(map(form, images)))
    shown = [image.image for image in (*drawn, *(i for some in varied for i in some)) if not image.blank]
    table["copies"] = _copied(shown, copies, partial(progress, "Looking for copies"))
    return GenerationMeasures(table, rows)


def _classes(
    asked: Sequence[FigurePrompt], pool: Sequence[tuple[MedPixPair, Kind]], most: int
) -> list[tuple[str, list[int]]]:
    """Prompts of the commonest kinds and places of dev with enough real figures: the prompt, and those figures."""
    figures: dict[tuple[Kind, str], list[int]] = defaultdict(list)
    for number, (pair, kind) in enumerate(pool):
        figures[kind, place_of(pair)].append(number)
    common = Counter((a.kind, place_of(a.pair)) for a in asked).most_common()
    enough = [c for c, _ in common if c[1] and len({pool[n][0].case for n in figures[c]}) >= _LEAST]
    return [(plain_prompt(*found), figures[found]) for found in enough[:most]]


def _averages(asked: Sequence[FigurePrompt], pool: Sequence[tuple[MedPixPair, Kind]], folder: Path) -> list[Image.Image]:
    members: dict[Kind, list[MedPixPair]] = defaultdict(list)
    for pair, kind in pool:
        members[kind].append(pair)
    made: dict[Kind, Image.Image] = {}
    for kind in {a.kind for a in asked}:
        pairs = members[kind] or [p for p, k in pool if (k[0], k[2]) == (kind[0], kind[2])] or [p for p, _ in pool]
        frames = [np.asarray(framed(opened(folder, pair), features.LIKE_DRAWN), dtype=np.float64) for pair in pairs]
        made[kind] = Image.fromarray(np.mean(frames, axis=0).round().astype(np.uint8))
    return [made[a.kind] for a in asked]


def _interval(value: float, again: Sequence[float]) -> list[float]:
    low, high = np.nanpercentile(again, (2.5, 97.5))
    return [round(float(v), 5) for v in (value, low, high)]


def _distance(
    made: npt.NDArray[np.float32],
    average: npt.NDArray[np.float32],
    real: npt.NDArray[np.float32],
    chosen: Sequence[FigurePrompt],
    asked: Sequence[FigurePrompt],
) -> dict[str, Any]:
    ours, theirs = features.Kernels(made, real), features.Kernels(average, real)
    rng = np.random.default_rng(0)
    again = []
    for _ in range(_DRAWS):
        a = features.drawn_again([one.pair.case for one in chosen], rng)
        b = features.drawn_again([one.pair.case for one in asked], rng)
        again.append((ours.mmd(a, b), theirs.mmd(a, b)))
    synthetic, averages = ours.mmd(), theirs.mmd()
    return {
        "synthetic": _interval(synthetic, [a for a, _ in again]),
        "class average": _interval(averages, [b for _, b in again]),
        "ratio": _interval(synthetic / averages, [a / b for a, b in again]),
    }


def _match(
    sets: dict[str, npt.NDArray[np.float32]],
    train: npt.NDArray[np.float32],
    chosen: Sequence[FigurePrompt],
    pool: Sequence[tuple[MedPixPair, Kind]],
) -> dict[str, Any]:
    centroid = train.mean(0)
    figures = features.unit(train, centroid)
    table: dict[str, Any] = {}
    rng = np.random.default_rng(0)
    again = [features.drawn_again([a.pair.case for a in chosen], rng) for _ in range(_DRAWS)]
    orders = [rng.permutation(len(chosen)) for _ in range(50)]
    for name, parts in (("modality and region", (0, 2)), ("modality, plane and region", (0, 1, 2))):
        right = np.array([[all(a.kind[p] == kind[p] for p in parts) for _, kind in pool] for a in chosen])
        scores = {which: features.unit(found, centroid) @ figures.T for which, found in sets.items()}
        values = {which: features.precision(score, right) for which, score in scores.items()}
        values["prompts exchanged"] = np.mean([features.precision(scores["synthetic"], right[o]) for o in orders], axis=0)
        shares = {which: _interval(v.mean(), [v @ w / w.sum() for w in again]) for which, v in values.items()}
        ratio = [float(values["synthetic"] @ w) / max(float(values["real"] @ w), 1e-9) for w in again]
        shares["ratio"] = _interval(values["synthetic"].mean() / max(values["real"].mean(), 1e-9), ratio)
        table[name] = {**shares, "chance": round(float(right.mean()), 3)}
        forms = sorted({a.form for a in chosen})
        table[name]["by form"] = {
            form: round(float(values["synthetic"][[a.form == form for a in chosen]].mean()), 3) for form in forms
        }
    return table


def _diversity(
    groups: Sequence[tuple[str, list[int]]],
    varied: Sequence[Sequence[DrawnImage]],
    train: npt.NDArray[np.float32],
    pool: Sequence[tuple[MedPixPair, Kind]],
    network: Callable[[Sequence[Image.Image]], npt.NDArray[np.float32]],
) -> tuple[dict[str, Any], list[tuple[str, list[Image.Image]]]]:
    classes, rows = {}, []
    for (text, members), images in zip(groups, varied, strict=True):
        shown = [image.image for image in images if not image.blank]
        rows.append((text, shown))
        if len(shown) < 2:
            continue
        ours = features.mean_distance(network(shown))
        real = features.mean_distance(train[members], [pool[n][0].case for n in members])
        classes[text] = {"synthetic": round(ours, 3), "real": round(real, 3), "ratio": round(ours / real, 3)}
    if not classes:
        return {"classes": {}, "ratio": None}, rows
    both = np.array([(c["synthetic"], c["real"]) for c in classes.values()])
    rng = np.random.default_rng(0)
    again = [both[rng.integers(0, len(both), len(both))].mean(0) for _ in range(_DRAWS)]
    return {"classes": classes, "ratio": _interval(both[:, 0].mean() / both[:, 1].mean(), [a / b for a, b in again])}, rows


def _copied(
    images: Sequence[Image.Image], copies: TrainingFingerprints | None, progress: Callable[[int, int], None]
) -> dict[str, Any] | None:
    if copies is None:
        return None
    found = []
    for done, image in enumerate(images, 1):
        found.append(copies.nearest(image)[0])
        progress(done, len(images))
    near = int(np.sum(np.array(found) >= copies.threshold))
    return {"images": len(found), "near": near, "threshold": round(copies.threshold, 3), "likest": round(max(found), 3)}


def judged(table: dict[str, Any]) -> dict[str, tuple[float | None, bool]]:
    """What has a bar: its value, None where it could not be measured, and whether the bar is met."""
    match = table["match"]["modality and region"]["ratio"][0]
    distance = table["distance"]["ratio"][0]
    diversity = (table["diversity"]["ratio"] or [None])[0]
    return {
        "match": (match, match >= BARS["match"]),
        "distance": (distance, distance <= BARS["distance"]),
        "diversity": (diversity, diversity is not None and diversity >= BARS["diversity"]),
    }


def rows(table: dict[str, Any]) -> list[tuple[str, str]]:
    """The whole table, with bars met or missed."""
    verdicts = judged(table)

    def bar(name: str, words: str) -> str:
        return f"bar: {words}, {'met' if verdicts[name][1] else 'MISSED'}"

    settings = ", ".join(f"{name} {value:g}" for name, value in table["settings"].items())
    lines = [
        ("generator", f"{table['generator']}, revision {table['revision']}; {settings}"),
        (
            "images",
            f"{table['prompts']} prompts of dev ({table['blank']} came out blank), {table['seconds an image']} s an image",
        ),
        ("compared", f"{table['form']}, {table['network']}; {table['real dev images']} real dev images"),
        ("distance to dev (MMD²)", ""),
        ("  synthetic", told(table["distance"]["synthetic"])),
        ("  class averages", told(table["distance"]["class average"])),
        ("  ratio", f"{told(table['distance']['ratio'])}; {bar('distance', 'at most 0.5')}"),
    ]
    for name, found in table["match"].items():
        lines.append((f"precision@10, {name}", ""))
        for which in ("synthetic", "real", "prompts exchanged", "class average"):
            lines.append((f"  {which}", told(found[which])))
        forms = ", ".join(f"{form} {value:.2f}" for form, value in found["by form"].items())
        lines += [("  by form of prompt", forms), ("  chance", f"{found['chance']:.3f}")]
        ratio = told(found["ratio"])
        lines.append(
            ("  synthetic / real", f"{ratio}; {bar('match', 'at least 0.7')}" if name == "modality and region" else ratio)
        )
    lines.append(("diversity over seeds", ""))
    for prompt, found in table["diversity"]["classes"].items():
        lines.append((f"  {prompt}", f"{found['synthetic']:.2f} of {found['real']:.2f}, {found['ratio']:.2f}"))
    if table["diversity"]["ratio"]:
        lines.append(("  synthetic / real", f"{told(table['diversity']['ratio'])}; {bar('diversity', 'at least 0.5')}"))
    copies = table["copies"]
    near = (
        f"{copies['near']} of {copies['images']}; highest {copies['likest']:.2f}, withheld from {copies['threshold']:.2f}"
        if copies
        else "not checked: the generator ships no fingerprints"
    )
    lines.append(("near copies of training images", near))
    if probed := table.get("findings"):
        lines.append(("findings, AUC of a probe that learnt on real pictures", ""))
        for name, found in sorted(probed.items(), key=lambda row: -row[1]["low"]):
            seen = "seen" if found["low"] > 0.5 else "not told from chance"
            value = told([found["auc"], found["low"], found["high"]])
            lines.append((f"  {name}", f"{value}, {seen}; on real pictures {found['real']:.2f}"))
    return lines


def sheet(found: Sequence[tuple[str, Sequence[Image.Image]]], side: int = 128) -> Image.Image:
    """Synthetic images, a prompt a row and a seed a column, with the band that says what they are.

    Parameters
    ----------
    found : sequence of (str, sequence of PIL.Image.Image)
        As `GenerationMeasures.rows`.
    side : int
        Pixels of one image.

    Raises
    ------
    mirage.errors.BadInput
        When there are none.
    """
    shown = [images for _, images in found if images]
    if not shown:
        raise BadInput("There are no synthetic images to show.")
    whole = Image.new("RGB", (side * max(map(len, shown)), side * len(shown)))
    for row, images in enumerate(shown):
        for column, image in enumerate(images):
            whole.paste(image.convert("RGB").resize((side, side), Image.Resampling.BICUBIC), (column * side, row * side))
    return band(whole)
