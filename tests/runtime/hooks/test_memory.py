"""Freed memory goes back to the system between nodes."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from regression_lifecycle.runtime.hooks import MemoryHook


def resident_megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 2**20


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_that_was_freed_is_the_systems_again() -> None:
    kept = [np.ones(1000) for _ in range(20_000)]
    # What is freed lies below what is still in use, so that the C library keeps it.
    last = kept[-1]
    table = pa.array(np.arange(10_000_000))
    full = resident_megabytes()
    del kept, table

    MemoryHook().before_node_run()

    assert resident_megabytes() < full - 150
    assert last.sum() == 1000
