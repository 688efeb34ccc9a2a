"""Names that could be taken for each other, and those that only share letters."""

import pytest

from mirage.people.namesakes import namesake, skeleton


@pytest.mark.parametrize(("name", "other"), [("राम", "कमल"), ("สมชาย", "สมหญิง"), ("かとう", "さとう"), ("Jim", "Lim")])
def test_other_letters_make_another_name(name: str, other: str) -> None:
    assert skeleton(name) != skeleton(other)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("मोहन", "म\u093e\u0947हन"),
        ("रोहित", "र\u093e\u0947हित"),
        ("गौरव", "ग\u093e\u0948रव"),
        ("মোহন", "ম\u09c7\u09c7\u09beহন"),
        ("กิตติ", "ก\u0e34\u0e34ตติ"),
        ("สุดา", "ส\u0e38\u0e38ดา"),
        ("မောင်", "မေါင်"),
        ("सुनील", "सुनिल"),
        ("かとう", "がとう"),
    ],
    ids=ascii,
)
def test_vowel_signs_and_voicing_do_not_tell_names_apart(name: str, other: str) -> None:
    """Put together, twice or swapped, they are drawn like each other."""
    assert name != other
    assert skeleton(name) == skeleton(other)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("José", "jose"),
        ("Modern", "Modem"),
        ("Ада", "Aдa"),
        ("김", "김"),
        ("ज़ोया", "जोया"),
        ("محمد", "مُحَمَّد"),
        ("שָׁלוֹם", "שלום"),
        ("น้ำ", "นํ้า"),
        ("ขาว", "ข่าว"),
        ("क्‍ष", "क्ष"),
    ],
)
def test_case_accents_points_tones_and_joiners_tell_no_names_apart(name: str, other: str) -> None:
    assert skeleton(name) == skeleton(other)


@pytest.mark.parametrize(
    ("name", "other"), [("आकाश", "अाकाश"), ("ओम", "अोम"), ("ऐश", "एेश"), ("আকাশ", "অাকাশ"), ("આકાશ", "અાકાશ"), ("แก้ว", "เเก้ว")]
)
def test_a_vowel_that_is_put_together_of_two_signs_looks_like_the_one(name: str, other: str) -> None:
    assert name != other
    assert skeleton(name) == skeleton(other)


@pytest.mark.parametrize("sign", ["\ufe0f", "\u034f", "\u0941", "\u200d", "\u3164", "\u0e31", "\u20dd"], ids=ascii)
def test_a_mark_on_a_latin_letter_tells_nobody_from_an_owner(sign: str) -> None:
    assert namesake(f"Ki{sign}m", ["Olga", "Kim"]) == "Kim"


@pytest.mark.parametrize("name", ["ខ\u17b4ា", "ខា\ufe00"], ids=ascii)
def test_signs_that_are_not_drawn_say_nothing_on_letters_with_vowel_signs_either(name: str) -> None:
    assert skeleton(name) == skeleton("ខា")


def test_of_signs_alone_nothing_is_left_to_compare() -> None:
    assert namesake("...", ["!!", "\u093e\u0941"]) == ""
