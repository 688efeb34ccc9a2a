"""The site and the HTTP API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mirage.web.app import create_app
    from mirage.web.server import serve

__all__ = ["create_app", "serve"]


def __getattr__(name: str) -> Any:
    """Import on first use: the command line shares the views and need not wait for the web framework."""
    if name == "create_app":
        from mirage.web.app import create_app  # noqa: PLC0415

        return create_app
    if name == "serve":
        from mirage.web.server import serve  # noqa: PLC0415

        return serve
    raise AttributeError(f"module 'mirage.web' has no attribute {name!r}")
