"""Fixtures that the tests of both distributions share, and what is left out where torch is not installed."""

from importlib.util import find_spec

pytest_plugins = ["shared_fixtures"]
# These import torch at their top.
collect_ignore = (
    []
    if find_spec("torch")
    else ["tests/explain/explainers/test_transformers.py", "tests/generate/generators/test_diffusers_generator.py"]
)
