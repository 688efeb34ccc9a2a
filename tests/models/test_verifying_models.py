"""Damage is found and named, with what to do; what cannot be checked is said to be unchecked."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hub_server import COMMIT, MODEL, Site, hub_cache, weights
from mirage import models
from mirage.errors import BadInput, NotFound
from mirage.models.files import RECORD
from mirage.shipped import SHIPPED


@pytest.fixture
def pulled(site: Site) -> Path:
    return models.pull(MODEL).path


def one(**given: object) -> models.Verdict:
    (verdict,) = models.verify(MODEL, **given)  # type: ignore[arg-type]
    return verdict


def test_a_sound_model_is_compared_file_by_file(pulled: Path) -> None:
    read: list[int] = []
    verdict = one(progress=lambda _, more: read.append(more))
    assert verdict.sound
    assert (verdict.checked, verdict.where, verdict.revision) == (4, "mirage", COMMIT)
    assert sum(read) == sum(path.stat().st_size for path in pulled.iterdir() if path.name != RECORD)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("flip", "model.safetensors was changed"),
        ("cut", "model.safetensors has 100 of"),
        ("gone", "model.safetensors is missing"),
        ("added", "extra.safetensors did not come with the model"),
    ],
)
def test_damage_is_named_and_mended_by_pulling_again(pulled: Path, site: Site, how: str, said: str) -> None:
    file = pulled / "model.safetensors"
    body = bytearray(file.read_bytes())
    match how:
        case "flip":
            body[5000] ^= 1
            file.write_bytes(body)
        case "cut":
            file.write_bytes(body[:100])
        case "gone":
            file.unlink()
        case "added":
            (pulled / "extra.safetensors").write_bytes(weights(5))
    verdict = one()
    assert not verdict.sound
    assert any(fault.startswith(said) for fault in verdict.faults)
    assert f"mirage models pull {MODEL} --revision {COMMIT}" in verdict.remedy
    if how != "added":
        shutil.rmtree(pulled)
        models.pull(MODEL, revision=COMMIT)
        assert one().sound


def test_a_damaged_file_is_replaced_by_the_pull_that_the_remedy_names(pulled: Path) -> None:
    (pulled / "model.safetensors").write_bytes(b"cut")
    models.pull(MODEL, revision=COMMIT)
    assert one().sound


def test_a_file_of_the_right_size_and_another_content_is_replaced_when_it_is_looked_at(site: Site, tmp_path: Path) -> None:
    copy = models.pull(MODEL, to=tmp_path / "mine").path
    (copy / "model.safetensors").write_bytes(weights(seed=9))
    models.pull(MODEL, to=tmp_path / "mine")
    assert (copy / "model.safetensors").read_bytes() == weights()


def test_what_was_fetched_in_part_says_how_to_go_on(site: Site) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        models.pull(MODEL, progress=stop)
    verdict = one()
    assert verdict.faults == ("it was only fetched in part",)
    assert "Go on with" in verdict.remedy


def test_a_folder_that_was_pulled_is_checked_where_it_lies(site: Site, tmp_path: Path) -> None:
    models.pull(MODEL, to=tmp_path / "stick")
    (verdict,) = models.verify(str(tmp_path / "stick"))
    assert verdict.sound
    with pytest.raises(BadInput, match="no record"):
        models.verify(str(tmp_path))


def test_a_model_that_is_not_here_says_how_to_get_it() -> None:
    with pytest.raises(NotFound, match=f"mirage models pull {MODEL}"):
        models.verify(MODEL)


def test_the_cache_is_checked_by_the_names_of_its_blobs(site: Site, tmp_path: Path) -> None:
    snapshot = hub_cache(tmp_path / "hf" / "hub")
    verdict = one()
    assert (verdict.sound, verdict.where, verdict.checked) == (True, "cache", 4)
    for name in ("model.safetensors", "config.json"):
        blob = (snapshot / name).resolve()
        body = blob.read_bytes()
        blob.write_bytes(body[:-1] + bytes([body[-1] ^ 1]))
        assert any(fault.startswith(f"{name} was changed") for fault in one().faults)
        blob.write_bytes(body)
    (snapshot / "model.safetensors").resolve().unlink()
    assert "model.safetensors is missing" in one().faults


class TestShipped:
    @pytest.fixture
    def root(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        copy = Path(shutil.copytree(SHIPPED, tmp_path / "shipped", ignore=shutil.ignore_patterns("atlas")))
        monkeypatch.setattr("mirage.models.registry.SHIPPED", copy)
        return copy

    def test_the_encoder_is_what_its_card_says(self) -> None:
        (verdict,) = models.verify("starter-encoder")
        assert verdict.sound
        assert verdict.checked == 4

    def test_a_changed_byte_is_found(self, root: Path) -> None:
        file = root / "encoder" / "image.onnx"
        body = bytearray(file.read_bytes())
        body[len(body) // 2] ^= 1
        file.write_bytes(body)
        (verdict,) = models.verify("starter-encoder")
        assert "is not what the card states" in verdict.faults[0]
        assert "Install MIRAGE again" in verdict.remedy

    def test_a_missing_file_is_named(self, root: Path) -> None:
        (root / "encoder" / "tokenizer.json").unlink()
        (verdict,) = models.verify("starter-encoder")
        assert verdict.faults == ("tokenizer.json is missing",)

    def test_all_that_is_here_is_checked_when_nothing_is_named(self, pulled: Path) -> None:
        (pulled / RECORD).write_text("{")
        found = {verdict.id: verdict for verdict in models.verify()}
        assert found["starter-encoder"].sound
        assert "is damaged" in found[MODEL].faults[0]
