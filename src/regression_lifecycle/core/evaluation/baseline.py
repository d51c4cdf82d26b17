"""The naive forecast that any model must beat."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field

from regression_lifecycle.core.config import Duration, StrictModel
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.errors import ConfigurationError


class BaselineParameters(StrictModel):
    """Which naive forecast is the reference.

    Attributes:
        kind: ``seasonal`` repeats the value one season ago; ``mean`` is the training mean.
        season: Length of a season; at least the horizon, since younger values are not known.
        seasons_back: How many seasons are tried, the youngest first, where a value is missing;
            the training mean fills what is then still unknown.
    """

    kind: Literal["seasonal", "mean"] = "seasonal"
    season: Duration | None = None
    seasons_back: int = Field(4, ge=1, le=52)


def baseline_forecast(
    observations: pd.DataFrame,
    rows: pd.DataFrame,
    training_mean: float,
    problem: Problem,
    parameters: BaselineParameters,
) -> pd.Series:
    """Forecast rows by what happened one season earlier, looked up by time.

    Args:
        observations: All observations, for the look-back.
        rows: Rows to forecast, with the key columns.
        training_mean: Mean target of the training rows.

    Returns:
        One value per row of ``rows``, in their order, index and unit.

    Raises:
        ConfigurationError: If the season is younger than the horizon.
    """
    if parameters.kind == "mean":
        return pd.Series(training_mean, index=rows.index, name="baseline", dtype="float64")
    season = parameters.season or problem.horizon
    if season < problem.horizon:
        raise ConfigurationError(
            f"evaluation.baseline.season {season} is shorter than the horizon "
            f"{problem.horizon}: those values are not known yet"
        )
    stamp = problem.timestamp.name
    keys = [stamp, *(name for name in problem.key_columns if name != stamp)]
    past = observations[[*keys, problem.target]]
    found = pd.Series(np.nan, index=rows.index, name="baseline", dtype="float64")
    for back in range(1, parameters.seasons_back + 1):
        shifted = past.assign(**{stamp: past[stamp] + back * season})
        value = rows[keys].merge(shifted, on=keys, how="left")[problem.target]
        found = found.fillna(pd.Series(value.to_numpy(dtype="float64"), index=rows.index))
    return found.fillna(training_mean)
