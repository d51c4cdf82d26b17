"""Which model version answers for which rows of a window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.models.trained_model import TrainedModel, version_of
from regression_lifecycle.core.monitoring.logged_predictions import IS_NEW
from regression_lifecycle.core.windows.parameters import WindowParameters


@dataclass(frozen=True)
class PredictionCoverage:
    """Which model version answers for which rows of a window.

    Attributes:
        predictions: Rows of ``predictions`` with ``is_new``.
        champion: The deployed model, or None.
        backfill: Whether rows after the champion's training that nobody asked for count as its own.
        parameters: Gives the bounds between the states of a window.
        problem: Names the target.
    """

    predictions: pd.DataFrame
    champion: TrainedModel | None
    backfill: bool
    parameters: WindowParameters
    problem: Problem

    @cached_property
    def _by_window(self) -> dict[str, dict[str, pd.DataFrame]]:
        by_window: dict[str, dict[str, pd.DataFrame]] = {}
        for (window, version), part in self.predictions.groupby(["window", "model_version"]):
            by_window.setdefault(str(window), {})[str(version)] = part
        return by_window

    def of(self, window: str, version: str) -> pd.DataFrame:
        """Return what one version predicted in one window."""
        return self._of(window).get(version, self.predictions.iloc[:0])

    def new_versions(self, window: str) -> list[str]:
        """Return the versions of which a window has predictions that were not judged yet."""
        return [version for version in self._of(window) if self.has_news(window, version)]

    def has_news(self, window: str, version: str) -> bool:
        """Return whether a version has predictions of a window that were not judged yet."""
        return bool(self.of(window, version)[IS_NEW].any())

    def leaves_rows(self, window: str, rows: pd.DataFrame) -> bool:
        """Return whether a new window has rows that the champion is to predict afterwards.

        Args:
            window: Name of the window.
            rows: Its known rows with ``row_key``.

        Returns:
            True for rows that nobody asked for, and for a window without rows.
        """
        return self.backfill and (rows.empty or self.has_left(window, rows))

    def has_left(self, window: str, rows: pd.DataFrame) -> bool:
        """Return whether rows of a window are left to the champion."""
        return bool(self._left(window, rows).any())

    def share(self, window: Mapping[str, Any], rows: pd.DataFrame, version: str) -> dict[str, Any]:
        """Count what a version answers for.

        Args:
            window: A window with ``end``, ``n``, ``n_labelled``, ``status`` and ``as_of``.
            rows: Its known rows with ``row_key`` and the target.
            version: The model version.

        Returns:
            The window, with the counts and the state of the version's own rows.
        """
        name = str(window["window"])
        mine = rows["row_key"].isin(self.of(name, version)["row_key"])
        if version == version_of(self.champion):
            mine |= self._left(name, rows)
        n = int(mine.sum())
        labelled = int(rows.loc[mine, self.problem.target].notna().sum())
        status = str(window["status"])
        if n < self.parameters.minimum_rows:
            status = "underpopulated" if n else "empty"
        elif status in ("complete", "pending labels"):
            overdue = self.problem.is_label_overdue(window["end"], window["as_of"])
            known = self.parameters.is_labelled(n, labelled, overdue=overdue)
            status = "complete" if known else "pending labels"
        return {**window, "n": n, "n_labelled": labelled, "status": status}

    def _of(self, window: str) -> dict[str, pd.DataFrame]:
        return self._by_window.get(window, {})

    def _left(self, window: str, rows: pd.DataFrame) -> pd.Series:
        """Tell rows after the champion's training that no other version has predicted.

        Its own predictions count as left: a run that was killed has stored them unjudged.
        """
        if not self.backfill or self.champion is None:
            return pd.Series(False, index=rows.index)
        own = version_of(self.champion)
        others = {
            key
            for version, part in self._of(window).items()
            if version != own
            for key in part["row_key"]
        }
        trained_until = self.champion.metadata.trained_until
        return ~rows["row_key"].isin(others) & (rows[self.problem.timestamp.name] > trained_until)
