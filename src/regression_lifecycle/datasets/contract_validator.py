"""The contract as a validator of the Kedro catalog (``validator:`` of an entry)."""

from __future__ import annotations

from typing import Any, Literal

import pandas as pd

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.errors import ConfigurationError, unknown_name
from regression_lifecycle.core.ingestion.contract import check_observations, check_structure

_STAGES = ("raw", "observations")


class ContractValidator:
    """Refuses a table that breaks the contract, at the moment it is loaded or saved.

    Example:
        .. code-block:: yaml

            observations:
              type: regression_lifecycle.datasets.atomic_files.AtomicParquetDataset
              filepath: data/02_intermediate/observations.parquet
              validator:
                class: regression_lifecycle.datasets.contract_validator.ContractValidator
                options:
                  stage: observations
                  problem: ${parameter:problem}
    """

    def __init__(self, stage: Literal["raw", "observations"], problem: dict[str, Any]) -> None:
        """Read the problem.

        Args:
            stage: ``raw`` checks that the columns are there and that there are rows;
                ``observations`` checks every row against the whole contract; on an engine its
                columns, types and values.
            problem: The section ``problem`` of the parameters.

        Raises:
            ConfigurationError: If there is no such stage.
        """
        if stage not in _STAGES:
            raise ConfigurationError(unknown_name("stage", stage, _STAGES))
        self._stage = stage
        self._problem = Problem.model_validate(problem)

    def validate(self, data: Any) -> Any:
        """Check a table.

        Args:
            data: The table; pieces of a raw one are checked by who reads them.

        Returns:
            The table, untouched.

        Raises:
            DataContractError: If it breaks the contract.
        """
        if self._stage == "observations":
            check_observations(data, self._problem)
        elif isinstance(data, pd.DataFrame):
            check_structure(data, self._problem)
        return data
