"""Stacks as the words beside them say, stacks as one picture, and headers that say what may not be taken."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from mirage.images import DecodedPicture
from mirage.images.stacks import slice_picture, stack_of
from mirage.images.volume import View, Volume, unhung
from mirage.wording import N_, _

if TYPE_CHECKING:
    from mirage.images.dicom_header import DicomHeader

_AIR = -200.0
_SYNTHETIC = N_("synthetic image: Synthetic Data (0008,001C) is YES. An atlas holds real ones.")


def refusal_of(header: DicomHeader, burned_in: str) -> str:
    """Why a file may not be taken, by its header; empty where it may.

    Parameters
    ----------
    header : DicomHeader
    burned_in : str
        What to say where text is burned into the pixels; empty where such files are taken.
    """
    return _(_SYNTHETIC) if header.synthetic else burned_in if header.burned_in else ""


def best_slice(volume: Volume) -> DecodedPicture:
    """The picture that stands for a stack."""
    stack = stack_of(volume)
    return DecodedPicture(slice_picture(volume, stack, stack.best), "STACK")


def as_worded(volume: Volume, modality: str, plane: str) -> Volume:
    """A volume with what somebody's words say and its files do not.

    Parameters
    ----------
    volume : Volume
    modality : str
        A key of `mirage.figure.MODALITIES`, or empty.
    plane : str
        One of `mirage.figure.PLANES`, or empty.
    """
    if not volume.spacing_known and plane in ("coronal", "sagittal"):
        view = cast(View, plane)
        volume = replace(volume, voxels=unhung(volume.voxels, view), views=(view,))
    # Air is far below 0 in Hounsfield units; CT in other numbers has no use for their windows.
    if not volume.modality and (modality != "CT" or volume.slope * float(volume.voxels.min()) + volume.intercept < _AIR):
        volume = replace(volume, modality=modality)
    return volume
