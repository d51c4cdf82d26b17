"""Drift of the replayed windows: the same for every policy, so it is computed once."""

from __future__ import annotations

import pandas as pd

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.drift.monitor import DriftMonitor
from regression_lifecycle.core.drift.parameters import DriftParameters
from regression_lifecycle.core.drift.verdict import drifted_share
from regression_lifecycle.pipelines.roles import column_roles


def check_history(
    history_rows: pd.DataFrame,
    backtest_windows: pd.DataFrame,
    problem: Problem,
    parameters: DriftParameters,
) -> pd.DataFrame:
    """Compare every window with its reference: features and target, no predictions.

    Args:
        history_rows: Features, raw columns and target of all rows.
        backtest_windows: The windows that are served.
        problem: The table's description.
        parameters: Columns, methods, calibration, and the policy of the reference: ``training``
            means all rows before the window, since every policy trains another model.

    Returns:
        ``window`` and ``drifted_share``, NaN where nothing could be compared.
    """
    roles = column_roles(problem, parameters.columns)
    rows = history_rows.sort_values(problem.timestamp.name, kind="stable").reset_index(drop=True)
    monitor = DriftMonitor(
        table=rows,
        moments=rows[problem.timestamp.name],
        columns=tuple(roles.columns(target=parameters.include_target)),
        parameters=parameters,
    )
    found = []
    for window in backtest_windows.to_dict("records"):
        inside = rows[rows["window_index"] == window["window_index"]]
        reference = monitor.reference_for(window["start"], window["end"], len(inside), None, None)
        found.append((window["window"], drifted_share(reference.verdict(inside))))
    return pd.DataFrame(found, columns=["window", "drifted_share"])
