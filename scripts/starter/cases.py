"""What is documented about the average brain that its slices share, and about the labels that name them."""

from __future__ import annotations

from typing import Any

from .brain import CASE_ID, PAGE

CEREBRA_NOTICE = """CerebrA: the labels that name the structures in the captions of the average brain.

Manera AL, Dadar M, Fonov V, Collins DL. CerebrA, registration and manual label correction of Mindboggle-101
atlas for MNI-ICBM152 template. Scientific Data 7, 237 (2020). https://doi.org/10.1038/s41597-020-0557-9
Data: https://doi.org/10.12751/g-node.be5e62, released by the authors under CC0 1.0
(https://creativecommons.org/publicdomain/zero/1.0/).

No label image is shipped here: only the names of the structures that cover enough of a slice to be seen.
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


def cases() -> list[dict[str, Any]]:
    """Return the one entry that several figures share: the template, described by its publications."""
    licence = {"name": "McGill notice (ICBM 152)", "url": PAGE, "allows_sharing": True}
    return [
        {
            "id": CASE_ID,
            "title": "ICBM 152 average brain (2009c, symmetric): T1- and T2-weighted MRI in slices",
            "source": {
                "corpus": "starter",
                "attribution": HOLDER,
                "url": PAGE,
                "url_of": "case",
                "licence": licence,
            },
            "discussion": DISCUSSION,
            "topic": "Normal neuroanatomy",
        }
    ]
