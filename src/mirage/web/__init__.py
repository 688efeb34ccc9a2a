"""The site and the HTTP API."""

from mirage.web.server import create_app, serve

__all__ = ["create_app", "serve"]
