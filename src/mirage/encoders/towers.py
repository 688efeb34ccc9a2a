"""Two towers and how they are fed: what the encoders share, whatever runs their towers, ONNX Runtime or torch."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from mirage.encoders.base import EncoderInfo, Vectors
from mirage.encoders.preprocessing import Preprocessing
from mirage.encoders.tokenizing import TowerTokenizer
from mirage.errors import MirageError, Unavailable
from mirage.models.files import LocalModel
from mirage.models.runtime import (
    Placement,
    digest_of_parts,
    first_line,
    image_batch,
    loaded_once,
    select_device,
    text_batch,
)
from mirage.settings import Settings

TokenRows = Sequence[Sequence[int]]
Raw = npt.NDArray[np.float32]

# Up to so many tokens in a batch, oneDNN's matrices are quicker than torch's own; with more the gain is gone.
_FEW_TOKENS = 48


class OutOfMemory(Exception):
    """A tower had no memory for so many at once."""


@dataclass(frozen=True, slots=True)
class TowerRunner:
    """Two towers and how to feed them.

    Attributes
    ----------
    tokenizer : TowerTokenizer
    dimension : int
    texts : callable
        n rows of token numbers, not padded, to (n, d) float32, not yet of unit length.
    images : callable
        n pictures to (n, d) float32, not yet of unit length.
    texts_at_once, images_at_once : int
    """

    tokenizer: TowerTokenizer
    dimension: int
    texts: Callable[[TokenRows], Raw]
    images: Callable[[Sequence[Image.Image]], Raw]
    texts_at_once: int
    images_at_once: int

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Encode n texts to (n, d) float32, unit length."""
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        if not len(texts):
            return vectors
        rows = self.tokenizer.ids(texts)
        # Texts of like length go together: where short texts are given short, padding would cost as much as reading.
        order = sorted(range(len(rows)), key=lambda number: len(rows[number]))

        def some(start: int, count: int) -> int:
            chosen = order[start : start + count]
            vectors[chosen] = self.texts([rows[number] for number in chosen])
            return len(chosen)

        _through(some, len(order), self.texts_at_once)
        return unit(vectors)

    def encode_images(self, images: Sequence[Image.Image]) -> Vectors:
        """Encode n pictures, any mode and size, to (n, d) float32, unit length."""
        vectors = np.zeros((len(images), self.dimension), dtype=np.float32)

        def some(start: int, count: int) -> int:
            chosen = images[start : start + count]
            vectors[start : start + len(chosen)] = self.images(chosen)
            return len(chosen)

        _through(some, len(images), self.images_at_once)
        return unit(vectors)


