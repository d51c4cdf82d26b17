"""What monitoring said last of the model that answers, as the service passes it on."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pandas as pd

from regression_lifecycle.adapters import database
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.tables import WINDOW_HISTORY

# More than the revisions of one window and the windows after it that wait for their labels.
NEWEST_ROWS = 100
# A tick adds a window now and then; that it is told soon after is enough.
PAUSE_SECONDS = 15.0


@dataclass(frozen=True)
class WindowState:
    """The newest windows of one model version.

    Attributes:
        version: The version.
        error: Error of the newest complete window, by the problem's error metric and in the
            target's unit; None if there is none.
        baseline_error: The same of the naive forecast.
        coverage: Share of its rows inside the prediction interval.
        end: Its end in seconds since 1970, where the table's local time is taken for UTC.
        alarms: Rules that fired on the newest window, complete or not.
    """

    version: str
    error: float | None = None
    baseline_error: float | None = None
    coverage: float | None = None
    end: float | None = None
    alarms: tuple[str, ...] = ()


class WindowReader:
    """Keeps what was read last; a thread looks as often as it likes.

    Attributes:
        state: What the newest windows said; None if there was none of the version.
    """

    def __init__(self, url: str, problem: Problem) -> None:
        """Know where the windows are.

        Args:
            url: SQLAlchemy URL of the store.
            problem: The contract.
        """
        self._url = url
        self._problem = problem
        # Version that was asked for, and when, in seconds of the monotonic clock.
        self._read = ("", 0.0)
        self.state: WindowState | None = None

    def look(self, version: str) -> None:
        """Read the windows of a version, unless that was done a moment ago.

        Args:
            version: The version that answers.

        Raises:
            Exception: If the store does not answer.
        """
        now, (known, read_at) = time.monotonic(), self._read
        if known != version or now - read_at >= PAUSE_SECONDS:
            self.state = read_window_state(self._url, self._problem, version)
            self._read = (version, now)


def read_window_state(url: str, problem: Problem, version: str) -> WindowState | None:
    """Read the newest windows of a model version.

    Args:
        url: SQLAlchemy URL of the store.
        problem: The contract, which names the error metric.
        version: The version that answers.

    Returns:
        What they say; None if no window of it was looked at yet.

    Raises:
        Exception: If the store does not answer.
    """
    metric = problem.error_metric
    figures = (metric, f"baseline_{metric}", "coverage", "end", "status", "alarms")
    rows = database.read_newest(
        url,
        WINDOW_HISTORY,
        NEWEST_ROWS,
        {"problem": problem.name, "model_version": version},
        (*WINDOW_HISTORY.key, "window_index", *figures),
    ).sort_values(["window_index", "revision"])
    if rows.empty:
        return None
    fired = tuple(filter(None, str(rows["alarms"].fillna("").iloc[-1]).split(",")))
    complete = rows[rows["status"] == "complete"]
    if complete.empty:
        return WindowState(version, alarms=fired)
    last = complete.iloc[-1]
    return WindowState(
        version,
        error=_known(last[metric]),
        baseline_error=_known(last[f"baseline_{metric}"]),
        coverage=_known(last["coverage"]),
        end=last["end"].tz_localize("UTC").timestamp(),
        alarms=fired,
    )


def _known(value: float) -> float | None:
    return None if pd.isna(value) else float(value)
