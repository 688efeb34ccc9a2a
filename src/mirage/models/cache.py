"""The cache of the Hugging Face libraries, read as it lies: ``models--ORG--NAME`` with ``refs``, ``blobs``, ``snapshots``.

A file of a snapshot is a link to a blob, and a blob is named by its content: by SHA-256 for a file of the large-file store,
by git's name for any other. So what lies there can be verified without asking anybody.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

_SHA256, _GIT = 64, 40


def hub_home() -> Path:
    """The folder of the Hugging Face libraries: ``HF_HOME``, else ``huggingface`` in the user's cache."""
    if home := os.environ.get("HF_HOME"):
        return Path(os.path.expandvars(home)).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache).expanduser() if cache else Path.home() / ".cache") / "huggingface"


def hub_cache() -> Path:
    """Where they keep models: ``HF_HUB_CACHE``, else ``hub`` in their folder."""
    given = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    return Path(os.path.expandvars(given)).expanduser() if given else hub_home() / "hub"


def cached(model_id: str, revision: str = "", cache: Path | None = None) -> Path | None:
    """The snapshot of a model in a cache, or None.

    Parameters
    ----------
    model_id : str
    revision : str
        A branch or tag (``main`` when empty), a whole commit, or its first digits.
    cache : Path, optional
        `hub_cache` when left out.
    """
    kept = _kept(model_id, cache)
    commit = revision
    with suppress(OSError, ValueError):
        commit = (kept / "refs" / (revision or "main")).read_text("ascii").strip()
    if not commit or not (kept / "snapshots").is_dir():
        return None
    found = [folder for folder in sorted((kept / "snapshots").iterdir()) if folder.name.startswith(commit)]
    return found[0] if len(found) == 1 and any(found[0].iterdir()) else None


def blob(model_id: str, content: str, cache: Path | None = None) -> Path | None:
    """A file in a cache by the digest of its content, SHA-256 or git's; None where it is not."""
    path = _kept(model_id, cache) / "blobs" / content
    return path if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", content) and path.is_file() else None


def stated(file: Path) -> tuple[str, str]:
    """SHA-256 and git's name of a file of a snapshot, as far as the name of its blob states one of them."""
    name = file.resolve().name if file.is_symlink() else ""
    if re.fullmatch(r"[0-9a-f]+", name):
        return (name if len(name) == _SHA256 else "", name if len(name) == _GIT else "")
    return "", ""


def models_in(cache: Path | None = None) -> list[str]:
    """Ids of all models in a cache that have a snapshot."""
    folder = cache or hub_cache()
    if not folder.is_dir():
        return []
    found = [kept for kept in sorted(folder.glob("models--*")) if any(kept.glob("snapshots/*/*"))]
    return [kept.name.removeprefix("models--").replace("--", "/", 1) for kept in found]


def _kept(model_id: str, cache: Path | None) -> Path:
    return (cache or hub_cache()) / f"models--{model_id.replace('/', '--')}"
