"""What search engines are told of a site that anybody may look at: which pages there are, and whose a picture is.

A site is listed where its setting ``public`` says so, and nowhere else. What is hidden, withdrawn, or of a licence that does
not permit passing on is not listed, and its page asks not to be.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from mirage import listing
from mirage.errors import NotFound
from mirage.listing import MOST, XML
from mirage.storage.records import FigureRow, batched
from mirage.web import forms
from mirage.web.rights import wants
from mirage.web.root import at, root
from mirage.web.site import RunningSite, Site
from mirage.web.views.figures import FigureView
from mirage.web.views.generate import SyntheticView
from mirage.wording import _

_BATCH = 500
# Each of these is made anew for who asks, and leads to more of its kind without end.
_COSTLY = ("/search", "/explain", "/compare", "/generate", "/map", "/take", "/keep", "/quiz", "/repeat", "/api/")
_PICTURES = ("/api/pictures/", "/api/thumbnails/")

router = APIRouter(include_in_schema=False)


def absolute(site: RunningSite, address: str) -> str:
    """An address as others know it, from one on this site.

    Parameters
    ----------
    site : RunningSite
    address : str
        As `mirage.web.root.at` makes it.
    """
    return site.settings.site_url.rstrip("/") + address.removeprefix(root())


@router.get("/robots.txt", dependencies=[wants("enter")])
async def robots(site: Site) -> Response:
    """Tell crawlers where to look, of a public site; of any other that nothing here is for them."""
    lines = ["User-agent: *"]
    if site.settings.public:
        lines += [f"Allow: {at(each)}" for each in _PICTURES] + [f"Disallow: {at(each)}" for each in _COSTLY]
        lines += [f"Sitemap: {absolute(site, at('/sitemap.xml'))}"]
    else:
        lines += ["Disallow: /"]
    return Response("\n".join(lines) + "\n", media_type="text/plain")


@router.get("/sitemap.xml", dependencies=[wants("search")])
def sitemaps(site: Site) -> Response:
    """Name the files that list the pages, each of at most 50,000."""
    keys = _keys(site)
    parts = max(1, math.ceil(len(keys) / MOST))
    listed = (absolute(site, at(f"/sitemap/{number}.xml")) for number in range(1, parts + 1))
    return _sent(listing.sitemap_index(listed))


@router.get("/sitemap/{number}.xml", dependencies=[wants("search")])
def sitemap(site: Site, number: int) -> Response:
    """List the figures of one of those files, each with its picture.

    Parameters
    ----------
    site : Site
    number : int
        From 1.
    """
    keys = _keys(site)[(number - 1) * MOST : number * MOST] if number > 0 else []
    if not keys and number != 1:
        raise NotFound(_("There is no such list of pages here."))

    def drawn() -> str:
        start = [listing.entry(absolute(site, at("/")))] if number == 1 else []
        return listing.sitemap([*start, *_entries(site, keys)])

    return _sent(site.answers.piece(("sitemap", number, MOST), "", drawn))


def _sent(body: str) -> Response:
    return Response(XML + body, media_type="application/xml")


def _keys(site: RunningSite) -> list[int]:
    """Keys of the figures that anybody is shown unasked.

    Raises
    ------
    mirage.errors.NotFound
        When the site is not public.
    mirage.errors.Unavailable
        When it cannot be told which are hidden.
    """
    if not site.settings.public:
        raise NotFound(_("This site is not listed by search engines. The setting public changes that."))
    known = site.atlas.store.keys()
    hidden = site.atlas.kept_back_keys()
    return [key for key in known if key not in hidden]


def _entries(site: RunningSite, keys: list[int]) -> Iterator[str]:
    for some in batched(keys, _BATCH):
        for row in site.atlas.store.rows(some).values():
            if listing.permitted(row.figure):
                yield listing.entry(*(absolute(site, each) for each in _addresses(row)))


def _addresses(row: FigureRow) -> tuple[str, str]:
    version = row.picture.name.rpartition("/")[2].partition(".")[0]
    return forms.address("figure", row.figure.id), forms.picture_address("pictures", row.figure.id, version)


def told_of_figure(site: RunningSite, view: FigureView) -> dict[str, Any] | None:
    """What the page of a figure tells search engines of it, as schema.org's ``ImageObject``: what its records hold.

    Parameters
    ----------
    site : RunningSite
    view : FigureView

    Returns
    -------
    dict or None
        Empty where the figure is not to be listed; None where the site is not.
    """
    if not site.settings.public:
        return None
    row = site.atlas.store.row(view.id)
    if row.key in site.atlas.hidden_keys() or site.atlas.untold or not listing.permitted(row.figure):
        return {}
    told = {
        "url": absolute(site, view.links.page),
        "contentUrl": absolute(site, view.links.picture),
        "thumbnailUrl": absolute(site, view.links.thumbnail),
        "width": view.width,
        "height": view.height,
        "name": view.title,
        "caption": view.caption,
        **listing.of_source(row.figure.source),
    }
    return listing.image(told)


def told_of_synthetic(site: RunningSite, view: SyntheticView) -> dict[str, Any] | None:
    """What the page of a synthetic image tells machines of it: above all, that it is one.

    Parameters
    ----------
    site : RunningSite
    view : SyntheticView

    Returns
    -------
    dict or None
        None where the site is not public.
    """
    if not site.settings.public:
        return None
    told = {
        "url": absolute(site, view.page),
        "contentUrl": absolute(site, view.image),
        "caption": view.statement,
        "digitalSourceType": "https://schema.org/TrainedAlgorithmicMediaDigitalSource",
    }
    return listing.image(told)
