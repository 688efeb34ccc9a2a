"""A sheet to print: one HTML file with its pictures in it, without answers for pupils or with them for who teaches.

Attributions can give an answer away ("Case courtesy of … , glioblastoma"): on the pupils' sheet they stand on the last page.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from html import escape
from typing import BinaryIO

from mirage.study.along.bundle import TEACHING, Bundle, Picture, line
from mirage.wording import _, language

_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp"}
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_CSS = """
:root { font-family: system-ui, sans-serif; line-height: 1.4; color: #111; background: #fff; }
body { max-width: 50rem; margin: 1rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
img { width: min(100%, 13cm); height: auto; max-height: 13cm; object-fit: contain; object-position: left; }
section { break-inside: avoid; margin-block: 2rem; border-top: 1px solid #999; padding-top: 1rem; }
.line { border-bottom: 1px solid #555; height: 2rem; }
.small { font-size: 0.8rem; } .answer { font-weight: 700; font-size: 1.2rem; }
.prose { white-space: pre-line; }
.credits { break-before: page; }
@media print { body { max-width: none; margin: 0; } }
"""


def write(bundle: Bundle, out: BinaryIO, *, answers: bool = False) -> int:
    """Write a sheet; return how many pictures it has.

    Parameters
    ----------
    bundle : Bundle
        Gathered for the way ``sheet``.
    out : binary file
    answers : bool
        Whether the answers stand on it.
    """
    title = bundle.title if answers else bundle.quiet_title
    out.write(
        f'<!doctype html>\n<html lang="{language()}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{escape(title)}</title><style>{_CSS}</style></head><body><h1>{escape(title)}</h1>\n".encode()
    )
    said = [*bundle.standing, *(bundle.stayed if answers else ())]
    out.write("".join(f"<p>{escape(each)}</p>\n" for each in said).encode())
    if answers and bundle.notes:
        out.write(f'<p class="prose">{escape(bundle.notes)}</p>\n'.encode())
    number = 0
    for number, picture in enumerate(bundle.pictures(), start=1):
        out.write("".join(_section(number, picture, answers=answers)).encode())
    if not answers:
        out.write("".join(_credits(bundle)).encode())
    out.write(b"</body></html>\n")
    return number


def _section(number: int, picture: Picture, *, answers: bool) -> Iterator[str]:
    data = base64.b64encode(picture.path.read_bytes()).decode()
    alternative = _("Picture %(number)s", number=number)
    yield f"<section><h2>{number}. {escape(picture.question)}</h2>"
    yield (
        f'<p><img src="data:{_TYPES[picture.path.suffix]};base64,{data}" width="{picture.width}" '
        f'height="{picture.height}" alt="{alternative}"></p>'
    )
    yield f'<p class="small">{escape(picture.kind)}</p><p class="small">{_(TEACHING)}</p>'
    if not answers:
        yield '<div class="line"></div><div class="line"></div></section>\n'
        return
    yield f'<p class="answer">{escape(picture.answer)}</p>'
    caption = picture.figure.caption if line(picture.figure.caption) != picture.answer else ""
    for words in filter(None, (picture.proof, caption, picture.note)):
        yield f'<p class="prose">{escape(words)}</p>'
    yield f"{_credit(picture)}</section>\n"


def _credits(bundle: Bundle) -> Iterator[str]:
    """All credits, those that are alike once, with the numbers of their pictures."""
    of: dict[str, list[str]] = {}
    for number, picture in enumerate(bundle.pictures(), start=1):
        of.setdefault(_credit(picture), []).append(str(number))
    yield '<section class="credits"><h2>' + _("Where the pictures come from") + "</h2>"
    for credit, numbers in of.items():
        yield f'<p class="small numbers">{", ".join(numbers)}</p>{credit}'
    yield from (f"<p>{escape(each)}</p>" for each in bundle.stayed)
    yield "</section>\n"


def _credit(picture: Picture) -> str:
    said = [f"<span>{escape(each)}</span>" for each in picture.credit()]
    links = dict.fromkeys(filter(None, (picture.link, picture.licence_link)))
    said += [f'<a href="{escape(url)}" rel="noreferrer">{escape(url)}</a>' for url in links]
    return f'<p class="small">{"<br>".join(said)}</p>'
