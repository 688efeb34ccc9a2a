"""The site and the HTTP API."""

from __future__ import annotations

from mirage.web.app import create_app
from mirage.web.server import serve

__all__ = ["create_app", "serve"]
