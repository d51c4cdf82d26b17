"""Which quantile an estimator is asked for, in the words of its library."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from regression_lifecycle.core.models.training import ModelSpec, make_pipeline


def check_quantile(spec: ModelSpec, quantile: float | None) -> str:
    """Hold the quantile that a problem asks for against what its estimator is asked for.

    Args:
        spec: The model.
        quantile: ``problem.quantile``.

    Returns:
        What is wrong and the mend; empty if nothing is. A median may stand for a mean.
    """
    asked = sorted(set(_asked_quantiles(make_pipeline(spec))))
    if quantile is None:
        others = [value for value in asked if value != 0.5]
        if not others:
            return ""
        return (
            f"the estimator is asked for the quantile {others[0]:g}, and would be judged as if it "
            f"were asked for the mean; add problem.quantile: {others[0]:g}"
        )
    if any(abs(value - quantile) > 1e-9 for value in asked):
        shown = ", ".join(f"{value:g}" for value in asked)
        return f"the estimator is asked for the quantile {shown}, problem.quantile for {quantile:g}"
    if not asked and quantile != 0.5:
        return (
            f"problem.quantile is {quantile:g}, and the estimator is asked for no quantile; for "
            "HistGradientBoostingRegressor that is "
            f"params: {{loss: quantile, quantile: {quantile:g}}}"
        )
    return ""


def _asked_quantiles(model: Any) -> Iterator[float]:
    for part in [model, *model.get_params(deep=True).values()]:
        if not isinstance(part, type) and hasattr(part, "get_params"):
            yield from _of_one(type(part).__name__, part.get_params(deep=False))


def _of_one(name: str, given: dict[str, Any]) -> Iterator[float]:
    if name == "QuantileRegressor":
        yield float(given["quantile"])
    elif given.get("loss") == "quantile":
        # HistGradientBoostingRegressor says quantile, GradientBoostingRegressor alpha.
        yield float(given["quantile"] if "quantile" in given else given["alpha"])
    elif given.get("objective") == "quantile":  # LightGBM
        yield float(given.get("alpha", 0.9))
    elif given.get("objective") == "reg:quantileerror":  # XGBoost
        yield float(given.get("quantile_alpha") or 0.5)
    elif str(given.get("loss_function", "")).startswith("Quantile"):  # CatBoost
        _, _, alpha = str(given["loss_function"]).partition("alpha=")
        yield float(alpha.partition(";")[0] or 0.5)
