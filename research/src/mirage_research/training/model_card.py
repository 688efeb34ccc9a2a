"""The fine-tuned model as a folder that both the library of its base and MIRAGE open, with its card."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirage.corpora.base import CorpusInfo
from mirage.errors import Unavailable
from mirage_research.evaluation.ranking import AT
from mirage_research.training.bases import BaseModel
from mirage_research.training.curves import WAYS, score
from mirage_research.training.dual_encoders import DualEncoder
from mirage_research.training.examples import ExampleSplits
from mirage_research.training.runs import FineTuningConfig

MODEL = "model"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What the card tells of a run.

    Attributes
    ----------
    base : BaseModel
    corpus : CorpusInfo
    splits : ExampleSplits
    config : FineTuningConfig
    precision : str
        What was computed in, and on what.
    steps : int
        Of the whole run.
    """

    base: BaseModel
    corpus: CorpusInfo
    splits: ExampleSplits
    config: FineTuningConfig
    precision: str
    steps: int

    def write_records(self, out: Path) -> None:
        """Write ``splits.json`` and ``run.json`` into the folder of the run."""
        (out / "splits.json").write_text(self.splits.to_json() + "\n", "utf-8")
        told = self._record() | {"computed_in": self.precision, "versions": _versions()}
        (out / "run.json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", "utf-8")

    def save(self, towers: DualEncoder, history: Sequence[dict[str, float]], out: Path) -> Path:
        """Write the model folder: whole, or not at all.

        Parameters
        ----------
        towers : DualEncoder
        history : sequence of dict
            Measurements so far; the last one is of these weights, if there was any.
        out : Path
            The folder of the run.

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
            self.write(part, history)
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

    def write(self, folder: Path, history: Sequence[dict[str, float]]) -> None:
        """Write ``card.md``, ``results.json`` and ``splits.json`` beside the weights.

        Parameters
        ----------
        folder : Path
        history : sequence of dict
        """
        chosen = best_of(history)
        results = {
            **self._record(),
            "trained_on": sorted({one.split for one in self.splits.train if one.split}),
            "chosen_on": sorted({one.split for one in self.splits.held_out if one.split}),
            "splits_sha256": self.splits.digest,
            "chosen_step": chosen["step"] if chosen else None,
            "measured": list(history),
        }
        (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n", "utf-8")
        (folder / "splits.json").write_text(self.splits.to_json() + "\n", "utf-8")
        (folder / "card.md").write_text(card_text(self, history), "utf-8")

    def _record(self) -> dict[str, Any]:
        corpus = {"name": self.corpus.name, "title": self.corpus.title, "version": self.corpus.version}
        return {**self.base.record(), "corpus": corpus, "steps": self.steps}


def card_text(card: ModelCard, history: Sequence[dict[str, float]]) -> str:
    """The card in Markdown.

    Parameters
    ----------
    card : ModelCard
    history : sequence of dict
        Measurements.
    """
    base, corpus, splits = card.base, card.corpus, card.splits
    licences = Counter(str(one.item.figure.source.licence) for one in splits.train)
    train, held_out = (len({one.group for one in side}) for side in (splits.train, splits.held_out))
    paragraphs = [
        f"# {Path(base.name).name}, fine-tuned on {corpus.title}",
        "A dual encoder of words and medical images, for finding images to learn from. It is no medical device and makes "
        "no\ndiagnosis. Made with `mirage train encoder --base`.",
        f"Use: `{base.option('PATH')}`, PATH being this folder.",
        "## Base",
        f"`{base.name}`, {f'revision `{base.revision}`' if base.revision else 'a folder'}, for {base.kind}; SHA-256 of its "
        f"weights `{base.digest}`.\nLicence of the base: {base.licence}. What it was trained on before is for its own card "
        "to say" + (" (`base-card.md` here)." if (base.folder / "README.md").is_file() else "."),
        "## Data",
        f"{corpus.title}, version `{corpus.version}`{f', {corpus.homepage}' if corpus.homepage else ''}. Licence of the "
        f"collection: {corpus.licence}. Licences of the figures that were trained on:",
        "\n".join(f"- {name}: {count:,}" for name, count in licences.most_common()),
        "Whether weights made from such figures may be passed on is for whoever passes them on to find out.",
        "## Splits",
        f"{'The splits of the corpus' if splits.own else 'Whole groups (cases or articles) were set aside with the seed'}: "
        f"{len(splits.train):,} figures of {train:,} groups trained on, {len(splits.held_out):,} figures of {held_out:,} "
        "groups held out, no group on both sides (`splits.json`).",
        *(f"Left out, {reason}: {count:,}." for reason, count in splits.left_out.items()),
        f"Held-out figures whose very caption another group, trained on, has too: {splits.shared_captions:,}. Pictures that "
        "are alike were not looked for, nor what the base had seen before.",
        "## Hyperparameters",
        f"{card.precision}; {', '.join(f'{name} {version}' for name, version in _versions().items())}.\n"
        f"{card.steps:,} steps in all.",
        _table(["setting", "value"], list(dataclasses.asdict(card.config).items())),
        "## Results",
        *_results(history),
    ]
    return "\n\n".join(paragraphs) + "\n"


def _results(history: Sequence[dict[str, float]]) -> Iterator[str]:
    if not history:
        yield "Nothing was held out, so nothing was measured; these are the last weights."
        return
    yield "On held-out figures, caption against picture; a figure with the same caption counts as right. Step 0 is the base."
    if chosen := best_of(history):
        yield (
            f"These weights are those of step {chosen['step']:,}, chosen on these very figures: expect less on others, and\n"
            "measure on figures that no choice was made on."
        )
    head = ["step", "pool", *(f"{way} R@{k}" for way in ("text→image", "image→text") for k in AT)]
    rows = [[f"{r['step']:,}", f"{r['pool']:,}", *(f"{r[f'{way}_r{k}']:.3f}" for way in WAYS for k in AT)] for r in history]
    chance = [f"{history[0][f'chance_r{k}']:.3f}" for k in AT]
    yield _table(head, [*rows, ["chance", f"{history[0]['pool']:,}", *chance, *chance]])


def best_of(history: Sequence[dict[str, float]]) -> dict[str, float] | None:
    """The measurement that the weights were chosen by; the base's own does not count."""
    learnt = [row for row in history if row["step"]]
    return max(learnt, key=score) if learnt else None


def _versions() -> dict[str, str]:
    found = {}
    for name in ("torch", "transformers", "open_clip_torch", "safetensors"):
        with suppress(importlib.metadata.PackageNotFoundError):
            found[name.removesuffix("_torch")] = importlib.metadata.version(name)
    return found


def _table(head: Sequence[object], rows: Sequence[Sequence[object]]) -> str:
    return "\n".join(f"| {' | '.join(str(cell) for cell in row)} |" for row in [head, ["---"] * len(head), *rows])
