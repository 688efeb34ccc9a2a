"""The result as a folder that both the base's library and MIRAGE open, with its card."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mirage.corpora.base import CorpusInfo
from mirage.errors import Unavailable
from mirage.figure import NOT_STATED
from mirage_research.training.finetuning.bases import OPEN_CLIP, Base
from mirage_research.training.finetuning.config import Config
from mirage_research.training.finetuning.examples import Splits
from mirage_research.training.finetuning.measuring import AT, WAYS, score
from mirage_research.training.finetuning.towers import Towers

MODEL = "model"


@dataclass(frozen=True, slots=True)
class Story:
    """What the card tells of a run.

    Attributes
    ----------
    base : Base
    corpus : CorpusInfo
    splits : Splits
    config : Config
    precision : str
        What was computed in, and on what.
    versions : dict of str to str
        Libraries.
    """

    base: Base
    corpus: CorpusInfo
    splits: Splits
    config: Config
    precision: str
    versions: dict[str, str]


def save(towers: Towers, story: Story, history: Sequence[dict[str, float]], steps: int, out: Path) -> Path:
    """Write the model folder: whole, or not at all.

    Parameters
    ----------
    history : sequence of dict
        Measurements so far; the last one is of these weights, if there was any.
    steps : int
        Of the whole run.

    Returns
    -------
    Path
        ``model`` in the output folder.

    Raises
    ------
    mirage.errors.Unavailable
        When it cannot be written; what was there stays.
    """
    folder, part, old = out / MODEL, out / f"{MODEL}.part", out / f"{MODEL}.old"
    try:
        for left in (part, old):
            shutil.rmtree(left, ignore_errors=True)
        part.mkdir(parents=True)
        towers.save(part)
        write_card(part, story, history, steps)
        if folder.exists():
            folder.rename(old)
        part.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise Unavailable(
            f"The model could not be written to {folder}: {error} Make room, and go on with --resume."
        ) from error
    return folder


def write_card(folder: Path, story: Story, history: Sequence[dict[str, float]], steps: int) -> None:
    """Write ``card.md``, ``results.json`` and ``splits.json`` beside the weights."""
    chosen = best_of(history)
    results = {
        **story.base.record(),
        "corpus": {"name": story.corpus.name, "version": story.corpus.version},
        "trained_on": sorted({one.split for one in story.splits.train if one.split}),
        "chosen_on": sorted({one.split for one in story.splits.held_out if one.split}),
        "splits_sha256": story.splits.digest,
        "steps": steps,
        "chosen_step": chosen["step"] if chosen else None,
        "measured": list(history),
    }
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    (folder / "splits.json").write_text(story.splits.to_json() + "\n", "utf-8")
    (folder / "card.md").write_text(card(story, history, steps), "utf-8")


def best_of(history: Sequence[dict[str, float]]) -> dict[str, float] | None:
    """The measurement that the weights were chosen by; the base's own does not count."""
    learnt = [row for row in history if row["step"]]
    return max(learnt, key=score) if learnt else None


def card(story: Story, history: Sequence[dict[str, float]], steps: int) -> str:
    """The card of a fine-tuned model, in Markdown."""
    base, corpus, splits = story.base, story.corpus, story.splits
    chosen = best_of(history)
    kind = "local-dir:" if base.kind == OPEN_CLIP else ""
    lines = [
        f"# {Path(base.name).name}, fine-tuned on {corpus.title}",
        "",
        "A dual encoder of words and medical images, for finding images to learn from. It is no medical device and makes no",
        "diagnosis. Made with `mirage train encoder --base`.",
        "",
        f"Use: `--encoder {base.kind}={kind}PATH`, PATH being this folder.",
        "",
        "## Base",
        "",
        f"`{base.name}`, {f'revision `{base.revision}`' if base.revision else 'a folder'}, for {base.kind}; SHA-256 of its "
        f"weights `{base.digest}`.",
        f"Licence of the base: {base.licence or NOT_STATED}. What it was trained on before is for its own card to say"
        + (" (`base-card.md` here)." if (base.folder / "README.md").is_file() else "."),
        "",
        "## Data",
        "",
        f"{corpus.title}, version `{corpus.version}`{f', {corpus.homepage}' if corpus.homepage else ''}. Licence of the "
        f"collection: {corpus.licence}. Licences of the figures that were trained on:",
        "",
        *(f"- {name}: {count:,}" for name, count in _licences(splits)),
        "",
        "Whether weights made from such figures may be passed on is for whoever passes them on to find out.",
        "",
        "## Splits",
        "",
        f"{'The splits of the corpus' if splits.own else 'Whole groups (cases or articles) were set aside with the seed'}: "
        f"{len(splits.train):,} figures of {_groups(splits.train):,} groups trained on, {len(splits.held_out):,} figures of "
        f"{_groups(splits.held_out):,} groups held out, no group on both sides (`splits.json`).",
        *(f"Left out, {reason}: {count:,}." for reason, count in splits.left_out.items()),
        f"Held-out figures whose very caption another group, trained on, has too: {splits.shared_captions:,}. Pictures that "
        "are alike were not looked for, nor what the base had seen before.",
        "",
        "## Hyperparameters",
        "",
        f"{story.precision}; {', '.join(f'{name} {version}' for name, version in story.versions.items())}.",
        f"{steps:,} steps in all.",
        "",
        *_table(["setting", "value"], [[name, value] for name, value in dataclasses.asdict(story.config).items()]),
        "",
        "## Results",
        "",
    ]
    if not history:
        return "\n".join([*lines, "Nothing was held out, so nothing was measured; these are the last weights."]) + "\n"
    names = [f"{way}_r{k}" for way in WAYS for k in AT]
    head = ["step", "pool", *(f"{way} R@{k}" for way in ("text→image", "image→text") for k in AT)]
    rows = [[f"{row['step']:,}", f"{row['pool']:,}", *(f"{row[name]:.3f}" for name in names)] for row in history]
    chance = [f"{history[0][f'chance_r{k}']:.3f}" for k in AT]
    rows.append(["chance", f"{history[0]['pool']:,}", *chance, *chance])
    lines += [
        "On held-out figures, caption against picture; a figure with the same caption counts as right. Step 0 is the base.",
        *_chosen(chosen),
        "",
        *_table(head, rows),
    ]
    return "\n".join(lines) + "\n"


def _chosen(row: dict[str, float] | None) -> list[str]:
    if row is None:
        return []
    return [
        f"These weights are those of step {row['step']:,}, chosen on these very figures: expect less on others, and",
        "measure on figures that no choice was made on.",
    ]


def _licences(splits: Splits) -> list[tuple[str, int]]:
    return Counter(str(one.item.figure.source.licence) for one in splits.train).most_common()


def _groups(side: Sequence[object]) -> int:
    return len({getattr(one, "group", None) for one in side})


def _table(head: Sequence[object], rows: Sequence[Sequence[object]]) -> list[str]:
    written = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(str(cell) for cell in row)} |" for row in written]
