"""The parameters of the evaluation."""

from __future__ import annotations

from pydantic import Field

from regression_lifecycle.core.config import StrictModel
from regression_lifecycle.core.evaluation.baseline import BaselineParameters
from regression_lifecycle.core.evaluation.gate import GateParameters
from regression_lifecycle.core.windows.parameters import WindowParameters


class ImportanceParameters(StrictModel):
    """Permutation importance: how much the error grows when a feature is shuffled.

    Attributes:
        rows: Holdout rows drawn for it.
        repeats: Shuffles per feature.
        seed: Seed of draw and shuffles.
    """

    rows: int = Field(1000, ge=10)
    repeats: int = Field(3, ge=1)
    seed: int = 0


class EvaluationParameters(StrictModel):
    """How models are judged.

    Attributes:
        baseline: The naive forecast to beat.
        segments: Columns by whose values errors are listed; raw columns or features.
        worst_rows: How many of the largest errors are listed.
        windows: How the holdout is cut in time.
        report_rows: Most rows handed to the Evidently report; a seeded sample beyond.
        importance: The importance plot.
        gate: When a candidate is promoted.
    """

    baseline: BaselineParameters = BaselineParameters()
    segments: tuple[str, ...] = ()
    worst_rows: int = Field(20, ge=1, le=1000)
    windows: WindowParameters
    report_rows: int = Field(20_000, ge=100)
    importance: ImportanceParameters = ImportanceParameters()
    gate: GateParameters = GateParameters()
