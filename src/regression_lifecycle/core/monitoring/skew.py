"""Skew between training and serving: what the service made, against what was observed later.

A model learns from features that are made of observations. What it is served with comes from
callers and from what was known at that moment. Where both differ it answers another question than
the one it was trained on, and no error of a window says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic_core import from_json

from regression_lifecycle.core.data.problem import MOMENT_TYPES, Problem
from regression_lifecycle.core.data.tables import WINDOW_HISTORY
from regression_lifecycle.core.decisions.rule_kinds import most_skewed, skewed_column
from regression_lifecycle.core.features.specifications import FeatureRecipe
from regression_lifecycle.core.metrics import FloatArray
from regression_lifecycle.core.models.trained_model import TrainedModel, version_of
from regression_lifecycle.core.monitoring.logged_predictions import LoggedPredictions
from regression_lifecycle.core.monitoring.window_plan import newest_revisions

# Relative and absolute: sums are made in another order, JSON keeps all digits.
TOLERANCE = 1e-6
_ROWS_AT_ONCE = 20_000
SKEW_COLUMNS = (
    "n_skew_rows",
    "features_skew",
    "predictions_skew",
    "lacking_share",
    "skewed_columns",
    "most_skewed_column",
    "most_skewed_share",
    "most_skewed_served",
    "most_skewed_observed",
)
_WINDOW_KEY = ["window", "model_version"]
_SAID = {
    "predictions_skew": "are predicted otherwise from what was observed",
    "features_skew": "have other features",
    "lacking_share": "lacked something",
}


def add_skew(
    windows: pd.DataFrame,
    window_rows: pd.DataFrame,
    logged: LoggedPredictions,
    champion: TrainedModel | None,
    recorded_windows: pd.DataFrame,
) -> pd.DataFrame:
    """Hold what the service made of its rows against what the observations make of them.

    Args:
        windows: Rows of ``window_history`` for the planned windows.
        window_rows: Known rows with ``row_key``, ``window_index``, the champion's features and the
            columns that are known in advance, all made of observations.
        logged: Reads what the service answered, window by window.
        champion: The deployed model. Of another version only features are compared, and these
            only if they were made by the same recipe.
        recorded_windows: ``window_history`` as it is before this run.

    Returns:
        The windows with :data:`SKEW_COLUMNS`. Where nothing can be compared, what was recorded
        stays; nothing is said of a window that no row was asked for in.
    """
    if champion is None or windows.empty:
        return windows
    problem, recipe = logged.problem, champion.metadata.recipe
    own = recorded_windows[recorded_windows["problem"] == problem.name]
    recorded = newest_revisions(own).set_index(_WINDOW_KEY)[list(SKEW_COLUMNS)].to_dict("index")
    planned = {
        (row.window_index, row.model_version): (row.window, row.model_version)
        for row in windows.itertuples(index=False)
    }
    found = {key: dict(recorded.get(key, {})) for key in planned.values()}
    inside = window_rows[window_rows["window_index"].isin(windows["window_index"])]
    inside = inside[_is_final(inside, windows["seen_as_of"].max(), recipe, problem)]
    for rows in _batches(inside):
        answers, observed = logged.answers_with_features(rows), rows.set_index("row_key")
        places = observed["window_index"].loc[answers["row_key"]].to_numpy()
        for place, mine in answers.groupby([places, "model_version"], sort=False):
            if place in planned:
                now = observed.loc[mine["row_key"]]
                found[planned[place]] |= _compare_version(mine, now, champion, problem)
    table = pd.DataFrame(
        [{**dict(zip(_WINDOW_KEY, key, strict=True)), **row} for key, row in found.items()],
        columns=[*_WINDOW_KEY, *SKEW_COLUMNS],
    )
    rest = windows.drop(columns=list(SKEW_COLUMNS))
    return WINDOW_HISTORY.frame(rest.merge(table, on=_WINDOW_KEY, how="left"))


def _compare_version(
    answers: pd.DataFrame, observed: pd.DataFrame, champion: TrainedModel, problem: Problem
) -> dict[str, Any]:
    """Compare what one version answered in one window, as far as the champion can."""
    recipe = champion.metadata.recipe
    if (answers["model_version"] == version_of(champion)).all():
        said = answers["raw_prediction"].to_numpy(dtype="float64")
        differs = _differ(said, champion.predict(observed).to_numpy())
        figures = compare_features(answers, observed, recipe, problem)
        return {**figures, "predictions_skew": float(differs.mean())}
    same = (answers["recipe"] == recipe.digest()).all()
    return compare_features(answers, observed, recipe, problem) if same else {}


def _batches(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield rows by whole windows, few at once, since the log of a row takes a few kilobytes."""
    sizes = rows["window_index"].value_counts(sort=False).sort_index()
    batch = (sizes.cumsum() - 1) // _ROWS_AT_ONCE
    for _, part in rows.groupby(rows["window_index"].map(batch)):
        yield part


