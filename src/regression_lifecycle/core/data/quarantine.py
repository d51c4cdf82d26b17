"""Rows that are set aside: why, how many may be, and when they happened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from regression_lifecycle.core.data.values import as_written
from regression_lifecycle.core.errors import DataContractError, bounded_list, counted

REASON_COLUMN = "rejection_reason"
ROW_COLUMN = "raw_row"

RejectedShare = Annotated[float, Field(ge=0, le=1)]
"""Share of rows that may be set aside."""


def refuse_bad_share(
    n_bad: int, n_rows: int, maximum: float, reasons: Sequence[str], what: str, section: str
) -> None:
    """Refuse rows of which too many break the contract.

    Args:
        n_bad: Rows that break it.
        n_rows: All rows.
        maximum: Share that is bearable.
        reasons: What is wrong, with counts.
        what: What the rows are, such as ``labels``.
        section: Section of the parameters that holds ``maximum_rejected_share``.

    Raises:
        DataContractError: If the share is above the maximum.
    """
    if not n_rows or n_bad / n_rows <= maximum:
        return
    raise DataContractError(
        f"{what}: {n_bad} of {n_rows} rows ({n_bad / n_rows:.1%}) break the contract, more than "
        f"{section}.maximum_rejected_share = {maximum:.1%}: {bounded_list(reasons, 5)}. Nothing "
        "of it was written"
    )


class Reasons:
    """Collects, row by row, why the contract is broken.

    Attributes:
        any: Which rows break it, shape (n_rows,).
        unreadable: Sentences on values that cannot be read as their column's type.
    """

    def __init__(self, n_rows: int) -> None:
        """Begin without a reason for a table of so many rows."""
        self.any = np.zeros(n_rows, dtype=bool)
        self.unreadable: list[str] = []
        self._found: list[tuple[str, np.ndarray, str]] = []

    def add_unreadable(self, mask: pd.Series | np.ndarray, reason: str, values: pd.Series) -> None:
        """Add a reason that speaks against the file as a whole.

        Args:
            mask: The rows it holds for.
            reason: What is wrong with them.
            values: The raw values, of which the first is quoted.
        """
        rows = np.asarray(mask, dtype=bool)
        if rows.any():
            self.unreadable.append(f"{reason} in {_whereabouts(rows, values)}")
        self.add(rows, reason, values)

    def add(
        self, mask: pd.Series | np.ndarray, reason: str, values: pd.Series | None = None
    ) -> None:
        """Add a reason, and the rows that it holds for.

        Args:
            mask: The rows.
            reason: What is wrong with them.
            values: The raw values, of which the first is quoted; None if no single one is wrong.
        """
        rows = np.asarray(mask, dtype=bool)
        if rows.any():
            self._found.append((reason, rows, _whereabouts(rows, values)))
            self.any = self.any | rows

    def text(self, bad: np.ndarray) -> list[str]:
        """Return for every row that is asked about all that speaks against it."""
        positions = np.flatnonzero(bad)
        return [
            "; ".join(reason for reason, rows, _ in self._found if rows[position])
            for position in positions
        ]

    def set_aside(self, source: pd.DataFrame, first_row: int = 0) -> pd.DataFrame:
        """Take the bad rows out of a table, with what speaks against them.

        Args:
            source: The table as it came.
            first_row: Position of its first row in the whole table, from 0.

        Returns:
            The rows as text, with ``raw_row`` (1 for the first) and ``rejection_reason``.
        """
        # A corrected quarantine file may come back with the columns that were added to it.
        rejected = source.loc[self.any].drop(columns=[ROW_COLUMN, REASON_COLUMN], errors="ignore")
        rejected.insert(0, ROW_COLUMN, np.flatnonzero(self.any) + 1 + first_row)
        rejected.insert(1, REASON_COLUMN, self.text(self.any))
        # Raw values of mixed types cannot be stored in a typed file; text keeps them as they were.
        for name in rejected.columns[2:]:
            rejected[name] = as_written(rejected[name])
        # A spreadsheet or a query may name further columns by numbers.
        return rejected.rename(columns=str).reset_index(drop=True)

    def summary(self) -> str:
        """Return in one text which reasons there are, how often, and where first."""
        return bounded_list(self.counts(), 5)

    def counts(self, but: str = "") -> list[str]:
        """Return every reason but one with the number of its rows and the first of them."""
        return [f"{reason} ({where})" for reason, _, where in self._found if reason != but]


def _whereabouts(rows: np.ndarray, values: pd.Series | None) -> str:
    first = int(np.argmax(rows))
    quoted = "" if values is None else f": {str(values.iloc[first])[:40]!r}"
    return f"{counted(int(rows.sum()), 'row')}, first in row {first + 1}{quoted}"
