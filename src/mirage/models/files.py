"""The files of a model: which are taken, the record kept beside them, and what they tell of its weights unloaded.

Taken are safetensors, configurations, tokenizers, card and licence: no code, and no pickle, which could run any.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import prod
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import TypeAdapter

from mirage.aside import aside
from mirage.errors import Unavailable, first_fault
from mirage.locales import number
from mirage.models.runtime import first_line, git_id_of, sha256_of
from mirage.wording import _

RECORD = "mirage.model.json"
NOT_STATED = "not stated"
_FORMAT = 1
# model_index.json, config.json, tokenizer.json, merges.txt, vocab.txt, sentencepiece's *.model, chat templates.
_ENDINGS = {".json", ".txt", ".model", ".jinja"}
_PAPERS = re.compile(r"(readme|license|licence|notice|copying)[\w.-]*", re.IGNORECASE)
# Weights in other precisions, or as the training kept them, beside the ones that libraries load.
_VARIANT = re.compile(r"\.(fp16|bf16|fp32|ema|non_ema)(-\d{5}-of-\d{5})?\.(safetensors|json)$")
_PICKLE = re.compile(r"([\w.-]*model[\w.-]*)\.(bin|pt|pth|ckpt)$", re.IGNORECASE)
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_ADAPTED = re.compile(r"(flax|tf|rust|onnx|openvino|coreml)(_.*)?")
_ASIDE = re.compile(r"\.|(runs|logs)$|checkpoint-")
_OPEN_CLIP = "open_clip_model.safetensors"
_INDEX = "model_index.json"
# Parts of a pipeline that have weights, and files of which each part has one.
_WEIGHTED = ("unet", "transformer", "vae", "text_encoder", "text_encoder_2", "safety_checker", "image_encoder")
_MARKS = {
    **dict.fromkeys(_WEIGHTED, ("config.json",)),
    "tokenizer": ("vocab.json", "tokenizer.json"),
    "scheduler": ("scheduler_config.json",),
}
_LONGEST_HEADER = 100_000_000


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file of a model, at a hub or in a folder.

    Attributes
    ----------
    path : str
        Below the model's folder, with slashes.
    size : int
        Bytes.
    sha256 : str
        Of its content, where that is known; else empty.
    git_id : str
        Git's name of its content, where the source states that; else empty.

    Raises
    ------
    mirage.errors.Unavailable
        When it would lie outside the folder that its path is joined to.
    """

    path: str
    size: int
    sha256: str = ""
    git_id: str = ""

    def __post_init__(self) -> None:
        parts = PurePosixPath(self.path).parts
        if not parts or parts[0] == "/" or ".." in parts or {"\\", ":", "\0"} & set(self.path):
            raise Unavailable(
                _("A file of the model lies outside its folder: %(path)s. It is not taken.", path=repr(self.path))
            )

    def is_at(self, path: Path, progress: Callable[[int], None] | None = None) -> bool:
        """Whether a file on this machine is this one: in size and, where a digest is known, in content.

        Parameters
        ----------
        path : Path
        progress : callable, optional
            Called with the bytes of each piece that was read.

        Raises
        ------
        OSError
        """
        if not path.is_file() or path.stat().st_size != self.size:
            return False
        if self.sha256:
            return sha256_of(path, progress) == self.sha256
        return not self.git_id or git_id_of(path) == self.git_id


