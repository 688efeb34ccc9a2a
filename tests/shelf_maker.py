"""A small MedPix-shaped collection with shared conditions and splits, and the atlas made of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from medpix_maker import describe, tell
from mirage.shipped import SHIPPED
from parts import draw

# Condition to how many cases of it are in train and in dev; every case has two figures.
CONDITIONS = {"Quaxid tumour": (2, 2), "Belmor cyst": (1, 2), "Tervane fracture": (1, 1), "Ostrimal bleed": (0, 2)}
KINDS = (
    ("CT", "CT - noncontrast", "Axial", "Brain and Neuro"),
    ("MR", "MR - T2 weighted", "Sagittal", "Spine"),
    ("CT", "CT - noncontrast", "Coronal", "Abdomen"),
)


def trained_case() -> str:
    """The id of a MedPix case that the shipped encoder was trained on."""
    return splits()["train"][0]


def splits() -> dict[str, list[str]]:
    """The shipped encoder's training and holdout cases, without the corpus's name."""
    told = json.loads((SHIPPED / "encoder" / "splits.json").read_text("utf-8"))
    return {name: [case.partition(":")[2] for case in cases] for name, cases in told.items()}


def made_cases() -> dict[str, tuple[str, str]]:
    """Case to its split and its condition."""
    found: dict[str, tuple[str, str]] = {}
    for condition, counts in CONDITIONS.items():
        for split, count in zip(("train", "dev"), counts, strict=True):
            for _ in range(count):
                found[f"MPX{len(found) + 1:04}"] = (split, condition)
    return found


def make_collection(folder: Path, cases: Mapping[str, tuple[str, str]] | None = None, *, figures: int = 2) -> Path:
    """Write a collection in MedPix 2.0's layout: case id to split and condition, so many figures each."""
    chosen = made_cases() if cases is None else cases
    root = folder / "MedPix-2-0"
    (root / "images").mkdir(parents=True)
    (root / "splitted_dataset").mkdir()
    descriptions, told = [], []
    uids: dict[str, list[str]] = {"train": [], "dev": [], "test": []}
    for number, (case, (split, condition)) in enumerate(chosen.items()):
        uids[split].append(case)
        names = [f"{case}_synpic{figure}" for figure in range(figures)]
        kind, detail, plane, location = KINDS[number % len(KINDS)]
        for place, name in enumerate(names):
            side = ("left", "right")[number % 2]
            # Every other case names its condition in its captions, as some do.
            seen = condition if number % 2 else "mass"
            caption = f"{seen} on the {side}, view {place} of phantom {number}"
            words = {"Type": kind, "Modality": detail, "Plane": plane, "Location": location, "Caption": caption}
            descriptions.append(describe(name, **words))
            draw(root / "images" / f"{name}.png", 100 * number + place)
        case_told = tell(case, names)
        case_told["Case"] = {**case_told["Case"], "Title": condition, "Case Diagnosis": condition}  # type: ignore[dict-item]
        case_told["Topic"] = {"Title": f"Topic of {condition}", "Disease Discussion": f"{condition} is made up."}
        told.append(case_told)
    (root / "Descriptions.json").write_text(json.dumps(descriptions))
    (root / "Case_topic.json").write_text(json.dumps(told))
    (root / "splitted_dataset" / "uid_list.json").write_text(json.dumps(uids))
    return root


def change(root: Path, image: str, **words: object) -> None:
    """Change what is said of one image."""
    rows = json.loads((root / "Descriptions.json").read_text())
    for row in rows:
        if row["image"] == image:
            row["Description"].update(words)
    (root / "Descriptions.json").write_text(json.dumps(rows))


def copy_picture(root: Path, image: str, to: str) -> None:
    """Give one image the picture of another, byte for byte."""
    shutil.copyfile(root / "images" / f"{image}.png", root / "images" / f"{to}.png")


def texts_of(root: Path) -> Sequence[str]:
    """Every caption and title of a collection."""
    captions = [row["Description"]["Caption"] for row in json.loads((root / "Descriptions.json").read_text())]
    return [*captions, *CONDITIONS]
