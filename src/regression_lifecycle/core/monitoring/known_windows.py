"""The table as it is known at a moment, cut into windows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import narwhals as nw
import pandas as pd

from regression_lifecycle.core.calendar.weekdays import count_on_weekdays
from regression_lifecycle.core.data.as_of import first_and_last, known_rows
from regression_lifecycle.core.data.keys import row_keys, series_names
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.durations import whole_steps
from regression_lifecycle.core.errors import bounded_list
from regression_lifecycle.core.features.feature import Reach
from regression_lifecycle.core.fingerprints import GroupFingerprints, column_hashes
from regression_lifecycle.core.frames.collecting import (
    collect,
    collect_in_order,
    is_sorted,
    pieces,
)
from regression_lifecycle.core.frames.expressions import any_true
from regression_lifecycle.core.windows.parameters import WindowParameters
from regression_lifecycle.core.windows.windows import (
    Window,
    WindowCounts,
    bound_windows,
    fill_windows,
    window_of_rows,
    windows_frame,
)

Span = tuple[pd.Timestamp, pd.Timestamp]
"""A stretch of time: its first moment, and the first one after it."""

# Rows that are looked at together where all of them are.
_ROWS_AT_ONCE = 200_000
_DAY, _MOMENT = pd.Timedelta(days=1), pd.Timedelta(microseconds=1)
_PLACE = "window_index"


@dataclass(frozen=True)
class KnownTable:
    """The table as it is known at a moment; rows come into memory when they are asked for.

    Attributes:
        rows: Known rows on any engine, with the target as float64 (missing where its label is not
            known yet). Windows that are not of time need ``window_index`` in them, since it depends
            on all rows.
        days: ``first`` and ``last`` moment of each day that has rows, in order.
        windows: The windows up to the moment.
        problem: The table's description.
        parameters: How windows are cut.
    """

    rows: Any
    days: pd.DataFrame
    windows: Sequence[Window]
    problem: Problem
    parameters: WindowParameters

    @property
    def first(self) -> pd.Timestamp:
        """Moment of the oldest row."""
        return self.days["first"].min()

    def within(self, spans: Iterable[Span]) -> pd.DataFrame:
        """Read the rows of some stretches of time.

        Args:
            spans: The stretches, which may overlap.

        Returns:
            The rows in the order of time, with ``row_key`` and ``window_index`` (-1 for none).
        """
        return self.named(self._read(spans))

    def around(self, spans: Iterable[Span], reach: Reach) -> pd.DataFrame:
        """Read the rows of some stretches of time, and those that their features look at.

        Args:
            spans: The stretches, which may overlap.
            reach: How far around a row its features look.

        Returns:
            The rows in the order of time.
        """
        ahead = max(reach.days_ahead, 1) * _DAY
        return self._read(
            (start.floor("D") - reach.back, (end - _MOMENT).floor("D") + ahead)
            for start, end in spans
        )

    def named(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Add ``row_key`` and ``window_index`` (-1 for none) to rows."""
        return rows.assign(
            row_key=row_keys(rows, self.problem).to_numpy(), window_index=self._places(rows)
        )

    def has_rows(self, start: pd.Timestamp, end: pd.Timestamp) -> bool:
        """Return whether a row lies in a stretch of time."""
        days = self.days[(self.days["last"] >= start) & (self.days["first"] < end)]
        if ((days["first"] >= start) | (days["last"] < end)).any():
            return True
        # Left is a day with rows on both sides of the stretch.
        return len(days) > 0 and len(self._read([(start, end)])) > 0

    def pieces(self, columns: Sequence[str]) -> Iterator[tuple[pd.DataFrame, Any]]:
        """Read all rows, piece by piece.

        Args:
            columns: The wanted ones, the timestamp among them.

        Yields:
            Rows in the order of time, and the window of each, -1 for none.
        """
        by_row = [] if self.parameters.by_time else [_PLACE]
        for piece in pieces(self.rows, self.problem, _ROWS_AT_ONCE, [*columns, *by_row]):
            yield piece[list(columns)], self._places(piece)

    def _read(self, spans: Iterable[Span]) -> pd.DataFrame:
        found = rows_within(nw.from_native(self.rows), spans, self.problem)
        return collect_in_order(found.to_native(), self.problem).reset_index(drop=True)

    def _places(self, rows: pd.DataFrame) -> Any:
        if not self.parameters.by_time:
            return rows[_PLACE].to_numpy()
        return window_of_rows(rows, self.windows, self.problem, self.parameters).to_numpy()


