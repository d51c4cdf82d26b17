"""How a table is cut into windows: one class per way."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from itertools import pairwise
from typing import Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field, model_validator

from regression_lifecycle.core.calendar.moments import moment_text
from regression_lifecycle.core.config import Moment, StrictModel
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.durations import AnyDuration, Duration, steps_to_cover
from regression_lifecycle.core.errors import ConfigurationError, unknown_name
from regression_lifecycle.core.variants import Variant
from regression_lifecycle.core.windows.bounds import (
    PERIOD_LENGTHS,
    Bounds,
    Period,
    length_bounds,
    period_bounds,
    row_bounds,
    rows_key,
    value_text,
)


class WindowParameters(Variant):
    """How a table is cut into windows.

    Attributes:
        origin: Rows before it are in no window, and counting begins here. None begins with the
            first row, for ``length`` with its day (``1 quarter`` with its quarter, ``1 year`` with
            its year).
        minimum_rows: A window with fewer rows is underpopulated.
        labelled_share: Share of a window's rows with a known target from which on it counts as
            labelled. Once ``problem.label_deadline`` is over, ``minimum_rows`` of them are enough.
    """

    origin: Moment | None = None
    minimum_rows: int = Field(10, ge=1)
    labelled_share: float = Field(0.95, gt=0, le=1)

    def is_labelled(self, n: int, n_labelled: int, *, overdue: bool) -> bool:
        """Return whether so many labels are enough to judge a window.

        Args:
            n: Rows of the window.
            n_labelled: Those with a target.
            overdue: Whether no further label is waited for.
        """
        enough = overdue and n_labelled >= self.minimum_rows
        return enough or n_labelled / n >= self.labelled_share

    @property
    def by_time(self) -> bool:
        """Whether a row's time alone says in which window it lies."""
        return isinstance(self, TimeWindows)

    def check(self, problem: Problem, columns: Iterable[str] | None) -> None:
        """Refuse a table that cannot be cut like this.

        Args:
            columns: The columns that it can be cut by; None if they are not known.

        Raises:
            ConfigurationError: Naming the key and the mend.
        """

    def columns_read(self, problem: Problem) -> tuple[str, ...]:
        """Return the columns that tell in which window a row lies, and whether it is labelled."""
        return (*problem.row_order, problem.target)

    def longest(self, problem: Problem) -> AnyDuration | None:
        """Return the time that the longest window takes; None where nothing says so."""
        return None

    def capacity(self, problem: Problem) -> int | None:
        """Return the most rows that a window can hold; None where nothing says so."""
        longest = self.longest(problem)
        if longest is None or problem.irregular or len(problem.key_columns) > 1:
            return None
        return steps_to_cover(longest, problem.frequency)

    @abstractmethod
    def bounds(self, table: pd.DataFrame, problem: Problem, until: pd.Timestamp) -> list[Bounds]:
        """Bound the windows of a table.

        Args:
            table: Rows in any order, at least one.
            until: Moment in the last window, where the time alone decides.

        Returns:
            The bounds in the order of the windows.

        Raises:
            ConfigurationError: If there would be too many windows.
        """


class TimeWindows(WindowParameters):
    """Windows of which the time alone decides."""

    def columns_read(self, problem: Problem) -> tuple[str, ...]:
        """The timestamp, and the target."""
        return (problem.timestamp.name, problem.target)

    @abstractmethod
    def bounds_between(self, first: pd.Timestamp, last: pd.Timestamp) -> list[Bounds]:
        """Bound the windows from one moment to another."""

    def bounds(self, table: pd.DataFrame, problem: Problem, until: pd.Timestamp) -> list[Bounds]:
        """Bound them from the oldest row on; without a time they are named by their rows."""
        found = self.bounds_between(table[problem.timestamp.name].min(), until)
        return row_bounds(found, problem) if problem.timestamp.rows else found


class RowWindows(WindowParameters):
    """Windows that are cut by the rows themselves."""

    @abstractmethod
    def number(self, rows: pd.DataFrame) -> tuple[NDArray[np.int64], list[str]]:
        """Number the windows of rows that stand in order.

        Returns:
            The number of the window per row, -1 for none, and the keys by number.
        """

    def codes(self, table: pd.DataFrame, problem: Problem) -> tuple[NDArray[np.int64], list[str]]:
        """Number the windows of a table in any order, as :meth:`number` does."""
        order_by = [name for name in problem.row_order if name in table.columns]
        # A sort that keeps equal rows as they stand, by position: the index may repeat itself.
        order = table[order_by].reset_index(drop=True).sort_values(order_by, kind="stable").index
        order = order.to_numpy()
        if self.origin is not None:
            moments = table[problem.timestamp.name].to_numpy()
            order = order[moments[order] >= self.origin.to_datetime64()]
        codes = np.full(len(table), -1)
        codes[order], keys = self.number(table.iloc[order])
        return codes, keys

    def bounds(self, table: pd.DataFrame, problem: Problem, until: pd.Timestamp) -> list[Bounds]:
        """Bound them from their oldest row to a frequency after their newest."""
        codes, keys = self.codes(table, problem)
        moments = table[problem.timestamp.name].astype("datetime64[us]")
        spans = moments[codes >= 0].groupby(codes[codes >= 0]).agg(["min", "max"])
        return [
            Bounds(keys[code], start, (newest + problem.frequency).as_unit("us"))
            for code, start, newest in spans.itertuples()
        ]

    def is_full(self, n: int) -> bool:
        """Whether a window of so many rows can take no more; where nothing says so, it is."""
        return True


