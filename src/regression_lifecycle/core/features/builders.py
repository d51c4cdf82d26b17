"""The feature table in Narwhals: the same code on pandas, Polars, DuckDB or Spark.

Native frame in, native frame out. Rows carry no order on a lazy engine, so everything is
joined by time and nothing by position.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import pandas as pd
from narwhals.typing import IntoFrameT

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.features.specifications import FeatureRecipe
from regression_lifecycle.core.frames.collecting import (
    Pieces,
    collect,
    collect_in_order,
    fills_memory,
    on_engine_of,
    rows_per_day,
    spans,
)

_ROWS_AT_ONCE = 500_000
# With what they look back at, a gigabyte or so.
_MOST_ROWS_AT_ONCE = 3_000_000


def drop_forbidden(frame: IntoFrameT, problem: Problem) -> IntoFrameT:
    """Take the forbidden columns out before anything else looks at the table.

    Args:
        frame: Observations.

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
    rows: IntoFrameT | None = None,
) -> IntoFrameT:
    """Make the feature table of a recipe.

    Args:
        observations: Observations with the timestamp and every column the recipe reads.
        recipe: The features and their order.
        keep: Further columns to carry along for reports; features win on equal names.
        rows: The rows that get features, which look at the observations; these themselves if left
            out.

    Returns:
        Key columns, features (numbers as 64-bit floats), kept columns, the weight where rows have
        one, and the target, sorted by time and then by the rest of the key. Missing stays missing;
        no row is added or lost.

    Raises:
        ConfigurationError: If the recipe would leak.
    """
    recipe.check(problem)
    base: Any = nw.from_native(drop_forbidden(observations, problem))
    # Segment columns may share a feature's name with another dtype; features win.
    carried = [name for name in keep if name not in recipe.feature_names]
    weight = problem.weight_column
    # Rows to be predicted have none.
    own: Any = rows
    frame = base if own is None else nw.from_native(drop_forbidden(own, problem))
    if weight is not None and weight in frame.collect_schema().names():
        carried.append(weight)
    for feature in recipe.features:
        frame = feature.add_to(frame, base, problem)
    labels = recipe.category_names(problem)
    numeric = [name for name in recipe.feature_names if name not in labels]
    frame = frame.with_columns(nw.col(*numeric).cast(nw.Float64))
    features = recipe.feature_names
    columns = list(dict.fromkeys([*problem.key_columns, *features, *carried, problem.target]))
    if problem.timestamp.name not in columns:
        columns.insert(0, problem.timestamp.name)
    result: IntoFrameT = frame.select(columns).sort(*problem.row_order).to_native()
    return result


