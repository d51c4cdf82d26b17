"""Feature functions in Narwhals: the same code on pandas, Polars, DuckDB or Spark.

Native frame in, native frame out. Rows carry no order on a lazy engine, so everything is
joined by time and nothing by position.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import narwhals as nw
from narwhals.typing import IntoFrameT

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.features.specifications import (
    AnnualPeriod,
    CalendarParts,
    CyclicalPart,
    DayStatistic,
    FeatureRecipe,
    Lag,
    RawColumns,
    TimeIndex,
)

if TYPE_CHECKING:
    import pandas as pd

_DAY = "__day"


def drop_forbidden(frame: IntoFrameT, problem: Problem) -> IntoFrameT:
    """Take the forbidden columns out before anything else looks at the table.

    Args:
        frame: Observations.
        problem: Names the forbidden columns.

    Returns:
        The frame without them.
    """
    native: Any = nw.from_native(frame)
    present = set(native.collect_schema().names())
    doomed = [name for name in problem.forbidden_columns if name in present]
    result: IntoFrameT = native.drop(doomed).to_native()
    return result


def build_features(
    observations: IntoFrameT,
    problem: Problem,
    recipe: FeatureRecipe,
    keep: Iterable[str] = (),
) -> IntoFrameT:
    """Make the feature table of a recipe.

    Args:
        observations: Observations with the timestamp and every column the recipe reads.
        problem: The table's description.
        recipe: The features and their order.
        keep: Further columns to carry along for reports; features win on equal names.

    Returns:
        Key columns, features (numbers as 64-bit floats), kept columns and the target, sorted by
        time and then by the rest of the key. Missing stays missing; no row is added or lost.

    Raises:
        ConfigurationError: If the recipe would leak.
    """
    recipe.check(problem)
    frame: Any = nw.from_native(drop_forbidden(observations, problem))
    # Segment columns may share a feature's name with another dtype; features win.
    carried = [name for name in keep if name not in recipe.feature_names]
    base = frame
    for spec in recipe.features:
        frame = _BUILDERS[type(spec)](frame, base, spec, problem)
    numeric = [
        name
        for name in recipe.feature_names
        if not (name in problem.columns and problem.columns[name].type == "category")
    ]
    frame = frame.with_columns(nw.col(*numeric).cast(nw.Float64))
    features = recipe.feature_names
    columns = list(dict.fromkeys([*problem.key_columns, *features, *carried, problem.target]))
    if problem.timestamp.name not in columns:
        columns.insert(0, problem.timestamp.name)
    result: IntoFrameT = frame.select(columns).sort(*problem.row_order).to_native()
    return result


def features_for(
    rows: pd.DataFrame,
    made_by: FeatureRecipe,
    recipe: FeatureRecipe,
    observations: pd.DataFrame,
    problem: Problem,
) -> pd.DataFrame:
    """Give rows the features of another recipe, for a model that was trained with it.

    Args:
        rows: Rows of a feature table.
        made_by: The recipe that made it.
        recipe: The recipe that is wanted.
        observations: What features are made from.
        problem: Names key and target.

    Returns:
        The rows themselves if both recipes are equal, else their key with the wanted features, in
        the same order.
    """
    if recipe == made_by:
        return rows
    keys = list(problem.key_columns)
    table: pd.DataFrame = build_features(observations, problem, recipe)
    return rows[keys].merge(
        table.drop(columns=[problem.target]), on=keys, how="left", validate="one_to_one"
    )


def _part(part: str, stamp: str) -> nw.Expr:
    clock = nw.col(stamp).dt
    readers = {
        "hour": clock.hour,
        "weekday": clock.weekday,
        "day": clock.day,
        "day_of_year": clock.ordinal_day,
        "month": clock.month,
        "year": clock.year,
    }
    return readers[part]()


def _raw(frame: Any, base: Any, spec: RawColumns, problem: Problem) -> Any:
    return frame


def _calendar(frame: Any, base: Any, spec: CalendarParts, problem: Problem) -> Any:
    stamp = problem.timestamp.name
    return frame.with_columns(
        **{f"calendar_{part}": _part(part, stamp).cast(nw.Float64) for part in spec.parts}
    )


def _cyclical(frame: Any, base: Any, spec: CyclicalPart, problem: Problem) -> Any:
    part = _part(spec.part, problem.timestamp.name).cast(nw.Float64)
    made = {}
    for number in spec.harmonics:
        angle = part * (2 * math.pi * number / spec.period)
        made[spec.wave_name("sin", number)] = angle.sin().round(9)
        made[spec.wave_name("cos", number)] = angle.cos().round(9)
    return frame.with_columns(**made)


def _time_index(frame: Any, base: Any, spec: TimeIndex, problem: Problem) -> Any:
    origin: datetime = spec.origin.to_pydatetime()
    elapsed = (nw.col(problem.timestamp.name) - nw.lit(origin)).dt.total_seconds()
    units = (elapsed.cast(nw.Float64) / spec.unit.total_seconds()).round(9)
    return frame.with_columns((units.floor() if spec.whole else units).alias(spec.name))


def _annual_period(frame: Any, base: Any, spec: AnnualPeriod, problem: Problem) -> Any:
    stamp = problem.timestamp.name
    day = _part("month", stamp).cast(nw.Int64) * 100 + _part("day", stamp).cast(nw.Int64)
    first, last = (int(value.replace("-", "")) for value in (spec.first, spec.last))
    after, before = day >= first, day <= last
    # A period may run over New Year: 12-24 to 01-02.
    inside = (after & before) if first <= last else (after | before)
    return frame.with_columns(inside.cast(nw.Float64).alias(spec.name))


def _group_columns(problem: Problem) -> list[str]:
    return [name for name in problem.key_columns if name != problem.timestamp.name]


def _statistic(column: str, statistic: str) -> nw.Expr:
    values = nw.col(column)
    return {"mean": values.mean, "min": values.min, "max": values.max}[statistic]()


def _day(frame: Any, base: Any, spec: DayStatistic, problem: Problem) -> Any:
    day = nw.col(problem.timestamp.name).dt.truncate("1d").alias(_DAY)
    groups = _group_columns(problem)
    value = nw.col(spec.column).cast(nw.Float64)
    if spec.at_least is not None:
        value = nw.when(~value.is_null()).then((value >= spec.at_least).cast(nw.Float64))
    days = (
        base.with_columns(day, value.alias(spec.name))
        .group_by(_DAY, *groups)
        .agg(_statistic(spec.name, spec.statistic))
        .with_columns(nw.col(spec.name).round(9))
    )
    if spec.offset_days:
        days = days.with_columns(nw.col(_DAY).dt.offset_by(f"{-spec.offset_days}d"))
    return frame.with_columns(day).join(days, on=[_DAY, *groups], how="left").drop(_DAY)


def _lag(frame: Any, base: Any, spec: Lag, problem: Problem) -> Any:
    stamp = problem.timestamp.name
    keys = [stamp, *_group_columns(problem)]
    made = [f"__lag_{position}" for position in range(len(spec.ages))]
    for name, age in zip(made, spec.ages, strict=True):
        past = base.select(
            (nw.col(stamp) + age.to_pytimedelta()).alias(stamp),
            *keys[1:],
            nw.col(spec.column).cast(nw.Float64).alias(name),
        )
        frame = frame.join(past, on=keys, how="left")
    combine = {
        "mean": nw.mean_horizontal,
        "min": nw.min_horizontal,
        "max": nw.max_horizontal,
    }[spec.statistic]
    value = combine(*made)
    if spec.statistic == "mean" and len(made) > 1:
        # Engines add up in different orders, so the last bits of a mean differ between them.
        value = value.round(9)
    return frame.with_columns(value.alias(spec.name)).drop(made)


_BUILDERS: dict[type, Any] = {
    RawColumns: _raw,
    CalendarParts: _calendar,
    CyclicalPart: _cyclical,
    TimeIndex: _time_index,
    AnnualPeriod: _annual_period,
    DayStatistic: _day,
    Lag: _lag,
}
