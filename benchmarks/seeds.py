"""Small files of every format that a reader takes, made here, to be damaged by `benchmarks.mutations`."""

from __future__ import annotations

import gzip
import io
import json
import struct
import tempfile
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from PIL import Image, ImageCms, PngImagePlugin
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    RLELossless,
)

Seed = tuple[str, bytes]
"""A file's name, whose ending is its format's, and what is in it."""

_XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description '
    'Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia">'
    "<xmp:CreatorTool>A program</xmp:CreatorTool><mirage:record>{&quot;id&quot;: &quot;0&quot;}</mirage:record>"
    "</rdf:Description></rdf:RDF></x:xmpmeta>"
)
_ROW = {
    "file": "a.png",
    "caption": "Axial CT of the chest: nodule.",
    "modality": "CT",
    "case": "c1",
    "diagnosis": "Nodule",
}
_LINK = "https://example.org/1"


def _drawn(kind: str = "L", seed: int = 1, side: int = 24) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 60, (side, side + 8, 3)).astype(np.uint8)
    noise[6:14, 8:20] += 120
    return Image.fromarray(noise).convert(kind)


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _exif() -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "words of a stranger"
    return exif.tobytes()


def png() -> list[Seed]:
    """Grey, colours, a palette, 16 bits, animated, and with all that may stand beside the pixels."""
    words = PngImagePlugin.PngInfo()
    words.add_text("Comment", "a" * 200, zip=True)
    words.add_itxt("XML:com.adobe.xmp", _XMP, zip=True)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    deep = Image.fromarray(np.arange(768, dtype=np.uint16).reshape(24, 32) * 80)
    colours = _drawn("RGB")
    return [
        ("grey.png", _saved(_drawn(), "PNG")),
        ("words.png", _saved(colours, "PNG", pnginfo=words, exif=_exif(), icc_profile=profile, dpi=(72, 72))),
        ("palette.png", _saved(colours.quantize(8), "PNG", transparency=3)),
        ("deep.png", _saved(deep, "PNG")),
        ("moving.png", _saved(colours, "PNG", save_all=True, append_images=[_drawn("RGB", 2)])),
        ("alpha.png", _saved(_drawn("RGBA"), "PNG")),
    ]


def jpeg() -> list[Seed]:
    """Grey, colours, progressive, CMYK, with EXIF and XMP."""
    colours = _drawn("RGB")
    return [
        ("grey.jpg", _saved(_drawn(), "JPEG")),
        ("words.jpg", _saved(colours, "JPEG", exif=_exif(), xmp=_XMP.encode(), comment=b"a comment")),
        ("progressive.jpg", _saved(colours, "JPEG", progressive=True, restart_marker_rows=1)),
        ("cmyk.jpg", _saved(colours.convert("CMYK"), "JPEG")),
    ]


def webp() -> list[Seed]:
    """With loss and without, with transparency, animated, with EXIF and XMP."""
    return [
        ("lossy.webp", _saved(_drawn("RGB"), "WEBP", exif=_exif(), xmp=_XMP.encode())),
        ("lossless.webp", _saved(_drawn("RGB"), "WEBP", lossless=True)),
        ("alpha.webp", _saved(_drawn("RGBA"), "WEBP")),
        ("moving.webp", _saved(_drawn("RGB"), "WEBP", save_all=True, append_images=[_drawn("RGB", 2)])),
    ]


def tiff() -> list[Seed]:
    """Plain and packed, of 8, 16 and 32 bits, of several pages, and big-endian."""
    deep = np.arange(768, dtype=np.uint16).reshape(24, 32) * 80
    plain = _saved(_drawn(), "TIFF")
    return [
        ("plain.tif", plain),
        ("lzw.tif", _saved(_drawn("RGB"), "TIFF", compression="tiff_lzw")),
        ("deflated.tif", _saved(_drawn("RGB"), "TIFF", compression="tiff_adobe_deflate")),
        ("jpeg.tif", _saved(_drawn("RGB"), "TIFF", compression="jpeg")),
        ("deep.tif", _saved(Image.fromarray(deep), "TIFF")),
        ("float.tif", _saved(Image.fromarray(deep.astype(np.float32)), "TIFF")),
        ("pages.tif", _saved(_drawn(), "TIFF", save_all=True, append_images=[_drawn(seed=2)])),
        ("bits.tif", _saved(_drawn("1"), "TIFF", compression="group4")),
        ("large.tif", _saved(_drawn(), "TIFF", big_tiff=True)),
    ]


