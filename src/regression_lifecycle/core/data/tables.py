"""The tables that outlive a run: what each column of the lifecycle's memory means.

One description for the SQL store, the nodes that fill the tables, and the page that shows them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

import pandas as pd

from regression_lifecycle.core.metrics import WINDOW_METRICS

ColumnKind = Literal["text", "integer", "float", "boolean", "datetime"]

_DTYPES: dict[ColumnKind, str] = {
    "text": "str",
    "integer": "Int64",
    "float": "float64",
    "boolean": "boolean",
    "datetime": "datetime64[us]",
}


@dataclass(frozen=True)
class HistoryTable:
    """One table of the store.

    Attributes:
        name: Name in the database.
        key: Columns that name a row; saving a row with a known key replaces it.
        columns: Kind of every column, the key's first.
        append_only: A row with a known key stays as it was instead.
    """

    name: str
    key: tuple[str, ...]
    columns: Mapping[str, ColumnKind]
    append_only: bool = False

    def frame(self, rows: pd.DataFrame | list[dict[str, object]] | None = None) -> pd.DataFrame:
        """Bring rows into the table's form.

        Args:
            rows: A table or records; columns that are absent become missing, columns that the
                table does not have are left out. None gives an empty table.

        Returns:
            A new table with the columns and dtypes of this one.
        """
        given = pd.DataFrame(rows if rows is not None else [])
        return pd.DataFrame(
            {
                name: (given[name] if name in given else pd.Series(None, index=given.index)).astype(
                    _DTYPES[kind]
                )
                for name, kind in self.columns.items()
            }
        ).reset_index(drop=True)


class Between(NamedTuple):
    """Values from ``low`` on and below ``high``; None leaves that side open."""

    low: Any = None
    high: Any = None


class ReadRows(Protocol):
    """Reads some rows of a stored table, each time it is called."""

    def __call__(
        self, where: Mapping[str, Any] | None = None, columns: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Read rows.

        Args:
            where: By column the value that a row must have, a list of such values, or a
                :class:`Between`. A missing value matches no row.
            columns: Names of the columns to read; all if left out.

        Returns:
            Rows in the dtypes of the table.
        """
        ...


WINDOW_HISTORY = HistoryTable(
    "window_history",
    ("problem", "window", "model_version", "revision"),
    {
        "problem": "text",
        # Name of the window; the same however often and however late it is looked at.
        "window": "text",
        "model_version": "text",
        # 0, and one more each time labels that were known already are corrected.
        "revision": "integer",
        # Position of the window since the first one: the step of its metrics in MLflow.
        "window_index": "integer",
        "start": "datetime",
        "end": "datetime",
        # complete, partial, underpopulated, empty, pending labels
        "status": "text",
        "n": "integer",
        "n_labelled": "integer",
        # The moment from which the window was last looked at; an earlier look changes nothing.
        "seen_as_of": "datetime",
        # Hashes of the rows' features and of their labels: what says that something changed.
        "features_fingerprint": "text",
        "labels_fingerprint": "text",
        # The deployed prediction is the model's times this factor, plus this shift.
        "level_factor": "float",
        "level_shift": "float",
        # Figures of the deployed prediction, in the target's unit or as shares.
        **dict.fromkeys(WINDOW_METRICS, "float"),
        "baseline_rmse": "float",
        "baseline_mae": "float",
        "baseline_pinball": "float",
        # Sums over the labelled rows, times their weight; the bias over several windows is made of
        # them. Without weights the first is the number of these rows.
        "sum_weight": "float",
        "sum_target": "float",
        "sum_absolute_target": "float",
        "sum_prediction": "float",
        "sum_raw_prediction": "float",
        # Share of labelled rows inside the prediction interval, and its mean width.
        "coverage": "float",
        "interval_width": "float",
        # Extremes over the segments, as "hr=8"; the worst by the problem's main metric.
        "worst_segment": "text",
        "worst_segment_error": "float",
        "most_biased_segment": "text",
        "most_biased_segment_bias": "float",
        "n_drift_columns": "integer",
        "n_drifted": "integer",
        "drifted_share": "float",
        "drifted_columns": "text",
        # Rows that the frequency asks for and that are not there; rows that broke the contract.
        "n_missing_rows": "integer",
        "n_rejected": "integer",
        # Share of blank cells among the columns that are watched.
        "missing_share": "float",
        # Rows that the service answered and that could be held against the observation; shares of
        # them whose features, and whose predictions, are others when made of what was observed, and
        # that had to do without something.
        "n_skew_rows": "integer",
        "features_skew": "float",
        "predictions_skew": "float",
        "lacking_share": "float",
        # Raw columns and features that differ, a column before the features made of it; and of the
        # first one the share of rows, with the means as served and as observed over these rows.
        "skewed_columns": "text",
        "most_skewed_column": "text",
        "most_skewed_share": "float",
        "most_skewed_served": "float",
        "most_skewed_observed": "float",
        # Series with rows in the window, and names of those that were never there before, and of
        # those that were there in the window before and are not in this one.
        "n_series": "integer",
        "new_series": "text",
        "vanished_series": "text",
        # Names of the policy's rules that fired on this window, separated by commas.
        "alarms": "text",
        # Where one fired: what every raw column added to the raw predictions on average, beside
        # those of training rows, as JSON by column, the largest first.
        "contributions": "text",
    },
)

