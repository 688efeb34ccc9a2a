"""The site and the HTTP API."""

from mirage.web.app import create_app
from mirage.web.server import serve

__all__ = ["create_app", "serve"]
