"""What was predicted before, by whom, and what of it was not judged yet."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from regression_lifecycle.core.data.keys import row_keys
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.tables import (
    PREDICTIONS,
    SERVICE_PREDICTIONS,
    Between,
    ReadRows,
)
from regression_lifecycle.core.monitoring.known_windows import KnownTable
from regression_lifecycle.core.prediction.batch_predictions import (
    BatchPredictions,
    batch_predictions_of,
)
from regression_lifecycle.core.windows.windows import window_of_rows

IS_NEW = "is_new"
_IDENTITY = [
    "request_id",
    "row_number",
    "served_at",
    "row_key",
    "model_version",
    "trained_until",
]
_ANSWER = [
    *_IDENTITY,
    "raw_prediction",
    "level_factor",
    "level_shift",
    "prediction",
    "lower",
    "upper",
]
_MADE = ["timestamp", "recipe", "row", "features", "missing"]


@dataclass(frozen=True)
class LoggedPredictions:
    """Predictions that were made before this run; rows are read when they are asked for.

    Attributes:
        judged: Reads ``predictions``: what monitoring has judged.
        answered: Reads ``service_predictions``: what the service answered.
        batches: What was scored in batches.
        problem: Whose predictions count.
    """

    judged: ReadRows
    answered: ReadRows
    batches: Sequence[BatchPredictions]
    problem: Problem

    def judged_in(self, windows: Collection[str]) -> pd.DataFrame:
        """Read what was judged in some windows.

        Args:
            windows: Names of the windows.

        Returns:
            Rows of ``predictions``.
        """
        if not windows:
            return PREDICTIONS.frame()
        return PREDICTIONS.frame(self.judged({**self._own, "window": list(windows)}))

    def judged_by(self, window: str, version: str) -> pd.DataFrame:
        """Read what was judged of one model version in one window.

        Args:
            window: Name of the window.
            version: The model version.

        Returns:
            ``row_key``, ``target``, ``raw_prediction`` and ``prediction``.
        """
        where = {**self._own, "window": window, "model_version": version}
        return self.judged(where, ["row_key", "target", "raw_prediction", "prediction"])

    def judged_between(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        """Read what was judged of the rows of a stretch of time.

        Args:
            start: First moment of the stretch.
            end: First moment after it.

        Returns:
            ``row_key``, ``model_version`` and ``prediction``, the oldest window first.
        """
        names = ["window_index", "row_key", "model_version", "prediction"]
        found = self.judged({**self._own, "timestamp": Between(start, end)}, names)
        return found[names[1:]]

    def made_for(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Read what the service and batches predicted for some rows.

        Args:
            rows: Rows with ``row_key`` and the timestamp.

        Returns:
            Rows in the form of ``service_predictions``, of several predictions of a row by one
            model version the newest alone.
        """
        if rows.empty:
            return SERVICE_PREDICTIONS.frame()
        keys = rows["row_key"].tolist()
        answered = SERVICE_PREDICTIONS.frame(
            self.answered({**self._own, "row_key": keys}, ["problem", *_ANSWER])
        )
        scored = batch_predictions_of(self.batches, rows, self.problem)
        return _newest(pd.concat([answered, scored], ignore_index=True))

    def answers_with_features(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Read what the service made of some rows.

        Args:
            rows: Rows with ``row_key``.

        Returns:
            Rows of ``service_predictions`` whose ``features`` were kept, of several answers about
            a row by one model version the newest alone; none whose model was trained on the row.
        """
        if rows.empty:
            return SERVICE_PREDICTIONS.frame()
        where = {**self._own, "row_key": rows["row_key"].tolist()}
        found = _newest(self.answered(where, [*_IDENTITY, "raw_prediction", *_MADE]))
        # No comparison with a missing moment holds: a model of unknown age is believed.
        found = found[~(found["timestamp"] <= found["trained_until"])]
        return found[found["features"].notna()]

    def windows_asked_since(self, moment: pd.Timestamp | None, known: KnownTable) -> set[int]:
        """Find the windows for which a prediction may have arrived since a moment.

        Args:
            moment: When one last looked, in UTC; None for never.
            known: The table.

        Returns:
            Indices of the windows that the service answered for since then, and of those in the
            range of time of a batch that was scored since then.
        """
        arrived = {} if moment is None else {"recorded_at": Between(low=_utc_text(moment))}
        asked = self._windows_answered({**self._own, **arrived}, known)
        for batch in self.batches:
            if batch.judged and (moment is None or batch.scored_at >= moment):
                asked |= {
                    window.index
                    for window in known.windows
                    if window.start <= batch.last and window.end > batch.first
                }
        return asked

    def _windows_answered(self, where: dict[str, Any], known: KnownTable) -> set[int]:
        """Find the windows of answers: by their moments, or else by their rows."""
        stamp = self.problem.timestamp.name
        if known.parameters.by_time and self.problem.key_holds_time:
            answers = self.answered(where, ["timestamp"]).rename(columns={"timestamp": stamp})
            if answers[stamp].notna().all():
                windows, parameters = known.windows, known.parameters
                found = window_of_rows(answers, windows, self.problem, parameters)
                return set(found.unique()) - {-1}
        keys = self.answered(where, ["row_key"])["row_key"].dropna()
        if keys.empty:
            return set()
        asked: set[int] = set()
        for rows, place in known.pieces(self.problem.row_order):
            asked |= set(place[row_keys(rows, self.problem).isin(keys).to_numpy()])
        return asked - {-1}

    @property
    def _own(self) -> dict[str, str]:
        return {"problem": self.problem.name}


def merge_logged_predictions(
    logged: LoggedPredictions, changed_windows: pd.DataFrame, window_rows: pd.DataFrame
) -> pd.DataFrame:
    """Join what the service and batches predicted with the rows of some windows.

    What was judged once stays as it is. A prediction whose model was trained on its row judges
    nothing, and one that names no known row cannot be judged; both are left aside.

    Args:
        logged: What was predicted.
        changed_windows: The windows.
        window_rows: Known rows with ``row_key``, ``window_index``, the target and ``baseline``.

    Returns:
        Rows of ``predictions`` of these windows with ``is_new``: true for those that were not
        judged yet.
    """
    judged = logged.judged_in(changed_windows["window"].tolist())
    problem = logged.problem
    rows = window_rows[window_rows["window_index"].isin(changed_windows["window_index"])]
    made = logged.made_for(rows).drop(columns="timestamp")
    names = {problem.timestamp.name: "timestamp", problem.target: "target"}
    known = rows[[*names, "row_key", "baseline", "window_index"]].rename(columns=names)
    found = made.merge(known, on="row_key", how="inner")
    found = found.merge(changed_windows[["window", "window_index"]], on="window_index")
    # No comparison with a missing moment holds: a model of unknown age is believed.
    found = found[~(found["timestamp"] <= found["trained_until"])]
    key = ["row_key", "model_version"]
    known_before = pd.MultiIndex.from_frame(judged[key])
    new = found[~pd.MultiIndex.from_frame(found[key]).isin(known_before)]
    return pd.concat(
        [
            judged.assign(**{IS_NEW: False}),
            PREDICTIONS.frame(new).assign(**{IS_NEW: True}),
        ],
        ignore_index=True,
    )


def _newest(made: pd.DataFrame) -> pd.DataFrame:
    """Keep of several predictions of a row by one model version the newest."""
    made = made.sort_values("served_at", kind="stable")
    return made.drop_duplicates(["row_key", "model_version"], keep="last")


def _utc_text(moment: pd.Timestamp) -> str:
    """Write a moment as ``recorded_at`` is written."""
    text: str = moment.tz_localize("UTC").isoformat(timespec="microseconds")
    return text
