"""Names, numbers and dates of made-up patients in everything that is added: how many of them come out anywhere.

    python -m benchmarks.personal --count 1000

Each file gets a name, a number and a date of its own in its name, its header, its EXIF, XMP, IPTC, comments and text chunks,
and in the row of a table. Then the whole folder of the atlas, both kinds of export, the log, and every page and answer of
the API that others than who added it see are searched for each of them.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import logging
import random
import re
import struct
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pydicom
from PIL import Image, PngImagePlugin
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, UltrasoundImageStorage

from mirage.atlas import Atlas
from mirage.jobs import Jobs
from mirage.settings import Settings
from mirage.storage.archive_export import export

_KINDS = ("png", "jpg", "webp", "tif", "dcm", "us", "nii")
_MADE = re.compile(rb"(?=(q[a-z]{9}|7\d{9}|19\d{6}))")  # as the words below are made
_CODED = re.compile(rb"[A-Za-z0-9+/]{16,}")
_CONSONANTS, _VOWELS = "bdfgklmnprstvwz", "aeiou"


@dataclass(frozen=True)
class Seeds:
    """What was hidden where: each word to where it stood."""

    folder: Path
    words: dict[str, str]


class _Made:
    def __init__(self, seed: int) -> None:
        self._random, self.words = random.Random(seed), dict[str, str]()

    def name(self, where: str) -> str:
        """A name that nobody has, in one word."""
        made = "Q" + "".join(self._random.choice(_CONSONANTS if n % 2 else _VOWELS) for n in range(9))
        return self._kept(made, where)

    def number(self, where: str) -> str:
        """Ten digits."""
        return self._kept("7" + "".join(str(self._random.randrange(10)) for _ in range(9)), where)

    def date(self, where: str) -> str:
        """A day of a year that no file of today holds."""
        random = self._random
        return self._kept(f"{random.randrange(1900, 1960)}{random.randrange(1, 13):02}{random.randrange(1, 29):02}", where)

    def uid(self, where: str) -> str:
        """A UID that no other file has."""
        return "1.2.826.0.1." + self.number(where) + ".4.5"

    def _kept(self, made: str, where: str) -> str:
        self.words[made] = where
        return made


def make(folder: Path, count: int, seed: int = 7) -> Seeds:
    """Make a folder of files of all kinds, full of what must not come out.

    Parameters
    ----------
    folder : Path
    count : int
        Files with words of their own.
    seed : int
    """
    made = _Made(seed)
    within = folder / f"{made.name('folder')}_{made.date('folder')}"
    within.mkdir(parents=True)
    warnings.filterwarnings("ignore", module=r"pydicom\.")  # which quotes what is wrong with the values
    rows = ["file,caption,case,patient,mrn,dob,name"]
    for number in range(count):
        kind = _KINDS[number % len(_KINDS)]
        stem = f"{made.name('file name')}_{made.number('file name')}_{made.date('file name')}"
        path = within / f"{stem}.{'dcm' if kind == 'us' else kind}"
        _WRITERS[kind](path, _pixels(number), made)
        if number % 3 == 0:
            cells = (made.name("case"), made.name("patient column"), made.number("mrn column"), made.date("dob column"))
            title = f"{made.name('name column')} {made.name('name column')}"
            rows.append(f"{path.name},A phantom of nothing,{','.join(cells)},{title}")
    (within / "figures.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (within / f"{made.name('damaged file name')}.png").write_bytes(b"\x89PNG\r\n\x1a\ncut")
    (within / f"{made.name('passed over name')}.docx").write_bytes(b"PK words")
    return Seeds(within, made.words)


def _pixels(number: int) -> np.ndarray:
    rng = np.random.default_rng(number)
    return np.clip(np.add.outer(np.arange(40) * 3, np.arange(48) * 2) + rng.normal(0, 12, (40, 48)), 0, 255).astype(np.uint8)


def _told(made: _Made, where: str) -> str:
    return f"{made.name(where)} {made.number(where)} {made.date(where)}"


def _exif(made: _Made, where: str) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010E], exif[0x013B], exif[0x8298] = (_told(made, where) for _ in range(3))
    exif[0x9C9B] = _told(made, where).encode("utf-16le")  # XPTitle
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + _told(made, where).encode()
    exif.get_ifd(0x8825)[0x1D] = made.date(where)
    return exif


def _xmp(made: _Made, where: str) -> bytes:
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF>{_told(made, where)}</rdf:RDF></x:xmpmeta>'.encode()


def _png(path: Path, pixels: np.ndarray, made: _Made) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", _told(made, "PNG text"))
    info.add_text("Packed", _told(made, "PNG packed text"), zip=True)
    info.add_itxt("XML:com.adobe.xmp", _xmp(made, "PNG XMP").decode())
    Image.fromarray(pixels).save(path, pnginfo=info, exif=_exif(made, "PNG EXIF"))
    with path.open("ab") as file:
        file.write(_told(made, "after the PNG").encode())


def _jpg(path: Path, pixels: np.ndarray, made: _Made) -> None:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", exif=_exif(made, "JPEG EXIF"), comment=_told(made, "JPEG comment"))
    words = _told(made, "IPTC").encode()
    iptc = b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(words)) + words
    xmp = b"http://ns.adobe.com/xap/1.0/\0" + _xmp(made, "JPEG XMP")
    segments = b"".join(
        bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body for marker, body in ((0xED, iptc), (0xE1, xmp))
    )
    path.write_bytes(out.getvalue()[:2] + segments + out.getvalue()[2:] + _told(made, "after the JPEG").encode())


def _webp(path: Path, pixels: np.ndarray, made: _Made) -> None:
    Image.fromarray(pixels).convert("RGB").save(path, exif=_exif(made, "WebP EXIF"), xmp=_xmp(made, "WebP XMP"))


def _tif(path: Path, pixels: np.ndarray, made: _Made) -> None:
    tags = {270: _told(made, "TIFF description"), 315: _told(made, "TIFF artist"), 33432: _told(made, "TIFF copyright")}
    Image.fromarray(pixels).save(path, tiffinfo=tags)


def _dicom(path: Path, pixels: np.ndarray, made: _Made, kind: str = CTImageStorage, modality: str = "CT") -> None:
    where = "DICOM header"
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = kind, made.uid(where)
    meta.TransferSyntaxUID, meta.SourceApplicationEntityTitle = ExplicitVRLittleEndian, made.name(where)
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = kind, meta.MediaStorageSOPInstanceUID
    for tag in ("PatientName", "OtherPatientNames", "ReferringPhysicianName", "OperatorsName", "PerformingPhysicianName"):
        setattr(data, tag, f"{made.name(where)}^{made.name(where)}")
    for tag in ("PatientID", "AccessionNumber", "OtherPatientIDs", "DeviceSerialNumber", "StudyID"):
        setattr(data, tag, made.number(where))
    for tag in ("PatientBirthDate", "StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"):
        setattr(data, tag, made.date(where))
    for tag in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
        setattr(data, tag, made.uid(where))
    for tag in (
        "InstitutionName", "InstitutionAddress", "StationName", "StudyDescription", "SeriesDescription", "ProtocolName",
        "PatientComments", "ImageComments", "PatientAddress", "RequestedProcedureDescription", "ContentLabel",
    ):  # fmt: skip
        setattr(data, tag, _told(made, where)[:16] if tag in ("StationName", "ContentLabel") else _told(made, where))
    data.BodyPartExamined, data.ViewPosition = made.name("body part"), made.name("view")
    data.Modality = modality
    private = data.private_block(0x0029, made.name("private block"), create=True)
    private.add_new(1, "LT", _told(made, "private tag"))
    data.add_new(0x60000022, "LO", _told(made, "overlay"))
    data.Rows, data.Columns = pixels.shape
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelRepresentation, data.PixelData = 7, 0, pixels.tobytes()
    pydicom.dcmwrite(path, data, enforce_file_format=True)


def _us(path: Path, pixels: np.ndarray, made: _Made) -> None:
    _dicom(path, pixels, made, UltrasoundImageStorage, "US")


def _nii(path: Path, pixels: np.ndarray, made: _Made) -> None:
    volume = np.stack([np.roll(pixels, n, 0) for n in range(6)], -1).astype("<i2")
    header = bytearray(352)
    struct.pack_into("<i10s18s", header, 0, 348, made.name("NIfTI type").encode(), _told(made, "NIfTI name")[:18].encode())
    struct.pack_into("<8h", header, 40, 3, *volume.shape, 1, 1, 1, 1)
    struct.pack_into("<hh", header, 70, 4, 16)
    struct.pack_into("<8f", header, 76, 1, 1, 1, 1, 1, 1, 1, 1)
    struct.pack_into("<f", header, 108, 352)
    struct.pack_into("<80s24s", header, 148, _told(made, "NIfTI words").encode(), made.number("NIfTI file").encode())
    struct.pack_into("<16s4s", header, 328, made.name("NIfTI intent").encode(), b"n+1\0")
    path.write_bytes(bytes(header) + volume.tobytes(order="F"))


_WRITERS: dict[str, Callable[[Path, np.ndarray, _Made], None]] = {
    "png": _png, "jpg": _jpg, "webp": _webp, "tif": _tif, "dcm": _dicom, "us": _us, "nii": _nii,
}  # fmt: skip


# -- looking for them -----------------------------------------------------------------------------------------------------


def found_in(words: Iterable[str], things: Iterable[tuple[str, bytes]]) -> list[tuple[str, str]]:
    """Words that stand in something, however they are written: pairs of word and thing.

    Parameters
    ----------
    words : iterable of str
    things : iterable of (str, bytes)
        What each is called, and what is in it.
    """
    wanted = {word.lower().encode(): word for word in words}
    found = []
    for name, data in things:
        for plain in (data, data.replace(b"\0", b""), *_unpacked(data)):
            found += [(wanted[piece], name) for piece in wanted.keys() & set(_MADE.findall(plain.lower()))]
    return list(dict.fromkeys(found))


def _unpacked(data: bytes) -> Iterator[bytes]:
    """What runs of letters and figures say that may be base64, wherever a byte begins in them."""
    for run in _CODED.findall(data):
        for start in range(4):
            yield base64.b64decode(run[start : start + (len(run) - start) // 4 * 4])


def files_of(folder: Path) -> Iterator[tuple[str, bytes]]:
    """All files of a folder with what is in them, compressed members unpacked."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            yield path.relative_to(folder).as_posix(), path.name.encode() + b" " + data.replace(b"\0" * 64, b"")
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    for name in archive.namelist():
                        yield f"{path.name}/{name}", name.encode() + archive.read(name) + archive.comment


