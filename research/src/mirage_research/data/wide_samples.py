"""Training samples beyond MedPix, the NIH films and the starter atlas. Their words claim no more than a label says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mirage.corpora.inferring import modality_in, plane_in
from mirage.errors import BadInput
from mirage.figure import MODALITIES, PLANES
from mirage.images import read_picture
from mirage.shipped import SHIPPED
from mirage_research.data.admission import allows, check_admitted, held_out
from mirage_research.data.samples import (
    TrainingSample,
    radiograph_patients,
    read_medpix,
    read_radiographs,
    read_starter,
)

NEAR = 40  # of 256 bits: fewer differences, and two pictures are taken for one


def read_set(folder: Path, name: str) -> tuple[list[TrainingSample], list[str]]:
    """Read what may be learnt from one of the further sets.

    Parameters
    ----------
    folder : Path
        Holds ``<name>.jsonl`` and the pictures that it names.
    name : str

    Returns
    -------
    samples : list of TrainingSample
    held : list of str
        Groups (patients, originals) that are only measured on.

    Raises
    ------
    mirage.errors.BadInput
        When the set may not be learnt from, or is not there.
    """
    check_admitted([name])
    if name not in READERS:
        raise BadInput(f"There is no reader of the set “{name}”. There are {', '.join(READERS)}.")
    found = list(READERS[name](folder))
    held = sorted({sample.group for sample in found if held_out(sample.group)})
    return [sample for sample in found if sample.group not in set(held)], held


def unheld_radiographs(path: Path) -> list[TrainingSample]:
    """The labelled chest X-rays without those of patients that are only measured on."""
    patients = radiograph_patients(path)
    return [film for film in read_radiographs(path) if not held_out(f"cxr:{patients[film.id.partition(':')[2]]}")]


def training_pictures(medpix: Path, wide: Path, films: Path | None, left_out: set[str]) -> list[TrainingSample]:
    """Pictures that may be learnt from, of all sets, without those that are only measured on.

    Parameters
    ----------
    medpix, wide : Path
    films : Path or None
    left_out : set of str
        Training cases of MedPix that are set aside.
    """
    samples = [sample for sample in read_medpix(medpix, "train") if sample.group not in left_out]
    samples += read_starter(SHIPPED / "atlas")
    for name in READERS:
        if (wide / f"{name}.jsonl").is_file():
            samples += read_set(wide, name)[0]
    return samples + (unheld_radiographs(films) if films else [])


def rows(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    """The records of a set, one by one.

    Parameters
    ----------
    folder : Path
    name : str
    """
    try:
        lines = (folder / f"{name}.jsonl").read_text("utf-8").splitlines()
    except OSError as error:
        raise BadInput(f"{folder} has no set “{name}”: {error.strerror or error}.") from error
    yield from (json.loads(line) for line in lines if line.strip())


def _covid(folder: Path) -> Iterator[TrainingSample]:
    for row in rows(folder, "covid"):
        if not allows("covid", str(row.get("license") or "")):
            continue
        finding = str(row.get("finding") or "")
        named = {"COVID-19": "COVID-19 pneumonia", "No Finding": "no finding", "Pneumocystis": "Pneumocystis pneumonia"}.get(
            finding, ""
        )
        yield _sample(
            folder,
            "covid",
            row,
            f"patient {row['patientid']}",
            "XR",
            "frontal",
            "chest, pulmonary",
            caption=f"Chest X-ray, {named}" if named else "Chest X-ray",
            title=named,
        )


_ORGANS = {"CHEST": ("chest", "chest, pulmonary"), "ABD": ("abdomen", "abdomen"), "HEAD": ("head", "brain and neuro")}


def _vqarad(folder: Path) -> Iterator[TrainingSample]:
    for row in rows(folder, "vqarad"):
        word, region = _ORGANS.get(str(row["organ"]), ("", ""))
        asked = [(str(question).strip(), str(answer).strip(), str(kind)) for question, answer, kind in row["qa"]]
        modality, plane = told_by(asked)
        open_ones = [(question, answer) for question, answer, _ in asked if answer.lower() not in ("yes", "no")]
        statements = [text for question, answer in open_ones if len(text := f"{question.rstrip('? ')}: {answer}") < 200]
        kind = " ".join(filter(None, [plane, MODALITIES.get(modality, "image"), f"of the {word}" if word else ""]))
        yield _sample(
            folder,
            "vqarad",
            row,
            Path(str(row["file"])).stem,
            modality,
            plane,
            region,
            caption=". ".join([kind, *statements[:3]]),
            sentences=tuple(statements),
        )


def told_by(asked: Sequence[tuple[str, str, str]]) -> tuple[str, str]:
    """Modality and plane that the answers to questions name; empty where they name none, or several.

    Parameters
    ----------
    asked : sequence of (str, str, str)
        Question, answer and what it is about.
    """
    said = []
    for question, answer, kind in asked:
        if "MODALITY" in kind or "PLANE" in kind:
            said += [answer] if answer.lower() not in ("yes", "no") else [question] if answer.lower() == "yes" else []
    modalities = {found for text in said if (found := modality_in(_spelt(text)))}
    planes = {found for text in said if (found := _plane(text))}
    if planes & {"frontal", "lateral"}:
        modalities.add("XR")
    modality = next(iter(modalities)) if len(modalities) == 1 else ""
    return modality, next(iter(planes)) if len(planes) == 1 else ""


def _plane(text: str) -> str:
    """One plane, also where an answer is no more than its name, "PA" or "Axial plane"."""
    alone = next((plane for plane in PLANES[:3] if text.lower().strip(" .").startswith(plane)), "")
    return plane_in(text) or alone or ("frontal" if re.search(r"\b(?:AP|PA)\b", text) else "")


def _spelt(text: str) -> str:
    """Answers as people type them: "Xray", "plain film", "FLAIR", "T2"."""
    text = re.sub(r"(?i)\bx[ -]?ray\b|\bplain film\w*", "X-ray", text)
    return re.sub(r"(?i)\bt([12])\b", r"T\1-weighted", text)


_SKIN = r"(?i)\b(?:rash|lesions?|skin|plaques?|petechiae|wart|eczema|dermatitis|rosacea|psoria\w+|impetigo|linea nigra)\b"
_OTHER_TERMS = r"(?i)CC BY-(?:NC|SA|ND)|All Rights Reserved|Copyright(?! Rice)"


def _openstax_nursing(folder: Path) -> Iterator[TrainingSample]:
    for row, words, modality in _nursing(folder):
        if not modality:
            continue
        yield _sample(
            folder,
            "openstax_nursing",
            row,
            Path(str(row["file"])).stem,
            modality,
            "",
            "",
            caption=f"{MODALITIES[modality]}. {words}",
            sentences=(str(row.get("alt") or ""),) if row.get("alt") else (),
        )


def _nursing(folder: Path) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Each picture that may be learnt from: its record, its caption without credits, its modality or nothing."""
    for row in rows(folder, "openstax_nursing"):
        said = f"{row.get('caption') or ''} {row.get('alt') or ''}"
        if re.search(_OTHER_TERMS, said):
            continue
        words = re.sub(r"\((?:credit|attribution|data source|See).*", "", str(row.get("caption") or "")).strip()
        if re.search(r"(?i)angiogram", words):
            yield row, words, "XA"
        elif re.search(r"(?i)microgra|microscope", said):
            yield row, words, "SM"
        elif re.search(_SKIN, said) and re.search(_SKIN, words):
            yield row, words, "XC"
        else:  # people at work, maps, labels: no medical picture
            yield row, words, ""