DRIFT_HISTORY = HistoryTable(
    "drift_history",
    ("problem", "window", "model_version", "column"),
    {
        "problem": "text",
        "window": "text",
        "model_version": "text",
        "column": "text",
        "window_index": "integer",
        "start": "datetime",
        "kind": "text",
        "role": "text",
        "method": "text",
        "score": "float",
        "threshold": "float",
        "drifted": "boolean",
        "reason": "text",
        "n_reference": "integer",
        "n_current": "integer",
    },
)

SEGMENT_HISTORY = HistoryTable(
    "segment_history",
    ("problem", "window", "model_version", "segment", "value"),
    {
        "problem": "text",
        "window": "text",
        "model_version": "text",
        "segment": "text",
        "value": "text",
        "window_index": "integer",
        "start": "datetime",
        "n": "integer",
        "rmse": "float",
        "pinball": "float",
        "bias": "float",
        "sum_weight": "float",
        "sum_target": "float",
        "sum_absolute_target": "float",
        "sum_prediction": "float",
    },
)

SERIES_HISTORY = HistoryTable(
    "series_history",
    ("problem", "window", "model_version", "series"),
    {
        "problem": "text",
        "window": "text",
        "model_version": "text",
        # The key without its time, joined by "|". A table without series has no rows here.
        "series": "text",
        "window_index": "integer",
        "start": "datetime",
        # Labelled rows, and sums over them, times their weight: figures over several windows are
        # made of these.
        "n": "integer",
        "sum_weight": "float",
        "sum_squares": "float",
        "sum_absolutes": "float",
        "sum_pinball": "float",
        "sum_baseline_squares": "float",
        "sum_baseline_pinball": "float",
        "sum_target": "float",
        "sum_absolute_target": "float",
        "sum_prediction": "float",
    },
)

PREDICTIONS = HistoryTable(
    "predictions",
    ("problem", "row_key", "model_version"),
    {
        "problem": "text",
        # The row's key columns joined by "|".
        "row_key": "text",
        "model_version": "text",
        "timestamp": "datetime",
        "window": "text",
        "window_index": "integer",
        "raw_prediction": "float",
        "level_factor": "float",
        "level_shift": "float",
        "prediction": "float",
        "lower": "float",
        "upper": "float",
        "baseline": "float",
        # The label as it was last seen; a later correction is told from a late arrival by it.
        "target": "float",
    },
)

SERVICE_PREDICTIONS = HistoryTable(
    "service_predictions",
    ("problem", "request_id", "row_number"),
    {
        "problem": "text",
        "request_id": "text",
        # Position in the request, from 0.
        "row_number": "integer",
        # service, or the name of what else answers requests
        "source": "text",
        # When it was predicted, UTC. Of several predictions of a row the newest counts.
        "served_at": "datetime",
        # The row's key columns joined by "|", and its timestamp; missing if the request did not
        # say which observation it is about. Such a row cannot be joined with a label.
        "row_key": "text",
        "timestamp": "datetime",
        "model_version": "text",
        # Newest row that the model was trained on: a prediction of an older row judges nothing.
        "trained_until": "datetime",
        "raw_prediction": "float",
        "level_factor": "float",
        "level_shift": "float",
        "prediction": "float",
        "lower": "float",
        "upper": "float",
        # Hash of the recipe that the features were made by.
        "recipe": "text",
        # What was sent, by raw column, and what was made of it, by feature, as JSON; what the
        # features had to do without, as a JSON list. Missing if that is not kept.
        "row": "text",
        "features": "text",
        "missing": "text",
    },
    append_only=True,
)

KNOWN_ROWS = HistoryTable(
    "known_rows",
    ("problem", "row_key"),
    {
        "problem": "text",
        # The row's key columns joined by "|".
        "row_key": "text",
        "timestamp": "datetime",
        # What is known in advance, as JSON by raw column, as it was last sent.
        "row": "text",
    },
)

LABELS = HistoryTable(
    "labels",
    ("problem", "row_key"),
    {
        "problem": "text",
        # The row's key columns joined by "|".
        "row_key": "text",
        "timestamp": "datetime",
        # The value as it was last given; a later one replaces it.
        "target": "float",
    },
)

