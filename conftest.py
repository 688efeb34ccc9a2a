"""Fixtures that the tests of both distributions share, and what is left out where torch is not installed or not wanted."""

import gc
import re
from collections.abc import Generator
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest_plugins = ["shared_fixtures", "served_as"]
# These import torch at their top.
collect_ignore = (
    []
    if find_spec("torch")
    else ["tests/explain/explainers/test_transformers.py", "tests/generate/generators/test_diffusers_generator.py"]
)
# Begun first, the longest foremost: one that began last would keep one process busy while the others have nothing left.
# The first makes the starter atlas; the second does not wait for it.
LONG = (
    "tests/test_atlas.py",
    "tests/web/test_axe.py",
    "tests/storage/test_reindex.py",
    "tests/storage/test_archive.py",
    "tests/test_benchmarks.py",
    "tests/storage/test_ingest.py",
    "tests/web/test_quiz.py",
    "tests/calibrate/test_weights.py",
    "tests/web/test_browser.py",
    "tests/cli/test_commands.py",
    "tests/test_benchmarks_at_scale.py",
    "tests/web/test_browser_stack.py",
    "research/tests/evaluation/test_generation_measured.py",
    "tests/cli/test_plugin_example.py",
    "tests/web/test_browser_generate.py",
    "tests/generate/generators/test_generators_contract.py",
    "tests/cli/test_rebuild_command.py",
    "tests/web/test_browser_explain.py",
    "tests/web/test_generate.py",
    "tests/web/test_rebuilding_served.py",
    "research/tests/evaluation/test_refine_measured.py",
    "research/tests/evaluation/test_grounding_measured.py",
    "tests/storage/test_archive_records.py",
)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for garbage neither while tests are collected nor ever again in what was collected: it stays to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out files whose tests all need torch where those are not to run: importing it takes many seconds."""
    if config.option.markexpr != "not torch" or collection_path.suffix != ".py":
        return None
    return bool(re.search(r"^pytestmark = pytest\.mark\.torch$", collection_path.read_text("utf-8"), re.M)) or None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of long files first."""
    order = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: order.get(item.nodeid.partition("::")[0], len(LONG)))
