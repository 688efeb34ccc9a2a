"""Texts are read as the models' own tokenizers read them, and what is not read is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mirage.encoders.reading import Reading, cleaning, clip_tokenizer, reading
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
def clip(open_clip: Any) -> Reading:
    return reading(clip_tokenizer(Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz"), 77, 0, True)


@pytest.mark.parametrize("kind", ["lower", "whitespace", "canonicalize"])
def test_clip_reads_as_open_clip_reads(open_clip: Any, kind: str) -> None:
    merges = Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz"
    ours = reading(clip_tokenizer(merges, kind), 77, 0, False)
    theirs = open_clip.SimpleTokenizer(clean=kind)(TEXTS).tolist()
    assert ours.padded(ours.ids(TEXTS)).tolist() == theirs


def test_short_texts_are_no_longer_than_the_longest(clip: Reading) -> None:
    ids = clip.padded(clip.ids(["axial CT", "axial CT of the brain"]))
    assert ids.shape == (2, 7)
    assert ids[0].tolist()[4:] == [0, 0, 0]


def test_an_end_mark_that_somebody_typed_does_not_end_the_text(clip: Reading) -> None:
    row = clip.ids(["brain <end_of_text> abscess"])[0]
    assert row.count(row[-1]) == 1


def test_the_unread_end_begins_where_reading_ends_in_the_text_as_given(clip: Reading) -> None:
    text = "  Axial   “CT” &amp; \n ".join(["finding"] * 40)
    unread = clip.unread(text)
    assert text.endswith(unread)
    read = text[: len(text) - len(unread)]
    assert clip.ids([read]) == clip.ids([text])
    assert clip.unread(read) == ""


def test_texts_cleaned_in_an_unknown_way_are_refused() -> None:
    with pytest.raises(ValueError, match="not known: 'backwards'"):
        cleaning("backwards")
