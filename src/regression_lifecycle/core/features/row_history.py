"""Known rows, indexed so that the features of a single row are looked up and not joined.

Joining tables costs a tenth of a second whether one row is asked for or ten thousand. A service
answers one row at a time, so it keeps the columns that its model looks back at in sorted arrays
and the rows that came since in dictionaries.
"""

from __future__ import annotations

import itertools
import threading
from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import numpy as np
import pandas as pd

from regression_lifecycle.core.data.keys import row_keys, series_names
from regression_lifecycle.core.data.problem import NUMERIC_TYPES, Problem

Row = Mapping[str, Any]
"""A row by column: numbers, text, moments as ``datetime``; None where a value is missing."""

ONLY_SERIES = ""
"""Name of the series of a table without any."""

_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """Return a moment as the whole number by which rows are sorted."""
    return (moment - _EPOCH) // _MICROSECOND


class KnownRows(Protocol):
    """What features look up."""

    def values(self, column: str, series: str, start: datetime, end: datetime) -> list[float]:
        """Return the values of a column from ``start`` on and before ``end``, missing ones too.

        Args:
            column: A column of numbers.
            series: Name of the series.

        Returns:
            One value per known row, NaN where it is missing.
        """
        ...


@dataclass
class _Series:
    """Rows of one series that came since the table was read: by moment, then by key."""

    moments: list[int] = field(default_factory=list)
    rows: dict[int, dict[str, dict[str, Any]]] = field(default_factory=dict)


class NewRows:
    """Rows that no table holds yet. A later row of a key adds to what is known under it."""

    def __init__(self) -> None:
        """Begin with none."""
        self._series: dict[str, _Series] = {}
        self._places: dict[str, tuple[str, int]] = {}

    def __len__(self) -> int:
        """Return the number of keys."""
        return len(self._places)

    def add(self, key: str, series: str, moment: datetime, row: Row) -> None:
        """Add a row, or columns of a row that is known.

        Args:
            key: Name of the row.
            series: Name of its series.
            moment: Its timestamp.
            row: Its values.
        """
        at = microseconds(moment)
        before = self._places.get(key)
        if before is not None and before != (series, at):
            self._drop(key, *before)
        self._places[key] = (series, at)
        known = self._series.setdefault(series, _Series())
        if at not in known.rows:
            known.rows[at] = {}
            insort(known.moments, at)
        known.rows[at].setdefault(key, {}).update(row)

    def row(self, key: str) -> Row | None:
        """Return the row of a key; None if there is none."""
        place = self._places.get(key)
        return None if place is None else self._series[place[0]].rows[place[1]][key]

    def between(self, series: str, low: int, high: int) -> Iterable[tuple[int, dict[str, Any]]]:
        """Yield moments with their rows by key, the older first."""
        known = self._series.get(series)
        if known is None:
            return
        start = bisect_left(known.moments, low)
        for at in known.moments[start : bisect_left(known.moments, high, start)]:
            yield at, known.rows[at]

    def drop(self, key: str) -> Row:
        """Forget a row, and return what was known of it."""
        place = self._places.pop(key, None)
        if place is None:
            return {}
        row = self._series[place[0]].rows[place[1]][key]
        self._drop(key, *place)
        return row

    def drop_before(self, moment: datetime) -> None:
        """Forget rows that are older."""
        limit = microseconds(moment)
        for key, place in list(self._places.items()):
            if place[1] < limit:
                self.drop(key)

    def _drop(self, key: str, series: str, at: int) -> None:
        known = self._series[series]
        del known.rows[at][key]
        if not known.rows[at]:
            del known.rows[at]
            del known.moments[bisect_left(known.moments, at)]


@dataclass(frozen=True)
class _Table:
    """Stored observations as sorted arrays.

    Attributes:
        places: First row and the one after the last of every series.
        moments: Microseconds, sorted inside of a series.
        keys: Names of the rows, where several may stand at one moment of a series.
        columns: By name.
    """

    places: Mapping[str, tuple[int, int]]
    moments: np.ndarray
    keys: np.ndarray | None
    columns: Mapping[str, np.ndarray]


