"""The windows that say how an unchanged model is wrong, served as they would have been."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.tables import WINDOW_HISTORY
from regression_lifecycle.core.decisions.calibration import count_windows_per_year
from regression_lifecycle.core.evaluation.window_metrics import measure_rows
from regression_lifecycle.core.monitoring.window_plan import newest_revisions
from regression_lifecycle.core.prediction.adjustment_history import AdjustmentHistory, ServedRows
from regression_lifecycle.core.prediction.level import level_kind
from regression_lifecycle.core.prediction.level_and_interval import (
    AdjustmentParameters,
    apply_adjustment,
)
from regression_lifecycle.core.progress import logged
from regression_lifecycle.core.windows.parameters import WindowParameters
from regression_lifecycle.core.windows.windows import Window, list_windows, place_features

_FOLD = "fold="
_SERVED = ["window_end", "target", "prediction", "lower", "upper"]
# A window of which features or folds left out some rows still tells how errors vary.
_ENOUGH = 0.9


@dataclass(frozen=True)
class CalibrationWindows:
    """The windows that say how a model is wrong which does not change.

    Attributes:
        version: The champion whose limits are asked for; empty if there is none.
        as_of: The moment at which they are known; None without a window.
        windows_per_year: How many windows a year has.
        stretches: Rows of ``window_history`` that are complete, those of one model in a row.
    """

    version: str
    as_of: pd.Timestamp | None
    windows_per_year: float
    stretches: tuple[tuple[Mapping[str, Any], ...], ...]

    @property
    def of_folds(self) -> list[Mapping[str, Any]]:
        """Those of training rows; gate and interval are rated by nothing else."""
        rows = (row for part in self.stretches for row in part)
        return [row for row in rows if str(row["model_version"]).startswith(_FOLD)]


def serve_out_of_fold(
    predicted: pd.DataFrame,
    observations: Any,
    problem: Problem,
    parameters: WindowParameters,
    adjustment: AdjustmentParameters,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Replay what would have been served to the training rows, by models that did not see them.

    Args:
        predicted: Rows of the test folds with target, ``prediction``, ``fold`` and ``baseline``;
            all that were labelled, or a sample of all times alike.
        observations: All observations, on any engine, by which windows are cut.

    Returns:
        Rows of ``window_history``, the oldest first, with ``fold=1`` and so on as version: every
        fold has a model of its own. And their rows with ``window_end``, ``target``, ``prediction``,
        ``lower`` and ``upper`` as they would have been served.
    """
    if predicted.empty:
        return WINDOW_HISTORY.frame(), pd.DataFrame(columns=_SERVED)
    listed = list_windows(observations, problem, parameters)
    place = place_features(predicted, observations, listed, problem, parameters)
    drawn = _share_drawn(listed, place)
    past = AdjustmentHistory(level_kind(problem), problem.label_delay)
    windows, served = [], []
    for window in logged(listed, "window"):
        inside = predicted[place == window.index].reset_index(drop=True)
        if window.status != "complete" or len(inside) < _ENOUGH * drawn * window.n_labelled:
            continue
        # A window in which one fold ends and the next begins is the last of the former.
        version = f"{_FOLD}{inside['fold'].min()}"
        raw, target = (inside[name].to_numpy("float64") for name in ("prediction", problem.target))
        said = apply_adjustment(raw, past.adjustment(window.start, version, adjustment), problem)
        inside = inside.drop(columns="prediction").assign(raw_prediction=raw, **said)
        figures = measure_rows(inside, problem)
        rows = ServedRows(target, raw, said["prediction"].to_numpy())
        past.add(window.start, window.end, version, figures["coverage"], rows)
        about = {name: getattr(window, name) for name in ("start", "end", "status", "n")}
        named = {"problem": problem.name, "window": window.key, "model_version": version}
        windows.append({**named, **about, **figures})
        served.append(said.assign(target=target, window_end=window.end)[_SERVED])
    rows_served = pd.concat(served, ignore_index=True) if served else pd.DataFrame(columns=_SERVED)
    return WINDOW_HISTORY.frame(windows), rows_served


def _share_drawn(windows: Sequence[Window], place: NDArray[np.int64]) -> float:
    """Return which share of the labelled rows was drawn, as the fullest window has it."""
    found = pd.Series(place).value_counts()
    shares = (found.get(w.index, 0) / w.n_labelled for w in windows if w.n_labelled)
    return min(1.0, max(shares, default=1.0))


def collect_windows(
    out_of_fold_windows: pd.DataFrame,
    recorded_windows: pd.DataFrame,
    version: str,
    as_of: pd.Timestamp | None,
    problem: Problem,
) -> CalibrationWindows:
    """Put the windows of all predictions out of sample together.

    Args:
        out_of_fold_windows: Windows of the training rows.
        recorded_windows: ``window_history``; of each window and version the newest revision counts.
        version: The champion.
        as_of: What ended later is left out; None takes everything.
    """
    own = WINDOW_HISTORY.frame(recorded_windows[recorded_windows["problem"] == problem.name])
    windows = pd.concat([out_of_fold_windows, newest_revisions(own)], ignore_index=True)
    known = windows["status"] == "complete"
    if as_of is not None:
        known &= windows["end"] <= as_of
    windows = windows[known].sort_values("start", kind="stable")
    groups = windows.groupby("model_version", sort=False)
    return CalibrationWindows(
        version=version,
        as_of=as_of if as_of is not None or windows.empty else windows["end"].max(),
        windows_per_year=count_windows_per_year(
            windows["start"], counts_rows=problem.timestamp.rows
        ),
        stretches=tuple(tuple(part.to_dict("records")) for _, part in groups),
    )
