"""What the routes share: the open atlas, its jobs, the settings and this start's token."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import partial
from threading import RLock
from typing import Annotated, Any, Literal, TypeVar

import anyio
from anyio.to_thread import run_sync
from fastapi import Depends, Request
from starlette.responses import Response

from mirage.atlas import Atlas
from mirage.compare.comparison import Comparison
from mirage.compare.dual import Dual
from mirage.errors import AtlasError, BadInput, MirageError
from mirage.explain import explainers
from mirage.explain.explainers.base import Explainer
from mirage.generate import synthesis
from mirage.generate.generators import GeneratorInfo
from mirage.jobs import Jobs
from mirage.people.limits import DAY, MINUTE
from mirage.people.people import People
from mirage.people.roles import NOBODY
from mirage.people.visitor import visitor
from mirage.query import Query, shown
from mirage.search.answer import Answer
from mirage.settings import Settings
from mirage.study import Study
from mirage.study.reviews.reviews import Reviews
from mirage.web.answers import Answers
from mirage.web.cache import Cache
from mirage.web.measures import Measures
from mirage.web.rights import SIGN_IN, NotSignedInError
from mirage.web.root import root
from mirage.web.telling import Tellings
from mirage.web.views.figures import AtlasView, atlas_view
from mirage.wording import _, language

Kept = TypeVar("Kept")
_WRITTEN_AT_ONCE = 4  # explanations; the others wait for their turn


@dataclass
class RunningSite:
    """One running site.

    Attributes
    ----------
    atlas : mirage.atlas.Atlas
    settings : mirage.settings.Settings
    start : str
        A token made anew at each start, which whatever changes state has to show where nobody signs in.
    given_jobs : mirage.jobs.Jobs or None
        The atlas's jobs; None makes them when they are first needed.
    finding, decoding, taking, asking : anyio.CapacityLimiter
        How many queries are answered, pictures decoded, files to take along made, and people asked about at a provider, at
        once. Threads of their own: what a provider that is down holds up is signing in by it, and nothing else; what many
        ask anew waits in a row, and does not hold up what is there.
    cache : mirage.web.cache.Cache
    answers : mirage.web.answers.Answers
        What many ask for, kept until the atlas changes.
    measures : mirage.web.measures.Measures or None
        Numbers for whoever runs the site, where the setting ``metrics`` says so.
    following : Counter
        How many jobs each asker follows now.
    tellings : mirage.web.telling.Tellings
        Explanations being written or waiting for their turn.
    """

    atlas: Atlas
    settings: Settings
    start: str
    given_jobs: Jobs | None = None
    # More at once would take each other's time: all of them run in one interpreter, and the last would be as late as ever.
    finding: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(4))
    # One at a time: the pixels of the largest take most of the budget, and encoding uses every thread that it may.
    decoding: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(1))
    taking: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(2))
    asking: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(8))
    cache: Cache = field(default_factory=Cache)
    measures: Measures | None = None
    following: Counter[Hashable] = field(default_factory=Counter)
    _made: dict[tuple[str, str], tuple[Any, Any]] = field(default_factory=dict)
    _lock: RLock = field(default_factory=RLock)

    def __post_init__(self) -> None:
        self.answers = Answers(self.atlas, self.cache)
        self.tellings = Tellings(self.cache, _WRITTEN_AT_ONCE)

    @property
    def token(self) -> str:
        """What whatever changes state has to show: of the session of who asks, else of this start."""
        return visitor().token or self.start

    @property
    def jobs(self) -> Jobs:
        """The atlas's jobs."""
        with self._lock:
            if self.given_jobs is None:
                self.given_jobs = Jobs(self.atlas)
            self.given_jobs.most_each = self.settings.limit_jobs if self.settings.shared else 0
            if self.settings.shared:
                self.given_jobs.knows = self.people.persons.has
        return self.given_jobs

    @property
    def study(self) -> Study:
        """What the person who asks keeps: collections, quizzes, cards; who has not signed in keeps nothing."""
        if visitor().role == NOBODY:
            raise NotSignedInError(_(SIGN_IN))
        return self.atlas.studies.of(visitor().id)

    @property
    def people(self) -> People:
        """Who may use this site, where it is shared."""
        return self.kept("people", "", self._people, worded=False)

    def _people(self) -> People:
        people = People(self.atlas.databases)
        self.atlas.databases.held = people.persons.held
        return people

    @property
    def reviews(self) -> Reviews:
        """Reviews, ratings and what is hidden, which are the atlas's, whoever asks."""
        return self.atlas.study.reviews

    async def spend(self, what: Literal["explanations", "generations"], amount: int = 1) -> None:
        """Count what somebody asks for towards the limits of one person.

        Parameters
        ----------
        what : {"explanations", "generations"}
        amount : int

        Raises
        ------
        mirage.people.limits.LimitReached
        """
        seconds = MINUTE if what == "explanations" else DAY
        most = self.settings.limit_explanations if what == "explanations" else self.settings.limit_generations
        if visitor().id:
            await run_sync(self.people.limits.use, visitor(), what, amount, most, seconds)

    def kept(self, name: str, of: object, make: Callable[[], Kept], *, worded: bool = True) -> Kept:
        """Make something once, and anew when what it was made of has changed.

        Parameters
        ----------
        name : str
            Of what is made.
        of : object
            What it is made of, to be compared.
        make : callable
        worded : bool
            Whether words for people stand in it, so that each language has its own; a thing that works is one for all.
        """
        of = root(), of  # addresses may stand in it
        place = name, language() if worded else ""
        known = self._made.get(place)
        if known is None or known[0] != of:
            known = self._made[place] = (of, make())
        made: Kept = known[1]
        return made

    @property
    def sees(self) -> Hashable:
        """By what pages differ for those who ask, beside the atlas: pieces of pages are kept apart by it."""
        return visitor().role

    @property
    def state(self) -> Hashable:
        """What changes whenever the atlas does, words of its figures included; to be compared."""
        return self.answers.state

    def search(self, query: Query) -> Answer:
        """Answer a query, once for all who ask it until the atlas changes; that of a dropped picture is not kept."""
        return self.answers.search(query)

    async def found(self, asked: Query | Dual, make: Callable[[], Kept], *, counted: bool = False) -> Kept:
        """Find something in a thread: at once where it is kept, else when it has its turn among what many ask anew.

        Parameters
        ----------
        asked : Query or Dual
        make : callable
        counted : bool
            Whether it is the counts of what is found.
        """
        known = await run_sync(partial(self.answers.knows, asked, counted=counted))
        return await run_sync(make, limiter=None if known else self.finding)

    async def json(self, request: Request, kind: str, asked: Query | Dual, make: Callable[[], Response]) -> Response:
        """Send what `mirage.web.answers.Answers.json` does: at once where it is kept, else when it has its turn."""
        kept = await run_sync(self.answers.json_kept, request, kind, asked)
        return kept if kept is not None else await self.found(asked, lambda: self.answers.json(request, kind, asked, make))

    def educators(self) -> int | None:
        """How many educators have rated something; None where what people keep cannot be read."""
        try:
            return self.reviews.educators()
        except AtlasError:
            return None

    @property
    def takes_files(self) -> bool:
        """Whether pages take files that somebody drops, and let their words be edited."""
        return self.settings.takes_files and self.atlas.copy is None

    def holds(self) -> AtlasView:
        """Tell what the atlas holds. It is counted once for all who ask, for counting takes longer than searching."""
        return self.kept("atlas", self.answers.searched, lambda: atlas_view(self.atlas))

    def compare(self, dual: Dual) -> Comparison:
        """Compare, once for a page and for the explanations that follow it; a dropped picture is not kept, however."""
        return self.answers.compare(dual)

    def generator(self) -> tuple[GeneratorInfo, str]:
        """Tell who draws synthetic images and, for a person to read, why nobody does; empty when somebody does."""
        options = synthesis.GenerationOptions()
        try:
            return self.kept(
                "generator", "", lambda: synthesis.generator_of(options, self.settings).info(), worded=False
            ), ""
        except MirageError as error:
            return GeneratorInfo(self.settings.generator, "", "", "", 0, 0, 0, 1, 0, 0, 1, 0), str(error)

    def explainer(self, name: str) -> Explainer | str:
        """Find the explainer that a visitor may name: the one of the settings, or the one that only quotes.

        Returns
        -------
        Explainer or str
            The name where it cannot be loaded; `mirage.explain.explanation.explain` then says so and goes on without it.

        Raises
        ------
        mirage.errors.BadInput
            When it is neither. Naming another could load a model of gigabytes or call a paid server.
        """
        name = name or self.settings.explainer
        allowed = list(dict.fromkeys((self.settings.explainer, explainers.DEFAULT)))
        if name not in allowed:
            raise BadInput(
                _(
                    "There is no explainer %(name)s to choose here. There is: %(allowed)s.",
                    name=shown(name),
                    allowed=", ".join(allowed),
                )
            )
        try:
            return self.kept(f"explainer {name}", "", lambda: explainers.load(name), worded=False)
        except MirageError:
            return name

    @property
    def costly(self) -> bool:
        """Whether explaining takes a model, so that it is not begun before somebody asks."""
        return self.settings.explainer != explainers.DEFAULT


def site_of(request: Request) -> RunningSite:
    """The site that a request came to."""
    site: RunningSite = request.app.state.site
    return site


async def _site(request: Request) -> RunningSite:
    return site_of(request)  # FastAPI would call a plain function in a thread


Site = Annotated[RunningSite, Depends(_site)]
"""What a route takes that needs nothing else of its request."""
