"""What a model asks of its table, told before anything is fitted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from regression_lifecycle.core.errors import ModelError, bounded_list
from regression_lifecycle.core.models.boosting import LIBRARIES

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


def check_text(model: Any, text: Sequence[str]) -> str:
    """Look for features of text that nothing turns into numbers before an estimator needs them.

    Args:
        model: Unfitted Pipeline of ``columns`` and ``estimator``.
        text: Features that hold labels.

    Returns:
        What is wrong and the mend; empty if nothing is, or if an estimator is not known.
    """
    groups = model.named_steps["columns"].transformers
    taken = {name for _, _, columns in groups for name in columns}
    left = [name for name in text if name not in taken]
    regressor = _needs_numbers(model.named_steps["estimator"]) if left else None
    if regressor is None:
        return ""
    return (
        f"{type(regressor).__name__} takes numbers only, and text stands in {bounded_list(left)}; "
        "put CategoryEncoder before the estimator, as docs/how-to/change-the-model.md does"
    )


def _needs_numbers(part: Any) -> Any:
    """Find the regressor that text would reach and that cannot take it; None if there is none."""
    from sklearn.base import is_regressor
    from sklearn.utils import get_tags

    if hasattr(part, "steps"):
        *before, (_, last) = part.steps
        # Whatever else there may be: only these are known to leave text as it is.
        keeps_text = all("Imputer" in type(step).__name__ for _, step in before)
        return _needs_numbers(last) if keeps_text else None
    inside = [getattr(part, "regressor", None), *_members(part)]
    if type(part).__name__ == "EarlyStoppingRegressor":
        inside.append(part.boosting)
    inside = [one for one in inside if one is not None]
    if inside:
        return next(filter(None, map(_needs_numbers, inside)), None)
    library = type(part).__module__.partition(".")[0]
    if library not in ("sklearn", *LIBRARIES) or type(part).__name__ == "DummyRegressor":
        return None
    given = part.get_params(deep=False)
    named = given.get("cat_features") or given.get("categorical_features")
    if not is_regressor(part) or get_tags(part).input_tags.string:
        return None
    return None if named is not None and not isinstance(named, str) else part


def _members(part: Any) -> list[Any]:
    """The regressors that a blend hands its rows to."""
    return [one for _, one in getattr(part, "estimators", None) or [] if hasattr(one, "fit")]


def refuse_unusable_rows(model: Any, features: pd.DataFrame, target: pd.Series) -> None:
    """Refuse rows that the model cannot be fitted on.

    Args:
        model: Unfitted model.
        features: Features.
        target: Target of the same rows.

    Raises:
        ModelError: If a feature holds text and the model needs numbers, or has no value at all and
            the model cannot take that, or a target is outside of what a loss or a transformation
            takes.
    """
    text = [str(name) for name in features.columns if not is_numeric_dtype(features[name])]
    wrong = check_text(model, text)
    if wrong:
        raise ModelError(f"the model cannot be fitted: {wrong}")
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
