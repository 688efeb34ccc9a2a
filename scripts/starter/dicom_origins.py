"""Where the DICOM frames come from and under which terms, in the words of their packages."""

from __future__ import annotations

from pathlib import Path

from .draft import Origin
from .packages import DEID_DATA, PYDICOM, PYDICOM_DATA

PAGE = "https://github.com/pydicom/pydicom-data"
DEID_PAGE = "https://github.com/pydicom/deid-data"
TREATMENT = (
    "Decoded to 8 bits with the header's window, hung as usual, cropped free of burned-in names, numbers and "
    "dates, scaled to at most 768 px."
)
README_SAYS = (
    f"From the README of the test files in {PYDICOM.pin}:\n\n"
    "    I believe there is no restriction on using any of these files in this manner.\n\n"
)
BY_WAY = "by way of pydicom-data."
CC_BY_3 = "https://creativecommons.org/licenses/by/3.0/"
PANCREAS = "doi:10.7937/K9/TCIA.2016.tNB1kqBU"


def dicom_origins(folders: dict[str, Path]) -> dict[str, Origin]:
    """Describe every origin of a picked frame, by its key."""
    code, data, deid = folders[PYDICOM.pin], folders[PYDICOM_DATA.pin], folders[DEID_DATA.pin]
    readme = (code / "pydicom/data/test_files/README.txt").read_text(encoding="utf-8")
    mit = (data / "pydicom_data-1.0.0.dist-info/LICENSE").read_text(encoding="utf-8")
    deid_mit = (deid / "deid-data-0.0.20/LICENSE").read_text(encoding="utf-8")
    pancreas_terms = (
        f"Pancreas-CT, {PANCREAS}, is shared by The Cancer Imaging Archive under the Creative Commons\n"
        f"Attribution 3.0 Unported Licence, {CC_BY_3}\n\n"
        "The file reached this project inside pydicom-data, whose own licence is:\n\n" + mit
    )
    mit_url = "https://spdx.org/licenses/MIT.html"
    rows = [
        ("nema", "DICOM WG-04 compressed samples", PYDICOM_DATA.pin, "MIT", mit_url,
         f"NEMA DICOM WG-04 compressed sample images, {BY_WAY}", PAGE, README_SAYS + mit),
        ("nema-mf", "NEMA multi-frame CT samples", PYDICOM_DATA.pin, "MIT", mit_url,
         f"NEMA multi-frame CT sample images, {BY_WAY}", PAGE, README_SAYS + mit),
        ("pydicom", "pydicom test data", PYDICOM_DATA.pin, "MIT", mit_url,
         "pydicom-data, the pydicom contributors (MIT).", PAGE, README_SAYS + mit),
        ("gdcm", "GDCM test data", PYDICOM_DATA.pin, "BSD-3-Clause",
         "https://spdx.org/licenses/BSD-3-Clause.html",
         "GDCM, Copyright (c) 2006-2016 Mathieu Malaterre, Copyright (c) 1993-2005 CREATIS (BSD 3-Clause), "
         + BY_WAY, PAGE, readme[readme.index("Program: GDCM"):]),
        ("pancreas-ct", "Pancreas-CT (The Cancer Imaging Archive)", PYDICOM_DATA.pin, "CC-BY-3.0", CC_BY_3,
         "Pancreas-CT, US National Institutes of Health Clinical Center, The Cancer Imaging Archive, "
         f"{PANCREAS} (CC BY 3.0), {BY_WAY}", f"https://doi.org/{PANCREAS[4:]}", pancreas_terms),
        ("deid-data", "deid-data ultrasound", DEID_DATA.pin, "MIT", mit_url,
         "deid-data, Copyright (c) 2016-2022 Vanessa Sochat (MIT).", DEID_PAGE, deid_mit),
    ]  # fmt: skip
    return {
        key: Origin(key, title, pin, licence, licence_url, credit, url, "collection", notice, TREATMENT)
        for key, title, pin, licence, licence_url, credit, url, notice in rows
    }
