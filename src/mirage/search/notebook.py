"""Hits as pictures in a notebook: self-contained HTML, thumbnails inside."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path

from mirage.search.fusion import Answer, Hit

_CARD = "display:inline-block;vertical-align:top;width:180px;margin:0 12px 16px 0;font:13px/1.4 system-ui,sans-serif"
_PICTURE = "width:180px;height:180px;object-fit:contain;background:#0b0d10;border-radius:4px"


def hit_html(hit: Hit) -> str:
    """One hit: thumbnail, what it is, how sure, source and licence."""
    figure = hit.figure
    source = escape(figure.source.attribution)
    if figure.source.url.startswith(("https://", "http://")):
        source = f'<a href="{escape(figure.source.url, quote=True)}">{source}</a>'
    thumbnail = Path(hit.thumbnail)
    picture = ""
    if hit.thumbnail and thumbnail.is_file():
        data = base64.b64encode(thumbnail.read_bytes()).decode()
        picture = f'<img alt="{escape(figure.alt, quote=True)}" style="{_PICTURE}" src="data:image/webp;base64,{data}">'
    words = _cut(figure.caption, 160)
    return (
        f'<div style="{_CARD}">{picture}<div><b>{hit.rank}. {escape(_cut(figure.title or figure.alt, 90))}</b></div>'
        f"<div>{escape(words)}</div><div><i>{hit.confidence}</i> · {escape(figure.id)}</div>"
        f"<div>{source} · licence: {escape(str(figure.source.licence))}</div></div>"
    )


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def answer_html(answer: Answer) -> str:
    """All hits of an answer, with its notes."""
    notes = "".join(f"<p>{escape(note)}</p>" for note in answer.notes)
    if not answer.fits:
        notes += "<p><b>Nothing in this atlas fits.</b>" + (" The nearest there is:" if answer.hits else "") + "</p>"
    return f"<div>{notes}{''.join(hit_html(hit) for hit in answer.hits)}</div>"