def rows_within(frame: Any, spans: Iterable[Span], problem: Problem) -> Any:
    """Take the rows of some stretches of time, which may overlap, of a Narwhals frame."""
    stamp = nw.col(problem.timestamp.name)
    inside = [
        (stamp >= start.to_pydatetime()) & (stamp < end.to_pydatetime())
        for start, end in merge_spans(spans)
    ]
    return frame.filter(any_true(inside)) if inside else frame.head(0)


def merge_spans(spans: Iterable[Span]) -> Iterator[Span]:
    """Join stretches of time that overlap or touch.

    Yields:
        The stretches in the order of time.
    """
    begun: Span | None = None
    for start, end in sorted(spans):
        if begun is not None and start <= begun[1]:
            begun = (begun[0], max(begun[1], end))
            continue
        if begun is not None:
            yield begun
        begun = (start, end)
    if begun is not None:
        yield begun


def cut_known_rows(
    observations: Any,
    as_of: pd.Timestamp,
    problem: Problem,
    parameters: WindowParameters,
) -> tuple[KnownTable, pd.DataFrame]:
    """Cut what is known at a moment into windows.

    All rows are looked at once, piece by piece. Windows that are not of time are cut in memory.

    Args:
        observations: All observations, on any engine.
        as_of: The moment at which we stand.
        problem: The table's description.
        parameters: How windows are cut.

    Returns:
        The known rows. And one row per window as ``windows_frame`` lists them, with ``as_of``,
        ``known_from`` (the oldest known moment), ``n_expected``: rows that the frequency asks for
        so far, missing where nothing says how many; and ``features_fingerprint`` and
        ``labels_fingerprint``, hashes of its rows without their labels and of the labels. Of many
        series it also has what :func:`expect_series` says of them.
    """
    rows = known_rows(observations, as_of, problem)
    if not parameters.by_time:
        rows = collect(rows, problem)
    if isinstance(rows, pd.DataFrame):
        rows = _in_order(rows, problem.row_order)
    first, newest = first_and_last(rows, problem)
    oldest = pd.DataFrame({problem.timestamp.name: [first]}).dropna()
    bare = bound_windows(oldest if parameters.by_time else rows, problem, parameters, as_of)
    if not parameters.by_time:
        rows = rows.assign(window_index=window_of_rows(rows, bare, problem, parameters))
    found = _look_through(
        KnownTable(rows, pd.DataFrame(), bare, problem, parameters),
        WindowCounts(first, newest, len(bare)),
    )
    listed = fill_windows(bare, found.counts, problem, parameters, as_of) if bare else []
    known = KnownTable(rows, found.days, listed, problem, parameters)
    windows = windows_frame(listed).assign(
        as_of=as_of,
        known_from=first,
        features_fingerprint=[found.features.of(window.index) for window in listed],
        labels_fingerprint=[found.labels.of(window.index) for window in listed],
    )
    # Nothing is missing yet of a window that is not over.
    until = windows["end"].clip(upper=as_of)
    expected = _expected(windows["start"], until, problem)
    if problem.irregular or not parameters.by_time or not problem.key_holds_time:
        expected[:] = pd.NA
    elif problem.series_columns:
        return known, expect_series(found.presence, windows, expected, problem)
    return known, windows.assign(n_expected=expected)


class _Found(NamedTuple):
    """What a look at all rows has found.

    Attributes:
        counts: Rows and labels by window.
        features: Hashes of the rows of each window without their labels.
        labels: Hashes of its labels.
        days: ``first`` and ``last`` moment of each day that has rows.
        presence: What :func:`expect_series` asks for; no column without series.
    """

    counts: WindowCounts
    features: GroupFingerprints
    labels: GroupFingerprints
    days: pd.DataFrame
    presence: pd.DataFrame


def _look_through(known: KnownTable, counts: WindowCounts) -> _Found:
    """Look at all rows once, piece by piece."""
    problem = known.problem
    features, labels = GroupFingerprints(), GroupFingerprints()
    days, presence = [], [pd.DataFrame()]
    shown = _shown_columns(known.rows, problem)
    wanted = list(dict.fromkeys([*problem.row_order, *shown, problem.target]))
    for rows, place in known.pieces(wanted):
        moments = rows[problem.timestamp.name]
        days.append(moments.groupby(moments.dt.normalize()).agg(first="min", last="max"))
        counts.add(place, rows[problem.target].notna().to_numpy())
        labelled = [*problem.key_columns, problem.target]
        hashes = column_hashes(rows[list(dict.fromkeys([*shown, *labelled]))])
        features.add(rows[shown], place, hashes)
        labels.add(rows[labelled], place, hashes)
        if problem.series_columns:
            presence.append(_presence(rows, place, problem))
    whole_days = pd.concat(days).groupby(level=0).agg({"first": "min", "last": "max"})
    return _Found(counts, features, labels, whole_days, pd.concat(presence, ignore_index=True))


