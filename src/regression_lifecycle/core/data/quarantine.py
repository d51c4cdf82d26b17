"""Rows that are set aside: why, how many may be, and when they happened."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from regression_lifecycle.core.data.values import as_written
from regression_lifecycle.core.errors import DataContractError, bounded_list, counted

REASON_COLUMN = "rejection_reason"
ROW_COLUMN = "raw_row"

RejectedShare = Annotated[float, Field(ge=0, le=1)]
"""Share of rows that may be set aside."""
_LONGEST_QUOTE = 40
_NO_ROWS = np.array([], dtype="int64")


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


@dataclass
class _Reason:
    """One thing that may be wrong with a row.

    Attributes:
        text: What is wrong.
        mend: What can be done about it, as far as the values show it.
        rows: Positions in the whole table, from 0, in ascending order.
        quoted: The value of the first of them; None if no single value is wrong.
    """

    text: str
    mend: str
    is_unreadable: bool
    rows: NDArray[np.int64]
    quoted: str | None

    @property
    def sentence(self) -> str:
        return self.text + self.mend

    @property
    def whereabouts(self) -> str:
        quoted = "" if self.quoted is None else f": {self.quoted!r}"
        return f"{counted(len(self.rows), 'row')}, first in row {self.rows[0] + 1}{quoted}"

    def followed_by(self, later: _Reason) -> _Reason:
        return replace(
            self,
            mend=self.mend or later.mend,
            rows=np.concatenate([self.rows, later.rows]),
            quoted=self.quoted if len(self.rows) else later.quoted,
        )


class Reasons:
    """Collects, row by row, why the contract is broken.

    Attributes:
        any: Which rows of the piece break it, shape (n_rows,).
    """

    def __init__(self, n_rows: int = 0, first_row: int = 0) -> None:
        """Begin without a reason.

        Args:
            n_rows: Rows of a table, or of a piece of one.
            first_row: Position of its first row in the whole table, from 0.
        """
        self.any = np.zeros(n_rows, dtype=bool)
        self._first_row = first_row
        # Those that hold for no row too, so that pieces of one table have the same ones.
        self._asked: list[_Reason] = []

    @property
    def unreadable(self) -> list[str]:
        """Sentences on values that cannot be read as their column's type."""
        return [f"{r.sentence} in {r.whereabouts}" for r in self._found if r.is_unreadable]

    @property
    def rows(self) -> NDArray[np.int64]:
        """Positions in the whole table of the rows that break it, in ascending order."""
        return self._rows_of(self._asked)

    def count_rows(self, but: str = "") -> int:
        """Count the rows that something but one reason speaks against."""
        return len(self._rows_of(reason for reason in self._asked if reason.text != but))

    @staticmethod
    def _rows_of(reasons: Iterable[_Reason]) -> NDArray[np.int64]:
        return np.unique(np.concatenate([_NO_ROWS, *(reason.rows for reason in reasons)]))

    @property
    def _found(self) -> list[_Reason]:
        return [reason for reason in self._asked if len(reason.rows)]

    def add_unreadable(
        self, mask: pd.Series | NDArray[np.bool_], reason: str, values: pd.Series, mend: str = ""
    ) -> None:
        """Add a reason that speaks against the file as a whole.

        Args:
            mask: The rows it holds for.
            reason: What is wrong with them.
            values: The raw values, of which the first is quoted.
            mend: What can be done about it.
        """
        self.add(mask, reason, values, mend)
        self._asked[-1].is_unreadable = True

    def add(
        self,
        mask: pd.Series | NDArray[np.bool_],
        reason: str,
        values: pd.Series | None = None,
        mend: str = "",
    ) -> None:
        """Add a reason, and the rows of the piece that it holds for.

        Args:
            mask: The rows.
            reason: What is wrong with them.
            values: The raw values, of which the first is quoted; None if no single one is wrong.
            mend: What can be done about it.
        """
        rows = np.asarray(mask, dtype=bool)
        positions = np.flatnonzero(rows)
        quoted = None
        if len(positions):
            self.any = self.any | rows
            quoted = None if values is None else str(values.iloc[positions[0]])[:_LONGEST_QUOTE]
        positions = positions + self._first_row
        self._asked.append(_Reason(reason, mend, False, positions, quoted))

    def add_rows(self, rows: NDArray[np.int64], reason: str, first_value: object = None) -> None:
        """Add a reason that holds for rows of the whole table.

        Args:
            rows: Their positions, from 0, in ascending order.
            reason: What is wrong with them.
            first_value: Value of the first of them, which is quoted; None if no single one is
                wrong.
        """
        quoted = None if first_value is None else str(first_value)[:_LONGEST_QUOTE]
        self._asked.append(_Reason(reason, "", False, rows, quoted))

    def append(self, later: Reasons) -> None:
        """Take up the reasons of the next piece of the same table."""
        self._asked = (
            [one.followed_by(other) for one, other in zip(self._asked, later._asked, strict=True)]
            if self._asked
            else list(later._asked)
        )

    def to_json(self) -> str:
        """Write the reasons as JSON, for another process."""
        return json.dumps(
            [{**asdict(reason), "rows": reason.rows.tolist()} for reason in self._asked]
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what :meth:`to_json` wrote."""
        reasons = cls()
        for found in json.loads(text):
            rows = np.array(found.pop("rows"), dtype="int64")
            reasons._asked.append(_Reason(**found, rows=rows))
        return reasons

    def text(self, rows: NDArray[np.int64]) -> list[str]:
        """Return for every row that is asked about all that speaks against it.

        Args:
            rows: Positions in the whole table, in ascending order.
        """
        texts: list[list[str]] = [[] for _ in rows]
        for reason in self._found:
            for place in np.flatnonzero(np.isin(rows, reason.rows)):
                texts[place].append(reason.sentence)
        return ["; ".join(found) for found in texts]

    def set_aside(
        self, source: pd.DataFrame, rows: NDArray[np.int64] | None = None
    ) -> pd.DataFrame:
        """Take the bad rows out of a table, with what speaks against them.

        Args:
            source: The table as it came, or the bad rows alone.
            rows: Positions of the rows of ``source`` in the whole table, if it is no piece of it.

        Returns:
            The rows as text, with ``raw_row`` (1 for the first) and ``rejection_reason``.
        """
        if rows is None:
            rows = np.arange(len(source)) + self._first_row
        bad = np.isin(rows, self.rows)
        # A corrected quarantine file may come back with the columns that were added to it.
        rejected = source.loc[bad].drop(columns=[ROW_COLUMN, REASON_COLUMN], errors="ignore")
        rejected.insert(0, ROW_COLUMN, rows[bad] + 1)
        rejected.insert(1, REASON_COLUMN, pd.array(self.text(rows[bad]), dtype="str"))
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
        return [f"{r.sentence} ({r.whereabouts})" for r in self._found if r.text != but]
