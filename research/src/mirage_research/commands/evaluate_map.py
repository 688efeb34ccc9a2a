"""``mirage evaluate map``: how well the map of an atlas keeps neighbours."""

from __future__ import annotations

from dataclasses import asdict

from mirage.cli.client import AtlasOption, folder_of
from mirage.cli.output import plain
from mirage_research.commands.evaluate import JsonFile, write


def map_(atlas: AtlasOption = None, json_file: JsonFile = None) -> None:
    """Tell how many of the ten figures nearest by their vectors are among the ten, and thirty, nearest on the map."""
    from mirage.atlas import Atlas  # noqa: PLC0415 - loads the engine
    from mirage_research.evaluation.map import measure  # noqa: PLC0415

    with Atlas.open(folder_of(atlas)) as found:
        figures, qualities = measure(found)
    plain(f"{figures} figures: of the ten nearest by vectors, found among the nearest on the map")
    for each in qualities:
        plain(
            f"  {each.way}: {each.among_10:.1%} among 10, {each.among_30:.1%} among 30; "
            f"trustworthiness {each.trustworthiness:.3f}"
        )
    write({"figures": figures, "ways": [asdict(each) for each in qualities]}, json_file)
