"""Answers of Wikimedia Commons as it documents them, and pictures for them."""

from __future__ import annotations

import hashlib
import io
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from live_server import Place, Query, Reply, living, of_json, settings_for
from mirage.corpora.live.commons import CommonsCorpus
from mirage.corpora.live.commons_file import FILES
from mirage.settings import Settings

BY = {"LicenseShortName": "CC BY 4.0", "LicenseUrl": "https://creativecommons.org/licenses/by/4.0"}


@cache
def picture(number: int, kind: str = "JPEG", side: int = 40) -> bytes:
    pixels = np.random.default_rng(number).integers(90, 200, (30, side, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


def animation(kind: str = "GIF") -> bytes:
    out = io.BytesIO()
    frames = [Image.new("L", (20, 20), shade) for shade in (10, 200)]
    frames[0].save(out, kind, save_all=True, append_images=frames[1:])
    return out.getvalue()


def page(number: int, body: bytes | None = None, **told: Any) -> dict[str, Any]:
    """A file; what is not told is as usual, and ``said`` is added to what its page says."""
    data = picture(number) if body is None else body
    name = f"Chest {number}.jpg"
    said = {
        "ObjectName": f"Chest {number}", "ImageDescription": {"en": "Chest X-ray, frontal.", "_type": "lang"},
        "Artist": f'<a href="//commons.wikimedia.org/wiki/User:Ann" title="User:Ann">Ann {number}</a>',
        "Credit": '<span class="int-own-work">Own work</span>', "Categories": "Chest radiographs", "Restrictions": "",
        "AttributionRequired": "true", **BY,
    } | told.pop("said", {})  # fmt: skip
    info = {
        "url": f"{FILES}/wikipedia/commons/a/ab/{number}.jpg", "thumburl": f"{FILES}/wikipedia/commons/thumb/{number}.jpg",
        "thumbwidth": 40, "descriptionurl": "http://10.0.0.1/", "size": len(data), "width": 40, "height": 30,
        "mime": "image/jpeg", "sha1": hashlib.sha1(data).hexdigest(),
        "extmetadata": {key: {"value": value, "source": "commons-desc-page"} for key, value in said.items()},
    } | told.pop("info", {})  # fmt: skip
    return {"pageid": number, "ns": 6, "title": f"File:{name}", "index": number, "imageinfo": [info], **told}


def fill(place: Place, pages: list[dict[str, Any]], many: int = 50, files: dict[int, bytes] | None = None) -> None:
    """Let a stand-in hold files, so many in an answer, in place of what it held."""
    place.routes, place.faults, place.asked, place.times = {}, {}, [], []

    def api(asked: Query) -> Reply:
        if asked.get("list") == "search":
            return of_json({"batchcomplete": True, "query": {"searchinfo": {"totalhits": len(pages)}, "search": []}})
        if asked.get("prop") == "categoryinfo":
            missing = asked["titles"].endswith("Nothing")
            told = {"missing": True} if missing else {"pageid": 9, "categoryinfo": {"files": len(pages)}}
            return of_json({"batchcomplete": True, "query": {"pages": [{"ns": 14, "title": asked["titles"], **told}]}})
        if "pageids" in asked:
            chosen = [each for each in pages if str(each["pageid"]) in asked["pageids"].split("|")]
            missing = set(asked["pageids"].split("|")) - {str(each["pageid"]) for each in pages}
            if "prop" not in asked:
                return of_json({"query": {"pages": [*chosen, *({"pageid": int(n), "missing": True} for n in missing)]}})
            url = f"{FILES}/wikipedia/commons/thumb/{asked['iiurlwidth']}.jpg"
            wide = [{**each, "imageinfo": [each["imageinfo"][0] | {"thumburl": url}]} for each in chosen]
            return of_json({"batchcomplete": True, "query": {"pages": wide}})
        start = int(asked.get("gsroffset", 0))
        told: dict[str, Any] = {"batchcomplete": True}
        if start + many < len(pages):
            told["continue"] = {"gsroffset": start + many, "continue": "gsroffset||"}
        if pages and not asked.get("gcmtitle", "").endswith("Nothing"):
            told["query"] = {"pages": pages[start : start + many][::-1]}  # in no order: index tells it
        return of_json(told)

    place.routes["/w/api.php"] = api
    for each in pages:
        for info in each.get("imageinfo", ()):
            for key in ("url", "thumburl"):
                path = urlsplit(info.get(key, "")).path
                place.routes[f"/files{path}"] = (files or {}).get(each["pageid"], picture(each["pageid"]))


def commons_settings(place: Place, cache: Path, **more: Any) -> Settings:
    files = f"{place.address}/files"
    addresses = {"commons": f"{place.address}/w", "commons-files": files, "commons-thumbs": f"{place.address}/thumbs"}
    return settings_for(cache, addresses, **more)


def make_commons(folder: Path) -> CommonsCorpus:
    """A corpus of two files and one that stays out, fetched; what served them is gone."""
    place = Place()
    with living(place):
        fill(place, [page(1), page(2), page(3, said={"LicenseShortName": ""})])
        corpus = CommonsCorpus("chest x-ray", settings=commons_settings(place, folder))
        corpus.prepare()
    return corpus
