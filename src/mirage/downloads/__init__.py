"""Fetch, resume, verify, unpack."""

from __future__ import annotations

from mirage.downloads.fetching import Progress, fetch
from mirage.downloads.unpacking import comment_of, unzip

__all__ = ["Progress", "comment_of", "fetch", "unzip"]
