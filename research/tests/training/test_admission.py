"""Weights that ship learn only from what is on the list."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mirage.encoders.starter import SHIPPED
from mirage.errors import BadInput
from mirage_research.data.admission import admitted, allows, card_rows, check_admitted, held_out
from mirage_research.data.samples import TrainingSample
from mirage_research.data.wide_samples import read_set, told_by, without_lookalikes
from mirage_research.training.synonyms import read_terms


def write_set(folder: Path, name: str, rows: list[dict[str, object]]) -> Path:
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return folder


def test_a_set_that_is_not_on_the_list_is_refused_by_name(tmp_path: Path) -> None:
    for name in ("skin", "busi", "fundus", "roco", "openstax_anatomy", "bccd"):
        with pytest.raises(BadInput, match=name):
            check_admitted(["medpix", name])
        with pytest.raises(BadInput, match=name):
            read_set(write_set(tmp_path, name, [{"file": "a.webp", "label": "x"}]), name)
    with pytest.raises(BadInput, match="hpo"):
        read_terms(tmp_path, ("hpo",))


def test_every_set_on_the_list_says_why_and_an_exception_is_called_one() -> None:
    for row in admitted().values():
        assert row.licence
        assert row.reason
        open_terms = re.search(r"CC0|CC BY (?!-)|permit sharing", row.licence + " ")
        assert row.terms == "exception" or open_terms, f"{row.set} is on the list without a licence that permits it"
        assert not re.search(r"\b(?:NC|ND)\b", row.licence)


def test_of_a_set_with_a_licence_for_each_picture_only_permitted_rows_are_learnt_from(tmp_path: Path) -> None:
    licences = ["CC BY 4.0", "CC BY-NC-SA 4.0", "CC BY-SA", "", None, "cc by 3.0", "listed as authorized for everyone"]
    rows = [
        {"file": f"{number}-{n}.webp", "patientid": f"{number}-{n}", "finding": "COVID-19", "license": licence}
        for number, licence in enumerate(licences)
        for n in range(8)
    ]
    samples, held = read_set(write_set(tmp_path, "covid", rows), "covid")
    assert {sample.picture.name.partition("-")[0] for sample in samples} == {"0", "5"}
    assert all(group not in {sample.group for sample in samples} for group in held)
    assert not allows("covid", "")


def test_what_is_held_out_is_fixed_by_its_name_and_patients_are_held_whole(tmp_path: Path) -> None:
    groups = [f"covid:patient {number}" for number in range(400)]
    share = np.mean([held_out(group) for group in groups])
    assert 0.18 < share < 0.32
    rows = [
        {"file": f"{number}.webp", "patientid": number // 3, "finding": "COVID-19", "license": "CC BY 4.0"}
        for number in range(90)
    ]
    samples, held = read_set(write_set(tmp_path, "covid", rows), "covid")
    assert held
    assert {sample.group for sample in samples}.isdisjoint(held)
    assert read_set(write_set(tmp_path, "covid", rows[::-1]), "covid")[1] == held


def test_words_of_a_film_whose_finding_is_unknown_claim_none(tmp_path: Path) -> None:
    rows = [{"file": f"{n}.webp", "patientid": n, "finding": "todo", "license": "CC BY"} for n in range(8)]
    samples, _ = read_set(write_set(tmp_path, "covid", rows), "covid")
    assert {sample.query for sample in samples} == {"Frontal X-ray. Chest X-ray"}
    assert {sample.title for sample in samples} == {""}


@pytest.mark.parametrize(
    ("asked", "modality", "plane"),
    [
        ([("What modality was used?", "plain film", "MODALITY")], "XR", ""),
        ([("Is this an AP or PA film?", "PA", "PLANE")], "XR", "frontal"),
        (
            [("Which plane is the image in?", "Axial", "PLANE"), ("What kind of scan is this?", "CT", "MODALITY")],
            "CT",
            "axial",
        ),
        ([("Is this an MRI?", "no", "MODALITY")], "", ""),
        ([("Is this a CT image?", "yes", "MODALITY"), ("Is this an MRI?", "yes", "MODALITY")], "", ""),
        ([("Is there a mass?", "yes", "PRES")], "", ""),
    ],
)
def test_modality_and_plane_are_read_from_answers_only(asked: list[tuple[str, str, str]], modality: str, plane: str) -> None:
    assert told_by(asked) == (modality, plane)


def test_pictures_that_look_like_one_set_aside_are_left_out(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)

    def sample(name: str, pixels: np.ndarray) -> TrainingSample:
        Image.fromarray(pixels).save(tmp_path / name)
        return TrainingSample(name, name, name, "", "", "", tmp_path / name)

    one, other = (np.kron(rng.integers(0, 255, (12, 12)), np.ones((10, 10))).astype(np.uint8) for _ in range(2))
    aside = sample("aside.png", one)
    brighter = sample("brighter.png", np.clip(one * 0.8 + 20, 0, 255).astype(np.uint8))
    different = sample("different.png", other)
    assert without_lookalikes([brighter, different], [aside]) == [different]


def test_the_card_names_what_the_encoder_learnt_from_as_the_list_does() -> None:
    config = json.loads((SHIPPED / "config.train.json").read_text("utf-8"))
    used = {"medpix"} if config.get("medpix", True) else set()
    used |= {"cxr"} if config["radiographs_per_epoch"] else set()
    used |= {"starter"} if config["starter_per_epoch"] else set()
    used |= set(config.get("wide_per_epoch", {})) | ({"doid", "uberon"} if config.get("synonyms") else set())
    check_admitted(used)
    card = (SHIPPED / "card.md").read_text("utf-8")
    data = card.split("## Data", 1)[1].split("\n## ", 1)[0]
    assert set(re.findall(r"\(`(\w+)`\)", data)) == used, "the card names other sets than the run learnt from"
    for name in used:
        row = next(line for line in data.splitlines() if f"(`{name}`)" in line)
        (own,) = [line for line in card_rows({name: row.split("|")[2].strip()}) if f"(`{name}`)" in line]
        assert row == own
