"""A synthetic image as a DICOM file, and what a DICOM file says of itself.

Standard: DICOM PS3.3, Secondary Capture Image (A.8.1); Synthetic Data (0008,001C) and Burned In Annotation (0028,0301).
"""

from __future__ import annotations

import contextlib
import io
import warnings
from typing import Any

import numpy as np
from PIL import Image

from mirage.images.limits import DEFAULT_LIMITS
from mirage.images.marks.record import SyntheticRecord

_CREATOR = "MIRAGE"
_GROUP = 0x0099  # private; the element holds the record as JSON
_READ = [(0x0008, 0x001C), (0x0008, 0x0070), (_GROUP, 0x0010), (_GROUP, 0x1001)]


def write(image: Image.Image, record: SyntheticRecord) -> bytes:
    """Write a marked image as a Secondary Capture file, with no patient but a made-up name that says so.

    Parameters
    ----------
    image : PIL.Image.Image
        Mode L or RGB.
    record : SyntheticRecord
        Kept as JSON in a private element.

    Returns
    -------
    bytes
        The file, uncompressed.
    """
    import pydicom  # noqa: PLC0415 - slow to import
    from pydicom.dataset import FileDataset, FileMetaDataset  # noqa: PLC0415
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid  # noqa: PLC0415

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[record.print()])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds: Any = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)  # type: ignore[arg-type]
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID, ds.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    ds.StudyInstanceUID = generate_uid(entropy_srcs=["study", record.id])
    ds.SeriesInstanceUID = generate_uid(entropy_srcs=["series", record.id])
    ds.SyntheticData = "YES"
    ds.ImageType = ["DERIVED", "SECONDARY", "SYNTHETIC"]
    ds.ConversionType = "SYN"
    ds.Modality = "OT"
    ds.PatientName, ds.PatientID = "SYNTHETIC^MIRAGE", f"SYNTHETIC-{record.id}"
    ds.PatientBirthDate = ds.PatientSex = ds.ReferringPhysicianName = ds.AccessionNumber = ds.StudyID = ""
    date, _, clock = record.created.partition("T")
    ds.StudyDate = ds.ContentDate = date.replace("-", "")[:8]
    ds.StudyTime = ds.ContentTime = clock.replace(":", "")[:6]
    ds.SeriesNumber = ds.InstanceNumber = 1
    ds.PatientOrientation = ""
    ds.Manufacturer = "MIRAGE"
    ds.SoftwareVersions = record.software[:64]
    ds.SeriesDescription = "Synthetic image, not a patient"
    ds.ImageComments = "Synthetic image, made by a generator; not a patient."
    ds.BurnedInAnnotation = "YES"
    block = ds.private_block(_GROUP, _CREATOR, create=True)
    block.add_new(0x01, "UT", record.print())
    pixels = np.asarray(image)
    ds.Rows, ds.Columns = pixels.shape[:2]
    ds.SamplesPerPixel = 3 if pixels.ndim == 3 else 1
    ds.PhotometricInterpretation = "RGB" if pixels.ndim == 3 else "MONOCHROME2"
    if pixels.ndim == 3:
        ds.PlanarConfiguration = 0
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation = 7, 0
    data = pixels.tobytes()
    ds.PixelData = data + b"\0" * (len(data) % 2)
    file = io.BytesIO()
    pydicom.dcmwrite(file, ds, enforce_file_format=True)
    return file.getvalue()


def said(data: bytes) -> tuple[bool, SyntheticRecord | None, str]:
    """What a DICOM file says: whether it is synthetic, MIRAGE's record, and who made it.

    Returns
    -------
    (bool, SyntheticRecord or None, str)
        (False, None, "") for bytes that cannot be read.
    """
    import pydicom  # noqa: PLC0415 - slow to import

    from mirage.images.dicom_header import plain_file  # noqa: PLC0415

    try:
        with warnings.catch_warnings(), plain_file(data, "the DICOM file", DEFAULT_LIMITS) as file:
            warnings.simplefilter("ignore")
            ds = pydicom.dcmread(file, stop_before_pixels=True, force=True, specific_tags=_READ)
            synthetic = str(ds.get("SyntheticData", "")).strip().upper() == "YES"
            maker = str(ds.get("Manufacturer", "") or "").strip()[:80]
            record = None
            with contextlib.suppress(KeyError, ValueError, TypeError):
                record = SyntheticRecord.parse(str(ds.private_block(_GROUP, _CREATOR)[0x01].value))
    except Exception:  # strangers' bytes raise anything
        return False, None, ""
    return synthetic, record, maker
