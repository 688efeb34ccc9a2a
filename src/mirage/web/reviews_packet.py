"""A review as one file that works offline: a page, its pictures, and a script that saves ratings. No key is in it."""

from __future__ import annotations

import io
import mimetypes
import re
import zipfile
from importlib.resources import files

from mirage import licensing
from mirage.errors import BadInput, NotFound
from mirage.figure import Licence
from mirage.study.quiz.question import own as figure_of
from mirage.study.reviews.pool import ReviewItem
from mirage.study.reviews.ratings import MEANS
from mirage.web.site import RunningSite
from mirage.web.templating import render
from mirage.web.views.reviews import info_view, item_view
from mirage.wording import _

_SCRIPTS = ("words.js", "rating.js", "review_packet.js")
_STYLES = ("site.css", "reviews.css")
_WHEN = (1980, 1, 1, 0, 0, 0)  # the same of every file, so that no time tells anything


def picture_of(site: RunningSite, item: ReviewItem, number: int) -> tuple[bytes, str]:
    """A picture of an item, and its media type.

    Parameters
    ----------
    site : RunningSite
    item : ReviewItem
    number : int
        From 0.

    Raises
    ------
    mirage.errors.NotFound
        When there is none, or it was removed since.
    """
    if not 0 <= number < len(item.content.pictures):
        raise NotFound(_("This item has no such picture."))
    picture = item.content.pictures[number]
    if picture.synthetic:
        found = site.jobs.outputs.get(picture.figure)
        if found.reason:
            raise NotFound(found.reason)
        return found.data, "image/png"
    path = site.atlas.picture(picture.figure)
    return path.read_bytes(), mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def packet(site: RunningSite, review_id: str, purpose: str, *, non_commercial: bool = False) -> bytes:
    """A review as the bytes of a ZIP file; what may not leave stays behind and is counted on its page.

    Parameters
    ----------
    site : RunningSite
    review_id : str
    purpose : str
        Of `mirage.licensing.PURPOSES`.
    non_commercial : bool

    Raises
    ------
    mirage.errors.BadInput
        When nothing of it may leave, or there is no such purpose.
    """
    mine = site.reviews
    review = mine.get(review_id)
    stayed: list[Licence | str] = []
    withdrawn = site.atlas.store.withdrawals.known_by()
    alike = gone = 0
    shown, pictures = [], dict[str, bytes]()
    for item in mine.items(review_id):
        sources = [*(each.source for each in item.content.pictures), *(each.source for each in item.content.passages)]
        named = {figure_of(each.figure) for each in item.content.pictures}.union(each.url for each in sources)
        if not withdrawn.isdisjoint(named):
            stayed.append(licensing.WITHDRAWN)
            continue
        own = [each.source.terms for each in item.content.pictures if not each.synthetic]
        own += [each.source.terms for each in item.content.passages]
        told = [licensing.may_leave(each, "review", purpose, non_commercial=non_commercial) for each in own]
        if refused := [terms for terms, decision in zip(own, told, strict=True) if not decision.allowed]:
            stayed.append(refused[0])
            continue
        try:
            data = [picture_of(site, item, number) for number in range(len(item.content.pictures))]
        except NotFound:
            gone += 1
            continue
        alike += any("same terms" in decision.carries for decision in told)
        names = [f"pictures/{item.id}-{number}.{kind.partition('/')[2]}" for number, (_, kind) in enumerate(data)]
        shown.append(item_view(review_id, item, pictures=names))
        pictures |= {name: each for name, (each, _) in zip(names, data, strict=True)}
    if not shown:
        raise BadInput(
            _(
                "Nothing of the review of %(query)s may leave: %(stayed)s Rate it on this site.",
                query=repr(review.query),
                stayed=licensing.behind(stayed, "item"),
            )
        )
    html = render(
        "review_packet.html",
        review=info_view(review),
        items=shown,
        means=MEANS,
        purpose=purpose,
        alike=alike,
        gone=gone,
        stayed=licensing.behind(stayed, "item"),
    )
    static = files("mirage.web") / "static"
    scripts = "".join(_classic((static / name).read_text("utf-8")) for name in _SCRIPTS)
    written = {"index.html": html.encode(), "review.js": f'"use strict";\n{scripts}'.encode()}
    written["style.css"] = "".join((static / name).read_text("utf-8") for name in _STYLES).encode()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in {**written, **dict(sorted(pictures.items()))}.items():
            entry = zipfile.ZipInfo(name, _WHEN)
            entry.external_attr = 0o644 << 16
            made.writestr(entry, content, zipfile.ZIP_DEFLATED if name in written else zipfile.ZIP_STORED)
    return file.getvalue()


def _classic(module: str) -> str:
    """A module as a part of a plain script, with what it exports: a browser loads no modules from a folder."""
    names = ", ".join(re.findall(r"^export (?:async )?(?:const|let|function\*?) (\w+)", module, re.MULTILINE))
    body = re.sub(r"^import .*?;\n|^export ", "", module, flags=re.MULTILINE)
    return f"const {{ {names} }} = (() => {{\n{body}\nreturn {{ {names} }};\n}})();\n"
