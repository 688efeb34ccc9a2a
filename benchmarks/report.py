"""Results as a table that a person reads."""

from __future__ import annotations

from typing import Any

_HEAD = "| | measured | bar | | instead of | times better |\n|---|---:|---:|---|---|---:|\n"


def markdown(record: dict[str, Any]) -> str:
    """The record that ``python -m benchmarks`` writes, as Markdown."""
    here = record["machine"]
    lines = [_line(row) for outcome in record["outcomes"].values() for row in outcome["rows"]]
    text = _HEAD + "".join(lines)
    text += (
        f"\n{record['when']}, {here['processor']}, {here['cores']} cores, {here['memory_GB']} GB, Python {here['python']}, "
        f"onnxruntime {here['packages']['onnxruntime']}, qdrant-edge-py {here['packages']['qdrant-edge-py']}. "
        f"{'MedPix 2.0 was there.' if record['medpix'] else 'Without MedPix 2.0; the starter atlas in its place.'}\n"
    )
    if record["quick"]:
        text += "\nA quick run: small sizes, figures without meaning.\n"
    for name, outcome in record["outcomes"].items():
        details = outcome["details"]
        about = [f"load {details.get('load_before')} before and {details.get('load_after')} after"]
        about += [outcome["skipped"]] if outcome["skipped"] else []
        about += [note.rstrip(".") for note in outcome["notes"]]
        text += f"\n- `{name}`: {'; '.join(about)}."
    return text + "\n"


def _line(row: dict[str, Any]) -> str:
    bar, value = row["bar"], row["value"]
    sign = "≤" if row["better"] == "less" else "≥"
    reached = bar is None or (value <= bar if row["better"] == "less" else value >= bar)
    verdict = "" if bar is None else "reached" if reached else "**missed**"
    ratio = "" if row["ratio"] is None else f"{row['ratio']:g} ×"
    wanted = "" if bar is None else f"{sign} {bar:g} {row['unit']}"
    return f"| {row['what']} | {value:g} {row['unit']} | {wanted} | {verdict} | {row['instead']} | {ratio} |\n"
