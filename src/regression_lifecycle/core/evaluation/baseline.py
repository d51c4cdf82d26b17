"""The naive forecast that any model must beat: the best of a few, none of which has to learn.

``seasonal`` repeats the value one season ago, ``last_value`` the newest one that is known when the
prediction is made, ``mean`` and ``median`` are those of the training rows, and ``series_mean`` is
that of the training rows of the same series. Where a quantile is asked for, ``quantile`` and
``series_quantile`` stand in their place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from regression_lifecycle.core.config import StrictModel
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.durations import (
    AnyDuration,
    CalendarDuration,
    Duration,
    duration_text,
    is_at_least,
    is_multiple,
    period_number,
    steps_to_cover,
)
from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.core.evaluation.holdout import BASELINE, BASELINE_SOURCE
from regression_lifecycle.core.features.past_values import PastValues, in_microseconds
from regression_lifecycle.core.frames.collecting import collect, collect_in_order
from regression_lifecycle.core.metrics import (
    ErrorMetric,
    FloatArray,
    mean_or_quantile,
    row_losses,
    weighted_mean,
)

_MONTH = pd.Timedelta(days=31)
CONSTANTS = ("mean", "quantile")
"""Constants that stand in where another forecast has no value."""


class BaselineParameters(StrictModel):
    """What the seasonal forecast looks back at.

    Attributes:
        season: Length of a season; at least the horizon and the label delay, since younger values
            are not known. None: there is no season.
        seasons_back: How many seasons are tried, the youngest first, where a value is missing.
    """

    season: Duration | None = None
    seasons_back: int = Field(4, ge=1, le=52)

    def check(self, problem: Problem) -> None:
        """Refuse a season whose values are not known yet, or that no row can lie back.

        Raises:
            ConfigurationError: Naming the lengths.
        """
        if self.season is None:
            return
        season, step = duration_text(self.season), problem.frequency
        if not is_at_least(self.season, problem.minimum_lag):
            late = "" if problem.label_delay is None else " and problem.label_delay"
            raise ConfigurationError(
                f"season: {season} is shorter than problem.horizon{late}, "
                f"{duration_text(problem.minimum_lag)}, so those values are not known yet"
            )
        if isinstance(step, CalendarDuration) and not is_multiple(self.season, step):
            raise ConfigurationError(
                f"season: {season} is no multiple of problem.frequency, {duration_text(step)}, so "
                "no row lies so far back; write for example '1 year'"
            )


class PastTargets:
    """Known targets, for rows that ask for those of some time before, in their own series."""

    def __init__(self, past: pd.DataFrame, rows: pd.DataFrame, problem: Problem) -> None:
        """Make them ready to be looked up.

        Args:
            past: Labelled rows; of several of one time, or period of a calendar, the last counts.
            rows: Rows that will ask.
        """
        self._stamp, self._step = rows[problem.timestamp.name], problem.frequency
        groups = list(problem.series_columns)
        # A whole number that is a feature too has become a float.
        named = rows[groups].astype(past[groups].dtypes)
        values = past[problem.target].to_numpy(dtype="float64", na_value=np.nan)
        then = self._numbers(past[problem.timestamp.name])
        self._values = PastValues(past[groups], then, values, named, problem)

    def at(self, back: AnyDuration) -> FloatArray:
        """Return the value so long before each row; NaN where there is none."""
        return self._values.at(self._before(back))

    def until(self, back: AnyDuration) -> FloatArray:
        """Return the newest value that is at least so old; NaN where there is none."""
        return self._values.until(self._before(back))

    def _before(self, back: AnyDuration) -> NDArray[np.int64]:
        if isinstance(self._step, CalendarDuration):
            return self._numbers(self._stamp) - steps_to_cover(back, self._step)
        return self._numbers(self._stamp - back)

    def _numbers(self, moments: pd.Series) -> NDArray[np.int64]:
        if isinstance(self._step, CalendarDuration):
            # Whatever day of the month rows stand at.
            periods: NDArray[np.int64] = period_number(moments, self._step).to_numpy("int64")
            return periods
        return in_microseconds(moments)


def _seasonal(
    past: PastTargets, problem: Problem, parameters: BaselineParameters
) -> FloatArray | None:
    if parameters.season is None:
        return None
    found = past.at(parameters.season)
    for back in range(2, parameters.seasons_back + 1):
        found = np.where(np.isnan(found), past.at(back * parameters.season), found)
    return found


def _last_value(
    past: PastTargets, problem: Problem, parameters: BaselineParameters
) -> FloatArray | None:
    return past.until(problem.minimum_lag)


def _level_of_series(
    observations: Any, rows: pd.DataFrame, problem: Problem, trained_until: pd.Timestamp
) -> pd.Series:
    """Look up the mean (or quantile) of the training rows of the same series."""
    series, weight = list(problem.series_columns), problem.weight_column
    trained = observations.filter(
        nw.col(problem.timestamp.name) <= trained_until.to_pydatetime(),
        ~nw.col(problem.target).is_null(),
    )
    if weight is None and problem.quantile is None:
        levels = trained.select(*series, nw.col(problem.target).cast(nw.Float64).alias("__level"))
        means = levels.group_by(series).agg(nw.col("__level").mean())
        table = collect(means.to_native(), problem)
    else:
        names = [*series, problem.target, *([] if weight is None else [weight])]
        known = problem.counting(collect(trained.select(names).to_native(), problem))
        made = [
            (
                *key,
                mean_or_quantile(
                    part[problem.target],
                    problem.quantile,
                    None if weight is None else part[weight],
                ),
            )
            for key, part in known.groupby(series, observed=True)
        ]
        table = pd.DataFrame(made, columns=[*series, "__level"]).astype(known[series].dtypes)
    found = rows[series].merge(table, on=series, how="left")["__level"]
    return pd.Series(found.to_numpy(dtype="float64"), index=rows.index)


def _read_past(
    observations: Any,
    rows: pd.DataFrame,
    problem: Problem,
    parameters: BaselineParameters,
    lookups: Sequence[str],
) -> pd.DataFrame:
    """Read the targets that the forecasts of some rows look up."""
    stamp, series = problem.timestamp.name, list(problem.series_columns)
    names = [*problem.row_order, problem.target]
    labelled = observations.select(names).filter(~nw.col(problem.target).is_null())
    if rows.empty:
        return collect(labelled.head(0).to_native(), problem)
    first, last = rows[stamp].min(), rows[stamp].max()
    begins = [first - problem.minimum_lag]
    if parameters.season is not None:
        begins.append(first - parameters.seasons_back * parameters.season)
    # Rows of a month stand at any of its days.
    low = (min(begins) - _MONTH).to_pydatetime()
    recent = labelled.filter(nw.col(stamp) >= low, nw.col(stamp) <= last.to_pydatetime())
    if LAST_VALUE not in lookups:
        return collect_in_order(recent.to_native(), problem, names)
    # Where all of these are missing, the newest value before them is still the last one.
    before = labelled.filter(nw.col(stamp) < low)
    newest = (
        before.group_by(series).agg(nw.col(stamp).max())
        if series
        else before.select(nw.col(stamp).max())
    )
    older = before.join(newest, on=[*series, stamp], how="inner")
    parts = [
        collect(older.to_native(), problem, names),
        collect_in_order(recent.to_native(), problem, names),
    ]
    return pd.concat(parts, ignore_index=True)


Lookup = Callable[[PastTargets, Problem, BaselineParameters], FloatArray | None]
LAST_VALUE = "last_value"
LOOKUPS: dict[str, Lookup] = {"seasonal": _seasonal, LAST_VALUE: _last_value}
"""Forecasts that look values up by name: missing where there is none, None where none can be."""


def naive_forecasts(
    observations: Any,
    rows: pd.DataFrame,
    constants: dict[str, float],
    problem: Problem,
    parameters: BaselineParameters,
    trained_until: pd.Timestamp | None = None,
    only: str | None = None,
) -> pd.DataFrame:
    """Forecast rows in every naive way, looking values up by time.

    Args:
        observations: All observations, on any engine; only what is looked up comes into memory.
        rows: Rows to forecast, with the key columns.
        constants: Forecasts that are one number, by name, the one that stands in first.
        trained_until: Newest training row, for the mean (or quantile) of every series until then;
            without it there is no such forecast.
        only: The forecast that :func:`add_baseline` is asked for; others are left out, as far as
            they do not fill its gaps.

    Returns:
        One column per forecast, in the target's unit, on the index of ``rows``; the constants
        first. Missing where a forecast looks for a value that is not there.

    Raises:
        ConfigurationError: If the season does not fit the table.
    """
    try:
        parameters.check(problem)
    except ConfigurationError as error:
        raise ConfigurationError(f"evaluation.baseline.{error}") from None
    frame: Any = nw.from_native(observations)
    made = pd.DataFrame(constants, index=rows.index, dtype="float64")
    lookups = [name for name in LOOKUPS if only in (None, name)]
    if lookups:
        past_rows = _read_past(frame, rows, problem, parameters, lookups)
        past = PastTargets(past_rows, rows, problem)
    for name in lookups:
        found = LOOKUPS[name](past, problem, parameters)
        if found is not None:
            made[name] = found
    by_series = _of_series(made)
    needed = only in (None, by_series) or (only in made and made[only].isna().any())
    if problem.series_columns and trained_until is not None and needed:
        made[by_series] = _level_of_series(frame, rows, problem, trained_until)
    return made


def choose_baseline(
    forecasts: pd.DataFrame,
    target: pd.Series,
    metric: ErrorMetric,
    quantile: float | None = None,
    weight: pd.Series | None = None,
) -> str:
    """Choose the naive forecast that is the hardest to beat.

    Args:
        forecasts: What :func:`naive_forecasts` returns.
        target: Observed values, missing where unknown, on the same index.
        metric: The error that is to be small.
        quantile: The quantile that is predicted; None for a mean.
        weight: How much each row counts, on the same index; None weighs all alike.

    Returns:
        The name of a column; the first one, a constant, if no row counts.
    """
    known = target.notna() if weight is None else target.notna() & (weight > 0)
    if not known.any():
        return str(forecasts.columns[0])
    filling = _filling(forecasts)[known]
    weights: FloatArray | None = None if weight is None else weight[known].to_numpy()
    errors = {
        str(name): weighted_mean(
            row_losses(target[known], values[known].fillna(filling), metric, quantile).to_numpy(),
            weights,
        )
        for name, values in forecasts.items()
    }
    return min(errors, key=lambda name: errors[name])


def add_baseline(rows: pd.DataFrame, forecasts: pd.DataFrame, name: str) -> pd.DataFrame:
    """Add one of the naive forecasts to its rows.

    Args:
        forecasts: What :func:`naive_forecasts` returns for the rows.
        name: A column of it; the first one is taken if it has no such forecast any more.

    Returns:
        The rows with ``baseline`` and ``baseline_source``: the forecast's name, or that of the
        first one, a constant (``mean``, or ``quantile`` of a quantile), where its value is missing
        and the constant stands in.
    """
    constant = str(forecasts.columns[0])
    chosen = name if name in forecasts else constant
    source = pd.Series(chosen, index=rows.index, dtype="str")
    source = source.where(forecasts[chosen].notna(), constant)
    baseline = forecasts[chosen].fillna(_filling(forecasts))
    return rows.assign(**{BASELINE: baseline, BASELINE_SOURCE: source})


def _of_series(forecasts: pd.DataFrame) -> str:
    """Name the first constant of every series: ``series_mean``, or ``series_quantile``."""
    return f"series_{forecasts.columns[0]}"


def _filling(forecasts: pd.DataFrame) -> pd.Series:
    """Return what fills gaps: the first constant, of the series where it is known."""
    filling = forecasts.iloc[:, 0]
    if _of_series(forecasts) in forecasts:
        return forecasts[_of_series(forecasts)].fillna(filling)
    return filling
