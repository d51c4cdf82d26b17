"""The parameters of the drift check: what is compared with what."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from regression_lifecycle.core.drift import DriftParameters


class DriftCheckParameters(DriftParameters):
    """How the holdout is compared with the training set.

    Attributes:
        columns: Columns to compare besides target and prediction.
        reference: Where the reference comes from. ``out_of_fold``: training rows of the
            cross-validation's test folds with out-of-sample predictions. ``in_sample``: all
            training rows with the candidate's own predictions, which look better than they are;
            only to reproduce work that did so.
    """

    columns: tuple[str, ...] = Field(min_length=1)
    reference: Literal["out_of_fold", "in_sample"] = "out_of_fold"
