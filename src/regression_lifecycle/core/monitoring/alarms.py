"""Alarms of the windows, and the windows since an attempt at retraining: what a policy goes by."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from regression_lifecycle.core.decisions import policy
from regression_lifecycle.core.decisions.policy import PolicyParameters
from regression_lifecycle.core.decisions.rules import PolicyState


def windows_since(attempts: Sequence[pd.Timestamp], windows: pd.DataFrame) -> int | None:
    """Count the windows that ended since a retraining was last tried.

    Args:
        attempts: Moments of the attempts.
        windows: Windows of the deployed model, with ``end``.

    Returns:
        The number; None without an attempt.
    """
    return int((windows["end"] > max(attempts)).sum()) if attempts else None


def mark_alarms(
    windows: pd.DataFrame, version: str, trained_until: pd.Timestamp, parameters: PolicyParameters
) -> pd.Series:
    """Let the policy look at every window of the deployed model as if it were the newest.

    Args:
        windows: Newest revisions of the windows that it served, the oldest first.
        version: The deployed version.
        trained_until: Newest row that it was trained on.
        parameters: The rules.

    Returns:
        Names of the rules that fired on each window, separated by commas, on the index of
        ``windows``.
    """
    records = windows.to_dict("records")
    marks = []
    for position, row in enumerate(records):
        state = PolicyState(row["end"], version, trained_until, records[: position + 1])
        marks.append(policy.decide(state, parameters).alarms)
    return pd.Series(marks, index=windows.index, dtype="str")
