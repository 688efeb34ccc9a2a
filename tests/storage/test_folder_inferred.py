"""A folder of pictures without words: its kinds of pictures are inferred and marked, or left open."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from mirage.atlas import Atlas
from mirage.corpora.folder import FolderCorpus
from mirage.corpora.starter import SHIPPED
from mirage.figure import Figure
from mirage.storage.ingest import add


@pytest.fixture
def kept(tmp_path: Path) -> dict[str, Figure]:
    """Figures of a folder, by name: three that ship, upright and turned, two of these with words, and three of one shade."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for name, shipped in (("film", "chest-pa"), ("eye", "retina"), ("tissue", "tissue-he-tile-1")):
        with Image.open(SHIPPED / "pictures" / f"{shipped}.webp") as picture:
            picture.convert("RGB").save(folder / f"{name}.png")
            picture.convert("RGB").rotate(180).save(folder / f"{name} turned.png")
    for shade in (0, 128, 255):
        Image.new("RGB", (120, 90), (shade, shade, shade)).save(folder / f"shade {shade}.png")
    (folder / "figures.csv").write_text(
        "file,caption,modality\neye turned.png,The back of an eye,OT\nfilm turned.png,Fluoroscopy of the chest,\n"
    )
    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        report = add(atlas, FolderCorpus(folder))
        assert not report.refused
        rows = [row for batch in atlas.store.each() for row in batch]
        return {Path(atlas.store.name_of(row.figure.id)).stem: row.figure for row in rows}


def test_what_a_picture_is_is_inferred_from_it_where_nobody_says_and_marked(kept: dict[str, Figure]) -> None:
    assert {name: (kept[name].modality, kept[name].inferred) for name in ("film", "eye", "tissue")} == {
        "film": ("XR", ("modality",)),
        "eye": ("OP", ("modality",)),
        "tissue": ("SM", ("modality",)),
    }
    assert kept["film"].stated("modality") == ""


def test_what_a_table_says_stays_and_a_caption_that_names_it_comes_before_the_picture(kept: dict[str, Figure]) -> None:
    assert (kept["eye turned"].modality, kept["eye turned"].inferred) == ("OT", ())
    assert (kept["film turned"].modality, kept["film turned"].inferred) == ("RF", ("modality",))


def test_of_a_picture_of_one_shade_nothing_is_said(kept: dict[str, Figure]) -> None:
    for shade in (0, 128, 255):
        assert (kept[f"shade {shade}"].modality, kept[f"shade {shade}"].inferred) == ("", ())