ADJUSTMENTS = HistoryTable(
    "adjustments",
    ("problem", "model_version", "valid_from"),
    {
        "problem": "text",
        "model_version": "text",
        # Start of the window from which on it is served.
        "valid_from": "datetime",
        "level_factor": "float",
        "level_shift": "float",
        # Half the interval is width x max(|prediction|, floor) ^ exponent; the width is missing
        # without an interval.
        "interval_width": "float",
        "interval_exponent": "float",
        "interval_floor": "float",
    },
)

ERROR_RATES = HistoryTable(
    "error_rates",
    ("problem", "model_version", "subject", "name"),
    {
        "problem": "text",
        "model_version": "text",
        # What can be wrong: rule, gate, interval; losses, which only say how they vary.
        "subject": "text",
        # Which one: the rule's own name, the error's, or what a gate is asked.
        "name": "text",
        # How often it is to be wrong, and how often it is as far as the table tells: of a rule
        # times a year that it begins to fire on a model that does not change, else shares.
        "stated": "float",
        "measured": "float",
        # What a rule fires above; missing where nothing was calibrated.
        "limit": "float",
        # Correlation of a window's value with that of the window before.
        "memory": "float",
        "n_windows": "integer",
        # The rule as it was configured; its limit holds for no other one.
        "rule": "text",
        "as_of": "datetime",
    },
)

BACKTEST_HISTORY = HistoryTable(
    "backtest_history",
    ("policy", "window"),
    {
        "policy": "text",
        "window": "text",
        "window_index": "integer",
        "start": "datetime",
        "end": "datetime",
        "status": "text",
        "n": "integer",
        # Window before which the deployed model was fitted: its version in the backtest.
        "model_version": "text",
        "model_age_windows": "integer",
        "level_factor": "float",
        "level_shift": "float",
        "rmse": "float",
        "mae": "float",
        "rmsle": "float",
        "bias": "float",
        "pinball": "float",
        "quantile_coverage": "float",
        "coverage": "float",
        "baseline_rmse": "float",
        "baseline_pinball": "float",
        "drifted_share": "float",
        # What the policy decided before this window, the gate's answer, and why.
        "decision": "text",
        "gate": "text",
        "promoted": "boolean",
        "alarms": "text",
        "reasons": "text",
    },
)

BACKTEST_SUMMARY = HistoryTable(
    "backtest_summary",
    ("policy",),
    {
        "policy": "text",
        "kind": "text",
        "description": "text",
        "n_windows": "integer",
        "n": "integer",
        "rmse": "float",
        "mae": "float",
        "rmsle": "float",
        "bias": "float",
        "pinball": "float",
        "quantile_coverage": "float",
        "coverage": "float",
        # New versions after the first model. Figures of a calendar are means over its phases.
        "retrains": "float",
        "refused": "integer",
        # Replays of a calendar, by the window of the first retraining, and the errors of two.
        "phases": "integer",
        "best_phase": "float",
        "worst_phase": "float",
        # Of a calendar of equal cost: whose, and how many of its phases had a larger error.
        "as_often_as": "text",
        "beaten_phases": "integer",
        # Mean absolute difference to the predecessor's predictions in the first window of a new
        # version, over the mean absolute target.
        "churn": "float",
        # Prices of a retraining, in errors of one window, between which no other policy is better.
        "best_from": "float",
        "best_until": "float",
        # CPU seconds of the fits that this policy needed.
        "fit_cpu_seconds": "float",
    },
)

SENT_ALERTS = HistoryTable(
    "sent_alerts",
    ("alert_key", "window", "channel"),
    {
        "alert_key": "text",
        "window": "text",
        # Name of the place the alert went to; each has a row of its own.
        "channel": "text",
        "problem": "text",
        # The data's clock, which the cooldown goes by.
        "as_of": "datetime",
        "level": "text",
        "title": "text",
        # With these two a failed alert can be sent again by a later run.
        "text": "text",
        "details": "text",
        # sent or failed, and why
        "status": "text",
        "error": "text",
        # Runs that tried to deliver it.
        "attempts": "integer",
    },
)

COMPLETED_TICKS = HistoryTable(
    "completed_ticks",
    ("problem",),
    {
        "problem": "text",
        # The moment at which the newest tick stood that came to its end, and how it ended.
        "as_of": "datetime",
        "exit_code": "integer",
        # Hash of everything that it read: with the same, another tick has nothing to do.
        "fingerprint": "text",
        # Hash of everything that its page shows.
        "page_fingerprint": "text",
    },
)

STORED_TABLES: Mapping[str, HistoryTable] = {
    table.name: table
    for table in (
        WINDOW_HISTORY,
        DRIFT_HISTORY,
        SEGMENT_HISTORY,
        SERIES_HISTORY,
        PREDICTIONS,
        SERVICE_PREDICTIONS,
        KNOWN_ROWS,
        LABELS,
        ADJUSTMENTS,
        ERROR_RATES,
        BACKTEST_HISTORY,
        BACKTEST_SUMMARY,
        SENT_ALERTS,
        COMPLETED_TICKS,
    )
}
