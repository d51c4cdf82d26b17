"""What a request is answered, and what the prediction log keeps of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic_core import to_json

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.prediction.level_and_interval import (
    AdjustmentParameters,
    apply_adjustment,
)
from regression_lifecycle.serving.active_model import ActiveModel, LoadedModel
from regression_lifecycle.serving.model_inputs import RowNames
from regression_lifecycle.serving.request_validation import Row

SOURCE = "service"


@dataclass(frozen=True)
class Answers:
    """Predictions of the rows of one request.

    Attributes:
        values: Features per row, as the model took them.
        raw: The model's own predictions.
        served: ``prediction``, ``lower`` and ``upper`` per row; bounds are NaN without an interval.
    """

    values: list[list[Any]]
    raw: list[float]
    served: list[tuple[float, float, float]]


class Predictor:
    """Turns rows into answers and into what the prediction log keeps of them."""

    def __init__(
        self, problem: Problem, deployment: AdjustmentParameters, *, log_features: bool
    ) -> None:
        """Take what is the same for every model.

        Args:
            problem: The contract.
            deployment: How level factor and interval are applied.
            log_features: Whether the log keeps the features.
        """
        self._problem = problem
        self._deployment = deployment
        self._log_features = log_features
        self._row_names = RowNames(problem)

    def answer(self, deployed: ActiveModel, requests: Sequence[list[Row]]) -> list[Answers]:
        """Predict the rows of several requests in one call of the model.

        Args:
            deployed: Model and adjustment.
            requests: Checked rows per request.

        Returns:
            Answers per request.

        Raises:
            RefusedError: If the model cannot take one of the rows.
        """
        values = deployed.model.inputs.values([row for rows in requests for row in rows])
        raw = deployed.model.predict(values)
        table = apply_adjustment(raw, deployed.adjustment, self._problem, self._deployment)
        columns = (table[name].tolist() for name in ("prediction", "lower", "upper"))
        answers = list(zip(*columns, strict=True))
        found, start = [], 0
        for rows in requests:
            end = start + len(rows)
            found.append(Answers(values[start:end], raw[start:end].tolist(), answers[start:end]))
            start = end
        return found

    def records(
        self, deployed: ActiveModel, request_id: str, rows: Sequence[Row], answers: Answers
    ) -> list[dict[str, Any]]:
        """Build the rows that the log keeps.

        Args:
            deployed: Model and adjustment.
            request_id: Name of the request.
            rows: Its rows as they were sent.
            answers: What was answered.

        Returns:
            Rows of ``service_predictions``.
        """
        model = deployed.model
        stamp = self._problem.timestamp.name
        shared = {
            "problem": self._problem.name,
            "request_id": request_id,
            "source": SOURCE,
            "served_at": datetime.now(UTC),
            "model_version": model.version,
            "trained_until": model.model.metadata.trained_until.isoformat(),
            "level_factor": deployed.adjustment.level_factor,
            "level_shift": deployed.adjustment.level_shift,
        }
        return [
            {
                **shared,
                "row_number": number,
                "row_key": self._row_names.of(row),
                "timestamp": row.get(stamp),
                "raw_prediction": raw,
                "prediction": prediction,
                "lower": lower,
                "upper": upper,
                "features": self._features(model, values),
            }
            for number, (row, raw, (prediction, lower, upper), values) in enumerate(
                zip(rows, answers.raw, answers.served, answers.values, strict=True)
            )
        ]

    def _features(self, model: LoadedModel, values: list[Any]) -> str | None:
        if not self._log_features:
            return None
        return to_json(dict(zip(model.inputs.names, values, strict=True))).decode()
