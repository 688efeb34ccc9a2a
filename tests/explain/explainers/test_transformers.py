"""The transformers explainer on a tiny GPT-NeoX, Dolly's class, saved as a hub model is."""

from __future__ import annotations

import gc
import json
import shutil
import threading
import time
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from explaining_parts import evidence
from hub_server import of_the_hub
from mirage.errors import Unavailable
from mirage.explain.evidence import Draft
from mirage.explain.explainers.base import ExplanationRequest, Remark, Writing
from mirage.explain.explainers.transformers import PAPER, TransformersExplainer
from mirage.models.files import ModelRecord
from mirage.models.pins import pin_of

pytestmark = pytest.mark.torch

ANSWER = "A subdural hematoma lies between dura and arachnoid [1]. It is a crescent [2]. ### End Never said."
pinned = pin_of(PAPER)
assert pinned is not None
REVISION = pinned.revision
QUESTION = ExplanationRequest("subdural hematoma", evidence("A subdural hematoma lies there.", "It is crescent-shaped."))


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Dolly's tokenizer in small: words, with ``### End`` as a token of its own."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|endoftext|>", "### End", "### Instruction:", "### Response:\n"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    made.train_from_iterator([ANSWER] * 4, trainer)
    return transformers.PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<|endoftext|>", model_max_length=2048)


@pytest.fixture
def folder(tokenizer: Any, tmp_path: Path) -> Path:
    torch.manual_seed(0)
    config = transformers.GPTNeoXConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=2048,
        bos_token_id=0,
        eos_token_id=0,
    )
    transformers.GPTNeoXForCausalLM(config).save_pretrained(tmp_path / "tiny")
    tokenizer.save_pretrained(tmp_path / "tiny")
    return tmp_path / "tiny"


@pytest.fixture
def explainer(folder: Path) -> Any:
    made = TransformersExplainer(str(folder), device="cpu", dtype="float32")
    yield made
    made.close()


def speaks(
    explainer: TransformersExplainer, tokenizer: Any, monkeypatch: pytest.MonkeyPatch, answer: str, pause: float = 0
) -> None:
    """Make the tiny model say one text: its real `generate` runs, with the choice of every next token made for it."""
    wanted = tokenizer(answer)["input_ids"]
    _, model = explainer._ready()
    forward = model.forward
    said = iter(range(10_000))

    def guided(*args: Any, **options: Any) -> Any:
        out = forward(*args, **options)
        place = next(said)
        time.sleep(pause)
        out.logits[:, -1, :] = -1e4
        out.logits[:, -1, wanted[min(place, len(wanted) - 1)]] = 1e4
        return out

    monkeypatch.setattr(model, "forward", guided)


