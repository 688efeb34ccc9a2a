"""What is documented about each volume that its slices share, and about the labels of the average brain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .brain import CASE_ID, PAGE
from .draft import Origin
from .subjects import SUBJECTS, Subject

CEREBRA_NOTICE = """CerebrA: the labels of the average brain, which name the structures in its captions.

Manera AL, Dadar M, Fonov V, Collins DL. CerebrA, registration and manual label correction of Mindboggle-101
atlas for MNI-ICBM152 template. Scientific Data 7, 237 (2020). https://doi.org/10.1038/s41597-020-0557-9
Data: https://doi.org/10.12751/g-node.be5e62, released by the authors under CC0 1.0
(https://creativecommons.org/publicdomain/zero/1.0/).

Shipped here with the labels of both sides, and of parts of one structure, under one number each.
"""


HOLDER = (
    "Copyright (C) 1993-2004 Louis Collins, McConnell Brain Imaging Centre, Montreal Neurological Institute, "
    "McGill University."
)

DISCUSSION = (
    "This is no patient: it is the average of the MRI scans of 152 people from the ICBM project. The "
    "scans were fitted to one another non-linearly, again and again, each time to the average that the "
    "round before had made (Fonov et al., NeuroImage 54, 313-327, 2011, "
    "doi:10.1016/j.neuroimage.2010.07.033). This version is symmetric: its left and right halves are "
    "mirror images.\n\n"
    "Positions are millimetres in MNI space: x grows towards the patient's right, y towards the face, z "
    "towards the top of the head.\n\n"
    "The structures named under each slice are those that the CerebrA atlas has there (Manera et al., "
    "Scientific Data 7, 237, 2020, doi:10.1038/s41597-020-0557-9): at least 20 square millimetres and "
    "one twentieth of the structure's largest section in that plane. An average is smoother than any "
    "single brain, and borders of labels are conventions."
)


def source(attribution: str, url: str, licence: str, licence_url: str, url_of: str) -> dict[str, Any]:
    """The source of a case, as records write it."""
    return {
        "corpus": "starter",
        "attribution": attribution,
        "url": url,
        "url_of": url_of,
        "licence": {"name": licence, "url": licence_url, "allows_sharing": True},
    }


def subject_case(subject: Subject, origin: Origin) -> dict[str, Any]:
    """The entry that a volume and its slices share."""
    labels = f"Labels: {subject.labels_by}." if subject.labels_by else ""
    return {
        "id": f"starter:case-{subject.name}",
        "title": subject.title,
        "source": source(origin.attribution, origin.url, origin.licence_name, origin.licence_url, origin.url_of),
        "discussion": "\n\n".join(filter(None, (subject.about, " ".join(subject.notes), labels, subject.provenance))),
        "topic": subject.topic,
    }


def cases(origins: Mapping[str, Origin]) -> list[dict[str, Any]]:
    """Return the entries that several figures share: the template, described by its publications, and every volume."""
    brain = {
        "id": CASE_ID,
        "title": "ICBM 152 average brain (2009c, symmetric): T1- and T2-weighted MRI in slices",
        "source": source(HOLDER, PAGE, "McGill notice (ICBM 152)", PAGE, "case"),
        "discussion": DISCUSSION,
        "topic": "Normal neuroanatomy",
    }
    return [brain, *(subject_case(subject, origins[subject.origin]) for subject in SUBJECTS)]
