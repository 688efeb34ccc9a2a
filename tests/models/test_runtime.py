"""What models share to run: loading once, devices and memory, ONNX sessions, digests of files."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mirage import encoders
from mirage.encoders.starter import SHIPPED
from mirage.errors import BadInput, Unavailable
from mirage.models import runtime
from mirage.models.runtime import Placement
from mirage.once import loaded_once
from parts import PATIENCE

THREADS = 4


def all_at_once(ask: Any) -> list[Any]:
    """Ask from several threads that begin at the same moment."""
    begin = threading.Barrier(THREADS)

    def one(_: int) -> Any:
        begin.wait(PATIENCE)
        return ask()

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(one, range(THREADS)))


class Model:
    """A model whose loading ends only when a second thread loads too, or after a while: long enough to be caught."""

    def __init__(self) -> None:
        self.loads = 0
        self.fails = 0
        self.second = threading.Event()

    @loaded_once
    def weights(self) -> object:
        """The weights."""
        self.loads += 1
        if self.loads > 1:
            self.second.set()
        self.second.wait(0.2)
        if self.fails:
            self.fails -= 1
            raise Unavailable("damaged")
        return object()

    @loaded_once
    def towers(self) -> object:
        """What is made of the weights."""
        return self.weights


def test_threads_that_ask_at_the_same_moment_load_a_model_once() -> None:
    model = Model()
    found = all_at_once(lambda: model.towers)
    assert model.loads == 1
    assert {id(one) for one in found} == {id(model.weights)}


def test_two_models_are_loaded_beside_each_other() -> None:
    """The lock is of the object, not of the class: one that loads for minutes holds up no other."""
    one, two = Model(), Model()
    both = threading.Barrier(2, timeout=PATIENCE)
    one.second = two.second = SimpleNamespace(set=lambda: None, wait=lambda _: both.wait())  # type: ignore[assignment]
    with ThreadPoolExecutor(2) as pool:
        assert len({id(made) for made in pool.map(lambda model: model.weights, (one, two))}) == 2


def test_a_load_that_failed_is_tried_again() -> None:
    model = Model()
    model.fails = 1
    with pytest.raises(Unavailable):
        _ = model.weights
    assert model.weights is model.weights
    assert model.loads == 2
    assert "lock" not in " ".join(vars(model)), "nothing stays that could not be pickled"


def test_it_can_be_seen_in_the_documentation() -> None:
    assert Model.weights.__doc__ == "The weights."


def test_a_session_and_a_tokenizer_are_opened_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime
    from tokenizers import Tokenizer

    opened: list[str] = []
    session, tokenizer = onnxruntime.InferenceSession, Tokenizer.from_file
    monkeypatch.setattr(
        onnxruntime, "InferenceSession", lambda path, *rest, **more: (opened.append(path), session(path, *rest, **more))[1]
    )
    # The builtin class takes no new attribute, so the module's name for it is exchanged.
    monkeypatch.setattr(
        "tokenizers.Tokenizer", SimpleNamespace(from_file=lambda path: (opened.append(path), tokenizer(path))[1])
    )
    encoder = encoders.load("starter", path=SHIPPED)
    found = all_at_once(lambda: encoder.encode_texts(["axial CT"]).tobytes())
    assert len(set(found)) == 1
    assert sorted(Path(path).name for path in opened) == ["text.onnx", "tokenizer.json"]


# -- devices and memory -------------------------------------------------------------------------------------------------


def torch(*, cuda: bool = False, bf16: bool = True, mps: bool = False, free: int = 10**9) -> Any:
    """As much of torch as device selection asks for, on a machine with these devices."""

    def zeros(_: int, device: str) -> None:
        if not {"cuda": cuda, "mps": mps}.get(device.partition(":")[0], device == "cpu"):
            raise RuntimeError(f"no {device}")

    return SimpleNamespace(
        zeros=zeros,
        cuda=SimpleNamespace(
            is_available=lambda: cuda, is_bf16_supported=lambda: bf16, mem_get_info=lambda _: (free, 2 * free)
        ),
        backends=SimpleNamespace(mps=SimpleNamespace(is_available=lambda: mps)),
    )


@pytest.mark.parametrize(
    ("machine", "asked", "chosen"),
    [
        (torch(), ("", ""), Placement("cpu", "float32")),
        (torch(cuda=True), ("", ""), Placement("cuda", "bfloat16")),
        (torch(cuda=True, bf16=False), (None, None), Placement("cuda", "float16")),
        (torch(cuda=True), ("cuda:1", ""), Placement("cuda:1", "bfloat16")),
        (torch(cuda=True), ("cpu", ""), Placement("cpu", "float32")),
        (torch(mps=True), ("", ""), Placement("mps", "float16")),
        (torch(), ("", "bfloat16"), Placement("cpu", "bfloat16")),
    ],
)
def test_the_best_device_is_chosen_and_a_named_one_wins(machine: Any, asked: tuple[Any, Any], chosen: Placement) -> None:
    assert runtime.select_device(machine, *asked) == chosen


def test_what_cannot_be_chosen_is_refused_with_what_can() -> None:
    with pytest.raises(BadInput, match="float32, bfloat16 or float16, not 'int3'"):
        runtime.select_device(torch(), "", "int3")
    with pytest.raises(Unavailable, match="device 'cuda' cannot be used: no cuda"):
        runtime.select_device(torch(), "cuda")


def test_the_processors_precision_may_depend_on_the_model() -> None:
    assert runtime.select_device(torch(), on_cpu=lambda: "bfloat16") == Placement("cpu", "bfloat16")
    assert runtime.select_device(torch(cuda=True), on_cpu=lambda: pytest.fail("asked for no GPU's")).device == "cuda"


def test_a_batch_of_pictures_fits_into_half_of_the_free_memory() -> None:
    tower = {"tokens": 1025, "width": 1024, "heads": 16}
    one = 2 * 1025 * (12 * 1024 + 16 * 1025)
    for free, wanted in ((20 * one, 10), (one, 1), (10**12, 256)):
        assert runtime.image_batch(torch(cuda=True, free=free), Placement("cuda", "bfloat16"), **tower) == wanted
    assert runtime.image_batch(torch(), Placement("cpu", "float32"), tokens=50, width=32, heads=2) == 16


def test_free_memory_is_that_of_the_device() -> None:
    assert runtime.free_memory(torch(cuda=True, free=7), "cuda:1") == 7
    on_cpu, whole = runtime.free_memory(torch(), "cpu"), runtime.whole_memory()
    if os.name == "posix" and whole:
        assert on_cpu is not None
        assert 0 < on_cpu <= whole


# -- sessions and digests -----------------------------------------------------------------------------------------------


def test_a_damaged_model_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_bytes(b"no model")
    sessions = runtime.OnnxSessions(tmp_path, 1, "Fetch it again.")
    with pytest.raises(Unavailable, match=r"text\.onnx is damaged and cannot be opened\. Fetch it again\."):
        _ = sessions["text.onnx"]
    shutil.copyfile(SHIPPED / "text.onnx", tmp_path / "text.onnx")
    assert sessions["text.onnx"] is sessions["text.onnx"]


def test_digests_are_those_that_others_compute(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"what is up, doc?")
    assert runtime.sha256_of(file) == hashlib.sha256(b"what is up, doc?").hexdigest()
    assert runtime.git_id_of(file) == "bd9dbf5aae1a3862dd1526723246b20206e5fc37", "the example of the book Pro Git"
    parts = [("a", "1"), ("b", "2")]
    assert runtime.digest_of_parts(parts) == runtime.digest_of_parts(parts[::-1])
    assert runtime.digest_of_parts(parts) != runtime.digest_of_parts([("a", "2"), ("b", "1")])


def test_the_digest_of_a_large_file_is_remembered_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "own_cache", lambda: tmp_path / "cache")
    monkeypatch.setattr(runtime, "_SMALL", 10)
    read: list[Path] = []
    whole = runtime.sha256_of
    monkeypatch.setattr(runtime, "sha256_of", lambda path, *rest: (read.append(path), whole(path, *rest))[1])
    file = tmp_path / "weights"
    file.write_bytes(b"x" * 100)
    first = runtime.remembered_sha256(file)
    assert (runtime.remembered_sha256(file), len(read)) == (first, 1)
    file.write_bytes(b"y" * 101)
    assert runtime.remembered_sha256(file) == hashlib.sha256(b"y" * 101).hexdigest() != first
    (tmp_path / "cache" / "sha256.json").write_text("{")
    assert runtime.remembered_sha256(file) == hashlib.sha256(b"y" * 101).hexdigest(), "a damaged memory is no memory"