def gif() -> list[Seed]:
    """One frame, and two."""
    return [
        ("still.gif", _saved(_drawn("P"), "GIF", comment=b"a comment")),
        ("moving.gif", _saved(_drawn("P"), "GIF", save_all=True, append_images=[_drawn("P", 2)])),
    ]


def dicom_of(pixels: Any, syntax: str = ExplicitVRLittleEndian, *, data: bytes | None = None, **tags: Any) -> bytes:
    """A DICOM file of some pixels; `data` where they are packed."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    meta.TransferSyntaxUID = syntax
    made = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    made.SOPClassUID, made.SOPInstanceUID, made.Modality = CTImageStorage, "1.2.3.4", "CT"
    made.SeriesInstanceUID, made.InstanceNumber, made.BodyPartExamined = "1.2.3", 2, "CHEST"
    made.ImageOrientationPatient, made.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [0, 0, 2]
    made.PixelSpacing, made.RescaleSlope, made.RescaleIntercept = [1, 1.2], 1, -100
    made.WindowCenter, made.WindowWidth = [40, 200], [80, 100]
    colour = pixels.ndim == 3 and pixels.shape[-1] == 3
    made.Rows, made.Columns = pixels.shape[:2] if colour else pixels.shape[-2:]
    made.SamplesPerPixel = 3 if colour else 1
    made.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        made.PlanarConfiguration = 0
    elif pixels.ndim == 3:
        made.NumberOfFrames = len(pixels)
    made.BitsAllocated = made.BitsStored = pixels.dtype.itemsize * 8
    made.HighBit, made.PixelRepresentation = made.BitsStored - 1, int(pixels.dtype.kind == "i")
    made.PixelData = pixels.tobytes() if data is None else data
    for name, value in tags.items():
        setattr(made, name, value)
    if data is not None:
        made["PixelData"].VR = "OB"
    out = io.BytesIO()
    pydicom.dcmwrite(out, made, enforce_file_format=True)
    return out.getvalue()


def _table(entries: int) -> Dataset:
    table = Dataset()
    table.add_new("LUTDescriptor", "US", [entries, 0, 8])
    table.add_new("LUTData", "US", list(range(entries)))
    return table


def _rle(frame: bytes) -> bytes:
    literal = b"".join(bytes([len(part) - 1]) + part for part in (frame[at : at + 128] for at in range(0, len(frame), 128)))
    return struct.pack("<16I", 1, 64, *[0] * 14) + literal + b"\0" * (len(literal) % 2)


def _lossless(rows: int, columns: int) -> bytes:
    """A lossless JPEG of 16 bits in which each value is as the one before it: one code, of one bit."""
    begin = struct.pack(">2sHBHHB3s", b"\xff\xc3", 11, 16, rows, columns, 1, b"\x01\x11\0")
    table = b"\xff\xc4\0\x14\0\x01" + bytes(16)
    return b"\xff\xd8" + begin + table + b"\xff\xda\0\x08\x01\x01\0\x01\0\0" + bytes(rows * columns // 8) + b"\xff\xd9"


def dicom() -> list[Seed]:
    """Every way to write the tags, tables, windows, several frames, functional groups, and to pack the pixels."""
    deep = np.full((24, 32), 1 << 15, np.uint16)
    grey = np.arange(768, dtype=np.int16).reshape(24, 32)
    eight = np.asarray(_drawn())
    volume = np.stack([grey + 5 * number for number in range(3)])
    measures, position, shared, first = Dataset(), Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [1, 1], 2
    position.ImagePositionPatient = [0, 0, 1]
    shared.PixelMeasuresSequence = Sequence([measures])
    first.PlanePositionSequence = Sequence([position])
    groups = {
        "SharedFunctionalGroupsSequence": Sequence([shared]),
        "PerFrameFunctionalGroupsSequence": Sequence([first] * 3),
    }
    palette = {
        "PhotometricInterpretation": "PALETTE COLOR",
        **{f"{colour}PaletteColorLookupTableDescriptor": [256, 0, 16] for colour in ("Red", "Green", "Blue")},
        **{f"{colour}PaletteColorLookupTableData": bytes(range(256)) * 2 for colour in ("Red", "Green", "Blue")},
    }
    still = _saved(_drawn(), "JPEG")
    return [
        ("explicit.dcm", dicom_of(grey)),
        ("implicit.dcm", dicom_of(grey, ImplicitVRLittleEndian)),
        ("big.dcm", dicom_of(grey.byteswap(), ExplicitVRBigEndian)),
        ("deflated.dcm", dicom_of(grey, DeflatedExplicitVRLittleEndian)),
        ("colour.dcm", dicom_of(np.asarray(_drawn("RGB")))),
        ("tables.dcm", dicom_of(eight, ModalityLUTSequence=Sequence([_table(256)]), VOILUTSequence=Sequence([_table(256)]))),
        ("palette.dcm", dicom_of(eight, **palette)),
        ("frames.dcm", dicom_of(volume, **groups)),
        ("rle.dcm", dicom_of(eight, RLELossless, data=encapsulate([_rle(eight.tobytes())]))),
        ("jpeg.dcm", dicom_of(eight, JPEGBaseline8Bit, data=encapsulate([still, still]), NumberOfFrames=2)),
        ("lossless.dcm", dicom_of(deep, JPEGLosslessSV1, data=encapsulate([_lossless(*deep.shape)]))),
        ("wavelets.dcm", dicom_of(eight, JPEG2000Lossless, data=encapsulate([_saved(_drawn(), "JPEG2000", no_jp2=True)]))),
        ("padded.dcm", dicom_of(grey, PixelPaddingValue=0, PixelPaddingRangeLimit=20, VOILUTFunction="SIGMOID")),
    ]


def nifti() -> list[Seed]:
    """Whole numbers, floats, colours, four dimensions; packed and not; with an extension that names labels."""
    import nibabel as nib  # noqa: PLC0415 - slow to import

    voxels = np.arange(24 * 20 * 6).reshape(24, 20, 6)
    affine = np.diag([1.0, 1.0, 3.0, 1.0])
    marked = nib.Nifti1Image((voxels % 3).astype(np.uint8), affine)
    named = b'<CaretExtension><Label Key="1" Red="1">liver</Label></CaretExtension>'
    marked.header.extensions.append(nib.nifti1.Nifti1Extension("comment", named))
    scaled = nib.Nifti1Image(voxels.astype(np.int16), affine)
    scaled.header.set_slope_inter(2, -1024)
    colour = np.zeros((12, 10, 4), np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))
    made = {
        "whole.nii": scaled,
        "packed.nii.gz": scaled,
        "float.nii": nib.Nifti1Image(voxels.astype(np.float32), affine),
        "marked.nii.gz": marked,
        "times.nii": nib.Nifti1Image(np.stack([voxels.astype(np.uint8)] * 2, axis=-1), affine),
        "colour.nii": nib.Nifti1Image(colour, affine),
        "second.nii": nib.Nifti2Image(voxels.astype(np.uint16), affine),
    }
    return [
        (name, gzip.compress(image.to_bytes(), mtime=0) if name.endswith(".gz") else image.to_bytes())
        for name, image in made.items()
    ]


def csv() -> list[Seed]:
    """Commas, semicolons, tabs, quotes and line ends, in two encodings."""
    header, values = ",".join(_ROW), '"a.png","Axial CT, a ""nodule""",CT,c1,Nodule'
    return [
        ("figures.csv", f"{header}\n{values}\nb.png,Frontal X-ray,XR,c1,\nc.png,A cyst,US,c2,Cyst\n".encode()),
        ("figures.csv", f"sep=;\r\n{header.replace(',', ';')}\r\n{values.replace(',', ';')}\r\n".encode("utf-8-sig")),
        ("metadata.csv", f"{header},url,license\n{values},{_LINK},CC BY 4.0\n".replace(",", "\t").encode("utf-16")),
    ]


