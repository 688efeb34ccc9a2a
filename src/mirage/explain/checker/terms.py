"""Does the evidence hold the anatomy and the diseases that a sentence names?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mirage.explain.checker.matching import Alignment, Body
from mirage.explain.evidence import Break
from mirage.language.annotation import Annotation
from mirage.language.concepts import lexicon
from mirage.language.vocabulary import Token, is_uncommon, vocabulary
from mirage.wording import _

# How much of a sentence must be held for a wide, unlisted or denied word that no source has to be a manner of speaking.
_HELD = 0.4
_DIAGNOSIS = re.compile(r"(?i)\b(?:diagnos|consistent with|compatible with|case of|suggest|represent|in keeping with)")


def doubts(alignment: Alignment) -> list[Break]:
    """Terms that no evidence holds, that only another case holds, or that stand where the source has another."""
    claim, body, near = alignment.claim, alignment.body, alignment.near
    here, retold = body.near(alignment.chosen), alignment.retold
    nowhere, elsewhere, wider = list[str](), list[str](), list[str]()
    names_a_diagnosis = bool(_DIAGNOSIS.search(claim.text))
    for token in _named(claim):
        means = retold[token.concept]
        if token.concept in alignment.asked or _held(token, means, here) or body.names(token, claim.text, near):
            continue
        if not _held(token, means, body.concepts):
            plain = not token.kind and token.text.islower() and not names_a_diagnosis
            manner = plain or (token.concept in vocabulary().narrower and not _is_disease(token))
            denied = token.concept in claim.denied  # what is denied need not have been mentioned
            (wider if (manner or denied) and alignment.share >= _HELD else nowhere).append(token.text)
        elif token.kind in ("anatomy", "disease"):
            elsewhere.append(token.text)
    nowhere += [
        token.text for token in claim.tokens if token.concept in vocabulary().events and not _told(token, claim, body)
    ]
    found = []
    if nowhere:
        found.append(
            Break("term", ", ".join(nowhere), _("No source mentions %(words)s.", words=listed(nowhere)), "unsupported")
        )
    if elsewhere:
        reason = _(
            "The sources nearest to this sentence do not mention %(words)s; only one about something else does.",
            words=listed(elsewhere),
        )
        found.append(Break("term", ", ".join(elsewhere), reason, "unsupported"))
    if wider and not found:
        found.append(
            Break("term", ", ".join(wider), _("No source uses the words %(words)s.", words=listed(wider)), "partly")
        )
    return found


def _named(claim: Annotation) -> Iterable[Token]:
    """The tokens that name something, each once."""
    seen: set[str] = set()
    for token in claim.tokens:
        if token.concept not in claim.concepts or token.concept in seen:
            continue
        seen.add(token.concept)
        if token.kind in ("anatomy", "disease") or (not token.kind and is_uncommon(token.text.lower())):
            yield token


def _held(token: Token, means: frozenset[str], concepts: frozenset[str]) -> bool:
    if means & concepts or vocabulary().narrower.get(token.concept, frozenset()) & concepts:
        return True
    tumors = vocabulary().tumors
    return token.concept in tumors and any(concept.endswith("oma") or concept in tumors for concept in concepts)


def _is_disease(token: Token) -> bool:
    """Whether a word by itself names a disease: thrombus, and not swollen."""
    known = lexicon()
    return token.kind == "disease" and any(
        known.kind(match.concept) == "disease" for match in known.find(token.text).matches
    )


def _told(token: Token, claim: Annotation, body: Body) -> bool:
    """Whether the evidence tells of an event, in whatever words for it; a denial needs none."""
    told = vocabulary().events[token.concept] | body.retold(claim).get(token.concept, frozenset())
    return bool(claim.denies or told & body.concepts)


def listed(words: Sequence[str]) -> str:
    """Words in quotation marks, as a sentence lists them."""
    quoted = [f"“{word}”" for word in words]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"
