"""Listings of public buckets at Amazon S3, as its documentation has them (ListObjectsV2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mirage.corpora.live.client import Client
from mirage.corpora.live.xml import parse
from mirage.wording import _

_MOST_PAGES = 50  # of a thousand objects
_MD5 = re.compile(r'"?([0-9a-f]{32})"?')


@dataclass(frozen=True, slots=True)
class Stored:
    """An object in a bucket.

    Attributes
    ----------
    key : str
    size : int or None
        In bytes; None where the source does not state it.
    digest : str
        Its MD5 in hexadecimal digits; empty where the source does not state it.
    """

    key: str
    size: int | None = None
    digest: str = ""

    @property
    def name(self) -> str:
        """The last part of its key."""
        return self.key.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class _Page:
    objects: tuple[Stored, ...]
    next: str


def listed(client: Client, prefix: str, names: re.Pattern[str] | None = None) -> Iterator[Stored]:
    """All objects of a bucket whose keys begin with a prefix, page by page; each with its size.

    Parameters
    ----------
    client : Client
        Of the bucket.
    prefix : str
    names : re.Pattern, optional
        What a key has to be after the prefix, where it is to be the name of a file.

    Raises
    ------
    mirage.errors.NoNetwork, mirage.errors.Unavailable
        When the bucket answers otherwise than is documented, too.
    """
    token, seen = "", set[str]()
    for _page in range(_MOST_PAGES):
        asked = {"list-type": "2", "prefix": prefix} | ({"continuation-token": token} if token else {})
        page = client.get("/", lambda body: _read(body, prefix, names), asked).value
        yield from page.objects
        token = page.next
        if not token:
            return
        if token in seen:
            break
        seen.add(token)
    raise client.changed(_("a listing has no end"))


def _read(body: bytes, prefix: str, names: re.Pattern[str] | None) -> _Page:
    root = parse(body)
    if root.tag != "ListBucketResult":
        code = root.findtext("Code", "")[:80]
        raise ValueError(_("%(tag)s in place of ListBucketResult: %(code)s", tag=root.tag[:40], code=code))
    objects = []
    for each in root.iterfind("Contents"):
        key, size, tag = (each.findtext(name, "") for name in ("Key", "Size", "ETag"))
        if key == prefix:
            continue  # a mark that stands for the folder
        if not key.startswith(prefix) or (names is not None and not names.fullmatch(key[len(prefix) :])):
            raise ValueError(_("an object %(name)s that was not asked for", name=repr(key[:80])))
        digest = _MD5.fullmatch(tag)
        objects.append(Stored(key, int(size), digest[1] if digest else ""))
    cut = root.findtext("IsTruncated", "").strip() == "true"
    token = root.findtext("NextContinuationToken", "") if cut else ""
    if cut and not token:
        raise ValueError(_("a page without a token for the next one"))
    return _Page(tuple(objects), token)