def _through(some: Callable[[int, int], int], total: int, at_once: int) -> None:
    """Work through all, with half as many at once each time that memory runs out."""
    done = 0
    while done < total:
        try:
            done += some(done, at_once)
        except OutOfMemory:
            if at_once == 1:
                raise
            at_once = max(1, at_once // 2)


def unit(vectors: Raw) -> Vectors:
    """Rows of unit length; one that is nothing or no number becomes the diagonal, which is like no other."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    bad = ~np.isfinite(lengths) | (lengths < 1e-6)
    if bad.any():
        vectors = np.where(bad, np.float32(1), vectors)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / lengths, dtype=np.float32)


class TowerEncoder:
    """The part of the port that is the same for all encoders of two towers; an adapter adds two properties and `info`."""

    @property
    def tokenizer(self) -> TowerTokenizer:
        """How texts are read."""
        raise NotImplementedError

    @property
    def _runner(self) -> TowerRunner:
        """The towers, loaded when something is encoded."""
        raise NotImplementedError

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Encode texts to (n, d) float32, unit length; tokens past `max_tokens` are not read."""
        return self._runner.encode_texts(texts)

    def encode_images(self, images: Sequence[Image.Image]) -> Vectors:
        """Encode pictures of any mode and size to (n, d) float32, unit length."""
        return self._runner.encode_images(images)

    def unread(self, text: str) -> str:
        """Return the end of the text that `encode_texts` would not read; empty when all of it is read."""
        return self.tokenizer.unread(text)


# -- towers of torch ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TorchTowers:
    """A model as two modules.

    Attributes
    ----------
    text : torch.nn.Module
        (n, tokens) int64 to (n, d).
    image : torch.nn.Module
        (n, 3, height, width) to (n, d).
    where : Placement
        The device that they are on, and the precision of their input.
    patches, width, heads : int
        Of the image tower, for how much memory it takes.
    """

    text: Any
    image: Any
    where: Placement
    patches: int
    width: int
    heads: int

    @loaded_once
    def short_text(self) -> Any:
        """The text tower for short texts, made when it is first needed."""
        from mirage.encoders import modules  # noqa: PLC0415 - torch is there by now

        return modules.for_few_tokens(self.text)


def torch_runner(
    torch: Any, towers: TorchTowers, tokenizer: TowerTokenizer, preprocessing: Preprocessing, dimension: int
) -> TowerRunner:
    """Make towers of torch ready to be fed.

    Parameters
    ----------
    torch : module
    towers : TorchTowers
    tokenizer : TowerTokenizer
    preprocessing : Preprocessing
    dimension : int
        Length of a vector.
    """
    dtype = getattr(torch, towers.where.dtype)

    def run(module: Any, given: Any) -> Raw:
        try:
            with torch.inference_mode():
                made = module(given).float().cpu().numpy()
        except torch.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            raise OutOfMemory from error
        return np.asarray(made, dtype=np.float32)

    has_short = tokenizer.trims and towers.where == Placement("cpu", "float32") and torch.backends.mkldnn.is_available()

    def texts(rows: TokenRows) -> Raw:
        ids = tokenizer.padded(rows)
        tower = towers.short_text if has_short and ids.size <= _FEW_TOKENS else towers.text
        return run(tower, torch.from_numpy(ids).to(towers.where.device))

    def images(pictures: Sequence[Image.Image]) -> Raw:
        return run(towers.image, torch.from_numpy(preprocessing.pixels(pictures)).to(towers.where.device, dtype))

    at_once = image_batch(torch, towers.where, tokens=towers.patches, width=towers.width, heads=towers.heads)
    return TowerRunner(tokenizer, dimension, texts, images, text_batch(towers.where.device), at_once)


class TorchEncoder(TowerEncoder):
    """What the adapters of torch libraries share. Nothing of torch is loaded before the first text or picture.

    An adapter says how the tokenizer is read, of which parts the digest is made, and how the towers are loaded.

    Parameters
    ----------
    adapter : str
        Its name.
    model : str
        See `mirage.models.hub.locate`.
    revision : str, optional
        Of a hub id; the one that MIRAGE pins when left out.
    device, dtype : str, optional
        See `mirage.models.runtime.select_device`.
    download : bool
        Whether a hub model that is not on this machine may be fetched.
    threads : int, optional
        Of the processor; torch's own choice when left out.

    Attributes
    ----------
    dimension : int
        Length of a vector.
    preprocessing : Preprocessing
        What happens to a picture.
    """

    dimension: int
    preprocessing: Preprocessing

    def __init__(
        self,
        adapter: str,
        model: str,
        revision: str | None,
        device: str | None,
        dtype: str | None,
        download: bool,
        threads: int | None,
    ) -> None:
        self._adapter, self._device, self._dtype, self._download = adapter, device, dtype, download
        self._threads = threads
        from mirage.models.hub import locate  # noqa: PLC0415 - imports HTTP clients

        self._local: LocalModel = locate(model, revision or "", download=download)
        # As an atlas remembers the model: as given, with the revision where one was asked for.
        at = f"@{revision}" if revision and self._local.name != str(self._local.folder) and "@" not in model else ""
        self._told = f"{model}{at}"

    def info(self) -> EncoderInfo:
        """Tell name, digest and sizes. The weights are read for their digest, not loaded."""
        return EncoderInfo(self._adapter, self._digest, self.dimension, self.tokenizer.max_tokens, self._told)

    @loaded_once
    def tokenizer(self) -> TowerTokenizer:
        """How texts are read."""
        name = self._local.name
        try:
            return self._read_tokenizer()
        except MirageError:
            raise
        except ImportError as error:
            raise missing_package(self._adapter, error) from error
        except (OSError, ValueError, KeyError) as error:
            raise Unavailable(
                f"The tokenizer of {name} cannot be used: {first_line(error)} Fetch the model anew."
            ) from error
        except Exception as error:  # the tokenizers library raises nothing narrower
            raise Unavailable(f"The tokenizer of {name} is damaged: {first_line(error)} Fetch the model anew.") from error

    @loaded_once
    def loaded(self) -> TorchTowers:
        """Both towers, loaded and placed."""
        try:
            import torch  # noqa: PLC0415 - seconds, and only when something is encoded
        except ImportError as error:
            raise missing_package(self._adapter, error) from error
        where = select_device(torch, self._device, self._dtype)
        if self._threads and where.device == "cpu":
            torch.set_num_threads(self._threads)
        return self._load(torch, where)

    @loaded_once
    def _digest(self) -> str:
        told = {"adapter": self._adapter, "preprocessing": json.dumps(self.preprocessing.as_dict(), sort_keys=True)}
        return digest_of_parts([*told.items(), *self._parts()])

    def _read_tokenizer(self) -> TowerTokenizer:
        raise NotImplementedError

    def _parts(self) -> list[tuple[str, str]]:
        """What of the model itself changes its vectors, by name: digests of files, and values."""
        raise NotImplementedError

    def _load(self, torch: Any, where: Placement) -> TorchTowers:
        raise NotImplementedError

    @loaded_once
    def _runner(self) -> TowerRunner:
        tokenizer, loaded = self.tokenizer, self.loaded  # a wrong tokenizer is told before gigabytes are loaded
        import torch  # noqa: PLC0415 - there, since the towers are

        return torch_runner(torch, loaded, tokenizer, self.preprocessing, self.dimension)


def torch_options(model: str = "", settings: Settings | None = None) -> dict[str, Any]:
    """The keywords that the adapters of torch libraries have in common; see `mirage.encoders.base.Encoder`.

    Parameters
    ----------
    model : str
        Its id or folder; empty for the encoder's own.
    settings : Settings, optional
        What a person chose, where that counts.
    """
    options: dict[str, Any] = {"model": model}
    if settings:
        options |= {"download": settings.encoder_download, "threads": settings.threads}
        if settings.encoder_revision and model == settings.encoder_model:
            options["revision"] = settings.encoder_revision
    return options


def missing_package(what: str, error: ImportError) -> Unavailable:
    """What to say when the libraries of an encoder are not installed.

    Parameters
    ----------
    what : str
        The encoder, as its name.
    error : ImportError
    """
    return Unavailable(
        f"The {what} encoder needs {error.name}, which is not installed: "
        "`pip install torch torchvision transformers open_clip_torch`. An atlas "
        'can be searched without it by an encoder that `mirage models export` wrote (setting encoder = "onnx").'
    )
