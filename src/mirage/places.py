"""Where a person's own data and caches lie; somewhere else for who has no home, as a container's user may have none."""

from __future__ import annotations

import os
import stat
import tempfile
from functools import cache
from pathlib import Path

from platformdirs import user_cache_path, user_data_path


def own_data() -> Path:
    """The folder of this user's data."""
    try:
        return user_data_path("mirage", appauthor=False)
    except RuntimeError:  # neither HOME nor a line in the list of users
        return _homeless() / "data"


def own_cache() -> Path:
    """The folder of what can be made again."""
    try:
        return user_cache_path("mirage", appauthor=False)
    except RuntimeError:
        return _homeless() / "cache"


@cache
def _homeless() -> Path:
    """A folder among the temporary files that is this user's alone."""
    place = Path(tempfile.gettempdir()) / f"mirage-{os.getuid() if hasattr(os, 'getuid') else ''}"
    try:
        place.mkdir(mode=0o700)
        return place
    except FileExistsError:
        told = place.lstat()
    own = (
        stat.S_ISDIR(told.st_mode)
        and not told.st_mode & 0o077
        and told.st_uid == getattr(os, "getuid", lambda: told.st_uid)()
    )
    return place if own else Path(tempfile.mkdtemp(prefix="mirage-"))
