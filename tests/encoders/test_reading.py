"""Texts are read as the models' own tokenizers read them, and what is not read is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mirage.encoders.tokenizer import TowerTokenizer, cleaning, clip_tokenizer, saved_tokenizer
from tiny_duals import WORDS, transformers_library
from vision import vision

TEXTS = [
    "",
    "axial CT",
    "Ring-enhancing lesion, frontal lobe (2.5 cm)",
    "T2-weighted MRI; FLAIR\n\n  and   contrast\t",
    "patient's aneurysm isn't ruptured",
    "“curly quotes” and ‘single’ ones",
    "5 mm × 3 mm, 37.5°C, ±2 µm, α-fetoprotein",
    "oedème hémorragique, naïve, Straße",
    "&lt;5 mm &amp; more",
    "ﬁbrosis and ﬂuid",
    "عظم الفخذ 大腿骨 🧠",
    "a" * 300,
    "mass " * 200,
]


@pytest.fixture(scope="module")
def open_clip() -> Any:
    return vision()


@pytest.fixture(scope="module")
def clip(open_clip: Any) -> TowerTokenizer:
    return TowerTokenizer(clip_tokenizer(Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz"), 77, 0, True)


@pytest.mark.torch
@pytest.mark.parametrize("kind", ["lower", "whitespace", "canonicalize"])
def test_clip_reads_as_open_clip_reads(open_clip: Any, kind: str) -> None:
    merges = Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz"
    ours = TowerTokenizer(clip_tokenizer(merges, kind), 77, 0, False)
    theirs = open_clip.SimpleTokenizer(clean=kind)(TEXTS).tolist()
    assert ours.padded(ours.ids(TEXTS)).tolist() == theirs


@pytest.mark.torch
def test_short_texts_are_no_longer_than_the_longest(clip: TowerTokenizer) -> None:
    ids = clip.padded(clip.ids(["axial CT", "axial CT of the brain"]))
    assert ids.shape == (2, 7)
    assert ids[0].tolist()[4:] == [0, 0, 0]


@pytest.mark.torch
def test_an_end_mark_that_somebody_typed_does_not_end_the_text(clip: TowerTokenizer) -> None:
    row = clip.ids(["brain <end_of_text> abscess"])[0]
    assert row.count(row[-1]) == 1


@pytest.mark.torch
def test_the_unread_end_begins_where_reading_ends_in_the_text_as_given(clip: TowerTokenizer) -> None:
    text = "  Axial   “CT” &amp; \n ".join(["finding"] * 40)
    unread = clip.unread(text)
    assert text.endswith(unread)
    read = text[: len(text) - len(unread)]
    assert clip.ids([read]) == clip.ids([text])
    assert clip.unread(read) == ""


def test_texts_cleaned_in_an_unknown_way_are_refused() -> None:
    with pytest.raises(ValueError, match="not known: 'backwards'"):
        cleaning("backwards")


@pytest.mark.torch
def test_siglip_s_pieces_are_read_as_its_own_tokenizer_reads_them(tmp_path: Path) -> None:
    import sentencepiece

    transformers = transformers_library()
    words = tmp_path / "words.txt"
    words.write_text("\n".join([WORDS.lower()] * 20))
    sentencepiece.SentencePieceTrainer.train(
        input=str(words),
        model_prefix=str(tmp_path / "spiece"),
        vocab_size=90,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    (tmp_path / "config.json").write_text('{"model_type": "siglip"}')
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "SiglipTokenizer"}')
    (tmp_path / "spiece.vocab").unlink()
    theirs = transformers.SiglipTokenizer(vocab_file=str(tmp_path / "spiece.model"))
    ours = TowerTokenizer(saved_tokenizer(tmp_path), 64, theirs.pad_token_id, False)
    texts = ["axial CT of the brain", "T2-weighted,  contrast;\nedema", "Frontal LOBE (1.5 cm)", "finding " * 90]
    wanted = theirs(texts, padding="max_length", max_length=64, truncation=True)["input_ids"]
    assert ours.padded(ours.ids(texts)).tolist() == wanted
