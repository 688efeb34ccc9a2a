"""Synthetic images, measured: a generator that draws what is asked for does well, one that does not does badly."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mirage.errors import BadInput
from mirage.generate.generators.base import DrawnImage, GenerationRequest, GenerationStep, GeneratorInfo
from mirage.generate.generators.copies import TrainingFingerprints
from mirage_research.evaluation import copies as planted
from mirage_research.evaluation import generation, image_features
from mirage_research.training.generator_images import write_fingerprints

KINDS = {
    "axial chest CT": ("CT", "Axial", "Chest, Pulmonary", "Thorax"),
    "sagittal brain MRI": ("MR", "Sagittal", "Brain and Neuro", "Head"),
    "axial abdomen CT": ("CT", "Axial", "Gastrointestinal", "Abdomen"),
    "coronal brain MRI": ("MR", "Coronal", "Brain and Neuro", "Head"),
}


def drawing(kind: str, rng: np.random.Generator) -> Image.Image:
    """Each kind has its own shape; each image its own size, place and grey."""
    image = Image.fromarray(rng.integers(20, 45, (128, 128), dtype=np.uint8))
    x, y, r = (int(v) for v in rng.integers((44, 44, 22), (84, 84, 40)))
    draw, grey = ImageDraw.Draw(image), int(rng.integers(120, 250))
    match kind:
        case "axial chest CT":
            draw.ellipse((x - r, y - r, x + r, y + r), fill=grey)
        case "sagittal brain MRI":
            for place in range(y - r, y + r, 8):
                draw.line((x - r, place, x + r, place), fill=grey, width=3)
        case "axial abdomen CT":
            draw.polygon([(x, y - r), (x + r, y + r), (x - r, y + r)], outline=grey, width=5)
        case _:
            for place in range(x - r, x + r, 8):
                draw.line((place, y - r, place, y + r), fill=grey, width=3)
    return image


class Artist:
    """Stands in for a generator: `shows` says which kind it draws for a prompt, None for nothing at all."""

    def __init__(self, shows: Callable[[str], str | None], varied: bool = True) -> None:
        self.shows, self.varied = shows, varied

    def info(self) -> GeneratorInfo:
        return GeneratorInfo("artist", "artist", "1", "not stated", 128, 64, 256, 8, 4, 50, 3.0, 64)

    def unread(self, text: str) -> str:
        return ""

    def refusal(self, text: str) -> str:
        return ""

    def generate(
        self,
        request: GenerationRequest,
        progress: Callable[[GenerationStep], None] = lambda _: None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Iterator[DrawnImage]:
        for number in range(request.count):
            kind = self.shows(request.terms[0].text)
            seed = request.seed + number
            rng = np.random.default_rng(90_000 + seed if self.varied else 90_000)
            yield DrawnImage(drawing(kind, rng) if kind else Image.new("L", (128, 128)), seed, blank=kind is None)


def honest(text: str) -> str:
    return next(kind for kind in KINDS if text.startswith(kind) or text.lower().startswith(raw(kind)))


def raw(kind: str) -> str:
    modality, plane, *_ = KINDS[kind]
    return f"{plane} {modality} - {kind.split()[1]}".lower()


def liar(text: str) -> str:
    kinds = list(KINDS)
    return kinds[(kinds.index(honest(text)) + 1) % len(kinds)]


def network(images: Iterable[Image.Image]) -> np.ndarray:
    """Stands in for the trained network: gradients by direction and place, blurred grey levels."""
    rows = []
    for image in images:
        pixels = np.asarray(image.resize((64, 64), Image.Resampling.BOX), dtype=float) / 255
        down, across = np.gradient(pixels)
        angle = (np.arctan2(down, across) % np.pi // (np.pi / 6)).astype(int).clip(0, 5)
        size = np.hypot(down, across)
        rows.append([*np.bincount(angle.ravel(), size.ravel(), 6) / 10, *np.sort(pixels.ravel())[::256]])
    return np.array(rows, dtype=np.float32).reshape(len(rows), -1)


@pytest.fixture(scope="module")
def medpix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("measured") / "MedPix-2-0"
    (root / "images").mkdir(parents=True)
    (root / "splitted_dataset").mkdir()
    rng = np.random.default_rng(0)
    for split, count in (("train", 12), ("dev", 9)):
        lines = []
        for kind, (modality, plane, location, category) in KINDS.items():
            for number in range(count):
                name = f"{split}-{kind.replace(' ', '-')}-{number}"
                drawing(kind, rng).resize((512, 512)).save(root / "images" / f"{name}.png")
                told = {"Caption": "Made up.", "Plane": plane, "Modality": f"{modality} - {kind.split()[1]}"}
                case = f"{split}{number}{category}{plane}"
                row = {"image": name, "U_id": case, "Type": modality, "Location": location, "Location Category": category}
                lines.append(json.dumps({**row, "Description": told}))
        (root / "splitted_dataset" / f"descriptions_{split}.jsonl").write_text("\n".join(lines))
    (root / "Descriptions.json").write_text("[]")
    (root / "Case_topic.json").write_text("[]")
    return root


def measured(medpix: Path, artist: Artist, known: TrainingFingerprints | None = None) -> generation.GenerationMeasures:
    return generation.evaluate(medpix, artist, known, network, limit=24, classes=4)


@pytest.fixture(scope="module")
def good(medpix: Path) -> generation.GenerationMeasures:
    return measured(medpix, Artist(honest))


def test_a_generator_that_draws_what_is_asked_meets_every_bar(good: generation.GenerationMeasures) -> None:
    verdicts = generation.judged(good.table)
    assert {name: met for name, (_, met) in verdicts.items()} == {"match": True, "distance": True, "diversity": True}
    match = good.table["match"]["modality, plane and region"]
    assert match["synthetic"][0] > 0.8
    assert match["prompts exchanged"][0] < 0.4
    assert 0.2 < match["chance"] < 0.3


def test_a_generator_that_draws_something_else_finds_something_else(medpix: Path) -> None:
    table = measured(medpix, Artist(liar)).table
    assert table["match"]["modality, plane and region"]["synthetic"][0] < 0.2
    assert not generation.judged(table)["match"][1]


def test_one_image_for_all_seeds_is_no_diversity(medpix: Path) -> None:
    table = measured(medpix, Artist(honest, varied=False)).table
    assert table["diversity"]["ratio"][0] < 0.01
    assert not generation.judged(table)["diversity"][1]


def test_class_averages_and_exchanged_prompts_stand_below_real_images(good: generation.GenerationMeasures) -> None:
    distance = good.table["distance"]
    assert distance["class average"][0] > distance["synthetic"][0]
    match = good.table["match"]["modality and region"]
    assert match["real"][0] > match["prompts exchanged"][0]


def test_intervals_hold_their_values(good: generation.GenerationMeasures) -> None:
    for found in (good.table["distance"]["class average"], good.table["match"]["modality and region"]["real"]):
        value, low, high = found
        assert low <= value <= high
        assert low < high or value in (0, 1)


def test_copies_of_training_images_are_counted(medpix: Path, good: generation.GenerationMeasures) -> None:
    images = [image for _, row in good.rows for image in row]
    known = TrainingFingerprints.load(_saved(medpix.parent / "known.npz", images))
    found = measured(medpix, Artist(honest), known).table["copies"]
    assert found["near"] >= len(images)
    assert good.table["copies"] is None


def _saved(file: Path, images: list[Image.Image]) -> Path:
    write_fingerprints(file, images, [str(n) for n in range(len(images))])
    return file


def test_blank_images_are_counted_and_left_out(medpix: Path) -> None:
    table = measured(medpix, Artist(lambda text: None if "chest" in text else honest(text))).table
    assert 0 < table["blank"] < 24
    assert table["prompts"] == 24 - table["blank"]


def test_a_generator_that_draws_nothing_is_said_to(medpix: Path) -> None:
    with pytest.raises(BadInput, match="blank"):
        measured(medpix, Artist(lambda text: None))


def test_the_report_says_which_bars_are_met(good: generation.GenerationMeasures) -> None:
    told = dict(generation.rows(good.table))
    assert "met" in told["  ratio"]
    assert "not checked" in told["near copies of training images"]
    assert json.loads(json.dumps(good.table)) == good.table


def test_the_sheet_carries_the_band(good: generation.GenerationMeasures) -> None:
    sheet = generation.sheet(good.rows)
    assert sheet.width == 8 * 128
    assert sheet.height > 4 * 128


def test_real_images_are_made_like_drawn_ones(medpix: Path) -> None:
    picture = Image.open(next((medpix / "images").glob("train*.png")))
    same, whole = image_features.same_form(picture), image_features.as_it_is(picture)
    assert same.size == whole.size == (image_features.READS,) * 2
    assert np.abs(np.diff(np.asarray(same, float))).mean() < np.abs(np.diff(np.asarray(whole, float))).mean()


def test_copies_are_planted_and_real_images_put_before_the_check(medpix: Path) -> None:
    names = [f"train-{kind.replace(' ', '-')}-{number}" for kind in KINDS for number in range(8)]
    images = [Image.open(medpix / "images" / f"{name}.png").convert("L") for name in names]
    file = medpix.parent / "planted.npz"
    write_fingerprints(file, images, [f"medpix:{name}" for name in names])
    table = planted.evaluate(medpix, TrainingFingerprints.load(file), each=2)
    assert set(table["caught"]) == set(planted.CHANGES)
    assert table["caught"]["JPEG 50 to 75"]["published"][0] >= 0.5
    assert table["flagged"]["held out"][3] == 16
    assert table["flagged"]["dev"][3] == 36
    assert dict(planted.rows(table))["fingerprints"] == "32"


def test_fingerprints_of_other_images_cannot_be_measured(medpix: Path, good: generation.GenerationMeasures) -> None:
    known = TrainingFingerprints.load(_saved(medpix.parent / "others.npz", good.rows[0][1]))
    with pytest.raises(BadInput, match="None of the 8 fingerprints"):
        planted.evaluate(medpix, known)


def test_what_the_network_saw_is_remembered_in_a_file(tmp_path: Path) -> None:
    asked = []

    def counting(images: Iterable[Image.Image]) -> np.ndarray:
        some = list(images)
        asked.append(len(some))
        return network(some) if some else np.zeros((0, 22), np.float32)

    images = [drawing(kind, np.random.default_rng(seed)) for kind in KINDS for seed in range(5)]
    file = tmp_path / "features.npz"
    first = image_features.remembered(counting, file)(images)
    assert sum(asked) == 20
    again = image_features.remembered(counting, file)(images[::-1])
    assert sum(asked) == 20
    assert np.array_equal(first, again[::-1])
    file.write_bytes(b"nothing of the kind")
    with pytest.raises(BadInput, match=r"features\.npz"):
        image_features.remembered(counting, file)


@pytest.mark.torch
def test_the_network_tells_a_circle_from_stripes() -> None:
    rng = np.random.default_rng(0)
    kinds = ("axial chest CT", "coronal brain MRI")
    images = [image_features.same_form(drawing(kind, rng)) for kind in kinds for _ in range(3)]
    found = image_features.load()(images)
    assert found.shape == (6, image_features.DIMENSION)
    assert np.isfinite(found).all()
    unit = (found - found.mean(0)) / np.linalg.norm(found - found.mean(0), axis=1, keepdims=True)
    near = unit @ unit.T
    assert near[:3, :3].mean() > near[:3, 3:].mean()
