"""The pages of a site: of figures, cases and what is explained, as plain HTML with addresses relative to each other."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape

from mirage import licensing, listing
from mirage.explain.explanation import Explanation
from mirage.figure import Case, Figure, called
from mirage.locales import code_of, listed
from mirage.storage.records import FigureRow
from mirage.wording import N_, Words, looked_up, translations

PASSAGE_WORDS = Words(
    {
        "history": N_("History"),
        "exam": N_("Examination"),
        "findings": N_("Findings"),
        "differential": N_("Differential diagnosis"),
        "diagnosis": N_("Diagnosis"),
        "diagnosis_by": N_("Diagnosis by"),
        "treatment": N_("Treatment"),
        "discussion": N_("Discussion"),
    }
)
_NUMBER = re.compile(r"\[(\d+)\]")  # of a passage in a remark
_PLAIN = re.compile(r"[^a-z0-9]+")
_LONGEST = 60


def slug(own_id: str) -> str:
    """An id as the name of a file: its letters and digits, with a few of its hash so that no two are alike."""
    return f"{_PLAIN.sub('-', own_id.lower()).strip('-')[:_LONGEST]}-{sha256(own_id.encode()).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True)
class Shown:
    """A figure as the pages show it.

    Attributes
    ----------
    figure : Figure
    picture, thumbnail : str
        Files of the site.
    width, height : int
        Of the picture, in pixels.
    slices : tuple of str
        Files of a stack's slices; empty for a single picture.
    """

    figure: Figure
    picture: str
    thumbnail: str
    width: int
    height: int
    slices: tuple[str, ...] = ()

    @property
    def page(self) -> str:
        """Its page."""
        return f"figure/{slug(self.figure.id)}.html"


class Pages:
    """Writes the pages of one site.

    Parameters
    ----------
    folder : Path
    common : mapping
        What every page knows.
    """

    def __init__(self, folder: Path, common: Mapping[str, Any]) -> None:
        self._folder = folder
        self._written: list[str] = []
        env = Environment(
            loader=PackageLoader("mirage.site"),
            autoescape=select_autoescape(),
            extensions=["jinja2.ext.i18n"],
            trim_blocks=True,
            lstrip_blocks=True,
        )
        spoken = translations()
        env.policies["ext.i18n.trimmed"] = True
        env.install_gettext_callables(spoken.gettext, spoken.ngettext, newstyle=True)  # type: ignore[attr-defined]
        env.globals.update(
            common,
            value_words=value_words,
            listed=listed,
            code_of=code_of,
            looked_up=looked_up,
            passing_on=licensing.passing_on,
        )
        self._env = env

    @property
    def written(self) -> Sequence[str]:
        """The pages that there are, by their addresses."""
        return self._written

    def write(self, address: str, template: str, **values: Any) -> None:
        """Write a page.

        Parameters
        ----------
        address : str
            In the site.
        template : str
        **values
        """
        root = "../" * address.count("/")
        target = self._folder / address
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(self._env.get_template(template).render(root=root, here=address, **values), "utf-8")
        self._written.append(address)

    def figure(self, shown: Shown, siblings: Sequence[Shown], case: Case | None) -> None:
        """Write the page of a figure.

        Parameters
        ----------
        shown : Shown
        siblings : sequence of Shown
            Others of its case, or slices of its stack.
        case : Case or None
        """
        slices = [f"../{name}" for name in shown.slices]
        told = self._told(shown) if listing.permitted(shown.figure) else {}
        self.write(
            shown.page,
            "figure.html",
            shown=shown,
            figure=shown.figure,
            siblings=siblings,
            case=case,
            slices=slices,
            told=told,
        )

    def _told(self, shown: Shown) -> dict[str, Any]:
        """What the page tells search engines of a figure; addresses where it is known where the site will lie."""
        figure, address = shown.figure, str(self._env.globals["address"])
        places = {"url": shown.page, "contentUrl": shown.picture, "thumbnailUrl": shown.thumbnail} if address else {}
        whole = {name: address + place for name, place in places.items()}
        about = {"width": shown.width, "height": shown.height, "name": figure.title, "caption": figure.caption}
        return listing.image({**whole, **about, **listing.of_source(figure.source)})

    def case(self, case: Case, figures: Sequence[Shown], told: bool) -> None:
        """Write the page of a case.

        Parameters
        ----------
        case : Case
        figures : sequence of Shown
        told : bool
            Whether its passages may be passed on.
        """
        self.write(case_page(case.id), "case.html", case=case, figures=figures, told=told)

    def concept(self, name: str, explained: Explanation, by_id: Mapping[str, Shown]) -> None:
        """Write an explanation.

        Parameters
        ----------
        name : str
            What is explained.
        explained : Explanation
        by_id : mapping
            The figures of the site.
        """
        named = {number for claim in explained.claims for number in claim.cites}
        named |= {int(number) for remark in explained.remarks for number in _NUMBER.findall(remark)}
        evidence = [each for each in explained.evidence if each.number in named and by_id.keys() & set(each.figures)]
        places = {each.number: place for place, each in enumerate(evidence, 1)}
        # Of a passage that the site has not, nothing is remarked.
        remarks = [
            _NUMBER.sub(lambda found: f"[{places[int(found[1])]}]", remark)
            for remark in explained.remarks
            if all(int(number) in places for number in _NUMBER.findall(remark))
        ]
        self.write(
            concept_page(name),
            "concept.html",
            name=name,
            explained=explained,
            evidence=evidence,
            places=places,
            by_id=by_id,
            remarks=remarks,
        )


def value_words(field: str, value: str) -> str:
    """A modality, plane, region or proof for people; one of a source's own as the source says it."""
    return called(value)


def case_page(case_id: str) -> str:
    """The page of a case."""
    return f"case/{slug(case_id)}.html"


def concept_page(name: str) -> str:
    """The page of what is explained."""
    return f"concept/{slug(name)}.html"


def of_rows(rows: Sequence[FigureRow]) -> dict[str, list[FigureRow]]:
    """Figures by their case, or by the stack that they are slices of."""
    found: dict[str, list[FigureRow]] = {}
    for row in rows:
        figure = row.figure
        family = figure.case_id or (figure.slice_of.stack if figure.slice_of else figure.id if figure.stack else "")
        if family:
            found.setdefault(family, []).append(row)
    return found
