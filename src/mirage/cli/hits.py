"""What a search found, as a person reads it: how the words were read, and a table of figures by case."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.markup import escape
from rich.table import Table

from mirage.cli.output import counted, out, say
from mirage.figure import called
from mirage.wording import N_, Words, _, ngettext

_STYLES = {"strong": "green", "likely": "yellow", "weak": "dim"}
_SURE = Words({"strong": N_("strong"), "likely": N_("likely"), "weak": N_("weak")})
# Why a hit is as sure as it is, for people. What only looks like the query says so in these words.
_WHY = Words(
    {
        "named": N_("named"),
        "mentioned": N_("in findings"),
        "structure": N_("structure"),
        "words": N_("in words"),
        "alike": N_("looks alike"),
    }
)


def hits_table(answer: Mapping[str, Any], *, flat: bool = False) -> None:
    """Print a search's hits, from the same mapping that the HTTP API answers with.

    Parameters
    ----------
    answer : mapping
    flat : bool
        Print the plain ranking. Else the figures of one case are one row, with the ids of those that rank lower.
    """
    for line in [*_read_as(answer["reading"]), *answer["notes"]]:
        say(line)
    hits = answer["hits"]
    if answer["withdrawn"]:
        say(_("With --withdrawn what was withdrawn is found too, and marked."))
    if not answer["fits"]:
        nothing = _("Only what was withdrawn fits.") if answer["withdrawn"] else _("Nothing in this atlas fits.")
        nearest = _("The nearest there is:")
        say(f"{nothing} {nearest}" if hits else nothing)
    if not hits:
        return
    table = Table(box=None, pad_edge=False, header_style="bold", expand=out.is_terminal)
    table.add_column("#", justify="right", style="dim")
    table.add_column(_("sure"))
    table.add_column(_("kind"))
    table.add_column(_("what"), ratio=1, overflow="fold")
    table.add_column(_("figure"), overflow="fold", style="dim")
    groups = _by_case(hits)
    for best, *others in [[hit] for hit in hits] if flat else groups:
        _row(table, best)
        if others:
            ids = ("\n" if out.is_terminal else " ").join(escape(hit["figure"]["id"]) for hit in others)
            of_case = _("%(number)s more of this case:", number=len(others))
            shared = of_case if best["figure"]["case_id"] else _("%(number)s more of this stack:", number=len(others))
            table.add_row("", "", "", f"[dim]{shared}[/]", ids)
    out.print(table)
    fitting = sum(hit["confidence"] != "weak" for hit in hits)
    if fitting:
        fits = [group for group in groups if any(hit["confidence"] != "weak" for hit in group)]
        alone = sum(not best["figure"]["case_id"] for best, *_ in fits)
        values = {"figures": counted(fitting, "figure"), "cases": counted(len(fits) - alone, "case"), "alone": alone}
        if alone == len(fits):
            said = ngettext("%(figures)s fits.", "%(figures)s fit.", fitting, **values)
        elif alone:
            said = ngettext(
                "%(figures)s of %(cases)s and %(alone)s of no case fits.",
                "%(figures)s of %(cases)s and %(alone)s of no case fit.",
                fitting,
                **values,
            )
        else:
            said = ngettext("%(figures)s of %(cases)s fits.", "%(figures)s of %(cases)s fit.", fitting, **values)
        out.print(said, end="")
    if weak := len(hits) - fitting:
        said = ngettext("%(figures)s is weak.", "%(figures)s are weak.", weak, figures=counted(weak, "figure"))
        out.print(f"{' ' if fitting else ''}{said}", end="")
    out.print()
    if any(hit["figure"]["inferred"] for hit in hits):
        say(_("A kind with “?” is not stated by the source: MIRAGE inferred it."))


def _by_case(hits: Iterable[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Hits of one case, or of one stack, together, in the order of each one's best; other figures stand alone."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for hit in hits:
        figure = hit["figure"]
        alone = figure["slice_of"]["stack"] if figure["slice_of"] else figure["id"]
        groups.setdefault(figure["case_id"] or alone, []).append(hit)
    return list(groups.values())


def _row(table: Table, hit: Mapping[str, Any]) -> None:
    figure = hit["figure"]
    kinds = {"plane": figure["plane"], "modality": figure["modality_name"]}
    kind = " ".join(called(words) + "?" * (name in figure["inferred"]) for name, words in kinds.items() if words)
    what = figure["caption"] or figure["title"] or figure["alt"]
    if figure["title"] and figure["title"] not in what:
        what = f"{figure['title']}: {what}"
    marks = [_("withdrawn by its source")] if figure["withdrawn"] else []
    what = " ".join("; ".join([*(f"[{each}]" for each in (*marks, *figure["contradictions"])), what]).split())
    room = 200 if out.width >= 100 else 110
    what = what if len(what) <= room else what[: room - 1].rstrip() + "…"
    then = "\n" if out.is_terminal else "; "  # elsewhere a figure is a line
    seen = f"{then}[dim]{escape(hit['slice']['words'])}[/]" if hit["slice"] else ""
    sure = f"[{_STYLES[hit['confidence']]}]{_SURE[hit['confidence']]}[/]"
    sure += f"{then}[dim]{_WHY[hit['basis']]}[/]"
    table.add_row(str(hit["rank"]), sure, kind, escape(what) + seen, escape(figure["id"]))


def _read_as(reading: Mapping[str, Any] | None) -> list[str]:
    """What somebody should know of how their words were read."""
    lines: list[str] = []
    if reading is None:
        return lines
    if mended := reading["mended"]:
        read, typed = (", ".join(f"“{each[part]}”" for each in mended) for part in ("read", "typed"))
        lines.append(
            _(
                "Showing %(read)s, not %(typed)s. In double quotes, words are searched for as they stand.",
                read=read,
                typed=typed,
            )
        )
    for each in reading["doubtful"]:
        meanings = ", ".join(meaning["words"] for meaning in each["meanings"])
        lines.append(_("“%(short)s” may mean: %(meanings)s. Name the one you mean.", short=each["short"], meanings=meanings))
    if sides := reading["versus"]:
        lines.append(_('To see both side by side: mirage compare "%(a)s" "%(b)s"', a=sides["a"], b=sides["b"]))
    return lines
