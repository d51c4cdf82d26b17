"""What a node or a dataset no longer needs goes back to the system before a node works."""

from __future__ import annotations

import ctypes
import gc
import sys
from typing import Any

from kedro.framework.hooks import hook_impl

# Rows of a table whose reading leaves so much that it is worth giving back.
_MANY_ROWS = 100_000


class MemoryHook:
    """Gives freed memory back before every node, and once a large table has been read.

    Arrow and the C library keep what was freed for later, each for itself: of a million rows some
    hundred megabytes, which the next node cannot use for tables of its own.
    """

    def __init__(self) -> None:
        # Only the C library of GNU has it.
        library = None if sys.platform == "win32" else ctypes.CDLL(None)
        self._trim = getattr(library, "malloc_trim", None)

    @hook_impl
    def before_node_run(self) -> None:
        """Give back what the last one needed."""
        # Tables hang in circles of objects. All that was ever made would take half a second.
        gc.collect(1)
        self._give_back()

    @hook_impl
    def after_dataset_loaded(self, data: Any) -> None:
        """Give back what a reader needed beside the table, which is as much again."""
        # Asked by its type: a lazy frame would work out its columns to be asked for them.
        pandas = sys.modules.get("pandas")
        if pandas and isinstance(data, pandas.DataFrame) and len(data) >= _MANY_ROWS:
            self._give_back()

    def _give_back(self) -> None:
        if pyarrow := sys.modules.get("pyarrow"):
            pyarrow.default_memory_pool().release_unused()
        if self._trim is not None:
            self._trim(0)
