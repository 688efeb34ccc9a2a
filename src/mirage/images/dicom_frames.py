"""Frames of a DICOM file as stored values. pydicom unpacks them; what it does not unpack is unpacked here, if it can be.

Compression and encapsulation: DICOM PS3.5, annexes A and G. Bits stored and high bit: PS3.5, 8.1.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pydicom
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.decoders.rle import _rle_decode_segment, _rle_parse_header
from pydicom.pixels.utils import iter_pixels, pixel_array
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGExtended12Bit, RLELossless

from mirage.errors import BadPicture
from mirage.images.child import child_of
from mirage.images.dicom_header import OVERLAYS, frames_in
from mirage.installed import to_install
from mirage.wording import _

_PLAIN = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)
_DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"
# MPEG-2, MPEG-4 and HEVC; SMPTE ST 2110. pydicom knows the names of some.
_VIDEO = ("1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.101", "1.2.840.10008.1.2.4.102", "1.2.840.10008.1.2.4.103",
          "1.2.840.10008.1.2.4.104", "1.2.840.10008.1.2.4.105", "1.2.840.10008.1.2.4.106", "1.2.840.10008.1.2.4.107",
          "1.2.840.10008.1.2.4.108", "1.2.840.10008.1.2.7.")  # fmt: skip
# What unpacks each compression, tried by installing it. All of it comes with the extra `dicom`.
_J2K = "pylibjpeg pylibjpeg-openjpeg"
_HELPS = {
    "1.2.840.10008.1.2.4.51": "python-gdcm",  # JPEG of 12 bits
    "1.2.840.10008.1.2.4.57": "python-gdcm", "1.2.840.10008.1.2.4.70": "python-gdcm",  # JPEG lossless
    "1.2.840.10008.1.2.4.80": "pyjpegls", "1.2.840.10008.1.2.4.81": "pyjpegls",
    "1.2.840.10008.1.2.4.90": _J2K, "1.2.840.10008.1.2.4.91": _J2K,
    "1.2.840.10008.1.2.4.201": _J2K, "1.2.840.10008.1.2.4.202": _J2K, "1.2.840.10008.1.2.4.203": _J2K,
}  # fmt: skip
_IMPORTED = {"python-gdcm": "gdcm", "pyjpegls": "jpeg_ls", "pylibjpeg": "pylibjpeg", "pylibjpeg-openjpeg": "openjpeg"}
_OPTIONS = {
    "SamplesPerPixel": "samples_per_pixel", "PhotometricInterpretation": "photometric_interpretation",
    "PlanarConfiguration": "planar_configuration", "NumberOfFrames": "number_of_frames", "BitsStored": "bits_stored",
    "PixelRepresentation": "pixel_representation",
}  # fmt: skip
_RETIRED = ("ARGB", "CMYK", "HSV", "YBR_PARTIAL_422", "YBR_PARTIAL_420")
_BEFORE_GDCM = ("pydicom", "pylibjpeg", "pyjpegls", "pillow")
_JPEG_LS = ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81")
_GDCM_CHILD = Path(__file__).with_name("gdcm_child.py")
_GDCM_BYTES, _GDCM_SECONDS = 10**9, 60.0  # for a frame
_PIXEL_GROUP, _PIXEL_DATA = 0x0028, b"\xe0\x7f\x10\x00"
_MOST_MARKED = 0.25  # of pixels, by an overlay that no header describes

Unpack = Callable[[bytes, pydicom.Dataset], bytes]
Pixels = Callable[..., Iterator[Any]]


def frames_values(file: BinaryIO, tags: pydicom.Dataset, numbers: Sequence[int], name: str) -> Generator[Any]:
    """Yield the stored values of some frames, before rescaling, without beginning anew for each.

    Parameters
    ----------
    file : binary file
    tags : pydicom.Dataset
        Of its header.
    numbers : sequence of int
        Of the frames, from 1.
    name : str
        What to call the file in messages.

    Yields
    ------
    (rows, columns) or (rows, columns, samples) array
        Grey values, indices of a palette, or RGB.

    Raises
    ------
    mirage.errors.BadPicture
    """
    try:
        syntax = _syntax(tags)
        unpack = _unpacking(syntax, tags, name)
        usual = _is_as_named(file, tags, syntax)
        described = _described(tags, syntax, name)
        pixels = iter_pixels if usual else partial(_pixels, described)
    except (AttributeError, TypeError, ValueError) as error:  # several values where one belongs, words for numbers
        raise BadPicture(_("%(name)s has pixels that its header does not describe. Export it again.", name=name)) from error
    frames, done = _frames(file, described, syntax, unpack, [number - 1 for number in numbers], pixels), 0
    while done < len(numbers):
        try:
            values = next(frames)
        except StopIteration:
            raise BadPicture(
                _("%(name)s is cut short: it has no frame %(numbers)s. Export it again.", name=name, numbers=numbers[done])
            ) from None
        except MemoryError:
            raise BadPicture(_("%(name)s needs more memory than there is.", name=name)) from None
        except AttributeError as error:
            raise BadPicture(
                _(
                    "%(name)s is a DICOM file without a picture: it has no pixel data, or nothing that describes them.",
                    name=name,
                )
            ) from error
        except (BadPicture, OverflowError, zlib.error):  # the last two of a deflated file
            raise
        except Exception as error:  # decoders of strangers' bytes raise anything
            missing = _missing(syntax)
            otherwise = (
                _(", or needs a reader that whoever runs MIRAGE here can install (%(install)s)", install=install(missing))
                if missing
                else ""
            )
            raise BadPicture(
                _(
                    "%(name)s is damaged or cut short%(otherwise)s: frame %(numbers)s cannot be decoded. "
                    "Export it again, uncompressed.",
                    name=name,
                    otherwise=otherwise,
                    numbers=numbers[done],
                )
            ) from error
        done += 1
        yield values


def install(packages: str) -> str:
    """How to get what unpacks a compression, as it is typed."""
    return to_install(*packages.split())


def _syntax(tags: pydicom.Dataset) -> Any:
    """How the file is stored. Old files do not name it, and others name it wrongly; reading the header has told it."""
    implicit, little = tags.original_encoding
    told = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian if little else ExplicitVRBigEndian
    named = getattr(tags, "file_meta", pydicom.Dataset()).get("TransferSyntaxUID")
    return told if named in (None, "", *_PLAIN) else named


def _frames(
    file: BinaryIO, tags: pydicom.Dataset, syntax: Any, unpack: Unpack | None, indices: Sequence[int], pixels: Pixels
) -> Iterator[Any]:
    options = {option: tags[keyword].value for keyword, option in _OPTIONS.items() if keyword in tags}
    if unpack is not None or syntax.is_compressed:
        begin, _other, as_usual = _place(file)
        if unpack is None and as_usual:
            file.seek(0)
            reader = next((each for each in _BEFORE_GDCM if each in _readers(syntax)), "")
            shift = _shift(tags) if syntax == RLELossless else 0  # other forms know their own bits
            for values in pixels(
                file, indices=list(indices), transfer_syntax_uid=syntax, decoding_plugin=reader,
                correct_unused_bits=not shift, **options,
            ):  # fmt: skip
                yield _from_high_bit(values, shift, tags) if shift else values
        else:
            yield from _unpacked(file, begin, tags, syntax, indices, unpack)
    elif tags.BitsAllocated == 1 and tags.Rows * tags.Columns % 8:
        yield from _bits(file, tags, indices)
    else:
        if (
            tags.get("PhotometricInterpretation") == "YBR_FULL_422"
            and _place(file)[1] >= _length(tags) * tags.NumberOfFrames
        ):
            options["photometric_interpretation"] = "YBR_FULL"  # which it is: no colour is shared by two pixels
        shift = _shift(tags)
        file.seek(0)
        for values in pixels(
            file, indices=list(indices), transfer_syntax_uid=syntax, correct_unused_bits=not shift, **options
        ):
            yield _from_high_bit(values, shift, tags) if shift else values


def _is_as_named(file: BinaryIO, tags: pydicom.Dataset, syntax: Any) -> bool:
    """Whether pydicom can read the header once more: not where the number of frames is *1A*, or where an explicit VR that
    is named does not stand before the pixels.
    """
    try:
        int(tags.get("NumberOfFrames", 1))
        return syntax not in _PLAIN or _place(file)[2] != syntax.is_implicit_VR
    except AttributeError:  # pixels in floating point, or none
        return True
    except (TypeError, ValueError):
        return False


def _pixels(tags: pydicom.Dataset, file: BinaryIO, *, transfer_syntax_uid: Any, **options: Any) -> Iterator[Any]:
    """`iter_pixels` for a file whose header it cannot read, with what else describes the pixels."""
    begin, _other, explicit = _place(file)
    file.seek(begin)
    options |= {
        "rows": tags.Rows, "columns": tags.Columns, "bits_allocated": tags.BitsAllocated,
        "pixel_keyword": "PixelData", "pixel_vr": "OB" if explicit and tags.BitsAllocated <= 8 else "OW",
    }  # fmt: skip
    return (values for values, _ in get_decoder(transfer_syntax_uid).iter_array(file, validate=True, **options))


def _described(tags: pydicom.Dataset, syntax: Any, name: str) -> pydicom.Dataset:
    """What describes the pixels, with what files leave out where it can be nothing else."""
    found = pydicom.Dataset()
    found.update(
        {each.tag: each for each in tags if (each.tag.group == _PIXEL_GROUP or each.tag in OVERLAYS) and each.VR != "SQ"}
    )
    bits, samples = int(tags.get("BitsAllocated") or 0), int(tags.get("SamplesPerPixel") or 1)
    kind = str(tags.get("PhotometricInterpretation") or "").strip()
    if samples not in (1, 3) or (kind in _RETIRED and not (syntax.is_transfer_syntax and syntax.is_compressed)):
        raise BadPicture(
            _(
                "%(name)s has colours of a kind that is not read (%(kind)s). Export it as RGB.",
                name=name,
                kind=kind[:16] or _("%(samples)s samples a pixel", samples=samples),
            )
        )
    found.SamplesPerPixel, found.NumberOfFrames = samples, frames_in(tags)
    found.PhotometricInterpretation = kind or ("RGB" if samples == 3 else "MONOCHROME2")
    # What is unpacked from JPEG and the like comes by pixel, whatever the header says of planes (PS3.5, 8.2).
    unpacked = syntax.is_transfer_syntax and syntax.is_encapsulated and syntax not in (RLELossless, _DEFLATED_FRAMES)
    if samples == 3 and (unpacked or tags.get("PlanarConfiguration") not in (0, 1)):
        found.PlanarConfiguration = 0
    stored = int(tags.get("BitsStored") or 0)
    if bits and not 0 < stored <= bits:
        found.BitsStored, found.HighBit = bits, bits - 1
    if tags.get("PixelRepresentation") not in (0, 1):
        found.PixelRepresentation = 0
    return found


def _shift(tags: pydicom.Dataset) -> int:
    """How many bits below the stored ones belong to nothing; 0 as nearly always."""
    stored, high = (int(tags.get(key) or 0) for key in ("BitsStored", "HighBit"))
    return high + 1 - stored if stored and stored <= high < int(tags.get("BitsAllocated") or 0) else 0


def _from_high_bit(values: Any, shift: int, tags: pydicom.Dataset) -> Any:
    """Values brought down to the lowest bit, without the overlays below them; as they are where the header is wrong."""
    low = (1 << shift) - 1
    for pair in zip(OVERLAYS[::2], OVERLAYS[1::2], strict=True):
        # An overlay in the pixels says where; one with data of its own has one bit allocated.
        bits, place = (tags[tag].value if tag in tags else 0 for tag in pair)
        if bits == tags.BitsAllocated and isinstance(place, int) and 0 <= place < shift:
            low &= ~(1 << place)
    marks = values & low
    if np.count_nonzero(marks) > _MOST_MARKED * np.count_nonzero(values):
        # The stored bits stand where they usually do, or are more than said; unless marks fill one bit below larger values.
        stored, signed = int(tags.BitsStored), values.dtype.kind == "i"
        least, most = (-(1 << stored - 1), (1 << stored - 1) - 1) if signed else (0, (1 << stored) - 1)
        if np.bitwise_count(np.bitwise_or.reduce(marks, axis=None)) > 1 or (values.min() >= least and values.max() <= most):
            return values
    above = values.dtype.itemsize * 8 - int(tags.HighBit) - 1
    return np.right_shift(np.left_shift(values, above), above + shift)


def _bits(file: BinaryIO, tags: pydicom.Dataset, indices: Sequence[int]) -> Iterator[Any]:
    """Frames of one bit a pixel that do not begin with a byte: they follow each other without a gap."""
    begin, pixels = _place(file)[0], int(tags.Rows) * int(tags.Columns)
    for index in indices:
        first, skipped = divmod(index * pixels, 8)
        file.seek(begin + first)
        data = np.frombuffer(file.read((skipped + pixels + 7) // 8), np.uint8)
        yield np.unpackbits(data, bitorder="little")[skipped : skipped + pixels].reshape(tags.Rows, tags.Columns)


def _place(file: BinaryIO) -> tuple[int, int, bool]:
    """Where pixels begin, how many bytes they have, and whether an explicit VR stands before them, as pydicom expects."""
    file.seek(0)
    pydicom.dcmread(file, force=True, stop_before_pixels=True, specific_tags=["Rows"])
    tag = file.read(4)
    if tag not in (_PIXEL_DATA, _PIXEL_DATA[1::-1] + _PIXEL_DATA[:1:-1]):
        raise AttributeError("no pixel data")
    length = file.read(4)
    explicit = length[:2] in (b"OB", b"OW", b"UN")
    length = file.read(4) if explicit else length
    return file.tell(), int.from_bytes(length, "little" if tag == _PIXEL_DATA else "big"), explicit


def _unpacked(
    file: BinaryIO, begin: int, tags: pydicom.Dataset, syntax: Any, indices: Sequence[int], unpack: Unpack | None
) -> Iterator[Any]:
    """Frames that are taken out of the file here, one by one, and each read as a file of its own."""
    frames = int(tags.NumberOfFrames)
    one = pydicom.Dataset()
    one.update(tags)
    one.NumberOfFrames = 1
    if unpack and one.PhotometricInterpretation == "YBR_FULL_422":
        one.PhotometricInterpretation = "YBR_FULL"  # every pixel has its colour, once it is unpacked
    one.file_meta = pydicom.dataset.FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian if unpack else syntax
    for index in indices:
        file.seek(begin)
        data = get_frame(file, index, number_of_frames=frames)
        data = unpack(data, tags) if unpack else encapsulate([data])
        one.add_new("PixelData", "OW" if unpack else "OB", data + bytes(len(data) % 2))
        one["PixelData"].is_undefined_length = not unpack
        yield pixel_array(one)


def _length(tags: pydicom.Dataset) -> int:
    """Bytes of an unpacked frame."""
    bits = int(tags.Rows) * int(tags.Columns) * int(tags.get("SamplesPerPixel") or 1) * int(tags.BitsAllocated)
    return (bits + 7) // 8


def _inflate(data: bytes, tags: pydicom.Dataset) -> bytes:
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, _length(tags))


def _bits_of_runs(data: bytes, tags: pydicom.Dataset) -> bytes:
    """A frame of one bit a pixel, of which pydicom unpacks whole bytes alone."""
    begin = _rle_parse_header(data[:64])[0]
    return bytes(_rle_decode_segment(data[begin:])[: _length(tags)])


def _by_gdcm(syntax: str, data: bytes, tags: pydicom.Dataset) -> bytes:
    """A frame that GDCM alone unpacks here, in a process of its own, since damaged frames make it abort.

    Lossless JPEG is unpacked as pydicom would have it done, and JPEG of 12 bits as dcmtk does it, bit for bit, which pydicom
    does not ask GDCM for.
    """
    samples, bits, stored = int(tags.SamplesPerPixel), int(tags.BitsAllocated), int(tags.BitsStored)
    if syntax in _JPEG_LS and stored < 8:
        raise NotImplementedError(_("GDCM unpacks them wrongly"))
    form = [samples, bits, stored, stored - 1, int(tags.PixelRepresentation) if syntax != JPEGExtended12Bit else 0]
    size, kind = [int(tags.Columns), int(tags.Rows)], str(tags.PhotometricInterpretation)
    planar, length = int(tags.get("PlanarConfiguration") or 0), _length(tags)
    told, unpacked = child_of(_GDCM_CHILD, _GDCM_BYTES).ask(
        "unpack", syntax, size, kind, planar, form, data=data, seconds=_GDCM_SECONDS, most=length + 1
    )
    if "error" in told:
        raise MemoryError if told.get("memory") else ValueError(told["error"])
    if bits == 16 and stored == 8 and len(unpacked) == length // 2:  # some forms give a byte where one is enough
        return np.frombuffer(unpacked, np.uint8).astype("<u2").tobytes()
    return unpacked


def _unpacking(syntax: Any, tags: pydicom.Dataset, name: str) -> Unpack | None:
    """What unpacks a frame where pydicom does not; None where it does. Refuses what cannot be unpacked here."""
    if str(syntax).startswith(_VIDEO):
        raise BadPicture(
            _(
                "%(name)s is a video (%(syntax)s), which is not played here. Export some of its frames as pictures.",
                name=name,
                syntax=_called(syntax),
            )
        )
    if syntax == _DEFLATED_FRAMES:
        return _inflate
    try:
        if not syntax.is_compressed or syntax.is_deflated:
            return None
        readers = _readers(syntax)
    except (ValueError, NotImplementedError):
        # A private form, or one that is newer than pydicom.
        raise BadPicture(
            _(
                "%(name)s is stored in a form that cannot be read (%(syntax)s). Export it "
                "uncompressed, or its frames as pictures.",
                name=name,
                syntax=_called(syntax),
            )
        ) from None
    if syntax == RLELossless and int(tags.get("BitsAllocated") or 0) == 1:
        return _bits_of_runs
    deep = syntax == JPEGExtended12Bit and int(tags.get("BitsStored") or 8) > 8
    by_others = [each for each in _BEFORE_GDCM if each in readers and (each == "pylibjpeg" or not deep)]
    if by_others:
        return None
    if "gdcm" in readers or (deep and _there("python-gdcm")):
        return partial(_by_gdcm, str(syntax))
    if readers and not deep:
        return None
    kind = _("JPEG of %(bits)s bits", bits=12) if deep else _called(syntax)
    raise BadPicture(
        _(
            "%(name)s is compressed as %(kind)s, which needs more than is here. Use %(syntax)s, "
            "or export the file uncompressed.",
            name=name,
            kind=kind,
            syntax=install(_missing(syntax)),
        )
    )


def _readers(syntax: Any) -> tuple[str, ...]:
    """What pydicom finds here to unpack a compression."""
    return tuple(get_decoder(syntax).available_plugins)


def _called(syntax: Any) -> str:
    return str(syntax.name)[:64].split("(")[0].removesuffix("Image Compression").strip(" ,")


def _missing(syntax: Any) -> str:
    """The packages that are not here and unpack a compression; empty where there are none."""
    return " ".join(package for package in _HELPS.get(str(syntax), "").split() if not _there(package))


def _there(package: str) -> bool:
    return find_spec(_IMPORTED[package]) is not None
