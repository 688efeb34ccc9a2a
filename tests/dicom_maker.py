"""Make DICOM files with known values."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid


def make_dicom(pixels: np.ndarray | None, *, syntax: str = ExplicitVRLittleEndian, **tags: Any) -> bytes:
    """Write a file. ``pixels`` is (rows, columns), (frames, rows, columns) or (rows, columns, 3)."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = syntax
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID = CTImageStorage
    data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    data.PatientName = "Roe^Jane"
    data.PatientID = "SECRET-17"
    data.PatientBirthDate = "19700101"
    data.InstitutionName = "Secret Hospital"
    data.SeriesDescription = "Jane Roe knee"
    data.Modality = "CT"
    if pixels is not None:
        colour = pixels.ndim == 3 and pixels.shape[-1] == 3
        data.Rows, data.Columns = pixels.shape[:2] if colour else pixels.shape[-2:]
        data.SamplesPerPixel = 3 if colour else 1
        data.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
        if colour:
            data.PlanarConfiguration = 0
        if pixels.ndim == 3 and not colour:
            data.NumberOfFrames = len(pixels)
        data.BitsAllocated = data.BitsStored = pixels.dtype.itemsize * 8
        data.HighBit = data.BitsStored - 1
        data.PixelRepresentation = int(pixels.dtype.kind == "i")
        data.PixelData = pixels.tobytes()
    for name, value in tags.items():
        setattr(data, name, value)
    out = io.BytesIO()
    pydicom.dcmwrite(out, data, enforce_file_format=True)
    return out.getvalue()
