"""Texts to the numbers that a text tower reads, and back to the end of a text that it does not read.

Everything that changes a text happens inside one `tokenizers.Tokenizer`, cleaning too. So the tokenizer alone tells where in
the text as it was given the reading ends, and one file, ``tokenizer.json``, holds all of it wherever the tower runs.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mirage.locales import number
from mirage.wording import _

Ids = npt.NDArray[np.int64]

START, END = "<start_of_text>", "<end_of_text>"
_MERGES = 49_152 - 256 - 2  # how many of the file's merges CLIP was trained with
_PIECES = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"  # of CLIP's tokenizer (Radford et al., 2021)
# What text from the web is cleaned of before CLIP sees it, as far as it occurs in captions: control characters, entities
# written out, curly quotes, ligatures.
_WRITTEN_OUT = {
    "&amp;": "&",
    "&lt;": "<",
    "&gt;": ">",
    "&quot;": '"',
    "&#39;": "'",
    "&nbsp;": " ",
    "ﬀ": "ff",
    "ﬁ": "fi",
    "ﬂ": "fl",
    "ﬃ": "ffi",
    "ﬄ": "ffl",
}
_PUNCTUATION = r"[!-/:-@\[-`{-~]"
_CONTROL = r"[\x00-\x08\x0b\x0e-\x1f\x7f]"


@dataclass(frozen=True, slots=True)
class TowerTokenizer:
    """How a text tower reads.

    Attributes
    ----------
    tokenizer : tokenizers.Tokenizer
        Its padding is taken away, and it is set to cut at `max_tokens`.
    max_tokens : int
        Special tokens included.
    pad : int
        What stands behind the end of a text.
    trims : bool
        Whether a short text may be given short. Only where every token sees those before it alone and the vector is taken
        at the end-of-text token: what would stand behind that token changes nothing then.
    """

    tokenizer: Any
    max_tokens: int
    pad: int
    trims: bool

    def __post_init__(self) -> None:
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(self.max_tokens)

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token numbers of each text, special tokens included, at most `max_tokens`."""
        if len(texts) == 1:  # waking the threads of a batch takes longer than one text
            return [self.tokenizer.encode(sound(texts[0])).ids]
        return [row.ids for row in self.tokenizer.encode_batch([sound(text) for text in texts])]

    def padded(self, rows: Sequence[Sequence[int]]) -> Ids:
        """Rows side by side, (n, tokens) int64: as long as the longest where the tower allows it, else `max_tokens`."""
        length = max(map(len, rows)) if self.trims else self.max_tokens
        ids = np.full((len(rows), length), self.pad, dtype=np.int64)
        for line, row in enumerate(rows):
            ids[line, : len(row)] = row
        return ids

    def unread(self, text: str) -> str:
        """Return the end of the text that is not read; empty when all of it is."""
        row = self.tokenizer.encode(sound(text))
        if not row.overflowing:
            return ""
        ends = [end for (_, end), special in zip(row.offsets, row.special_tokens_mask, strict=True) if not special]
        return text[ends[-1] if ends else 0 :].lstrip()


def sound(text: str) -> str:
    """Replace lone surrogates, which a tokenizer refuses, one character for one so that places in the text hold."""
    return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)


def clip_tokenizer(merges: Path, clean: str = "lower") -> Any:
    """CLIP's tokenizer as open_clip has it, built from open_clip's own file of merges.

    Parameters
    ----------
    merges : Path
        ``bpe_simple_vocab_16e6.txt.gz``.
    clean : str
        ``lower``, ``whitespace`` or ``canonicalize``, as the model's configuration has it.

    Returns
    -------
    tokenizers.Tokenizer
        49,408 tokens; unlike open_clip's it takes an end-of-text mark that somebody typed for the letters it is.

    Raises
    ------
    OSError, ValueError
        When the file cannot be read.
    """
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors  # noqa: PLC0415 - takes half a second

    lines = gzip.decompress(merges.read_bytes()).decode("utf-8").split("\n")[1 : _MERGES + 1]
    pairs = [(first, second) for first, second in (line.split() for line in lines)]
    letters = _letters()
    words = [*letters, *(f"{letter}</w>" for letter in letters), *(first + second for first, second in pairs), START, END]
    made = Tokenizer(models.BPE({word: place for place, word in enumerate(words)}, pairs, end_of_word_suffix="</w>"))
    made.normalizer = cleaning(clean)
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    made.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}", special_tokens=[(START, len(words) - 2), (END, len(words) - 1)]
    )
    return made


