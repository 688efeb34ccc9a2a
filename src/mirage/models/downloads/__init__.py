"""Fetch, resume, verify, unpack."""

from __future__ import annotations

from mirage.models.downloads.fetching import Progress, Refused, fetch
from mirage.models.downloads.unpacking import comment_of, unzip

__all__ = ["Progress", "Refused", "comment_of", "fetch", "unzip"]
