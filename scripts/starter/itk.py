"""Pictures that come with the examples of ITK: sections of the Visible Woman and a slice of an abdomen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from .draft import Draft, Origin
from .packages import ITK_EXAMPLES

EXAMPLES = "usr/share/doc/insighttoolkit5-examples"
NLM_PAGE = "https://www.nlm.nih.gov/research/visible/visible_human.html"
NLM_NOTICE = f"""The National Library of Medicine says of the Visible Human Project ({NLM_PAGE}):

    "Specifically, the VHP provides a public-domain library of cross-sectional cryosection, CT, and MRI images obtained
    from one male cadaver and one female cadaver."

    "As of 2019, a license is no longer required to access the VHP datasets."

    "NLM thanks the man and the woman who each willed their body to science, thereby enabling this project."

The pictures were taken from the examples of ITK, which are offered as follows:

"""
DONOR = "The donor willed her body to science"
NAMED = "structures named by MIRAGE, the publisher names none; the side is not stated"
# Rows that show the face: everything in front of the backs of the eyeballs, and of the eye's own section the lid.
FACE = {"VisibleWomanHeadSlice.png": 50, "VisibleWomanEyeSlice.png": 17}


def itk_figures(folder: Path) -> Iterator[Draft]:
    """Yield the two sections, each cut behind the face, and the slice of the abdomen."""
    notice = (folder / EXAMPLES / "copyright").read_text(encoding="utf-8").partition("License: BSD-4-clause")[0]
    woman = Origin(
        key="visible-woman",
        title="Visible Human Project, sections of the female donor",
        package=ITK_EXAMPLES.pin,
        licence_name="Public domain",
        licence_url=NLM_PAGE,
        attribution="Visible Human Project, US National Library of Medicine, by way of ITK's examples.",
        url=NLM_PAGE,
        url_of="collection",
        notice=NLM_NOTICE + notice,
        treatment="Rows that show the face (eyes, nose, lids) were cut away; the rest was scaled to three times its size.",
    )
    itk = Origin(
        key="itk",
        title="ITK example data",
        package=ITK_EXAMPLES.pin,
        licence_name="Apache-2.0",
        licence_url="https://www.apache.org/licenses/LICENSE-2.0",
        attribution="The Insight Toolkit, Copyright 1999-2019 Insight Software Consortium, 2020 NumFOCUS (Apache-2.0).",
        url="https://itk.org/",
        url_of="collection",
        notice=notice,
        treatment="Stored as it is.",
    )
    photograph = {"modality": "XC", "modality_detail": "Photograph of a frozen section (cryosection)"}
    for name, file, caption, title, region, words in (
        (
            "visible-woman-head", "VisibleWomanHeadSlice.png",
            "Photograph of an axial frozen section (cryosection) through a head at the level of the orbits: temporal lobes, "
            f"brainstem and cerebellum, with skull and scalp. The face is cut away ({NAMED}). {DONOR}.",
            "Frozen section through the head, photograph", "brain", photograph,
        ),
        (
            "visible-woman-eye", "VisibleWomanEyeSlice.png",
            "Photograph of an axial frozen section (cryosection) through an orbit: eyeball with the lens, optic nerve, eye "
            f"muscles and orbital fat ({NAMED}). {DONOR}.",
            "Frozen section through an eye, photograph", "eye", photograph,
        ),
        (
            "itk-abdomen-mr", "FatMRISlice.png",
            "Axial MRI of the abdomen: subcutaneous and abdominal fat is bright. "
            "The publisher states neither sequence nor side.",
            "Fat of the abdomen, MRI", "abdomen", {"modality": "MR"},
        ),
    ):  # fmt: skip
        with Image.open(folder / EXAMPLES / "examples/Data" / file) as image:
            picture = image.convert("RGB" if region != "abdomen" else "L")
        yield Draft(
            name=name,
            picture=picture if file not in FACE else enlarged(picture.crop((0, FACE[file], *picture.size))),
            origin=itk if region == "abdomen" else woman,
            file=f"{EXAMPLES}/examples/Data/{file}",
            caption=caption,
            title=title,
            plane="axial",
            region=region,
            **words,
        )


def enlarged(picture: Image.Image) -> Image.Image:
    """Scale to three times the size: 127 pixels are too few to look at on a page."""
    return picture.resize((picture.width * 3, picture.height * 3), Image.Resampling.LANCZOS)
