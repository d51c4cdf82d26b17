"""Freed memory goes back to the system between nodes."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from regression_lifecycle.runtime.hooks import MemoryHook


def resident_megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 2**20


def leave_much_behind() -> tuple[np.ndarray, float]:
    """Free much memory that is kept for later; return what is still in use, and all of it."""
    kept = [np.ones(1000) for _ in range(20_000)]
    # What is freed lies below what is still in use, so that the C library keeps it.
    last = kept[-1]
    table = pa.array(np.arange(10_000_000))
    full = resident_megabytes()
    del kept, table
    return last, full


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_memory_that_was_freed_is_the_systems_again() -> None:
    last, full = leave_much_behind()

    MemoryHook().before_node_run()

    assert resident_megabytes() < full - 150
    assert last.sum() == 1000


def test_so_does_what_a_reader_needed_beside_a_large_table() -> None:
    table = pd.DataFrame({"row": np.arange(200_000)})
    last, full = leave_much_behind()
    left = resident_megabytes()

    MemoryHook().after_dataset_loaded(table.head(10))
    MemoryHook().after_dataset_loaded({"columns": 3})
    assert resident_megabytes() > left - 10

    MemoryHook().after_dataset_loaded(table)

    assert resident_megabytes() < full - 150
    assert last.sum() == 1000
