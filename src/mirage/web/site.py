"""What the routes share: the open atlas, its jobs, the settings and this start's token."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio
from fastapi import Request

if TYPE_CHECKING:
    from mirage.atlas import Atlas
    from mirage.jobs import Jobs
    from mirage.settings import Settings
    from mirage.web.schemas import AtlasView


@dataclass(slots=True)
class Site:
    """One running site.

    Attributes
    ----------
    atlas : mirage.atlas.Atlas
    jobs : mirage.jobs.Jobs
    settings : mirage.settings.Settings
    token : str
        Made anew at each start; whatever changes state has to show it.
    command_token : str
        Left in atlas.lock for commands of the same user; it also opens folders outside the settings' roots.
    held : (float, AtlasView) or None
        What the atlas held, and when that was counted.
    """

    atlas: Atlas
    jobs: Jobs
    settings: Settings
    token: str
    command_token: str
    held: tuple[float, AtlasView] | None = None
    # Pictures are large once decoded; two at a time bound the memory that uploads can take.
    decoding: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(2))


def site_of(request: Request) -> Site:
    """The site that a request came to."""
    site: Site = request.app.state.site
    return site
