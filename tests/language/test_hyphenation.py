"""Long words may be broken between syllables, and say the same."""

from __future__ import annotations

import re

import pytest

from mirage.language.concepts import lexicon
from mirage.language.hyphenation import LONG, SOFT_HYPHEN, hyphenated


@pytest.mark.parametrize(
    "parted",
    [
        "oli-go-den-dro-glioma",
        "heman-gio-blas-toma",
        "der-ma-to-fi-bro-sar-coma",
        "eso-pha-go-gas-tro-duo-de-nos-copy",
        "oph-thal-mo-ple-gia",
        "inter-ven-tri-cu-lar",
        "sub-arach-noi-dal",
        "Pseu-do-hy-po-pa-ra-thy-roi-dism",
        "hiper-ten-sión",
    ],
)
def test_syllables_are_parted(parted):
    word = parted.replace("-", "")
    shown = hyphenated(word)
    assert shown.replace(SOFT_HYPHEN, "-") == (parted if len(word) >= LONG else word)


def test_short_words_numbers_and_other_scripts_stay_as_they_are():
    for text in (
        "meningioma of the falx",
        "10.1007/s41019-025-00297-8",
        "脑膜瘤的磁共振成像表现与病理对照研究",
        "",
        "bcdfghjklmnpqrstvwxz",
        "a" * 40,
    ):
        assert hyphenated(text) == text


def test_every_name_of_the_lexicon_says_the_same_and_no_part_of_it_is_long():
    for name in lexicon().concepts:
        shown = hyphenated(name)
        assert shown.replace(SOFT_HYPHEN, "") == name
        for word in re.split(r"[\s/-]+", shown):
            parts = word.split(SOFT_HYPHEN)
            assert len(parts) == 1 or min(map(len, parts)) >= 2, shown
            assert max(map(len, parts)) <= LONG + 2, shown
