"""What search engines are told of figures that anybody may look at, by a server and by a site without one alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from xml.sax.saxutils import escape

from mirage import licensing
from mirage.figure import Figure, Source

MOST = 50_000
"""Addresses in one file, of those that sitemaps.org permits."""
XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
_SITEMAPS = "http://www.sitemaps.org/schemas/sitemap/0.9"
_IMAGES = "http://www.google.com/schemas/sitemap-image/1.1"


def permitted(figure: Figure) -> bool:
    """Whether a figure is listed: whether its licence permits passing it on."""
    return licensing.may_leave(figure, "page", "pass-on").allowed


def image(told: Mapping[str, Any]) -> dict[str, Any]:
    """A picture as schema.org's ``ImageObject``, with what is known of it.

    Parameters
    ----------
    told : mapping
        Property to its value; an empty one is left out.
    """
    kept = {name: value for name, value in told.items() if value}
    return {"@context": "https://schema.org", "@type": "ImageObject", **kept}


def of_source(source: Source) -> dict[str, str]:
    """Whose a picture is, as properties of schema.org's ``ImageObject``.

    Parameters
    ----------
    source : Source
    """
    return {
        "license": _web(source.licence.url),
        "acquireLicensePage": _web(source.url),
        "creditText": source.attribution,
        # Where the source gives a notice it stands in its own line; nobody is named the owner who is not named there.
        "copyrightNotice": source.attribution if "©" in source.attribution else "",
    }


def _web(address: str) -> str:
    """An address of the web, or nothing: a source's may be anything."""
    return address if address.startswith(("https://", "http://")) else ""


def entry(page: str, picture: str = "") -> str:
    """A page in a sitemap.

    Parameters
    ----------
    page : str
        Its whole address.
    picture : str
        That of the picture that it shows.
    """
    shown = f"<image:image><image:loc>{escape(picture)}</image:loc></image:image>" if picture else ""
    return f"<url><loc>{escape(page)}</loc>{shown}</url>\n"


def sitemap(entries: Iterable[str]) -> str:
    """A sitemap of at most `MOST` pages.

    Parameters
    ----------
    entries : iterable of str
        As `entry` writes them.
    """
    return f'<urlset xmlns="{_SITEMAPS}" xmlns:image="{_IMAGES}">\n{"".join(entries)}</urlset>\n'


def sitemap_index(addresses: Iterable[str]) -> str:
    """What names the sitemaps of a site that has several.

    Parameters
    ----------
    addresses : iterable of str
    """
    body = "".join(f"<sitemap><loc>{escape(each)}</loc></sitemap>\n" for each in addresses)
    return f'<sitemapindex xmlns="{_SITEMAPS}">\n{body}</sitemapindex>\n'
