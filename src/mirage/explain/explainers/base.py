"""The port: evidence to sentences, as they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from mirage.explain.evidence import Draft, Evidence

Task = Literal["describe", "contrast"]


@dataclass(frozen=True, slots=True)
class ExplainerInfo:
    """Who speaks.

    Attributes
    ----------
    name : str
        Adapter name: ``extractive``, ``transformers``, ``openai``.
    model : str
        The model behind it, as its makers name it; empty for the extractive one.
    revision : str
        Pinned revision; empty when there is none.
    generative : bool
        Whether it writes sentences of its own; the extractive one only quotes.
    """

    name: str
    model: str = ""
    revision: str = ""
    generative: bool = False

    def __str__(self) -> str:
        return f"{self.name} ({self.model})" if self.model else self.name


@dataclass(frozen=True, slots=True)
class ExplanationRequest:
    """What to explain.

    Attributes
    ----------
    question : str
        The query in words; for a contrast "A, compared with B".
    evidence : tuple of Evidence
        At least one passage; most relevant first.
    task : {"describe", "contrast"}
        Explain one query, or how the evidence of side ``a`` and of side ``b`` differs.
    sides : tuple of (str, str)
        In a contrast, the two queries in words.
    most : int
        How many sentences at most.
    """

    question: str
    evidence: tuple[Evidence, ...]
    task: Task = "describe"
    sides: tuple[str, str] = ("", "")
    most: int = 8


@dataclass(frozen=True, slots=True)
class Writing:
    """The sentence being written, as far as it has come; the next one replaces it."""

    text: str


@dataclass(frozen=True, slots=True)
class Remark:
    """Something the reader should know: passages left out, a text cut short."""

    text: str


Piece = Draft | Writing | Remark


@runtime_checkable
class Explainer(Protocol):
    """Writes sentences about evidence, and points at it."""

    def info(self) -> ExplainerInfo:
        """Tell who speaks. Loads nothing."""
        ...

    def explain(self, request: ExplanationRequest, stopped: Callable[[], bool] = lambda: False) -> Iterator[Piece]:
        """Yield finished sentences as `Draft`, and between them what is being written.

        Parameters
        ----------
        request : ExplanationRequest
        stopped : callable
            Asked often; once it says True the explainer ends soon and frees what it holds.

        Raises
        ------
        mirage.errors.Unavailable
            When the model is not there, does not fit into memory, or does not answer. Sentences already yielded stay valid.
        """
        ...
