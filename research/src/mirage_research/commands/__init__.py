"""What `mirage-research` adds to the mirage command: ``mirage train`` and most of ``mirage evaluate``."""

from __future__ import annotations

import typer


def register(app: typer.Typer, evaluate: typer.Typer) -> None:
    """Add the commands; called by `mirage.cli` through the entry point group ``mirage.commands``.

    Parameters
    ----------
    app : typer.Typer
        The mirage command itself.
    evaluate : typer.Typer
        Its group ``mirage evaluate``.
    """
    from mirage_research.commands import evaluate as measurements  # noqa: PLC0415 - named like what it is added to
    from mirage_research.commands import (  # noqa: PLC0415
        evaluate_concepts,
        evaluate_generation,
        evaluate_map,
        evaluate_retrieval,
        train,
    )

    app.add_typer(train.app, name="train")
    evaluate.registered_commands += measurements.app.registered_commands
    evaluate.command("generation")(evaluate_generation.generation)
    evaluate.command("generation-sheets")(evaluate_generation.sheets)
    evaluate.command("retrieval")(evaluate_retrieval.retrieval)
    evaluate.command("student-queries")(evaluate_concepts.student_queries)
    evaluate.command("first-queries")(evaluate_concepts.first_queries)
    evaluate.command("lexicon")(evaluate_concepts.lexicon)
    evaluate.command("map")(evaluate_map.map_)
    evaluate.command("labels")(evaluate_concepts.labels)
