"""What was really served becomes what monitoring judges, before anything is simulated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from regression_lifecycle.core.data.keys import row_keys
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.tables import PREDICTIONS, SERVICE_PREDICTIONS
from regression_lifecycle.core.prediction.batch_predictions import (
    BatchPredictions,
    window_predictions,
)
from regression_lifecycle.core.windows.parameters import WindowParameters

ADOPTED = "adopted"
_CARRIED = ["raw_prediction", "level_factor", "prediction", "lower", "upper"]


def adopt(
    recorded_predictions: pd.DataFrame,
    service_predictions: pd.DataFrame,
    batch_predictions: Sequence[BatchPredictions],
    window_rows: pd.DataFrame,
    windows: pd.DataFrame,
    problem: Problem,
) -> pd.DataFrame:
    """Join what the service and batches predicted with the rows of the windows.

    Args:
        recorded_predictions: ``predictions``: what was judged once stays as it is.
        service_predictions: ``service_predictions``: what the service answered. Of several
            predictions of a row by one model version the newest counts. One whose model was
            trained on the row judges nothing, and one that names no known row cannot be judged;
            both are left aside.
        batch_predictions: Batches, of whose predictions the same is true.
        window_rows: Known rows with ``window_index``, the target and ``baseline``.
        windows: All windows.
        problem: Names key and target.

    Returns:
        Rows of ``predictions`` with ``adopted``: true for those that were not recorded yet.
    """
    recorded = recorded_predictions[recorded_predictions["problem"] == problem.name]
    scored = window_predictions(batch_predictions, window_rows[problem.timestamp.name], problem)
    served = pd.concat([SERVICE_PREDICTIONS.frame(service_predictions), scored], ignore_index=True)
    own = served[(served["problem"] == problem.name) & served["row_key"].notna()]
    own = own.sort_values("served_at", kind="stable")
    own = own.drop_duplicates(["row_key", "model_version"], keep="last")
    named = ["window", "window_index"]
    rows = window_rows[[problem.timestamp.name, problem.target, "baseline", "window_index"]].assign(
        row_key=row_keys(window_rows, problem).to_numpy()
    )
    rows = rows.rename(columns={problem.timestamp.name: "timestamp", problem.target: "target"})
    found = own.drop(columns="timestamp").merge(rows, on="row_key", how="inner")
    found = found.merge(windows[named], on="window_index", how="inner")
    # No comparison with a missing moment holds: a model of unknown age is believed.
    found = found[~(found["timestamp"] <= found["trained_until"])]
    keys = ["row_key", "model_version"]
    judged = pd.MultiIndex.from_frame(recorded[keys])
    fresh = found[~pd.MultiIndex.from_frame(found[keys]).isin(judged)]
    return pd.concat(
        [
            PREDICTIONS.frame(recorded).assign(**{ADOPTED: False}),
            PREDICTIONS.frame(fresh).assign(**{ADOPTED: True}),
        ],
        ignore_index=True,
    )


@dataclass(frozen=True)
class PredictionCoverage:
    """Which model version answers for which rows of a window.

    Attributes:
        predictions: Known predictions with ``adopted``.
        champion: The deployed version.
        backfill: Whether rows that nobody asked for count as the champion's.
        parameters: Gives the bounds between the states of a window.
        problem: Names key and target.
    """

    predictions: pd.DataFrame
    champion: str
    backfill: bool
    parameters: WindowParameters
    problem: Problem

    @cached_property
    def _by_window(self) -> dict[str, dict[str, pd.DataFrame]]:
        by_window: dict[str, dict[str, pd.DataFrame]] = {}
        for (window, version), part in self.predictions.groupby(["window", "model_version"]):
            by_window.setdefault(str(window), {})[str(version)] = part
        return by_window

    def versions(self, window: str) -> list[str]:
        """Name the versions of which a window has rows that were not judged yet."""
        return [version for version in self._of(window) if self.has_news(window, version)]

    def has_news(self, window: str, version: str) -> bool:
        """Tell whether a version served rows of a window that were not judged yet."""
        part = self._of(window).get(version)
        return part is not None and bool(part[ADOPTED].any())

    def leaves_rows(self, window: str, rows: pd.DataFrame) -> bool:
        """Tell whether a new window has rows for the champion to be simulated on.

        Args:
            window: Its name.
            rows: Its known rows.

        Returns:
            True for rows that nobody asked for, and for a window without rows.
        """
        if not self.backfill:
            return False
        others = self._keys(window, without=self.champion)
        return rows.empty or not row_keys(rows, self.problem).isin(others).all()

    def share(self, window: Mapping[str, Any], rows: pd.DataFrame, version: str) -> dict[str, Any]:
        """Count what a version answers for.

        Args:
            window: A window with ``n``, ``n_labelled`` and ``status``.
            rows: Its known rows.
            version: The model version.

        Returns:
            The window, with the counts and the state of the version's own rows.
        """
        name = str(window["window"])
        others = self._keys(name, without=version)
        if self.backfill and not others:
            return dict(window)
        keys = row_keys(rows, self.problem)
        own = self._of(name).get(version)
        mine = keys.isin(own["row_key"] if own is not None else [])
        if self.backfill and version == self.champion:
            mine = ~keys.isin(others)
        n = int(mine.sum())
        labelled = int(rows.loc[mine, self.problem.target].notna().sum())
        status = str(window["status"])
        if n < self.parameters.minimum_rows:
            status = "underpopulated" if n else "empty"
        elif status in ("complete", "pending labels"):
            known = labelled / n >= self.parameters.labelled_share
            status = "complete" if known else "pending labels"
        return {**window, "n": n, "n_labelled": labelled, "status": status}

    def _of(self, window: str) -> dict[str, pd.DataFrame]:
        return self._by_window.get(window, {})

    def _keys(self, window: str, without: str) -> set[str]:
        return {
            key
            for version, part in self._of(window).items()
            if version != without
            for key in part["row_key"]
        }
