"""Labels that are brought by a file."""

from __future__ import annotations

import logging

import pandas as pd

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.quarantine import REASON_COLUMN
from regression_lifecycle.core.errors import counted
from regression_lifecycle.core.ingestion.labels import REPLACED, LabelParameters, accept_labels

LOGGER = logging.getLogger(__name__)


def take_labels(
    raw_labels: pd.DataFrame, problem: Problem, parameters: LabelParameters
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read labels, and warn where the file says two things of one row.

    Args:
        raw_labels: The file, as text.
        parameters: How many bad rows are bearable.

    Returns:
        Rows of ``labels``, and the rows that were set aside.

    Raises:
        DataContractError: If a column is missing or too many rows are bad.
    """
    labels, rejected = accept_labels(raw_labels, problem, parameters)
    replaced = rejected[rejected[REASON_COLUMN] == REPLACED]
    if len(replaced):
        LOGGER.warning(
            "%s with another value further down in the same file, which counts; the first "
            "one is in row %s. rejected_labels lists them",
            counted(len(replaced), "label"),
            replaced.iloc[0, 0],
        )
    return labels, rejected
