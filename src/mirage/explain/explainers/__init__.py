"""Evidence to claims: explainers, found by name."""

from __future__ import annotations

from mirage.explain.explainers.base import Explainer, ExplainerInfo, ExplanationRequest, Remark, Writing
from mirage.plugins import Port

DEFAULT = "extractive"

__all__ = ["DEFAULT", "Explainer", "ExplainerInfo", "ExplanationRequest", "Remark", "Writing", "available", "load"]

_port: Port[Explainer] = Port("mirage.explainers", DEFAULT)
available, load = _port.available, _port.load
