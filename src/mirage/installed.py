"""How this MIRAGE was installed, so that what adds a package to it is said as it is typed there."""

from __future__ import annotations

import shlex
import sys
import tomllib
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

DISTRIBUTION = "mirage-atlas"


def to_install(*packages: str, newer: bool = False) -> str:
    """Give the command that adds packages to this MIRAGE.

    pipx and uv keep a program in an environment of its own, into which a bare ``pip install`` does not reach.

    Parameters
    ----------
    *packages : str
        As package indexes name them, perhaps with an extra; or a folder.
    newer : bool
        Whether to renew those that are there.
    """
    place, names = Path(sys.prefix), shlex.join(packages)
    if (place / "pipx_metadata.json").is_file():
        return f"pipx inject {'--force ' if newer else ''}{place.name} {names}"
    if (place / "uv-receipt.toml").is_file():
        return f"uv tool upgrade {place.name}" if newer else _uv_tool(place, packages)
    of_uv = _made_by_uv(place)
    if of_uv and any(part.startswith(("archive-v", "environments-v")) for part in place.parts):  # `uvx`, for one run
        beside = " ".join(f"--with {shlex.quote(each)}" for each in packages)
        return f"uvx {'--refresh ' if newer else ''}--from {DISTRIBUTION} {beside} mirage"
    how = "uv pip install" if of_uv and find_spec("pip") is None else "pip install"
    return f"{how} {'-U ' if newer else ''}{names}"


def _made_by_uv(place: Path) -> bool:
    with suppress(OSError):
        return any(line.startswith("uv =") for line in (place / "pyvenv.cfg").read_text("utf-8", "replace").splitlines())
    return False


def _uv_tool(place: Path, packages: tuple[str, ...]) -> str:
    """What uv had installed, and more: it drops what is not named again."""
    there: list[dict[str, Any]] = []
    with suppress(OSError, ValueError, LookupError, TypeError):
        there = list(tomllib.loads((place / "uv-receipt.toml").read_text("utf-8"))["tool"]["requirements"])
    main = next((each for each in there if each.get("name") == place.name), {"name": place.name})
    kept = [_requirement(each) for each in there if each is not main]
    beside = " ".join(f"--with {shlex.quote(each)}" for each in dict.fromkeys([*kept, *packages]))
    return f"uv tool install {shlex.quote(_requirement(main))} {beside}"


def _requirement(known: dict[str, Any]) -> str:
    """A line of uv's receipt as it is typed."""
    extras = f"[{','.join(known['extras'])}]" if known.get("extras") else ""
    if where := known.get("path") or known.get("directory") or known.get("editable"):
        return f"{where}{extras}"
    where = known.get("url") or (f"git+{known['git']}" if "git" in known else "")
    return f"{known['name']}{extras}" + (f" @ {where}" if where else known.get("specifier", ""))
