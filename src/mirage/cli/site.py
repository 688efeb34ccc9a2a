"""``mirage export --site``: an atlas as plain files that search in a browser."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mirage import licensing
from mirage.atlas import Atlas
from mirage.cli.output import counted, duration, figures_bar, printed, say, size
from mirage.site import export
from mirage.site.runtime import PYTHON
from mirage.wording import _


def write_site(
    target: Path,
    folder: Path,
    *,
    json: bool,
    title: str,
    address: str,
    given: Sequence[Path],
    explain: bool,
    corpora: Sequence[str],
    picture_side: int,
    non_commercial: bool,
) -> None:
    """Write a site and say what became of it.

    Parameters
    ----------
    target : Path
    folder : Path
        Of the atlas, which may be served meanwhile.
    json : bool
        Whether what is said is for programs.
    title, address, given, explain, corpora, picture_side, non_commercial
        As for `mirage.site.export.write`.
    """
    export.check_target(target)
    # A copy of its own: the site is of one state of the atlas, and whoever holds it goes on.
    with Atlas.open(folder, to_read=True) as atlas, figures_bar(_("Writing the site")) as tell:
        made = export.write(
            atlas,
            target,
            title=title,
            address=address,
            given=given,
            explain=explain,
            corpora=corpora,
            picture_side=picture_side,
            non_commercial=non_commercial,
            progress=tell,
        )
    behind, stories = licensing.behind(made.behind), licensing.behind(made.stories, "case")
    counts = {"figures": made.figures, "cases": made.cases, "explained": made.concepts}
    sizes = {"bytes": made.bytes, "gzipped": made.gzipped, "search_gzipped": made.search_gzipped}
    lacking = {"missing": made.missing, "lost": made.lost, "unencoded": made.unencoded}
    if printed(json, {"folder": str(target), **counts, **sizes, **lacking, "seconds": made.seconds}):
        return
    say(
        _(
            "%(folder)s: a site of %(figures)s in %(cases)s, %(explained)s explained, %(size)s (%(sent)s as a host "
            "sends it), in %(time)s.",
            folder=target,
            figures=counted(made.figures, "figure"),
            cases=counted(made.cases, "case"),
            explained=made.concepts,
            size=size(made.bytes),
            sent=size(made.gzipped),
            time=duration(made.seconds),
        )
    )
    for package, why in made.missing.items():
        lost = _("it searches words only, and says so") if package == PYTHON else _("it searches words and no pictures")
        say(_("Without %(package)s (%(why)s) %(lost)s. `--runtime FILE` gives it.", package=package, why=why, lost=lost))
    if made.lost:
        say(_("Left out: %(figures)s, whose picture is lost or damaged.", figures=counted(made.lost, "figure")))
    if made.unencoded:
        say(_("Left out: %(figures)s, which are not encoded.", figures=counted(made.unencoded, "figure")))
    for stayed in filter(None, (behind, stories)):
        say(stayed)
    say(
        _(
            "Put the folder on any web host, or look at it here: `python -m http.server --directory %(folder)s`.",
            folder=target,
        )
    )
