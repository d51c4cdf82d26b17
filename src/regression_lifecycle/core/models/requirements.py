"""What a model asks of its table, told before anything is fitted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from regression_lifecycle.core.errors import ModelError, bounded_list

# Losses by their names in scikit-learn, LightGBM, XGBoost and CatBoost.
_NOT_NEGATIVE = frozenset({"poisson", "count:poisson", "Poisson", "tweedie", "reg:tweedie"})
_POSITIVE = frozenset({"gamma", "reg:gamma"})
_LOSS_NAMES = ("loss", "criterion", "objective", "loss_function")
_LOGARITHMS = {"log": 0.0, "log1p": -1.0}


def named_columns(model: Any) -> set[str]:
    """Return the columns that the parts of a model name.

    Args:
        model: Unfitted model.

    Returns:
        Names in ``time_column`` and ``terms``; those of transformers stand in the configuration.
    """
    names: set[str] = set()
    for part in _parts(model):
        given = part.get_params(deep=False)
        if isinstance(given.get("time_column"), str):
            names.add(given["time_column"])
        terms = given.get("terms")
        for term in terms.values() if isinstance(terms, dict) else ():
            for columns in (term or {}).values():
                if isinstance(columns, dict | list | tuple):
                    names.update(name for name in columns if isinstance(name, str))
    return names


def refuse_unusable_rows(model: Any, features: pd.DataFrame, target: pd.Series) -> None:
    """Refuse rows that the model cannot be fitted on.

    Args:
        model: Unfitted model.
        features: Features.
        target: Target of the same rows.

    Raises:
        ModelError: If a feature has no value at all and the model cannot take that, or a target
            is outside of what a loss or a transformation takes.
    """
    empty = [str(name) for name in features.columns if features[name].isna().all()]
    if empty and len(features) and _needs_values(model):
        raise ModelError(
            f"the model cannot be fitted: {bounded_list(empty)} has no value in any of the "
            f"{len(features):,} rows that it is to be fitted on. Leave it out of "
            "preprocessing.features; a lag that reaches back before the table begins needs a "
            "shorter age, fewer training.cross_validation.n_splits, or later rows"
        )
    lowest = float(target.min())
    for part in _parts(model):
        given = part.get_params(deep=False)
        name = getattr(given.get("func"), "__name__", "")
        if name in _LOGARITHMS and lowest <= _LOGARITHMS[name]:
            _refuse(target, _LOGARITHMS[name], f"the target_transform {name}", strict=True)
        if name == "sqrt" and lowest < 0:
            _refuse(target, 0.0, "the target_transform sqrt", strict=False)
    if any(callable(part.get_params(deep=False).get("func")) for part in _parts(model)):
        return  # the loss sees the transformed target
    for part in _parts(model):
        kind, positive = _loss_of(part)
        if kind and (lowest < 0 or (positive and lowest <= 0)):
            _refuse(target, 0.0, f"{type(part).__name__} with the loss {kind}", strict=positive)


def _refuse(target: pd.Series, bound: float, what: str, *, strict: bool) -> None:
    outside = target <= bound if strict else target < bound
    needed = "above" if strict else "at least"
    raise ModelError(
        f"the model cannot be fitted: {what} needs targets {needed} {bound:g}, and "
        f"{int(np.sum(outside)):,} of {len(target):,} are not (the lowest is {target.min():g}). "
        "Choose another one under training.model, such as the loss squared_error; or, if such "
        "targets are mistakes, set problem.columns.<target>.minimum"
    )


def _needs_values(model: Any) -> bool:
    """Return whether a column without any value would end the fit."""
    from sklearn.base import is_regressor
    from sklearn.utils import get_tags

    parts = list(_parts(model))
    if any("Imputer" in type(part).__name__ for part in parts):
        return False
    # Pipelines and the like speak for their first step.
    leaves = [
        part
        for part in parts
        if is_regressor(part) and not hasattr(part, "steps") and not hasattr(part, "func")
    ]
    return any(
        # It takes missing values, but finds no bins for a column of nothing else.
        type(part).__name__ == "HistGradientBoostingRegressor"
        or not get_tags(part).input_tags.allow_nan
        for part in leaves
    )


def _loss_of(part: Any) -> tuple[str, bool]:
    given = part.get_params(deep=False)
    family = type(part).__name__
    if family == "PoissonRegressor":
        return "poisson", False
    if family == "GammaRegressor":
        return "gamma", True
    if family == "TweedieRegressor" and given["power"] >= 1:
        return f"tweedie of power {given['power']:g}", bool(given["power"] >= 2)
    for name in _LOSS_NAMES:
        loss = str(given.get(name, "")).partition(":variance")[0]
        if loss in _POSITIVE or loss in _NOT_NEGATIVE or loss.startswith("Tweedie"):
            return loss, loss in _POSITIVE
    return "", False


def _parts(model: Any) -> Iterator[Any]:
    for part in [model, *model.get_params(deep=True).values()]:
        if not isinstance(part, type) and hasattr(part, "get_params"):
            yield part
