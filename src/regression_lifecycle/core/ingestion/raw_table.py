"""What every raw row says for itself: its values as they are declared, its time, its faults."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.quarantine import Reasons
from regression_lifecycle.core.data.raw_columns import final_dtype, timestamps_of, typed_column
from regression_lifecycle.core.data.values import as_written

ROW = "__row"
"""Column of the position of a row in the raw table, from 0."""


def type_rows(
    raw: pd.DataFrame, problem: Problem, first_row: int = 0
) -> tuple[pd.DataFrame, Reasons]:
    """Read the rows of a table, or of a piece of one, each for itself.

    Args:
        raw: The rows, with every declared column.
        first_row: Position of the first row in the whole table, from 0.

    Returns:
        The rows that nothing speaks against: the timestamp, the declared columns with the dtypes of
        observations, ``__row``, and as text what a column with a zone held. And what speaks against
        the others.
    """
    source = raw.reset_index(drop=True)
    reasons = Reasons(len(source), first_row)
    typed = {
        name: typed_column(source[name], name, spec, reasons)
        for name, spec in problem.columns.items()
    }
    refuse_weights(source, typed, problem, reasons)
    stamp = timestamps_of(typed, problem, reasons, len(source), first_row)
    rows = np.arange(first_row, first_row + len(source))
    # An hour that the clock repeats is written in two ways.
    zoned = {
        f"__written_{name}": as_written(source[name])
        for name, spec in problem.columns.items()
        if spec.zone
    }
    table = pd.DataFrame({problem.timestamp.name: stamp, **typed, ROW: rows, **zoned})
    if reasons.any.any():
        table = table[~reasons.any]
    dtypes = {name: final_dtype(table[name], spec) for name, spec in problem.columns.items()}
    return table.assign(**dtypes).reset_index(drop=True), reasons


def refuse_weights(
    source: pd.DataFrame, typed: dict[str, pd.Series], problem: Problem, reasons: Reasons
) -> None:
    """Refuse rows by whose weight no error can be weighed; rows to be predicted need none.

    Args:
        source: The rows as they came.
        typed: Their columns, as :func:`typed_column` reads them.
        reasons: Takes up what speaks against a row.
    """
    name = problem.weight_column
    if name is not None and name in typed:
        negative = (typed[name] < 0).fillna(False).astype("bool")
        reasons.add(negative, f"{name}, the weight of the row, is negative", source[name])


@dataclass
class RawTable:
    """A raw table, and what was found when its rows were read.

    Attributes:
        pieces: Its rows, which can be gone through again.
        n_rows: Rows that were read so far.
        names: Its columns.
        reasons: What speaks against rows.
        recorded_undeclared: Columns that the contract did not know in the last run; None if that is
            not known.
    """

    pieces: Iterable[pd.DataFrame]
    n_rows: int = 0
    names: tuple[str, ...] = ()
    reasons: Reasons = field(default_factory=Reasons)
    recorded_undeclared: tuple[str, ...] | None = None

    def read(self, piece: pd.DataFrame, problem: Problem) -> pd.DataFrame:
        """Read the next piece.

        Returns:
            Its good rows, as :func:`type_rows` gives them.
        """
        typed, reasons = type_rows(piece, problem, self.n_rows)
        self.names = tuple(map(str, piece.columns))
        self.n_rows += len(piece)
        self.reasons.append(reasons)
        return typed

    def undeclared(self, problem: Problem) -> tuple[str, ...]:
        """Return the columns that the contract does not know, in the order of the table."""
        return tuple(name for name in self.names if name not in problem.columns)

    def rejected(self) -> pd.DataFrame:
        """Return the rows that something speaks against, as :meth:`Reasons.set_aside` does."""
        rows = self.reasons.rows
        found: list[pd.DataFrame] = []
        first_row = 0
        for piece in self.pieces:
            begin, end = np.searchsorted(rows, [first_row, first_row + len(piece)])
            if begin < end or not found:
                own = piece.iloc[rows[begin:end] - first_row]
                found.append(self.reasons.set_aside(own, rows[begin:end]))
            first_row += len(piece)
            if end == len(rows):
                break
        return pd.concat(found, ignore_index=True)
