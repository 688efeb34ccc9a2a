"""DICOM frames decoded the way their headers ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image
from pydicom.pixels import apply_color_lut, convert_color_space

from .dicom_picks import PICKS, Pick
from .draft import Draft, Origin

LONGEST = 768


def pixels_of(pick: Pick, dataset: pydicom.Dataset) -> NDArray[np.uint8]:
    """Decode one frame to 8 bits, as its header says it should be shown."""
    array = dataset.pixel_array
    frame = array[pick.frame] if int(dataset.get("NumberOfFrames") or 1) > 1 else array
    kind = dataset.PhotometricInterpretation
    if kind == "MONOCHROME2" and "RedPaletteColorLookupTableDescriptor" in dataset:
        return supplemental_colours(frame, dataset)
    if kind == "PALETTE COLOR":
        coloured = apply_color_lut(frame, dataset)
        deep = coloured.dtype != np.uint8
        return (coloured >> 8).astype(np.uint8) if deep else coloured
    if frame.ndim == 3:
        # pydicom decodes JPEG to RGB by itself.
        decoded = kind == "RGB" or dataset.file_meta.TransferSyntaxUID.is_compressed
        return frame if decoded else convert_color_space(frame, kind, "RGB")
    values = frame.astype(np.float64)
    if pick.window is None:
        return frame.astype(np.uint8)
    values *= float(dataset.get("RescaleSlope") or 1)
    values += float(dataset.get("RescaleIntercept") or 0)
    centre, width = pick.window
    grey = np.clip((values - (centre - width / 2)) / width, 0, 1)
    if kind == "MONOCHROME1":
        grey = 1 - grey
    return np.rint(grey * 255).astype(np.uint8)


def supplemental_colours(frame: NDArray, dataset: pydicom.Dataset) -> NDArray[np.uint8]:
    """Apply a Supplemental Palette Color LUT (PS3.3 C.7.6.19): values from its first entry on are coloured.

    The values below the first entry are black here: the one file that needs this has zeros there.
    """
    entries, first, _ = dataset.RedPaletteColorLookupTableDescriptor
    tables = [
        np.frombuffer(dataset[f"{colour}PaletteColorLookupTableData"].value, dtype="<u2") >> 8
        for colour in ("Red", "Green", "Blue")
    ]
    index = np.clip(frame.astype(np.int64) - first, 0, entries - 1)
    coloured = np.stack([table[index] for table in tables], axis=-1).astype(np.uint8)
    coloured[frame < first] = 0
    return coloured


def picture_of(pick: Pick, dataset: pydicom.Dataset) -> Image.Image:
    """Decode, turn, crop and scale one pick."""
    image = Image.fromarray(pixels_of(pick, dataset))
    if pick.turn == "mirror":
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if pick.turn == "flip":
        image = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    if pick.crop:
        image = image.crop(pick.crop)
    tall, wide = (float(v) for v in dataset.get("PixelAspectRatio", (1, 1)))
    width, height = image.width, image.height * tall / wide
    scale = min(LONGEST / max(width, height), 2.0)
    size = (round(width * scale), round(height * scale))
    if size != image.size and (scale < 1 or max(width, height) < LONGEST / 2 or tall != wide):
        image = image.resize(size, Image.Resampling.LANCZOS)
    return image.convert("RGB") if image.mode not in ("L", "RGB") else image


def dicom_figures(folders: dict[str, Path], origins: dict[str, Origin]) -> Iterator[Draft]:
    """Yield every picked frame. Only attributes of the picture are read: no name, number, date or place."""
    for pick in PICKS:
        dataset = pydicom.dcmread(folders[origins[pick.origin].package] / pick.file)
        yield Draft(
            name=pick.name,
            picture=picture_of(pick, dataset),
            origin=origins[pick.origin],
            file=f"{pick.file}, frame {pick.frame + 1}" if pick.frame else pick.file,
            caption=pick.caption,
            title=pick.title,
            modality=pick.modality,
            modality_detail=pick.modality_detail,
            plane=pick.plane,
            region=pick.region,
            diagnosis=pick.diagnosis,
        )
