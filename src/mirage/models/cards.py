"""What to know of a model before using it: what MIRAGE knows of it, then its own card."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from mirage.errors import NotFound
from mirage.models.finding import find
from mirage.models.licences import NOT_STATED, licence_of
from mirage.models.pins import Pin, bare, pin_of
from mirage.models.record import ModelRecord
from mirage.models.shipped import shipped


def card(model_id: str, revision: str = "") -> str:
    """The card of a model, as Markdown.

    Raises
    ------
    mirage.errors.NotFound
        When it is neither known nor on this machine.
    """
    name = bare(model_id)
    pin = pin_of(name)
    folder = find(name, revision)
    if folder is None and (there := Path(model_id).expanduser()).is_dir():
        folder = there
    if pin is None and folder is None:
        raise NotFound(f"{name} is neither known to MIRAGE nor on this machine. `mirage models list` shows what is.")
    return "\n".join([*_facts(name, pin, folder), "", _own(name, pin, folder)]).rstrip() + "\n"


def _facts(name: str, pin: Pin | None, folder: Path | None) -> list[str]:
    record = ModelRecord.read(folder) if folder else None
    lines = [f"# {name}", ""]
    licence = pin.licence if pin else record.licence if record else licence_of(folder) if folder else NOT_STATED
    lines.append(f"- licence: {licence}")
    if pin and pin.gated:
        lines.append("- its terms must be accepted at the hub before it is given")
    if pin and pin.kept != "shipped":
        lines.append(f"- pinned revision: {pin.revision or 'not pinned'}")
    if record and record.revision:
        lines.append(f"- revision on this machine: {record.revision}, from {record.source}")
    elif folder and name in shipped():
        lines.append(f"- digest stated in its card: {shipped()[name].stated() or 'none'}")
    elif folder:
        lines.append(f"- revision on this machine: {folder.name}")
    else:
        lines.append("- not on this machine")
    if pin and pin.used_for:
        lines.append(
            f"- MIRAGE uses it for: {pin.used_for[0].lower() + pin.used_for[1:] if pin.kept == 'shipped' else pin.used_for}"
        )
    lines += [f"- mind: {caveat}" for caveat in (pin.caveats if pin else ())]
    return lines


def _own(name: str, pin: Pin | None, folder: Path | None) -> str:
    if folder is not None:
        for file in ("card.md", "README.md"):
            with suppress(OSError, ValueError):
                text = (folder / file).read_text("utf-8")
                return f"---\n\n{text}"
        return f"{folder} holds no card of its own."
    if pin and pin.kept == "package":
        return f"It is a Python package: {pin.install}"
    return f"Its own card comes with it: `mirage models pull {name}`."
