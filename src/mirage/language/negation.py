"""What a sentence denies, and what it leaves open, after NegEx and ConText.

The cues are the triggers that Chapman et al. published with NegEx, "A simple algorithm for identifying negated findings and
diseases in discharge summaries", Journal of Biomedical Informatics 34 (2001) 301-310, and Harkema et al. with ConText,
"ConText: an algorithm for determining negation, experiencer, and temporal status from clinical reports", Journal of
Biomedical Informatics 42 (2009) 839-851, with the contracted forms of everyday English added. As in ConText the reach of a
cue ends at the words that end a clause rather than after a number of words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mirage.language.laterality import is_side
from mirage.language.vocabulary import WORD, Token
from mirage.language.words import APOSTROPHES

# What a cue does. "denial" denies what follows; "adjective" what follows ("absent flow") or, after a verb, what stands
# before ("flow is absent"); "open" leaves it open whether there is what follows; "pseudo" looks like a cue and is none.
Role = Literal["not", "denial", "adjective", "open", "pseudo"]
CONTRACTED = tuple(
    "isn't aren't wasn't weren't don't doesn't didn't hasn't haven't hadn't can't couldn't won't wouldn't shouldn't mustn't "
    "needn't ain't".split()
)
_CUES: dict[Role, str] = {
    "not": "not | cannot | never | no longer",
    "denial": """
        no | without | w o | neither | nor | none | nothing | non | deny | denies | denying | lack | lacks | lacked | lack of
        absence of | absent of | devoid of | free of | free from | clear of | negative for | exclude | excludes | excluding
        fail to | fails to | failed to | failing to | failure to | unable to | rules out | ruling out | can rule out
        did rule out | sufficient to rule out | adequate to rule out | ruled out for | unlikely to be | unlikely to have
        unlikely that | unlikely to represent | unlikely to reflect | low probability for | low probability of
        low likelihood of | low suspicion for | neg for | argue against | argues against | arguing against
        nobody | at no time | at no point | resolution of | inconsistent with | rules against | improbable that
        zero evidence | hardly any | little to suggest | nothing to suggest | not a trace of | not a sign of | not a hint of
    """,
    "adjective": """
        absent | lacking | nonexistent | negative | excluded | ruled out | denied | unlikely | improbable | resolved
        disappeared | gone | cleared | vanished | dismissed | discarded | nowhere to be seen | out of the question
    """,
    "open": """
        rule out | r o | to exclude | to rule out | not certain if | not certain whether | not sure if | not sure whether
        not clear if | not clear whether | not known if | not known whether | uncertain if | uncertain whether
    """,
    "pseudo": """
        no doubt | no more | no less | not only | not just | not merely | not necessarily | not certain | not sure
        not always | not all | not uncommon | not uncommonly | not infrequent | not infrequently | not unusual
        not unusually | not rare | not rarely | without difficulty | with or without | with and without | whether or not
        gram negative | rh negative | false negative | negative predictive | negative pressure | nothing but | if not
        cannot tell | cannot distinguish | cannot be distinguished | cannot be told | cannot be differentiated | cannot prove
        cannot differentiate | not distinguish | not differentiate | not be distinguished | not be differentiated
        negative blood culture | negative culture | negative biopsy | negative test | negative result | negative study
        not treat | not require | not need | no reason | not the reason | no longer than | not well developed
        no one missed | nobody missed | not well seen | not well visualized | not there before | not seen before
        without contrast | without iv contrast | without intravenous contrast | without oral contrast | without gadolinium
        without the use of | without administration of | w o contrast | w o iv contrast | w o intravenous contrast
        w o oral contrast | w o gadolinium | with or w o | with and w o | w or w o | w and w o
    """,
}  # fmt: skip
# After "no" and the like and words of degree, these alone are denied: "no increase in edema" does not deny the edema.
_COURSE = frozenset("increase decrease change progression worsening improvement".split())
_AMOUNTS = frozenset("small large tiny trace mild moderate marked extensive diffuse severe minimal multiple several".split())
_DEGREE = frozenset("significant interval definite suspicious further appreciable obvious substantial".split())
_ENDS = frozenset(
    "but however although though nevertheless except apart aside beside besides whereas while which who that yet "
    "since because if unless until instead rather than despite".split()
)
# What is denied may be in, around or of a thing that is there: "no hemorrhage within the glioblastoma".
_WHERE = frozenset("within inside around surrounding throughout".split())
_OF_A_THING = frozenset("in of on from to".split())
# "Mass without calcification consistent with meningioma" says what the mass is; "no mass consistent with" does not.
_CONCLUDES = frozenset(
    "consistent compatible indicating indicative suggesting suggestive representing diagnostic keeping".split()
)
_ASIDE = ("without", "not", "absence of", "lack of", "absent", "lacking")
_RELATIVE = frozenset("which who that".split())
_PREPOSITIONS = frozenset(
    "of in on within to from at for by with into near along through under over around between during after before as".split()
)
_CAUSES = frozenset("cause lead led result produce accompany accompanie underlie explain".split())
_WHEN = frozenset("after before during since".split())
_BE = frozenset("is are was were be been being seem appear remain become became".split())
_VERBS = _BE | frozenset("has have had do there show showed demonstrate reveal measure".split())
# What is said of a thing that can be looked at: before these, "not" denies what stands before it.
_SEEN = frozenset(
    "seen noted identified visualized evident present appreciated detected observed found demonstrated shown visible "
    "apparent there confirmed proven established verified encountered reported recognized recognised discovered".split()
)
# What a thing does that is there: "did not develop" denies what stands before it, unless something follows.
_HAPPENS = frozenset("develop developed belong exist existed occur occurred arise arisen happen happened".split())
_LOOKED_FOR = _SEEN | frozenset("see note identify visualize appreciate detect observe find".split())
_ADVERBS = frozenset("clearly definitely well currently longer otherwise actually really even yet so now".split())
_BEFORE_VERBS = ("unlikely that", "improbable that", "at no time", "at no point", "nobody")
# What is said of a thing while it is denied, and is never what is denied.
_NEVER_DENIED = frozenset(
    "evidence trace sign suggestion indication hint possibility whatsoever convincing could can would turn turned".split()
)
# After "should be" and the like it is still open what is to be ruled out.
_MODALS = frozenset("should must ought may might need to".split())
# Words that hold a denial, so that "is not enlarged" and "is normal" do not speak against each other.
CLEAR = frozenset(
    "normal unremarkable clear intact spare sparing spared preserve preserved resolve unchanged fail loss less rare rarely "
    "unenhanced unilocular invisible difficult avoid avoided prevent prevented hardly barely "
    "instead rather".split()
)
# "Thiamine deficiency" and "lack of thiamine" say the same.
LACKING = ("deficien", "insufficien", "shortage", "depriv", "lack", "absen", "inadequa", "missing")
# What was taken out is no longer there, without a word that denies it.
REMOVED = frozenset("removed resected excised amputated".split())


# What looks like a denial and is none, or leaves it open.
PSEUDO = tuple(
    cue
    for table in (_CUES["pseudo"], _CUES["open"])
    for part in table.replace("\n", "|").split("|")
    if (cue := part.strip())
)


def _listed() -> dict[str, tuple[tuple[tuple[str, ...], Role], ...]]:
    """First word of each cue to the cues that begin with it, longest first."""
    found: dict[str, dict[tuple[str, ...], Role]] = {}
    for role, table in _CUES.items():
        for cue in filter(None, (tuple(part.split()) for part in table.replace("\n", "|").split("|"))):
            found.setdefault(cue[0], {})[cue] = role
    for word in CONTRACTED:
        # "dont" is "don't" in haste; a cant, though, is a slope.
        for form in {word, word.replace("'", "") if word != "can't" else word}:
            found.setdefault(form, {})[(form,)] = "not"
    return {first: tuple(sorted(cues.items(), key=lambda item: -len(item[0]))) for first, cues in found.items()}


_LISTED = _listed()


@dataclass(frozen=True, slots=True)
class Cue:
    """Words of a sentence that deny, leave open, or only look like it.

    Attributes
    ----------
    words : str
        In lower case.
    role : str
    places : range
        Its tokens.
    """

    words: str
    role: Role
    places: range


@dataclass(frozen=True, slots=True)
class Denial:
    """What one cue denies or leaves open.

    Attributes
    ----------
    cue : str
        The words that deny.
    heads : frozenset of str
        Concepts that are denied, the last word of each thing in a list.
    scope : frozenset of str
        All concepts in reach.
    places : frozenset of int
        Tokens in reach.
    words : str
        Cue and heads as written.
    certain : bool
        False where it is only left open: "pneumonia cannot be excluded".
    """

    cue: str
    heads: frozenset[str]
    scope: frozenset[str]
    places: frozenset[int]
    words: str
    certain: bool = True


def may_deny(text: str) -> bool:
    """Whether a text holds all words of any cue; where it does not, there is no need to look for cues."""
    held = set(WORD.findall(text.translate(APOSTROPHES).lower()))
    return any(held.issuperset(cue) for first in held & _LISTED.keys() for cue, _ in _LISTED[first])


def cues(tokens: Sequence[Token]) -> tuple[Cue, ...]:
    """All cues of a sentence, in order, the longest at each place."""
    words = [token.text.lower().translate(APOSTROPHES) for token in tokens]
    found: list[Cue] = []
    place = 0
    while place < len(words):
        for cue, role in _LISTED.get(words[place], ()):
            if tuple(words[place : place + len(cue)]) == cue:
                found.append(Cue(" ".join(cue), role, range(place, place + len(cue))))
                place += len(cue) - 1
                break
        place += 1
    return tuple(found)


def denials(tokens: Sequence[Token], found: Sequence[Cue], silent: frozenset[int] = frozenset()) -> tuple[Denial, ...]:
    """All that a sentence denies or leaves open.

    Parameters
    ----------
    tokens : sequence of Token
    found : sequence of Cue
        Its cues.
    silent : frozenset of int
        Places of tokens that are never what is denied, such as names of modalities.
    """
    denied = []
    silent = silent | {place for cue in found for place in cue.places}
    for number, cue in enumerate(found):
        if cue.role == "pseudo" or _undone(found[number : number + 2]):
            continue
        open_ = cue.role == "open"
        if _rules_out(cue):
            before = {token.word for token in tokens[max(0, cue.places.start - 3) : cue.places.start]}
            open_ = open_ or bool(before & _MODALS) or _undone(found[max(0, number - 1) : number + 1])
        elif _undone(found[max(0, number - 1) : number + 1]):
            continue
        for reach in _reaches(tokens, cue):
            denial = _denial(tokens, cue, reach, silent, not open_)
            if denial is not None:
                denied.append(denial)
                break
    return tuple(denied)


def _rules_out(cue: Cue) -> bool:
    return cue.words.startswith("exclud") or cue.words in ("rule out", "ruled out", "rules out", "to exclude", "to rule out")


def _undone(pair: Sequence[Cue]) -> bool:
    """Whether a "not" undoes the cue right behind it: "not excluded", "cannot be ruled out", "not absent"."""
    if len(pair) < 2:
        return False
    first, second = pair
    undone = second.role == "adjective" or _rules_out(second) or second.words in ("without", "lack", "lack of", "free of")
    return first.role == "not" and undone and second.places.start - first.places.stop <= 3


def _reaches(tokens: Sequence[Token], cue: Cue) -> list[range]:
    """The tokens that a cue may speak of; what it denies is in the first reach that holds something."""
    place, end = cue.places.start, cue.places.stop
    forwards = range(end, _end(tokens, cue))
    if cue.role == "adjective":
        return [_backwards(tokens, place)] if _follows_its_subject(tokens, cue) else [forwards]
    if cue.role == "not":
        while end < len(tokens) and tokens[end].word in _ADVERBS:
            end += 1
        if end < len(tokens) and tokens[end].word in ("be", "been"):
            end += 1
        looked_for = end < len(tokens) and tokens[end].text.lower() in _SEEN
        perfect = (tokens[place - 1].word in ("has", "have", "had") if place else False) or cue.words.startswith("ha")
        active = perfect and tokens[end - 1].word != "been"
        follows = end + 1 < len(tokens) and tokens[end + 1].word in ("a", "an", "any")
        happens = end < len(tokens) and tokens[end].text.lower() in _HAPPENS
        alone = end + 1 >= len(tokens) or not tokens[end + 1].concept
        if (looked_for and not active and not follows) or (happens and alone and not follows):
            return [_backwards(tokens, place)] if place else [forwards]
        return [forwards, _backwards(tokens, place)]
    return [forwards, _backwards(tokens, place)] if cue.words == "none" else [forwards]


def _follows_its_subject(tokens: Sequence[Token], cue: Cue) -> bool:
    before = [token.word for token in tokens[max(0, cue.places.start - 4) : cue.places.start]]
    after = tokens[cue.places.stop] if cue.places.stop < len(tokens) else None
    if _BE & set(before):
        return True
    return after is None or not (after.concept or after.word in ("a", "an", "any", "the")) or after.word in _PREPOSITIONS


def _end(tokens: Sequence[Token], cue: Cue) -> int:
    """Where the reach of a cue ends that denies what follows."""
    start = end = cue.places.stop
    if cue.words == "non":
        return min(start + 1, len(tokens))
    while start < len(tokens) and tokens[start].word in _DEGREE:
        start += 1
    if start < len(tokens) and tokens[start].word in _COURSE:
        return start + 1
    passed = _VERBS if cue.role == "open" or cue.words in _BEFORE_VERBS else _ADVERBS
    while start < len(tokens) and tokens[start].word in passed:
        start += 1
    whole = cue.words in ("neither", "none", "nor", "nothing")
    while end < len(tokens):
        word, text = tokens[end].word, tokens[end].text.lower()
        after = [token.word for token in tokens[end + 1 : end + 2]]
        if (
            word in (";", ":", ")", "(")
            or word in _ENDS
            or (word in _CAUSES and end > start)
            or (word in ("secondary", "due", "owing") and "to" in after)
            or (text in _CONCLUDES and cue.words in _ASIDE and _names(tokens[start:end]))
        ):
            break
        if word in _VERBS and end > start and not whole and tokens[end - 1].word not in ("not", "be", "been"):
            break
        if word in (",", "and") and (_new_statement(tokens, end + 1) or _again(tokens, start, end)):
            break
        if word == "," and _amounts_to_something(tokens, start, end + 1):
            break
        end += 1
    return end


def _names(tokens: Sequence[Token]) -> bool:
    """Whether one of the words can be what is denied."""
    return any(token.concept and token.kind != "plain" and token.word not in _NEVER_DENIED | _LOOKED_FOR for token in tokens)


def _there(tokens: Sequence[Token], reach: range) -> frozenset[int]:
    """Places of what is there itself, in or around which something is denied, up to the next stop or "or"."""
    found: set[int] = set()
    inside = False
    for place in reach:
        word, after = tokens[place].word, tokens[place + 1].word if place + 1 < len(tokens) else ""
        if word in (",", "or", "nor", "and"):
            inside = False
        elif not inside and place > reach.start and (word in _WHERE or (word in _OF_A_THING and after == "the")):
            inside = _names(tokens[reach.start : place])
        if inside:
            found.add(place)
    return frozenset(found)


def _new_statement(tokens: Sequence[Token], start: int) -> bool:
    """Whether what follows a comma says something of its own: it has a verb before the next stop."""
    for token in tokens[start : start + 9]:
        if token.word in (",", ";", ":", "with"):
            return False
        if token.word in _VERBS or token.word in ("no", "not", "without"):
            return True
    return False


def _amounts_to_something(tokens: Sequence[Token], start: int, after: int) -> bool:
    """Whether an amount after a comma begins what is there: "no effusion, small pneumothorax"."""
    if (
        after >= len(tokens)
        or tokens[after].word not in _AMOUNTS
        or any(token.word in _AMOUNTS for token in tokens[start:after])
    ):
        return False
    rest = [token.word for token in tokens[after:]]
    return not {"or", "nor"} & set(rest[: rest.index(".") if "." in rest else None])


def _again(tokens: Sequence[Token], start: int, end: int) -> bool:
    """Whether what follows speaks anew of what was denied: "no displacement on the left and slight displacement"."""
    denied = {token.concept for token in tokens[start:end] if token.concept}
    return any(token.concept in denied for token in tokens[end + 1 : end + 4])


def _backwards(tokens: Sequence[Token], place: int) -> range:
    """The subject of what is denied: from the beginning of its clause to its verb."""
    start = place - 1 if place and tokens[place - 1].word == ":" else place
    while start > 0 and tokens[start - 1].word not in (_ENDS - _RELATIVE) and tokens[start - 1].word not in (";", ":"):
        if tokens[start - 1].word in (",", "and") and any(token.word in _VERBS for token in tokens[: start - 1]):
            aside = [at for at in range(start - 2) if tokens[at].word == "," and tokens[at + 1].word in _RELATIVE]
            if not aside or any(token.concept for token in tokens[start:place]):
                break
            # "Pneumonia, which was suspected, has been excluded."
            start = aside[-1]
            continue
        if tokens[start - 1].word in _RELATIVE and any(token.concept for token in tokens[start:place]):
            break
        start -= 1
    verbs = [at for at in range(start + 1, place) if tokens[at].word in _VERBS and tokens[at - 1].word != "there"]
    return range(start, verbs[0] if verbs else place)


def _denial(tokens: Sequence[Token], cue: Cue, reach: range, silent: frozenset[int], certain: bool) -> Denial | None:
    heads: dict[str, str] = {}
    head: Token | None = None
    closed = False
    for place in reach:
        token = tokens[place]
        if token.word in (",", "or", "nor", "and"):
            if head is not None:
                heads[head.concept] = head.text
            head, closed = None, False
        elif token.word in _PREPOSITIONS and (head is not None or (token.word in _WHEN and reach.stop <= cue.places.start)):
            closed = True
        elif place in silent or is_side(token.word) or closed or token.word in _LOOKED_FOR | _ADVERBS | _NEVER_DENIED:
            continue
        elif token.concept and token.kind != "plain" and not token.word.isdigit():
            head = token
    if head is not None:
        heads[head.concept] = head.text
    if not heads:
        return None
    places = frozenset(reach) - (_there(tokens, reach) if reach.start >= cue.places.stop else frozenset())
    scope = frozenset(tokens[place].concept for place in places if tokens[place].concept and tokens[place].kind != "plain")
    text = " ".join(tokens[place].text for place in cue.places)
    return Denial(text, frozenset(heads), scope, places, f"{text} {', '.join(heads.values())}", certain)
