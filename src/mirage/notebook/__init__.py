"""MIRAGE in notebooks: a widget that searches, in Jupyter, VS Code, Colab, Kaggle and Marimo."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from mirage.atlas import Atlas
from mirage.errors import Unavailable
from mirage.installed import to_install
from mirage.wording import _

if TYPE_CHECKING:
    from mirage.notebook.search_widget import SearchWidget


def widget(atlas: Atlas, query: str = "", *, against: str = "") -> SearchWidget:
    """Search an atlas in a notebook: by words, by a dropped picture, two conditions side by side.

    What somebody does in it can be read in the next cell, and what a cell sets is shown in it; see `SearchWidget`.

    Parameters
    ----------
    atlas : mirage.atlas.Atlas
        Open, and kept open while the widget is used.
    query : str
        What to look for at once.
    against : str
        What to compare that with.

    Raises
    ------
    mirage.errors.Unavailable
        When anywidget, the optional part that draws it, is not installed.

    Examples
    --------
    >>> found = mirage.widget(atlas, "glioblastoma MRI")  # doctest: +SKIP
    >>> found.hits[0].figure.caption  # doctest: +SKIP
    """
    if find_spec("anywidget") is None:
        raise Unavailable(
            _(
                "The widget needs anywidget, which is not installed. Install it with: %(command)s",
                command=to_install("anywidget"),
            )
        )
    from mirage.notebook.search_widget import SearchWidget  # noqa: PLC0415 - the optional part

    return SearchWidget(atlas, query, against)
