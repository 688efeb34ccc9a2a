"""Where the files of a hub model are, and which of its weights may be opened.

The network is reached only when downloading is allowed. Weights are taken from safetensors; a pickle can run any code when
it is opened, so one is taken only when its SHA-256 is among those that `mirage.models.pins` lists.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirage.errors import BadInput, NoNetwork, Unavailable
from mirage.models.finding import pulled
from mirage.models.pins import Pin, pin_of
from mirage.models.runtime import first_line, remembered_sha256

_FETCHED = ["*.json", "*.txt", "*.model", "*.safetensors", "README.md"]
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_HUB, _FOLDER = "hf-hub:", "local-dir:"


@dataclass(frozen=True, slots=True)
class Found:
    """A model on this machine.

    Attributes
    ----------
    name : str
        As a person names it: the hub id, or the folder.
    folder : Path
    revision : str
        The one asked for or pinned; empty for the newest and for folders.
    pin : Pin or None
        What MIRAGE knows of it.
    """

    name: str
    folder: Path
    revision: str
    pin: Pin | None

    def json(self, name: str) -> dict[str, Any]:
        """Read one of its configurations.

        Raises
        ------
        mirage.errors.Unavailable
            When it is missing or damaged.
        """
        path = self.folder / name
        try:
            values = json.loads(path.read_text("utf-8"))
            if not isinstance(values, dict):
                raise ValueError("it holds no object")
        except FileNotFoundError:
            raise Unavailable(f"The model {self.name} has no {name} (looked for in {self.folder}).") from None
        except (OSError, ValueError) as error:
            raise Unavailable(f"{path} is damaged: {first_line(error)} Fetch the model anew.") from error
        return values

    def weights(self, preferred: Sequence[str]) -> Path:
        """The file of weights to open.

        Parameters
        ----------
        preferred : sequence of str
            Names in the order in which they are looked for; safetensors come before pickles whatever their order.

        Raises
        ------
        mirage.errors.Unavailable
            When there are none, or only a pickle that MIRAGE does not know.
        """
        safe = [name for name in preferred if ".safetensors" in name]
        rest = sorted(path.name for path in self.folder.glob("*.safetensors"))
        for name in [*safe, *(rest if len(rest) == 1 else [])]:
            if (self.folder / name).is_file():
                return self.folder / name
        pickles = [self.folder / name for name in preferred if name.endswith(_PICKLES)]
        pickles += [path for path in sorted(self.folder.iterdir()) if path.suffix in _PICKLES and path not in pickles]
        known = self.pin.pickle_sha256 if self.pin else ()
        there = [path for path in pickles if path.is_file()]
        for path in there:
            if known and remembered_sha256(path) in known:
                return path
        if there:
            raise Unavailable(
                f"The model {self.name} only has its weights as a pickle ({there[0].name}), which could run any code when "
                "it is opened. Use a revision or a copy that has them as safetensors."
            )
        raise Unavailable(f"The model {self.name} has no weights in {self.folder} ({safe[0]}). Fetch it anew.")


def found(model: str, revision: str | None, download: bool) -> Found:
    """Find a model, fetching it first when it is not here and that is allowed.

    Parameters
    ----------
    model : str
        ``hf-hub:org/name``, ``local-dir:/path``, a path, or ``org/name``; a hub id may end in ``@revision``.
    revision : str, optional
        Of a hub id; the pinned one when left out.
    download : bool
        Whether the network may be reached.

    Raises
    ------
    mirage.errors.Unavailable
        When it is not on this machine.
    mirage.errors.NoNetwork
        When it could not be fetched.
    mirage.errors.BadInput
        When the name is neither a folder nor a hub id.
    """
    name = model.removeprefix(_FOLDER)
    if is_folder(model):
        folder = Path(name).expanduser()
        if not folder.is_dir():
            raise Unavailable(f"There is no folder {folder}. Name the folder of the model, or its hub id.")
        return Found(str(folder), folder, "", None)
    name, _, named = model.removeprefix(_HUB).partition("@")
    if name.count("/") != 1 or name != name.strip() or not all(name.split("/")):
        raise BadInput(f"{model!r} is no model: give a hub id as org/name, or the folder that holds it.")
    pin = pin_of(name)
    wanted = revision or named or (pin.revision if pin else "")
    return Found(name, _snapshot(name, wanted, download, pin), wanted, pin)


def is_folder(model: str) -> bool:
    """Whether a model is named by its folder and not by its hub id."""
    if model.startswith(_HUB):
        return False
    return model.startswith((_FOLDER, "/", "./", "../", "~")) or Path(model).is_dir()


def told(model: str, revision: str | None) -> str:
    """How an atlas remembers a model: as given, with the revision where one was asked for."""
    return f"{model}@{revision}" if revision and not is_folder(model) and "@" not in model else model


def _snapshot(name: str, revision: str, download: bool, pin: Pin | None) -> Path:
    if here := pulled(name, revision):
        return here
    try:
        from huggingface_hub import snapshot_download  # noqa: PLC0415 - only for models of the hub
    except ImportError as error:
        raise missing("open_clip or transformers", error) from error
    # The same files for the look into the cache: otherwise a pickle that was not fetched makes a model seem cut short.
    wanted: dict[str, Any] = {
        "allow_patterns": [*_FETCHED, *(["*.bin"] if pin and pin.pickle_sha256 else [])],
        "revision": revision or None,
    }
    try:
        return Path(snapshot_download(name, local_files_only=True, **wanted))
    except Exception as error:  # the hub has a dozen kinds, and a bad name is a ValueError
        if not download:
            at = f" --revision {revision}" if revision else ""
            raise Unavailable(
                f"The model {name} is not on this machine, and MIRAGE reaches the network only when asked to. Fetch it once "
                f"with `mirage models pull {name}{at}`, allow MIRAGE to fetch it (setting encoder_download), or name the "
                "folder that holds it (setting encoder_model)."
            ) from error
    try:
        return Path(snapshot_download(name, **wanted))
    except Exception as error:
        raise NoNetwork(
            f"The model {name} could not be fetched: {first_line(error)} Check its name, the network and the disk."
        ) from error


def missing(adapter: str, error: ImportError) -> Unavailable:
    """What to say when the extra is not installed."""
    return Unavailable(
        f"The {adapter} encoder needs {error.name}, which is not installed: `pip install 'mirage-atlas[paper]'`. An atlas "
        'can be searched without it by an encoder that `mirage models export` wrote (setting encoder = "onnx").'
    )
