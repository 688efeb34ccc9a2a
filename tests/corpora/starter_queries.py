"""The written queries of the starter atlas, and which figures answer them."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mirage

ATLAS = Path(mirage.__file__).parent / "shipped" / "atlas"
QUERIES = tomllib.loads((Path(__file__).parent.parent / "data" / "starter_queries.toml").read_text("utf-8"))
DEFAULT_SHARE = 0.25


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Read one JSON object a line."""
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def answers(rule: Mapping[str, Any], record: Mapping[str, Any]) -> bool:
    """Tell whether a record of figures.jsonl fits every part of a rule of starter_queries.toml."""
    if "ids" in rule and record["id"] not in rule["ids"]:
        return False
    if any(record[key] != rule[key] for key in ("plane", "modality", "modality_detail", "region") if key in rule):
        return False
    if "level_mm" in rule:
        lowest, highest = rule["level_mm"]
        if "level_mm" not in record or not lowest <= record["level_mm"] <= highest:
            return False
    share = rule.get("share", DEFAULT_SHARE)
    return all(record.get("shares", {}).get(name, 0) >= share for name in rule.get("structures", ()))


def answering(rule: Mapping[str, Any], records: list[dict[str, Any]]) -> set[str]:
    """Return the ids of the figures that answer a rule."""
    return {record["id"] for record in records if answers(rule, record)}