class RowHistory:
    """All that is known of other rows, for the features of one model. Any thread may use it.

    Attributes:
        lock: Held while rows are looked up that must belong together.
        oldest: Timestamp of the oldest stored observation; None without one.
        newest: Timestamp of the newest row whose target is known; None without one.
    """

    def __init__(self, problem: Problem, columns: Iterable[str]) -> None:
        """Begin without a row.

        Args:
            columns: What may be looked up; only numbers are.
        """
        self._problem = problem
        self._columns = tuple(
            name
            for name in problem.columns
            if name in set(columns) and problem.columns[name].type in NUMERIC_TYPES
        )
        self._table = _table_of(pd.DataFrame(), problem, ())
        self._new = NewRows()
        self.lock = threading.RLock()
        self.oldest: pd.Timestamp | None = None
        self.newest: pd.Timestamp | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that may be looked up."""
        return self._columns

    def replace_table(self, observations: pd.DataFrame) -> None:
        """Take other stored observations. Rows that came since are kept if they are not older.

        Args:
            observations: ``row_order`` and the columns of this history, as ingestion stores them.
        """
        table = _table_of(observations, self._problem, self._columns)
        stamp = self._problem.timestamp.name
        newest = None
        if len(observations) and self._problem.target in observations:
            known = observations[self._problem.target].notna()
            newest = observations.loc[known, stamp].max()
        with self.lock:
            self._table = table
            if newest is not None and not pd.isna(newest):
                self.newest = max(newest, self.newest or newest)
            if len(observations):
                self.oldest = observations[stamp].min()
                self._new.drop_before(self.oldest.to_pydatetime())

    def add(
        self, key: str, series: str, moment: datetime, row: Row, *, is_whole: bool = False
    ) -> None:
        """Add a row, or columns of it; see :meth:`NewRows.add`.

        Args:
            is_whole: Whether it stands for what was known before under its key, but for the label.
        """
        target = self._problem.target
        with self.lock:
            if is_whole and (label := self._new.drop(key).get(target)) is not None:
                row = {target: label, **row}
            self._new.add(key, series, moment, row)
            if row.get(target) is not None:
                stamp = pd.Timestamp(moment)
                self.newest = max(stamp, self.newest or stamp)

    def row(self, key: str) -> Row | None:
        """Return a row that was added; None if there is none of that key."""
        with self.lock:
            return self._new.row(key)

    def values(self, column: str, series: str, start: datetime, end: datetime) -> list[float]:
        """Return the values of a column from ``start`` on and before ``end``, missing ones too."""
        return self.overlaid((), column, series, start, end)

    def overlaid(
        self, over: Iterable[NewRows], column: str, series: str, start: datetime, end: datetime
    ) -> list[float]:
        """Return values as :meth:`values` does, with further rows laid over those that are known.

        Args:
            over: Rows of a request, the later ones win.
        """
        low, high = microseconds(start), microseconds(end)
        newer: dict[Any, float] = {}
        for rows in (self._new, *over):
            for at, by_key in rows.between(series, low, high):
                for key, row in by_key.items():
                    # One row per moment has no need of a name, and the table keeps none.
                    name = at if self._table.keys is None else key
                    value = row.get(column)
                    if value is not None:
                        newer[name] = float(value)
                    else:
                        newer.setdefault(name, np.nan)
        stored = self._stored(column, series, low, high)
        for name, value in newer.items():
            if value == value or name not in stored:
                stored[name] = value
        return list(stored.values())

    def _stored(self, column: str, series: str, low: int, high: int) -> dict[Any, float]:
        table = self._table
        place = table.places.get(series)
        if place is None:
            return {}
        moments = table.moments[place[0] : place[1]]
        start, stop = np.searchsorted(moments, (low, high))
        if start == stop:
            return {}
        names = moments if table.keys is None else table.keys[place[0] : place[1]]
        values = table.columns[column][place[0] + start : place[0] + stop]
        return dict(zip(names[start:stop].tolist(), values.tolist(), strict=True))


class RequestRows:
    """Known rows with those of one request laid over them."""

    def __init__(self, history: RowHistory) -> None:
        """Begin a request without a row.

        Args:
            history: What is known beside it.
        """
        self._history = history
        self._rows = NewRows()
        # The rows of a day ask for the same day.
        self._found: dict[tuple[str, str, datetime, datetime], list[float]] = {}

    def __len__(self) -> int:
        """Return the number of keys of the request."""
        return len(self._rows)

    def add(self, key: str, series: str, moment: datetime, row: Row) -> None:
        """Add a row of the request; see :meth:`NewRows.add`."""
        self._rows.add(key, series, moment, row)
        self._found = {}

    def values(self, column: str, series: str, start: datetime, end: datetime) -> list[float]:
        """Return the values of a column from ``start`` on and before ``end``, missing ones too."""
        asked = (column, series, start, end)
        found = self._found.get(asked)
        if found is None:
            found = self._found[asked] = self._history.overlaid((self._rows,), *asked)
        return found


def _table_of(observations: pd.DataFrame, problem: Problem, columns: tuple[str, ...]) -> _Table:
    """Sort observations by series and time."""
    if observations.empty:
        nothing = np.array([], dtype="int64")
        keys = None if problem.key_holds_time else np.array([], dtype="object")
        return _Table({}, nothing, keys, {name: nothing.astype("float64") for name in columns})
    moments = observations[problem.timestamp.name].to_numpy().astype("datetime64[us]")
    moments = moments.astype("int64")
    if problem.series_columns:
        codes, names = pd.factorize(series_names(observations, problem))
        order = np.lexsort((moments, codes))
        bounds = np.searchsorted(codes[order], np.arange(len(names) + 1)).tolist()
        places = dict(zip(names, itertools.pairwise(bounds), strict=True))
    else:
        order = np.argsort(moments, kind="stable")
        places = {ONLY_SERIES: (0, len(moments))}
    keys = None
    if not problem.key_holds_time:
        keys = row_keys(observations, problem).to_numpy(dtype="object")[order]
    values = {
        name: (
            observations[name].to_numpy(dtype="float64")[order]
            if name in observations
            else np.full(len(moments), np.nan)
        )
        for name in columns
    }
    return _Table(places, moments[order], keys, values)