def compare_features(
    answers: pd.DataFrame, observed: pd.DataFrame, recipe: FeatureRecipe, problem: Problem
) -> dict[str, Any]:
    """Compare what was sent and made with what the observations say.

    Args:
        answers: At least one row with ``features``, ``row`` and ``missing``, as
            ``service_predictions`` keeps them.
        observed: The same rows in the same order, with the features of the recipe and the columns
            known in advance.
        recipe: What made the features of both.
        problem: Tells text from numbers.

    Returns:
        :data:`SKEW_COLUMNS` but for ``predictions_skew``.
    """
    pairs = zip(_documents(answers["row"]), _documents(answers["features"]), strict=True)
    served = [{**row, **features} for row, features in pairs]
    raw = [name for name in problem.columns if _is_sent(name, recipe, problem)]
    names = dict.fromkeys([*raw, *recipe.feature_names])
    columns = [_compare(name, served, observed[name], problem) for name in names]
    is_feature = [column.differs for column in columns if column.name in recipe.feature_names]
    differing = _named_first(columns, raw, recipe)
    most = differing[0] if differing else None
    return {
        "n_skew_rows": len(served),
        "features_skew": float(np.logical_or.reduce(is_feature).mean()),
        "lacking_share": float(answers["missing"].notna().mean()),
        "skewed_columns": ",".join(column.name for column in differing),
        "most_skewed_column": most and most.name,
        "most_skewed_share": most and most.share,
        "most_skewed_served": most and most.mean_of(most.served),
        "most_skewed_observed": most and most.mean_of(most.observed),
    }


def describe_skew(window: Mapping[str, Any]) -> str:
    """Say what differs in a window, for a person.

    Args:
        window: A row of ``window_history``.

    Returns:
        A sentence without a full stop; empty if nothing was served or nothing differs.
    """
    shares = {name: window[name] for name in _SAID if not pd.isna(window[name])}
    if not any(shares.get(name, 0) > 0 for name in ("predictions_skew", "features_skew")):
        return ""
    told = [f"{100 * share:.3g}% {_SAID[name]}" for name, share in shares.items() if share > 0]
    said = f"{window['window']}: of {window['n_skew_rows']:,} served rows {', '.join(told)}"
    figures = most_skewed(window)
    return f"{said}; {skewed_column(figures)}" if figures["column"] else said


@dataclass(frozen=True)
class _Column:
    """A raw column or a feature: where it differs, and its numbers (NaN where it is text)."""

    name: str
    differs: NDArray[np.bool_]
    served: FloatArray
    observed: FloatArray

    @property
    def share(self) -> float:
        return float(self.differs.mean())

    def mean_of(self, values: FloatArray) -> float:
        """Return the mean over the rows that differ; NaN without a number."""
        known = values[self.differs & ~np.isnan(values)]
        return float(known.mean()) if len(known) else math.nan


def _compare(
    name: str, served: list[dict[str, Any]], observed: pd.Series, problem: Problem
) -> _Column:
    values = [row.get(name) for row in served]
    spec = problem.columns.get(name)
    if spec is not None and spec.type == "category":
        now = observed.to_numpy(dtype=object, na_value=None)
        nothing = np.full(len(values), np.nan)
        differs = np.array(values, dtype=object) != now
        column = _Column(name, differs.astype(bool), nothing, nothing)
    else:
        said = np.array(values, dtype="float64")
        now = observed.astype("float64").to_numpy()
        column = _Column(name, _differ(said, now), said, now)
    # What was not sent was not used in this place either.
    column.differs[[name not in row for row in served]] = False
    return column


def _differ(served: FloatArray, observed: FloatArray) -> NDArray[np.bool_]:
    """Mark numbers that differ; a missing one differs from every number."""
    same = np.isclose(served, observed, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
    return ~same


def _named_first(
    columns: Iterable[_Column], raw: Iterable[str], recipe: FeatureRecipe
) -> list[_Column]:
    """Sort what differs by its share, and put what explains a feature before the feature."""
    differing = [column for column in columns if column.differs.any()]
    causes = {*raw} & {column.name for column in differing}
    explained = {
        name
        for feature in recipe.features
        if causes & {*feature.columns_read}
        for name in feature.output_names()
    } & {*recipe.made_names}
    return sorted(differing, key=lambda column: (column.name in explained, -column.share))


def _is_sent(name: str, recipe: FeatureRecipe, problem: Problem) -> bool:
    """Whether features are made of what callers send under a name."""
    known = name in recipe.columns_read and problem.is_known_in_advance(name)
    return known and problem.columns[name].type not in MOMENT_TYPES


def _is_final(
    rows: pd.DataFrame, as_of: pd.Timestamp, recipe: FeatureRecipe, problem: Problem
) -> pd.Series:
    """Mark rows whose features later observations do not change: their days are over."""
    ahead = recipe.reach.days_ahead
    moments = rows[problem.timestamp.name]
    if not ahead:
        return pd.Series(True, index=rows.index)
    return moments.dt.floor("D") + pd.Timedelta(days=ahead) <= as_of


def _documents(texts: pd.Series) -> list[dict[str, Any]]:
    """Read all texts in one go, a few times faster than one by one."""
    found: list[dict[str, Any]] = from_json(f"[{','.join(texts.fillna('{}'))}]")
    return found
