"""The site as an ASGI application."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.middleware.gzip import GZipMiddleware

from mirage import __version__
from mirage.web import (
    api,
    ask,
    changing,
    compare,
    explain,
    generate,
    generate_images,
    generate_jobs,
    jobs,
    pages,
    problems,
    verify,
)
from mirage.web.access_log import AccessLog
from mirage.web.schemas import Problem
from mirage.web.security import Guard
from mirage.web.site import Site

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

    Parameters
    ----------
    atlas : mirage.atlas.Atlas
    settings : mirage.settings.Settings
    jobs_of : mirage.jobs.Jobs, optional
        The atlas's jobs; made when left out.
    token : str, optional
        What a request must show to change state; made anew when left out.
    """
    if jobs_of is None:
        from mirage.jobs import Jobs  # noqa: PLC0415 - adding pulls in corpora, which a read-only site never needs

        jobs_of = Jobs(atlas)
    app = FastAPI(
        title="MIRAGE",
        version=__version__,
        description=DESCRIPTION,
        openapi_url="/api/openapi.json",
        # FastAPI's own pages load scripts from elsewhere; ours is /api.
        docs_url=None,
        redoc_url=None,
    )
    app.state.site = Site(atlas, jobs_of, settings, token or secrets.token_urlsafe(32), command_token=atlas.holder.token)
    app.include_router(api.router)
    app.include_router(explain.twins)
    app.include_router(compare.twins)
    app.include_router(ask.twins)
    app.include_router(generate.twins)
    app.include_router(generate_images.twins)
    app.include_router(generate_jobs.twins)
    app.include_router(jobs.twins)
    app.include_router(changing.twins)
    app.include_router(jobs.router)
    app.include_router(generate.router)
    app.include_router(generate_images.router)
    app.include_router(generate_jobs.router)
    app.include_router(explain.router)
    app.include_router(compare.router)
    app.include_router(verify.twins)
    app.include_router(verify.router)
    app.include_router(pages.router)
    problems.install(app)
    _describe(app)
    # The last one added is the first to see a request.
    app.add_middleware(GZipMiddleware, minimum_size=800, compresslevel=5)
    app.add_middleware(problems.LastResort)
    app.add_middleware(Guard, hosts=(*settings.allowed_hosts, settings.host))
    app.add_middleware(AccessLog)
    return app


def _describe(app: FastAPI) -> None:
    """Put the shape of errors into the OpenAPI description; FastAPI only knows those of successes."""

    def described() -> dict[str, Any]:
        if not app.openapi_schema:
            made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            schemas = made.setdefault("components", {}).setdefault("schemas", {})
            for model in (Problem, *generate.BODIES):
                one = model.model_json_schema(ref_template="#/components/schemas/{model}")
                schemas.update(one.pop("$defs", {}))
                schemas[model.__name__] = one
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            for methods in made["paths"].values():
                for operation in methods.values():
                    operation["responses"].pop("422", None)
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]
