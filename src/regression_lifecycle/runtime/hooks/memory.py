"""What a node no longer needs goes back to the system before the next one works."""

from __future__ import annotations

import ctypes
import gc
import sys

from kedro.framework.hooks import hook_impl


class MemoryHook:
    """Gives freed memory back before every node.

    Arrow and the C library keep what was freed for later, each for itself: of a million rows some
    hundred megabytes, which the next node cannot use for tables of its own.
    """

    def __init__(self) -> None:
        # Only the C library of GNU has it.
        library = None if sys.platform == "win32" else ctypes.CDLL(None)
        self._trim = getattr(library, "malloc_trim", None)

    @hook_impl
    def before_node_run(self) -> None:
        """Give it back."""
        # Tables hang in circles of objects. All that was ever made would take half a second.
        gc.collect(1)
        if pyarrow := sys.modules.get("pyarrow"):
            pyarrow.default_memory_pool().release_unused()
        if self._trim is not None:
            self._trim(0)