def jsonl() -> list[Seed]:
    """Objects of words, and of what is no word."""
    more: dict[str, Any] = {
        "file": "b.png",
        "caption": None,
        "url": _LINK,
        "licence": "CC BY 4.0",
        "age": 43,
        "tags": ["a", {}],
    }
    rows = [_ROW, more, {"file": "c.png", "text": "A cyst \u2013 \ud83d\ude42"}]
    return [("metadata.jsonl", "\n".join(map(json.dumps, rows)).encode())]


def xlsx() -> list[Seed]:
    """A workbook of one sheet, as spreadsheets write it, with shared and inline strings."""
    rows = [list(_ROW), list(_ROW.values()), ["b.png", "Frontal X-ray", "XR", "c1", ""]]
    texts = list(dict.fromkeys(text for row in rows for text in row))
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    sheet = "".join(
        f'<row r="{number}">'
        + "".join(f'<c r="{chr(65 + place)}{number}" t="s"><v>{texts.index(text)}</v></c>' for place, text in enumerate(row))
        + "</row>"
        for number, row in enumerate(rows, start=1)
    )
    kinds = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    links = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        '<Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kinds}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kinds}.worksheet+xml"/>'
        f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kinds}.sharedStrings+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="r1" Type="{links}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook {main} xmlns:r="{links}"><sheets>'
        '<sheet name="figures" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="r1" Type="{links}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="r2" Type="{links}/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet {main}><dimension ref="A1:E3"/><sheetData>{sheet}</sheetData></worksheet>',
        "xl/sharedStrings.xml": f'<sst {main} count="{len(texts)}" uniqueCount="{len(texts)}">'
        + "".join(f"<si><t>{text}</t></si>" for text in texts)
        + "</sst>",
    }
    return [("figures.xlsx", zipped({name: text.encode() for name, text in parts.items()}))]


