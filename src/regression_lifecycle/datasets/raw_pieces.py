"""Pieces of a raw table that is too large for memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pandas as pd

from regression_lifecycle.core.ingestion.raw_table import RawPart


class RawPieces:
    """Pieces of one table, the first row first, which are read whenever they are gone through."""

    def __init__(
        self,
        opened: Iterator[pd.DataFrame] | None,
        again: Callable[[], Iterator[pd.DataFrame]],
        parts: Callable[[], Iterator[RawPart]] | None = None,
    ) -> None:
        """Take the pieces of a table that is open already.

        Args:
            opened: They serve whoever goes through the pieces first; None if it is not open.
            again: Opens the table once more.
            parts: Goes through its parts, which tell what they hold before they are read; None if
                they do not.
        """
        self._opened = opened
        self._again = again
        self._parts = parts

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """Read the table from its first row on."""
        opened, self._opened = self._opened, None
        return self._again() if opened is None else opened

    def parts(self) -> Iterator[RawPart]:
        """Go through the parts of the table; each is to be read, or left out, before the next."""
        if self._parts is not None:
            yield from self._parts()
            return
        for piece in self:
            yield RawPart("", partial(iter, [piece]))
