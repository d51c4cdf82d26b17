"""The table as it is known at a moment, cut into windows."""

from __future__ import annotations

import pandas as pd

from regression_lifecycle.core.data.as_of import known_rows
from regression_lifecycle.core.data.keys import row_keys
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.durations import whole_steps
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
        frequency asks for so far, missing where nothing says how many.
    """
    known = known_rows(observations, as_of, problem)
    known = known.sort_values(list(problem.row_order), kind="stable", ignore_index=True)
    listed = list_windows(known, problem, parameters, as_of=as_of)
    windows = windows_frame(listed).assign(as_of=as_of)
    # Nothing is missing yet of a window that is not over.
    until = windows["end"].clip(upper=as_of)
    expected = whole_steps(windows["start"], until, problem.frequency).astype("Int64")
    if problem.irregular or not parameters.by_time or len(problem.key_columns) > 1:
        expected[:] = pd.NA
    return (
        known.assign(
            row_key=row_keys(known, problem).to_numpy(),
            window_index=window_of_rows(known, listed, problem, parameters).to_numpy(),
        ),
        windows.assign(n_expected=expected),
    )
