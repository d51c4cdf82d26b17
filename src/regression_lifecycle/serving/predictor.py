"""What a request is answered, and what the prediction log keeps of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from pydantic_core import to_json

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.errors import bounded_list
from regression_lifecycle.core.prediction.level_and_interval import adjust
from regression_lifecycle.core.prediction.service_parameters import ServingParameters
from regression_lifecycle.serving.active_model import ActiveModel, LoadedModel
from regression_lifecycle.serving.errors import Mistake, RefusedError
from regression_lifecycle.serving.model_inputs import Inputs
from regression_lifecycle.serving.request_validation import Row

SOURCE = "service"


@dataclass(frozen=True)
class Answers:
    """Predictions of the rows of one request.

    Attributes:
        inputs: Features per row, as the model took them, and what they lack.
        raw: The model's own predictions.
        served: ``prediction``, ``lower`` and ``upper`` per row; bounds are NaN without an interval.
    """

    inputs: Inputs
    raw: list[float]
    served: list[tuple[float, float, float]]

    @cached_property
    def missing(self) -> list[list[str]]:
        """What was looked for and is not there, per row."""
        return [
            list(dict.fromkeys(text for texts in lacking.values() for text in texts))
            for lacking in self.inputs.lacking
        ]

    def as_dicts(self) -> list[dict[str, Any]]:
        """Return what callers see of each row."""
        return [
            {"prediction": prediction, "lower": lower, "upper": upper, "missing": missing}
            for (prediction, lower, upper), missing in zip(self.served, self.missing, strict=True)
        ]


class Predictor:
    """Turns rows into answers and into what the prediction log keeps of them."""

    def __init__(self, problem: Problem, serving: ServingParameters) -> None:
        """Take what is the same for every model.

        Args:
            problem: The contract.
            serving: What a row may lack, and what the log keeps of it.
        """
        self._problem = problem
        self._serving = serving

    def answer(self, deployed: ActiveModel, requests: Sequence[list[Row]]) -> list[Answers]:
        """Predict the rows of several requests in one call of the model.

        Args:
            deployed: Model, adjustment and history.
            requests: Checked rows per request.

        Returns:
            Answers per request.

        Raises:
            RefusedError: If the model cannot take one of the rows, or it lacks too much.
        """
        made = [deployed.model.inputs.make(rows, deployed.history) for rows in requests]
        for inputs in made:
            self._refuse_lacking(deployed.model, inputs)
        raw = deployed.model.predict([row for inputs in made for row in inputs.values])
        answers = [*map(tuple, adjust(raw, deployed.adjustment, self._problem).tolist())]
        found, start = [], 0
        for inputs in made:
            end = start + len(inputs.values)
            found.append(Answers(inputs, raw[start:end].tolist(), answers[start:end]))
            start = end
        return found

    def _refuse_lacking(self, model: LoadedModel, inputs: Inputs) -> None:
        most = self._serving.maximum_missing_share * len(model.inputs.looked_up)
        mistakes = [
            Mistake(
                f"{len(lacking)} of {len(model.inputs.looked_up)} features lack what they look "
                f"up: {bounded_list([text for texts in lacking.values() for text in texts], 3)}; "
                "send it to /rows or /labels, or raise serving.maximum_missing_share",
                number,
            )
            for number, lacking in enumerate(inputs.lacking)
            if len(lacking) > most
        ]
        if mistakes:
            raise RefusedError(422, mistakes)

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
                "row_key": key,
                "timestamp": row.get(stamp),
                "raw_prediction": raw,
                "prediction": prediction,
                "lower": lower,
                "upper": upper,
                **self._inputs(model, row, values, missing),
            }
            for number, (row, key, raw, (prediction, lower, upper), values, missing) in enumerate(
                zip(
                    rows,
                    answers.inputs.keys,
                    answers.raw,
                    answers.served,
                    answers.inputs.values,
                    answers.missing,
                    strict=True,
                )
            )
        ]

    def _inputs(
        self, model: LoadedModel, row: Row, values: list[Any], missing: list[str]
    ) -> dict[str, str | None]:
        if not self._serving.log_features:
            return {}
        features = dict(zip(model.inputs.names, values, strict=True))
        return {
            "recipe": model.recipe_digest,
            "row": to_json(row).decode(),
            "features": to_json(features).decode(),
            "missing": to_json(missing).decode() if missing else None,
        }


def explain(deployed: ActiveModel, answers: Answers) -> list[dict[str, float]]:
    """Say what each raw column adds to predictions as they were served.

    Args:
        deployed: Model and adjustment.
        answers: The predictions.

    Returns:
        Per row ``base``, each raw column, and ``bounds`` where the bounds of the target changed
        the prediction; their sum is what was served.
    """
    base, rows = deployed.model.explain(answers.inputs)
    factor, shift = deployed.adjustment.level_factor, deployed.adjustment.level_shift
    found = []
    for row, (served, _, _) in zip(rows, answers.served, strict=True):
        parts = {"base": base * factor + shift, **{name: v * factor for name, v in row.items()}}
        bounds = served - sum(parts.values())
        if not math.isclose(bounds, 0, abs_tol=1e-9 * max(1.0, abs(served))):
            parts["bounds"] = bounds
        found.append(parts)
    return found
