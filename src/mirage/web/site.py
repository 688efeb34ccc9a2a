"""What the routes share: the open atlas, its jobs, the settings and this start's token."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio
from fastapi import Request

from mirage.errors import BadInput, MirageError
from mirage.explain import explainers
from mirage.explain.explainers.base import Explainer
from mirage.generate import synthesis
from mirage.generate.generators import GeneratorInfo
from mirage.query import shown

if TYPE_CHECKING:
    from mirage.atlas import Atlas
    from mirage.generate.outputs import Outputs
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
    decoding, explaining : anyio.CapacityLimiter
        How many pictures are decoded, and how many explanations written, at once.
    writing : set of Future
        Explanations being written or waiting.
    speakers : dict
        Explainers in use, by name.
    drawer_info : GeneratorInfo or None
        Who draws, once that is known.
    """

    atlas: Atlas
    jobs: Jobs
    settings: Settings
    token: str
    command_token: str
    held: tuple[float, AtlasView] | None = None
    # Pictures are large once decoded; two at a time bound the memory that uploads can take.
    decoding: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(2))
    # As many explanations are written at once; the others wait.
    explaining: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(4))
    writing: set[asyncio.Future[None]] = field(default_factory=set)
    # Kept from one request to the next: a model is not loaded anew for each.
    speakers: dict[str, Explainer] = field(default_factory=dict)
    drawer_info: GeneratorInfo | None = None

    def drawer(self) -> GeneratorInfo | str:
        """Who draws synthetic images; or, for a person to read, why nobody does."""
        if self.drawer_info is None:
            try:
                self.drawer_info = synthesis.generator_of(synthesis.Options(), self.settings).info()
            except MirageError as error:
                return str(error)
        return self.drawer_info

    @property
    def outputs(self) -> Outputs:
        """The synthetic images that were made."""
        return self.jobs.outputs

    @property
    def explainer(self) -> str:
        """Name of the explainer that the settings choose."""
        return self.settings.explainer

    def speaker(self, name: str) -> Explainer | str:
        """The explainer that a visitor may name: the one of the settings, or the one that only quotes.

        Returns
        -------
        Explainer or str
            The name where it cannot be loaded; `mirage.explain.explanation.explain` then says so and goes on without it.

        Raises
        ------
        mirage.errors.BadInput
            When it is neither. Naming another could load a model of gigabytes or call a paid server.
        """
        name = name or self.explainer
        allowed = list(dict.fromkeys((self.explainer, explainers.DEFAULT)))
        if name not in allowed:
            raise BadInput(f"There is no explainer {shown(name)} to choose here. There is: {', '.join(allowed)}.")
        if name not in self.speakers:
            try:
                self.speakers[name] = explainers.load(name)
            except MirageError:
                return name
        return self.speakers[name]


def site_of(request: Request) -> Site:
    """The site that a request came to."""
    site: Site = request.app.state.site
    return site