def cleaning(kind: str, then: Any = None) -> Any:
    """What open_clip does to a text before it is cut into pieces, as a normaliser that remembers places.

    Parameters
    ----------
    kind : str
        ``lower``, ``whitespace`` or ``canonicalize``.
    then : tokenizers normaliser, optional
        What the tokenizer itself does afterwards.

    Raises
    ------
    ValueError
        When the kind is not known.
    """
    from tokenizers import Regex, normalizers  # noqa: PLC0415

    if kind not in ("lower", "whitespace", "canonicalize"):
        raise ValueError(_("texts are cleaned in a way that is not known: %(kind)s", kind=repr(kind)))
    steps: list[Any] = [normalizers.Replace(Regex(_CONTROL), "")]
    steps += [normalizers.Replace(*pair) for pair in _WRITTEN_OUT.items()]
    steps += [normalizers.Replace(Regex("[‘’‚‛]"), "'"), normalizers.Replace(Regex("[“”„‟]"), '"'), normalizers.NFC()]
    if kind == "canonicalize":
        steps += [normalizers.Replace("_", " "), normalizers.Replace(Regex(_PUNCTUATION), "")]
    steps += [normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]
    if kind != "whitespace":
        steps.append(normalizers.Lowercase())
    return normalizers.Sequence([*steps, *([then] if then is not None else [])])


def _letters() -> list[str]:
    """The 256 bytes as letters, in the order in which CLIP numbers them (as GPT-2 does)."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in set(plain)]
    return [*map(chr, plain), *(chr(256 + place) for place in range(len(others)))]


def saved_tokenizer(folder: Path) -> Any:
    """The tokenizer that lies in a model's folder.

    Returns
    -------
    tokenizers.Tokenizer
        As the transformers library builds it from the folder; its pad token is set as its padding.

    Raises
    ------
    ImportError
        When a library that it is written for is not installed.
    OSError, ValueError
        When there is none, or none that the tokenizers library can hold.
    """
    from tokenizers import Tokenizer  # noqa: PLC0415

    whole = folder / "tokenizer.json"
    if whole.is_file() and not (folder / "tokenizer_config.json").is_file():
        return Tokenizer.from_file(str(whole))
    from transformers import AutoTokenizer  # noqa: PLC0415

    kept = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    inner = getattr(kept, "backend_tokenizer", None)
    if inner is None and type(kept).__name__ != "SiglipTokenizer":
        raise ValueError(_("its %(kind)s cannot be written as tokenizer.json", kind=type(kept).__name__))
    made = Tokenizer.from_str(inner.to_str()) if inner is not None else _siglip_tokenizer(kept)
    if kept.pad_token_id is not None:
        made.enable_padding(pad_id=int(kept.pad_token_id), pad_token=str(kept.pad_token))
    return made


def _siglip_tokenizer(kept: Any) -> Any:
    """SigLIP's SentencePiece tokenizer, which cleans texts as Zhai et al. (2023) did, as one of the tokenizers library."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors  # noqa: PLC0415

    pieces = kept.sp_model
    scored = [(pieces.id_to_piece(place), pieces.get_score(place)) for place in range(pieces.get_piece_size())]
    made = Tokenizer(models.Unigram(scored, unk_id=pieces.unk_id()))
    steps: list[Any] = [normalizers.Lowercase()] if kept.do_lower_case else []
    steps += [normalizers.Replace(Regex(_PUNCTUATION), ""), normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " ")]
    made.normalizer = normalizers.Sequence([*steps, normalizers.Strip()])
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    end = str(kept.eos_token)
    made.post_processor = processors.TemplateProcessing(single=f"$A {end}", special_tokens=[(end, kept.eos_token_id)])
    return made


def tokenizer_files(folder: Path) -> list[Path]:
    """What of a folder decides how texts are read."""
    names = ("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt", "vocab.txt", "spiece.model")
    return [folder / name for name in names if (folder / name).is_file()]


def check(found: TowerTokenizer, vocabulary: int | None, end: int | None) -> None:
    """Make sure that tokenizer and text tower are of one model.

    Parameters
    ----------
    found : TowerTokenizer
    vocabulary : int, optional
        How many tokens the tower knows, where its configuration says so.
    end : int, optional
        The token at which the tower takes the vector of a text, where there is one.

    Raises
    ------
    ValueError
        When they are not; the message says in what they differ.
    """
    size = found.tokenizer.get_vocab_size(with_added_tokens=True)
    # Towers keep some rows to spare, so that their number divides well.
    if vocabulary is not None and not vocabulary - 1024 < size <= vocabulary:
        raise ValueError(
            _(
                "its tokenizer knows %(size)s tokens and its text tower %(vocabulary)s",
                size=number(size),
                vocabulary=number(vocabulary),
            )
        )
    row = found.tokenizer.encode("a").ids
    if end is not None and (not row or row[-1] != end):
        raise ValueError(
            _(
                "its tokenizer ends a text with token %(last)s and its text tower looks for token %(end)s",
                last=row[-1] if row else _("none"),
                end=end,
            )
        )
