"""A fitted pipeline as plain array functions: the same numbers without the cost of tables.

For one row, scikit-learn spends most of its time on tables, names and checks, which a service has
done already. The functions here do the same arithmetic in the same order on arrays. A step that
is not known here is called as it is. Whether the result is the model's own is found out when the
model is loaded (see ``active_model``), not believed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from regression_lifecycle.core.estimators import (
    AdaptiveRegressor,
    CategoryEncoder,
    LinearThenBoostingRegressor,
)
from regression_lifecycle.core.metrics import FloatArray
from regression_lifecycle.serving.compiled_trees import boosted_trees

ArrayFunction = Callable[[FloatArray], FloatArray]


def compile_model(estimator: Any) -> ArrayFunction:
    """Turn a fitted regressor into a function of an array.

    Args:
        estimator: A fitted regressor on numbers alone, with finite or missing (NaN) values.

    Returns:
        A function of an array of shape (n, columns) that gives predictions of shape (n,). Rows
        that the estimator would refuse for a missing value may give NaN instead.
    """
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.ensemble import HistGradientBoostingRegressor, VotingRegressor
    from sklearn.linear_model import LinearRegression, Ridge, RidgeCV
    from sklearn.pipeline import Pipeline

    kind = type(estimator)
    if kind is Pipeline:
        first, last = _chain(estimator.steps[:-1]), compile_model(estimator.steps[-1][1])
        return lambda x: last(first(x))
    if kind is VotingRegressor:
        members = [compile_model(member) for member in estimator.estimators_]
        weights = estimator._weights_not_none
        return lambda x: np.average(
            np.asarray([member(x) for member in members]).T, axis=1, weights=weights
        )
    if kind is TransformedTargetRegressor and estimator.func is not None:
        inner, inverse = compile_model(estimator.regressor_), estimator.inverse_func
        return lambda x: inverse(inner(x).reshape(-1, 1)).squeeze(axis=1)
    if kind is LinearThenBoostingRegressor:
        return _linear_then_boosting(estimator)
    if kind is AdaptiveRegressor and not estimator.means_:
        return _linear_then_boosting(estimator.model_)
    if kind in (LinearRegression, Ridge, RidgeCV) and np.ndim(estimator.coef_) == 1:
        coefficients, intercept = estimator.coef_.T, estimator.intercept_
        return lambda x: x @ coefficients + intercept
    if kind is HistGradientBoostingRegressor and estimator.is_categorical_ is None:
        return boosted_trees(estimator)
    return _as_it_is(estimator.predict, estimator)


def _linear_then_boosting(estimator: LinearThenBoostingRegressor) -> ArrayFunction:
    boosting = compile_model(estimator.boosting_)
    keys = getattr(estimator, "feature_names_in_", range(estimator.n_features_in_))
    return lambda x: estimator.predict_columns(
        dict(zip(keys, np.ascontiguousarray(x.T), strict=True)), boosting
    )


def _chain(steps: Sequence[tuple[str, Any]]) -> ArrayFunction:
    functions = [_transformer(step) for _, step in steps]

    def run(x: FloatArray) -> FloatArray:
        for function in functions:
            x = function(x)
        return x

    return run


def _transformer(step: Any) -> ArrayFunction:
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer

    kind = type(step)
    if kind is Pipeline:
        return _chain(step.steps)
    if kind is ColumnTransformer and not step.sparse_output_:
        return _columns(step)
    if (
        step is None
        or step == "passthrough"
        or (kind is FunctionTransformer and step.func is None)
        or (kind is CategoryEncoder and not step.categories_)
    ):
        return _unchanged
    return _as_it_is(step.transform, step)


def _unchanged(x: FloatArray) -> FloatArray:
    return x


def _as_it_is(call: Callable[[Any], Any], step: Any) -> ArrayFunction:
    """Call a step that is not known here on what it was fitted on: a table, if it knows names."""
    named = getattr(step, "feature_names_in_", None)

    def run(x: FloatArray) -> FloatArray:
        table = x if named is None else pd.DataFrame(x, columns=named)
        return np.asarray(call(table), dtype="float64")

    return run


def _columns(step: Any) -> ArrayFunction:
    parts: list[tuple[Any, ArrayFunction]] = []
    for name, part, _ in step.transformers_:
        chosen = list(step._transformer_to_input_indices[name])
        if part == "drop" or not chosen:
            continue
        whole = chosen == list(range(step.n_features_in_))
        parts.append((slice(None) if whole else np.array(chosen), _transformer(part)))
    # Tables lie in memory column by column, and the last digits of a product depend on that.
    is_table = getattr(step, "_sklearn_output_config", {}).get("transform") == "pandas"
    order: Any = np.asfortranarray if is_table else _unchanged
    return lambda x: order(np.hstack([function(x[:, chosen]) for chosen, function in parts]))