def named_by_cache(path: Path, folder: Path) -> ModelFile:
    """A file in a folder, with what the Hugging Face libraries' cache states of it: its blob is named by its digest.

    Parameters
    ----------
    path : Path
    folder : Path
        Of the model.
    """
    name = path.resolve().name if path.is_symlink() else ""
    sha256 = name if re.fullmatch(r"[0-9a-f]{64}", name) else ""
    git_id = name if re.fullmatch(r"[0-9a-f]{40}", name) else ""
    return ModelFile(path.relative_to(folder).as_posix(), path.stat().st_size if path.exists() else 0, sha256, git_id)


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """What a folder holds.

    Attributes
    ----------
    id : str
    revision : str
        The whole commit; empty for a copy of which it is not known.
    licence : str
        As pinned, or as the model's card states it; ``not stated`` otherwise.
    source : str
        Address or folder it came from.
    asked : str
        The revision as it was named: a branch, or the commit.
    pulled : str
        When it was whole, ISO 8601; empty while it is not.
    files : tuple of ModelFile
    """

    id: str
    revision: str
    licence: str
    source: str
    asked: str = ""
    pulled: str = ""
    files: tuple[ModelFile, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether all of it was fetched and verified."""
        return bool(self.pulled)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def digest(self) -> str:
        """One SHA-256 over all files' paths and digests; the same files give the same, wherever they came from."""
        lines = sorted(f"{file.path} {file.sha256}\n" for file in self.files)
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def write(self, folder: Path) -> None:
        """Write it beside the files, in one step.

        Raises
        ------
        OSError
        """
        folder.mkdir(parents=True, exist_ok=True)
        told = _RECORDS.dump_python(self, exclude={"files": {"__all__": {"git_id"}}})
        with aside(folder / RECORD) as new:
            new.write_text(json.dumps({"format": _FORMAT, **told}, ensure_ascii=False, indent=1) + "\n", "utf-8")

    @classmethod
    def read(cls, folder: Path) -> ModelRecord | None:
        """The record in a folder; None where there is none.

        Raises
        ------
        mirage.errors.Unavailable
            When it is damaged or was written by a newer MIRAGE.
        """
        path = folder / RECORD
        if not path.is_file():
            return None
        try:
            given = json.loads(path.read_text("utf-8"))
            if int(given.pop("format")) > _FORMAT:
                raise Unavailable(
                    _("%(path)s was written by a newer MIRAGE. Update MIRAGE, or pull the model again.", path=path)
                )
            return _RECORDS.validate_python(given)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise Unavailable(
                _(
                    "%(path)s is damaged (%(error)s). Remove %(folder)s and pull the model again.",
                    path=path,
                    error=first_fault(error),
                    folder=folder,
                )
            ) from error


_RECORDS = TypeAdapter(ModelRecord)


# -- which files are taken ----------------------------------------------------------------------------------------------


def choose(model_id: str, files: Sequence[ModelFile]) -> list[ModelFile]:
    """Files to take.

    Parameters
    ----------
    model_id : str
        For messages.
    files : sequence of ModelFile
        All that there are.

    Raises
    ------
    mirage.errors.Unavailable
        When weights are there as a pickle only, or when there are none.
    """
    paths = {PurePosixPath(file.path): file for file in files}
    pipeline = PurePosixPath(_INDEX) in paths
    taken = [path for path in paths if _wanted(path, pipeline, PurePosixPath(_OPEN_CLIP) in paths)]
    folders = {path.parent for path in taken if path.suffix == ".safetensors"}
    pickles = [path for path in paths if _PICKLE.search(path.name) and not _aside(path) and path.parent not in folders]
    # Of a pipeline every part needs weights of its own; of other models, one set of weights at the top is enough.
    pickles = [path for path in pickles if (path.parent.name if pipeline else not folders)]
    if pickles:
        raise Unavailable(
            _(
                "%(model_id)s has these weights only as a pickle (%(str)s), which could run any code "
                "when it is opened. Refused. Name a revision that has safetensors with --revision.",
                model_id=model_id,
                str=", ".join(map(str, sorted(pickles))),
            )
        )
    if not folders:
        raise Unavailable(
            _(
                "%(model_id)s holds no weights as *.safetensors at that revision. Name another with --revision.",
                model_id=model_id,
            )
        )
    return [paths[path] for path in sorted(taken)]


def is_variant(name: str) -> bool:
    """Whether a file holds weights in another precision, or as the training kept them; libraries load none of them."""
    return bool(_VARIANT.search(name))


def _wanted(path: PurePosixPath, pipeline: bool, open_clip: bool) -> bool:
    top = len(path.parts) == 1
    if _aside(path) or is_variant(path.name):
        return False
    if path.suffix == ".safetensors":
        # Beside a pipeline's parts lies at times all of it once more in one file; beside open_clip's weights, transformers'.
        return not top or not (pipeline or (open_clip and path.name != _OPEN_CLIP))
    return path.suffix in _ENDINGS or (top and bool(_PAPERS.fullmatch(path.name)))


def _aside(path: PurePosixPath) -> bool:
    """Whether a file is hidden, or belongs to another framework or to how the model was trained."""
    return bool(_ADAPTED.fullmatch(path.parts[0])) or any(map(_ASIDE.match, path.parts))


# -- weights, not loaded -------------------------------------------------------------------------------------------------


def parameters(file: Path) -> int:
    """Number of parameters in a safetensors file, from its header (8 bytes of length, then JSON); its end is checked.

    Raises
    ------
    mirage.errors.Unavailable
        When the file is cut short or damaged.
    """
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            if not 0 < length < _LONGEST_HEADER:
                raise ValueError(_("its header is damaged"))
            header = json.loads(opened.read(length))
        header.pop("__metadata__", None)
        wanted = 8 + length + max((int(value["data_offsets"][1]) for value in header.values()), default=0)
        if file.stat().st_size < wanted:
            raise ValueError(
                _("it has %(st_size)s of %(wanted)s bytes", st_size=number(file.stat().st_size), wanted=number(wanted))
            )
        return sum(prod(map(int, value["shape"])) for value in header.values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unavailable(
            _("%(file)s is not a whole safetensors file: %(error)s. Fetch the model anew.", file=file, error=error)
        ) from error


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a model that a library would load, those of a pipeline's parts included."""
    top = [file for file in sorted(folder.glob("*.safetensors")) if not is_variant(file.name)]
    parts = [file for file in sorted(folder.glob("*/*.safetensors")) if not is_variant(file.name)]
    return parts if parts and (folder / _INDEX).is_file() else top


def shards(index: Path) -> list[Path]:
    """The files among which an index divides the weights, whether they are there or not.

    Raises
    ------
    mirage.errors.Unavailable
        When the index is damaged.
    """
    try:
        names = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
        return [index.parent / name for name in sorted(names)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unavailable(
            _("%(index)s is damaged: %(error)s Fetch the model anew.", index=index, error=first_line(error))
        ) from error


def lacking(folder: Path) -> list[str]:
    """What is missing of a model's weights, as paths; empty when all that its indexes name is there and whole."""
    missing = []
    for index in sorted([*folder.glob("*.safetensors.index.json"), *folder.glob("*/*.safetensors.index.json")]):
        if is_variant(index.name):
            continue
        try:
            missing += [f"{index.parent.name}/{shard.name}" for shard in shards(index) if not shard.is_file()]
        except Unavailable:
            missing.append(str(index.relative_to(folder)))
    if (folder / _INDEX).is_file():
        missing += missing_parts(folder)
    elif not weight_files(folder):
        missing.append("*.safetensors")
    for file in weight_files(folder):
        try:
            parameters(file)
        except Unavailable:
            missing.append(_("the rest of %(relative_to)s", relative_to=file.relative_to(folder)))
    return missing


def missing_parts(folder: Path) -> list[str]:
    """What a pipeline's index names and that is not there, or without what it is loaded from, in words."""
    try:
        named = json.loads((folder / _INDEX).read_text("utf-8"))
        parts = sorted(name for name, kind in named.items() if isinstance(kind, list) and kind and kind[0] is not None)
    except (OSError, ValueError, AttributeError):
        return [_INDEX]
    missing = [f"{part}/" for part in parts if part not in _MARKS and not (folder / part).is_dir()]
    for part in filter(_MARKS.get, parts):
        there, marks = folder / part, _MARKS[part]
        if not any((there / name).is_file() for name in marks):
            missing.append(f"{part}/{marks[0]}")
        elif part in _WEIGHTED and all(is_variant(file.name) for file in there.glob("*.safetensors")):
            pickled = any(file.suffix in _PICKLES for file in there.iterdir())
            why = _(" (there is only a pickle, which could run any code)") if pickled else ""
            missing.append(_("%(part)s/*.safetensors%(why)s", part=part, why=why))
    return missing


# -- a model that lies in a folder --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model on this machine.

    Attributes
    ----------
    name : str
        As a person names it: the hub id, or the folder.
    folder : Path
    """

    name: str
    folder: Path

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
                raise ValueError(_("it holds no object"))
        except FileNotFoundError:
            raise Unavailable(
                _(
                    "The model %(what)s has no %(name)s (looked for in %(folder)s).",
                    what=self.name,
                    name=name,
                    folder=self.folder,
                )
            ) from None
        except (OSError, ValueError) as error:
            raise Unavailable(
                _("%(path)s is damaged: %(error)s Fetch the model anew.", path=path, error=first_line(error))
            ) from error
        return values

    def weights(self, preferred: Sequence[str]) -> Path:
        """The safetensors file to open, or the index of several.

        Parameters
        ----------
        preferred : sequence of str
            Names in the order in which they are looked for.

        Raises
        ------
        mirage.errors.Unavailable
            When there is none, or only a pickle.
        """
        rest = [path.name for path in self.folder.glob("*.safetensors")]
        for name in [*preferred, *(rest if len(rest) == 1 else [])]:
            if (self.folder / name).is_file():
                return self.folder / name
        if pickles := sorted(path.name for path in self.folder.iterdir() if path.suffix in _PICKLES):
            raise Unavailable(
                _(
                    "The model %(what)s only has its weights as a pickle (%(pickles)s), which could run "
                    "any code when it is opened. Use a revision or a copy that has them as safetensors.",
                    what=self.name,
                    pickles=pickles[0],
                )
            )
        raise Unavailable(
            _(
                "The model %(what)s has no weights in %(folder)s (%(preferred)s). Fetch it anew.",
                what=self.name,
                folder=self.folder,
                preferred=preferred[0],
            )
        )


def licence_of(folder: Path) -> str:
    """The licence that the head of a model's ``README.md`` states; ``not stated`` when it states none.

    On the hub, ``license: other`` stands before a ``license_name`` that says which.
    """
    with suppress(OSError, ValueError):
        parts = (folder / "README.md").read_text("utf-8").split("---")
        if len(parts) > 2 and not parts[0].strip():
            given = dict(re.findall(r"^(license|license_name):[ \t]*[\"']?([^\s\"'][^\n\"']*)", parts[1], re.MULTILINE))
            name = given.get("license_name") if given.get("license") == "other" else given.get("license")
            return (name or given.get("license") or NOT_STATED).strip()
    return NOT_STATED