def pages_of(ask: Callable[[str], bytes], atlas: Atlas) -> Iterator[tuple[str, bytes]]:
    """What others see of the site: pages and answers of the API.

    Parameters
    ----------
    ask : callable
        Given an address, without a token; gives what is answered.
    atlas : Atlas
    """
    ids = [row.figure.id for rows in atlas.store.each() for row in rows]
    jobs = [job["id"] for job in json.loads(ask("/api/jobs"))["jobs"]]
    known = ["/", "/corpora", "/browse", "/map", "/generate", "/collections", "/quiz", "/reviews", "/repeat", "/notices"]
    known += ["/api/atlas", "/api/corpora", "/api/jobs", "/openapi.json", "/api/search?q=phantom", "/search?q=phantom"]
    known += [f"/{kind}/{job}" for job in jobs for kind in ("jobs", "api/jobs")]
    known += [f"/{kind}/{quote(own)}" for own in ids for kind in ("figures", "api/figures")]
    known += [f"/{kind}?figure={quote(own)}" for own in ids[:20] for kind in ("remove", "api/remove", "api/edit")]
    for address in known:
        yield address, ask(address)


def main() -> None:
    """Make them, add them, and say how many come out."""
    from fastapi.testclient import TestClient  # noqa: PLC0415 - the site takes a while to load

    from mirage.web import create_app  # noqa: PLC0415

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000, help="Files with words of their own.")
    log = io.StringIO()
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        seeds = make(place / "given", parser.parse_args().count)
        logging.basicConfig(stream=log, level=logging.DEBUG)
        settings = Settings.load(atlas=place / "atlas", names=place / "names")
        with Atlas.open(place / "atlas", create=True) as atlas, closing(Jobs(atlas)) as jobs:
            job = jobs.start_add(corpus="folder", path=seeds.folder)
            while not (told := jobs.get(job.id)).ended:
                time.sleep(0.05)
            client = TestClient(create_app(atlas, settings, jobs_of=jobs), base_url="http://localhost")
            things = list(pages_of(lambda address: client.get(address).content, atlas))
        (place / "out").mkdir()
        for purpose in ("myself", "pass-on"):
            try:
                export(place / "atlas", place / "out" / f"{purpose}.mirage", purpose=purpose)
            except Exception as error:
                things.append((purpose, str(error).encode()))
        things += [*files_of(place / "atlas"), *files_of(place / "out"), ("the log", log.getvalue().encode())]
        found = found_in(seeds.words, things)
        print(told.message)
        print(f"{len(seeds.words):,} words in {len(things):,} places: {len(found)} found")
        for word, where in found[:50]:
            print(f"  {word} (in the {seeds.words[word]}): {where}")


if __name__ == "__main__":
    main()
