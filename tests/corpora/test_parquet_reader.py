"""Parquet files of strangers are read by a process that may die, hang or swell, and the rest goes on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.importorskip("pyarrow")
import pyarrow as pa
from pyarrow import parquet

from mirage.corpora import parquet_reader
from mirage.corpora.base import Item, Refused
from mirage.corpora.parquet_reader import ParquetFault, ParquetReader
from mirage.corpora.roco import RocoCorpus
from roco_maker import Made, write_shard

ROWS = [Made(f"ROCO_{number:05}", f"Made-up caption {number}.") for number in range(4)]
# What stands in for the process: it answers as pyarrow's does where it crashes, hangs, or is taken over.
BEHAVIOURS = {
    "aborts": ("os.abort()", "breaks the program that reads it"),
    "hangs": ("time.sleep(6000)", "takes longer than 0 s"),
    "answers nonsense": ("out((5).to_bytes(8, 'big') + bytes(8) + b'hello')", "makes no sense"),
    "answers no object": ("out((2).to_bytes(8, 'big') + bytes(8) + b'[]')", "makes no sense"),
    "answers too deeply": ("out((90000).to_bytes(8, 'big') + bytes(8) + b'[' * 90000)", "makes no sense"),
    "answers without end": ("out((2**60).to_bytes(8, 'big') + bytes(8) + b'a' * 5000)", "makes no sense"),
    "stops in the middle": ("out((50).to_bytes(8, 'big') + bytes(8) + b'{'); os._exit(0)", "breaks the program"),
}


@pytest.mark.parametrize("kind", BEHAVIOURS)
def test_a_process_that_does_not_answer_is_a_fault_of_the_file(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    does, told = BEHAVIOURS[kind]
    child = tmp_path / "child.py"
    lines = [
        "import os, sys, time",
        "def out(data): sys.stdout.buffer.write(data); sys.stdout.flush()",
        "sys.stdin.readline()",
    ]
    child.write_text("\n".join([*lines, does, "sys.stdin.readline()", ""]))
    monkeypatch.setattr(parquet_reader, "CHILD", child)
    reader = ParquetReader(seconds=0.4 if kind == "hangs" else 600)
    with pytest.raises(ParquetFault, match=told):
        reader.describe(tmp_path / "file.parquet")


def test_a_file_that_breaks_it_twice_is_not_tried_again_and_others_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_shard(tmp_path / "train.parquet", ROWS)
    begun = tmp_path / "begun"
    child = tmp_path / "child.py"
    child.write_text(f"import os\nopen({str(begun)!r}, 'a').write('.')\nos.abort()\n")
    with monkeypatch.context() as broken:
        broken.setattr(parquet_reader, "CHILD", child)
        reader = ParquetReader()
        for _ in range(5):
            with pytest.raises(ParquetFault, match="breaks the program"):
                reader.describe(path)
        assert len(begun.read_text()) == 2
    assert ParquetReader().describe(path)["rows"] == 4


def test_the_process_takes_no_more_memory_than_it_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/proc/self/statm").exists():
        pytest.skip("this system does not bound the memory of a process")
    path = tmp_path / "bomb.parquet"
    parquet.write_table(pa.table({"image": [bytes(60_000_000)], "image_id": ["a"], "caption": ["b"]}), path)
    assert path.stat().st_size < 10_000_000
    monkeypatch.setattr(parquet_reader, "MOST_BYTES", 40_000_000)
    child = tmp_path / "child.py"
    child.write_bytes(parquet_reader.CHILD.read_bytes())  # a process of its own
    monkeypatch.setattr(parquet_reader, "CHILD", child)
    reader = ParquetReader()
    with pytest.raises(ParquetFault, match=r"more memory|malloc"):
        reader.picture(path, 0, 0)
    assert reader.describe(path)["rows"] == 1


def test_pictures_come_from_the_file_as_it_is_now(tmp_path: Path) -> None:
    path = write_shard(tmp_path / "train.parquet", ROWS, pictures=[b"a", b"b", None, b""])
    reader = ParquetReader()
    assert [reader.picture(path, row // 2, row % 2)[0] for row in range(4)] == [b"a", b"b", None, b""]
    write_shard(path, ROWS, pictures=[b"other", b"b", None, b""])
    os.utime(path, (1, 1))
    assert reader.picture(path, 0, 0) == (b"other", "x.jpg")


def test_what_stands_in_the_folder_is_not_taken_for_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyarrow.py").write_text("raise SystemExit('taken over')")
    path = write_shard(tmp_path / "train.parquet", ROWS)
    monkeypatch.chdir(tmp_path)
    assert ParquetReader().describe(path)["rows"] == 4


def test_a_group_that_cannot_be_read_is_named_and_the_next_one_is_read(tmp_path: Path) -> None:
    path = write_shard(tmp_path / "train.parquet", ROWS, group=1)
    data = bytearray(path.read_bytes())
    at = data.index(b"Made-up caption 1.") if b"Made-up caption 1." in data else 0
    assert at
    # The lengths before the text of the second group: its page ends before the text does.
    data[at - 4 : at] = (2**31 - 1).to_bytes(4, "little")
    path.write_bytes(data)
    found = list(RocoCorpus(path).items())
    assert [item.figure.id for item in found if isinstance(item, Item)] == [
        "roco:ROCO_00000",
        "roco:ROCO_00002",
        "roco:ROCO_00003",
    ]
    assert [entry.label for entry in found if isinstance(entry, Refused)] == ["train.parquet, row group 1"]
