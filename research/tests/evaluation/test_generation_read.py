"""What a probe sees of findings, and what a reader recognises on sheets, where what is drawn is known."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mirage.errors import BadInput
from mirage.generate.generators.base import DrawnImage, GenerationRequest, GenerationStep, GeneratorInfo
from mirage.generate.generators.evidence import Evidence, KindOfPicture
from mirage_research.evaluation import finding_probe, generation_sheets
from mirage_research.evaluation.finding_probe import RealPicture

KIND = "axial brain MRI"


def picture(ill: bool, rng: np.random.Generator) -> Image.Image:
    """A disc, with a bright spot in it where there is a finding."""
    image = Image.new("L", (128, 128))
    draw = ImageDraw.Draw(image)
    draw.ellipse((10, 10, 118, 118), fill=int(rng.integers(70, 110)))
    if ill:
        x, y = rng.integers(40, 80, 2).tolist()
        draw.ellipse((x, y, x + 22, y + 22), fill=250)
    return image


def network(images: Iterable[Image.Image]) -> np.ndarray:
    return np.array([np.histogram(np.asarray(image), 24, (0, 256))[0] / 1000 for image in images], dtype=np.float32)


class Painter:
    """Draws the finding where `obeys` and it is asked for."""

    def __init__(self, obeys: bool) -> None:
        self.obeys = obeys

    def info(self) -> GeneratorInfo:
        return GeneratorInfo("painter", "painter", "1", "not stated", 128, 128, 128, 8, 4, 50, 3.0, 64)

    def unread(self, text: str) -> str:
        return ""

    def refusal(self, text: str) -> str:
        return "Not that." if "calcification" in text else ""

    def generate(
        self,
        request: GenerationRequest,
        progress: Callable[[GenerationStep], None] = lambda _: None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Iterator[DrawnImage]:
        for number in range(request.count):
            rng = np.random.default_rng(request.seed + number)
            yield DrawnImage(picture(self.obeys and "edema" in request.terms[0].text, rng), request.seed + number)


@pytest.fixture(scope="module")
def real() -> list[RealPicture]:
    rng = np.random.default_rng(3)
    found = []
    for number in range(120):
        ill = number % 3 == 0
        image = picture(ill, rng)
        told = frozenset({"edema", "calcification"}) if ill else frozenset({"hemorrhage"} if number < 2 else set())
        found.append(RealPicture(KIND, told, f"case{number}", number < 90, lambda i=image: i))  # type: ignore[misc]
    return found


def test_a_finding_that_is_drawn_is_seen_and_one_that_is_not_is_not(real: list[RealPicture]) -> None:
    obedient = finding_probe.measure(real, Painter(obeys=True), network, images=16)
    assert set(obedient) == {"edema"}, "what is refused is not drawn, and what hardly any picture shows is not asked for"
    assert obedient["edema"].seen
    assert obedient["edema"].real > 0.9
    deaf = finding_probe.measure(real, Painter(obeys=False), network, images=16)["edema"]
    assert (deaf.auc, deaf.seen) == (0.5, False), "the same images, whatever is asked"


def test_the_area_is_how_often_one_that_has_it_scores_higher() -> None:
    assert finding_probe.area(np.array([2.0, 3.0]), np.array([1.0, 0.0])) == 1
    assert finding_probe.area(np.array([2.0, 0.0]), np.array([1.0, 1.0])) == 0.5
    assert finding_probe.area(np.array([1.0]), np.array([1.0, 3.0, 0.0, 4.0])) == pytest.approx(0.375)


@pytest.fixture
def evidence() -> Evidence:
    kinds = [("MR", "axial", "brain", 90), ("CT", "axial", "chest", 50), ("XR", "frontal", "chest", 70), ("CT", "", "", 99)]
    return Evidence(kinds=tuple(KindOfPicture(*kind) for kind in kinds))


def test_sheets_are_read_without_the_key_and_only_right_answers_count(evidence: Evidence, tmp_path: Path) -> None:
    kinds = generation_sheets.chosen_kinds(evidence, 3)
    assert [str(kind) for kind in kinds] == ["axial brain MRI", "frontal chest X-ray", "axial chest CT"]
    generation_sheets.draw(Painter(obeys=True), kinds, tmp_path, seeds=2)
    key = json.loads((tmp_path / "key.json").read_text("utf-8"))["sheets"]
    assert sorted(path.name for path in tmp_path.glob("*.png")) == [f"sheet-0{number}.png" for number in (1, 2, 3)]
    said = {"MR": ("brain MR, axial", 2), "CT": ("sagittal spine CT", 2), "XR": ("chest radiograph, frontal", 9)}
    answers = {number: dict(zip(("said", "recognised"), said[kind[0]], strict=True)) for number, kind in key.items()}
    (tmp_path / "answers.json").write_text(json.dumps(answers), "utf-8")
    known = generation_sheets.read(tmp_path, tmp_path / "answers.json", "somebody", evidence)
    assert {str(kind): (kind.recognised, kind.looked, kind.fails) for kind in known.kinds} == {
        "axial brain MRI": (2, 2, False),
        "axial chest CT": (0, 2, True),
        "frontal chest X-ray": (2, 2, False),
        "CT": (0, 0, False),
    }
    assert generation_sheets.rows(known)[0] == ("kinds recognised", "2 of 3, somebody")


def test_answers_to_other_sheets_are_refused(evidence: Evidence, tmp_path: Path) -> None:
    generation_sheets.draw(Painter(obeys=True), evidence.kinds[:1], tmp_path, seeds=1)
    (tmp_path / "answers.json").write_text('{"07": {"said": "x", "recognised": 1}}', "utf-8")
    with pytest.raises(BadInput, match="01, 07"):
        generation_sheets.read(tmp_path, tmp_path / "answers.json", "somebody", evidence)