@dataclass(frozen=True)
class FeaturePieces(Pieces):
    """A feature table that is made piece by piece, whenever it is gone through.

    Attributes:
        observations: Observations on an engine.
        problem: The table's description.
        recipe: The features and their order.
        keep: Further columns to carry along.
        rows: Observations that get features; None for all.
    """

    observations: Any
    problem: Problem
    recipe: FeatureRecipe
    keep: tuple[str, ...] = ()
    rows: pd.DataFrame | None = None

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """Make the rows of some days after the other, as :func:`build_features` does."""
        days = rows_per_day(self.observations, self.problem)
        found = spans(days, self._rows_at_once(days))
        if self.rows is not None:
            moments = self.rows[self.problem.timestamp.name]
            found = [span for span in found if moments.between(*span, inclusive="left").any()]
        for start, end in found or [(pd.NaT, pd.NaT)]:
            yield self._of_span(start, end)

    def _rows_at_once(self, days: pd.Series) -> int:
        """Return as many rows as a row looks back at, so that no row is read more than twice."""
        if self.rows is not None:
            # Few get features, and of the others little is read.
            return _MOST_ROWS_AT_ONCE
        if len(days) < 2:
            return _ROWS_AT_ONCE
        wanted = int(self.recipe.reach.back / (days.index[-1] - days.index[0]) * days.sum())
        return min(max(_ROWS_AT_ONCE, wanted), _MOST_ROWS_AT_ONCE)

    def _of_span(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        recipe, problem, columns = self.recipe, self.problem, None
        if self.rows is not None:
            # Whatever else their features look at, these know themselves.
            columns = list(dict.fromkeys([*problem.row_order, *recipe.columns_read]))
        around = _around(self.observations, start, end, recipe, problem, columns)
        own = around if self.rows is None else self.rows
        own = own[own[problem.timestamp.name].between(start, end, inclusive="left")]
        return build_features(around, problem, recipe, self.keep, own)


def build_feature_table(
    observations: Any, problem: Problem, recipe: FeatureRecipe, keep: Iterable[str] = ()
) -> Any:
    """Make the features of all observations, as :func:`build_features` does.

    Args:
        observations: Observations on any engine.

    Returns:
        The table on the engine of the observations; in pieces where its joins would need memory
        for all rows.
    """
    if not fills_memory(observations):
        return build_features(observations, problem, recipe, keep)
    recipe.check(problem)
    return FeaturePieces(observations, problem, recipe, tuple(keep))


def build_row_features(
    rows: pd.DataFrame, observations: Any, problem: Problem, recipe: FeatureRecipe
) -> pd.DataFrame:
    """Make the features of some observations, as :func:`build_features` does.

    Args:
        rows: Observations in memory.
        observations: What they look at, on any engine.

    Returns:
        The table in memory.
    """
    if not fills_memory(observations):
        own = on_engine_of(observations, rows)
        return collect(build_features(observations, problem, recipe, rows=own), problem)
    recipe.check(problem)
    found = FeaturePieces(observations, problem, recipe, rows=rows)
    return pd.concat(found, ignore_index=True)


def features_for(
    rows: pd.DataFrame,
    made_by: FeatureRecipe,
    recipe: FeatureRecipe,
    observations: Any,
    problem: Problem,
) -> pd.DataFrame:
    """Give rows the features of the champion, which may have been trained with another recipe.

    Args:
        rows: Rows of a feature table.
        made_by: The recipe that made it.
        recipe: The champion's recipe.
        observations: What features are made from, on any engine.

    Returns:
        The rows themselves if both recipes are equal, else their key with the wanted features, in
        the same order.

    Raises:
        ConfigurationError: If the recipe would leak.
    """
    if recipe == made_by:
        return rows
    keys = list(problem.key_columns)
    table = _features_around(rows, recipe, observations, problem)
    return rows[keys].merge(
        table.drop(columns=[problem.target]), on=keys, how="left", validate="one_to_one"
    )


def add_lacking_features(
    rows: pd.DataFrame, recipe: FeatureRecipe, observations: Any, problem: Problem
) -> pd.DataFrame:
    """Add the features of a recipe to rows that were made by another one.

    Args:
        rows: Rows of a feature table; what they have under a feature's name stays.
        observations: What features are made from, on any engine.

    Returns:
        The rows, in the same order.
    """
    lacking = tuple(
        feature for feature in recipe.features if not {*feature.output_names()} <= {*rows.columns}
    )
    if rows.empty or not lacking:
        return rows
    made = FeatureRecipe(features=lacking)
    table = _features_around(rows, made, observations, problem)
    keys = list(problem.row_order)
    names = [name for name in made.feature_names if name not in rows]
    return rows.merge(table[[*keys, *names]], on=keys, how="left", validate="one_to_one")


def _features_around(
    rows: pd.DataFrame, recipe: FeatureRecipe, observations: Any, problem: Problem
) -> pd.DataFrame:
    """Make features of all observations from the first of some rows to the last."""
    first, last = (rows[problem.timestamp.name].agg(side) for side in ("min", "max"))
    return build_features(_around(observations, first, last, recipe, problem), problem, recipe)


def _around(
    observations: Any,
    first: pd.Timestamp,
    last: pd.Timestamp,
    recipe: FeatureRecipe,
    problem: Problem,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Bring the observations into memory that rows of some time are made from."""
    frame: Any = nw.from_native(observations)
    if pd.isna(first):
        return collect(frame.head(0).to_native(), problem, columns)
    moment, reach = nw.col(problem.timestamp.name), recipe.reach
    near = frame.filter(
        moment >= (first.floor("D") - reach.back).to_pydatetime(),
        moment < (last.floor("D") + pd.Timedelta(days=1 + reach.days_ahead)).to_pydatetime(),
    )
    return collect_in_order(near.to_native(), problem, columns)
