"""What was measured of synthetic images, for people: figures beside their bars, and a sheet of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PIL import Image

from mirage.errors import BadInput
from mirage.images import marks
from mirage_research.evaluation.generation import BARS


def judged(table: dict[str, Any]) -> dict[str, tuple[float | None, bool]]:
    """What has a bar: its value, None where it could not be measured, and whether the bar is met."""
    match = table["match"]["modality and region"]["ratio"][0]
    distance = table["distance"]["ratio"][0]
    diversity = (table["diversity"]["ratio"] or [None])[0]
    return {
        "match": (match, match >= BARS["match"]),
        "distance": (distance, distance <= BARS["distance"]),
        "diversity": (diversity, diversity is not None and diversity >= BARS["diversity"]),
    }


def rows(table: dict[str, Any]) -> list[tuple[str, str]]:
    """The whole table, with bars met or missed."""
    verdicts = judged(table)

    def bar(name: str, words: str) -> str:
        return f"bar: {words}, {'met' if verdicts[name][1] else 'MISSED'}"

    settings = ", ".join(f"{name} {value:g}" for name, value in table["settings"].items())
    lines = [
        ("generator", f"{table['generator']}, revision {table['revision']}; {settings}"),
        (
            "images",
            f"{table['prompts']} prompts of dev ({table['blank']} came out blank), {table['seconds an image']} s an image",
        ),
        ("compared", f"{table['form']}, {table['network']}; {table['real dev images']} real dev images"),
        ("distance to dev (MMD²)", ""),
        ("  synthetic", _told(table["distance"]["synthetic"])),
        ("  class averages", _told(table["distance"]["class average"])),
        ("  ratio", f"{_told(table['distance']['ratio'])}; {bar('distance', 'at most 0.5')}"),
    ]
    for name, found in table["match"].items():
        lines.append((f"precision@10, {name}", ""))
        for which in ("synthetic", "real", "prompts exchanged", "class average"):
            lines.append((f"  {which}", _told(found[which])))
        forms = ", ".join(f"{form} {value:.2f}" for form, value in found["by form"].items())
        lines += [("  by form of prompt", forms), ("  chance", f"{found['chance']:.3f}")]
        told = _told(found["ratio"])
        lines.append(
            ("  synthetic / real", f"{told}; {bar('match', 'at least 0.7')}" if name == "modality and region" else told)
        )
    lines.append(("diversity over seeds", ""))
    for prompt, found in table["diversity"]["classes"].items():
        lines.append((f"  {prompt}", f"{found['synthetic']:.2f} of {found['real']:.2f}, {found['ratio']:.2f}"))
    if table["diversity"]["ratio"]:
        lines.append(("  synthetic / real", f"{_told(table['diversity']['ratio'])}; {bar('diversity', 'at least 0.5')}"))
    copies = table["copies"]
    told = (
        f"{copies['near']} of {copies['images']}; likest {copies['likest']:.2f}, withheld from {copies['threshold']:.2f}"
        if copies
        else "not checked: the generator ships no fingerprints"
    )
    lines.append(("near copies of training images", told))
    return lines


def sheet(found: Sequence[tuple[str, Sequence[Image.Image]]], side: int = 128) -> Image.Image:
    """Synthetic images, a prompt a row and a seed a column, with the band that says what they are.

    Raises
    ------
    mirage.errors.BadInput
        When there are none.
    """
    shown = [images for _, images in found if images]
    if not shown:
        raise BadInput("There are no synthetic images to show.")
    whole = Image.new("RGB", (side * max(map(len, shown)), side * len(shown)))
    for row, images in enumerate(shown):
        for column, image in enumerate(images):
            whole.paste(image.convert("RGB").resize((side, side), Image.Resampling.BICUBIC), (column * side, row * side))
    return marks.band(whole)


def _told(value: Sequence[float]) -> str:
    return f"{value[0]:.3f} ({value[1]:.3f} to {value[2]:.3f})"
