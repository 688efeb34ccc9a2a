"""What makes a checked sentence fit to teach with: it is about what was asked, and says how far it reaches.

The checker tells whether the evidence holds a sentence. This tells of a sentence that its evidence holds whether it is of
another disease, gives a diagnosis as its own differential, or tells as general what is known of one case or of some.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

from mirage.explain.evidence import Break, Claim, Draft, Evidence, Scope, Support
from mirage.explain.explainers.base import ExplainerInfo, ExplanationRequest
from mirage.explain.statements import Statement, points_back, statements, strays
from mirage.explain.subject import Subject, is_itself, named, subject_of
from mirage.language.words import stems
from mirage.wording import _

_ORDER: tuple[Support, ...] = get_args(Support)
_DIFFERENTIAL = re.compile(
    r"(?i)\b(?:differential|mimic\w*|distinguish\w*|differentiat\w+|confused"
    r"|(?:other|alternative) (?:\w+ )?(?:causes|diagnoses)"
    r"|could also be|instead of)\b|^consider\b"
)
# Where the list of what else it could be begins.
_LISTS = re.compile(
    r"(?i):|\b(?:includes?|are|is|could also be|consider(?: also)?|(?:distinguished|differentiated) from|confused with)\b"
)
_ONE = re.compile(
    r"(?i)\b(?:(?:in|of) (?:one|a|this|another|the same|each|the second|the other) (?:\w+ )?"
    r"(?:case|patient|figure|image)|one case|here|this (?:case|patient|image|figure|scan)|th(?:e|is|at) patient|was|were"
    r"|showed|revealed|demonstrated)\b"
)
_NEAR = 0.5  # of a sentence's stems that a statement holds when it says the same


def judged(
    claim: Claim, draft: Draft, info: ExplainerInfo, request: ExplanationRequest, before: Claim | None = None
) -> Claim:
    """A checked sentence with what its explainer said of it, and the marks that it needs.

    Parameters
    ----------
    claim : Claim
        As the checker gave it.
    draft : Draft
    info : ExplainerInfo
        Whose sentences are quoted whole and sorted already, unless it writes its own.
    request : ExplanationRequest
    before : Claim, optional
        The sentence before it, which "it" and "they" may mean.
    """
    told = replace(
        claim,
        by=info.name,
        aspect=draft.aspect,
        modality=draft.modality,
        scope=draft.scope,
        limit=draft.limit,
        against=draft.against,
    )
    if not info.generative:
        return told
    items = {item.number: item for item in request.evidence}
    cited = [items[number] for number in claim.cites]
    side = cited[0].side if cited else ""
    question = request.sides["ab".index(side)] if side else request.question
    subject = subject_of(question, [item for item in request.evidence if item.side == side])
    if subject is None:
        return told
    scope, limit = _reach(claim.text, cited, subject)
    found = [*_of_another(claim, cited, subject, before), *_too_general(claim, cited, scope, limit)]
    worst = max((_ORDER.index(one.support) for one in (*claim.breaks, *found)), default=0)
    return replace(told, scope=scope, limit=limit, breaks=(*claim.breaks, *found), support=_ORDER[worst])


def _of_another(claim: Claim, cited: Sequence[Evidence], subject: Subject, before: Claim | None) -> list[Break]:
    if subject.sort != "disease":
        return []
    asked = " or ".join(subject.names)
    if _DIFFERENTIAL.search(claim.text):
        begins = list(_LISTS.finditer(claim.text))
        listed = claim.text[begins[-1].end() :] if begins else ""
        own = [part.strip() for part in re.split(r",|;|\band\b|\bor\b", listed) if _names_itself(part, cited, subject)]
        if own:
            return [
                Break(
                    "subject",
                    own[0],
                    _("“%(own)s” is the diagnosis itself, not what else it could be.", own=own[0]),
                    "contradicted",
                )
            ]
        return []
    other = strays(claim.text, subject)
    if not other and before and points_back(claim.text) and not any(one.kind == "disease" for one in named(claim.text)):
        other = next((one.words for one in before.breaks if one.kind == "subject" and one.support == "unsupported"), "")
    return (
        [
            Break(
                "subject", other, _("This tells of %(other)s; asked was %(asked)s.", other=other, asked=asked), "unsupported"
            )
        ]
        if other
        else []
    )


def _names_itself(part: str, cited: Sequence[Evidence], subject: Subject) -> bool:
    return any(one.kind == "disease" for one in named(part)) and any(is_itself(part, item, subject) for item in cited)


def _reach(text: str, cited: Sequence[Evidence], subject: Subject) -> tuple[Scope, str]:
    """How far what a sentence rests on reaches: as far as the widest of the statements that say the same."""
    wanted = stems(text)
    same: list[Statement] = []
    for item in cited:
        near = [(len(wanted & stems(one.text)) / max(len(wanted), 1), one) for one in statements(item, subject)]
        share, best = max(near, key=lambda one: one[0], default=(0.0, None))
        if best is not None and (share >= _NEAR or best.scope == "case"):
            same.append(best)
    if not same or any(not one.scope for one in same):
        return "", ""
    if len({one.evidence.case or one.evidence.figures[0] for one in same}) > 1:
        return "", ""
    return same[0].scope, same[0].limit


def _too_general(claim: Claim, cited: Sequence[Evidence], scope: Scope, limit: str) -> list[Break]:
    if claim.quoted or not cited:
        return []
    number = cited[0].number
    if scope == "case" and not _ONE.search(claim.text):
        reason = _("[%(number)s] tells of one case; the sentence tells it as general.", number=number)
        return [Break("scope", claim.text[:120], reason, "partly")]
    if scope == "subset" and not stems(limit) <= stems(claim.text):
        return [
            Break(
                "scope",
                claim.text[:120],
                _("[%(number)s] says this of some only: %(limit)s.", number=number, limit=limit),
                "partly",
            )
        ]
    return []
