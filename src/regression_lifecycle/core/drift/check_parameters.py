"""The parameters of the drift check: what is compared with what."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from regression_lifecycle.core.drift.parameters import DriftParameters


class DriftCheckParameters(DriftParameters):
    """How the holdout is compared with the training set.

    Attributes:
        columns: Columns to compare besides target and prediction.
        reference_predictions: ``out_of_fold``: training rows as predicted by models that did not
            see them. ``in_sample``: as predicted by the candidate itself, which hides drift,
            since a model fits its own rows too well; only to reproduce work that did so.
    """

    columns: tuple[str, ...] = Field(min_length=1)
    reference_predictions: Literal["out_of_fold", "in_sample"] = "out_of_fold"
