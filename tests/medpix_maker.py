"""Make a small folder in MedPix 2.0's layout, with made-up words and drawn pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

CASES = {
    "MPX0001": ("train", ["MPX0001_synpic1", "MPX0001_synpic2"]),
    "MPX0002": ("dev", ["MPX0002_synpic3"]),
    "MPX0003": ("test", ["MPX0003_synpic4"]),
}
LINKED = {"MPX0001_synpic1": "https://example.org/case?id=1", "MPX0003_synpic4": "https://example.org/case?id=4"}


def describe(image: str, **words: object) -> dict[str, object]:
    description = {
        "ACR Codes": "1.1", "Age": "41", "Caption": f"Made-up caption of {image}.", "Figure Part": None,
        "Modality": "CT - noncontrast", "Plane": "Axial", "Sex": "female",
    }  # fmt: skip
    top = {"Type": "CT", "Location": "Brain and Neuro", "Location Category": "Head"}
    for name, value in words.items():
        (top if name in top else description)[name] = value  # type: ignore[assignment]
    return {**top, "U_id": image.partition("_")[0], "image": image, "Description": description}


def tell(uid: str, images: list[str]) -> dict[str, object]:
    return {
        "U_id": uid,
        "TAC": images,
        "MRI": [],
        "Case": {
            "Title": f"Invented syndrome of {uid}",
            "History": "An invented story.\r\nWith &lt; 3 days of <b>nothing</b>.",
            "Exam": "N/A",
            "Findings": "A drawn circle.",
            "Differential Diagnosis": "A square\nA triangle",
            "Case Diagnosis": f"Circle of {uid}",
            "Diagnosis By": "N/A.",
            "Discussion": "Please see factoid.",
            "Treatment & Follow Up": None,
        },
        "Topic": {"Title": "Circles", "Disease Discussion": "Circles are round. Write to nobody@example.org."},
    }


def make_medpix(folder: Path, *, ending: str = "png") -> Path:
    """Write the layout into ``folder/MedPix-2-0`` and give that folder."""
    root = folder / "MedPix-2-0"
    (root / "images").mkdir(parents=True)
    (root / "splitted_dataset").mkdir()
    descriptions = []
    rng = np.random.default_rng(4)
    for _, images in CASES.values():
        for image in images:
            descriptions.append(describe(image))
            pixels = rng.integers(0, 255, (40, 48), dtype=np.uint8)
            Image.fromarray(pixels).save(root / "images" / f"{image}.{ending}")
    (root / "Descriptions.json").write_text(json.dumps(descriptions))
    (root / "Case_topic.json").write_text(json.dumps([tell(uid, images) for uid, (_, images) in CASES.items()]))
    uids: dict[str, list[str]] = {"train": [], "dev": [], "test": []}
    for uid, (split, images) in CASES.items():
        uids[split].append(uid)
        lines = [json.dumps(row) for row in descriptions if row["image"] in images]
        (root / "splitted_dataset" / f"descriptions_{split}.jsonl").write_text("\n".join(lines) + "\n")
    (root / "splitted_dataset" / "uid_list.json").write_text(json.dumps(uids))
    rows = [f"TAC,{name.partition('_')[0]},{name},https://example.org/{name}.png,{link}" for name, link in LINKED.items()]
    (root / "images_overview.csv").write_text("\n".join(["Type,U_id,ID_Image,Img_Large,URL_Article_image", *rows]))
    return root


def rewrite(root: Path, descriptions: list[object]) -> None:
    """Replace all descriptions."""
    (root / "Descriptions.json").write_text(json.dumps(descriptions))