class LengthWindows(TimeWindows):
    """Windows of one length, one after the other.

    Attributes:
        length: Their length.
    """

    kind: Literal["length"]
    length: Duration

    def longest(self, problem: Problem) -> AnyDuration:
        """Return their length."""
        return self.length

    def bounds_between(self, first: pd.Timestamp, last: pd.Timestamp) -> list[Bounds]:
        """Count from the origin, or from the day (month, quarter, year) of the oldest row."""
        return length_bounds(first, last, self.length, self.origin)


class PeriodWindows(TimeWindows):
    """Calendar periods in the table's local time.

    Attributes:
        period: Which ones; a week is an ISO week, from Monday to Sunday.
    """

    kind: Literal["period"]
    period: Period

    def check(self, problem: Problem, columns: Iterable[str] | None) -> None:
        """Refuse a table without a calendar."""
        if problem.timestamp.rows:
            raise ConfigurationError(
                f"period: {self.period} needs a calendar, and the table has none "
                "(problem.timestamp.rows); use kind rows, length or column"
            )

    def longest(self, problem: Problem) -> AnyDuration:
        """Return the length of a period."""
        return PERIOD_LENGTHS[self.period]

    def bounds_between(self, first: pd.Timestamp, last: pd.Timestamp) -> list[Bounds]:
        """Begin with the period of the origin, or of the oldest row."""
        return period_bounds(first if self.origin is None else self.origin, last, self.period)


class RowCountWindows(RowWindows):
    """Windows of so many rows, in the order of time.

    Attributes:
        rows: How many; at least ``minimum_rows``.
    """

    kind: Literal["rows"]
    rows: int = Field(ge=1)

    @model_validator(mode="after")
    def _can_be_populated(self) -> Self:
        if self.rows < self.minimum_rows:
            raise ConfigurationError(
                f"windows of {self.rows} rows never reach minimum_rows = {self.minimum_rows}; "
                "lower it"
            )
        return self

    def number(self, rows: pd.DataFrame) -> tuple[NDArray[np.int64], list[str]]:
        """Count the rows."""
        size = self.rows
        count = -(-len(rows) // size)
        keys = [rows_key(place * size, (place + 1) * size - 1) for place in range(count)]
        return np.arange(len(rows)) // size, keys

    def capacity(self, problem: Problem) -> int:
        """Return how many they are, of all series together."""
        return self.rows

    def is_full(self, n: int) -> bool:
        """Whether there are as many as asked for."""
        return n >= self.rows


class ColumnWindows(RowWindows):
    """One window per value of a column, in the order of first appearance.

    A row without a value is in no window.

    Attributes:
        column: Which one.
    """

    kind: Literal["column"]
    column: str

    def columns_read(self, problem: Problem) -> tuple[str, ...]:
        """The column as well."""
        return tuple(dict.fromkeys([*super().columns_read(problem), self.column]))

    def check(self, problem: Problem, columns: Iterable[str] | None) -> None:
        """Refuse a column that the table does not have."""
        if columns is not None and self.column not in (known := set(columns)):
            raise ConfigurationError(f"column: {unknown_name('column', self.column, known, 40)}")

    def number(self, rows: pd.DataFrame) -> tuple[NDArray[np.int64], list[str]]:
        """Number the values."""
        codes, values = pd.factorize(rows[self.column])
        return codes, [f"{self.column}={value_text(value)}" for value in values]


class NamedWindow(StrictModel):
    """One window given by its bounds: ``start`` belongs to it, ``end`` does not."""

    start: Moment
    end: Moment

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end <= self.start:
            raise ConfigurationError("a window must end after it starts")
        return self


class ExplicitWindows(TimeWindows):
    """Windows that are listed one by one.

    Attributes:
        windows: ``{start, end}`` of each, half-open, in the order of time, without overlap.
    """

    kind: Literal["explicit"]
    windows: tuple[NamedWindow, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for earlier, later in pairwise(self.windows):
            if later.start < earlier.end:
                raise ConfigurationError(
                    f"windows overlap: {earlier.start} to {earlier.end} and "
                    f"{later.start} to {later.end}"
                )
        if self.origin is not None:
            raise ConfigurationError("'origin' has no meaning for explicit windows; leave it out")
        return self

    def longest(self, problem: Problem) -> AnyDuration:
        """Return the length of the longest of them."""
        return max(window.end - window.start for window in self.windows)

    def bounds_between(self, first: pd.Timestamp, last: pd.Timestamp) -> list[Bounds]:
        """Take them as they are."""
        return [
            Bounds(moment_text(window.start), window.start.as_unit("us"), window.end.as_unit("us"))
            for window in self.windows
        ]
