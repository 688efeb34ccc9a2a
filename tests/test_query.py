"""Queries: built, printed, parsed, and refused in words."""

from __future__ import annotations

from urllib.parse import parse_qsl

import numpy as np
import pytest

from mirage.errors import BadQuery
from mirage.query import MAX_TERMS, MAX_TEXT, PictureTerm, Query, Term, tidy


def picture(seed: int = 0, dimension: int = 64) -> PictureTerm:
    vector = np.random.default_rng(seed).normal(size=dimension).astype(np.float32)
    return PictureTerm.of(vector / np.linalg.norm(vector), "0123456789abcdef")


QUERIES = [
    Query.of("axial brain MRI"),
    Query.of("T1 & T2 = 100% + ü, “quoted”; a@b"),
    Query.of("contrast@0.5"),
    Query.of("brain", more=["thalamus@0.5", "mid line", "user@host", "b@1"], less=["contrast", "motion@2.25"]),
    Query.of("brain", more=["weight@0.12345678901"], less=["tiny@1e-07"]),
    Query.of(more=["first@2", "second"]),
    Query.of(like=["starter:icbm152-t1-axial-p000"]),
    Query.of(like=["folder:scan@2", "folder:scan@2@0.5", "folder:other@-1.5"]),
    Query.of("🧠 सिर, عظم", region="brain"),
    Query.of("chest", modality=["XR", "CT"], plane="frontal", corpus="starter", licence="CC BY 4.0", k=7),
    Query.of("lung", pictures=[picture()], more=["nodule@3"]),
    Query.of(pictures=[picture().print() + "@-0.5", picture(1).print() + "@2"]),
    Query((Term(text="less", weight=-1.0), Term(text="a@2", weight=3.0), Term(text="plain"), Term(figure="x:y"))),
]


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.print()[:60])
def test_what_is_printed_parses_to_the_same_query(query: Query) -> None:
    assert Query.parse(query.print()) == query
    assert Query.parse(parse_qsl(query.print())) == query


def test_the_same_query_comes_from_words_and_from_an_address() -> None:
    built = Query.of("glioblastoma MRI", less=["contrast@0.5"], modality="mri")
    assert Query.parse("modality=MR&less=contrast@0.5&q=glioblastoma+MRI") == built
    assert [(term.text, term.weight) for term in built.terms] == [("glioblastoma MRI", 1.0), ("contrast", -0.5)]


@pytest.mark.parametrize(
    ("given", "text", "weight"),
    [
        ("edema", "edema", 1.0),
        ("edema@0.5", "edema", 0.5),
        ("edema @ 2", "edema", 2.0),
        ("edema@1e1", "edema", 10.0),
        ("edema@-3", "edema", -3.0),
        ("a@b", "a@b", 1.0),
        ("a@b@.5", "a@b", 0.5),
    ],
)
def test_a_term_may_carry_a_weight(given: str, text: str, weight: float) -> None:
    assert Query.of("brain", more=[given]).terms[-1] == Term(text=text, weight=weight)


def test_words_typed_as_the_query_are_taken_as_they_are() -> None:
    assert Query.of("dose @ 0.5").terms == (Term(text="dose @ 0.5"),)


def test_a_weight_of_nothing_leaves_the_term_out() -> None:
    assert Query.of("brain", more=["contrast@0"]) == Query.of("brain")


@pytest.mark.parametrize("weight", ["nan", "inf", "-inf", "1e999", "101", "-101"])
def test_a_weight_that_is_no_sensible_number_is_refused(weight: str) -> None:
    with pytest.raises(BadQuery, match="A weight is a number from −100 to 100"):
        Query.of("brain", more=[f"contrast@{weight}"])


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), 1e9])
def test_a_bad_weight_is_refused_in_python_too(weight: float) -> None:
    with pytest.raises(BadQuery, match="weight"):
        Term(text="brain", weight=weight)


@pytest.mark.parametrize("text", ["", " ", "\t\n", "\x00\x07", "\u200b\ufeff", "\u200d", "\ud800"])
def test_an_empty_query_says_what_to_do(text: str) -> None:
    with pytest.raises(BadQuery, match=r"The query is empty\. Type what you look for"):
        Query.of(text)


def test_a_query_of_less_alone_points_nowhere() -> None:
    with pytest.raises(BadQuery, match="at least one thing that you want more of"):
        Query.of(less=["contrast"])


def test_ten_thousand_characters_are_refused_with_both_numbers() -> None:
    with pytest.raises(BadQuery, match="10,000 characters long; at most 8,000"):
        Query.of("x" * 10_000)
    assert len(Query.of("x" * MAX_TEXT).text) == MAX_TEXT
    with pytest.raises(BadQuery, match="8,001 characters long"):
        Query.of("x" * (MAX_TEXT + 1))


