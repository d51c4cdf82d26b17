"""From a raw table to observations that keep the contract."""

from __future__ import annotations

from typing import Any

import pandas as pd

from regression_lifecycle.adapters import evidently
from regression_lifecycle.core.data.contract import IngestionParameters, enforce_contract
from regression_lifecycle.core.data.gaps import find_gaps
from regression_lifecycle.core.data.labels import join_labels
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.pipelines.roles import column_roles


def ingest(
    raw: pd.DataFrame, labels: pd.DataFrame, problem: Problem, parameters: IngestionParameters
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Sort rows into observations and rejected ones, fill in labels, and list what is missing.

    Args:
        raw: The table as it was read.
        labels: Targets that came later than their rows.
        problem: The contract.
        parameters: How many rejected rows are bearable.

    Returns:
        Observations, rejected rows with their reasons, gaps.

    Raises:
        DataContractError: If the table as a whole cannot be used.
    """
    observations, rejected = enforce_contract(raw, problem, parameters)
    observations = join_labels(observations, labels, problem)
    return observations, rejected, find_gaps(observations, problem)


def report_data_quality(
    observations: pd.DataFrame, problem: Problem, parameters: IngestionParameters
) -> Any:
    """Describe the observations in an Evidently report.

    Args:
        observations: Observations.
        problem: Says which columns are numbers and which are labels.
        parameters: Most rows to look at.

    Returns:
        An Evidently snapshot.
    """
    columns = [
        name
        for name, spec in problem.columns.items()
        if spec.type not in ("date", "datetime") and name != problem.target
    ]
    return evidently.data_quality_snapshot(
        observations,
        column_roles(problem, columns),
        timestamp=observations[problem.timestamp.name].max(),
        maximum_rows=parameters.report_rows,
        seed=0,
    )
