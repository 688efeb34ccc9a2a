"""An encoder of torch into a folder of ONNX, checked against the original, so that it runs where there is no torch."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image

from mirage.encoders.onnx import ExportConfig, OnnxEncoder
from mirage.encoders.towers import CONFIG, FORMAT, IMAGE, TEXT, TOKENIZER, TorchEncoder, missing_package
from mirage.errors import BadInput, Unavailable
from mirage.locales import number
from mirage.models.runtime import Placement, first_line
from mirage.shipped import SHIPPED
from mirage.wording import _

# The least cosine, over all that is checked, that an export must have to its original.
BARS = {"fp32": 0.9999, "fp16": 0.999, "int8": 0.98}
_OPSET = 17
_TEXTS, _PICTURES = 64, 24


@dataclass(frozen=True, slots=True)
class EncoderExport:
    """What an export made.

    Attributes
    ----------
    folder : Path
    precision : str
    bytes : int
        Of all files.
    text_cosine, image_cosine : float
        The lowest to the original, over `texts` texts and `images` pictures.
    texts, images : int
    """

    folder: Path
    precision: str
    bytes: int
    text_cosine: float
    image_cosine: float
    texts: int
    images: int


def export(
    encoder: Any, folder: Path, precision: str = "int8", progress: Callable[[str], None] = lambda line: None
) -> EncoderExport:
    """Write an encoder as ONNX into a folder that the encoder ``onnx`` opens.

    Parameters
    ----------
    encoder : TorchEncoder
        An ``open_clip`` or ``transformers`` encoder, opened with ``device="cpu"`` and ``dtype="float32"``.
    folder : Path
        Must not be there, or be empty. It is written under another name first, so that it is there whole or not at all.
    precision : str
        ``int8``: matrices in int8, in blocks of 128; ``fp16``: weights kept in fp16, arithmetic in fp32; ``fp32``.
    progress : callable
        Called with a line for each step.

    Raises
    ------
    mirage.errors.BadInput
        When the encoder cannot be exported, or the folder is not empty.
    mirage.errors.Unavailable
        When the export does not give the vectors of the original closely enough; nothing is left behind. Or when the disk
        is full, or a library is missing.
    """
    if precision not in BARS:
        raise BadInput(
            _("The precision is one of %(BARS)s, not %(precision)s.", BARS=", ".join(BARS), precision=repr(precision))
        )
    if not isinstance(encoder, TorchEncoder):
        raise BadInput(_("Only open_clip and transformers encoders can be exported; the starter encoder is ONNX already."))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput(_("%(folder)s is there already and not empty. Name another folder for the export.", folder=folder))
    if encoder.loaded.where != Placement("cpu", "float32"):
        raise BadInput(
            _("An encoder is exported from the processor in float32: open it with device='cpu', dtype='float32'.")
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".partial", dir=folder.parent))
    try:
        _write(encoder, partial, precision, progress)
        read = encoder.tokenizer
        told = ExportConfig(
            FORMAT, precision, encoder.info(), encoder.preprocessing, read.max_tokens, read.pad, read.trims, {}
        )
        (partial / CONFIG).write_text(told.print(), "utf-8")
        progress(_("Checking against the original."))
        checked = _checked(encoder, OnnxEncoder(partial))
        (partial / CONFIG).write_text(replace(told, checked=checked).print(), "utf-8")
        texts, images = checked["text_min"], checked["image_min"]
        if not min(texts, images) >= BARS[precision]:
            raise Unavailable(
                _(
                    "Exported as %(precision)s, the encoder's vectors come as near as cosine %(nearest)s to the original's, "
                    "where %(wanted)s is wanted (texts %(texts)s, pictures %(pictures)s). Nothing was written. Export it "
                    "as %(other)s.",
                    precision=precision,
                    nearest=number(min(texts, images), 4),
                    wanted=BARS[precision],
                    texts=number(texts, 4),
                    pictures=number(images, 4),
                    other="fp16" if precision == "int8" else "fp32",
                )
            )
        size = sum(path.stat().st_size for path in partial.iterdir())
        if folder.exists():
            folder.rmdir()
        partial.chmod(0o755)
        partial.replace(folder)
    except OSError as error:
        raise Unavailable(
            _(
                "%(folder)s could not be written: %(error)s Make room, or name another.",
                folder=folder,
                error=first_line(error),
            )
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    progress(_("Wrote %(folder)s, %(size)s MB.", folder=folder, size=format(size / 1e6, ".0f")))
    return EncoderExport(folder, precision, size, texts, images, int(checked["texts"]), int(checked["images"]))


def _write(encoder: TorchEncoder, folder: Path, precision: str, progress: Callable[[str], None]) -> None:
    try:
        import torch  # noqa: PLC0415

        from mirage.models import export as shrinking  # noqa: PLC0415 - needs onnx
    except ImportError as error:
        raise missing_package("exported", error) from error
    ways: dict[str, Callable[[Path, Path], Any]] = {
        "int8": shrinking.to_int8,
        "fp16": shrinking.to_fp16,
        "fp32": shutil.copyfile,
    }
    shrink, towers, tokenizer, preprocessing = ways[precision], encoder.loaded, encoder.tokenizer, encoder.preprocessing
    # No longer than the longest text that is read: towers count positions.
    ids = torch.from_numpy(tokenizer.padded(tokenizer.ids(["axial CT", "axial CT of the brain"])))
    pixels = torch.zeros((2, 3, preprocessing.height, preprocessing.width))
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".exporting.") as scratch:
        progress(_("Exporting the text tower."))
        axes = {0: "n", 1: "tokens"} if tokenizer.trims else {0: "n"}
        _to_onnx(torch, towers.text, ids, Path(scratch) / TEXT, "ids", axes)
        shrink(Path(scratch) / TEXT, folder / TEXT)
        (Path(scratch) / TEXT).unlink()
        progress(_("Exporting the image tower."))
        _to_onnx(torch, towers.image, pixels, Path(scratch) / IMAGE, "pixels", {0: "n"})
        shrink(Path(scratch) / IMAGE, folder / IMAGE)
    tokenizer.tokenizer.save(str(folder / TOKENIZER))


def _to_onnx(torch: Any, module: Any, example: Any, path: Path, name: str, axes: dict[int, str]) -> None:
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # its one fused operation has no likeness in ONNX
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), torch.no_grad():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module,
                (example,),
                str(path),
                input_names=[name],
                output_names=["vectors"],
                dynamic_axes={name: axes, "vectors": {0: "n"}},
                opset_version=_OPSET,
                do_constant_folding=True,
                dynamo=False,
            )
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def _checked(original: TorchEncoder, exported: OnnxEncoder) -> dict[str, float]:
    texts, images = samples()
    words = (original.encode_texts(texts) * exported.encode_texts(texts)).sum(1)
    seen = (original.encode_images(images) * exported.encode_images(images)).sum(1)
    return {
        "texts": len(texts),
        "text_min": round(float(words.min()), 6),
        "text_mean": round(float(words.mean()), 6),
        "images": len(images),
        "image_min": round(float(seen.min()), 6),
        "image_mean": round(float(seen.mean()), 6),
    }


def samples() -> tuple[list[str], list[Image.Image]]:
    """What exports are checked on: words and pictures of the starter atlas, captions whole and as short as a query."""
    figures = [json.loads(line) for line in (SHIPPED / "atlas" / "figures.jsonl").read_text("utf-8").splitlines()]
    step = max(1, len(figures) // (_TEXTS // 2))
    captions = [str(figure["caption"]) for figure in figures[::step] if figure.get("caption")][: _TEXTS // 2]
    short = [" ".join(caption.split()[: 1 + number % 6]) for number, caption in enumerate(captions)]
    paths = sorted((SHIPPED / "atlas" / "pictures").glob("*.webp"))
    images: list[Image.Image] = []
    for path in paths[:: max(1, len(paths) // _PICTURES)][:_PICTURES]:
        with Image.open(path) as image:
            image.load()
            images.append(image)
    return [*captions, *short, " ".join(captions)], images
