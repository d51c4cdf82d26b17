"""A fitted pipeline as plain array functions: the same numbers without the cost of tables.

For one row, scikit-learn spends most of its time on tables, names and checks, which a service has
done already. The functions here do the same arithmetic in the same order on arrays. A step that
is not known here is called as it is. Whether the result is the model's own is found out when the
model is loaded (see ``deployed``), not believed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from regression_lifecycle.core.estimators import CategoryEncoder, LinearThenBoostingRegressor
from regression_lifecycle.core.prediction.level_and_interval import FloatArray
from regression_lifecycle.serving.compiled_trees import boosted_trees

ArrayFunction = Callable[[FloatArray], FloatArray]


def compile_model(estimator: Any, names: Sequence[str]) -> ArrayFunction:
    """Turn a fitted regressor into a function of an array.

    Args:
        estimator: A fitted regressor on numbers alone, with finite or missing (NaN) values.
        names: Its input columns in order.

    Returns:
        A function of an array of shape (n, columns) that gives predictions of shape (n,). Rows
        that the estimator would refuse for a missing value may give NaN instead.
    """
    return _predictor(estimator, list(names))


def _predictor(estimator: Any, names: list[str] | None) -> ArrayFunction:
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.ensemble import HistGradientBoostingRegressor, VotingRegressor
    from sklearn.linear_model import LinearRegression, Ridge, RidgeCV
    from sklearn.pipeline import Pipeline

    kind = type(estimator)
    if kind is Pipeline:
        first, names = _chain(estimator.steps[:-1], names)
        last = _predictor(estimator.steps[-1][1], names)
        return lambda x: last(first(x))
    if kind is VotingRegressor:
        members = [_predictor(member, names) for member in estimator.estimators_]
        weights = estimator._weights_not_none
        return lambda x: np.average(
            np.asarray([member(x) for member in members]).T, axis=1, weights=weights
        )
    if kind is TransformedTargetRegressor and estimator.func is not None:
        inner, inverse = _predictor(estimator.regressor_, names), estimator.inverse_func
        return lambda x: inverse(inner(x).reshape(-1, 1)).squeeze(axis=1)
    if kind is LinearThenBoostingRegressor and names is not None:
        return _linear_then_boosting(estimator, names)
    if kind in (LinearRegression, Ridge, RidgeCV) and np.ndim(estimator.coef_) == 1:
        weights, intercept = estimator.coef_.T, estimator.intercept_
        return lambda x: x @ weights + intercept
    if kind is HistGradientBoostingRegressor and estimator.is_categorical_ is None:
        return boosted_trees(estimator)
    return _as_it_is(estimator.predict, estimator)


def _linear_then_boosting(
    estimator: LinearThenBoostingRegressor, names: list[str]
) -> ArrayFunction:
    boosting = _predictor(estimator.boosting_, None)
    keys = names if hasattr(estimator, "feature_names_in_") else range(len(names))
    return lambda x: estimator.predict_columns(
        dict(zip(keys, np.ascontiguousarray(x.T), strict=True)), boosting
    )


def _chain(
    steps: Sequence[tuple[str, Any]], names: list[str] | None
) -> tuple[ArrayFunction, list[str] | None]:
    functions = []
    for _, step in steps:
        if step is None or step == "passthrough":
            continue
        function, names = _transformer(step, names)
        functions.append(function)

    def run(x: FloatArray) -> FloatArray:
        for function in functions:
            x = function(x)
        return x

    return run, names


def _transformer(step: Any, names: list[str] | None) -> tuple[ArrayFunction, list[str] | None]:
    """Give a step's function, and the names of its columns where they are known."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    kind = type(step)
    if kind is Pipeline:
        return _chain(step.steps, names)
    if kind is ColumnTransformer:
        return _columns(step, names), _names_out(step, names)
    if (kind is FunctionTransformer and step.func is None) or (
        kind is CategoryEncoder and not step.categories_
    ):
        return _unchanged, names
    if (
        kind is SimpleImputer
        and not step.add_indicator
        and np.isfinite(np.asarray(step.statistics_, dtype="float64")).all()
        and pd.isna(step.missing_values)
    ):
        fill = np.asarray(step.statistics_, dtype="float64")
        return lambda x: np.where(np.isnan(x), fill, x), _names_out(step, names)
    if kind is StandardScaler:
        return _scaler(step), _names_out(step, names)
    if kind is OneHotEncoder and _is_plain(step):
        return _one_hot(step), _names_out(step, names)
    return _as_it_is(step.transform, step), _names_out(step, names)


def _unchanged(x: FloatArray) -> FloatArray:
    return x


def _names_out(step: Any, names: list[str] | None) -> list[str] | None:
    try:
        return [str(name) for name in step.get_feature_names_out(names)]
    except (AttributeError, ValueError, TypeError):
        return None


def _as_it_is(call: Callable[[Any], Any], step: Any) -> ArrayFunction:
    """Call a step that is not known here on what it was fitted on: a table, if it knows names."""
    named = getattr(step, "feature_names_in_", None)

    def run(x: FloatArray) -> FloatArray:
        table = x if named is None else pd.DataFrame(x, columns=named)
        return np.asarray(call(table), dtype="float64")

    return run


def _columns(step: Any, names: list[str] | None) -> ArrayFunction:
    if step.sparse_output_:
        return _as_it_is(step.transform, step)
    parts: list[tuple[Any, ArrayFunction]] = []
    for name, part, _ in step.transformers_:
        chosen = list(step._transformer_to_input_indices[name])
        if part == "drop" or not chosen:
            continue
        inside = None if names is None else [names[index] for index in chosen]
        function = _unchanged if part == "passthrough" else _transformer(part, inside)[0]
        whole = chosen == list(range(step.n_features_in_))
        parts.append((slice(None) if whole else np.array(chosen), function))
    # Tables lie in memory column by column, and the last digits of a product depend on that.
    is_table = getattr(step, "_sklearn_output_config", {}).get("transform") == "pandas"
    order: Any = np.asfortranarray if is_table else _unchanged
    return lambda x: order(np.hstack([function(x[:, chosen]) for chosen, function in parts]))


def _scaler(step: Any) -> ArrayFunction:
    mean = step.mean_ if step.with_mean else None
    scale = step.scale_ if step.with_std else None

    def run(x: FloatArray) -> FloatArray:
        moved = x if mean is None else x - mean
        return moved if scale is None else moved / scale

    return run


def _is_plain(step: Any) -> bool:
    return (
        step.handle_unknown == "ignore"
        and not step.sparse_output
        and step.drop_idx_ is None
        and not step._infrequent_enabled
        and all(np.issubdtype(values.dtype, np.number) for values in step.categories_)
        and not any(np.isnan(values).any() for values in step.categories_)
    )


def _one_hot(step: Any) -> ArrayFunction:
    columns = np.repeat(np.arange(len(step.categories_)), [len(c) for c in step.categories_])
    values = np.concatenate(step.categories_)
    return lambda x: (x[:, columns] == values).astype("float64")
