"""Style sheets and scripts, read once, and the atlas's pictures, kept by browsers for good."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, RedirectResponse, Response

FOREVER = "public, max-age=31536000, immutable"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
PICTURE_TYPES = {".webp": "image/webp", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}

router = APIRouter(include_in_schema=False)


@lru_cache(maxsize=1)
def _static() -> tuple[str, dict[str, bytes]]:
    """A digest of all static files, and the files by name."""
    folder = files("mirage.web") / "static"
    found = {
        entry.name: entry.read_bytes()
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if Path(entry.name).suffix in _TYPES
    }
    digest = hashlib.sha256()
    for name, content in found.items():
        digest.update(name.encode() + b"\0" + content)
    return digest.hexdigest()[:12], found


def address(name: str) -> str:
    """Where a static file is. Its folder names the content of all, so that modules may import one another."""
    digest, found = _static()
    if name not in found:
        raise KeyError(name)
    return f"/static/{digest}/{name}"


@router.get("/static/{version}/{name}")
async def static(version: str, name: str) -> Response:
    """Send a style sheet or a script.

    Parameters
    ----------
    version : str
        What the address says the content of all is.
    name : str
    """
    digest, found = _static()
    if name not in found:
        raise HTTPException(404)
    caching = FOREVER if version == digest else "no-cache"
    return Response(found[name], media_type=_TYPES[Path(name).suffix], headers={"Cache-Control": caching})


def picture(request: Request, path: Path, *, content: str, version: str) -> Response:
    """Send a picture file. An address that names the content may be kept for good; others are checked.

    Parameters
    ----------
    request : Request
    path : Path
    content : str
        Name of the picture's content.
    version : str
        What the address says the content is.
    """
    tag = f'"{content}{path.suffix}"'
    headers = {
        "ETag": tag,
        "Cache-Control": FOREVER if version and content.startswith(version) else "no-cache",
        "Content-Disposition": "inline",
    }
    known = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    if tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return FileResponse(path, headers=headers, media_type=PICTURE_TYPES.get(path.suffix.lower()))


@router.get("/favicon.ico")
async def favicon() -> Response:
    """Send browsers to the icon; they ask for this whatever the page says."""
    return RedirectResponse(address("icon.svg"), 301)


@router.get("/robots.txt")
async def robots() -> Response:
    """Tell crawlers that nothing here is for them."""
    return Response("User-agent: *\nDisallow: /\n", media_type="text/plain")
