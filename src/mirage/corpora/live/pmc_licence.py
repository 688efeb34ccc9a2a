"""The licence of an article at PubMed Central: what the source's list says and what the article says, compared."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mirage.corpora.live.base import Kept, Reason
from mirage.corpora.live.jats import Article
from mirage.corpora.live.pmc_terms import not_understood
from mirage.figure import Licence
from mirage.licensing import terms_of
from mirage.wording import N_, nN_

FILTERS = {
    "CC BY": "cc by license",
    "CC0": "cc0 license",
    "CC BY-SA": "cc by-sa license",
    "CC BY-NC": "cc by-nc license",
    "CC BY-NC-SA": "cc by-nc-sa license",
    "CC BY-ND": "cc by-nd license",
    "CC BY-NC-ND": "cc by-nc-nd license",
}
"""Licences by the codes of the source's list, and the filters of its search that find them."""
# Why no figure of an article comes, as for `mirage.corpora.live.base.tally`.
NO_LICENCE = Reason(
    *nN_(
        "article without a stated licence that permits passing on",
        "articles without a stated licence that permits passing on",
    )
)
CONTRADICTION = Reason(
    *nN_(
        "article with one licence in PubMed Central's list and another in the text, so that none is sure",
        "articles with one licence in PubMed Central's list and another in the text, so that none is sure",
    )
)
NOT_UNDERSTOOD = Reason(
    *nN_(
        "article with words about the licence that MIRAGE does not understand",
        "articles with words about the licence that MIRAGE does not understand",
    )
)

_STRICTER = N_("The source's list says %(listed)s, and the article %(said)s: the stricter of them is taken.")
_NOTHING = Kept("")

# A statement about what an article comes with, not about itself.
_OF_DATA = re.compile(r"(?i)\bappl(?:y|ies) to the (?:data|metadata)\b")


@dataclass(frozen=True, slots=True)
class Stated:
    """What is taken for the licence of an article; `warning` is what to know of it.

    `refusal` is why none is, and `words` those of the article that led to it.
    """

    licence: Licence = Licence()
    refusal: str = ""
    warning: Kept = _NOTHING
    words: str = ""


def licence_of(code: str, article: Article, wanted: Iterable[str]) -> Stated:
    """The licence of an article's figures.

    The source's list decides whether there is one; the article gives version, port and address. Where both differ, the
    stricter is taken, and none where neither of them is the stricter. None is taken either where the article says more of it
    than is understood.

    Parameters
    ----------
    code : str
        Of the source's list: "CC BY"; empty where there is none.
    article : Article
    wanted : iterable of str
        Keys of `FILTERS`.
    """
    listed = terms_of(Licence(code))
    if not listed.known:
        return Stated(refusal=NO_LICENCE)
    theirs = _flags(code)
    own = article.licences
    if _OF_DATA.search(article.terms):
        own = tuple(each for each in own if _flags(each.name)) or own
    if own:
        chosen, asked = own[0], [_flags(each.name) for each in own]
        together = theirs.union(*asked)
        if all(flags == theirs for flags in asked):
            warning = Kept("")
        else:
            of = [each for each, flags in zip(own, asked, strict=True) if flags == together]
            if not of and theirs != together:
                return Stated(refusal=CONTRADICTION)
            chosen = of[0] if of else Licence(code)
            said = " and ".join(dict.fromkeys(each.name for each in own))
            warning = Kept(_STRICTER, listed=code, said=said)
    else:
        chosen, warning = Licence(code), Kept("")
    kind = terms_of(chosen).kind
    if kind not in {terms_of(Licence(each)).kind for each in wanted}:
        return Stated(
            refusal=Reason(
                *nN_(
                    "article under %(licence)s, a licence that was not asked for",
                    "articles under %(licence)s, a licence that was not asked for",
                ),
                licence=chosen,
            )
        )
    if strange := not_understood(article.terms, _flags(chosen.name), f"{' '.join(article.authors)} {article.journal}"):
        return Stated(refusal=NOT_UNDERSTOOD, words=strange)
    return Stated(chosen, warning=warning)


def _flags(name: str) -> frozenset[str]:
    """What a licence asks for; nothing for what is in the public domain."""
    kind = terms_of(Licence(name)).kind
    return frozenset(kind.split("-")) if kind.startswith("BY") else frozenset()