def no_medical_pictures(folder: Path) -> Iterator[tuple[str, Path]]:
    """Pictures of OpenStax nursing that may be learnt from and show no patient: their group and file.

    Parameters
    ----------
    folder : Path
        Holds the set.
    """
    for row, _, modality in _nursing(folder):
        if not modality:
            yield f"openstax_nursing:{Path(str(row['file'])).stem}", folder / str(row["file"])


READERS: dict[str, Callable[[Path], Iterator[TrainingSample]]] = {
    "covid": _covid,
    "vqarad": _vqarad,
    "openstax_nursing": _openstax_nursing,
}


def _sample(
    folder: Path,
    name: str,
    row: dict[str, Any],
    group: str,
    modality: str,
    plane: str,
    region: str,
    *,
    caption: str,
    title: str = "",
    sentences: tuple[str, ...] = (),
) -> TrainingSample:
    kind = " ".join(filter(None, [plane.capitalize(), MODALITIES.get(modality, "")]))
    return TrainingSample(
        id=f"{name}:{row['file']}",
        group=f"{name}:{group}",
        caption_group=f"{name}:{caption}",
        diagnosis=title.lower(),
        query=f"{kind}. {caption}" if kind else caption,
        caption=caption,
        title=title,
        sentences=sentences,
        attributes={"modality": modality, "sequence": "", "plane": plane, "region": region},
        picture=folder / str(row["file"]),
    )


def fingerprint(path: Path) -> npt.NDArray[np.bool_]:
    """A 256-bit difference hash of a picture: whether brightness rises from each cell of 16 × 17 to the next."""
    small = np.asarray(read_picture(path).image.convert("L").resize((17, 16)), dtype=np.int16)
    return np.asarray((small[:, 1:] > small[:, :-1]).ravel())


def without_lookalikes(samples: Sequence[TrainingSample], others: Sequence[TrainingSample]) -> list[TrainingSample]:
    """Samples whose picture is none of the others'.

    Parameters
    ----------
    samples : sequence of TrainingSample
    others : sequence of TrainingSample
        Say those set aside.
    """
    if not others:
        return list(samples)
    known = np.array([fingerprint(other.picture) for other in others])
    return [sample for sample in samples if (known != fingerprint(sample.picture)).sum(1).min() >= NEAR]
