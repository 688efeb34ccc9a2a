"""Serve an atlas until somebody stops it."""

from __future__ import annotations

import errno
import logging
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from mirage.errors import BadInput
from mirage.web.app import create_app

if TYPE_CHECKING:
    from mirage.settings import Settings


def serve(atlas_path: Path | None, *, host: str, port: int, settings: Settings) -> None:
    """Open an atlas and serve its site until Ctrl-C or SIGTERM.

    Parameters
    ----------
    atlas_path : Path or None
        None takes the one that the settings name.
    host : str
    port : int
        0 takes a free one.
    settings : mirage.settings.Settings

    Raises
    ------
    mirage.errors.BadInput
        When the port is taken or the address is not this machine's.
    mirage.errors.AtlasError
        When the atlas cannot be opened.
    """
    raise NotImplementedError
