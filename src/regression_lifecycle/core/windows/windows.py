"""Windows: the stretches of a table in which a model is judged, each with a name that stays.

A window's key and index depend on the parameters and on earlier rows alone (with ``origin`` and
windows of time not even on those), never on how late one looks, so that its figures can be
stored, replaced and compared.

Times are local and naive, as they stand in the table. A calendar day is the 24 hours that the
clock shows: on the day when clocks go forward it has 23 hourly rows, on the day when they go
back the repeated hour lies in the same window as the first one. Neither makes a window partial,
since rows are counted and not expected; a gap is no reason either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regression_lifecycle.core.calendar.moments import moment_text
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.durations import rows_label
from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.core.frames.collecting import collect
from regression_lifecycle.core.windows.parameters import RowWindows, WindowParameters

Status = Literal["complete", "partial", "underpopulated", "empty", "pending labels"]

_COUNT = "__count"
_COLUMNS = ("window", "window_index", "start", "end", "n", "n_labelled", "status")


@dataclass(frozen=True)
class Window:
    """One window.

    Attributes:
        index: Position since the first window, from 0.
        key: Its name: the start of a window of one length or an explicit one (``2011-01-29``,
            ``2011-01-29 06:00``), the period (``2012-02``, ``2020-W53``, ``2012-Q1``), the
            positions of the rows (``rows=0-499``, so too where the table has no time), or the
            value (``batch=7``).
        start: First moment that belongs to it.
        end: First moment that does not. Windows by rows or by column end one frequency after
            their newest row, and may overlap in time.
        n: Rows.
        n_labelled: Rows whose target is known.
        status: The first of these that holds.
            ``empty``: no row. ``underpopulated``: fewer than ``minimum_rows``. ``partial``: the
            table begins after its start, or was not looked at until its end; for ``rows``, fewer
            rows than asked for. ``pending labels``: too few rows are labelled, and
            ``problem.label_deadline`` is not over or fewer than ``minimum_rows`` are.
            ``complete``.
            A window by column is never partial: nothing says whether more rows will come.
    """

    index: int
    key: str
    start: pd.Timestamp
    end: pd.Timestamp
    n: int
    n_labelled: int
    status: Status

    @property
    def label(self) -> str:
        """The key, and for windows that are named by their start the last day or the end."""
        if self.key != moment_text(self.start):
            return rows_label(self.key)
        if self.end == self.end.normalize() and self.start == self.start.normalize():
            return f"{self.key} to {(self.end - pd.Timedelta('1us')).date()}"
        return f"{self.key} until {moment_text(self.end)}"


def list_windows(
    table: Any,
    problem: Problem,
    parameters: WindowParameters,
    *,
    as_of: pd.Timestamp | None = None,
    labels_known_until: pd.Timestamp | None = None,
) -> list[Window]:
    """List the windows of a table with what is in them.

    Args:
        table: Rows in any order with the timestamp, on any engine; with the target, if labels are
            to be counted (missing where not known yet), and with the column of windows by column.
        as_of: The moment from which one looks: later rows do not exist yet. The newest row if
            left out.
        labels_known_until: Labels of later rows count as unknown.

    Returns:
        The windows in order, those without a row in the middle too. With ``as_of``, the list
        runs until it, and a window that is not over yet and has no row is left out. Without
        the target ``n_labelled`` is 0 and no window waits for labels.

    Raises:
        ConfigurationError: If the table cannot be cut like this.
    """
    if not isinstance(table, pd.DataFrame):
        by_moment = parameters.by_time
        table = (_by_moment if by_moment else _in_memory)(table, problem, parameters)
    moments = table[problem.timestamp.name]
    if as_of is not None:
        table, moments = table[moments <= as_of], moments[moments <= as_of]
    bare = bound_windows(table, problem, parameters, as_of)
    if table.empty:
        return []
    place = window_of_rows(table, bare, problem, parameters).to_numpy()
    labelled = None
    if problem.target in table.columns:
        labelled = table[problem.target].notna().to_numpy()
        if labels_known_until is not None:
            labelled = labelled & (moments <= labels_known_until).to_numpy()
    counts = WindowCounts(moments.min(), moments.max(), len(bare))
    counts.add(place, labelled, table[_COUNT].to_numpy() if _COUNT in table else None)
    return fill_windows(bare, counts, problem, parameters, as_of)


def bound_windows(
    table: pd.DataFrame,
    problem: Problem,
    parameters: WindowParameters,
    as_of: pd.Timestamp | None = None,
) -> list[Window]:
    """List the windows of a table as if they were empty.

    Args:
        table: Rows in any order with the timestamp; the oldest is enough for windows of time.
        as_of: The moment from which one looks; the newest row if left out.

    Raises:
        ConfigurationError: If the table cannot be cut like this.
    """
    try:
        parameters.check(problem, table.columns)
    except ConfigurationError as error:
        raise ConfigurationError(f"windows.{error}") from None
    if table.empty:
        return []
    until = table[problem.timestamp.name].max() if as_of is None else as_of
    bounds = parameters.bounds(table, problem, until)
    return [Window(index, *bound, 0, 0, "empty") for index, bound in enumerate(bounds)]


class WindowCounts:
    """How many rows of a table lie in each window, counted piece by piece.

    Attributes:
        first: Moment of the table's oldest row.
        newest: Moment of its newest row.
        n: Rows by window, shape (windows,).
        n_labelled: Those of them whose target is known; None where there is no target.
    """

    def __init__(self, first: pd.Timestamp, newest: pd.Timestamp, n_windows: int) -> None:
        """Begin with empty windows."""
        self.first, self.newest = first, newest
        self.n = np.zeros(n_windows, dtype="int64")
        self.n_labelled: NDArray[np.int64] | None = None

    def add(
        self,
        place: NDArray[np.int64],
        labelled: NDArray[np.bool_] | None,
        n_alike: NDArray[np.int64] | None = None,
    ) -> None:
        """Count rows.

        Args:
            place: Window of each row, -1 for none, shape (n,).
            labelled: Whether its target is known, shape (n,); None without a target.
            n_alike: How many rows each stands for, shape (n,); one if left out.
        """
        self.n += self._count(place, place >= 0, n_alike)
        if labelled is not None:
            found = self._count(place, (place >= 0) & labelled, n_alike)
            self.n_labelled = found if self.n_labelled is None else self.n_labelled + found

    def _count(
        self, place: NDArray[np.int64], mask: NDArray[np.bool_], n_alike: NDArray[np.int64] | None
    ) -> NDArray[np.int64]:
        weights = None if n_alike is None else n_alike[mask]
        return np.bincount(place[mask], weights, len(self.n)).astype("int64")


def fill_windows(
    bare: Sequence[Window],
    counts: WindowCounts,
    problem: Problem,
    parameters: WindowParameters,
    as_of: pd.Timestamp | None = None,
) -> list[Window]:
    """Say what is in the windows of a table.

    Args:
        bare: What :func:`bound_windows` lists.
        counts: What was counted in them.
        as_of: The moment from which one looks.

    Returns:
        The windows with counts and status; with ``as_of`` one that is not over yet and has no row
        is left out.
    """
    first = counts.first - problem.frequency
    until = counts.newest + problem.frequency
    until = until if as_of is None else max(as_of, until)
    has_target = counts.n_labelled is not None
    labels = np.zeros_like(counts.n) if counts.n_labelled is None else counts.n_labelled
    windows = []
    for window, n, n_labelled in zip(bare, counts.n.tolist(), labels.tolist(), strict=True):
        if as_of is not None and n == 0 and window.end > until:
            continue
        filled = replace(window, n=n, n_labelled=n_labelled)
        overdue = problem.is_label_overdue(window.end, until)
        status = _status(filled, first, until, has_target, overdue, parameters)
        windows.append(replace(filled, status=status))
    return windows


def window_of_rows(
    table: pd.DataFrame,
    windows: Sequence[Window],
    problem: Problem,
    parameters: WindowParameters,
) -> pd.Series:
    """Return for every row in which window it lies.

    Args:
        table: The rows that :func:`list_windows` looked at. Windows by rows count them, so these
            need all of them; for the other ways any part of the table will do.
        windows: What it returned, or some of it.

    Returns:
        The window's ``index`` per row, -1 for none, on the index of ``table``.
    """
    moments = table[problem.timestamp.name]
    if isinstance(parameters, RowWindows):
        codes, keys = parameters.codes(table, problem)
        index = {window.key: window.index for window in windows}
        # The last entry is that of code -1.
        found = np.array([*(index.get(key, -1) for key in keys), -1])[codes]
        return pd.Series(found, index=table.index, name="window_index")
    if not windows:
        return pd.Series(-1, index=table.index, name="window_index")
    ordered = sorted(windows, key=lambda window: window.start)
    starts, ends = (
        np.array([getattr(window, side).to_datetime64() for window in ordered], "datetime64[us]")
        for side in ("start", "end")
    )
    stamps = moments.to_numpy(dtype="datetime64[us]")
    place = np.searchsorted(starts, stamps, side="right") - 1
    inside = (place >= 0) & (stamps < ends[place])
    if parameters.origin is not None:
        inside &= stamps >= parameters.origin.to_datetime64()
    found = np.where(inside, np.array([window.index for window in ordered])[place], -1)
    return pd.Series(found, index=table.index, name="window_index")


def place_features(
    features: pd.DataFrame,
    table: Any,
    windows: Sequence[Window],
    problem: Problem,
    parameters: WindowParameters,
) -> NDArray[np.int64]:
    """Return for rows of a feature table in which window they lie.

    A feature table may lack the columns by which windows are cut, and has an order of its own.

    Args:
        features: Rows that were made from ``table``, one for each of some of its rows.
        table: The rows that :func:`list_windows` looked at, on any engine.
        windows: What it returned, or some of it.

    Returns:
        The window's ``index`` per row of ``features``, in their order; -1 for none.
    """
    index: NDArray[np.int64]
    if parameters.by_time:
        index = window_of_rows(features, windows, problem, parameters).to_numpy()
        return index
    keys = list(problem.row_order)
    looked_at = _in_memory(table, problem, parameters)
    place = window_of_rows(looked_at, windows, problem, parameters)
    # No column of the key may be called so.
    placed = looked_at[keys].assign(window_index=place)
    found = features[keys].merge(placed, on=keys, how="left")
    index = found["window_index"].to_numpy()
    return index


def _in_memory(table: Any, problem: Problem, parameters: WindowParameters) -> pd.DataFrame:
    """Bring into memory what tells in which window a row lies, and the key."""
    columns = dict.fromkeys([*problem.row_order, *parameters.columns_read(problem)])
    return collect(table, problem, list(columns))


def _by_moment(table: Any, problem: Problem, parameters: WindowParameters) -> pd.DataFrame:
    """Count rows that are alike in what windows of time look at: moment, and whether labelled."""
    stamp, target = problem.timestamp.name, problem.target
    frame: Any = nw.from_native(table).lazy()
    known = (~nw.col(target).is_null()).alias(target)
    alike = frame.select(stamp, known).group_by(stamp, target).agg(nw.len().alias(_COUNT))
    found = collect(alike.to_native(), problem)
    return found.assign(**{target: found[target].where(found[target])})


def windows_frame(windows: Sequence[Window]) -> pd.DataFrame:
    """Bring windows into a table.

    Args:
        windows: Windows.

    Returns:
        One row each: ``window`` (its key), ``window_index``, ``start``, ``end``, ``n``,
        ``n_labelled``, ``status``.
    """
    rows = [(w.key, w.index, w.start, w.end, w.n, w.n_labelled, w.status) for w in windows]
    integers = dict.fromkeys(("window_index", "n", "n_labelled"), "int64")
    times = dict.fromkeys(("start", "end"), "datetime64[us]")
    texts = dict.fromkeys(("window", "status"), "str")
    return pd.DataFrame(rows, columns=list(_COLUMNS)).astype({**integers, **times, **texts})


def _status(
    window: Window,
    first: pd.Timestamp,
    until: pd.Timestamp,
    has_target: bool,
    overdue: bool,
    parameters: WindowParameters,
) -> Status:
    if window.n == 0:
        return "empty"
    if window.n < parameters.minimum_rows:
        return "underpopulated"
    if isinstance(parameters, RowWindows):
        partial = not parameters.is_full(window.n)
    else:
        cut = parameters.origin is not None and window.start < parameters.origin
        partial = cut or window.start <= first or window.end > until
    if partial:
        return "partial"
    if has_target and not parameters.is_labelled(window.n, window.n_labelled, overdue=overdue):
        return "pending labels"
    return "complete"
