"""ROCO: radiology figures of articles at PubMed Central, each with its caption.

Pelka et al., "Radiology Objects in COntext (ROCO): A Multimodal Image Dataset", LABELS at MICCAI 2018, LNCS 11043,
doi 10.1007/978-3-030-01364-6_20. The pictures come in parquet files from the Hugging Face hub
(``mdwiratathya/ROCO-radiology``); what is known of each figure's article and licence comes from ``razorx89/roco-dataset``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mirage.corpora.base import CorpusInfo, CorpusOption, Item
from mirage.corpora.inferring import with_words
from mirage.corpora.licences import EACH_ITS_OWN
from mirage.corpora.parquet import SPLITS, ParquetFigures, Shards, parquet_card
from mirage.corpora.roco_annotations import Annotations, Article, find_annotations
from mirage.errors import BadInput
from mirage.figure import INFERABLE, Figure, Source, clean_text
from mirage.images import DEFAULT_LIMITS, Limits

HOMEPAGE = "https://huggingface.co/datasets/mdwiratathya/ROCO-radiology"
ANNOTATIONS = "https://github.com/razorx89/roco-dataset"
CITED = "ROCO (Pelka et al., 2018, doi 10.1007/978-3-030-01364-6_20)"
ARTICLES = "https://www.ncbi.nlm.nih.gov/pmc/articles/"


class RocoCorpus(ParquetFigures):
    """ROCO version 1, as the Hugging Face hub has it.

    Parameters
    ----------
    path : Path
        The folder that holds ``train-00000-of-….parquet`` and the like, or its folder ``data``, or one such file.
    annotations : Path, optional
        A checkout of ``razorx89/roco-dataset``. Left out, it is looked for in `path` and right under it; without it,
        article and licence of the figures are not known.
    splits : sequence of str
        Which of ``train``, ``validation`` and ``test`` to take.
    limits : Limits

    Raises
    ------
    mirage.errors.BadInput
        When there are no parquet files that can be used, the annotations are not there, or a split is unknown.
    mirage.errors.Unavailable
        When pyarrow is not installed.
    """

    card = parquet_card(
        "ROCO",
        "81,770",
        HOMEPAGE,
        CorpusOption("annotations", f"A checkout of {ANNOTATIONS}; left out, it is looked for in the folder.", Path),
    )
    infers = INFERABLE

    def __init__(
        self,
        path: Path | str,
        *,
        annotations: Path | str | None = None,
        splits: Sequence[str] = SPLITS,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        folder = Path(path).expanduser()
        shards = Shards(folder, splits=splits, title="ROCO")
        where = find_annotations(folder if annotations is None else Path(annotations).expanduser())
        if where is None and annotations is not None:
            raise BadInput(
                f"{annotations} holds no annotations of ROCO: there is no data/train/radiology/licences.txt in it or right "
                f"under it, nor one of another split. Give a checkout of {ANNOTATIONS}."
            )
        self.annotations = Annotations(where, splits) if where is not None else None
        listed = self.annotations.split_of if self.annotations is not None else {}
        super().__init__(shards, "roco", self._figure, listed=listed, limits=limits)

    def info(self) -> CorpusInfo:
        """Tell what this corpus is; the version is a digest of the parquet files and the annotations."""
        known = "" if self.annotations else " Its annotations are not there, so that articles and licences are not known."
        return CorpusInfo(
            name="roco",
            title="ROCO",
            summary=f"Radiology figures of articles at PubMed Central, each with its caption and its own licence.{known}",
            version=self.version(self.annotations.version if self.annotations else ""),
            homepage=HOMEPAGE,
            licence=EACH_ITS_OWN,
        )

    def keywords_of(self, item: Item) -> tuple[str, ...]:
        """The annotations' keywords: words of the caption in base forms. Not in the figure, whose caption has them."""
        return self.annotations.keywords.get(item.figure.id.partition(":")[2], ()) if self.annotations else ()

    def cuis_of(self, item: Item) -> tuple[str, ...]:
        """The UMLS concepts that the annotations found in the caption."""
        return self.annotations.cuis.get(item.figure.id.partition(":")[2], ()) if self.annotations else ()

    def _figure(self, name: str, values: Mapping[str, Any]) -> Figure:
        article = self.annotations.articles.get(name, Article()) if self.annotations else Article()
        figure = Figure(id=f"roco:{name}", caption=clean_text(values["caption"]), source=_source(article))
        return with_words(figure)


def _source(article: Article) -> Source:
    if not article.pmc:
        return Source("roco", f"From {CITED}; its article is not stated", HOMEPAGE, "collection", article.licence)
    figure = f"Figure {article.file} of" if article.file else "Figure of"
    attribution = f"{figure} article {article.pmc} at PubMed Central; from {CITED}"
    return Source("roco", attribution, f"{ARTICLES}{article.pmc}/", "article", article.licence)
