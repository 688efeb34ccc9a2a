"""Put the marks on a synthetic image: a band with words, watermark, XMP or DICOM elements, and a C2PA manifest.

`mark` is the only way by which a synthetic image leaves MIRAGE. `mirage.images.marks` reads the marks back. The
watermark and the band are embedded and drawn there too: whoever looks for them needs the same code and numbers.

Formats: XMP (ISO 16684-1); IPTC Photo Metadata Standard, Digital Source Type; C2PA Technical Specification 2.2, actions
(c2pa.created with a digital source type); DICOM PS3.3, Secondary Capture Image (A.8.1), Synthetic Data (0008,001C) and
Burned In Annotation (0028,0301).
"""

from __future__ import annotations

import importlib.util
import io
import re
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
from PIL import Image, PngImagePlugin

from mirage.errors import BadInput, Unavailable
from mirage.images.marks import SyntheticRecord, c2pa, watermark
from mirage.images.marks.band import BAND, band, enlarged
from mirage.images.marks.reading import DICOM_CREATOR, DICOM_GROUP
from mirage.images.marks.record import TRAINED
from mirage.installed import to_install
from mirage.settings import Settings
from mirage.wording import N_, _

FORMATS = ("png", "jpeg", "webp", "dicom")
ENDINGS = dict(zip(FORMATS, ("png", "jpg", "webp", "dcm"), strict=True))
STATEMENT = N_("Synthetic: made by a computer. It shows no patient and proves nothing.")
_QUALITY = 92
_MOST_PACKET = 60_000  # bytes: a JPEG keeps its XMP in one segment of 64 kB
_NAMESPACE = "urn:mirage:provenance:1"
# The C2PA package does not say which algorithm a key is for, so they are tried in turn.
_ALGORITHMS = ("es256", "ps256", "es384", "ed25519", "es512", "ps384", "ps512")


def mark(image: Image.Image, record: SyntheticRecord, format: str = "png") -> bytes:
    """Mark an image and write it as a file.

    Parameters
    ----------
    image : PIL.Image.Image
        As the generator drew it, mode L or RGB. Smaller than 512 px, it is brought to 512 px first.
    record : SyntheticRecord
    format : {"png", "jpeg", "webp", "dicom"}

    Returns
    -------
    bytes
        The file, with all marks; the C2PA manifest signed last.

    Raises
    ------
    mirage.errors.BadInput
        When the format is another one, the record cannot be carried, or the signing certificate cannot be used.
    mirage.errors.Unavailable
        When signing is configured and its package is not installed. No file leaves unsigned then.
    """
    if not re.fullmatch(r"[0-9a-f]{16}", record.id):
        raise BadInput(_("The id of a synthetic image is 16 hex digits, not %(id)s.", id=repr(record.id[:40])))
    if len(xmp_packet(record)) > _MOST_PACKET:
        raise BadInput(_("The prompt is too long for the image's own record (60 kB). Shorten it."))
    return rewrite(band(watermark.embed(enlarged(image), record.id)), record, format)


def rewrite(marked: Image.Image, record: SyntheticRecord, format: str = "png") -> bytes:
    """Write an image that has band and watermark already as another file, with the marks that a file carries.

    Parameters
    ----------
    marked : PIL.Image.Image
        The pixels of what `mark` wrote.
    record, format
        As for `mark`.

    Raises
    ------
    mirage.errors.BadInput, mirage.errors.Unavailable
        As `mark` does.
    """
    if format not in FORMATS:
        raise BadInput(
            _(
                "A synthetic image cannot be written as %(format)s. Choose %(FORMATS)s.",
                format=repr(format[:40]),
                FORMATS=", ".join(FORMATS),
            )
        )
    if format == "dicom":
        return _as_dicom(marked, record)
    file = io.BytesIO()
    packet = xmp_packet(record)
    if format == "jpeg":
        marked.save(file, "JPEG", quality=_QUALITY, subsampling=0, xmp=packet)
    elif format == "webp":
        marked.save(file, "WEBP", quality=_QUALITY, method=4, xmp=packet)
    else:
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", packet.decode())
        info.add_itxt("Comment", f"{BAND}. {record.software}, image {record.id}.")
        marked.save(file, "PNG", pnginfo=info, optimize=False, compress_level=6)
    return _signed(file.getvalue(), f"image/{format}", record)


