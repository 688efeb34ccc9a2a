"""Two towers and how they are fed: what the encoders share, whatever runs their towers, ONNX Runtime or torch."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from PIL import Image

from mirage.encoders.base import EncoderInfo, Vectors
from mirage.encoders.preprocessing import Preprocessing
from mirage.encoders.tokenizer import TowerTokenizer
from mirage.errors import BadInput, MirageError, Unavailable
from mirage.installed import to_install
from mirage.models.files import LocalModel
from mirage.models.runtime import OnnxSessions, Placement, digest_of_parts, first_line, image_batch, select_device
from mirage.once import loaded_once
from mirage.settings import Settings
from mirage.wording import _, looked_up

TokenRows = Sequence[Sequence[int]]
Raw = npt.NDArray[np.float32]

FORMAT = 1
CONFIG, TEXT, IMAGE, TOKENIZER = FILES = ("config.json", "text.onnx", "image.onnx", "tokenizer.json")
# More texts at once spill out of a processor's cache; a GPU wants many.
_TEXTS_ON_CPU, _TEXTS = 8, 256
_MOST_TWICE = 100_000_000  # bytes of models that are opened twice
# Up to so many tokens in a batch, oneDNN's matrices are quicker than torch's own; with more the gain is gone.
_FEW_TOKENS = 48


class OutOfMemory(Exception):
    """A tower had no memory for so many at once."""


def _in_batches(encode: Callable[[Sequence[Any]], Raw], items: Sequence[Any], at_once: int) -> Raw:
    """Encode one item or more, with half as many at once each time that memory runs out."""
    made, done = [], 0
    while done < len(items):
        try:
            made.append(encode(items[done : done + at_once]))
            done += at_once
        except OutOfMemory:
            if at_once == 1:
                raise
            at_once //= 2
    return np.concatenate(made)


def unit(vectors: Raw) -> Vectors:
    """Rows of unit length; one that is nothing or no number becomes the diagonal, which is like no other."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    bad = ~np.isfinite(lengths) | (lengths < 1e-6)
    if bad.any():
        vectors = np.where(bad, np.float32(1), vectors)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / lengths, dtype=np.float32)


