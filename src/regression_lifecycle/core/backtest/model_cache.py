"""The models of a backtest: one per window at most, fitted when asked for, or all in parallel."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd

from regression_lifecycle.core.backtest.replay import FittedPast, History
from regression_lifecycle.core.data.keys import count_steps
from regression_lifecycle.core.durations import AnyDuration
from regression_lifecycle.core.errors import DataContractError
from regression_lifecycle.core.evaluation.challenger import training_rows
from regression_lifecycle.core.metrics import FloatArray
from regression_lifecycle.core.models.training import (
    Compute,
    ModelSpec,
    compute_limits,
    fit,
    make_pipeline,
)


class _Training(NamedTuple):
    """Rows that one model is fitted on."""

    features: pd.DataFrame
    target: pd.Series
    weight: pd.Series | None
    trained_until: pd.Timestamp


@dataclass
class ModelCache:
    """Fits the model of a window on everything that was known when the window began.

    Attributes:
        history: The windows to predict.
        table: All known rows in the order of time: timestamp, features, target.
        features: Columns that the model takes.
        compute: Threads of a fit, and the joblib backend of :meth:`prepare`.
        training_length: Sliding training; None for expanding.
        minimum_training_rows: Fewest rows worth a fit; of many series, fewest times.
    """

    history: History
    table: pd.DataFrame
    features: Sequence[str]
    model: ModelSpec
    compute: Compute
    training_length: AnyDuration | None = None
    minimum_training_rows: int = 10
    _fitted: dict[int, FittedPast] = field(default_factory=dict, init=False)

    def __call__(self, position: int) -> FittedPast:
        """Give the model fitted before a window.

        Args:
            position: The window's position.

        Returns:
            The model's predictions from that window on.

        Raises:
            DataContractError: If there are too few rows before the window.
        """
        if position not in self._fitted:
            self._fitted[position] = _fit(*self._task(position), self.compute)
        return self._fitted[position]

    def missing(self, positions: Iterable[int]) -> list[int]:
        """Return the positions of windows whose model is not fitted yet."""
        return [position for position in positions if position not in self._fitted]

    def prepare(self, positions: Iterable[int], observe: Callable[[int], None]) -> None:
        """Fit several models at once on the configured joblib backend.

        Args:
            positions: Positions of their windows.
            observe: Told the position of each model as it comes.
        """
        import joblib

        wanted = self.missing(positions)
        alone = self.compute.of_worker
        with compute_limits(self.compute):
            found = joblib.Parallel(return_as=self.compute.return_as)(
                joblib.delayed(_fit)(*self._task(position), alone) for position in wanted
            )
            for position, model in zip(wanted, found, strict=True):
                self._fitted[position] = model
                observe(position)

    def cpu_seconds(self, positions: Iterable[int]) -> float:
        """Sum what the fits of some models cost.

        Args:
            positions: Positions of models that were fitted.

        Returns:
            CPU seconds.
        """
        return sum(self._fitted[position].cpu_seconds for position in set(positions))

    def _task(self, position: int) -> tuple[ModelSpec, _Training, pd.DataFrame, int, int]:
        history, problem = self.history, self.history.problem
        window, first = history.windows[position], history.bounds[position]
        training = training_rows(
            self.table, problem, window.start, self.training_length, history.label_delay
        )
        count = count_steps(training, problem)
        if count < self.minimum_training_rows:
            unit = "times" if problem.series_columns else "rows"
            raise DataContractError(
                f"{count} labelled {unit} lie before window {window.key}, "
                f"{self.minimum_training_rows} are needed for a fit: begin later (backtest.start)"
            )
        features = list(self.features)
        return (
            self.model,
            _Training(
                training[features],
                training[problem.target],
                problem.weights_of(training),
                training[problem.timestamp.name].max(),
            ),
            history.rows[features].iloc[first:],
            first,
            len(history.rows),
        )


def _fit(
    spec: ModelSpec,
    rows: _Training,
    later: pd.DataFrame,
    first: int,
    n_rows: int,
    compute: Compute,
) -> FittedPast:
    began = time.process_time()
    fitted = fit(make_pipeline(spec), rows.features, rows.target, compute, rows.weight)
    cost = time.process_time() - began
    predictions: FloatArray = np.full(n_rows, np.nan)
    if len(later):
        with compute_limits(compute):
            predictions[first:] = fitted.predict(later)
    return FittedPast(predictions, rows.trained_until, cost)
