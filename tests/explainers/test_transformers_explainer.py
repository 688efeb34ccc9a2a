"""The transformers explainer on a tiny GPT-NeoX with Dolly's marks, saved and loaded as a hub model would be."""

from __future__ import annotations

import gc
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest
from evidence_maker import CYST, request

from mirage.errors import Unavailable
from mirage.evidence import Draft
from mirage.explainers import Remark, Request, Writing, loading
from mirage.explainers.transformers import TransformersExplainer, dressed

torch = pytest.importorskip("torch", reason="needs the [explain] extra (torch)")
transformers = pytest.importorskip("transformers", reason="needs the [explain] extra (transformers)")

SAID = [f" The {name} sign is bright [{number}]." for number, name in enumerate("alpha beta gamma delta omega".split(), 1)]


def tiny(folder: Path, said: list[str], *, ends: bool = True, context: int = 2048) -> Path:
    """A GPT-NeoX of 2 layers and width 32 that says these sentences in turn, each one token, and then ``### End``."""
    import tokenizers

    raw = tokenizers.Tokenizer(tokenizers.models.BPE())
    raw.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, special_tokens=["<|endoftext|>"])
    raw.train_from_iterator([item.text for item in CYST], trainer)
    raw.add_tokens([tokenizers.AddedToken(text, normalized=False) for text in said])
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw,
        eos_token="<|endoftext|>",
        additional_special_tokens=["### End", "### Instruction:", "### Response:"],
        model_max_length=context,
    )
    torch.manual_seed(0)
    config = transformers.GPTNeoXConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=context,
    )  # fmt: skip
    model = transformers.GPTNeoXForCausalLM(config)
    # Orthogonal directions of mean zero, which the layer norm leaves as they are (Sylvester's Hadamard matrix).
    directions = torch.ones(1, 1)
    while len(directions) < 32:
        directions = torch.cat([torch.cat([directions, directions], 1), torch.cat([directions, -directions], 1)])
    steps = [tokenizer.convert_tokens_to_ids(text) for text in said]
    last = tokenizer.convert_tokens_to_ids("### End") if ends else steps[0]
    embed, head = model.get_input_embeddings().weight, model.get_output_embeddings().weight
    with torch.no_grad():
        for layer in model.gpt_neox.layers:
            for part in (layer.attention.dense, layer.mlp.dense_4h_to_h):
                part.weight.zero_()
                part.bias.zero_()
        embed.copy_(directions[1].expand(len(tokenizer), -1))
        head.zero_()
        for place, (here, following) in enumerate(zip(steps, [*steps[1:], last], strict=True)):
            embed[here] = directions[place + 2]
            head[following] += directions[place + 2]
        head[steps[0]] += directions[1]
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def dolly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny(tmp_path_factory.mktemp("models") / "dolly", SAID)


@pytest.fixture(autouse=True)
def _released() -> Any:
    yield
    loading.release()


def drafts(found: list[Any]) -> list[Draft]:
    return [piece for piece in found if isinstance(piece, Draft)]


def test_it_streams_sentences_and_stops_at_the_end_mark(dolly: Path) -> None:
    found = list(TransformersExplainer(str(dolly)).explain(request(most=20)))
    assert [draft.text for draft in drafts(found)] == [
        f"The {n} sign is bright." for n in "alpha beta gamma delta omega".split()
    ]
    assert [draft.cites for draft in drafts(found)] == [(number,) for number in range(1, 6)]
    assert not any("End" in piece.text for piece in found)
    assert not any("Cut short" in piece.text for piece in found)
    assert any(isinstance(piece, Writing) for piece in found)


def test_a_model_that_does_not_end_is_ended(tmp_path: Path) -> None:
    found = list(TransformersExplainer(str(tiny(tmp_path / "loop", SAID, ends=False))).explain(request(most=20)))
    assert len(drafts(found)) == 5
    assert found[-1] == Remark("Stopped: it began to repeat itself.")


