"""Stacks as pages and the API show them: what there is to look at, and where its slices are."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from pydantic import Field

from mirage.atlas import Atlas
from mirage.figure import Stack
from mirage.images.notes import marked_by, said
from mirage.images.stack_file import StackFile
from mirage.images.stack_reader import StackReader, by_name, place_in, view_in, window_in
from mirage.images.stacks import letters_in, shape_in, spacing_in
from mirage.web import forms
from mirage.web.views.figures import ApiModel

MOST_SKEWED = 0.01
"""How much the sides of a whole slice may differ in scale, which whole pixels explain."""


class PlaneView(ApiModel):
    """One direction in which a stack can be looked through."""

    plane: str
    slices: int
    rows: int
    columns: int
    spacing: tuple[float, float] | None = Field(
        description="Millimetres between rows and between columns; null where the source does not say."
    )
    letters: tuple[str, str, str, str] | None = Field(
        description="Which side of the patient is left, right, top and bottom; null where the source does not say."
    )


class WindowView(ApiModel):
    """Which values are shown between black and white."""

    name: str
    centre: float
    width: float
    each: list[tuple[float, float]] = Field(
        description="Centre and width of each slice of the first plane, where slices have their own; else empty."
    )
    curve: str = Field(description="sigmoid where values become grey along that curve of DICOM; empty for a straight line.")


class StackLabelView(ApiModel):
    """A structure that is marked; slices are counted from 0 along the first plane."""

    value: int = Field(description="In the label slices.")
    name: str
    first: int
    best: int
    last: int


class StackLinksView(ApiModel):
    """Addresses on this site. Put `view` (a plane) and `number` (from 0) in the place of the words in braces."""

    page: str
    header: str = Field(description="This.")
    slices: str = Field(description="Packed values of a slice, `application/zlib`.")
    labels: str = Field(description="Packed labels of a slice; empty where nothing is marked.")
    pictures: str = Field(description="A slice as PNG, through the window that `&window=` names, else the first.")


class StackView(ApiModel):
    """A figure of many slices. `slope * (kept + least) + intercept` is what windows are about."""

    id: str
    planes: list[PlaneView] = Field(description="The first is the one in which it is kept.")
    colours: int = Field(description="1, or 3 for red, green and blue.")
    least: int
    slope: float
    intercept: float
    unit: str = Field(description="HU for CT; empty for units of the scanner.")
    windows: list[WindowView] = Field(description="The first is shown until another is chosen.")
    best: int = Field(description="The slice, along the first plane, that stands for the stack.")
    labels: list[StackLabelView]
    labels_by: str = Field(description="Who, or which program, marked them.")
    notes: list[str]
    links: StackLinksView


@dataclass(frozen=True, slots=True)
class SliceChoice:
    """Something else of a stack to look at: what it is called, and its page."""

    name: str
    number: int
    url: str
    current: bool = False


@dataclass(frozen=True, slots=True)
class ShownSlice:
    """The slice that a page shows, without a script too.

    Attributes
    ----------
    number : int
        From 0.
    plane : PlaneView
        In which it lies.
    structure : str
        What is marked on it and looked at, through which other planes are cut; empty for none.
    window : str
        Name of the window; empty in colour.
    picture : str
        Address of its picture.
    before, after : str
        Pages of its neighbours; at the ends, its own.
    planes, windows, structures : list of SliceChoice
    here : list of str
        What is marked on it.
    """

    number: int
    plane: PlaneView
    structure: str
    window: str
    picture: str
    before: str
    after: str
    planes: list[SliceChoice]
    windows: list[SliceChoice]
    structures: list[SliceChoice]
    here: list[str]


def shown_slice(view: StackView, reader: StackReader, *, slice_: str, plane: str, window: str, structure: str) -> ShownSlice:
    """Find the slice that an address names.

    Parameters
    ----------
    view : StackView
    reader : mirage.images.stack_reader.StackReader
    slice_, plane, window, structure : str
        As they stand in the address; empty where they are left out. A structure that is not on the slice is left out too.

    Raises
    ------
    mirage.errors.NotFound, mirage.errors.BadInput
        When the stack has no such slice, view or window.
    """
    stack, first = reader.stack, reader.stack.views[0]
    chosen, shown_in = view_in(stack, plane), window_in(stack, window)
    number = place_in(stack, chosen, slice_)
    name = shown_in.name if shown_in else ""
    through = reader.through(structure, number, chosen)
    structure = structure if through else ""
    usual = "" if not stack.windows or name == stack.windows[0].name else name

    def page(other: int, another: str = chosen, seen: str = usual, sought: str = structure) -> str:
        return forms.slice_address(view.id, other, "" if another == first else another, seen, sought)

    places = {each: place_in(stack, each) for each in stack.views} | through | {chosen: number}
    others = [(each.name, "" if each == stack.windows[0] else each.name) for each in stack.windows]
    picture = view.links.pictures.replace("{view}", chosen).replace("{number}", str(number))
    return ShownSlice(
        number,
        plane_view(stack, chosen),
        structure,
        name,
        picture + (f"&window={quote(name)}" if usual else ""),
        page(max(0, number - 1)),
        page(min(shape_in(stack, chosen)[0] - 1, number + 1)),
        [SliceChoice(each, other, page(other, each), each == chosen) for each, other in places.items()],
        [SliceChoice(each, number, page(number, seen=seen), each == name) for each, seen in others],
        [SliceChoice(each.name, each.best, page(each.best, first, sought=each.name)) for each in by_name(stack.labels)],
        [each.name for each in reader.structures(number, chosen)],
    )


def plane_view(stack: Stack, view: str) -> PlaneView:
    """Show one direction of a stack.

    Parameters
    ----------
    stack : mirage.figure.Stack
    view : str
    """
    slices, rows, columns = shape_in(stack, view)
    spacing = spacing_in(stack, view)
    return PlaneView(
        plane=view,
        slices=slices,
        rows=rows,
        columns=columns,
        spacing=spacing and spacing[1:],
        letters=letters_in(stack, view),
    )


def millimetres_in(stack: Stack, view: str, width: int, height: int) -> float:
    """Return millimetres from pixel to pixel of a picture that is a whole slice; 0 where they are not known.

    Parameters
    ----------
    stack : mirage.figure.Stack
    view : str
        In which it was cut.
    width, height : int
        Of the picture, whose pixels are squares. Where they are not in the slice's proportions, it is no whole slice.
    """
    spacing = spacing_in(stack, view)
    if spacing is None:
        return 0.0
    _, rows, columns = shape_in(stack, view)
    down, across = rows * spacing[1] / height, columns * spacing[2] / width
    return round(across, 4) if abs(down / across - 1) < MOST_SKEWED else 0.0


def stack_in(atlas: Atlas, figure_id: str) -> StackView:
    """Show a stack of an atlas with the addresses of its slices.

    Parameters
    ----------
    atlas : mirage.atlas.Atlas
    figure_id : str

    Raises
    ------
    mirage.errors.NotFound
        When there is no such figure, or it is a single picture.
    """
    reader, known = atlas.stack(figure_id), atlas.figure(figure_id).id
    stack = reader.stack
    return StackView.of(
        stack,
        id=known,
        planes=[plane_view(stack, view) for view in stack.views],
        windows=[WindowView.of(window) for window in stack.windows],
        labels=[StackLabelView.of(label) for label in stack.labels],
        labels_by=marked_by(stack.labels_by),
        notes=list(map(said, stack.notes)),
        links=StackLinksView(
            page=forms.address("figure", known),
            header=forms.address("api/stacks", known),
            slices=_template("slices", known, reader.voxels),
            labels=_template("slice-labels", known, reader.labels) if reader.labels else "",
            pictures=_template("slice-pictures", known, reader.voxels),
        ),
    )


def _template(kind: str, figure_id: str, file: StackFile) -> str:
    return f"{forms.address(f'api/{kind}', figure_id)}?v={file.content[:20]}&view={{view}}&number={{number}}"
