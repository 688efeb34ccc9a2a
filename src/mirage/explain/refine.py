"""Two looks instead of one: explain what is found first, embed the explanation, and search again.

The method is the paper's (arXiv 2605.04772): it has a language model describe the query from the captions of the first three
hits, and retrieves again with that description alone. Here the explanation is quoted from the evidence, so nothing invented
can sway the search, and the query keeps its share. docs/refine.md tells what was measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from mirage.encoders.base import Encoder
from mirage.explain import explainers, explanation
from mirage.explain.evidence import Draft
from mirage.explain.explainers.base import ExplanationRequest
from mirage.figure import Case
from mirage.query import Query
from mirage.search.answer import Answer, Hit
from mirage.search.query_vector import Feedback, Vector
from mirage.search.searcher import Searcher
from mirage.wording import N_, _, ngettext

NOT_REFINED = N_("Not refined: %(why)s. These are the hits of the query as it stands.")


@dataclass(frozen=True, slots=True)
class Refinement:
    """How to refine. The defaults did best on cases set aside from training.

    Attributes
    ----------
    share : float
        Of the explanation in the second query vector, 0 to 1; 1 leaves nothing of the query, as in the paper.
    words : bool
        Whether word search looks for the explanation's words beside the query's.
    hits : int
        How many of the first hits are explained, at most.
    whole : bool
        Embed the explanation as one text, of which the encoder reads the beginning, not sentence by sentence.
    """

    share: float = 0.5
    words: bool = False
    hits: int = 3
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Quoted:
    """What was quoted to explain the first hits.

    Attributes
    ----------
    sentences : tuple of str
    figures : tuple of str
        Ids of the figures whose words they are, in the order of quoting.
    """

    sentences: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()


DEFAULT = Refinement()


def search(
    query: Query,
    searcher: Searcher,
    encoder: Encoder,
    cases_of: Callable[[Iterable[Hit]], Mapping[str, Case]],
    refinement: Refinement = DEFAULT,
) -> Answer:
    """Search, explain what was found, and search again with the explanation.

    Parameters
    ----------
    query : Query
        Its `refine` is not looked at.
    searcher : Searcher
    encoder : Encoder
        The atlas's own.
    cases_of : callable
        Hits to their cases by id.
    refinement : Refinement

    Returns
    -------
    Answer
        `notes` begins with what it was refined from, or why it was not. How sure a hit is depends on the query alone, not on
        the explanation, which always resembles what it was quoted from.
    """
    started = time.perf_counter()
    first = searcher.search(replace(query, k=max(query.k, refinement.hits)))
    quoted = quote(first, cases_of(first.hits[: refinement.hits]), refinement.hits)
    if not quoted.sentences:
        why = _("nothing fits well enough to explain it from")
        if first.fits:
            why = _("no sentence of the figures found says what it is or how it looks")
        plain = first if len(first) <= query.k else searcher.search(query)
        return _answered(plain, query, _(NOT_REFINED, why=why), started)
    vector, unread = embed(quoted.sentences, encoder, whole=refinement.whole)
    feedback = Feedback(vector, refinement.share, " ".join(quoted.sentences) if refinement.words else "")
    return _answered(searcher.search(query, feedback), query, _note(quoted, unread), started)


def quote(answer: Answer, cases: Mapping[str, Case], hits: int) -> Quoted:
    """Explain the strong and likely ones among the first hits in their sources' words.

    Parameters
    ----------
    answer : Answer
    cases : mapping
        Case id to Case.
    hits : int
        How many hits, at most.
    """
    evidence = explanation.gather(answer.hits[:hits], cases)
    if not evidence:
        return Quoted()
    request = ExplanationRequest(explanation.question_of(answer), evidence)
    drafts = [piece for piece in explainers.load().explain(request) if isinstance(piece, Draft)]
    by_number = {item.number: item for item in evidence}
    figures = [by_number[draft.cites[0]].figures[0] for draft in drafts if draft.cites]
    return Quoted(tuple(draft.text for draft in drafts), tuple(dict.fromkeys(figures)))


def embed(sentences: tuple[str, ...], encoder: Encoder, *, whole: bool = False) -> tuple[Vector, str]:
    """One unit vector for an explanation, and what of it the encoder did not read.

    Parameters
    ----------
    sentences : tuple of str
        At least one.
    encoder : Encoder
    whole : bool
        Encode them as one text instead of averaging them.
    """
    texts = [" ".join(sentences)] if whole else list(sentences)
    total = encoder.encode_texts(texts).mean(axis=0)
    unread = " ".join(filter(None, (encoder.unread(text) for text in texts)))
    norm = float(np.linalg.norm(total))
    return np.asarray(total / norm if norm else total, dtype=np.float32), unread


def _note(quoted: Quoted, unread: str) -> str:
    count, of = len(quoted.sentences), len(quoted.figures)
    names = ", ".join(quoted.figures[:3]) + (", …" if of > 3 else "")
    note = ngettext(
        "Refined: searched a second time with %(num)s sentence quoted from what was found first (%(names)s).",
        "Refined: searched a second time with %(num)s sentences quoted from what was found first (%(names)s).",
        count,
        names=names,
    )
    if not unread:
        return note
    return f"{note} " + _("Of those, %(count)s words were too many to be read.", count=len(unread.split()))


def _answered(answer: Answer, query: Query, note: str, started: float) -> Answer:
    return replace(answer, query=query, notes=(note, *answer.notes), seconds=time.perf_counter() - started)
