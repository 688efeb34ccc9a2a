"""What tests of living sources share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from live_server import Place, living


@pytest.fixture(scope="module")
def served() -> Iterator[Place]:
    """A source on this machine; each test says what it holds."""
    place = Place()
    with living(place):
        yield place
