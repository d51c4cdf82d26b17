"""Raw rows, as ingestion or a caller gives them, to features: read, and laid over the past.

A batch, the registered model and whatever else is asked for predictions take this way, so that a
row has the same features wherever it is met.
"""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from regression_lifecycle.core.data.as_of import first_and_last
from regression_lifecycle.core.data.problem import ColumnSpec, Problem
from regression_lifecycle.core.data.quarantine import Reasons
from regression_lifecycle.core.data.raw_columns import final_dtype, timestamps_of, typed_column
from regression_lifecycle.core.data.row_moments import (
    NO_DAY,
    counts_hours_from_one,
    read_row_numbers,
    row_starts,
)
from regression_lifecycle.core.durations import usual_length
from regression_lifecycle.core.errors import DataContractError, bounded_list
from regression_lifecycle.core.features.builders import build_features
from regression_lifecycle.core.features.specifications import FeatureRecipe
from regression_lifecycle.core.frames.collecting import collect

# Rows that travel with a model: a few megabytes.
HISTORY_ROWS = 100_000
_DAY = pd.Timedelta(days=1)
_POSITION = "__position"
_UNBOUNDED = {"minimum": None, "maximum": None, "allowed": None, "missing": True}


def columns_read(recipe: FeatureRecipe, problem: Problem) -> dict[str, ColumnSpec]:
    """Return the columns that make time, key and features of a row, in the order of the table.

    Returns:
        Their declarations. Of those that are known after the fact, a bound speaks against no row
        and a value may be missing: it is, in rows that are still to come.
    """
    of_the_row = {*problem.timestamp.raw_columns, *problem.key_columns}
    read, late = recipe.columns_read, set(late_columns(recipe, problem))
    return {
        name: spec.model_copy(update=_UNBOUNDED) if name in late else spec
        for name, spec in problem.columns.items()
        if name in read or name in of_the_row
    }


def late_columns(recipe: FeatureRecipe, problem: Problem) -> tuple[str, ...]:
    """Return the columns that features read, and that are only known after the fact."""
    of_the_row = {*problem.timestamp.raw_columns, *problem.key_columns}
    return tuple(
        name
        for name in problem.columns
        if name in recipe.columns_read - of_the_row and not problem.is_known_in_advance(name)
    )


def asked_columns(recipe: FeatureRecipe, problem: Problem) -> tuple[str, ...]:
    """Return the columns that every row must have beside its time: rest of the key, and inputs."""
    parts, late = problem.timestamp.raw_columns, late_columns(recipe, problem)
    return tuple(name for name in columns_read(recipe, problem) if name not in {*parts, *late})


def make_contract(recipe: FeatureRecipe, problem: Problem) -> Problem:
    """Cut a problem down to what a model has to know to take raw rows.

    Returns:
        A problem of its own: time, key, target, and the columns that the features read.
    """
    named = {*columns_read(recipe, problem), problem.target}
    columns = {name: spec for name, spec in problem.columns.items() if name in named}
    never = {name: why for name, why in problem.forbidden_columns.items() if name in named}
    changes = {
        "columns": columns,
        "forbidden_columns": never,
        "caveats": (),
        "weight_column": None,
    }
    return problem.model_copy(update=changes)


def recent_observations(known: Any, recipe: FeatureRecipe, problem: Problem) -> pd.DataFrame:
    """Cut out the observations that features of coming rows look back at.

    Args:
        known: Known observations, on any engine; in pandas sorted by time.

    Returns:
        Timestamp, rest of the key, and the columns that features read, of at most
        :data:`HISTORY_ROWS` rows, the newest. At least one row, which shows what a row looks like.
    """
    reach = recipe.reach
    back = reach.back + (_DAY if reach.days_ahead else pd.Timedelta(0))
    names = dict.fromkeys([*problem.row_order, *columns_read(recipe, problem)])
    first = first_and_last(known, problem)[1] - back
    frame: Any = nw.from_native(known)
    recent = frame.filter(nw.col(problem.timestamp.name) >= first.to_pydatetime())
    rows = collect(recent.to_native(), problem, list(names))
    return rows.tail(HISTORY_ROWS).reset_index(drop=True)


