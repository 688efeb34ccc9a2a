"""From the atlas to what pages and the API show. A page and its JSON twin call the same function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mirage.figure import MODALITIES, Case, Figure, Licence, Source
from mirage.query import PictureTerm, Query, Term
from mirage.search.fusion import Answer, Hit
from mirage.web import links
from mirage.web import schemas as s

if TYPE_CHECKING:
    from mirage.atlas import Atlas


def licence_view(licence: Licence) -> s.LicenceView:
    """A licence; "not stated" in those words when nothing is stated."""
    return s.LicenceView(
        name=str(licence),
        stated=bool(licence.name),
        url=licence.url,
        allows_sharing=licence.allows_sharing,
        no_derivatives=licence.no_derivatives,
    )


def source_view(source: Source) -> s.SourceView:
    """Where something comes from."""
    return s.SourceView(
        corpus=source.corpus,
        attribution=source.attribution,
        url=source.url,
        url_of=source.url_of,
        licence=licence_view(source.licence),
    )


def citation(name: str, title: str, source: Source) -> str:
    """A line to cite a figure or case by, made of what its source states and of nothing else."""
    licence = f"Licence: {source.licence}" + (f" ({source.licence.url})" if source.licence.url else "")
    parts = [title.rstrip(". "), source.attribution.rstrip(". "), licence, f"MIRAGE atlas id: {name}"]
    cited = ". ".join(part for part in parts if part) + "."
    return f"{cited} {source.url}" if source.url else cited


def figure_view(figure: Figure, size: tuple[int, int], version: str) -> s.FigureView:
    """A figure with its addresses. `version` names the picture's content."""
    return s.FigureView(
        id=figure.id,
        caption=figure.caption,
        title=figure.title,
        diagnosis=figure.diagnosis,
        modality=figure.modality,
        modality_name=MODALITIES.get(figure.modality, figure.modality),
        modality_detail=figure.modality_detail,
        plane=figure.plane,
        region=figure.region,
        patient=figure.patient,
        inferred=list(figure.inferred),
        case_id=figure.case_id,
        alt=figure.alt,
        width=size[0],
        height=size[1],
        source=source_view(figure.source),
        citation=citation(figure.id, figure.title or figure.alt, figure.source),
        links=s.LinksView(
            page=links.figure(figure.id),
            twin=links.figure_json(figure.id),
            picture=links.picture(figure.id, version),
            thumbnail=links.thumbnail(figure.id, version),
            case=links.case(figure.case_id) if figure.case_id else "",
            similar=links.similar(figure.id),
        ),
    )


def figure_page(atlas: Atlas, figure_id: str) -> s.FigureView:
    """One figure.

    Raises
    ------
    mirage.errors.NotFound
    """
    return _figure_in(atlas, atlas.figure(figure_id))


def _figure_in(atlas: Atlas, figure: Figure) -> s.FigureView:
    return figure_view(figure, atlas.size(figure.id), Path(atlas.picture(figure.id)).stem)


def case_page(atlas: Atlas, case_id: str) -> s.CaseView:
    """One case with its figures.

    Raises
    ------
    mirage.errors.NotFound
    """
    case: Case = atlas.case(case_id)
    return s.CaseView(
        id=case.id,
        title=case.title,
        topic=case.topic,
        passages=case.passages,
        source=source_view(case.source),
        citation=citation(case.id, case.title, case.source),
        page=links.case(case.id),
        figures=[_figure_in(atlas, figure) for figure in atlas.figures_of(case_id)],
    )


def query_of(body: s.QueryBody) -> Query:
    """The query that some JSON means.

    Raises
    ------
    mirage.errors.BadQuery
    """
    terms = tuple(
        Term(
            text=term.text,
            picture=PictureTerm.parse(term.picture) if term.picture else None,
            figure=term.figure,
            weight=term.weight,
        )
        for term in body.terms
        if term.weight != 0
    )
    return Query(terms, {name: tuple(values) for name, values in body.filters.items()}, body.k, body.refine)


def query_view(query: Query) -> s.QueryView:
    """A query as it was understood."""
    return s.QueryView(
        terms=[
            s.TermView(
                text=term.text,
                picture=term.picture.print() if term.picture else "",
                figure=term.figure,
                weight=term.weight,
            )
            for term in query.terms
        ],
        filters={name: list(values) for name, values in query.filters.items()},
        k=query.k,
        refine=query.refine,
        url=links.search(query),
    )


def hit_view(hit: Hit) -> s.HitView:
    """A figure found."""
    return s.HitView(
        rank=hit.rank,
        confidence=hit.confidence,
        channels=[s.FoundView(channel=f.channel, rank=f.rank, score=f.score) for f in hit.channels],
        folded=list(hit.folded),
        figure=figure_view(hit.figure, (hit.width, hit.height), Path(hit.picture).stem),
    )


def search_page(atlas: Atlas, query: Query) -> s.SearchView:
    """What a query finds."""
    return answer_view(atlas.search(query))


def answer_view(answer: Answer) -> s.SearchView:
    """What a query found."""
    return s.SearchView(
        query=query_view(answer.query),
        fits=answer.fits,
        notes=list(answer.notes),
        seconds=answer.seconds,
        hits=[hit_view(hit) for hit in answer.hits],
    )


def facets_page(atlas: Atlas, query: Query | None, filters: Mapping[str, Sequence[str]]) -> s.FacetsView:
    """Counts among what a query's filters leave, or under filters alone."""
    return s.FacetsView(facets=atlas.facets_of(query) if query else atlas.facets(filters))


def atlas_page(atlas: Atlas) -> s.AtlasView:
    """What the open atlas holds."""
    info = atlas.info()
    return s.AtlasView(
        format=info.format,
        encoder=s.EncoderView(
            name=info.encoder.name,
            digest=info.encoder.digest,
            dimension=info.encoder.dimension,
            max_tokens=info.encoder.max_tokens,
        ),
        figures=info.figures,
        cases=info.cases,
        bytes=info.bytes,
        corpora=[
            s.CorpusView(
                name=row.name,
                title=row.title,
                summary=row.summary,
                version=row.version,
                homepage=row.homepage,
                licence=licence_view(row.licence),
                figures=row.figures,
                cases=row.cases,
                bytes=row.bytes,
                complete=row.complete,
            )
            for row in info.corpora
        ],
    )
