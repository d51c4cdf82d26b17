"""The table as it is known at a moment, cut into windows."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from regression_lifecycle.core.calendar.weekdays import count_on_weekdays
from regression_lifecycle.core.data.as_of import known_rows
from regression_lifecycle.core.data.keys import row_keys, series_names
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.durations import whole_steps
from regression_lifecycle.core.errors import bounded_list
from regression_lifecycle.core.windows.parameters import WindowParameters
from regression_lifecycle.core.windows.windows import list_windows, window_of_rows, windows_frame


def cut_known_rows(
    observations: pd.DataFrame,
    as_of: pd.Timestamp,
    problem: Problem,
    parameters: WindowParameters,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cut what is known at a moment into windows.

    Args:
        observations: All observations.
        as_of: The moment at which we stand.
        problem: The table's description.
        parameters: How windows are cut.

    Returns:
        The known rows in the order of time, with the target as float64 (missing where its label
        is not known yet), ``row_key`` and ``window_index`` (-1 for none). And one row per window
        as ``windows_frame`` lists them, with ``as_of`` and ``n_expected``: rows that the
        frequency asks for so far, missing where nothing says how many. Of many series it also has
        what :func:`expect_series` says of them.
    """
    known = known_rows(observations, as_of, problem)
    known = known.sort_values(list(problem.row_order), kind="stable", ignore_index=True)
    listed = list_windows(known, problem, parameters, as_of=as_of)
    windows = windows_frame(listed).assign(as_of=as_of)
    # Nothing is missing yet of a window that is not over.
    until = windows["end"].clip(upper=as_of)
    expected = _expected(windows["start"], until, problem)
    known = known.assign(
        row_key=row_keys(known, problem).to_numpy(),
        window_index=window_of_rows(known, listed, problem, parameters).to_numpy(),
    )
    if problem.irregular or not parameters.by_time or not problem.key_holds_time:
        expected[:] = pd.NA
    elif problem.series_columns:
        return known, expect_series(known, windows, expected, problem)
    return known, windows.assign(n_expected=expected)


def expect_series(
    known: pd.DataFrame, windows: pd.DataFrame, steps: pd.Series, problem: Problem
) -> pd.DataFrame:
    """Find out which series come and go, and so how many rows every window should have.

    A series is expected from its first row on, and no more behind the window in which it vanished.

    Args:
        known: Known rows with ``window_index``.
        windows: One row per window, in the order of time, with ``as_of``.
        steps: How many rows of one series the frequency asks for in each, so far.

    Returns:
        The windows with ``n_expected``, ``n_series``, and ``new_series`` and ``vanished_series``:
        names of those that were never there before, and of those that were there in the window
        before. As long as a window is not over, no series has vanished from it.
    """
    series = series_names(known, problem)
    first_row = known[problem.timestamp.name].groupby(series).min()
    # Rows before the first window are in window -1, and their series are new in no other.
    begun = known["window_index"].groupby(series).min()
    position = pd.Series(range(len(windows)), index=windows["window_index"])
    present = pd.DataFrame({"series": series, "at": known["window_index"].map(position)})
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