def zipped(members: dict[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive of some members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", kind) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_STORED if name.endswith(".stack") else kind)
    return out.getvalue()


def parquet() -> list[Seed]:
    """Rows as the hub has them, packed in different ways."""
    import pyarrow as pa  # noqa: PLC0415 - slow to import
    import pyarrow.parquet as pq  # noqa: PLC0415

    picture = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    pictures = [{"bytes": _saved(_drawn(seed=number), "JPEG"), "path": f"{number}.jpg"} for number in range(4)]
    table = pa.table(
        {
            "image": pa.array(pictures, picture),
            "image_id": [f"ROCOv2_2023_test_{number:06}" for number in range(4)],
            "caption": ["Axial CT of the chest.", "A cyst.", None, "Lateral X-ray"],
            "cui": pa.array([["C0040405"], [], None, ["C1306645"]], pa.list_(pa.string())),
        }
    )
    made = []
    for packing in ("snappy", "none", "gzip", "zstd"):
        out = io.BytesIO()
        pq.write_table(table, out, row_group_size=2, compression=packing, use_dictionary=packing != "none")
        made.append((f"test-{packing}.parquet", out.getvalue()))
    return made


@cache
def atlas() -> list[Seed]:
    """An atlas of two pictures with a case, and of a stack with labels."""
    from mirage import corpora  # noqa: PLC0415 - encodes
    from mirage.storage.archive_export import export  # noqa: PLC0415
    from mirage.storage.folder import AtlasFolder  # noqa: PLC0415
    from mirage.storage.ingest import add  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="mirage-") as temporary:
        folder = Path(temporary)
        (folder / "made").mkdir()
        for number, name in enumerate(("a.png", "b.png")):
            _drawn("RGB", number, 64).save(folder / "made" / name)
        rows = [",".join((*_ROW, "url")), ",".join((*_ROW.values(), _LINK)), f"b.png,A cyst,US,c1,,{_LINK}"]
        (folder / "made" / "figures.csv").write_text("\n".join(rows), "utf-8")
        for name, data in nifti():
            if name in ("packed.nii.gz", "marked.nii.gz"):
                (folder / "made" / name.replace("packed", "scan").replace("marked", "scan_seg")).write_bytes(data)
        with AtlasFolder.open(folder / "atlas", create=True) as opened:
            add(opened, corpora.load("folder", path=folder / "made", name="made", licence="CC0-1.0"))
        export(folder / "atlas", folder / "made.mirage", purpose="myself")
        return [("made.mirage", (folder / "made.mirage").read_bytes())]


SEEDS: dict[str, Callable[[], list[Seed]]] = {
    made.__name__: made for made in (png, jpeg, webp, tiff, gif, dicom, nifti, csv, xlsx, jsonl, parquet, atlas)
}
