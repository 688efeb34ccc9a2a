"""An explanation of what a browser found: `mirage.explain`, with the explainer that quotes, over a site's files."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from mirage.explain import explanation
from mirage.explain.checker import Checker
from mirage.explain.evidence import ASPECTS, Evidence
from mirage.explain.explainers.extractive import ExtractiveExplainer
from mirage.figure import Case, Licence, Source
from mirage.search.answer import Answer
from mirage.wording import _, looked_up

_NUMBER = re.compile(r"\[(\d+)\]")


def explained(found: Answer, cases: Mapping[str, Any], encoder: Any, page: Callable[[str], str]) -> dict[str, Any]:
    """Explain an answer as a server does with the same hits and cases; of findings in cases nothing is counted.

    Parameters
    ----------
    found : Answer
    cases : mapping
        Id to case, as `mirage.site.data` writes those whose words may be told.
    encoder : SiteEncoder
    page : callable
        Id of a figure to its page.

    Returns
    -------
    dict
        For JSON: ``claims``, the ``evidence`` that they name, and ``remarks``.
    """
    request = explanation.request_of(found, {id: _case_of(own) for id, own in cases.items()})
    events = explanation.explain(request, ExtractiveExplainer(), Checker(encoder))
    whole = explanation.collect(request.question, events)
    named = {number for claim in whole.claims for number in (*claim.cites, *claim.against)}
    named |= {int(number) for remark in whole.remarks for number in _NUMBER.findall(remark)}
    claims = [
        {
            "text": claim.text,
            "cites": claim.cites,
            "quoted": claim.quoted,
            "support": claim.support,
            "aspect": _(ASPECTS[claim.aspect]) if claim.aspect else "",
            "marks": claim.marks,
        }
        for claim in whole.claims
    ]
    evidence = [_told(item, page) for item in whole.evidence if item.number in named]
    return {"claims": claims, "evidence": evidence, "remarks": whole.remarks}


def _told(item: Evidence, page: Callable[[str], str]) -> dict[str, Any]:
    source = item.source
    return {
        "number": item.number,
        "text": item.text,
        "title": item.title,
        "pages": [page(id) for id in item.figures],
        "attribution": source.attribution,
        "url": source.url,
        "licence": looked_up(str(source.licence)),
    }


def _case_of(own: Mapping[str, Any]) -> Case:
    source = own["source"]
    return Case(**{**own, "source": Source(**{**source, "licence": Licence(**source["licence"])})})
