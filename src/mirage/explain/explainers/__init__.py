"""Evidence to claims: explainers, found by name."""

from __future__ import annotations

from typing import Any

from mirage import plugins
from mirage.explain.explainers.base import Explainer, ExplainerInfo, Remark, Request, Writing

DEFAULT = "extractive"
_GROUP = "mirage.explainers"

__all__ = ["DEFAULT", "Explainer", "ExplainerInfo", "Remark", "Request", "Writing", "available", "load"]


def available() -> list[str]:
    """Names of the explainers that are installed, those of other packages included."""
    return list(plugins.available(_GROUP))


def load(name: str = DEFAULT, **options: Any) -> Explainer:
    """Make an explainer by name. No model is loaded before it speaks.

    Parameters
    ----------
    name : str
        ``extractive``, ``transformers``, ``openai``, or what another package adds under ``mirage.explain.explainers``.
    **options
        What the explainer takes; the settings' where left out.

    Raises
    ------
    mirage.errors.NotFound
        When there is no explainer of that name.
    mirage.errors.Unavailable
        When something it needs is not installed.
    """
    explainer: Explainer = plugins.load(_GROUP, name)(**options)
    return explainer
