"""Fetch, resume, verify, unpack."""

from __future__ import annotations

from mirage.downloads.fetching import Progress, Refused, fetch
from mirage.downloads.unpacking import comment_of, unzip

__all__ = ["Progress", "Refused", "comment_of", "fetch", "unzip"]
