"""Monitoring without drift, at one moment after the other, on a tiny table."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from regression_lifecycle.core.data.tables import PREDICTIONS, SERVICE_PREDICTIONS, WINDOW_HISTORY
from regression_lifecycle.core.metrics import interval_coverage
from regression_lifecycle.core.monitoring.backfill import (
    backfill_predictions,
    compute_next_adjustment,
    prepare_adjuster,
)
from regression_lifecycle.core.monitoring.known_windows import cut_known_rows
from regression_lifecycle.core.monitoring.logged_predictions import (
    LoggedPredictions,
    merge_logged_predictions,
)
from regression_lifecycle.core.monitoring.prediction_coverage import PredictionCoverage
from regression_lifecycle.core.monitoring.window_plan import (
    find_changed_windows,
    of_window,
    plan_windows,
)
from regression_lifecycle.core.prediction.level_and_interval import AdjustmentParameters
from regression_lifecycle.core.windows.parameters import WindowParameters
from tests.examples import tiny_model
from tests.readers import reader

WINDOWS = WindowParameters.model_validate(
    {"kind": "length", "length": "2 days", "origin": "2021-03-01"}
)
ADJUSTMENT = AdjustmentParameters.model_validate(
    {
        "level_correction": {"windows": 8},
        "interval": {"windows": 2, "minimum_rows": 20},
    }
)


@dataclass(frozen=True)
class Settings:
    """What monitoring is told."""

    label_delay: str | None = None
    backfill: bool = True
    windows: WindowParameters = WINDOWS
    adjustment: AdjustmentParameters = ADJUSTMENT


class Constant:
    """Says 100 for every row."""

    def predict(self, features):
        return np.full(len(features), 100.0)


def model(version="1", until="2021-02-28 23:00"):
    return tiny_model(Constant(), version, until)


@dataclass
class Store:
    """What one look leaves for the next one."""

    windows: pd.DataFrame = field(default_factory=WINDOW_HISTORY.frame)
    predictions: pd.DataFrame = field(default_factory=PREDICTIONS.frame)
    plan: pd.DataFrame = field(default_factory=pd.DataFrame)
    adjustments: pd.DataFrame = field(default_factory=pd.DataFrame)
    #: Rows of ``predictions`` that were read by the last look.
    read: list[pd.DataFrame] = field(default_factory=list)

    def look(self, table, problem, as_of, settings, champion, asked_for, batches):
        """Look at a table once, and keep what was found."""
        delay = settings.label_delay and pd.Timedelta(settings.label_delay)
        problem = problem.model_copy(update={"label_delay": delay})
        known, windows = cut_known_rows(table, pd.Timestamp(as_of), problem, settings.windows)
        self.read = []
        logged = LoggedPredictions(
            reader(self.predictions, self.read.append), reader(asked_for), batches, problem
        )
        changed = find_changed_windows(windows, known, self.windows, logged, champion)
        rows = all_rows(known).assign(baseline=1.0)
        merged = merge_logged_predictions(logged, changed, rows)
        coverage = PredictionCoverage(
            merged, champion, settings.backfill, settings.windows, problem
        )
        self.plan = plan_windows(changed, rows, self.windows, coverage, champion)
        adjuster = prepare_adjuster(self.windows, windows, self.plan, logged, settings.adjustment)
        made = backfill_predictions(self.plan, rows, merged, champion, adjuster)
        self.adjustments = compute_next_adjustment(adjuster, made, windows, champion)
        coverage = [
            interval_coverage(*of_window(made, window)[["target", "lower", "upper"]].to_numpy().T)
            for window in self.plan.to_dict("records")
        ]
        done = self.plan.assign(
            problem=problem.name, seen_as_of=self.plan["as_of"], coverage=coverage
        )
        self.windows = upsert(self.windows, WINDOW_HISTORY.frame(done), WINDOW_HISTORY.key)
        self.predictions = upsert(self.predictions, made, PREDICTIONS.key)


def look(
    table,
    problem,
    *moments,
    settings=None,
    champions=None,
    asked_for=None,
    batches=(),
    store=None,
):
    """Look at one moment after the other; gives what was stored, by row."""
    store = Store() if store is None else store
    asked = SERVICE_PREDICTIONS.frame(asked_for)
    for place, as_of in enumerate(moments):
        champion = champions[place] if champions else model()
        store.look(table, problem, as_of, settings or Settings(), champion, asked, batches)
    rows = store.predictions.sort_values(["timestamp", "model_version"])
    return rows.reset_index(drop=True)


def all_rows(known):
    """Read all rows of a known table."""
    return known.within([(pd.Timestamp("1900"), pd.Timestamp("2200"))])


def upsert(old, new, key):
    both = pd.concat([old, new], ignore_index=True)
    return both.drop_duplicates(list(key), keep="last").reset_index(drop=True)
