"""The licence of a model as its own card states it. Nothing is guessed."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

NOT_STATED = "not stated"


def licence_of(folder: Path) -> str:
    """What the head of ``README.md`` in a model's folder says; ``not stated`` when it says nothing.

    On the hub, ``license: other`` stands before a ``license_name`` that says which.
    """
    with suppress(OSError, ValueError):
        parts = (folder / "README.md").read_text("utf-8").split("---")
        if len(parts) > 2 and not parts[0].strip():
            given = dict(re.findall(r"^(license|license_name):[ \t]*[\"']?([^\s\"'][^\n\"']*)", parts[1], re.MULTILINE))
            name = given.get("license_name") if given.get("license") == "other" else given.get("license")
            return (name or given.get("license") or NOT_STATED).strip()
    return NOT_STATED
