"""Pieces of a raw table that is too large for memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pandas as pd


class RawPieces:
    """Pieces of one table, the first row first, which are read whenever they are gone through."""

    def __init__(
        self, opened: Iterator[pd.DataFrame], again: Callable[[], Iterator[pd.DataFrame]]
    ) -> None:
        """Take the pieces of a table that is open already.

        Args:
            opened: They serve whoever goes through the pieces first.
            again: Opens the table once more.
        """
        self._opened: Iterator[pd.DataFrame] | None = opened
        self._again = again

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """Read the table from its first row on."""
        opened, self._opened = self._opened, None
        return self._again() if opened is None else opened
