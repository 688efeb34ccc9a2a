"""Write the page of results of the workflow `paper`: what was measured on ROCO's test split, beside the model's card.

    python scripts/paper_page.py results

Reads ``retrieval.json``, as `mirage evaluate retrieval --json` writes it, ``asked.json``, as `mirage ask --json` does, and
``roco-revision.txt``, which commit of the data set was measured, and writes ``README.md`` beside them. It shows texts and
pictures of ROCO: read each figure's licence before it is passed on.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

# Of the model's card: ROCO's validation split, 8,785 pairs. Another split, so that the numbers are near each other at best.
CARD = {"text to image": 0.679, "image to text": 0.675}
MEASURES = ("R@1", "R@5", "R@10")


def page(retrieval: dict, asked: dict | None, revision: str = "") -> str:
    """Write the page as Markdown.

    Parameters
    ----------
    retrieval, asked : dict
    revision : str
        Of ROCO's copy.
    """
    lines = [
        "# The paper's models on ROCO's test split",
        "",
        f"`{retrieval['command']}`, MIRAGE {retrieval['version']}.",
        "",
    ]
    lines += [f"- encoder: {each['label']}, digest {each['digest'][:16]}" for each in retrieval["encoders"]]
    if revision:
        lines.append(f"- ROCO: mdwiratathya/ROCO-radiology at {revision}")
    lines += [
        "",
        f"| task | system | pool | {' | '.join(MEASURES)} | card, R@10 on validation |",
        "|---|---|---|---|---|---|---|",
    ]
    for task, told in retrieval["tasks"].items():
        for system, found in told["systems"].items():
            shown = [f"{found[each][0]:.3f}" if each in found else "–" for each in MEASURES]
            card = f"{CARD[task]:.3f}" if task in CARD and system == told["main"] else ""
            lines.append(f"| {task} | {system} | {told['pool']:,} | {' | '.join(shown)} | {card} |")
    lines += [
        "",
        "ROCO's figures, of the test split too, may have been seen in training, through MedICaT: see the model's card.",
        "",
    ]
    if asked is not None:
        lines += ["## Asked", "", "```json", json.dumps(asked, indent=1, ensure_ascii=False)[:20_000], "```", ""]
    return "\n".join(lines)


def main(folder: Path) -> None:
    """Write the page of a folder."""
    retrieval = json.loads((folder / "retrieval.json").read_text("utf-8"))
    told = folder / "asked.json"
    asked = json.loads(told.read_text("utf-8")) if told.is_file() else None
    pinned = folder / "roco-revision.txt"
    revision = pinned.read_text("utf-8").strip() if pinned.is_file() else ""
    (folder / "README.md").write_text(page(retrieval, asked, revision), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
