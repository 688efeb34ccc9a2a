"""Does an image show the finding that was asked for? A linear probe that learnt on real pictures looks.

The probe is a linear discriminant with shrinkage (Ledoit and Wolf's idea, with one fixed weight) over the features of
`mirage_research.evaluation.image_features`, which neither find nor draw anything in MIRAGE. It learns a finding against
pictures of the same kinds without it, so that modality, plane and region cannot tell it. Then images are drawn of one kind,
with the finding in the prompt and without it, from the same seeds, and no draft is chosen: the area under the ROC curve
between the two says whether the words change what the probe looks for. The same area on real pictures that it did not learn
on says what could be seen at best.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.stats import rankdata

from mirage.corpora.medpix import find_folder
from mirage.generate.generators.base import GenerationRequest, Generator, PromptTerm, filled
from mirage.generate.generators.conditions import closure
from mirage.generate.generators.evidence import SeenFinding
from mirage.language.concepts import lexicon
from mirage.language.mentions import mentions
from mirage_research.data.medpix import kind_of, opened, place_of, plain_prompt, read_pairs
from mirage_research.evaluation import image_features as features

FILMS = "frontal chest X-ray"
_LEAST, _LEAST_CASES, _LEAST_REAL = 20, 4, 5  # pictures that the probe learns on, of so many cases, and is tested on
_TESTED = 4  # one film of so many is kept for the test
_SHRUNK = 0.5
_STILL = 1e-6
_DRAWS = 1000  # of the bootstrap
_TOO_GENERAL = frozenset({"lesion", "imaging sign", "congenital anomaly", "normal variant", "genetic syndrome"})
Floats = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class RealPicture:
    """A real picture, what it is, and what its words or label affirm.

    Attributes
    ----------
    prompt : str
        Its kind in words, as in a prompt.
    findings : frozenset of str
        Diseases and findings, and what is broader.
    case : str
    learnt : bool
        Whether the probe learns on it; else it is tested on it.
    open : callable
    """

    prompt: str
    findings: frozenset[str]
    case: str
    learnt: bool
    open: Callable[[], Image.Image]


def real_pictures(medpix: Path, films: Path | None) -> list[RealPicture]:
    """MedPix's train and dev pictures, and labelled chest X-rays where they are given.

    Parameters
    ----------
    medpix : Path
    films : Path or None
        ``labels.csv`` and the files that it names.
    """
    folder = find_folder(medpix) / "images"
    found = []
    for split in ("train", "dev"):
        for pair in read_pairs(medpix, split):
            if kind := kind_of(pair):
                prompt = plain_prompt(kind, place_of(pair))
                found.append(
                    RealPicture(prompt, _ill(pair.caption), pair.case, split == "train", lambda p=pair: opened(folder, p))  # type: ignore[misc]
                )
    if films is not None:
        with (films / "labels.csv").open(encoding="utf-8", newline="") as file:
            for number, row in enumerate(csv.DictReader(file)):
                path = films / row["file"]
                found.append(
                    RealPicture(FILMS, _ill(row["label"]), path.name, number % _TESTED > 0, lambda p=path: _grey(p))  # type: ignore[misc]
                )
    return found


def _grey(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("L")


def _ill(text: str) -> frozenset[str]:
    named = [each.concept for each in mentions(text) if each.polarity == "affirmed"]
    every = closure(name for name in named if lexicon().kind(name) in ("disease", "finding"))
    return frozenset(name for name in every if lexicon().kind(name) in ("disease", "finding"))


def asked_for(pictures: Sequence[RealPicture], most: int) -> dict[str, str]:
    """The commonest findings that a probe can learn and be tested on, and of each the commonest kind, as a prompt.

    Parameters
    ----------
    pictures : sequence of RealPicture
    most : int
        How many.
    """
    learnt: Counter[str] = Counter()
    tested: Counter[str] = Counter()
    cases: dict[str, set[str]] = defaultdict(set)
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for picture in pictures:
        for name in picture.findings - _TOO_GENERAL:
            (learnt if picture.learnt else tested)[name] += 1
            cases[name].add(picture.case)
            kinds[name][picture.prompt] += picture.learnt
    enough = [
        name
        for name, count in learnt.most_common()
        if count >= _LEAST and tested[name] >= _LEAST_REAL and len(cases[name]) >= _LEAST_CASES
    ]
    # Two names for the same pictures ask the same thing: the narrower one is kept.
    kept: list[str] = []
    for name in enough:
        if not any(name in lexicon().parents(other) and learnt[other] >= 0.9 * learnt[name] for other in enough):
            kept.append(name)
    return {name: kinds[name].most_common(1)[0][0] for name in kept[:most]}


def measure(
    pictures: Sequence[RealPicture],
    generator: Generator,
    network: features.Features,
    *,
    most: int = 12,
    images: int = 16,
    seed: int = 0,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> dict[str, SeenFinding]:
    """What a probe sees of the commonest findings.

    Parameters
    ----------
    pictures : sequence of RealPicture
    generator : Generator
    network : callable
        As `mirage_research.evaluation.image_features.load` gives it.
    most : int
        Findings.
    images : int
        Drawn of each finding, and of each kind without one.
    seed : int
        Of the first image.
    progress : callable
        Told the stage, and how many of how many are done.
    """
    findings = asked_for(pictures, most)
    pictures = [picture for picture in pictures if picture.prompt in findings.values()]

    def looked(every: Iterable[Callable[[], Image.Image]], stage: str, total: int) -> npt.NDArray[np.float32]:
        def each() -> Iterable[Image.Image]:
            for done, image in enumerate(every, 1):
                yield features.same_form(image())
                progress(stage, done, total)

        return network(each())

    def drawn(text: str) -> npt.NDArray[np.float32]:
        found = []
        for at in range(seed, seed + images, 8):
            count = min(8, seed + images - at)
            request = GenerationRequest((PromptTerm(text),), seed=at, count=count, drafts=1)
            found += list(generator.generate(filled(request, generator.info())))
        shown = [image.image for image in found]
        return looked([lambda i=i: i for i in shown], f"Looking for {text}", len(shown))  # type: ignore[misc]

    real = looked([picture.open for picture in pictures], "Looking at real pictures", len(pictures))
    without: dict[str, npt.NDArray[np.float32]] = {}
    table = {}
    for name, prompt in findings.items():
        if generator.refusal(f"{prompt}, {name}"):
            continue
        probe, best = _probe(name, pictures, real)
        if prompt not in without:
            without[prompt] = drawn(prompt)
        with_it = drawn(f"{prompt}, {name}")
        a, b = with_it @ probe, without[prompt] @ probe
        rng = np.random.default_rng(0)
        again = [area(a[rng.integers(0, len(a), len(a))], b[rng.integers(0, len(b), len(b))]) for _ in range(_DRAWS)]
        low, high = np.percentile(again, (2.5, 97.5))
        auc, low, high = (round(float(value), 3) for value in (area(a, b), low, high))
        table[name] = SeenFinding(auc, low, high, len(a), round(best, 3))
    return table


def _probe(name: str, pictures: Sequence[RealPicture], seen: Floats) -> tuple[Floats, float]:
    """Weights of the features for a finding, and the area that they reach on real pictures they did not learn on."""
    has = np.array([name in picture.findings for picture in pictures])
    learnt = np.array([picture.learnt for picture in pictures])
    kinds = np.array([picture.prompt for picture in pictures])
    usable = np.isin(kinds, np.unique(kinds[has & learnt]))
    moved = seen.astype(np.float64).copy()
    for kind in np.unique(kinds[usable]):
        here = kinds == kind
        centre = [
            moved[here & learnt & (has == which)].mean(0)
            for which in (True, False)
            if (here & learnt & (has == which)).any()
        ]
        moved[here] -= np.mean(centre, axis=0)
    fit = usable & learnt
    size = moved[fit].std(0)
    moved /= np.where(size > _STILL, size, np.inf)  # a feature that never changes tells nothing
    difference = moved[fit & has].mean(0) - moved[fit & ~has].mean(0)
    share = has[fit].mean()
    within = share * np.cov(moved[fit & has], rowvar=False) + (1 - share) * np.cov(moved[fit & ~has], rowvar=False)
    shrunk = (1 - _SHRUNK) * within + _SHRUNK * np.eye(len(within))
    probe = np.linalg.solve(shrunk, difference)
    test = usable & ~learnt
    best = area(moved[test & has] @ probe, moved[test & ~has] @ probe)
    return probe / np.where(size > _STILL, size, np.inf), best


def area(with_it: Floats, without: Floats) -> float:
    """Area under the ROC curve: how often one that has it scores higher than one that has not; 0.5 where one is missing.

    Parameters
    ----------
    with_it, without : (n,) and (m,) float
    """
    if not len(with_it) or not len(without):
        return 0.5
    ranks = rankdata(np.concatenate([with_it, without]))
    n, m = len(with_it), len(without)
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * m))