def xmp_packet(record: SyntheticRecord) -> bytes:
    """Write the packet, UTF-8."""
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:mirage="{_NAMESPACE}">
<Iptc4xmpExt:DigitalSourceType>{TRAINED}</Iptc4xmpExt:DigitalSourceType>
<xmp:CreatorTool>{escape(record.software)}</xmp:CreatorTool>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">Synthetic image, not a patient.</rdf:li></rdf:Alt></dc:description>
<mirage:record>{escape(record.print())}</mirage:record>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>""".encode()


def _as_dicom(image: Image.Image, record: SyntheticRecord) -> bytes:
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
    from pydicom.pixels.utils import set_pixel_data  # noqa: PLC0415
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
    date, _other, clock = record.created.partition("T")
    ds.StudyDate = ds.ContentDate = date.replace("-", "")[:8]
    ds.StudyTime = ds.ContentTime = clock.replace(":", "")[:6]
    ds.SeriesNumber = ds.InstanceNumber = 1
    ds.PatientOrientation = ""
    ds.Manufacturer = "MIRAGE"
    ds.SoftwareVersions = record.software[:64]
    ds.SeriesDescription = "Synthetic image, not a patient"
    ds.ImageComments = "Synthetic image, made by a generator; not a patient."
    ds.BurnedInAnnotation = "YES"
    block = ds.private_block(DICOM_GROUP, DICOM_CREATOR, create=True)
    block.add_new(0x01, "UT", record.print())
    colour = image.mode == "RGB"
    pixels = np.asarray(image)
    set_pixel_data(ds, pixels, "RGB" if colour else "MONOCHROME2", bits_stored=8, generate_instance_uid=False)
    file = io.BytesIO()
    pydicom.dcmwrite(file, ds, enforce_file_format=True)
    return file.getvalue()


def _signed(data: bytes, media_type: str, record: SyntheticRecord) -> bytes:
    """Sign a file with a manifest; it stays as it is when no certificate is configured.

    Parameters
    ----------
    data : bytes
        The marked file.
    media_type : str
        Of the file, as ``image/png``.
    record : SyntheticRecord

    Raises
    ------
    mirage.errors.BadInput
        When the certificate or the key cannot be used.
    mirage.errors.Unavailable
        When ``c2pa-python`` is not installed.
    """
    settings = Settings.load()
    certificate, key = settings.sign_certificate, settings.sign_key
    if certificate is None and key is None:
        return data
    if certificate is None or key is None:
        missing = "sign_certificate" if certificate is None else "sign_key"
        raise BadInput(
            _(
                "Signing needs both sign_certificate and sign_key, and %(missing)s is not set. No file was written.",
                missing=missing,
            )
        )
    chain, private = _pem(certificate, "sign_certificate", "CERTIFICATE"), _pem(key, "sign_key", "PRIVATE KEY")
    if importlib.util.find_spec("c2pa") is None:
        raise Unavailable(
            _(
                "Signing is configured, and c2pa-python is not installed. Install it with: %(install)s. "
                "No file was written.",
                install=to_install("c2pa-python"),
            )
        )
    import c2pa as library  # noqa: PLC0415 - optional

    last = _("no algorithm fits the key")
    for algorithm in _ALGORITHMS:
        try:
            info = library.C2paSignerInfo(
                alg=algorithm.encode(), sign_cert=chain.encode(), private_key=private.encode(), ta_url=None
            )
            with library.Signer.from_info(info) as signer, library.Builder(_claim(record)) as builder:
                out = io.BytesIO()
                builder.sign(signer, media_type, io.BytesIO(data), out)
            whole = out.getvalue()
            found = c2pa.read(whole, media_type)
            if found is not None and found.ours:
                return whole
            last = found.said if found is not None else _("the manifest is not in the file")
        except (library.C2paError, ValueError) as error:
            last = str(error)
    raise BadInput(
        _(
            "The image could not be signed with %(certificate)s: %(last)s. Check that the "
            "certificate chain is in order, not expired, made for signing (C2PA asks for "
            "extended key usage), and that sign_key is its key. No file was written.",
            certificate=certificate,
            last=last[:300],
        )
    )


def _pem(path: Path, setting: str, what: str) -> str:
    try:
        text = path.expanduser().read_text("utf-8")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else _("it is no text")
        raise BadInput(
            _(
                "The setting %(setting)s names %(path)s, which cannot be read: %(why)s. No file was written.",
                setting=setting,
                path=path,
                why=why,
            )
        ) from None
    if f"{what}-----" not in text:
        raise BadInput(
            _(
                "%(path)s, named by the setting %(setting)s, holds no %(lower)s in PEM form. No file was written.",
                path=path,
                setting=setting,
                lower=what.lower(),
            )
        )
    return text


def _claim(record: SyntheticRecord) -> dict[str, Any]:
    name, _other, version = record.software.rpartition(" ")
    agent = {"name": name or "MIRAGE", "version": version}
    created = {"action": "c2pa.created", "digitalSourceType": TRAINED, "softwareAgent": agent}
    return {
        "claim_generator_info": [agent],
        "title": f"Synthetic image {record.id}",
        "assertions": [
            {"label": "c2pa.actions", "data": {"actions": [created]}},
            {"label": c2pa.ASSERTION, "data": {"record": record.print()}},
        ],
    }
