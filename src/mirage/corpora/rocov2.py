"""ROCOv2: ROCO's second version, with newer articles and concepts that people looked over.

Rückert et al., "ROCOv2: Radiology Objects in COntext Version 2, an Updated Multimodal Image Dataset", Scientific Data 11
(2024) 688, doi 10.1038/s41597-024-03496-6. The pictures come in parquet files from the Hugging Face hub
(``eltorio/ROCOv2-radiology``); licences in ``license_information.csv`` from Zenodo, doi 10.5281/zenodo.8333645.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mirage.corpora.base import CorpusCard, CorpusInfo, CorpusOption, Item, Refused
from mirage.corpora.inferring_words import with_words
from mirage.corpora.licences import EACH_ITS_OWN
from mirage.corpora.parquet import SPLITS, Shards
from mirage.corpora.parquet_figures import ParquetFigures
from mirage.corpora.roco import ARTICLES
from mirage.corpora.rocov2_licences import FILE, LicenceTable, Terms, find_table
from mirage.figure import INFERABLE, Figure, Source, clean_text
from mirage.images import DEFAULT_LIMITS, Limits, Picture

HOMEPAGE = "https://huggingface.co/datasets/eltorio/ROCOv2-radiology"
CITED = "ROCOv2 (Rückert et al., 2024, doi 10.1038/s41597-024-03496-6)"


class Rocov2Corpus:
    """ROCOv2, as the Hugging Face hub has it.

    Parameters
    ----------
    path : Path
        The folder that holds ``train-00000-of-….parquet`` and the like, or its folder ``data``, or one such file.
    licences : Path, optional
        ``license_information.csv`` of the release at Zenodo. Left out, it is looked for in `path`, right under it, and
        beside the folder ``data``; without it, article and licence of the figures are not known.
    splits : sequence of str
        Which of ``train``, ``validation`` and ``test`` to take.
    limits : Limits

    Raises
    ------
    mirage.errors.BadInput
        When there are no parquet files that can be used, the table cannot be, or a split is unknown.
    mirage.errors.Unavailable
        When pyarrow is not installed.
    """

    card = CorpusCard(
        title="ROCOv2",
        summary="79,793 radiology figures of articles, each with its caption and its own licence. Choose the folder "
        "that holds the parquet files; modality and plane are inferred, and marked so.",
        homepage=HOMEPAGE,
        licence=EACH_ITS_OWN,
        options=(
            CorpusOption("path", "Folder that holds the parquet files.", Path, required=True, is_folder=True),
            CorpusOption("licences", f"{FILE} of the release at Zenodo; left out, it is looked for in the folder.", Path),
            CorpusOption("splits", "Only these splits.", default=SPLITS, several=True, choices=SPLITS),
        ),
        needs=("pyarrow",),
    )
    infers = INFERABLE

    def __init__(
        self,
        path: Path | str,
        *,
        licences: Path | str | None = None,
        splits: Sequence[str] = SPLITS,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        folder = Path(path).expanduser()
        shards = Shards(folder, splits=splits, title="ROCOv2")
        table = Path(licences).expanduser() if licences is not None else find_table(folder)
        self.licences = LicenceTable(table) if table is not None else None
        self._figures = ParquetFigures(shards, "rocov2", self._figure, columns=("cui",), limits=limits)

    def info(self) -> CorpusInfo:
        """Tell what this corpus is; the version is a digest of the parquet files and the table of licences."""
        if self.licences is None:
            known = f"{FILE} is not there, so that articles and licences are not known."
        else:
            columns = ", ".join(dict.fromkeys(self.licences.columns.values()))
            known = f"Licences are those of {FILE} (columns {columns})."
        return CorpusInfo(
            name="rocov2",
            title="ROCOv2",
            summary=f"Radiology figures of articles at PubMed Central, each with its caption. {known}",
            version=self._figures.version(self.licences.version if self.licences else ""),
            homepage=HOMEPAGE,
            licence=EACH_ITS_OWN,
        )

    def items(self) -> Iterator[Item | Refused]:
        """Yield every figure of the chosen splits in the order of the files."""
        return self._figures.items()

    def read(self, item: Item) -> Picture:
        """Decode the picture of one item.

        Raises
        ------
        mirage.errors.BadPicture
            When its row has none, or one that cannot be decoded.
        """
        return self._figures.read(item)

    def split_of(self, item: Item) -> str:
        """Name the split that an item belongs to: ``train``, ``validation`` or ``test``."""
        return self._figures.split_of(item)

    def __len__(self) -> int:
        """How many entries `items` will yield."""
        return len(self._figures)

    def _figure(self, name: str, values: Mapping[str, Any]) -> Figure:
        terms = self.licences.of(name) if self.licences else Terms()
        figure = Figure(id=f"rocov2:{name}", caption=clean_text(values["caption"]), source=_source(terms))
        return with_words(figure, concepts=_concepts(values["cui"]))


def _source(terms: Terms) -> Source:
    whose = f"{terms.authors}; " if terms.authors else ""
    if terms.article:
        attribution = f"{whose}article {terms.article} at PubMed Central; from {CITED}"
        return Source("rocov2", attribution, terms.link or f"{ARTICLES}{terms.article}/", "article", terms.licence)
    if terms.link:
        return Source("rocov2", f"{whose}from {CITED}", terms.link, "article", terms.licence)
    stated = whose or "its article is not stated; "
    return Source("rocov2", f"{stated}from {CITED}", HOMEPAGE, "collection", terms.licence)


def _concepts(value: object) -> tuple[str, ...]:
    """The column ``cui``: a list of concepts, or one text with separators between them."""
    if isinstance(value, str):
        value = value.replace(";", ",").strip("[]").split(",")
    return tuple(str(each).strip(" '\"") for each in value) if isinstance(value, Iterable) else ()
