"""What every raw row says for itself: its values as they are declared, its time, its faults."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.quarantine import Reasons
from regression_lifecycle.core.data.raw_columns import final_dtype, timestamps_of, typed_column
from regression_lifecycle.core.data.values import as_written
from regression_lifecycle.core.fingerprints import combined_fingerprint

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


class RawPart(NamedTuple):
    """Consecutive rows of a raw table, which are read when they are asked for.

    Attributes:
        digest: Of everything that says what is read; empty where only reading it tells.
        read: Reads them in pieces, at least one.
    """

    digest: str
    read: Callable[[], Iterator[pd.DataFrame]]


PARTS = {
    "part": "str",
    "n_rows": "int64",
    "n_rejected": "int64",
    "rejected": "str",
    "first": "datetime64[us]",
}
"""Columns of what is recorded of the parts of a raw table, with their dtypes: names, raw rows,
those that something speaks against and a hash of which they are, and the oldest moment."""


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
        parts: Name, first row and oldest moment (NaT without one) of each part that was read.
        recorded_parts: What :meth:`describe_parts` gave in the last run that came to its end; empty
            if that is not known.
    """

    pieces: Iterable[pd.DataFrame]
    n_rows: int = 0
    names: tuple[str, ...] = ()
    reasons: Reasons = field(default_factory=Reasons)
    recorded_undeclared: tuple[str, ...] | None = None
    parts: list[tuple[str, int, pd.Timestamp]] = field(default_factory=list)
    recorded_parts: pd.DataFrame = field(default_factory=pd.DataFrame)

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

    def describe_parts(self) -> pd.DataFrame:
        """Describe the parts that were read.

        Returns:
            One row per part, with the columns of :data:`PARTS`; none if a part has no name, or the
            table was not read in parts.
        """
        if not self.parts or not all(name for name, _, _ in self.parts):
            return pd.DataFrame(columns=list(PARTS)).astype(PARTS)
        rows = self.reasons.rows
        ends = [first_row for _, first_row, _ in self.parts[1:]] + [self.n_rows]
        found = []
        for (name, first_row, first), end in zip(self.parts, ends, strict=True):
            begin, stop = np.searchsorted(rows, [first_row, end])
            own = rows[begin:stop]
            hashed = combined_fingerprint({"rows": own.tolist()})
            found.append((name, end - first_row, len(own), hashed, first))
        return pd.DataFrame(found, columns=list(PARTS)).astype(PARTS)

    def unchanged_until(self) -> pd.Timestamp | None:
        """Find out up to when observations must be those of the last run, but for their labels.

        Parts that stand at the same place, hold the same and lost the same rows give the same
        observations; those of all behind the first other one may differ.

        Returns:
            The moment before which nothing differs; the latest there is if all parts are the same,
            None if nothing is known.
        """
        before, now = self.recorded_parts, self.describe_parts()
        if before.empty:
            return None
        compared = ["part", "n_rows", "rejected"]
        n_same = 0
        for one, other in zip(
            before[compared].itertuples(index=False),
            now[compared].itertuples(index=False),
            strict=False,
        ):
            if one != other:
                break
            n_same += 1
        others = pd.concat([before["first"].iloc[n_same:], now["first"].iloc[n_same:]]).dropna()
        return others.min() if len(others) else pd.Timestamp.max

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


class TypedPart:
    """A part of a raw table, to be typed, or recalled by who stored it when it was typed before."""

    def __init__(self, table: RawTable, part: RawPart, problem: Problem) -> None:
        """Describe the part; nothing is read yet.

        Args:
            table: Takes up what is found; all parts before have been gone through.
        """
        self._table, self._part, self._problem = table, part, problem
        self._first_row = table.n_rows
        self._read = RawTable([])
        self._first = pd.NaT

    @cached_property
    def name(self) -> str:
        """Hash of everything that its typed rows depend on; empty if that is not known."""
        if not self._part.digest:
            return ""
        contract = self._problem.model_dump(mode="json")
        return combined_fingerprint(
            {"rows": self._part.digest, "first_row": self._first_row, "problem": contract}
        )

    def type_rows(self) -> Iterator[pd.DataFrame]:
        """Type its rows, piece by piece.

        Yields:
            The good ones, as :func:`type_rows` gives them.
        """
        self._read = RawTable([], self._first_row)
        for piece in self._part.read():
            typed = self._read.read(piece, self._problem)
            moments = [self._first, typed[self._problem.timestamp.name].min()]
            self._first = min((moment for moment in moments if not pd.isna(moment)), default=pd.NaT)
            yield typed
        self._tell()

    def found(self) -> str:
        """Return what was found when its rows were typed, as JSON."""
        first = None if pd.isna(self._first) else str(self._first)
        reasons = self._read.reasons.to_json()
        return json.dumps([self._read.n_rows, self._read.names, first, reasons])

    def recall(self, found: str) -> None:
        """Take what :meth:`found` returned for what is found now."""
        n_rows, names, first, reasons = json.loads(found)
        self._read = RawTable([], n_rows, tuple(names), Reasons.from_json(reasons))
        self._first = pd.NaT if first is None else pd.Timestamp(first)
        self._tell()

    def _tell(self) -> None:
        table, read = self._table, self._read
        table.names, table.n_rows = read.names, read.n_rows
        table.reasons.append(read.reasons)
        table.parts.append((self.name, self._first_row, self._first))