def read_rows(
    raw: pd.DataFrame,
    recipe: FeatureRecipe,
    problem: Problem,
    after: pd.Timestamp | None = None,
    *,
    observed: bool = False,
) -> pd.DataFrame:
    """Read raw rows that are to be predicted, or that are known from the past.

    A bound of the contract speaks against no row, and a value of an input may be missing: what is
    predicted is what the caller asks for.

    Args:
        raw: The rows in any order, as a reader or JSON gives them. They have the timestamp or the
            raw columns that make it; further columns are left aside.
        after: Of a table without a time: the newest moment so far, behind which rows without a
            timestamp are numbered.
        observed: Whether inputs may be left out as a whole.

    Returns:
        Timestamp and columns as ingestion stores them, in the same order on the same index.

    Raises:
        DataContractError: If a column is missing, or a value cannot be read: with row (1 for the
            first), column and value.
    """
    source, reasons = read_row_numbers(raw.reset_index(drop=True), problem), Reasons(len(raw))
    asked, key = asked_columns(recipe, problem), {*problem.key_columns}
    needed = [name for name in asked if name in key or not observed]
    lacking = [name for name in needed if name not in source and name != problem.timestamp.name]
    if lacking:
        raise DataContractError(f"missing columns: {bounded_list(lacking)}")
    parts = problem.timestamp.raw_columns
    columns = {
        name: spec if name in key - {*parts} else spec.model_copy(update=_UNBOUNDED)
        for name, spec in columns_read(recipe, problem).items()
    }
    blank = pd.Series(np.nan, index=source.index)
    typed = {
        name: typed_column(source.get(name, blank), name, spec, reasons)
        for name, spec in columns.items()
    }
    stamps = _read_moments(source, typed, problem, reasons, after)
    if reasons.any.any():
        raise DataContractError(reasons.summary())
    # A key is compared with stored ones, so it has their dtype.
    kinds = {name: problem.columns[name] if name in key else spec for name, spec in columns.items()}
    table = {name: final_dtype(typed[name], spec) for name, spec in kinds.items()}
    return pd.DataFrame({problem.timestamp.name: stamps, **table}).set_axis(raw.index)


def _read_moments(
    source: pd.DataFrame,
    typed: dict[str, pd.Series],
    problem: Problem,
    reasons: Reasons,
    after: pd.Timestamp | None,
) -> pd.Series:
    """Read the time of rows, and fill in the raw columns that it is made of where they lack."""
    spec = problem.timestamp
    given = [name for name in spec.parts.values() if name in source]
    if spec.rows and spec.name not in source:
        first = 0 if after is None else (after - pd.Timestamp(0)) // usual_length(problem.frequency)
        return timestamps_of(typed, problem, reasons, len(source), int(first) + (after is not None))
    if spec.name not in source:
        if len(given) < len(spec.parts):
            ways = " and ".join(spec.parts.values())
            raise DataContractError(f"rows say no time: give '{spec.name}', or {ways}")
        return timestamps_of(typed, problem, reasons, len(source))
    zone = None if spec.date is None else problem.columns[spec.date].zone
    own = typed_column(
        source[spec.name], spec.name, ColumnSpec(type="datetime", missing=True, zone=zone), reasons
    )
    if spec.rows:
        reasons.add(own.isna() & ~reasons.any, f"{spec.name} is missing")
        return own
    for part, name in spec.parts.items():
        typed[name] = typed[name].fillna(_part_of(own, part, problem).astype(typed[name].dtype))
    made = timestamps_of(typed, problem, reasons, len(source))
    reasons.add(
        own.notna() & (own != made) & ~reasons.any,
        f"{spec.name} is not the time that {' and '.join(spec.parts.values())} make",
        source[spec.name],
    )
    return own.fillna(made)