def _in_order(rows: pd.DataFrame, order: Sequence[str]) -> pd.DataFrame:
    """Sort rows, unless they are in order already, as those that ingestion stores."""
    if is_sorted(rows, order):
        return rows
    return rows.sort_values(list(order), kind="stable", ignore_index=True)


def _shown_columns(rows: Any, problem: Problem) -> list[str]:
    """Name the columns of the table that are hashed beside the labels.

    What a champion's recipe makes of them is no news.
    """
    there = set(nw.from_native(rows).collect_schema().names())
    shown = [*problem.columns_known_in_advance, problem.weight_column]
    named = [*problem.key_columns, *(name for name in shown if name in there)]
    return [str(name) for name in dict.fromkeys(named)]


def _presence(rows: pd.DataFrame, place: Any, problem: Problem) -> pd.DataFrame:
    """Find out which series are in which window, and since when."""
    series, stamp = list(problem.series_columns), problem.timestamp.name
    grouped = rows.assign(window_index=place).groupby(
        [*series, _PLACE], sort=False, dropna=False, observed=True
    )
    found = grouped[stamp].min().reset_index()
    return pd.DataFrame(
        {"series": series_names(found, problem), _PLACE: found[_PLACE], "first": found[stamp]}
    )


def expect_series(
    presence: pd.DataFrame, windows: pd.DataFrame, steps: pd.Series, problem: Problem
) -> pd.DataFrame:
    """Find out which series come and go, and so how many rows every window should have.

    A series is expected from its first row on, and no more behind the window in which it vanished.

    Args:
        presence: ``series``, ``window_index`` and ``first``: the moment of its first row there, at
            least one row per series and window that has one.
        windows: One row per window, in the order of time, with ``as_of``.
        steps: How many rows of one series the frequency asks for in each, so far.

    Returns:
        The windows with ``n_expected``, ``n_series``, and ``new_series`` and ``vanished_series``:
        names of those that were never there before, and of those that were there in the window
        before. As long as a window is not over, no series has vanished from it.
    """
    series = presence["series"]
    first_row = presence["first"].groupby(series).min()
    # Rows before the first window are in window -1, and their series are new in no other.
    begun = presence[_PLACE].groupby(series).min()
    position = pd.Series(range(len(windows)), index=windows[_PLACE])
    present = pd.DataFrame({"series": series, "at": presence[_PLACE].map(position)})
    present = present.dropna().drop_duplicates()
    over = (windows["end"] <= windows["as_of"]).to_numpy()
    following = present.assign(at=present["at"] + 1)
    gone = following.merge(present, how="left", indicator=True).query("_merge == 'left_only'")
    gone = gone[gone["at"] < len(windows)]
    gone = gone[over[gone["at"].astype("int64")]]
    begins = present[present["at"] == present["series"].map(begun).map(position)]
    # Before the first window there was nothing that a series could be new to.
    new = begins[begins["at"] > 0]

    places = range(len(windows))
    n_present, n_gone = (
        part["at"].value_counts().reindex(places, fill_value=0).to_numpy()
        for part in (present, gone)
    )
    starts = windows["start"].iloc[begins["at"].astype("int64")].reset_index(drop=True)
    late = _expected(starts, first_row[begins["series"]].reset_index(drop=True), problem)
    too_many = late.groupby(begins["at"].to_numpy()).sum().reindex(places, fill_value=0)
    return windows.assign(
        n_expected=steps * (n_present + n_gone) - too_many.to_numpy(),
        n_series=n_present,
        new_series=_listed(new, places),
        vanished_series=_listed(gone, places),
    )


def _expected(start: pd.Series, end: pd.Series, problem: Problem) -> pd.Series:
    """Rows that the frequency asks for from one moment to another, on the days that have rows."""
    steps = whole_steps(start, end, problem.frequency).astype("Int64")
    if not problem.weekdays:
        return steps
    known = steps.notna() & (steps > 0)
    return steps.mask(
        known, count_on_weekdays(start[known], steps[known], problem.frequency, problem.weekdays)
    )


def _listed(part: pd.DataFrame, places: Iterable[int]) -> list[str]:
    """List the names at every place, empty where there is none."""
    names = part.groupby("at")["series"].agg(lambda found: bounded_list(sorted(found)))
    return [str(names.get(place, "")) for place in places]
