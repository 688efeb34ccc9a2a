"""What a sentence denies, after NegEx.

Cues before and after a finding, and the words that end their reach, follow Chapman et al., "A simple algorithm for identifying
negated findings and diseases in discharge summaries", Journal of Biomedical Informatics 34 (2001) 301-310. Like ConText
(Harkema et al., JBI 42 (2009) 839-851) the reach ends at clause words rather than after a number of words.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mirage.language.laterality import is_side

if TYPE_CHECKING:
    from mirage.language.reading import Token

_BEFORE = frozenset(
    "no not without deny denies denied never neither nor cannot lack lacks lacking absent absence nonexistent isn't doesn't didn't wasn't aren't weren't don't hasn't haven't non none free negative exclude excludes excluded excluding".split()  # noqa: E501
)
_ENDS = frozenset(
    "but however although though except apart whereas while which who that yet since because if instead rather".split()
)
_PREPOSITIONS = frozenset(
    "of in on within to from at for by with into near along through under over around between during after before as".split()
)
_VERBS = frozenset(
    "is are was were has have had be been being there show shows showed demonstrate demonstrates reveal reveals measure measures".split()  # noqa: E501
)
_SEEN = frozenset(
    "see seen note noted identify identified visualize visualized evident present appreciate appreciated detect detected observe observed found find demonstrated shown visible apparent".split()  # noqa: E501
)
# "not only", "no longer": cues that deny nothing, or something else than what follows.
_PSEUDO = {"not": frozenset("only necessarily certain always all uncommon uncommonly infrequently infrequent unusual".split()),  # noqa: E501
           "no": frozenset("longer doubt more".split()), "without": frozenset("difficulty".split())}  # fmt: skip
_HARDLY = frozenset("exclude excluded rule ruled".split())


# Words that hold a denial, so that "is not enlarged" and "is normal" do not speak against each other.
CLEAR = frozenset(
    "normal unremarkable clear intact spare sparing spared preserve preserved resolve resolved unchanged unable fail failed loss less rather instead rare rarely unlikely unenhanced unilocular invisible difficult avoid avoided prevent prevented hardly barely".split()  # noqa: E501
)


@dataclass(frozen=True, slots=True)
class Denial:
    """One denial.

    Attributes
    ----------
    cue : str
        The word that denies.
    heads : frozenset of str
        Concepts that are denied, the last word of each thing in a list.
    scope : frozenset of str
        All concepts in reach.
    places : frozenset of int
        Tokens in reach.
    words : str
        Cue and heads as written.
    """

    cue: str
    heads: frozenset[str]
    scope: frozenset[str]
    places: frozenset[int]
    words: str


def is_cue(word: str) -> bool:
    """Whether a word denies, and so says nothing by itself."""
    return word in _BEFORE


def denials(tokens: Sequence[Token], silent: frozenset[int] = frozenset()) -> tuple[Denial, ...]:
    """All denials of a sentence; tokens at `silent` places, such as names of modalities, are not what is denied."""
    found: list[Denial] = []
    for place, token in enumerate(tokens):
        if token.word not in _BEFORE:
            continue
        follower = tokens[place + 1].word if place + 1 < len(tokens) else ""
        if follower in _PSEUDO.get(token.word, ()) or (token.word == "free" and follower not in ("of", "from")):
            continue
        before = [tokens[earlier].word for earlier in range(max(0, place - 2), place)]
        if token.word in ("not", "cannot") and any(
            tokens[later].word in _HARDLY for later in range(place + 1, min(place + 3, len(tokens)))
        ):
            continue
        if token.word.startswith("exclud") and any(word in ("not", "cannot") for word in before):
            continue
        reach = _backwards(tokens, place) if _denies_what_stands_before(tokens, place) else _forwards(tokens, place)
        denial = _denial(tokens, token.text, reach, silent)
        if denial is not None:
            found.append(denial)
    return tuple(found)


def _denies_what_stands_before(tokens: Sequence[Token], place: int) -> bool:
    word = tokens[place].word
    rest = [token.word for token in tokens[place + 1 : place + 3]]
    if word in ("not", "cannot") or word.endswith("n't"):
        return any(later in _SEEN or later in ("be", "been") for later in rest[:1]) and not _something_follows(
            tokens, place + 2
        )
    if word in ("absent", "lacking", "excluded", "negative", "nonexistent"):
        return bool(place) and tokens[place - 1].word in _VERBS and rest[:1] not in (["for"], ["of"])
    return False


def _something_follows(tokens: Sequence[Token], place: int) -> bool:
    """Whether the thing denied comes after "not see": there "no ... is seen" is turned round."""
    return place < len(tokens) and tokens[place].word in ("a", "any", "an")


def _forwards(tokens: Sequence[Token], place: int) -> range:
    end = place + 1
    if tokens[place].word == "non":
        return range(place + 1, min(place + 2, len(tokens)))
    while end < len(tokens):
        word = tokens[end].word
        if word in _ENDS or word in (";", ":", ")", "("):
            break
        if (
            word in _VERBS
            and end > place + 1
            and tokens[place].word not in ("neither", "none", "nor")
            and tokens[end - 1].word not in ("not", "be", "been")
        ):
            break
        if word == "," and _new_statement(tokens, end + 1):
            break
        if word == "and" and _new_statement(tokens, end + 1):
            break
        end += 1
    return range(place + 1, end)


def _new_statement(tokens: Sequence[Token], start: int) -> bool:
    """Whether what follows a comma says something of its own: it has a verb before the next stop."""
    for token in tokens[start : start + 9]:
        if token.word in (",", ";", ":"):
            return False
        if token.word in _VERBS:
            return True
        if token.word in ("with", "no", "not", "without", "there"):
            return token.word != "with"
    return False


def _backwards(tokens: Sequence[Token], place: int) -> range:
    start = place
    while start > 0 and tokens[start - 1].word not in _ENDS and tokens[start - 1].word not in (";", ":"):
        if tokens[start - 1].word in (",", "and") and any(token.word in _VERBS for token in tokens[: start - 1]):
            break
        start -= 1
    return range(start, place)


def _denial(tokens: Sequence[Token], cue: str, reach: range, silent: frozenset[int]) -> Denial | None:
    heads: dict[str, str] = {}
    head: Token | None = None
    closed = False
    for place in reach:
        token = tokens[place]
        if token.word in (",", "or", "nor", "and"):
            if head is not None:
                heads[head.concept] = head.text
            head, closed = None, False
        elif token.word in _PREPOSITIONS and head is not None:
            closed = True
        elif place in silent or is_side(token.word):
            continue
        elif token.concept and token.kind != "plain" and not closed and not token.word.isdigit() and token.word not in _SEEN:
            head = token
    if head is not None:
        heads[head.concept] = head.text
    scope = frozenset(tokens[place].concept for place in reach if tokens[place].concept and tokens[place].kind != "plain")
    if not heads:
        return None
    return Denial(cue, frozenset(heads), scope, frozenset(reach), f"{cue} {', '.join(heads.values())}")
