"""Figures, or a corpus, out of the atlas: the page that asks first, and its JSON twin."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from mirage.web.openapi import PROBLEM, sent
from mirage.web.rights import wants
from mirage.web.security import NEEDS_TOKEN
from mirage.web.site import Site
from mirage.web.templating import page
from mirage.web.uploads import TokenForm, texts_of
from mirage.web.views.figures import ApiBody, ApiModel, CorpusView, atlas_view, figure_in
from mirage.web.views.generate import JobView, job_view

_SHOWN = 12  # figures on the page that asks

twins = APIRouter(prefix="/api", responses=PROBLEM, dependencies=[wants("library")])
router = APIRouter(include_in_schema=False, dependencies=[wants("library")])

Figures = Annotated[list[str], Query(alias="figure", description="Id of a figure; may be repeated.")]
Corpus = Annotated[str, Query(description="Name of a corpus, instead of figures.")]


class RemovalView(ApiModel):
    """What would go from the atlas."""

    figures: int
    cases: int = Field(description="Those of which no figure is left.")
    bytes: int = Field(description="Of the pictures and stacks that go; what another figure shows too stays.")
    corpora: list[str] = Field(description="Those that go whole.")
    remarks: list[str] = Field(description="What stays of it, and what goes with it, in words.")


class RemoveBody(ApiBody):
    """Remove figures, or a corpus."""

    figures: list[str] = Field(default_factory=list, description="Their ids.")
    corpus: str = Field(default="", description="Its name, instead of figures.")


@twins.get("/remove", response_model=RemovalView)
def removal(site: Site, figures: Figures = [], corpus: Corpus = "") -> Response:  # noqa: B006 - FastAPI copies it
    """What would go; nothing is changed."""
    return sent(RemovalView.of(site.atlas.removal(*figures, corpus=corpus)))


@twins.post("/remove", response_model=JobView, status_code=202, dependencies=[NEEDS_TOKEN])
def remove(site: Site, body: RemoveBody) -> Response:
    """Start removing figures, or a corpus. Wants this start's token in the header X-Mirage-Token."""
    return sent(job_view(site.jobs.start_remove(*body.figures, corpus=body.corpus)), 202)


@router.get("/remove")
def remove_page(site: Site, figures: Figures = [], corpus: Corpus = "") -> Response:  # noqa: B006 - as above
    """Say what would go, and ask."""
    going = RemovalView.of(site.atlas.removal(*figures, corpus=corpus))
    held: list[CorpusView] = [each for each in atlas_view(site.atlas).corpora if each.name == corpus]
    mine, asked = site.study.collections, set(figures)
    kept = [each for each in mine.list() if asked and any(one.figure in asked for one in mine.get(each.id).items)]
    return page(
        "remove.html",
        kept=[each.title for each in kept],
        going=going,
        corpus=held[0] if held else None,
        ids=figures,
        figures=[figure_in(site.atlas, each) for each in figures[:_SHOWN]],
        token=site.token,
    )


@router.post("/remove")
def remove_by_form(site: Site, form: TokenForm) -> Response:
    """Start removing from the page."""
    given = texts_of(form)
    ids = [value for name, value in given if name == "figure"]
    corpus = next((value for name, value in given if name == "corpus"), "")
    return RedirectResponse(job_view(site.jobs.start_remove(*ids, corpus=corpus)).page, 303)
