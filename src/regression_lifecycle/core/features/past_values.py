"""Values of earlier rows looked up in pandas tables, where a join per age takes six times longer.

A join puts time and series into one number anew for every age. Here they are put into one once, and
the rows of every age are found by it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.metrics import FloatArray

_MICROSECOND = pd.Timedelta(microseconds=1)
_LARGEST = 2**62


def look_up_ages(
    rows: pd.DataFrame,
    observations: pd.DataFrame,
    column: str,
    ages: Sequence[pd.Timedelta],
    problem: Problem,
) -> list[FloatArray]:
    """Find the values of a column some time before each row, in the row's own series.

    Args:
        rows: Rows with the timestamp and the columns of the series.
        observations: Rows with the same and the column, at most one per time and series.
        column: A column of numbers.
        ages: How long before.

    Returns:
        For every age one value per row, NaN where there is none.
    """
    stamp = problem.timestamp.name
    then, own = (in_microseconds(table[stamp]) for table in (observations, rows))
    values = observations[column].to_numpy("float64", na_value=np.nan)
    past = PastValues(observations, then, values, rows, problem)
    return [past.at(own - age // _MICROSECOND) for age in ages]


class PastValues:
    """Values by series and time, for rows of the same series that ask for those of other times."""

    def __init__(
        self,
        past: pd.DataFrame,
        times: NDArray[np.int64],
        values: FloatArray,
        rows: pd.DataFrame,
        problem: Problem,
    ) -> None:
        """Put series and time of every value into one number.

        Args:
            past: Rows with the columns of the series; of several at one time the last one counts.
            times: Their times as numbers, in any unit, shape (n_past,).
            values: What is looked up, shape (n_past,).
            rows: Rows that will ask, with the columns of the series.
        """
        series, n_series = _number_series(past, rows, problem.series_columns)
        self._series = series[len(past) :]
        self._first = int(times.min()) if len(times) else 0
        self._span = int(times.max()) - self._first + 1 if len(times) else 0
        self._places: NDArray[np.int64] | None = None
        if n_series * self._span > _LARGEST:
            # Numbered in their order, since there are fewer of them than microseconds.
            self._places, times = np.unique(times, return_inverse=True)
            self._first, self._span = 0, len(self._places)
        keys = series[: len(past)] * self._span + (times - self._first)
        order = np.argsort(keys, kind="stable")
        self._keys, self._values = keys[order], values[order]
        self._order: NDArray[np.int64] | None = None

    def at(self, times: NDArray[np.int64]) -> FloatArray:
        """Return the value of each row at a time; NaN where there is none."""
        return self._look_up(times, exact=True)

    def until(self, times: NDArray[np.int64]) -> FloatArray:
        """Return the newest value of each row at a time or before; NaN where there is none."""
        return self._look_up(times, exact=False)

    def _look_up(self, times: NDArray[np.int64], *, exact: bool) -> FloatArray:
        if not len(self._keys):
            return np.full(len(times), np.nan)
        moment = times - self._first
        is_there = np.full(len(times), True)
        if self._places is not None:
            moment = np.searchsorted(self._places, times, side="right") - 1
            if exact:
                is_there &= self._places[moment.clip(0)] == times
        begins = self._series * self._span
        key = begins + moment.clip(max=self._span - 1)
        place = self._find(key)
        found = self._keys[place.clip(0)]
        is_there &= (moment >= 0) & (place >= 0)
        is_there &= (found == begins + moment) if exact else (found >= begins)
        return np.where(is_there, self._values[place.clip(0)], np.nan)

    def _find(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the place of the last known key up to each of these, -1 for none."""
        if self._order is None:
            # What is looked up in order is found several times faster than in any other, and rows
            # that ask for an earlier time stay in order.
            self._order = np.argsort(keys, kind="stable")
        places = np.empty(len(keys), "int64")
        places[self._order] = np.searchsorted(self._keys, keys[self._order], side="right") - 1
        return places


def in_microseconds(moments: pd.Series) -> NDArray[np.int64]:
    """Return moments as microseconds since 1970."""
    numbers: NDArray[np.int64] = moments.to_numpy("datetime64[us]").astype("int64")
    return numbers


def _number_series(
    observations: pd.DataFrame, rows: pd.DataFrame, columns: Sequence[str]
) -> tuple[NDArray[np.int64], int]:
    """Number the series of two tables, the rows of one after those of the other."""
    n_rows = len(observations) + len(rows)
    if not columns:
        return np.zeros(n_rows, dtype="int64"), 1
    names = pd.concat([table[list(columns)] for table in (observations, rows)], ignore_index=True)
    grouped = names.groupby(list(columns), sort=False, dropna=False, observed=True)
    return grouped.ngroup().to_numpy(), grouped.ngroups