def _part_of(moments: pd.Series, part: str, problem: Problem) -> pd.Series:
    """Return what the raw column of a part of the time holds at some moments."""
    parts = problem.timestamp.parts
    if part == "time":
        return NO_DAY + (moments - moments.dt.normalize())
    if counts_hours_from_one(problem):
        midnight = moments.notna() & (moments.dt.hour == 0)
        if part == "hour":
            return moments.dt.hour.where(~midnight, 24)
        moments = moments.where(~midnight, moments - _DAY)
    clock = moments.dt
    if part == "date":
        is_day = {"hour", "time"} & parts.keys() or problem.columns[parts[part]].type == "date"
        if is_day:
            return clock.normalize()
        starts = row_starts(problem)
        return moments if starts is None else moments.map(starts, na_action="ignore")
    if part == "week" or (part == "year" and "week" in parts):
        return clock.isocalendar()[part]
    found: pd.Series = getattr(clock, part)
    return found


def lay_over(
    rows: pd.DataFrame, observations: pd.DataFrame, problem: Problem, *names: str
) -> pd.DataFrame:
    """Lay rows over observations.

    Args:
        rows: Rows; of several with one key the last counts.
        observations: Rows with other columns or fewer, unique by key.
        names: Columns of the rows of which a missing value is taken from the observation of the
            same key.

    Returns:
        One row per key: the observations that no row stands for, then the rows.
    """
    key = list(problem.key_columns)
    rows = rows.drop_duplicates(key, keep="last")
    if observations.empty:
        return rows
    filled = [name for name in names if name in observations and name not in key]
    if filled:
        known = rows[key].merge(observations[[*key, *filled]], on=key, how="left")
        rows = rows.assign(
            **{
                name: rows[name].where(rows[name].notna(), known[name].to_numpy())
                for name in filled
            }
        )
    there = pd.MultiIndex.from_frame(observations[key]).isin(pd.MultiIndex.from_frame(rows[key]))
    others = observations[~there]
    return rows if others.empty else pd.concat([others, rows], ignore_index=True)


def features_of(
    rows: pd.DataFrame,
    observations: pd.DataFrame,
    recipe: FeatureRecipe,
    problem: Problem,
    asked: pd.Series | None = None,
) -> pd.DataFrame:
    """Make the features of rows from themselves, their neighbours and the past.

    Args:
        rows: What :func:`read_rows` returns, or the like. Two may have one key: each keeps its own
            columns, and of what others read of them the last counts.
        observations: Known observations, sorted by time. What a row says counts more than what was
            observed, except for a missing value of what is only known after the fact.
        asked: Which rows get features, the others being there to be looked at; all if left out.

    Returns:
        Timestamp, rest of the key and features of the asked rows, in the same order on the same
        index.
    """
    asked_rows = rows if asked is None else rows[asked]
    names = list(dict.fromkeys([*problem.row_order, *recipe.feature_names]))
    if asked_rows.empty:
        return pd.DataFrame(columns=names)
    stamp, reach = problem.timestamp.name, recipe.reach
    first, last = asked_rows[stamp].min(), asked_rows[stamp].max()
    stamps = observations[stamp] if len(observations) else pd.Series(dtype="datetime64[us]")
    low = stamps.searchsorted(first - reach.back)
    high = stamps.searchsorted(last + reach.days_ahead * _DAY, side="right")
    late = late_columns(recipe, problem)
    around = lay_over(rows, observations.iloc[low:high], problem, *late)
    target = problem.target
    if target not in around:
        around, asked_rows = (each.assign(**{target: np.nan}) for each in (around, asked_rows))
    own = asked_rows.assign(**{_POSITION: np.arange(len(asked_rows))})
    made = build_features(around, problem, recipe, keep=[_POSITION], rows=own)
    return made.sort_values(_POSITION)[names].set_axis(asked_rows.index)
