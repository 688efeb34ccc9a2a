"""The measurement of the watermark counts what is read back, and what is seen where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from marks_maker import drawn
from mirage_research.evaluation import watermark as measurement

BAR = [name for name in measurement.CHANGES if name.startswith("10 %")] + ["0.4 ×", "JPEG 60"]


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    made = []
    for number, mode in enumerate(("L", "RGB")):
        made.append(tmp_path / f"{number}.png")
        drawn((300, 280), mode, seed=number).save(made[-1])
    return made


def test_what_is_left_after_each_change_is_counted(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def grey(image: Image.Image) -> Image.Image:
        return Image.new("L", image.size, 128)

    monkeypatch.setattr(measurement, "CHANGES", {name: measurement.CHANGES[name] for name in BAR} | {"all gone": grey})
    moved: list[tuple[int, int]] = []
    table = measurement.evaluate(paths, 2, lambda done, total: moved.append((done, total)), starter=False)
    assert (table["images"], table["alarms"], table["carriers"], table["small"]) == (2, 0, 2, 1)
    for what in ("seen", "read", "seen_small", "read_small"):
        assert table[what] == dict.fromkeys(BAR, 1.0) | {"all gone": 0.0}
    assert min(table["psnr"]) >= 41
    assert moved[-1] == (3, 4)
    assert len(measurement.rows(table)) == 6 + len(BAR) + 1
