"""The hand-written pairs of claims and evidence: complete, well formed, about real cases, and in their own words."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections import Counter
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from mirage.corpora.medpix import find_folder
from mirage.errors import BadInput
from mirage.explain.explanation import PASSAGES
from mirage_research.evaluation.grounding import half_of_pairs, written

Table = dict[str, Any]

PAIRS: list[Table] = tomllib.loads(
    files("mirage_research.evaluation").joinpath("grounding_pairs.toml").read_text("utf-8"),
)["pair"]
LABEL_OF_KIND = {
    "faithful": "supported",
    "laterality": "contradicted",
    "negation": "contradicted",
    "number": "contradicted",
    "modality": "contradicted",
    "plane": "contradicted",
    "term": "unsupported",
    "unrelated": "unsupported",
}
RUN = 8  # so many words in a row are a copy


def test_half_of_a_hundred_pairs_are_faithful_and_every_kind_of_error_is_there() -> None:
    assert Counter(pair["kind"] for pair in PAIRS) == {
        "faithful": 50,
        "laterality": 10,
        "negation": 10,
        "term": 9,
        "number": 7,
        "unrelated": 6,
        "modality": 4,
        "plane": 4,
    }


def test_at_least_half_of_the_faithful_name_the_other_side_or_deny_something_rightly() -> None:
    tricky = [pair for pair in PAIRS if re.match(r"(other side|negation) rightly", pair["note"])]
    assert all(pair["kind"] == "faithful" for pair in tricky)
    assert len(tricky) >= 25


def test_every_pair_has_every_field_and_the_label_of_its_kind() -> None:
    for pair in PAIRS:
        assert set(pair) == {"case", "split", "evidence", "claim", "label", "kind", "note"}, pair
        assert pair["label"] == LABEL_OF_KIND[pair["kind"]], pair
        assert pair["note"], pair
        for passage in pair["evidence"]:
            assert passage in PASSAGES or passage.startswith(f"caption:{pair['case']}_"), pair


def test_a_claim_is_one_sentence_and_stands_once() -> None:
    assert len({pair["claim"] for pair in PAIRS}) == len(PAIRS)
    for pair in PAIRS:
        assert re.fullmatch(r"[A-Z].+\.", pair["claim"]), pair["claim"]
        assert not re.search(r"[.!?] [A-Z]", pair["claim"]), pair["claim"]


def test_many_cases_of_both_splits_take_part() -> None:
    assert len({pair["case"] for pair in PAIRS}) >= 60
    assert Counter(pair["split"] for pair in PAIRS)["dev"] >= 25


@pytest.mark.medpix
def test_cases_images_and_splits_are_medpix_own() -> None:
    known = _medpix()
    regions: Counter[str] = Counter()
    for pair in PAIRS:
        split, region, passages = known[pair["case"]]
        assert pair["split"] == split, pair
        assert all(passages.get(name) for name in pair["evidence"]), pair
        regions[region] += 1
    assert len(regions) == 5
    assert min(regions.values()) >= 10


@pytest.mark.medpix
def test_no_claim_copies_its_evidence() -> None:
    known = _medpix()
    for pair in PAIRS:
        _, _, passages = known[pair["case"]]
        said = _runs(pair["claim"])
        for name in pair["evidence"]:
            assert not said & _runs(passages[name]), pair


def _runs(text: str) -> set[tuple[str, ...]]:
    words: Sequence[str] = re.findall(r"\w+", text.lower())
    return {tuple(words[at : at + RUN]) for at in range(len(words) - RUN + 1)}


def _medpix() -> dict[str, tuple[str, str, dict[str, str]]]:
    """Case to split, region, and the passages that a pair may name."""
    if not (path := os.environ.get("MIRAGE_MEDPIX")):
        pytest.skip("MIRAGE_MEDPIX names no copy of MedPix 2.0")
    folder = find_folder(Path(path)) / "splitted_dataset"
    found: dict[str, tuple[str, str, dict[str, str]]] = {}
    for split in ("train", "dev"):
        for row in _rows(folder / f"data_{split}.jsonl"):
            case = row["Case"]
            passages = {"findings": case["Findings"] or "", "discussion": case["Discussion"] or ""}
            found[row["U_id"]] = (split, "", passages)
        for row in _rows(folder / f"descriptions_{split}.jsonl"):
            _, _, passages = found[row["U_id"]]
            passages[f"caption:{row['image']}"] = row["Description"]["Caption"] or ""
            found[row["U_id"]] = (split, row["Location Category"], passages)
    return found


def _rows(file: Path) -> list[Table]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines() if line.strip()]


def _half(half: str) -> list[Table]:
    pairs: list[Table] = tomllib.loads(half_of_pairs(half).read_text("utf-8"))["pair"]
    return pairs


@pytest.mark.parametrize("half", ["work", "fresh", "blind"])
def test_a_half_of_the_two_hundred_pairs_is_half_true(half: str) -> None:
    pairs = _half(half)
    assert len(pairs) == 100
    assert Counter(pair["label"] == "supported" for pair in pairs) == {True: 50, False: 50}
    assert {(pair["label"] == "supported") == (pair["kind"] == "faithful") for pair in pairs} == {True}
    assert not {pair["case"] for pair in pairs} & {pair["case"] for pair in PAIRS}


@pytest.mark.parametrize(("half", "others"), [("fresh", ("work", "test")), ("blind", ("work", "test", "fresh"))])
def test_the_later_pairs_are_one_true_and_one_false_sentence_about_cases_of_no_other_file(
    half: str, others: Sequence[str]
) -> None:
    pairs = _half(half)
    assert {pair["case"] for pair in pairs}.isdisjoint(pair["case"] for other in others for pair in _half(other))
    assert set(Counter(pair["case"] for pair in pairs if pair["kind"] == "faithful").values()) == {1}
    assert set(Counter(pair["case"] for pair in pairs if pair["kind"] != "faithful").values()) == {1}
    assert len({pair["claim"] for pair in pairs}) == len(pairs)
    for pair in pairs:
        assert set(pair) == {"case", "split", "evidence", "claim", "label", "kind", "note"}, pair
        assert re.fullmatch(r"[A-Z].+\.", pair["claim"]), pair["claim"]
        assert not re.search(r"[.!?] [A-Z]", pair["claim"]), pair["claim"]


@pytest.mark.medpix
@pytest.mark.parametrize("half", ["fresh", "blind"])
def test_the_later_pairs_name_passages_that_are_there_and_copy_none_of_them(half: str) -> None:
    if not (path := os.environ.get("MIRAGE_MEDPIX")):
        pytest.skip("MIRAGE_MEDPIX names no copy of MedPix 2.0")
    for sentence in written(Path(path), pairs=half_of_pairs(half)):
        assert sentence.evidence, sentence.claim
        assert not any(_runs(sentence.claim) & _runs(passage.text) for passage in sentence.evidence), sentence.claim


def test_a_half_that_is_not_there_is_named() -> None:
    with pytest.raises(BadInput, match="no half “third”"):
        half_of_pairs("third")