class TowerEncoder:
    """The part of the port that is the same for all encoders of two towers.

    An adapter adds `info`, a tokenizer, its two towers and how much goes through them together.

    Attributes
    ----------
    dimension : int
        Length of a vector.
    """

    dimension: int

    @property
    def tokenizer(self) -> TowerTokenizer:
        """How texts are read."""
        raise NotImplementedError

    @property
    def _at_once(self) -> tuple[int, int]:
        """How many texts, and how many pictures, go through a tower together."""
        raise NotImplementedError

    def _text_vectors(self, rows: TokenRows) -> Raw:
        """N rows of token numbers, not padded, to (n, d) float32, not yet of unit length."""
        raise NotImplementedError

    def _image_vectors(self, pictures: Sequence[Image.Image]) -> Raw:
        """N pictures to (n, d) float32, not yet of unit length."""
        raise NotImplementedError

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Encode n texts to (n, d) float32, unit length; tokens past `max_tokens` are not read."""
        rows = self.tokenizer.ids(texts) if len(texts) else []
        vectors = np.zeros((len(rows), self.dimension), dtype=np.float32)
        if rows:
            # Texts of like length go together: where short texts are given short, padding would cost as much as reading.
            order = sorted(range(len(rows)), key=lambda number: len(rows[number]))
            vectors[order] = _in_batches(self._text_vectors, [rows[number] for number in order], self._at_once[0])
        return unit(vectors)

    def encode_images(self, images: Sequence[Image.Image]) -> Vectors:
        """Encode n pictures of any mode and size to (n, d) float32, unit length."""
        if not len(images):
            return np.zeros((0, self.dimension), dtype=np.float32)
        return unit(_in_batches(self._image_vectors, images, self._at_once[1]))

    def unread(self, text: str) -> str:
        """Return the end of the text that `encode_texts` would not read; empty when all of it is read."""
        return self.tokenizer.unread(text)


# -- towers of ONNX -----------------------------------------------------------------------------------------------------


class OnnxTowerEncoder(TowerEncoder):
    """What the adapters share whose towers ONNX Runtime runs: a folder with two models, a tokenizer and a configuration.

    Parameters
    ----------
    folder : Path
    threads : int
        How many threads one call may use.
    remedy : str
        What a person does about a damaged file, as a sentence.

    Raises
    ------
    mirage.errors.Unavailable
        When a file is missing or damaged, or the folder is of a newer MIRAGE.
    """

    # Most tokens, number of the padding, and whether short texts are given short; see `TowerTokenizer`.
    _reading: tuple[int, int, bool]
    _at_once: tuple[int, int] = (8, 4)

    def __init__(self, folder: Path, threads: int, remedy: str) -> None:
        self._folder, self._remedy = folder, remedy
        self._sessions = OnnxSessions(folder, threads, remedy)
        if missing := [name for name in FILES if not (folder / name).is_file()]:
            raise Unavailable(
                _(
                    "The encoder in %(folder)s lacks %(missing)s. %(remedy)s",
                    folder=folder,
                    missing=", ".join(missing),
                    remedy=looked_up(remedy),
                )
            )
        try:
            config = json.loads((folder / CONFIG).read_text("utf-8"))
            if int(config["format"]) > FORMAT:
                raise Unavailable(
                    _("The encoder in %(folder)s was made by a newer MIRAGE. Update MIRAGE to use it.", folder=folder)
                )
            self._understand(config)
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise Unavailable(
                _(
                    "%(folder)s is damaged (%(error)s). %(remedy)s",
                    folder=folder / CONFIG,
                    error=first_line(error)[:-1],
                    remedy=looked_up(remedy),
                )
            ) from error

    def _understand(self, config: dict[str, Any]) -> None:
        """Take over what the configuration says, `_reading` and `dimension` among it."""
        raise NotImplementedError

    @loaded_once
    def tokenizer(self) -> TowerTokenizer:
        """How texts are read."""
        from tokenizers import Tokenizer  # noqa: PLC0415 - half a second saved where nothing is encoded

        try:
            made = Tokenizer.from_file(str(self._folder / TOKENIZER))
        except Exception as error:  # the tokenizers library raises nothing narrower
            raise Unavailable(
                _(
                    "%(folder)s is damaged: %(error)s %(remedy)s",
                    folder=self._folder / TOKENIZER,
                    error=first_line(error),
                    remedy=looked_up(self._remedy),
                )
            ) from error
        return TowerTokenizer(made, *self._reading)

    def on_one_thread(self) -> Self | None:
        """Return the same encoder, each call of which keeps to the thread that makes it; None where it is large.

        It opens the models once more, which takes memory, and large ones gain from threads.
        """
        if sum(path.stat().st_size for path in self._folder.glob("*.onnx*")) > _MOST_TWICE:
            return None
        alone = copy(self)
        alone._sessions = OnnxSessions(self._folder, 1, self._remedy)
        alone._at_once = (1, 1)  # one thread gains nothing from several, and would read their padding, too
        return alone

    def _run(self, name: str, given: dict[str, Any]) -> Raw:
        return np.asarray(self._sessions[name].run(None, given)[0], dtype=np.float32)


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


class TorchEncoder(TowerEncoder):
    """What the adapters of torch libraries share. Nothing of torch is loaded before the first text or picture.

    An adapter says how the configuration and the tokenizer are read, of which parts the digest is made, and how the towers
    are loaded.

    Parameters
    ----------
    model : str
        A hub id as ``org/name``, or a folder; ``hf-hub:`` and ``local-dir:`` may stand before either. The adapter's own when
        empty, where it has one.
    revision : str, optional
        Of a hub id; the one that MIRAGE pins when left out.
    device : str, optional
        ``cuda``, ``mps`` or ``cpu``; the best that is there when left out.
    dtype : str, optional
        ``float32``, ``bfloat16`` or ``float16``; what suits the device when left out.
    download : bool
        Whether a hub model that is not on this machine may be fetched.
    threads : int, optional
        Of the processor; torch's own choice when left out.

    Attributes
    ----------
    preprocessing : Preprocessing
        What happens to a picture.

    Raises
    ------
    mirage.errors.Unavailable
        When the model is not on this machine, is not whole, is of another kind, or has no weights that may be opened.
    mirage.errors.BadInput
        When no model is named, or an option cannot be used.
    """

    adapter: ClassVar[str]
    own_model: ClassVar[str] = ""
    preprocessing: Preprocessing

    def __init__(
        self,
        model: str = "",
        *,
        revision: str | None = None,
        device: str | None = None,
        dtype: str | None = None,
        download: bool = False,
        threads: int | None = None,
    ) -> None:
        model = model or self.own_model
        if not model:
            raise BadInput(
                _(
                    "The %(adapter)s encoder needs a model: a hub id or a folder (setting encoder_model).",
                    adapter=self.adapter,
                )
            )
        self._device, self._dtype, self._download, self._threads = device, dtype, download, threads
        from mirage.models.hub import locate  # noqa: PLC0415 - imports HTTP clients

        self._local: LocalModel = locate(model, revision or "", download=download)
        # As an atlas remembers the model: as given, with the revision where one was asked for.
        at = f"@{revision}" if revision and self._local.name != str(self._local.folder) and "@" not in model else ""
        self._told = f"{model}{at}"
        self._configure()

    @staticmethod
    def options_for(model: str = "", settings: Settings | None = None) -> dict[str, Any]:
        """The keywords that open it; see `mirage.encoders.base.Encoder`.

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

    def info(self) -> EncoderInfo:
        """Tell name, digest and sizes. The weights are read for their digest, not loaded."""
        return EncoderInfo(self.adapter, self._digest, self.dimension, self.tokenizer.max_tokens, self._told)

    @loaded_once
    def tokenizer(self) -> TowerTokenizer:
        """How texts are read."""
        name = self._local.name
        try:
            return self._read_tokenizer()
        except MirageError:
            raise
        except ImportError as error:
            raise missing_package(self.adapter, error) from error
        except Exception as error:  # the tokenizers library raises nothing narrower
            raise Unavailable(
                _(
                    "The tokenizer of %(name)s cannot be used: %(error)s Fetch the model anew.",
                    name=name,
                    error=first_line(error),
                )
            ) from error

    @loaded_once
    def loaded(self) -> TorchTowers:
        """Both towers, loaded and placed."""
        try:
            import torch  # noqa: PLC0415 - seconds, and only when something is encoded

            library = import_module(self.adapter)  # an adapter is called as its library is
        except ImportError as error:
            raise missing_package(self.adapter, error) from error
        except RuntimeError as error:
            raise Unavailable(
                _(
                    "%(adapter)s cannot be loaded: %(error)s It and torchvision have to be built for the "
                    "torch that is installed; `%(install)s` from one source repairs that.",
                    adapter=self.adapter,
                    install=to_install("torch", "torchvision", newer=True),
                    error=first_line(error),
                )
            ) from error
        where = select_device(torch, self._device, self._dtype)
        if self._threads and where.device == "cpu":
            torch.set_num_threads(self._threads)
        try:
            return self._load(torch, library, where)
        except MirageError:
            raise
        except Exception as error:  # safetensors and the libraries have errors that share no base
            raise Unavailable(
                _(
                    "The model %(local)s cannot be loaded: %(error)s Its weights and its configuration "
                    "may not belong together. Fetch it anew, or name another (setting encoder_model).",
                    local=self._local.name,
                    error=first_line(error),
                )
            ) from error

    @loaded_once
    def _digest(self) -> str:
        told = {"adapter": self.adapter, "preprocessing": json.dumps(asdict(self.preprocessing), sort_keys=True)}
        return digest_of_parts([*told.items(), *self._parts()])

    def _configure(self) -> None:
        """Read the model's configuration: `dimension`, `preprocessing`, and which weights are opened."""
        raise NotImplementedError

    def _read_tokenizer(self) -> TowerTokenizer:
        raise NotImplementedError

    def _parts(self) -> list[tuple[str, str]]:
        """What of the model itself changes its vectors, by name: digests of files, and values."""
        raise NotImplementedError

    def _load(self, torch: Any, library: Any, where: Placement) -> TorchTowers:
        raise NotImplementedError

    @loaded_once
    def _at_once(self) -> tuple[int, int]:
        _other = self.tokenizer  # a wrong tokenizer is told before gigabytes are loaded
        towers = self.loaded
        import torch  # noqa: PLC0415 - there, since the towers are

        pictures = image_batch(torch, towers.where, tokens=towers.patches, width=towers.width, heads=towers.heads)
        return (_TEXTS_ON_CPU if towers.where.device.startswith("cpu") else _TEXTS), pictures

    def _text_vectors(self, rows: TokenRows) -> Raw:
        import torch  # noqa: PLC0415 - as above

        ids, towers = self.tokenizer.padded(rows), self.loaded
        has_short = self.tokenizer.trims and towers.where == Placement("cpu", "float32")
        short = has_short and ids.size <= _FEW_TOKENS and torch.backends.mkldnn.is_available()
        return self._run(towers.short_text if short else towers.text, torch.from_numpy(ids))

    def _image_vectors(self, pictures: Sequence[Image.Image]) -> Raw:
        import torch  # noqa: PLC0415 - as above

        pixels = torch.from_numpy(self.preprocessing.pixels(pictures))
        return self._run(self.loaded.image, pixels.to(getattr(torch, self.loaded.where.dtype)))

    def _run(self, tower: Any, given: Any) -> Raw:
        import torch  # noqa: PLC0415 - as above

        try:
            with torch.inference_mode():
                made = tower(given.to(self.loaded.where.device)).float().cpu().numpy()
        except torch.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            raise OutOfMemory from error
        return np.asarray(made, dtype=np.float32)


def missing_package(what: str, error: ImportError) -> Unavailable:
    """What to say when the libraries of an encoder are not installed.

    Parameters
    ----------
    what : str
        The encoder, as its name.
    error : ImportError
    """
    return Unavailable(
        _(
            "The %(what)s encoder needs %(error)s, which is not installed: `%(install)s`. An atlas can be searched "
            'without it by an encoder that `mirage models export` wrote (setting encoder = "onnx").',
            what=what,
            error=error.name,
            install=to_install("torch", "torchvision", "transformers", "open_clip_torch"),
        )
    )
