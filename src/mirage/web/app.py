"""The site as an ASGI application."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from mirage import __version__
from mirage.web import compare, corpora, explain, figures, generate, jobs, openapi, problems, search, synthetic, templating
from mirage.web.security import Guard
from mirage.web.site import RunningSite
from mirage.web.uploads import BodyLimits

if TYPE_CHECKING:
    from mirage.atlas import Atlas
    from mirage.jobs import Jobs
    from mirage.settings import Settings

DESCRIPTION = (
    "Find real medical images by words, by pictures, and by both. For teaching; nothing here diagnoses. "
    "Every page of the site has its twin here. Errors are RFC 9457 problem details."
)


def create_app(atlas: Atlas, settings: Settings, *, jobs_of: Jobs | None = None, token: str | None = None) -> FastAPI:
    """Make the site of an open atlas.

    It starts no thread and reads nothing, so that a program may make one for a single request and ask it in process
    (``httpx.ASGITransport(create_app(atlas, settings))``). The atlas's jobs are made when a request first needs them;
    who made none then closes those of ``app.state.site.given_jobs``, where there are some.

    Parameters
    ----------
    atlas : mirage.atlas.Atlas
    settings : mirage.settings.Settings
    jobs_of : mirage.jobs.Jobs, optional
        The atlas's jobs; made when first needed, when left out.
    token : str, optional
        What a request must show to change state; made anew when left out. A request may show the atlas's own token,
        ``atlas.holder.token``, instead.
    """
    app = FastAPI(
        title="MIRAGE",
        version=__version__,
        description=DESCRIPTION,
        openapi_url="/api/openapi.json",
        # FastAPI's own pages load scripts from elsewhere; ours is /api.
        docs_url=None,
        redoc_url=None,
    )
    app.state.site = RunningSite(atlas, settings, token or secrets.token_urlsafe(32), jobs_of)
    for feature in (search, figures, explain, compare, generate, synthetic, corpora, jobs):
        app.include_router(feature.twins)
    # The pages of synthetic images in the making have the widest addresses among those of their kind.
    for pages in (corpora, jobs, generate, synthetic, explain, compare, search, figures, templating):
        app.include_router(pages.router)
    problems.install(app)
    openapi.describe(app)
    # The last one added is the first to see a request.
    app.add_middleware(BodyLimits, upload_bytes=settings.upload_max_bytes)
    app.add_middleware(GZipMiddleware, minimum_size=800, compresslevel=5)
    app.add_middleware(Guard, hosts=(*settings.allowed_hosts, settings.host))
    return app