def test_memory_is_stated_before_it_loads_and_one_model_is_kept(dolly: Path) -> None:
    explainer = TransformersExplainer(str(dolly))
    how = explainer.plan()
    assert loading._held is None, "planning loaded the model"
    assert how.needed >= loading.parameters(dolly) * 4
    first = next(iter(explainer.explain(request())))
    assert isinstance(first, Remark)
    assert "of memory" in first.text
    list(explainer.explain(request()))
    again = list(explainer.explain(request()))
    assert not any("of memory" in piece.text for piece in again), "it was loaded anew"


def test_a_model_that_does_not_fit_is_refused_before_it_loads(dolly: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "free_memory", lambda: 1_000_000)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(Unavailable, match="of memory and 1 MB are free"):
        list(TransformersExplainer(str(dolly)).explain(request()))
    assert loading._held is None


def test_half_precision_is_taken_where_memory_is_short(dolly: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    numbers = loading.parameters(dolly)
    assert TransformersExplainer(str(dolly)).plan().dtype == "float32"
    monkeypatch.setattr(loading, "free_memory", lambda: loading._needed(numbers, "bfloat16") + 1)
    assert TransformersExplainer(str(dolly)).plan().dtype == "bfloat16"


def test_cancelled_midway_it_ends_its_thread_and_frees_the_model(dolly: Path) -> None:
    stop = threading.Event()
    told = 0
    model: Any = None
    for piece in TransformersExplainer(str(dolly)).explain(request(most=20), stop.is_set):
        if isinstance(piece, Draft):
            told += 1
            assert loading._held is not None
            model = weakref.ref(loading._held.model)
            stop.set()
    assert told == 1
    gc.collect()
    assert model() is None, "the model is still in memory"
    assert not [thread for thread in threading.enumerate() if thread.name == "mirage-generation"]


def test_leaving_it_midway_ends_its_thread_and_close_frees_the_model(dolly: Path) -> None:
    explainer = TransformersExplainer(str(dolly))
    speaking = explainer.explain(request(most=20))
    next(piece for piece in speaking if isinstance(piece, Draft))
    assert loading._held is not None
    model = weakref.ref(loading._held.model)
    speaking.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name == "mirage-generation"]
    explainer.close()
    gc.collect()
    assert model() is None


def test_it_is_asked_in_dolly_s_form(dolly: Path) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(dolly)
    text = dressed(tokenizer, "Rules.", "Data.")
    assert text.endswith("### Instruction:\nRules.\n\nData.\n\n### Response:\n")


def test_others_are_asked_by_their_chat_template(dolly: Path) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(dolly)
    tokenizer.chat_template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>"
    assert dressed(tokenizer, "Rules.", "Data.") == "<system>Rules.<user>Data.<assistant>"
    tokenizer.chat_template = (
        "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no') }}{% endif %}"
        "<{{ m.role }}>{{ m.content }}{% endfor %}"
    )
    assert dressed(tokenizer, "Rules.", "Data.") == "<user>Rules.\n\nData."


def test_passages_beyond_the_context_are_dropped_whole_and_told(tmp_path: Path) -> None:
    import dataclasses

    folder = tiny(tmp_path / "short", SAID, context=1024)
    many = tuple(dataclasses.replace(CYST[0], number=n) for n in range(1, 60))
    found = list(TransformersExplainer(str(folder)).explain(Request("example cyst", many)))
    assert any("of 59 passages were left out" in piece.text for piece in found if isinstance(piece, Remark))
    assert drafts(found)


def test_a_hub_model_that_is_not_here_is_not_downloaded_and_the_way_to_get_it_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(Unavailable, match=r"hf download databricks/dolly-v2-3b --revision 01da2f9"):
        TransformersExplainer("databricks/dolly-v2-3b").plan()


def test_a_folder_without_a_model_and_a_damaged_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="holds no model"):
        TransformersExplainer(str(tmp_path)).plan()
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(Unavailable, match="damaged"):
        TransformersExplainer(str(tmp_path)).plan()
