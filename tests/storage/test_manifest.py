"""What an atlas folder says of itself, and who holds it."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from mirage.encoders.base import EncoderInfo
from mirage.errors import AtlasError, Unavailable
from mirage.storage import manifest
from mirage.storage.manifest import AtlasManifest, Holder

MANIFEST = AtlasManifest(
    manifest.FORMAT, EncoderInfo("starter", "ab" * 32, 256, 64), {"starter": "1", 'a "b" \\ ü 🧠': "v=2"}
)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    MANIFEST.write(tmp_path)
    assert manifest.read(tmp_path) == MANIFEST
    assert [path.name for path in tmp_path.iterdir()] == ["atlas.toml"]


def test_the_encoder_s_model_is_kept(tmp_path: Path) -> None:
    encoder = EncoderInfo("open_clip", "cd" * 32, 768, 77, 'hf-hub:org/"name"', "ef" * 32)
    AtlasManifest(manifest.FORMAT, encoder, {}).write(tmp_path)
    assert manifest.read(tmp_path) == AtlasManifest(manifest.FORMAT, encoder, {})


def test_a_folder_without_one_has_none(tmp_path: Path) -> None:
    assert manifest.read(tmp_path) is None


@pytest.mark.parametrize("name", ["\x7f", "\ud800", "a\nb", "\u2028", ""])
def test_any_name_of_a_corpus_can_be_written(tmp_path: Path, name: str) -> None:
    AtlasManifest(1, MANIFEST.encoder, {name: "1"}).write(tmp_path)
    assert manifest.read(tmp_path) is not None


@pytest.mark.parametrize(
    "text", ["", "format = 1", "format = 'x'", "not toml [", "\xff\xfe", 'format = 1\nencoder = "x"', "format=[1]"]
)
def test_a_damaged_one_is_named_and_says_what_to_do(tmp_path: Path, text: str) -> None:
    (tmp_path / "atlas.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(AtlasError, match=r"atlas\.toml is damaged .*Restore it from a copy"):
        manifest.read(tmp_path)


def test_a_newer_format_asks_for_a_newer_mirage(tmp_path: Path) -> None:
    (tmp_path / "atlas.toml").write_text("format = 99\nnews = true\n")
    with pytest.raises(AtlasError, match=r"has format 99; this MIRAGE reads formats up to 3. Update MIRAGE"):
        manifest.read(tmp_path)


def test_writing_cut_short_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    MANIFEST.write(tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(Unavailable, match=r"full. Make room"):
        AtlasManifest(1, MANIFEST.encoder, {}).write(tmp_path)
    assert manifest.read(tmp_path) == MANIFEST


def test_word_of_the_holder_is_for_this_users_eyes_only(tmp_path: Path) -> None:
    holder = Holder.mine("http://localhost:8000")
    holder.write(tmp_path)
    assert Holder.read(tmp_path) == holder
    assert stat.S_IMODE((tmp_path / "atlas.lock").stat().st_mode) == 0o600
    assert str(holder) == f"process {os.getpid()}, serving http://localhost:8000"
    assert holder.token not in str(holder)
    holder.clear(tmp_path)
    holder.clear(tmp_path)
    assert Holder.read(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"pid": "x"}', "\x00"])
def test_a_damaged_word_of_the_holder_is_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "atlas.lock").write_text(text)
    assert Holder.read(tmp_path) is None


def test_of_two_servers_that_have_one_folder_open_each_leaves_word_and_takes_back_its_own(tmp_path: Path) -> None:
    one = Holder.mine("http://localhost:8000")
    two = replace(Holder.mine("http://localhost:8001"), pid=os.getppid())  # a process that is there
    one.write(tmp_path, among=True)
    two.write(tmp_path, among=True)
    os.utime(tmp_path / "atlas.lock", (1, 1))
    assert Holder.every(tmp_path) == [two, one]  # the last first: the other may be a word of a machine that is gone
    assert Holder.read(tmp_path) == two
    two.clear(tmp_path)
    assert Holder.read(tmp_path) == one
    two.write(tmp_path, among=True)
    one.clear(tmp_path)
    assert Holder.read(tmp_path) == two
    one.write(tmp_path)  # who has it alone
    assert [path.name for path in tmp_path.glob("atlas.lock*")] == ["atlas.lock"]
    assert Holder.read(tmp_path) == one
