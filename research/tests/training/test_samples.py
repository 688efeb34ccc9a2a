"""What training learns from is what the data says, and no more."""

from __future__ import annotations

import random
from pathlib import Path

from mirage_research.data.samples import TrainingSample, kind_of, read_radiographs, sequence_of, set_aside, word


def sample(number: int, **changes: object) -> TrainingSample:
    values: dict[str, object] = {
        "id": f"medpix:{number}",
        "group": f"case{number // 3}",
        "caption_group": f"{number}",
        "diagnosis": "glioblastoma",
        "query": "Axial MR - T2 weighted. Ring lesion. It has oedema around it. The ventricles are small.",
        "caption": "Ring lesion. It has oedema around it. The ventricles are small.",
        "picture": Path("none"),
        "title": "Glioblastoma",
        "attributes": {"modality": "MR", "sequence": "t2", "plane": "axial", "region": "brain and neuro"},
    }
    return TrainingSample(**(values | changes))  # type: ignore[arg-type]


def test_cases_are_set_aside_whole_and_the_same_ones_for_a_seed() -> None:
    samples = [sample(number) for number in range(60)]
    train, holdout, cases = set_aside(samples, 5, seed=3)
    assert {s.group for s in train}.isdisjoint({s.group for s in holdout})
    assert sorted({s.group for s in holdout}) == cases
    assert len(cases) == 5
    assert set_aside(list(reversed(samples)), 5, seed=3)[2] == cases
    assert set_aside(samples, 5, seed=4)[2] != cases


def test_radiograph_words_claim_no_more_than_the_label(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("file,label,original\nimages/a.webp,pneumonia,x\n", "utf-8")
    (only,) = read_radiographs(tmp_path)
    rng = random.Random(0)
    said = " ".join(word(only, rng).text.lower() for _ in range(200))
    for claim in ("left", "right", "lobe", "severe", "mild", "bilateral", "basal", "effusion"):
        assert claim not in said
    assert "pneumonia" in said


def test_sequences_are_read_from_the_words_of_the_data_set() -> None:
    assert sequence_of("MR - T1W w/Gd (fat suppressed)") == "t1 gd fs"
    assert sequence_of("MR T2* gradient,GRE,MPGR,SWAN,SWI") == "gre"
    assert sequence_of("CT w/contrast (IV)") == "ct iv"
    assert sequence_of("Drawing") == ""


def test_words_that_fit_many_pictures_are_marked_so() -> None:
    rng = random.Random(1)
    kinds = {}
    for _ in range(300):
        wording = word(sample(0), rng)
        kinds.setdefault(wording.kind, []).append(wording.text)
    assert set(kinds) == {"query", "case", "generic"}
    assert all("Ring lesion" not in text and "lioblastoma" not in text for text in kinds["generic"])
    assert all(text for texts in kinds.values() for text in texts)


def test_short_words_name_plane_modality_and_region() -> None:
    text = kind_of(sample(0), random.Random(2))
    assert {"axial", "brain"} <= set(text.split())
