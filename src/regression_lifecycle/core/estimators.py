"""Estimators which scikit-learn does not ship.

The file travels beside a model as plain code, so that the model also loads where this package is
not installed: it imports nothing but numpy, pandas and scikit-learn.
"""
# ruff: noqa: N803, N806 - scikit-learn names the features X

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from itertools import combinations, pairwise
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin, clone
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.utils import Tags, check_random_state, get_tags
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.validation import (
    _check_feature_names_in,
    _check_sample_weight,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    has_fit_parameter,
    validate_data,
)

__all__ = [
    "AdaptiveRegressor",
    "CategoryEncoder",
    "EarlyStoppingRegressor",
    "LinearThenBoostingRegressor",
    "Term",
]

FloatArray = NDArray[np.float64]
# A table as its columns by name or position: 64-bit floats with NaN, or text as objects with None.
Columns = Mapping[Any, NDArray[Any]]
# Mean of the target by value, and of all rows, by column.
Means = dict[Any, tuple[dict[Any, float], float]]
_TINY = 1e-12
# What is compared, from simple to rich.
_MODELS = ("linear", "log_linear", "linear_trees", "log_linear_trees", "trees")
_MOST_CODES = 31
_LOG_SHIFT = 0.02
_ROWS_PER_CODE = 1.5
_TESTED_SHARE = 0.4
_SMOOTHING = 5
_FEWEST_COMPLETE, _WEIGHT_OF_LACKING = 0.25, 0.1
_PARTS = 5
# A linear model has dozens of columns for each of a table. Of a long one they are made piece by
# piece, and never all of them at once.
_LONG_ROWS, _PIECE_ROWS = 2**16, 2**14
# From the plainest on.
_PENALTIES = (1000.0, 100.0, 10.0, 1.0, 0.1, 0.01)
_BOOSTING_LIBRARIES = ("lightgbm", "xgboost", "catboost")
_TREES = ("iterations", "num_iterations", "num_boost_round", "num_trees", "n_estimators")


