"""What moved the predictions of an alarmed window, column by column."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from regression_lifecycle.core.data.tables import WINDOW_HISTORY
from regression_lifecycle.core.models.explanation import explainer_of
from regression_lifecycle.core.models.rounding import round_to_largest
from regression_lifecycle.core.models.trained_model import TrainedModel, version_of

# Rows that are explained of a window, and windows of one run: a row costs a thousand predictions.
_ROWS, _MOST_WINDOWS = 48, 4
_MOST_TOLD = 4


def add_contributions(
    windows: pd.DataFrame, window_rows: pd.DataFrame, champion: TrainedModel | None
) -> pd.DataFrame:
    """Say of every alarmed window what each raw column added to its predictions on average.

    Args:
        windows: Rows of ``window_history`` for the planned windows, with their alarms.
        window_rows: Known rows with ``window_index`` and the champion's features.
        champion: The deployed model, which explains its own windows alone.

    Returns:
        The windows with ``contributions``: JSON by raw column, the largest first, of at most 48
        rows, evenly spread over the window. Of many alarmed windows the newest four have it.
    """
    contract = None if champion is None else champion.metadata.contract
    if champion is None or contract is None or windows.empty:
        return windows
    alarmed = windows["alarms"].fillna("").ne("")
    mine = alarmed & windows["model_version"].eq(version_of(champion))
    newest = windows.loc[mine, "window_index"].sort_values().tail(_MOST_WINDOWS)
    if newest.empty:
        return windows
    explainer = explainer_of(champion, contract)
    said: dict[int, str] = {}
    for index, number in newest.items():
        rows = window_rows[window_rows["window_index"] == number]
        if rows.empty:
            continue
        spread = np.unique(np.linspace(0, len(rows) - 1, _ROWS).astype(int))
        means = explainer.explain(rows.iloc[spread]).mean()
        means[:] = round_to_largest(means, 9)
        order = means.abs().sort_values(ascending=False, kind="stable").index
        said[index] = json.dumps({name: float(means[name]) for name in order})
    told = pd.Series(said, dtype="str").reindex(windows.index)
    return WINDOW_HISTORY.frame(windows.assign(contributions=told))


def describe_contributions(window: Mapping[str, Any]) -> str:
    """Say in a sentence what moved the predictions of a window.

    Args:
        window: A row of ``window_history``.

    Returns:
        The columns that moved them most, with those that drifted marked; empty if that was not
        looked at.
    """
    text = window.get("contributions")
    if not isinstance(text, str) or not text:
        return ""
    parts: dict[str, float] = json.loads(text)
    drifted = window.get("drifted_columns")
    marked = {*map(str.strip, drifted.split(","))} if isinstance(drifted, str) else set()
    moved = sum(parts.values())
    named = [
        f"{name} {value:+.4g}{' (drifted)' if name in marked else ''}"
        for name, value in list(parts.items())[:_MOST_TOLD]
    ]
    side = "above" if moved >= 0 else "below"
    return (
        f"its predictions lie {abs(moved):.4g} {side} those of the training rows: "
        f"{', '.join(named)}"
    )
