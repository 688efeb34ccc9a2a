"""From synthetic images and the generator to what pages and the API show."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image

from mirage.errors import NotFound
from mirage.generate.generators import GeneratorInfo
from mirage.generate.generators.asking import MOST_GUIDANCE, MOST_IMAGES
from mirage.generate.synthesis import MAX_AHEAD, Synthetic
from mirage.images.marks import FORMATS, SyntheticRecord
from mirage.query import Query, Term
from mirage.web import generate_forms, links, views
from mirage.web.schemas import generating as s
from mirage.web.site import Site

if TYPE_CHECKING:
    from mirage.web.schemas import FigureView

STATEMENT = "Synthetic: made by a computer. It shows no patient and proves nothing."
A_PAGE = 24
GENERATE = "generate"
"""Kind of the jobs that make synthetic images."""


def generator_view(site: Site) -> s.GeneratorView:
    """Who draws, or why nobody does."""
    info = site.drawer()
    problem = info if isinstance(info, str) else ""
    known = info if isinstance(info, GeneratorInfo) else None
    return s.GeneratorView(
        ready=not problem,
        problem=problem,
        name=known.name if known else site.settings.generator,
        model=known.model if known else "",
        revision=known.revision if known else "",
        licence=known.licence if known else "",
        size=known.size if known else 0,
        smallest=known.smallest if known else 0,
        largest=known.largest if known else 0,
        multiple=known.multiple if known else 1,
        steps=known.steps if known else 0,
        most_steps=known.most_steps if known else 0,
        guidance=known.guidance if known else 1,
        most_guidance=MOST_GUIDANCE,
        most_images=MOST_IMAGES,
        from_picture=known.from_picture if known else False,
        waiting=sum(job.kind == GENERATE and not job.finished for job in site.jobs.list()),
        most_waiting=MAX_AHEAD,
    )


def record_view(record: SyntheticRecord) -> s.RecordView:
    """How an image was made."""
    return s.RecordView(
        prompt=record.prompt,
        terms=[s.WantedBody(text=text, weight=weight) for text, weight in record.terms],
        negative=record.negative,
        generator=record.generator,
        model=record.model,
        revision=record.revision,
        seed=record.seed,
        steps=record.steps,
        guidance=record.guidance,
        width=record.width,
        height=record.height,
        start=record.start,
        strength=record.strength,
        created=record.created,
        software=record.software,
    )


def alt_of(record: SyntheticRecord) -> str:
    """What to tell somebody who cannot see the image."""
    return f"Synthetic image: {record.prompt}"


def reason_of(synthetic: Synthetic) -> str:
    """Why there is no image to show; empty when there is one."""
    if synthetic.withheld:
        return synthetic.copy.said
    return "" if synthetic.data else " ".join(synthetic.remarks) or "The generator drew nothing. Try another seed."


def brief_view(synthetic: Synthetic) -> s.SyntheticBriefView:
    """A synthetic image in a list."""
    record, shown = synthetic.record, not reason_of(synthetic)
    return s.SyntheticBriefView(
        id=record.id,
        prompt=record.prompt,
        seed=record.seed,
        created=record.created,
        generator=record.generator,
        page=links.synthetic(record.id),
        image=links.synthetic_image(record.id) if shown else "",
        alt=alt_of(record),
        withheld=synthetic.withheld,
        reason=reason_of(synthetic),
    )


def synthetic_view(site: Site, synthetic: Synthetic) -> s.SyntheticView:
    """A synthetic image and what stands beside it."""
    record, match, copy = synthetic.record, synthetic.match, synthetic.copy
    brief = brief_view(synthetic)
    width, height = _size(synthetic)
    return s.SyntheticView(
        **brief.model_dump(),
        statement=STATEMENT,
        width=width,
        height=height,
        record=record_view(record),
        match=s.MatchView(better_than=match.better_than, said=match.said) if match else None,
        copy_check=s.CopyView(
            near=copy.near, likeness=copy.likeness, threshold=copy.threshold, checked=copy.checked, said=copy.said
        ),
        remarks=list(synthetic.remarks),
        nearest=[view for name in synthetic.nearest if (view := _figure(site, name))],
        downloads={each: links.synthetic_image(record.id, each) for each in FORMATS} if brief.image else {},
    )


def _size(synthetic: Synthetic) -> tuple[int, int]:
    if not synthetic.data:
        return synthetic.record.width, synthetic.record.height
    with Image.open(io.BytesIO(synthetic.data)) as image:
        return image.size


def _figure(site: Site, figure_id: str) -> FigureView | None:
    try:
        return views.figure_page(site.atlas, figure_id)
    except NotFound:  # it has left the atlas since
        return None


def synthetics_view(site: Site, page: int) -> s.SyntheticsView:
    """One page of all synthetic images, newest first."""
    every = site.outputs.list()
    pages = max(1, math.ceil(len(every) / A_PAGE))
    page = min(max(page, 1), pages)
    some = every[(page - 1) * A_PAGE : page * A_PAGE]
    return s.SyntheticsView(images=[brief_view(each) for each in some], total=len(every), page=page, pages=pages)


def query_of(record: SyntheticRecord) -> Query | None:
    """The query that an image was made of."""
    terms = tuple(Term(text=text, weight=weight) for text, weight in record.terms if weight and text.strip())
    return Query(terms) if any(term.weight > 0 for term in terms) else None


def fields_of(record: SyntheticRecord, *, seed: bool) -> list[tuple[str, str]]:
    """The fields of a form that makes an image again; without its seed, another one."""
    query = query_of(record)
    found = query.pairs() if query else []
    found += [("negative", record.negative), ("steps", str(record.steps)), ("guidance", f"{record.guidance:g}")]
    found += [("width", str(record.width)), ("height", str(record.height))]
    if record.start and record.start != UPLOAD:
        found += [("figure", record.start), ("strength", f"{record.strength:g}")]
    if seed:
        found.append(("seed", str(record.seed)))
    return [(name, value) for name, value in found if value]


UPLOAD = "an upload"


@dataclass(frozen=True, slots=True)
class Making:
    """What a page of results or of a comparison needs to offer a synthetic image.

    Attributes
    ----------
    fields : list of (str, str)
        What its form sends.
    token : str
    generator : GeneratorView
    always : bool
        Whether it is made without a click.
    page : str
        Where more can be chosen; empty for two sides.
    """

    fields: list[tuple[str, str]]
    token: str
    generator: s.GeneratorView
    always: bool
    page: str = ""


def making(site: Site, *queries: Query) -> Making | None:
    """The offer for one query or for two sides; None where a side has no words to draw."""
    drawn = [query for each in queries if (query := generate_forms.drawable(each))]
    if len(drawn) < len(queries):
        return None
    generator, always = generator_view(site), site.settings.generate_always
    if len(drawn) == 1:
        return Making(drawn[0].pairs(), site.token, generator, always, generate_forms.address(drawn[0]))
    both = [(f"{side}.{name}", value) for side, query in zip("ab", drawn, strict=True) for name, value in query.pairs()]
    return Making(both, site.token, generator, always)


def beginning_with(site: Site, figure: FigureView) -> str:
    """The page that makes an image which begins from a figure; empty where the generator cannot."""
    info = site.drawer()
    if isinstance(info, str) or not info.from_picture:
        return ""
    words = figure.title or " ".join(word for word in (figure.plane, figure.modality_name, figure.region) if word)
    return generate_forms.address(Query.of(words[:300]) if words else None, figure=figure.id)