class CategoryEncoder(TransformerMixin, BaseEstimator):
    """Replace every column of text by one indicator per category; leave numbers as they are.

    It needs no list of columns: whatever is neither a number nor a boolean is a category. Missing
    numbers stay NaN. A missing text, a category unseen in training and one that is not among the
    most frequent have no indicator, so all indicators of the column are 0.

    Args:
        max_categories: Most categories per column that get an indicator.

    Attributes:
        categories_: Categories by column, the most frequent first; no entry for numbers.
        n_features_in_: Number of columns in training.
        feature_names_in_: Their names, if all are strings.

    Examples:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"shop": ["north", "south", "north"], "price": [1.5, 2.0, None]})
        >>> encoder = CategoryEncoder().fit(table)
        >>> encoder.get_feature_names_out().tolist()
        ['shop=north', 'shop=south', 'price']
        >>> encoder.transform(pd.DataFrame({"shop": ["south", "west"], "price": [3.0, 4.0]}))
        array([[0., 1., 3.],
               [0., 0., 4.]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "max_categories": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(self, max_categories: int = 50) -> None:
        self.max_categories = max_categories

    def fit(self, X: pd.DataFrame | ArrayLike, y: object = None) -> Self:
        """Learn the categories.

        Args:
            X: Features, of shape (n_rows, n_columns); text in a data frame only.
            y: Ignored.

        Returns:
            The fitted encoder.
        """
        self._validate_params()
        return self._fit_columns(_columns(self, X, reset=True))

    def transform(self, X: pd.DataFrame | ArrayLike) -> FloatArray:
        """Encode the text.

        Args:
            X: Features as in training, of shape (n_rows, n_columns).

        Returns:
            Numbers, of shape (n_rows, n_numbers + n_categories): indicators take the place of
            their column.

        Raises:
            NotFittedError: Before `fit`.
        """
        check_is_fitted(self)
        return self._transform_columns(_columns(self, X, reset=False))

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[Any]:
        """Name the columns that `transform` returns.

        Args:
            input_features: Names of the columns, where training had none.

        Returns:
            Names; an indicator is called ``column=category``.
        """
        check_is_fitted(self)
        names = _feature_names_in(self, input_features)
        keys = getattr(self, "feature_names_in_", range(self.n_features_in_))
        made: list[str] = []
        for key, name in zip(keys, names, strict=True):
            found = self.categories_.get(key)
            made += [name] if found is None else [f"{name}={category}" for category in found]
        return np.array(made, dtype=object)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _fit_columns(self, columns: Columns) -> Self:
        self.categories_ = {
            name: _categories(values, self.max_categories)
            for name, values in columns.items()
            if values.dtype.kind == "O"
        }
        return self

    def _transform_columns(self, columns: Columns) -> FloatArray:
        return np.column_stack(
            [
                _indicators(values, self.categories_[name])
                if name in self.categories_
                else values.astype(np.float64, copy=False)
                for name, values in columns.items()
            ]
        )


class Term(TransformerMixin, BaseEstimator):
    """Columns of a linear model that belong together: waves, categories, numbers, and products.

    A term that names no column takes them all, text as categories and the rest as numbers.

    Args:
        numbers: Columns that enter as they are, standardised; missing values become the mean.
        categories: Columns of which each category gets an indicator, as in `CategoryEncoder`.
        waves: Period by column, such as ``{"hour": 24}``: the column enters as a sine and a cosine
            of that period, and so does each of its ``harmonics``.
        harmonics: Waves per period: 3 gives waves of the period, its half and its third.
        degree: 2 adds the products of every two of these columns, 3 also those of three, so that
            the effect of one may depend on another.
        squares: Whether to add the square of every number.
        kernel: Number of training rows that new rows are compared with (a Nyström approximation of
            kernel ridge regression): the columns are replaced by similarities, which makes a
            smooth function of all of them together. None keeps the columns.
        lengths: For a kernel, by column, the distance over which the function changes: two rows
            that differ by so much in this column alone have the similarity exp(-1/2). Numbers
            count in standard deviations, waves and indicators as they are. A short one lets the
            column matter much, a long one makes it nearly linear; what is not named has the root
            of half the number of columns. A column that is named here alone is a number.
        distinct: Numbers of three to so many different values, all of them whole, are codes as
            much as quantities (a month, a grade): each value gets an indicator besides. None
            takes numbers as numbers alone.
        reach: Numbers are held within the range of training, made longer at both ends by this
            share of it, so that nothing is extrapolated for ever; so are columns of waves as long
            as training has not seen a whole period of them. None sets no limit.
        estimate: Whether a number that can be missing gets two columns besides: whether it is,
            and what the other numbers then say of it.
        random_state: Seed of the choice of those rows.

    Attributes:
        mean_: Means of the numbers, which stand in for missing values.
        n_features_in_: Number of columns in training.
        feature_names_in_: Their names, if all are strings.

    References:
        Williams and Seeger (2000), Using the Nyström Method to Speed Up Kernel Machines; Rasmussen
        and Williams (2006), Gaussian Processes for Machine Learning, chapter 5.1 (a length per
        column).

    Examples:
        A daily rhythm whose height depends on the kind of day:

        >>> import pandas as pd
        >>> table = pd.DataFrame({"hour": [0, 6, 12, 18], "day": ["work", "work", "free", "free"]})
        >>> term = Term(waves={"hour": 24}, categories=["day"], degree=2)
        >>> term.fit(table).get_feature_names_out().tolist()[:4]
        ['hour_sin_1', 'hour_cos_1', 'day=free', 'day=work']
        >>> term.get_feature_names_out().tolist()[4:6]
        ['hour_sin_1*day=free', 'hour_sin_1*day=work']
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "numbers": ["array-like", None],
        "categories": ["array-like", None],
        "waves": [dict, None],
        "harmonics": [Interval(Integral, 1, None, closed="left")],
        "degree": [Interval(Integral, 1, 4, closed="both")],
        "squares": ["boolean"],
        "kernel": [Interval(Integral, 1, None, closed="left"), None],
        "lengths": [dict, None],
        "distinct": [Interval(Integral, 3, None, closed="left"), None],
        "reach": [Interval(Real, 0, None, closed="left"), None],
        "estimate": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        numbers: list[Any] | None = None,
        categories: list[Any] | None = None,
        waves: dict[Any, float] | None = None,
        harmonics: int = 1,
        degree: int = 1,
        squares: bool = False,
        kernel: int | None = None,
        lengths: dict[Any, float] | None = None,
        distinct: int | None = None,
        reach: float | None = None,
        estimate: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.numbers = numbers
        self.categories = categories
        self.waves = waves
        self.harmonics = harmonics
        self.degree = degree
        self.squares = squares
        self.kernel = kernel
        self.lengths = lengths
        self.distinct = distinct
        self.reach = reach
        self.estimate = estimate
        self.random_state = random_state

    def fit(
        self, X: pd.DataFrame | ArrayLike, y: object = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Learn categories, means, scales and the rows to compare with.

        Args:
            X: Features, of shape (n_rows, n_columns).
            y: Ignored.
            sample_weight: Weights of the rows in means and scales; None weighs all alike.

        Returns:
            The fitted term.

        Raises:
            ValueError: If a parameter is out of range or a column is absent.
        """
        self._validate_params()
        columns = _columns(self, X, reset=True)
        weight = _check_sample_weight(sample_weight, next(iter(columns.values())))
        self._fit_columns(columns, weight)
        return self

    def transform(self, X: pd.DataFrame | ArrayLike) -> FloatArray:
        """Make the term's columns.

        Args:
            X: Features as in training, of shape (n_rows, n_columns).

        Returns:
            The term's columns, of shape (n_rows, n_term_columns).

        Raises:
            NotFittedError: Before `fit`.
        """
        check_is_fitted(self)
        return self._transform_columns(_columns(self, X, reset=False))

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[Any]:
        """Name the columns that `transform` returns.

        Args:
            input_features: Ignored.

        Returns:
            Names, such as ``hour_sin_1``, ``day=work``, ``temp^2`` or ``day=work*temp``.
        """
        check_is_fitted(self)
        return np.array(self.names_out_, dtype=object)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _validate_params(self) -> None:
        super()._validate_params()
        if self.lengths and self.kernel is None:
            raise ValueError("lengths need a kernel.")
        allowed = Interval(Real, 0, None, closed="neither")
        for name, length in (self.lengths or {}).items():
            if not allowed.is_satisfied_by(length):
                raise ValueError(f"lengths: {name!r} needs a number above 0, not {length!r}.")

    def _fit_columns(self, columns: Columns, weight: FloatArray) -> None:
        numbers, categories = self.numbers, self.categories
        named = [*(numbers or ()), *(categories or ()), *(self.waves or ())]
        unnamed = [name for name in self.lengths or () if name not in named]
        numbers = [*(numbers or ()), *unnamed] if unnamed else numbers
        if numbers is None and categories is None and self.waves is None:
            numbers = [name for name, values in columns.items() if values.dtype.kind != "O"]
            categories = [name for name, values in columns.items() if values.dtype.kind == "O"]
        self.waves_ = dict(self.waves or {})
        self.categories_ = {name: _categories(_column(columns, name)) for name in categories or ()}
        self.numbers_ = list(numbers or ())
        if self.distinct is not None:
            for name in self.numbers_:
                codes = _codes(_number(columns, name), self.distinct)
                if codes is not None:
                    self.categories_.setdefault(name, codes)
        self._fit_scale(columns, weight)
        self.wave_limits_ = {
            name: _wave_range(_number(columns, name)[weight > 0], period, self.reach)
            for name, period in self.waves_.items()
        }
        self._fit_products()
        self.kernel_ = None
        if self.kernel is None:
            return
        random = check_random_state(self.random_state)
        drawn = random.permutation(len(weight))[: self.kernel]
        points = self._expanded({name: values[drawn] for name, values in columns.items()})
        self.kernel_ = _nystroem(points / self.lengths_)
        self.names_out_ = [f"kernel_{number}" for number in range(len(drawn))]

    def _fit_scale(self, columns: Columns, weight: FloatArray) -> None:
        """Learn means, ranges and scales by adding up what each piece of the rows says."""
        stretches = _pieces(len(weight))

        def pieces() -> Iterator[tuple[FloatArray, FloatArray]]:
            for rows in stretches:
                yield _numbers(_rows_of(columns, rows), self.numbers_), weight[rows]

        total, sums, missing = np.zeros(()), np.zeros(()), np.zeros(len(self.numbers_), dtype=bool)
        extremes = []
        for values, weights in pieces():
            unknown = np.isnan(values)
            known = weights[:, None] * ~unknown
            total, sums = total + known.sum(axis=0), sums + (known * np.nan_to_num(values)).sum(0)
            missing |= unknown.any(axis=0)
            extremes.append(_extremes(values[weights > 0]))
        # A column without any value has the mean 0.
        self.mean_ = sums / np.maximum(total, _TINY)
        lows, highs = zip(*extremes, strict=True)
        self.low_, self.high_ = _range(np.min(lows, axis=0), np.max(highs, axis=0), self.reach)
        squares = np.zeros(())
        for values, weights in pieces():
            off = self._filled(values) - self.mean_
            squares = squares + (weights[:, None] * off**2).sum(axis=0)
        variance = squares / weight.sum()
        self.scale_ = np.where(variance > _TINY**2, np.sqrt(variance), 1.0)
        self.estimates_: dict[int, FloatArray] = {}
        if self.estimate:
            products = np.eye(len(self.numbers_))
            for values, weights in pieces():
                scaled = self._scaled(values)
                products += scaled.T @ (weights[:, None] * scaled)
            lines = _partial_regressions(products)
            self.estimates_ = {int(place): lines[place] for place in np.flatnonzero(missing)}

    def _fit_products(self) -> None:
        """Choose the factors of every product, and name all columns."""
        # Source and name of each column that is no product.
        single = [
            *(
                (name, f"{name}_{wave}_{number}")
                for name in self.waves_
                for wave in ("sin", "cos")
                for number in range(1, self.harmonics + 1)
            ),
            *((name, f"{name}={one}") for name, found in self.categories_.items() for one in found),
            *((name, str(name)) for name in self.numbers_),
        ]
        sources, names = [source for source, _ in single], [name for _, name in single]
        self.products_ = [_products(sources, degree) for degree in range(2, self.degree + 1)]
        self.names_out_ = [
            *names,
            *("*".join(names[place] for place in one) for all_ in self.products_ for one in all_.T),
            *(f"{name}^2" for name in self.numbers_ if self.squares),
            *(
                f"{self.numbers_[place]}_{what}"
                for place in self.estimates_
                for what in ("missing", "estimated")
            ),
        ]
        self._fit_lengths(sources)

    def _fit_lengths(self, sources: list[Any]) -> None:
        usual = np.sqrt(len(self.names_out_) / 2)
        given = [(self.lengths or {}).get(source, usual) for source in sources]
        # Products and squares have no column of their own to be named by.
        given += [usual] * (len(self.names_out_) - len(sources))
        self.lengths_: FloatArray = np.array(given)

    def _transform_columns(self, columns: Columns) -> FloatArray:
        expanded = self._expanded(columns)
        if self.kernel_ is None:
            return expanded
        return _similarities(expanded / self.lengths_, self.kernel_)

    def _filled(self, values: FloatArray) -> FloatArray:
        return np.where(np.isnan(values), self.mean_, values)

    def _scaled(self, values: FloatArray) -> FloatArray:
        if self.reach is not None:
            values = np.clip(values, self.low_, self.high_)
        scaled: FloatArray = (self._filled(values) - self.mean_) / self.scale_
        return scaled

    def _estimated(self, values: FloatArray, scaled: FloatArray) -> FloatArray:
        made = [np.empty((len(values), 0))]
        for place, line in self.estimates_.items():
            missing = np.isnan(values[:, place])
            made += [missing[:, None], (missing * (scaled @ line))[:, None]]
        return np.hstack(made)

    def _expanded(self, columns: Columns) -> FloatArray:
        values = _numbers(columns, self.numbers_)
        scaled = self._scaled(values)
        single = np.hstack(
            [
                *(
                    _waves(
                        np.clip(_number(columns, name), *self.wave_limits_[name]),
                        period,
                        self.harmonics,
                    )
                    for name, period in self.waves_.items()
                ),
                *(
                    _indicators(_column(columns, name), found)
                    for name, found in self.categories_.items()
                ),
                scaled,
            ]
        )
        products = [
            reduce(np.multiply, (single[:, places] for places in factors))
            for factors in self.products_
        ]
        squares = [scaled**2] if self.squares else []
        return np.hstack([single, *products, *squares, self._estimated(values, scaled)])


class LinearThenBoostingRegressor(RegressorMixin, BaseEstimator):
    r"""A ridge regression gives the level, boosted trees learn what the level leaves over.

    Trees cannot leave the range of their training targets, so boosting alone falls behind a
    growing target. A linear model extrapolates, and knows the shape of a season where trees need
    many splits for it.

    Without ``log_shift`` the ridge is fitted on the target :math:`y`, the boosting on what is left,
    and the prediction is the sum of both.

    With it, for a target that cannot be negative and whose effects multiply, the ridge is fitted
    on :math:`\log(y + \text{log\_shift})`; the exponential of its prediction is the level
    :math:`L > 0`. The boosting is then fitted on :math:`y / L` with the sample weights :math:`L`,
    and the prediction is the product of both. With a Poisson loss this is exactly Poisson
    regression with the offset :math:`\log L`: the unit deviance
    :math:`d(y, \mu) = 2 (y \log(y / \mu) - y + \mu)` scales with its arguments, so that
    :math:`L \, d(y / L, r) = d(y, L r)`. The boosting also mends the bias of the logarithm, whose
    exponential is a median rather than a mean, and that of ``log_shift``.

    A trend is worth no more than the time it was seen for. Later times are therefore replaced by
    the end of training plus ``max_extrapolation`` times the training span, for both models;
    earlier times are left as they are. The same share is the ``reach`` of the terms that name none:
    a model of the winter has not seen what its squares and waves make of the summer.

    Args:
        terms: What the ridge is made of: parameters of a `Term` by a name of your choice, such as
            ``{"rhythm": {"waves": {"hour": 24}, "harmonics": 3}}``. None takes all columns as they
            are. The time column always enters, whether it is named here or not.
        time_column: Column that holds the time as a number, for instance days since a fixed date:
            a name in a data frame, or a position in an array. None: the rows have no time.
        log_shift: Positive number added to the target before the logarithm, in the target's unit;
            a larger one takes weight from the small targets. None takes no logarithm.
        alpha: Penalty of the ridge.
        half_life: Time, in the unit of the time column, after which a row weighs half as much in
            the ridge; None weighs all alike.
        max_extrapolation: How far numbers are followed beyond the range of training, as a share of
            it: the trend after the end of training, and what is in the terms at both ends. None
            sets no limit.
        boosting: Regressor for what is left; it gets all columns, text encoded by
            `CategoryEncoder`, and missing values as they are. None: histogram gradient boosting,
            of Poisson loss if there is a ``log_shift``.
        random_state: Seed of the kernels in ``terms`` and of the boosting that None stands for.

    Attributes:
        terms_: The fitted terms in their order, that of the time column last.
        coef_: Coefficients of the ridge, by column of all terms.
        intercept_: Its intercept.
        encoder_: The fitted encoder of the boosting's columns.
        absent_: Positions of the boosting's columns that have no value in training; they are left
            out of account.
        edges_: Quantiles, by position, of columns with more values than histograms have bins: the
            boosting gets the number of the quantile.
        boosting_: The fitted boosting.
        time_limit_: Time from which on the trend stands still; infinite without a limit.
        n_features_in_: Number of columns in training.
        feature_names_in_: Their names, if all are strings.

    References:
        McCullagh and Nelder (1989), Generalized Linear Models, 2nd ed., chapter 6 (offsets);
        Gardner and McKenzie (1985), Forecasting Trends in Time Series, Management Science 31(10)
        (why a trend should not run on for ever).

    Examples:
        Sales double every ten days, and a promotion brings a third more:

        >>> import pandas as pd
        >>> days = pd.DataFrame({"day": range(40), "promotion": ["no", "yes", "no", "no"] * 10})
        >>> sales = 2.0 ** (days["day"] / 10) * (1 + (days["promotion"] == "yes") / 3)
        >>> model = LinearThenBoostingRegressor(
        ...     {"offers": {"categories": ["promotion"]}}, time_column="day", log_shift=1e-9,
        ...     alpha=1e-6,
        ... ).fit(days, sales)
        >>> model.predict(pd.DataFrame({"day": [45, 45], "promotion": ["no", "yes"]})).round(1)
        array([22.6, 30.2])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "terms": [dict, None],
        "time_column": [str, Integral, None],
        "log_shift": [Interval(Real, 0, None, closed="neither"), None],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "half_life": [Interval(Real, 0, None, closed="neither"), None],
        "max_extrapolation": [Interval(Real, 0, None, closed="left"), None],
        "boosting": [HasMethods(["fit", "predict"]), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        terms: dict[str, dict[str, Any]] | None = None,
        *,
        time_column: str | int | None = None,
        log_shift: float | None = None,
        alpha: float = 1.0,
        half_life: float | None = None,
        max_extrapolation: float | None = 0.25,
        boosting: BaseEstimator | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.terms = terms
        self.time_column = time_column
        self.log_shift = log_shift
        self.alpha = alpha
        self.half_life = half_life
        self.max_extrapolation = max_extrapolation
        self.boosting = boosting
        self.random_state = random_state

    def fit(
        self, X: pd.DataFrame | ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Fit the ridge, then the boosting on what it leaves over.

        Args:
            X: Features, of shape (n_rows, n_columns), the time column among them; text in a data
                frame only.
            y: Target of shape (n_rows,); with ``log_shift`` not negative and not all zero.
            sample_weight: Weights of the rows, passed on to both models; None weighs all alike.

        Returns:
            The fitted estimator.

        Raises:
            ValueError: If a parameter is out of range, a column is absent, a time is missing, the
                target is negative or all zero although it has a ``log_shift``, or there are fewer
                than two rows.
        """
        self._validate_params()
        columns = _columns(self, X, reset=True)
        target = self._target(columns, y)
        weight = _check_sample_weight(
            sample_weight, target, dtype=np.float64, ensure_non_negative=True
        )
        return self.fit_columns(columns, target, weight)

    def fit_columns(self, columns: Columns, target: FloatArray, weight: FloatArray) -> Self:
        """Fit to unchecked columns, for a caller who has checked them already.

        Args:
            columns: As of `predict_columns`.
            target: Target of shape (n_rows,).
            weight: Weights of the rows, of shape (n_rows,).

        Returns:
            The fitted estimator.
        """
        recent = weight * self._fit_time(columns, weight)

        self.terms_ = self._make_terms()
        for term in self.terms_:
            term._fit_columns(columns, weight)
        shifted = target if self.log_shift is None else np.log(target + self.log_shift)
        self._fit_ridge(columns, shifted, recent)

        level = self._level(columns)
        self.encoder_ = CategoryEncoder()._fit_columns(columns)
        boosting = self._make_boosting()
        if self.log_shift is None:
            left, left_weight = target - level, weight
        else:
            # Scaled to a mean of one, so that the boosting's own regularisation keeps its scale.
            left, left_weight = target / level, weight * level / np.average(level, weights=weight)
        matrix = self.encoder_._transform_columns(columns)
        # scikit-learn cannot bin a column without any value once there are weights.
        self.absent_ = np.flatnonzero(np.isnan(matrix).all(axis=0))
        self.edges_ = _bin_edges(matrix, boosting)
        self.boosting_ = boosting.fit(self._binned(matrix), left, sample_weight=left_weight)
        return self

    def predict(self, X: pd.DataFrame | ArrayLike) -> FloatArray:
        """Predict level and boosting together.

        Args:
            X: Features as in training, of shape (n_rows, n_columns).

        Returns:
            Predictions of shape (n_rows,), in the unit of the target.

        Raises:
            NotFittedError: Before `fit`.
            ValueError: If columns differ from those in training or a time is missing.
        """
        check_is_fitted(self)
        return self.predict_columns(_columns(self, X, reset=False), self.boosting_.predict)

    def predict_columns(
        self, columns: Columns, boosting: Callable[[FloatArray], FloatArray]
    ) -> FloatArray:
        """Predict unchecked columns, for a caller who has checked them already.

        Args:
            columns: Arrays of shape (n_rows,) by name or position, in the order of training: 64-bit
                floats, or text as objects.
            boosting: What is called in place of the predict method of ``boosting_``.

        Returns:
            Predictions of shape (n_rows,), in the unit of the target.

        Raises:
            ValueError: If a time is missing.
        """
        held = self._held(columns)
        level, left = self._level(held), boosting(self._boosting_columns(held))
        return level + left if self.log_shift is None else level * left

    def predict_level(self, X: pd.DataFrame | ArrayLike) -> FloatArray:
        """Predict the level alone, to see what the ridge contributes.

        Args:
            X: Features as in training, of shape (n_rows, n_columns).

        Returns:
            Levels of shape (n_rows,), in the unit of the target.

        Raises:
            NotFittedError: Before `fit`.
            ValueError: If columns differ from those in training or a time is missing.
        """
        check_is_fitted(self)
        return self._level(self._held(_columns(self, X, reset=False)))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        # A row needs its time; everything else may be missing where the boosting copes with it.
        copes = self.boosting is None or get_tags(self.boosting).input_tags.allow_nan
        tags.input_tags.allow_nan = self.time_column is None and copes
        tags.input_tags.categorical = tags.input_tags.string = True
        tags.target_tags.positive_only = self.log_shift is not None
        tags.target_tags.required = True
        tags.regressor_tags.poor_score = True
        return tags

    def _validate_params(self) -> None:
        super()._validate_params()
        # Wrong options are answered before anything is fitted.
        if not self._make_terms():
            raise ValueError("terms is empty and there is no time_column: the ridge needs one.")
        if self.half_life is not None and self.time_column is None:
            raise ValueError("half_life needs a time_column.")

    def _make_terms(self) -> list[Term]:
        allowed, terms = Term._get_param_names(), []
        for name, options in ({"all": {}} if self.terms is None else self.terms).items():
            if not isinstance(options, dict):
                raise ValueError(f"terms.{name}: a mapping of options is needed: {allowed}.")
            unknown = sorted(set(options) - set(allowed))
            if unknown:
                raise ValueError(
                    f"terms.{name}: unknown option {unknown[0]!r}. Allowed: {', '.join(allowed)}."
                )
            given = {"random_state": self.random_state, "reach": self.max_extrapolation}
            term = Term(**{**given, **options})
            try:
                term._validate_params()
            except ValueError as error:
                raise ValueError(f"terms.{name}: {error}") from None
            terms.append(term)
        if self.time_column is not None:
            terms.append(Term(numbers=[self.time_column]))
        return terms

    def _make_boosting(self) -> Any:
        if self.boosting is None:
            loss = "squared_error" if self.log_shift is None else "poisson"
            return HistGradientBoostingRegressor(loss=loss, random_state=self.random_state)
        if not has_fit_parameter(self.boosting, "sample_weight"):
            raise ValueError(
                f"{type(self.boosting).__name__} takes no sample_weight in fit, which the boosting "
                "needs: choose a regressor that does."
            )
        return clone(self.boosting)

    def _boosting_columns(self, columns: Columns) -> FloatArray:
        return self._binned(self.encoder_._transform_columns(columns))

    def _binned(self, matrix: FloatArray) -> FloatArray:
        """Number the bins of the columns that have too many values, in place."""
        matrix[:, self.absent_] = 0.0
        for place, edges in self.edges_.items():
            values = matrix[:, place]
            matrix[:, place] = np.where(np.isnan(values), values, np.searchsorted(edges, values))
        return matrix

    def _target(self, columns: Columns, y: ArrayLike) -> FloatArray:
        target: FloatArray = column_or_1d(y, dtype=np.float64, warn=True)
        check_consistent_length(*columns.values(), target)
        if len(target) < 2:
            raise ValueError(f"n_samples={len(target)}: at least two rows are needed for a fit.")
        if not np.isfinite(target).all():
            raise ValueError("Target contains NaN or infinity: drop those rows before fitting.")
        if self.log_shift is not None and (target < 0).any():
            raise ValueError(
                f"Target must not be negative with a log_shift: {int((target < 0).sum())} of "
                f"{len(target)} rows are, the lowest is {target.min():g}."
            )
        if self.log_shift is not None and not target.any():
            raise ValueError("Target is zero in every row: there is no level to learn.")
        return target

    def _fit_time(self, columns: Columns, weight: FloatArray) -> FloatArray:
        """Learn when the trend stops; return the weights of the rows by their age."""
        self.time_limit_ = np.inf
        if self.time_column is None:
            return np.ones_like(weight)
        time = self._time(columns)
        counted = time[weight > 0]
        end, span = float(counted.max()), float(np.ptp(counted))
        if self.max_extrapolation is not None:
            self.time_limit_ = end + self.max_extrapolation * span
        if self.half_life is None:
            return np.ones_like(weight)
        recent: FloatArray = np.exp2((time - end) / self.half_life)
        return recent

    def _time(self, columns: Columns) -> FloatArray:
        time = _number(columns, self.time_column)
        missing = int((~np.isfinite(time)).sum())
        if missing:
            raise ValueError(
                f"time_column {self.time_column!r} is missing or infinite in {missing} of "
                f"{len(time)} rows: X contains NaN or infinity where a time is needed."
            )
        return time

    def _held(self, columns: Columns) -> Columns:
        """The columns with a time that stands still from `time_limit_` on."""
        if self.time_column is None:
            return columns
        return {**columns, self.time_column: np.minimum(self._time(columns), self.time_limit_)}

    def _fit_ridge(self, columns: Columns, target: FloatArray, weight: FloatArray) -> None:
        """Fit the ridge; of a long table by adding up what it needs to know of each piece."""
        n_rows = len(target)
        if n_rows <= _LONG_ROWS:
            ridge = Ridge(self.alpha).fit(self._design(columns), target, sample_weight=weight)
            self.coef_, self.intercept_ = ridge.coef_, float(ridge.intercept_)
            return
        total, origin, sums, products = (np.zeros(()) for _ in range(4))
        for rows in _pieces(n_rows):
            piece = np.column_stack((self._design(_rows_of(columns, rows)), target[rows]))
            if rows.start == 0:
                # Near the mean, so that no digits are lost when that is taken off.
                origin = piece.mean(axis=0)
            piece -= origin
            weighted = piece * weight[rows, None]
            total = total + weight[rows].sum()
            sums = sums + weighted.sum(axis=0)
            products = products + piece.T @ weighted
        mean = sums / total
        products -= total * np.outer(mean, mean)
        squares, slopes = products[:-1, :-1], products[:-1, -1]
        squares.flat[:: len(squares) + 1] += self.alpha
        self.coef_ = np.linalg.lstsq(squares, slopes, rcond=None)[0]
        at = mean + origin
        self.intercept_ = float(at[-1] - at[:-1] @ self.coef_)

    def _design(self, columns: Columns) -> FloatArray:
        return np.hstack([term._transform_columns(columns) for term in self.terms_])

    def _level(self, columns: Columns) -> FloatArray:
        n_rows = len(next(iter(columns.values())))
        found = [
            self._design(_rows_of(columns, rows)) @ self.coef_ + self.intercept_
            for rows in _pieces(n_rows)
        ]
        linear: FloatArray = np.concatenate(found) if len(found) > 1 else found[0]
        return linear if self.log_shift is None else np.exp(linear)


class AdaptiveRegressor(RegressorMixin, BaseEstimator):
    """Whichever of a few models, from simple to rich, was best on the later rows.

    The rows must stand in the order of time, as training sets do. Each model is a
    `LinearThenBoostingRegressor` over all columns, none of which has to be named:

    ``linear``: a ridge whose penalty generalised cross-validation chooses. Text and whole numbers
    of few values get an indicator per value. A trend runs on by ``max_extrapolation``.
    ``linear_trees``: boosted trees learn what the ridge leaves over.
    ``trees``: boosted trees alone.
    ``log_linear``, ``log_linear_trees``: the first two for effects that multiply, on the logarithm;
    tried where the target was never negative.

    Every model is fitted on the earlier and judged on the later rows ``n_folds`` times. A richer
    one is taken if its squared error is lower by more than ``margin``; the choice is then fitted
    on all rows.

    Args:
        n_folds: Times that the models are compared; together they test the later half of the rows.
        margin: Share by which a richer model must be better.
        selection_rows: Most rows, the latest, that the comparison looks at.
        fewest_rows: With fewer rows there is no comparison, and the choice is ``linear``.
        max_categories: Text of more different values is replaced by the mean of the target for
            each value, shrunk towards the overall mean where it was seen seldom. That gives many
            series each its own level.
        max_extrapolation: How far beyond the range of training a number is followed, as a share of
            that range.
        random_state: Seed of the boosting.

    Attributes:
        errors_: Root mean squared error of each model that was compared.
        choice_: Name of the model that was chosen.
        model_: That model, fitted on all rows.
        means_: Mean target by value, and of all rows, for each column of many values.
        n_features_in_: Number of columns in training.
        feature_names_in_: Their names, if all are strings.

    Examples:
        Trees alone would stay at the level of the training rows:

        >>> import pandas as pd
        >>> table = pd.DataFrame({"month": range(60), "open": ["yes", "no", "no"] * 20})
        >>> target = 2.0 * table["month"] + 10 * (table["open"] == "yes")
        >>> model = AdaptiveRegressor().fit(table, target)
        >>> model.predict(pd.DataFrame({"month": [70, 70], "open": ["yes", "no"]})).round()
        array([150., 140.])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_folds": [Interval(Integral, 1, None, closed="left")],
        "margin": [Interval(Real, 0, 1, closed="left")],
        "selection_rows": [Interval(Integral, 2, None, closed="left")],
        "fewest_rows": [Interval(Integral, 4, None, closed="left")],
        "max_categories": [Interval(Integral, 1, None, closed="left")],
        "max_extrapolation": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        n_folds: int = 2,
        margin: float = 0.05,
        selection_rows: int = 10_000,
        fewest_rows: int = 20,
        max_categories: int = 20,
        max_extrapolation: float = 0.5,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_folds = n_folds
        self.margin = margin
        self.selection_rows = selection_rows
        self.fewest_rows = fewest_rows
        self.max_categories = max_categories
        self.max_extrapolation = max_extrapolation
        self.random_state = random_state

    def fit(
        self, X: pd.DataFrame | ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Compare the models, and fit the best.

        Args:
            X: Features in the order of time, of shape (n_rows, n_columns); text in a data frame
                only.
            y: Target of shape (n_rows,).
            sample_weight: Weights of the rows, in fits and errors; None weighs all alike.

        Returns:
            The fitted estimator.

        Raises:
            ValueError: If a parameter is out of range, or there are fewer than two rows.
        """
        self._validate_params()
        columns = _columns(self, X, reset=True)
        target: FloatArray = column_or_1d(y, dtype=np.float64, warn=True)
        check_consistent_length(*columns.values(), target)
        if len(target) < 2:
            raise ValueError(f"n_samples={len(target)}: at least two rows are needed for a fit.")
        if not np.isfinite(target).all():
            raise ValueError("Target contains NaN or infinity: drop those rows before fitting.")
        weight = _check_sample_weight(
            sample_weight, target, dtype=np.float64, ensure_non_negative=True
        )
        self.penalty_ = 1.0
        squares = self._compare(columns, target, weight)
        self.choice_ = _first_unbeaten(squares, self.margin) if squares else _MODELS[0]
        self.errors_ = {name: float(np.sqrt(found.mean())) for name, found in squares.items()}
        self.means_, self.model_ = self._fit_model(
            self.choice_, self.penalty_, columns, target, weight
        )
        return self

    def predict(self, X: pd.DataFrame | ArrayLike) -> FloatArray:
        """Predict.

        Args:
            X: Features as in training, of shape (n_rows, n_columns).

        Returns:
            Predictions of shape (n_rows,), in the unit of the target.

        Raises:
            NotFittedError: Before `fit`.
            ValueError: If columns differ from those in training.
        """
        check_is_fitted(self)
        columns = _columns(self, X, reset=False)
        return self.predict_columns(columns, self.model_.boosting_.predict)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = tags.input_tags.string = True
        tags.target_tags.required = True
        tags.regressor_tags.poor_score = True
        return tags

    def predict_columns(
        self, columns: Columns, boosting: Callable[[FloatArray], FloatArray]
    ) -> FloatArray:
        """Predict unchecked columns, for a caller who has checked them already.

        Args:
            columns: As of `LinearThenBoostingRegressor.predict_columns`.
            boosting: What is called in place of the predict method of ``model_.boosting_``.

        Returns:
            Predictions of shape (n_rows,), in the unit of the target.
        """
        return _predict_with_means(self.means_, self.model_, columns, boosting)

    def _compare(
        self, columns: Columns, target: FloatArray, weight: FloatArray
    ) -> dict[str, FloatArray]:
        """Find the penalty; return the squared errors of each model on the later rows."""
        n_rows = len(target)
        first = max(n_rows - self.selection_rows, 0)
        start = first + int((1 - _TESTED_SHARE) * (n_rows - first))
        edges = np.linspace(start, n_rows, self.n_folds + 1).astype(int)
        if n_rows < max(self.fewest_rows, 3 * self.n_folds):
            return {}

        def squares(name: str, penalty: float) -> FloatArray:
            found = []
            for begin, end in pairwise(edges):
                past, later = slice(first, begin), slice(begin, end)
                means, model = self._fit_model(
                    name, penalty, _rows_of(columns, past), target[past], weight[past]
                )
                predicted = _predict_with_means(
                    means, model, _rows_of(columns, later), model.boosting_.predict
                )
                found.append(weight[later] * (predicted - target[later]) ** 2)
            return np.concatenate(found)

        by_penalty = {penalty: squares("linear", penalty) for penalty in _PENALTIES}
        self.penalty_ = _first_unbeaten(by_penalty, margin=0.0)
        positive = target.min() >= 0 and target[first:start].any()
        names = [name for name in _MODELS[1:] if positive or not name.startswith("log")]
        return {
            _MODELS[0]: by_penalty[self.penalty_],
            **{name: squares(name, self.penalty_) for name in names},
        }

    def _fit_model(
        self,
        name: str,
        penalty: float,
        columns: Columns,
        target: FloatArray,
        weight: FloatArray,
    ) -> tuple[Means, LinearThenBoostingRegressor]:
        many = [
            key
            for key, values in columns.items()
            if values.dtype.kind == "O" and len(pd.unique(values)) > self.max_categories
        ]
        means = {key: _target_means(columns[key], target) for key in many}
        others = {key: _target_means_of_others(columns[key], target) for key in many}
        logarithm, trees = name.startswith("log"), name.endswith("trees")
        boosting: Any = DummyRegressor()
        if trees:
            boosting = HistGradientBoostingRegressor(
                loss="poisson" if logarithm else "squared_error",
                # Twenty, as usual, but a twentieth of a small table.
                min_samples_leaf=min(20, max(3, len(target) // 20)),
                random_state=self.random_state,
            )
        model = LinearThenBoostingRegressor(
            {"all": {"distinct": _MOST_CODES, "estimate": True}},
            max_extrapolation=self.max_extrapolation,
            log_shift=_LOG_SHIFT * float(target.mean()) if logarithm else None,
            # So high a penalty leaves the mean alone.
            alpha=1 / _TINY if name == "trees" else penalty,
            boosting=boosting,
            random_state=self.random_state,
        )
        weight = weight * _weight_of_complete_rows(columns)
        for attribute in ("n_features_in_", "feature_names_in_"):
            if hasattr(self, attribute):
                setattr(model, attribute, getattr(self, attribute))
        return means, model.fit_columns({**columns, **others}, target, weight)


class EarlyStoppingRegressor(RegressorMixin, BaseEstimator):
    """Find the number of trees on the latest rows, then fit as many on all rows.

    The rows must stand in the order of time, as training sets do: a random choice of rows would
    know the future of its neighbours, and always ask for more trees.

    Args:
        boosting: A regressor of LightGBM, XGBoost or CatBoost; its number of trees is the most
            that may be chosen. The error that it minimises is measured.
        validation_share: Share of the rows, the latest, that the error is measured on.
        patience: Trees without a smaller error after which to stop.

    Attributes:
        n_trees_: The number found.
        boosting_: The regressor fitted on all rows.
        n_features_in_: Number of columns in training.
        feature_names_in_: Their names, if all are strings.

    Examples:
        In YAML, behind an encoder of text::

            - - boosting
              - class: regression_lifecycle.core.estimators.EarlyStoppingRegressor
                params:
                  boosting: {class: lightgbm.LGBMRegressor, params: {n_estimators: 2000}}
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "boosting": [HasMethods(["fit", "predict"])],
        "validation_share": [Interval(Real, 0, 1, closed="neither")],
        "patience": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self, boosting: BaseEstimator, *, validation_share: float = 0.15, patience: int = 50
    ) -> None:
        self.boosting = boosting
        self.validation_share = validation_share
        self.patience = patience

    def fit(
        self, X: pd.DataFrame | ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Find the number of trees, then fit.

        Args:
            X: Features in the order of time, of shape (n_rows, n_columns).
            y: Target of shape (n_rows,).
            sample_weight: Weights of the rows, in both fits and in the error that stops the first;
                None weighs all alike.

        Returns:
            The fitted estimator.

        Raises:
            ValueError: If a parameter is out of range, or there are fewer than two rows.
        """
        self._validate_params()
        validate_data(self, X, reset=True, skip_check_array=True)
        rows = X if isinstance(X, pd.DataFrame) else np.asarray(X)
        target = column_or_1d(y, dtype=np.float64)
        check_consistent_length(rows, target)
        if len(target) < 2:
            raise ValueError(f"n_samples={len(target)}: at least two rows are needed for a fit.")
        weight = None
        if sample_weight is not None:
            weight = _check_sample_weight(
                sample_weight, target, dtype=np.float64, ensure_non_negative=True
            )
        cut = len(target) - min(max(1, round(self.validation_share * len(target))), len(target) - 1)
        trial = clone(self.boosting).set_params(early_stopping_rounds=self.patience)
        earlier, latest = (None, None) if weight is None else (weight[:cut], weight[cut:])
        judging = _judging_rows(_library(trial), rows[cut:], target[cut:], latest)
        trial.fit(rows[:cut], target[:cut], sample_weight=earlier, **judging)
        self.n_trees_ = _best_number_of_trees(trial)
        given = self.boosting.get_params()
        trees = next(name for name in _TREES if given.get(name) is not None or name == _TREES[-1])
        found = {trees: self.n_trees_}
        if _library(trial) == "catboost":
            # Left open, it would follow from the number of trees.
            found["learning_rate"] = trial.learning_rate_
        self.boosting_ = clone(self.boosting).set_params(**found)
        self.boosting_.fit(rows, target, sample_weight=weight)
        return self

    def predict(self, X: pd.DataFrame | ArrayLike) -> FloatArray:
        """Predict.

        Args:
            X: Features as in training, of shape (n_rows, n_columns).

        Returns:
            Predictions of shape (n_rows,), in the unit of the target.

        Raises:
            NotFittedError: Before `fit`.
            ValueError: If columns differ from those in training.
        """
        check_is_fitted(self)
        validate_data(self, X, reset=False, skip_check_array=True)
        found: FloatArray = np.asarray(self.boosting_.predict(X), dtype=np.float64)
        return found

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = get_tags(self.boosting).input_tags.allow_nan
        return tags

    def _validate_params(self) -> None:
        super()._validate_params()
        if not _library(self.boosting):
            raise ValueError(
                f"{type(self.boosting).__name__} cannot stop early on given rows: choose a "
                f"regressor of {', '.join(_BOOSTING_LIBRARIES)}."
            )


def _library(regressor: Any) -> str:
    root: str = type(regressor).__module__.partition(".")[0]
    return root if root in _BOOSTING_LIBRARIES else ""


def _judging_rows(
    library: str, rows: Any, target: FloatArray, weight: FloatArray | None
) -> dict[str, Any]:
    """Name the rows on which a library finds when to stop in its own words."""
    weights = None if weight is None else [weight]
    if library == "lightgbm":
        return {"eval_X": rows, "eval_y": target, "eval_sample_weight": weights}
    if library == "xgboost":
        return {
            "eval_set": [(rows, target)],
            "sample_weight_eval_set": weights,
            "verbose": False,
        }
    from catboost import Pool

    return {"eval_set": Pool(rows, target, weight=weight), "verbose": False}


def _best_number_of_trees(fitted: Any) -> int:
    # XGBoost and CatBoost count iterations from 0, LightGBM from 1.
    if _library(fitted) == "xgboost":
        return int(fitted.best_iteration) + 1
    best = int(fitted.best_iteration_)
    return max(1, best + 1 if _library(fitted) == "catboost" else best)


def _columns(estimator: BaseEstimator, X: Any, *, reset: bool) -> Columns:
    """Check the table against training, and take it apart."""
    if not isinstance(X, pd.DataFrame):
        # A column in one piece is what a data frame gives, and the last digits depend on it.
        X = validate_data(
            estimator, X, reset=reset, dtype=np.float64, ensure_all_finite="allow-nan"
        )
        return dict(enumerate(np.ascontiguousarray(X.T)))
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    if X.empty:
        raise ValueError(f"Found array with {len(X)} sample(s) and {X.shape[1]} feature(s).")
    return {name: _values(X[name], name) for name in X.columns}


def _values(column: pd.Series, name: Any) -> NDArray[Any]:
    if pd.api.types.is_numeric_dtype(column.dtype):
        values: FloatArray = column.to_numpy(dtype=np.float64, na_value=np.nan)
        if np.isinf(values).any():
            raise ValueError(f"Column {name!r} contains infinity.")
        return values
    if column.dtype.kind in "mM":
        raise ValueError(f"Column {name!r} holds {column.dtype}: numbers or text are needed.")
    if isinstance(column.dtype, pd.StringDtype):
        codes, found = pd.factorize(column)
        # Rows of one text share one object; None has the code -1.
        shared: NDArray[Any] = np.array([*found, None], dtype=object)[codes]
        return shared
    known = column.notna()
    if column.dtype == object and not known.any():
        return np.full(len(column), np.nan)
    text: NDArray[Any] = column.astype(object).where(known, None).to_numpy()
    return text


def _column(columns: Columns, name: Any) -> NDArray[Any]:
    try:
        return columns[name]
    except KeyError:
        raise ValueError(
            f"{name!r} is not a column of X: {', '.join(map(str, columns))}."
        ) from None


def _number(columns: Columns, name: Any) -> FloatArray:
    values = _column(columns, name)
    if values.dtype.kind == "O":
        raise ValueError(f"Column {name!r} holds text where a number is needed.")
    return values


def _numbers(columns: Columns, names: list[Any]) -> FloatArray:
    n_rows = len(next(iter(columns.values())))
    found = [_number(columns, name) for name in names]
    return np.column_stack(found) if found else np.empty((n_rows, 0))


def _categories(values: NDArray[Any], maximum: int = 50) -> NDArray[Any]:
    counts = pd.Series(values).value_counts().sort_index()
    ordered = counts.sort_values(ascending=False, kind="stable")
    found: NDArray[Any] = ordered.index.to_numpy()[:maximum]
    return found


def _indicators(values: NDArray[Any], categories: NDArray[Any]) -> FloatArray:
    if categories.dtype.kind == "O":
        # As objects, or pandas looks at every text to find out what it is.
        values = pd.Index(categories, dtype=object).get_indexer(pd.Index(values, dtype=object))
        categories = np.arange(len(categories))
    found: FloatArray = (values[:, None] == categories).astype(np.float64)
    return found


def _first_unbeaten(squares: dict[Any, FloatArray], margin: float) -> Any:
    """Go from simple to rich, and take what is better by more than the margin and chance.

    Chance is one standard error of the difference on the same rows.
    """
    chosen = next(iter(squares))
    for name, found in squares.items():
        better = squares[chosen] - found
        noise = float(better.std()) / np.sqrt(len(better))
        if better.mean() > max(margin * float(squares[chosen].mean()), noise):
            chosen = name
    return chosen


def _rows_of(columns: Columns, rows: slice) -> Columns:
    return {name: values[rows] for name, values in columns.items()}


def _pieces(n_rows: int) -> list[slice]:
    """Stretches of rows: of a long table many, of another one."""
    if n_rows <= _LONG_ROWS:
        return [slice(0, n_rows)]
    return [slice(first, first + _PIECE_ROWS) for first in range(0, n_rows, _PIECE_ROWS)]


def _predict_with_means(
    means: Means,
    model: LinearThenBoostingRegressor,
    columns: Columns,
    boosting: Callable[[FloatArray], FloatArray],
) -> FloatArray:
    encoded = {name: _looked_up(columns[name], found) for name, found in means.items()}
    return model.predict_columns({**columns, **encoded}, boosting)


def _weight_of_complete_rows(columns: Columns) -> FloatArray:
    """1 for rows whose numbers are all known, little for others, where both are frequent.

    The first rows of a series have no past to look back at. The rows to be predicted have one,
    and the others are what they are like.
    """
    numbers = [values for values in columns.values() if values.dtype.kind != "O"]
    lacking = np.zeros(len(next(iter(columns.values()))), dtype=bool)
    for values in numbers:
        missing = np.isnan(values)
        if not missing.all():
            lacking |= missing
    if lacking.mean() > 1 - _FEWEST_COMPLETE:
        return np.ones(len(lacking))
    return np.where(lacking, _WEIGHT_OF_LACKING, 1.0)


def _target_means(values: NDArray[Any], target: FloatArray) -> tuple[dict[Any, float], float]:
    """Mean target by value, shrunk towards that of all rows, and that one."""
    mean = float(target.mean())
    groups = pd.Series(target).groupby(pd.Series(values, dtype=object))
    shrunk = (groups.sum() + _SMOOTHING * mean) / (groups.count() + _SMOOTHING)
    return shrunk.to_dict(), mean


def _target_means_of_others(values: NDArray[Any], target: FloatArray) -> FloatArray:
    """Mean target of each row's value in other rows, so that no row knows its own target."""
    made = np.full(len(target), float(target.mean()))
    # Counted within each value, so that the rows of a value are in all parts whatever their order.
    labels = pd.Series(values, dtype=object)
    part = labels.groupby(labels, dropna=False).cumcount().to_numpy() % _PARTS
    for one in range(_PARTS):
        rows = part == one
        if rows.any() and not rows.all():
            made[rows] = _looked_up(values[rows], _target_means(values[~rows], target[~rows]))
    return made


def _looked_up(values: NDArray[Any], means: tuple[dict[Any, float], float]) -> FloatArray:
    by_value, mean = means
    found: FloatArray = (
        pd.Series(values, dtype=object).map(by_value).fillna(mean).to_numpy(dtype=np.float64)
    )
    return found


def _codes(values: FloatArray, maximum: int) -> FloatArray | None:
    """Values of a number that may be codes; None if they are too many, too few or not whole."""
    known = values[~np.isnan(values)]
    found: FloatArray = np.unique(known)
    whole = bool((found == np.round(found)).all())
    fitting = 3 <= len(found) <= min(maximum, len(known) / _ROWS_PER_CODE)
    return found if whole and fitting else None


def _partial_regressions(products: FloatArray) -> FloatArray:
    """Slopes of each column on all others, row by row; the inverse covariance holds them all."""
    precision = np.linalg.inv(products)
    lines: FloatArray = -precision / np.diag(precision)[:, None]
    np.fill_diagonal(lines, 0.0)
    return lines


def _extremes(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Lowest and highest value of each column; of one without any, infinity and minus infinity."""
    return (
        np.fmin.reduce(values, axis=0, initial=np.inf),
        np.fmax.reduce(values, axis=0, initial=-np.inf),
    )


def _range(low: FloatArray, high: FloatArray, reach: float | None) -> tuple[FloatArray, FloatArray]:
    """Lowest and highest value of each column that is followed; 0 of a column without any."""
    absent = low > high
    low, high = np.where(absent, 0.0, low), np.where(absent, 0.0, high)
    more = (reach or 0.0) * (high - low)
    return low - more, high + more


def _wave_range(values: FloatArray, period: float, reach: float | None) -> tuple[float, float]:
    """Lowest and highest value of a column of waves that is followed; infinite for all."""
    extremes = _extremes(values[:, None])
    low, high = _range(*extremes, 0.0)
    if reach is None or high[0] - low[0] >= period:
        return -np.inf, np.inf
    low, high = _range(*extremes, reach)
    return float(low[0]), float(high[0])


def _waves(values: FloatArray, period: float, harmonics: int) -> FloatArray:
    """Sines and cosines; 0 where the value is missing, which is their mean."""
    angle = np.outer(values * (2 * np.pi / period), np.arange(1, harmonics + 1))
    waves: FloatArray = np.nan_to_num(np.hstack([np.sin(angle), np.cos(angle)]))
    return waves


def _bin_edges(matrix: FloatArray, boosting: Any) -> dict[int, FloatArray]:
    """Quantiles of the columns, by position, that histograms have too few bins for.

    Given weights, scikit-learn sorts such a column once for every bin, which costs more than the
    trees. A column of quantile numbers has no more values than bins, and the same splits.
    """
    if not isinstance(boosting, HistGradientBoostingRegressor):
        return {}
    shares = np.linspace(0, 1, boosting.max_bins + 1)[1:-1]
    known = {place: values[~np.isnan(values)] for place, values in enumerate(matrix.T)}
    return {
        place: np.unique(np.quantile(values, shares))
        for place, values in known.items()
        if len(np.unique(values)) > boosting.max_bins
    }


def _products(sources: list[Any], degree: int) -> NDArray[np.intp]:
    """Factors of every product, of shape (degree, n_products); none has two of one source."""
    found = [
        chosen
        for chosen in combinations(range(len(sources)), degree)
        if len({sources[place] for place in chosen}) == degree
    ]
    return np.array(found, dtype=np.intp).reshape(-1, degree).T


def _nystroem(points: FloatArray) -> dict[str, FloatArray]:
    left, singular, right = np.linalg.svd(_rbf(points, points))
    weights = (left / np.sqrt(np.maximum(singular, _TINY))) @ right
    return {"points": points, "weights": weights.T}


def _similarities(rows: FloatArray, kernel: dict[str, FloatArray]) -> FloatArray:
    found: FloatArray = _rbf(rows, kernel["points"]) @ kernel["weights"]
    return found


def _rbf(rows: FloatArray, points: FloatArray) -> FloatArray:
    squares = (rows**2).sum(axis=1)[:, None] + (points**2).sum(axis=1) - 2 * rows @ points.T
    similar: FloatArray = np.exp(-np.maximum(squares, 0) / 2)
    return similar


def _feature_names_in(encoder: CategoryEncoder, given: ArrayLike | None) -> list[str]:
    return [str(name) for name in _check_feature_names_in(encoder, given)]
