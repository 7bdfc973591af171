"""One simulator for all self-tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simulator.client import Simulator
from simulator.peer import make_world


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with Simulator(tmp_path_factory.mktemp("upstream"), make_world()) as simulator:
        yield simulator


@pytest.fixture
def upstream(shared: Simulator) -> Iterator[Simulator]:
    """Each test begins without faults and without a past."""
    shared.reset()
    yield shared
    shared.clear_faults()
    assert shared.errors() == []