def test_the_length_counts_over_all_terms() -> None:
    with pytest.raises(BadQuery, match="characters long"):
        Query.of("x" * 5_000, more=["y" * 5_000])


def test_too_many_terms_are_refused() -> None:
    with pytest.raises(BadQuery, match="at most 16 terms; this one has 17"):
        Query.of("brain", more=[f"term {n}" for n in range(MAX_TERMS)])


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  ring \t enhancing\n lesion ", "ring enhancing lesion"),
        ("sub\x00dural", "sub dural"),
        ("caf\u0065\u0301", "café"),
        ("sub\u200bdural", "subdural"),
        ("\u202ebrain\u202c", "brain"),
        ("👩\u200d⚕️", "👩\u200d⚕️"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("a\ud800b", "a b"),
    ],
)
def test_typed_text_is_tidied_and_otherwise_kept(typed: str, kept: str) -> None:
    assert tidy(typed) == kept
    assert Term(text=typed).text == kept


@pytest.mark.parametrize("k", [0, -1, 10**9, 501, "abc", "1.5", "", "9" * 5000])
def test_a_k_out_of_range_names_the_range(k: object) -> None:
    with pytest.raises(BadQuery, match=r"k is how many hits you want, .*1 to 500") as refused:
        Query.of("brain", k=k)  # type: ignore[arg-type]
    assert len(str(refused.value)) < 300


def test_k_is_read_from_an_address() -> None:
    assert Query.parse("q=brain&k=3").k == 3
    assert Query.parse("q=brain&k=").k == 24
    with pytest.raises(BadQuery, match="not 'abc'"):
        Query.parse("q=brain&k=abc")


def test_an_unknown_filter_names_those_there_are() -> None:
    with pytest.raises(BadQuery, match=r"no filter named 'organ'.*modality, plane, region, proof, corpus, licence"):
        Query.of("brain", organ="liver")


@pytest.mark.parametrize("address", ["q=brain&organ=liver", "query=brain", "q=brain&page=2"])
def test_an_unknown_name_in_an_address_is_refused_not_dropped(address: str) -> None:
    with pytest.raises(BadQuery, match="Not understood in the query"):
        Query.parse(address)


def test_a_very_long_unknown_name_makes_a_short_message() -> None:
    with pytest.raises(BadQuery) as refused:
        Query.parse(f"q=brain&{'x' * 9000}=1")
    assert len(str(refused.value)) < 300


def test_q_is_given_once() -> None:
    with pytest.raises(BadQuery, match="'q' may be given once"):
        Query.parse("q=a&q=b")


@pytest.mark.parametrize(
    ("name", "given", "stored"),
    [("modality", "mri", "MR"), ("modality", "X-ray", "XR"), ("plane", "Axial", "axial"), ("region", "Brain", "brain")],
)
def test_filter_values_are_brought_to_their_stored_spelling(name: str, given: str, stored: str) -> None:
    assert Query.of("brain", **{name: given}).filters == {name: (stored,)}


def test_empty_filters_fall_away() -> None:
    assert Query.of("brain", modality="", plane=[" "], region=None) == Query.of("brain")


@pytest.mark.parametrize(
    "token",
    ["", "x", "0123456789ab", "0123456789ab.", "0123456789ab.AAAA", "0123456789ab.!!!!", "XYZ." + "A" * 64,
     "0123456789ab." + "A" * 9000, picture().print()[:-9] + "ä"],
)  # fmt: skip
def test_a_damaged_picture_token_asks_for_the_picture_again(token: str) -> None:
    with pytest.raises(BadQuery, match=r"damaged\. Drop the picture again"):
        PictureTerm.parse(token)


def test_an_embedding_of_nothing_asks_for_the_picture_again() -> None:
    with pytest.raises(BadQuery, match="Drop the picture again"):
        _ = PictureTerm("0123456789ab", bytes(64)).vector


def test_a_picture_term_keeps_the_direction_of_its_vector() -> None:
    vector = np.random.default_rng(3).normal(size=256).astype(np.float32)
    vector /= np.linalg.norm(vector)
    kept = PictureTerm.parse(PictureTerm.of(vector, "0123456789abcdef").print())
    assert float(kept.vector @ vector) > 0.999
    assert kept.digest == "0123456789ab"


def test_a_term_is_one_thing() -> None:
    for wrong in ({}, {"text": "a", "figure": "b"}, {"text": "a", "picture": picture()}):
        with pytest.raises(BadQuery, match="A term is one thing"):
            Term(**wrong)


def test_word_search_gets_the_positive_words_only() -> None:
    assert Query.of("brain", more=["thalamus"], less=["contrast"], like=["x:y"]).text == "brain thalamus"
    assert Query.of(pictures=[picture()]).text == ""


def test_a_query_with_a_picture_says_so() -> None:
    assert Query.of(pictures=[picture()]).has_picture
    assert not Query.of("brain", like=["x:y"]).has_picture
