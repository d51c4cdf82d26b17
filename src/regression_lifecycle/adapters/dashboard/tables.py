"""Tables that the charts draw: numbers to place marks, and the texts of their tooltips."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from regression_lifecycle.adapters.dashboard.cells import milliseconds, numbers, texts
from regression_lifecycle.adapters.dashboard.formatting import count, figure, percent, text
from regression_lifecycle.core.drift.methods import METHODS

DRIFT_LABELS = ("below ¼ of the threshold", "¼ to ½", "½ to 1", "1 to 2", "2 to 4", "4 and more")
NOT_COMPUTED = "not computed"
_EDGES = (0.25, 0.5, 1.0, 2.0, 4.0)
_NAME_LENGTH = 60


def window_chart(windows: pd.DataFrame) -> pd.DataFrame:
    """Prepare the windows for the charts over time.

    Args:
        windows: ``WINDOW_HISTORY`` rows, one per window.

    Returns:
        Numbers (moments in milliseconds), ``whole`` (the window is complete), ``alarmed``, and
        columns ``t_...`` with texts.
    """
    own_bias = windows["sum_raw_prediction"] / windows["sum_target"] - 1
    chart = pd.DataFrame(
        {
            "window": texts(windows["window"]),
            "start": milliseconds(windows["start"]),
            "end": milliseconds(windows["end"].fillna(windows["start"])),
            "middle": milliseconds(windows["start"] + (windows["end"] - windows["start"]) / 2),
            "status": texts(windows["status"]),
            "whole": windows["status"].eq("complete").fillna(False).astype(bool),
            "alarmed": alarm_lists(windows).map(bool).astype(bool),
        }
    )
    drawn = ("rmse", "baseline_rmse", "bias", "coverage", "n", "n_missing_rows", "n_rejected")
    for name in (*drawn, "missing_share"):
        chart[name] = numbers(windows[name])
    chart["own_bias"] = numbers(own_bias)
    chart["t_version"] = texts(windows["model_version"])
    chart["t_alarms"] = alarm_lists(windows).map(lambda names: ", ".join(names) or "none")
    chart["t_n"] = [
        count(n) if n == known or pd.isna(known) else f"{count(n)}, {count(known)} labelled"
        for n, known in zip(windows["n"], windows["n_labelled"].fillna(-1), strict=True)
    ]
    for name in ("rmse", "baseline_rmse", "mae"):
        chart[f"t_{name}"] = windows[name].map(figure)
    chart["t_bias"] = [percent(bias, sign=True) for bias in windows["bias"]]
    chart["t_own_bias"] = [percent(bias, sign=True) for bias in own_bias]
    chart["t_coverage"] = windows["coverage"].map(percent)
    chart["t_missing_share"] = windows["missing_share"].map(percent)
    return chart


def champion_changes(windows: pd.DataFrame) -> pd.DataFrame:
    """Find the windows in which another version than before was deployed.

    Args:
        windows: ``WINDOW_HISTORY`` rows, one per window, the oldest first.

    Returns:
        ``start`` in milliseconds and ``label``; the first window's version is among them.
    """
    known = windows[windows["model_version"].fillna("").ne("")]
    new = known[known["model_version"] != known["model_version"].shift()]
    names = texts(new["model_version"])
    labels = [f"v{name}" if name.isdigit() else name for name in names]
    return pd.DataFrame({"start": milliseconds(new["start"]), "label": labels})


def alarm_lists(windows: pd.DataFrame) -> pd.Series:
    """Split the alarms of each window.

    Args:
        windows: A table with ``alarms``, names separated by commas.

    Returns:
        A list of names per row.
    """
    return pd.Series(
        [
            [name.strip() for name in text(cell).split(",") if name.strip()]
            for cell in windows["alarms"]
        ],
        index=windows.index,
        dtype="object",
    )


def drift_chart(drift: pd.DataFrame) -> pd.DataFrame:
    """Prepare the cells of the drift map.

    Args:
        drift: ``DRIFT_HISTORY`` rows with ``end``.

    Returns:
        One row per cell. ``step`` says how far the score is from its threshold; for a p-value,
        where small means drift, the threshold over the score is taken.
    """
    relative = [
        _relative(method, score, threshold)
        for method, score, threshold in zip(
            drift["method"], drift["score"], drift["threshold"], strict=True
        )
    ]
    labels = [*DRIFT_LABELS, NOT_COMPUTED]
    steps = [
        len(DRIFT_LABELS) if math.isnan(value) else int(np.searchsorted(_EDGES, value, "right"))
        for value in relative
    ]
    reasons = [text(reason) for reason in drift["reason"]]
    return pd.DataFrame(
        {
            "column": [text(name, _NAME_LENGTH) for name in drift["column"]],
            "window": texts(drift["window"]),
            "start": milliseconds(drift["start"]),
            "end": milliseconds(drift["end"].fillna(drift["start"])),
            "step": [labels[step] for step in steps],
            "drifted": drift["drifted"].fillna(False).astype(bool),
            "t_score": [
                figure(score) if not math.isnan(value) else f"{NOT_COMPUTED}: {reason}"
                for score, value, reason in zip(drift["score"], relative, reasons, strict=True)
            ],
            "t_threshold": drift["threshold"].map(figure),
            "t_method": texts(drift["method"]),
            "t_role": texts(drift["role"]),
        }
    )


def drift_order(drift: pd.DataFrame) -> list[str]:
    """Order the columns of the drift map.

    Args:
        drift: ``DRIFT_HISTORY`` rows.

    Returns:
        Target and prediction first, then the columns by how often they drifted.
    """
    names = drift.assign(
        column=[text(name, _NAME_LENGTH) for name in drift["column"]],
        drifted=drift["drifted"].fillna(False).astype("int64"),
        place=drift["role"].map({"target": 0, "prediction": 1}).fillna(2),
    )
    ranked = names.groupby("column").agg(place=("place", "min"), drifted=("drifted", "sum"))
    return list(
        ranked.sort_values(["place", "drifted"], ascending=[True, False], kind="stable").index
    )


def _relative(method: Any, score: Any, threshold: Any) -> float:
    if pd.isna(score) or pd.isna(threshold):
        return math.nan
    known = METHODS.get(text(method))
    over, under = (threshold, score) if known and known.is_p_value else (score, threshold)
    return float(over) / float(under) if under else math.inf
