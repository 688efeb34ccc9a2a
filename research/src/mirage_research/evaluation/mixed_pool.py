"""How an encoder does among all kinds of pictures at once: MedPix dev, the labelled sets beyond it, and chest films.

Asked are labels, in a student's words: "breast ultrasound, malignant tumour". Right is every picture with that label, of
whichever set. Of a set that is trained on, only the held-out part is in the pool; see
`mirage_research.data.admission.held_out`.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from mirage.corpora.inferring import NO_MODALITY, Inference, Looking, Rule
from mirage.encoders import Encoder
from mirage.errors import BadPicture
from mirage.figure import MODALITIES, Figure, Source
from mirage.images import read_picture
from mirage_research.data.admission import allows, held_out
from mirage_research.data.samples import radiograph_patients, read_radiographs
from mirage_research.data.wide_samples import READERS, rows
from mirage_research.evaluation.encoder import read_figures
from mirage_research.evaluation.intervals import bootstrap, compare, told
from mirage_research.evaluation.ranking import random_recalls, recalls

MOST = 200  # pictures of a set
_BATCH = 32
Table = dict[str, Any]
Tell = Callable[[int, int], None]
Reader = Callable[[Path, str], Iterator["PooledPicture"]]


@dataclass(frozen=True, slots=True)
class PooledPicture:
    """One picture of the pool.

    Attributes
    ----------
    of : str
        The set.
    name : str
    modality : str
        A key of `mirage.figure.MODALITIES`; empty where the source does not say.
    label : str
        What is asked for, in words; empty where the source names nothing but the kind.
    picture : Path or PIL.Image.Image
    """

    of: str
    name: str
    modality: str
    label: str
    picture: Path | Image.Image


_SKIN = {
    "akiec": "actinic keratosis",
    "bcc": "basal cell carcinoma",
    "bkl": "benign keratosis",
    "df": "dermatofibroma",
    "mel": "melanoma",
    "nv": "melanocytic nevus",
    "vasc": "vascular skin lesion",
}
_FILMS = {"COVID-19": "COVID-19 pneumonia", "COVID-19 pneumonia": "COVID-19 pneumonia"}
_FILMS |= {"No finding": "no finding", "No Finding": "no finding", "no finding": "no finding"}
_FILMS |= {"Pneumonia": "pneumonia", "pneumonia": "pneumonia"}
_TUMOURS = {"glioma_tumor": "glioma", "meningioma_tumor": "meningioma", "pituitary_tumor": "pituitary tumour"}
_ORGANS = {"CHEST": "chest", "ABD": "abdomen", "HEAD": "head"}


def _film(folder: Path, name: str) -> Iterator[PooledPicture]:
    for row in rows(folder, name):
        group = f"{name}:patient {row.get('patientid')}"
        if name in READERS and allows(name, str(row.get("license") or "")) and not held_out(group):
            continue
        finding = _FILMS.get(str(row.get("finding") or ""), "")
        yield _pooled(folder, name, row, "XR", f"chest X-ray, {finding}" if finding else "")


def _labelled(modality: str, kind: str, called: dict[str, str], key: str = "label") -> Reader:
    def read(folder: Path, name: str) -> Iterator[PooledPicture]:
        for row in rows(folder, name):
            label = called.get(str(row.get(key) or ""), str(row.get(key) or "").strip(" ,"))
            yield _pooled(folder, name, row, modality, f"{kind}, {label}" if label and not re.search("[,，]", label) else "")

    return read


def _kind_only(modality: str, kind: str) -> Reader:
    def read(folder: Path, name: str) -> Iterator[PooledPicture]:
        for row in rows(folder, name):
            yield _pooled(folder, name, row, modality, kind)

    return read


def _trained(folder: Path, name: str) -> Iterator[PooledPicture]:
    held = {sample.id: sample for sample in READERS[name](folder) if held_out(sample.group)}
    for row in rows(folder, name):
        if (sample := held.get(f"{name}:{row['file']}")) is not None:
            modality, place = sample.attributes["modality"], _ORGANS.get(str(row.get("organ")), "")
            label = f"{MODALITIES[modality]} of the {place}" if modality and place else ""
            yield _pooled(folder, name, row, modality, label)


_SEEN, _DRAWN = r"(?i)\bmicrogra|under the microscope", r"(?i)table titled|diagram|illustration"


def _micrographs(folder: Path, name: str) -> Iterator[PooledPicture]:
    for row in rows(folder, name):
        said = f"{row.get('caption') or ''} {row.get('alt') or ''}"
        if re.search(_SEEN, said) and not re.search(_DRAWN, said):
            yield _pooled(folder, name, row, "SM", "micrograph")


SETS: dict[str, Reader] = {
    "covid": _film,
    "actualmed": _film,
    "figure1": _film,
    "vqarad": _trained,
    "openstax_nursing": _trained,
    "busi": _labelled("US", "breast ultrasound", {"benign": "benign tumour", "malignant": "malignant tumour"}),
    "fundus": _labelled("OP", "fundus photograph", {"normal fundus": "normal"}, "keywords"),
    "vessel": _labelled("OP", "fundus photograph", {}, "none"),
    "skin": _labelled("XC", "skin lesion photograph", _SKIN),
    "lunghisto": _labelled("SM", "histology", {}),
    "tumor": _labelled("MR", "brain MRI", _TUMOURS | {"no_tumor": "no tumour"}),
    "bccd": _kind_only("SM", "blood film"),
    "openstax_anatomy": _micrographs,
    "openstax_microbiology": _micrographs,
}


def _pooled(folder: Path, name: str, row: dict[str, Any], modality: str, label: str) -> PooledPicture:
    return PooledPicture(name, str(row["file"]), modality, label, folder / str(row["file"]))


def read_pool(medpix: Path, wide: Path, films: Path | None, most: int = MOST, seed: int = 0) -> list[PooledPicture]:
    """Read the pool: so many pictures of each set at most, drawn by a seed.

    Parameters
    ----------
    medpix, wide : Path
    films : Path or None
        Labelled chest X-rays; those of held-out patients are taken.
    most, seed : int
    """
    sets: dict[str, list[PooledPicture]] = {"medpix dev": []}
    pairs, images = read_figures(medpix, "dev")
    for pair, image in zip(pairs, images, strict=True):
        kind, plane, place = pair.kind
        words = f"{plane.lower()} {MODALITIES.get(kind, kind)}".strip()
        sets["medpix dev"].append(
            PooledPicture("medpix dev", pair.name, kind, f"{words}, {place.lower()}" if place else words, image)
        )
    for name, read in SETS.items():
        if (wide / f"{name}.jsonl").is_file():
            sets[name] = list(read(wide, name))
    if films is not None:
        patients = radiograph_patients(films)
        sets["chest films"] = [
            PooledPicture("chest films", film.id, "XR", f"chest X-ray, {_FILMS[film.title]}", film.picture)
            for film in read_radiographs(films)
            if held_out(f"cxr:{patients[film.id.partition(':')[2]]}") and film.title in _FILMS
        ]
    rng = random.Random(seed)  # noqa: S311 - not a secret
    return [each for of in sets.values() for each in (rng.sample(of, most) if len(of) > most else of)]


def look(pool: Sequence[PooledPicture], encoder: Encoder, tell: Tell = lambda *_: None) -> npt.NDArray[np.float32]:
    """Encode the pictures of the pool, (n, d).

    Parameters
    ----------
    pool : sequence of PooledPicture
    encoder : Encoder
    tell : callable
        Told how many are encoded, and of how many.

    Raises
    ------
    mirage.errors.BadPicture
        When one cannot be read.
    """
    found = []
    for start in range(0, len(pool), _BATCH):
        images = []
        for each in pool[start : start + _BATCH]:
            try:
                images.append(each.picture if isinstance(each.picture, Image.Image) else read_picture(each.picture).image)
            except BadPicture as error:
                raise BadPicture(f"{each.of}, {each.name}: {error}") from error
        found.append(encoder.encode_images(images))
        tell(min(start + _BATCH, len(pool)), len(pool))
    return np.concatenate(found)


def asked(pool: Iterable[PooledPicture]) -> dict[str, str]:
    """Every label to its modality: the one that most of its pictures have."""
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for each in pool:
        if each.label:
            seen[each.label][each.modality] += 1
    return {label: counts.most_common(1)[0][0] for label, counts in seen.items()}


def wordings(label: str) -> list[str]:
    """How a label is asked for: as it stands, and turned round."""
    kind, _, what = label.partition(", ")
    return [label, f"{what} on {kind}" if what else f"{kind} image"]


@dataclass(frozen=True, slots=True)
class PoolScores:
    """Recalls at ten of every label, mean of its wordings: what was found, and where the modality alone is known."""

    labels: dict[str, str]
    found: npt.NDArray[np.float64]
    floor: npt.NDArray[np.float64]


def search(pool: Sequence[PooledPicture], images: npt.NDArray[np.float32], encoder: Encoder) -> PoolScores:
    """Ask for every label.

    Parameters
    ----------
    pool : sequence of PooledPicture
    images : (n, d) float32
        Their vectors.
    encoder : Encoder
    """
    labels = asked(pool)
    of = np.array([each.label for each in pool])
    modalities = np.array([each.modality for each in pool])
    right = np.array([of == label for label in labels])
    alike = np.array([(modalities == modality) | (of == label) for label, modality in labels.items()])
    each = np.stack(
        [
            recalls(encoder.encode_texts([wordings(label)[number] for label in labels]) @ images.T, right)["R@10"]
            for number in range(2)
        ]
    )
    return PoolScores(labels, each.mean(0), random_recalls(right, alike)["R@10"])


def named(pool: Sequence[PooledPicture], images: npt.NDArray[np.float32], encoder: Encoder, rule: Rule | None) -> Table:
    """Modality from the picture alone, by the mechanism that fills in a folder without words.

    Parameters
    ----------
    pool : sequence of PooledPicture
    images : (n, d) float32
    encoder : Encoder
    rule : Rule or None
        Without one nothing is named.

    Returns
    -------
    dict
        ``by``: of each modality how many, and which shares are named right, wrongly, and not (*not sure*); ``macro``: mean
        of the right ones over modalities, ``macro_of_named`` of the right among the named; ``forced`` as ``macro``, were
        the best guess always believed.
    """
    source = Source("pool", "")
    figures = [Figure(f"pool:{number}", "", source) for number in range(len(pool))]
    infer = Inference(encoder, ("modality",), rule or Rule(encoder.info().digest, {}, {}))
    said = np.array([figure.modality for figure in infer(figures, images)])
    kinds = {key: rows for key, rows in rule.prototypes.items() if key != NO_MODALITY} if rule else None
    forced = np.array(Looking(encoder, kinds).modality(images).values)
    truth = np.array([each.modality for each in pool])
    by: dict[str, dict[str, Any]] = {}
    for modality in sorted({value for value in truth if value and value != "OT"}):
        own = truth == modality
        wrong = Counter(str(value) for value in said[own] if value not in ("", modality))
        by[modality] = {
            "pictures": int(own.sum()),
            "right": round(float((said[own] == modality).mean()), 3),
            "not sure": round(float((said[own] == "").mean()), 3),
            "taken for": {value: round(count / int(own.sum()), 3) for value, count in wrong.most_common(3)},
            "right if forced": round(float((forced[own] == modality).mean()), 3),
        }
    sure = [row["right"] / (1 - row["not sure"]) for row in by.values() if row["not sure"] < 1]
    return {
        "by": by,
        "macro": round(float(np.mean([row["right"] for row in by.values()])), 3),
        "macro_of_named": round(float(np.mean(sure)), 3) if sure else None,
        "not sure": round(float(np.mean([row["not sure"] for row in by.values()])), 3),
        "forced": round(float(np.mean([row["right if forced"] for row in by.values()])), 3),
    }


def measure(pool: Sequence[PooledPicture], images: npt.NDArray[np.float32], encoder: Encoder, rule: Rule | None) -> Table:
    """Both measures over the pool.

    Parameters
    ----------
    pool : sequence of PooledPicture
    images : (n, d) float32
    encoder : Encoder
    rule : Rule or None
    """
    scores = search(pool, images, encoder)
    groups = {"all": np.ones(len(scores.labels), bool)}
    of_label = np.array(list(scores.labels.values()))
    groups |= {modality: of_label == modality for modality in sorted(set(of_label) - {"", "OT"})}
    names = list(scores.labels)
    return {
        "encoder": encoder.info().digest,
        "pool": dict(Counter(each.of for each in pool)),
        "labels": len(names),
        "text_to_image_R@10": {
            name: {
                "labels": int(own.sum()),
                "found": bootstrap(scores.found[own], np.array(names)[own].tolist()).row(3),
                "modality guessed right": bootstrap(scores.floor[own], np.array(names)[own].tolist()).row(3),
            }
            for name, own in groups.items()
        },
        "by_label": {name: round(float(value), 3) for name, value in zip(names, scores.found, strict=True)},
        "modality_named": named(pool, images, encoder, rule),
    }


def rows_of(table: Table) -> list[tuple[str, str]]:
    """The figures for a reader."""
    found = [("pictures", ", ".join(f"{name} {count}" for name, count in table["pool"].items()))]
    for name, row in table["text_to_image_R@10"].items():
        found.append((f"R@10, {name}", f"{told(row['found'])} of {row['labels']} labels"))
        found.append(("  modality guessed right", told(row["modality guessed right"])))
    said = table["modality_named"]
    for name, row in said["by"].items():
        wrong = ", ".join(f"{MODALITIES.get(other, other)} {share}" for other, share in row["taken for"].items())
        right = f"{row['right']} of {row['pictures']}, not sure {row['not sure']}"
        found.append((f"named {name}", f"{right}; {wrong}" if wrong else right))
    macro = f"{said['macro']}; of those named {said['macro_of_named']}; not sure {said['not sure']}"
    return [*found, ("named right, macro", macro), ("named right were all named, macro", f"{said['forced']}")]


def against(first: PoolScores, second: PoolScores) -> Table:
    """Two encoders on one pool, label by label.

    Parameters
    ----------
    first, second : PoolScores
    """
    difference, p = compare(first.found, second.found, list(first.labels))
    ratio = round(float(first.found.mean() / second.found.mean()), 3) if second.found.any() else None
    return {"difference": difference.row(3), "p": round(p, 4), "ratio": ratio, "labels": len(first.labels)}
