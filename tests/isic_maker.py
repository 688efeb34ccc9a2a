"""Answers of the ISIC Archive as it documents them, and pictures for them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from live_server import Place, Query, Reply, living, of_json, settings_for
from mirage.corpora.live.isic import BASE, IsicCorpus

FILES = "https://isic-archive.s3.amazonaws.com"


def entry(number: int, **told: Any) -> dict[str, Any]:
    """An image; what is not told is as usual, and ``clinical`` and ``acquisition`` are added to what is."""
    clinical = {
        "diagnosis_1": "Malignant", "diagnosis_2": "Malignant melanocytic proliferations (Melanoma)",
        "diagnosis_3": "Melanoma Invasive", "diagnosis_confirm_type": "histopathology", "sex": "female", "age_approx": 55,
        "anatom_site_general": "head/neck", "lesion_id": f"IL_{number:07d}", "patient_id": "IP_SECRET",
    } | told.pop("clinical", {})  # fmt: skip
    acquisition = {"pixels_x": 40, "pixels_y": 30, "image_type": "dermoscopic"} | told.pop("acquisition", {})
    name = f"ISIC_{number:07d}"
    size = len(picture(number))
    return {
        "isic_id": name, "public": True, "copyright_license": "CC-BY", "attribution": "Hospital of <b>Somewhere</b>",
        "files": {
            "full": {"url": f"{BASE}/files/{name}.jpg", "size": size},
            "thumbnail_256": {"url": f"{BASE}/files/{name}.jpg", "size": size},
        },
        "metadata": {"acquisition": acquisition, "clinical": clinical},
    } | told  # fmt: skip


def picture(number: int) -> bytes:
    pixels = np.random.default_rng(number).integers(90, 200, (30, 40, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG")
    return out.getvalue()


def fill(place: Place, entries: list[dict[str, Any]], page: int = 100) -> None:
    """Let a stand-in hold entries, so many on a page."""

    def search(asked: Query) -> Reply:
        start = int(asked.get("cursor", "0"))
        more = f"{BASE}/images/search/?cursor={start + page}" if start + page < len(entries) else None
        return of_json({"count": len(entries), "next": more, "previous": None, "results": entries[start : start + page]})

    place.routes["/images/search/"] = search
    for each in entries:
        number = int(str(each["isic_id"])[5:])
        place.routes[f"/files/{each['isic_id']}.jpg"] = Reply(picture(number))


def make_isic(folder: Path) -> IsicCorpus:
    """A corpus of two images, fetched; what served them is gone."""
    place = Place()
    with living(place):
        fill(place, [entry(1), entry(2)])
        corpus = IsicCorpus("melanoma", settings=settings_for(folder, {"isic": place.address}))
        corpus.prepare()
    return corpus
