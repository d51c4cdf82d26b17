"""How the weights of rows reach what is fitted."""

from __future__ import annotations

from typing import Any

from regression_lifecycle.core.errors import ConfigurationError

_WEIGHT = "sample_weight"


def weight_argument(model: Any) -> str:
    """Return the name under which a model's ``fit`` takes the weights of its rows.

    Args:
        model: Unfitted model.

    Returns:
        ``sample_weight``, of a Pipeline behind the names of its last steps: transformers are
        fitted on the rows as they are.

    Raises:
        ConfigurationError: If the part that predicts takes no weights.
    """
    from sklearn.utils.validation import has_fit_parameter

    if hasattr(model, "steps"):
        name, last = model.steps[-1]
        return f"{name}__{weight_argument(last)}"
    if hasattr(model, "regressor"):  # TransformedTargetRegressor hands on what it is given
        return weight_argument(model.regressor)
    kind = type(model).__name__
    # A blend hands the same to each of its members.
    blended = [one for _, one in getattr(model, "estimators", None) or [] if hasattr(one, "fit")]
    blended += [one for one in [getattr(model, "final_estimator", None)] if one is not None]
    if any(weight_argument(one) != _WEIGHT for one in blended):
        raise ConfigurationError(
            f"{kind} cannot hand problem.weight_column on to members that are Pipelines; put what "
            "they share before it, in one Pipeline around all, or leave problem.weight_column out"
        )
    if not blended and not has_fit_parameter(model, _WEIGHT):
        raise ConfigurationError(
            f"{kind} takes no weights, which problem.weight_column asks for; choose an estimator "
            "whose fit takes sample_weight, such as HistGradientBoostingRegressor, or leave "
            "problem.weight_column out"
        )
    return _WEIGHT
