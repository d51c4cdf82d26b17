"""Estimators which scikit-learn does not ship.

The file travels beside a model as plain code, so that the model also loads where this package is
not installed: it imports nothing but numpy, pandas and scikit-learn.
"""
# ruff: noqa: N803, N806 - scikit-learn names the features X

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils import Tags, get_tags
from sklearn.utils.validation import (
    _check_sample_weight,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    has_fit_parameter,
    validate_data,
)

__all__ = ["TrendOffsetRegressor"]

FloatArray = NDArray[np.float64]


class TrendOffsetRegressor(RegressorMixin, BaseEstimator):
    r"""A trend model gives the level, a second model learns what the level leaves over.

    Trees cannot leave the range of their training targets, so a boosted model alone falls behind
    a growing target. Here a model that extrapolates, such as a ridge regression with the time
    among its columns, is fitted on :math:`\log(y + \text{log\_shift})`; the exponential of its
    prediction is the level :math:`L > 0`. The residual model is then fitted on :math:`y / L` with
    the sample weights :math:`L`, and the prediction is the product of both.

    With a residual model of Poisson loss this is exactly Poisson regression with the offset
    :math:`\log L`: the unit deviance :math:`d(y, \mu) = 2 (y \log(y / \mu) - y + \mu)` scales
    with its arguments, so that :math:`L \, d(y / L, r) = d(y, L r)`. The residual also mends the
    bias of the logarithm, whose exponential is a median rather than a mean, and that of
    ``log_shift``.

    A trend is worth no more than the time it was seen for. Later times are therefore replaced by
    the end of training plus the smaller of ``max_extrapolation`` and ``max_extrapolation_share``
    times the training span, for both models; earlier times are left as they are.

    Args:
        trend: Regressor or pipeline for the logarithm of the target.
        residual: Regressor or pipeline for the ratio of target and level; its loss should accept
            zeros where the target has them. Its prediction must not be negative, or neither is
            the product.
        time_column: Column that holds the time as a number, for instance days since a fixed date:
            a name in a data frame, or a position in an array.
        log_shift: Positive number added to the target before the logarithm, in the target's unit.
            A larger one takes weight from the small targets.
        half_life: Time, in the unit of the time column, after which a row weighs half as much in
            the trend model; None weighs all alike.
        max_extrapolation: Longest time, in the unit of the time column, by which the trend may run
            on after the end of training; 0 freezes it there, None sets no such limit.
        max_extrapolation_share: The same as a share of the time between the first and the last
            training row; None sets no such limit.

    Attributes:
        trend_: The fitted trend model.
        residual_: The fitted residual model.
        time_end_: Latest time in training.
        time_limit_: Time from which on the trend stands still; infinite without a limit.
        n_features_in_: Number of columns in training.
        feature_names_in_: Their names, if all are strings.

    References:
        McCullagh and Nelder (1989), Generalized Linear Models, 2nd ed., chapter 6 (offsets);
        Gardner and McKenzie (1985), Forecasting Trends in Time Series, Management Science 31(10)
        (why a trend should not run on for ever).

    Examples:
        >>> import pandas as pd
        >>> from sklearn.linear_model import LinearRegression
        >>> days = pd.DataFrame({"day": [0.0, 1.0, 2.0, 3.0]})
        >>> model = TrendOffsetRegressor(
        ...     LinearRegression(), LinearRegression(), time_column="day", log_shift=1e-9,
        ...     max_extrapolation=1.0, max_extrapolation_share=None,
        ... ).fit(days, [1.0, 2.0, 4.0, 8.0])
        >>> model.predict(pd.DataFrame({"day": [4.0, 9.0]})).round(3).tolist()
        [16.0, 16.0]
    """

    def __init__(
        self,
        trend: BaseEstimator,
        residual: BaseEstimator,
        *,
        time_column: str | int,
        log_shift: float = 1.0,
        half_life: float | None = None,
        max_extrapolation: float | None = None,
        max_extrapolation_share: float | None = 0.25,
    ) -> None:
        self.trend = trend
        self.residual = residual
        self.time_column = time_column
        self.log_shift = log_shift
        self.half_life = half_life
        self.max_extrapolation = max_extrapolation
        self.max_extrapolation_share = max_extrapolation_share

    def fit(
        self, X: pd.DataFrame | ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Fit the trend, then the residual on what it leaves over.

        Args:
            X: Features, of shape (n_rows, n_columns), the time column among them; the other
                columns may have missing values if both models cope with them.
            y: Target of shape (n_rows,), not negative, not all zero.
            sample_weight: Weights of the rows, passed on to both models; None weighs all alike.

        Returns:
            The fitted estimator.

        Raises:
            ValueError: If a parameter is out of range, the time column is absent or incomplete,
                the target is negative or all zero, or there are fewer than two rows.
        """
        self._check_parameters()
        X = self._check_features(X, reset=True)
        target = self._check_target(X, y)
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        time = self._time(X)

        counted = time[weight > 0]
        self.time_end_ = float(counted.max())
        self.time_limit_ = self._limit(span=self.time_end_ - float(counted.min()))
        recent = weight
        if self.half_life is not None:
            recent = weight * np.exp2((time - self.time_end_) / self.half_life)
        self.trend_ = _fitted(clone(self.trend), X, np.log(target + self.log_shift), recent)

        level = self._level(X)
        # Scaled to a mean of one, so that the residual's own regularisation keeps its usual scale.
        offset_weight = weight * level / np.average(level, weights=weight)
        self.residual_ = _fitted(clone(self.residual), X, target / level, offset_weight)
        return self

    def predict(self, X: pd.DataFrame | ArrayLike) -> FloatArray:
        """Predict level times residual.

        Args:
            X: Features as in training, of shape (n_rows, n_columns).

        Returns:
            Predictions of shape (n_rows,), in the unit of the target.

        Raises:
            NotFittedError: Before `fit`.
            ValueError: If columns differ from those in training or a time is missing.
        """
        check_is_fitted(self)
        X = self._held(self._check_features(X, reset=False))
        product: FloatArray = self._level(X) * self.residual_.predict(X)
        return product

    def predict_level(self, X: pd.DataFrame | ArrayLike) -> FloatArray:
        """Predict the level alone, to see what the trend contributes.

        Args:
            X: Features as in training, of shape (n_rows, n_columns).

        Returns:
            Levels of shape (n_rows,), positive, in the unit of the target.

        Raises:
            NotFittedError: Before `fit`.
            ValueError: If columns differ from those in training or a time is missing.
        """
        check_is_fitted(self)
        return self._level(self._held(self._check_features(X, reset=False)))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        members = (get_tags(self.trend), get_tags(self.residual))
        tags.input_tags.allow_nan = all(member.input_tags.allow_nan for member in members)
        tags.target_tags.positive_only = True
        tags.target_tags.required = True
        tags.regressor_tags.poor_score = True
        return tags

    def _check_parameters(self) -> None:
        if not self.log_shift > 0:
            raise ValueError(f"log_shift must be positive, got {self.log_shift!r}.")
        if self.half_life is not None and not self.half_life > 0:
            raise ValueError(f"half_life must be positive or None, got {self.half_life!r}.")
        for name in ("max_extrapolation", "max_extrapolation_share"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise ValueError(f"{name} must be None or at least 0, got {value!r}.")

    def _check_features(self, X: Any, *, reset: bool) -> Any:
        """Data frames pass as they are, for the members choose their columns by name."""
        if isinstance(X, pd.DataFrame):
            X = validate_data(self, X, reset=reset, skip_check_array=True)
        else:
            X = validate_data(self, X, reset=reset, dtype=np.float64, ensure_all_finite="allow-nan")
        if len(X) < (2 if reset else 1):
            raise ValueError(
                f"Found n_samples={len(X)}: {type(self).__name__} needs at least two rows to fit "
                "and one to predict."
            )
        return X

    def _check_target(self, X: Any, y: ArrayLike) -> FloatArray:
        target: FloatArray = column_or_1d(y, dtype=np.float64, warn=True)
        check_consistent_length(X, target)
        if not np.isfinite(target).all():
            raise ValueError("Target contains NaN or infinity: drop those rows before fitting.")
        if (target < 0).any():
            raise ValueError(
                f"Target must not be negative: {int((target < 0).sum())} of {len(target)} rows "
                f"are, the lowest is {target.min():g}."
            )
        if not target.any():
            raise ValueError("Target is zero in every row: there is no level to learn.")
        return target

    def _time(self, X: Any) -> FloatArray:
        if isinstance(X, pd.DataFrame):
            if self.time_column not in X.columns:
                raise ValueError(
                    f"time_column {self.time_column!r} is not a column of X: "
                    f"{', '.join(map(str, X.columns))}."
                )
            time: FloatArray = X[self.time_column].to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            if not isinstance(self.time_column, int):
                raise ValueError(
                    f"time_column {self.time_column!r} is a name, but X is an array without "
                    "names: pass a data frame, or the column's position."
                )
            if not 0 <= self.time_column < X.shape[1]:
                raise ValueError(
                    f"time_column {self.time_column} is not among the {X.shape[1]} columns of X."
                )
            time = X[:, self.time_column]
        if not np.isfinite(time).all():
            raise ValueError(
                f"time_column {self.time_column!r} is missing or infinite in "
                f"{int((~np.isfinite(time)).sum())} of {len(time)} rows: X contains NaN or "
                "infinity where a time is needed."
            )
        return time

    def _limit(self, span: float) -> float:
        steps = [np.inf]
        if self.max_extrapolation is not None:
            steps.append(self.max_extrapolation)
        if self.max_extrapolation_share is not None:
            steps.append(self.max_extrapolation_share * span)
        return self.time_end_ + float(min(steps))

    def _held(self, X: Any) -> Any:
        """A copy of the features whose time stands still from `time_limit_` on."""
        time = np.minimum(self._time(X), self.time_limit_)
        held = X.copy()
        if isinstance(held, pd.DataFrame):
            held[self.time_column] = time
        else:
            held[:, self.time_column] = time
        return held

    def _level(self, X: Any) -> FloatArray:
        level: FloatArray = np.exp(np.ravel(self.trend_.predict(X)))
        return level


def _fitted(model: Any, X: Any, y: FloatArray, weight: FloatArray) -> Any:
    """Fit with weights; in a pipeline they belong to its last step."""
    return model.fit(X, y, **_weight_arguments(model, weight))


def _weight_arguments(model: Any, weight: FloatArray) -> dict[str, FloatArray]:
    if isinstance(model, Pipeline):
        name, last = model.steps[-1]
        return {f"{name}__{key}": value for key, value in _weight_arguments(last, weight).items()}
    if isinstance(model, TransformedTargetRegressor):
        return _weight_arguments(model.regressor, weight)
    if not has_fit_parameter(model, "sample_weight"):
        raise ValueError(
            f"{type(model).__name__} takes no sample_weight in fit, which the offset needs: "
            "choose a model that does."
        )
    return {"sample_weight": weight}
