"""What the policy sees: alarms of the windows, and how many ended since an attempt."""

from __future__ import annotations

import pandas as pd

from regression_lifecycle.core.decisions.policy import PolicyParameters
from regression_lifecycle.core.monitoring.alarms import mark_alarms, windows_since

RULES = PolicyParameters.model_validate(
    {"rules": {"bias": {"kind": "bias", "maximum": 0.1, "violations": 2, "of": 2}}}
)


def history(*biases):
    start = pd.Timestamp("2021-03-01")
    week = pd.Timedelta("7 days")
    return pd.DataFrame(
        {
            "window": [f"w{place}" for place in range(len(biases))],
            "end": [start + (place + 1) * week for place in range(len(biases))],
            "status": "complete",
            "sum_target": 100.0,
            "sum_absolute_target": 100.0,
            "sum_raw_prediction": [100.0 * (1 + bias) for bias in biases],
        },
        index=range(10, 10 + len(biases)),
    )


def test_every_window_is_marked_as_if_it_were_the_newest():
    windows = history(0.3, 0.3, 0.0, 0.3)

    marks = mark_alarms(windows, "1", pd.Timestamp("2021-02-28"), RULES)

    # One right window does not undo what has added up.
    assert marks.tolist() == ["", "bias", "", "bias"]
    assert marks.index.equals(windows.index)
    none = mark_alarms(windows.iloc[:0], "1", pd.Timestamp("2021-02-28"), RULES)
    assert none.empty


def test_windows_are_counted_from_the_newest_attempt():
    windows = history(0, 0, 0, 0)
    attempts = [pd.Timestamp("2021-03-08"), pd.Timestamp("2021-03-15")]

    assert windows_since([], windows) is None
    assert windows_since(attempts, windows) == 2
    assert windows_since(attempts[:1], windows) == 3
    assert windows_since([pd.Timestamp("2021-03-29")], windows) == 0
