"""When the rows happened that broke the contract, as far as they still say."""

from __future__ import annotations

import pandas as pd

from regression_lifecycle.core.data.problem import Problem


def rejected_moments(rejected: pd.DataFrame, problem: Problem) -> pd.Series:
    """Read the time of rejected rows.

    Args:
        rejected: Rejected rows as ingestion stores them, every raw value as text.
        problem: Says how the time of a row is made.

    Returns:
        Timestamps on the index of ``rejected``; missing where the row does not say.
    """
    spec = problem.timestamp
    if spec.date is None or spec.date not in rejected.columns:
        return pd.Series(pd.NaT, index=rejected.index, dtype="datetime64[us]")
    form = problem.columns[spec.date].format or "ISO8601"
    moments = pd.to_datetime(rejected[spec.date], errors="coerce", format=form)
    if spec.hour is not None:
        hours = pd.to_numeric(rejected[spec.hour], errors="coerce")
        moments = moments.dt.normalize() + pd.to_timedelta(
            hours.where(hours.between(0, 23)), unit="h"
        )
    return moments.astype("datetime64[us]")