def test_it_streams_sentences_with_citations_and_stops_at_the_end_mark(
    explainer: TransformersExplainer, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    speaks(explainer, tokenizer, monkeypatch, ANSWER)
    found = list(explainer.explain(QUESTION))
    drafts = [piece for piece in found if isinstance(piece, Draft)]
    assert [(draft.text, draft.cites) for draft in drafts] == [
        ("A subdural hematoma lies between dura and arachnoid.", (1,)),
        ("It is a crescent.", (2,)),
    ]
    writing = [piece.text for piece in found if isinstance(piece, Writing)]
    assert len(writing) > 5
    assert not any("End" in text or "#" in text for text in writing)


def test_an_untrained_model_speaks_and_comes_to_an_end(explainer: TransformersExplainer) -> None:
    found = list(explainer.explain(QUESTION))
    assert all(isinstance(piece, Draft | Writing | Remark) for piece in found)


def test_it_is_stopped_midway_and_its_thread_ends(
    explainer: TransformersExplainer, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    speaks(explainer, tokenizer, monkeypatch, ANSWER.replace("### End", "") * 3, pause=0.01)
    stop = threading.Event()
    found = []
    for piece in explainer.explain(QUESTION, stop.is_set):
        found.append(piece)
        stop.set()
    assert not any(thread.name == "mirage-explain" for thread in threading.enumerate())
    assert len(found) < 10


def test_a_reader_who_goes_away_ends_the_thread_too(
    explainer: TransformersExplainer, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    speaks(explainer, tokenizer, monkeypatch, ANSWER, pause=0.01)
    stream = explainer.explain(QUESTION)
    next(stream)
    stream.close()
    assert not any(thread.name == "mirage-explain" for thread in threading.enumerate())
    assert list(explainer.explain(QUESTION)), "the model speaks again afterwards"


def test_closing_frees_the_model(folder: Path) -> None:
    explainer = TransformersExplainer(str(folder), device="cpu")
    list(explainer.explain(QUESTION))
    model = weakref.ref(explainer._ready()[1])
    assert model() is not None
    explainer.close()
    gc.collect()
    assert model() is None


def test_two_explainers_of_one_model_share_its_weights(folder: Path) -> None:
    one, two = TransformersExplainer(str(folder), device="cpu"), TransformersExplainer(str(folder), device="cpu")
    assert one._ready()[1] is two._ready()[1]
    one.close()


def test_passages_that_do_not_fit_are_left_out_and_it_says_so(explainer: TransformersExplainer) -> None:
    long = evidence(*[f"Passage {number}. " + "A crescent of blood lies along the convexity. " * 12 for number in range(9)])
    first = next(explainer.explain(ExplanationRequest("hematoma", long)))
    assert isinstance(first, Remark)
    assert "passages were left out" in first.text


def test_memory_is_stated_from_the_files_before_anything_is_loaded(folder: Path) -> None:
    explainer = TransformersExplainer(str(folder), device="cpu", dtype="float32")
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    weights = 4 * sum(parameter.numel() for parameter in model.parameters())
    assert weights <= explainer.memory() <= 2 * weights


def test_a_model_that_does_not_fit_is_refused_before_it_is_loaded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    explainer = TransformersExplainer(str(folder), device="cpu")
    monkeypatch.setattr("mirage.explain.explainers.transformers.free_memory", lambda *_: 1000)
    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", lambda *_, **__: pytest.fail("loaded"))
    with pytest.raises(Unavailable, match=r"needs about .* GB and .* GB are free"):
        list(explainer.explain(QUESTION))


def test_a_pickle_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(Unavailable, match="its weights as a pickle"):
        list(TransformersExplainer(str(folder), device="cpu").explain(QUESTION))


def test_a_truncated_file_is_named(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:40])
    with pytest.raises(Unavailable, match=r"model\.safetensors is not a whole safetensors file"):
        list(TransformersExplainer(str(folder), device="cpu").explain(QUESTION))


def test_a_folder_of_another_kind_of_model_is_told(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"model_type": "no-such-model"}))
    with pytest.raises(Unavailable, match="cannot be loaded"):
        list(TransformersExplainer(str(folder), device="cpu").explain(QUESTION))


def test_a_model_that_is_not_here_says_how_to_fetch_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    of_the_hub(monkeypatch, tmp_path)
    with pytest.raises(Unavailable, match=f"mirage models pull {PAPER} --revision {REVISION}"):
        list(TransformersExplainer().explain(QUESTION))


def test_a_model_that_was_pulled_speaks_by_its_id(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of_the_hub(monkeypatch, tmp_path / "nothing")
    monkeypatch.setenv("MIRAGE_MODELS", str(tmp_path / "models"))
    revision = REVISION
    kept = tmp_path / "models" / PAPER.replace("/", "--") / revision
    shutil.copytree(folder, kept)
    ModelRecord(PAPER, revision, "MIT", "a test", revision, "2026-01-01T00:00:00+00:00").write(kept)
    explainer = TransformersExplainer(device="cpu", dtype="float32")
    words = explainer.explain(QUESTION)
    assert isinstance(next(words), Draft | Writing | Remark)
    words.close()
    explainer.close()


def test_telling_who_speaks_loads_nothing() -> None:
    info = TransformersExplainer().info()
    assert (info.model, info.revision, info.generative) == (PAPER, REVISION, True)
