"""Some damaged files of every format are read without harm; ``python -m benchmarks --only mutations`` reads many more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks import mutations, seeds
from benchmarks.mutations import MutationReader, verdict_of
from benchmarks.seeds import SEEDS

from squares import installed

COUNTS = {"parquet": 15}  # the slower ones


@pytest.fixture(scope="module", autouse=True)
def _a_quick_encoder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(installed(tmp_path_factory.mktemp("installed"))))
        patch.setenv("MIRAGE_ENCODER", "squares")
        patch.setattr(mutations, "MOST_SECONDS", 120.0)  # no machine is too slow for a test
        seeds.atlas.cache_clear()
        yield
    seeds.atlas.cache_clear()


@pytest.mark.parametrize("kind", SEEDS)
def test_damaged_files_do_no_harm(kind: str, tmp_path: Path) -> None:
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    reader, found = MutationReader(kind, tmp_path, seed=14, imports=False), Counter[str]()
    for number in range(COUNTS.get(kind, 30)):
        verdict, why = verdict_of(reader, *reader.made(number))
        assert not verdict, f"{kind}, seed 14, number {number}: {verdict}\n{why}"
        found[verdict] += 1
    assert found.total()


@pytest.mark.parametrize("kind", SEEDS)
def test_the_files_that_are_damaged_are_read_whole(kind: str, tmp_path: Path) -> None:
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    reader = MutationReader(kind, tmp_path, imports=False)
    for name, data in SEEDS[kind]():
        assert verdict_of(reader, name, data) == ("", "")
        assert reader.made(3) == MutationReader(kind, tmp_path).made(3) != (name, data)


def test_a_process_that_dies_hangs_or_raises_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = MutationReader("gif", tmp_path)

    def raises(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(mutations, "_picture", raises)
    assert verdict_of(reader, *SEEDS["gif"]()[0])[0] == "uncaught"
