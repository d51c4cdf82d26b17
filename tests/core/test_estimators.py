"""What a user of TrendOffsetRegressor relies on: a series with growth and a daily rhythm."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor, VotingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import TimeSeriesSplit, cross_validate
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from regression_lifecycle.core.estimators import TrendOffsetRegressor

GROWTH_PER_DAY = 0.01


@pytest.fixture(scope="module")
def series() -> tuple[pd.DataFrame, np.ndarray]:
    """200 days of 24 hours: level grows by 1 % a day, times a rhythm that no linear trend knows."""
    day, hour = (part.ravel() for part in np.mgrid[0:200.0, 0:24.0])
    rng = np.random.default_rng(7)
    expected = 40 * np.exp(GROWTH_PER_DAY * day) * (1 + 0.8 * np.sin(2 * np.pi * hour / 24))
    features = pd.DataFrame({"day": day, "hour": hour, "noise": rng.normal(size=day.size)})
    return features, rng.poisson(expected).astype(float)


def boosted(**params: object) -> HistGradientBoostingRegressor:
    small = {"max_iter": 20, "learning_rate": 0.3, "max_leaf_nodes": 8, "random_state": 0}
    return HistGradientBoostingRegressor(loss="poisson", **(small | params))


def linear_in(*columns: str) -> Pipeline:
    """A ridge regression on the named columns alone, as the project's specifications build it."""
    filled = ColumnTransformer([("fill", SimpleImputer(), list(columns))])
    return Pipeline([("features", filled), ("ridge", Ridge())])


def model(**params: object) -> TrendOffsetRegressor:
    settings: dict[str, object] = {"time_column": "day", "max_extrapolation_share": None}
    return TrendOffsetRegressor(linear_in("day"), boosted(), **(settings | params))


def split(series: tuple[pd.DataFrame, np.ndarray], day: float) -> tuple:
    features, target = series
    past = (features["day"] < day).to_numpy()
    return features[past], target[past], features[~past], target[~past]


def at(day: float) -> pd.DataFrame:
    return pd.DataFrame({"day": [float(day)], "hour": [12.0], "noise": [0.0]})


class TestBeyondTheTrainingRange:
    def test_growth_is_carried_on_where_a_booster_stands_still(self, series):
        past, known, future, unknown = split(series, day=130)
        plain = boosted().fit(past, known).predict(future)
        offset = model().fit(past, known).predict(future)

        irreducible = np.sqrt(unknown.mean())
        assert root_mean_squared_error(unknown, offset) < 1.5 * irreducible
        assert root_mean_squared_error(unknown, plain) > 4 * irreducible

    def test_rhythm_is_the_residuals_work(self, series):
        past, known, future, unknown = split(series, day=130)
        fitted = model().fit(past, known)
        level_error = root_mean_squared_error(unknown, fitted.predict_level(future))
        assert root_mean_squared_error(unknown, fitted.predict(future)) < 0.3 * level_error

    def test_predictions_have_no_bias_although_the_trend_is_a_median(self, series):
        features, target = series
        fitted = model().fit(features, target)
        assert fitted.predict(features).sum() == pytest.approx(target.sum(), rel=0.01)
        assert fitted.predict_level(features).sum() < 0.97 * target.sum()

    @pytest.mark.parametrize(
        ("limits", "last_day_of_growth"),
        [
            ({"max_extrapolation": 0.0}, 129),
            ({"max_extrapolation": 20.0}, 149),
            ({"max_extrapolation_share": 0.5}, 129 + 0.5 * 129),
            ({"max_extrapolation": 20.0, "max_extrapolation_share": 0.5}, 149),
            ({"max_extrapolation": 500.0, "max_extrapolation_share": 0.1}, 129 + 0.1 * 129),
        ],
    )
    def test_trend_stops_at_the_nearest_limit(self, series, limits, last_day_of_growth):
        past, known, _, _ = split(series, day=130)
        fitted = model(**limits).fit(past, known)
        assert fitted.time_limit_ == pytest.approx(last_day_of_growth)
        held = fitted.predict(at(last_day_of_growth))
        assert fitted.predict(at(10_000)) == pytest.approx(held)
        if last_day_of_growth > 130:
            assert held > 1.05 * fitted.predict(at(129))

    def test_without_a_limit_the_trend_runs_on(self, series):
        past, known, _, _ = split(series, day=130)
        fitted = model().fit(past, known)
        assert np.isinf(fitted.time_limit_)
        growth = fitted.predict(at(330)) / fitted.predict(at(230))
        assert np.log(growth) == pytest.approx(100 * GROWTH_PER_DAY, rel=0.15)

    def test_limits_leave_training_and_earlier_times_alone(self, series):
        past, known, _, _ = split(series, day=130)
        free = model().fit(past, known)
        held = model(max_extrapolation=0.0).fit(past, known)
        np.testing.assert_array_equal(free.predict(past), held.predict(past))

    def test_default_follows_a_trend_for_a_quarter_of_its_history(self, series):
        past, known, _, _ = split(series, day=101)
        fitted = TrendOffsetRegressor(linear_in("day"), boosted(), time_column="day")
        assert fitted.fit(past, known).time_limit_ == pytest.approx(125)


class TestWeights:
    def test_offset_equals_poisson_regression_on_counts(self, series):
        """A constant ratio fitted with weights L is sum(y) / sum(L), the Poisson estimate."""
        features, target = series
        constant = boosted(learning_rate=1e-12)
        fitted = TrendOffsetRegressor(linear_in("day"), constant, time_column="day")
        fitted.fit(features, target)
        ratio = fitted.residual_.predict(features)
        expected = target.sum() / fitted.predict_level(features).sum()
        np.testing.assert_allclose(ratio, expected, rtol=1e-6)

    def test_a_weight_of_two_is_a_row_twice(self, series):
        features, target = (part[:480] for part in series)
        twice = np.where(features["day"] < 10, 2, 1)
        line = TrendOffsetRegressor(linear_in("day"), linear_in("hour"), time_column="day")
        weighted = clone(line).fit(features, target, sample_weight=twice)
        repeated = clone(line).fit(features.loc[features.index.repeat(twice)], target.repeat(twice))
        assert not np.allclose(
            weighted.predict(features), clone(line).fit(features, target).predict(features)
        )
        # The imputer and the ridge's penalty are the only parts which do not know the weights.
        np.testing.assert_allclose(
            weighted.predict(features), repeated.predict(features), rtol=1e-3
        )

    def test_half_life_lets_the_trend_forget(self):
        day = np.arange(200.0)
        target = np.exp(np.where(day < 150, 4.0, 4.0 + 0.02 * (day - 150)))
        features = pd.DataFrame({"day": day})

        def slope(half_life):
            fitted = TrendOffsetRegressor(
                LinearRegression(), LinearRegression(), time_column="day", half_life=half_life
            )
            return fitted.fit(features, target).trend_.coef_[0]

        assert slope(5.0) == pytest.approx(0.02, rel=0.1)
        assert slope(None) < 0.5 * slope(5.0)

    def test_members_which_take_no_weights_are_refused(self, series):
        with pytest.raises(ValueError, match="KNeighborsRegressor takes no sample_weight"):
            model().set_params(residual=KNeighborsRegressor()).fit(*series)

    def test_weights_reach_through_pipelines_and_transformed_targets(self, series):
        features, target = series
        weight = np.linspace(0.1, 1, len(target))
        nested = TransformedTargetRegressor(linear_in("day"))
        wrapped = TrendOffsetRegressor(nested, boosted(), time_column="day")
        direct = TrendOffsetRegressor(linear_in("day"), boosted(), time_column="day")
        np.testing.assert_allclose(
            wrapped.fit(features, target, sample_weight=weight).predict(features),
            direct.fit(features, target, sample_weight=weight).predict(features),
        )


class TestAsAnEstimator:
    @parametrize_with_checks(
        [
            TrendOffsetRegressor(Ridge(), Ridge(), time_column=0),
            TrendOffsetRegressor(
                Ridge(), boosted(max_iter=3), time_column=0, max_extrapolation=1.0
            ),
        ]
    )
    def test_scikit_learns_own_checks(self, estimator, check):
        check(estimator)

    def test_nested_parameters_can_be_read_set_and_cloned(self, series):
        original = model()
        original.set_params(trend__ridge__alpha=3.0, residual__max_iter=7, half_life=30.0)
        copy = clone(original)
        assert copy.get_params()["trend__ridge__alpha"] == 3.0
        assert copy.get_params()["residual__max_iter"] == 7
        assert copy.fit(*series).residual_.n_iter_ == 7
        assert not hasattr(copy.residual, "n_iter_"), "members given must stay unfitted"

    def test_inputs_are_not_touched(self, series):
        past, known, future, _ = split(series, day=130)
        before = past.copy(), known.copy(), future.copy()
        model(max_extrapolation=0.0).fit(past, known).predict(future)
        pd.testing.assert_frame_equal(past, before[0])
        np.testing.assert_array_equal(known, before[1])
        pd.testing.assert_frame_equal(future, before[2])

    def test_two_fits_agree_to_the_last_bit(self, series):
        features, _ = series
        blend = VotingRegressor([("plain", boosted()), ("offset", model())])
        first, second = (clone(blend).fit(*series).predict(features) for _ in range(2))
        np.testing.assert_array_equal(first, second)

    def test_missing_features_reach_members_that_cope(self, series):
        features, target = series
        holes = features.assign(hour=features["hour"].mask(features["hour"] == 5))
        predicted = model().fit(holes, target).predict(holes)
        assert np.isfinite(predicted).all()
        assert get_tags(
            TrendOffsetRegressor(boosted(), boosted(), time_column=0)
        ).input_tags.allow_nan
        assert not get_tags(
            TrendOffsetRegressor(Ridge(), boosted(), time_column=0)
        ).input_tags.allow_nan

    def test_cross_validation_over_time(self, series):
        scores = cross_validate(
            model(), *series, cv=TimeSeriesSplit(3), scoring="r2", error_score="raise"
        )
        assert (scores["test_score"] > 0.8).all()

    def test_names_of_the_columns_are_kept_and_checked(self, series):
        features, target = series
        fitted = model().fit(features, target)
        assert fitted.feature_names_in_.tolist() == ["day", "hour", "noise"]
        assert fitted.n_features_in_ == 3
        with pytest.raises(ValueError, match=r"feature names.*\n.*\n- noise"):
            fitted.predict(features.drop(columns="noise"))

    def test_arrays_are_taken_with_a_position_for_the_time(self, series):
        features, target = series
        line = TrendOffsetRegressor(Ridge(), boosted(), time_column="day", max_extrapolation=9.0)
        named = line.fit(features, target)
        placed = clone(line).set_params(time_column=0).fit(features.to_numpy(), target)
        np.testing.assert_array_equal(named.predict(at(999)), placed.predict(at(999).to_numpy()))

    def test_skops_round_trip_with_a_short_list_of_trusted_types(self, series):
        features, target = series
        blend = VotingRegressor([("plain", boosted()), ("offset", model())]).fit(features, target)
        stored = skops.io.dumps(blend)
        untrusted = skops.io.get_untrusted_types(data=stored)
        assert untrusted == [
            "numpy.dtype",
            "regression_lifecycle.core.estimators.TrendOffsetRegressor",
            "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
            "sklearn.utils._bunch.Bunch",
        ]
        loaded = skops.io.loads(stored, trusted=untrusted)
        np.testing.assert_array_equal(loaded.predict(features), blend.predict(features))


class TestRefusals:
    def test_absent_time_column_names_those_there_are(self, series):
        with pytest.raises(ValueError, match=r"'dya' is not a column of X: day, hour, noise"):
            model(time_column="dya").fit(*series)

    def test_a_name_needs_a_data_frame(self, series):
        features, target = series
        with pytest.raises(ValueError, match="pass a data frame, or the column's position"):
            TrendOffsetRegressor(Ridge(), Ridge(), time_column="day").fit(
                features.to_numpy(), target
            )

    def test_position_outside_the_array(self, series):
        features, target = series
        with pytest.raises(ValueError, match="time_column 3 is not among the 3 columns"):
            TrendOffsetRegressor(Ridge(), Ridge(), time_column=3).fit(features.to_numpy(), target)

    def test_missing_times_are_counted(self, series):
        features, target = series
        holes = features.assign(day=features["day"].mask(features["day"] == 3))
        with pytest.raises(ValueError, match=r"'day' is missing or infinite in 24 of 4800 rows"):
            model().fit(holes, target)
        with pytest.raises(ValueError, match="missing or infinite in 24"):
            model().fit(features, target).predict(holes)

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"log_shift": 0.0}, "log_shift must be positive, got 0.0"),
            ({"log_shift": float("nan")}, "log_shift must be positive"),
            ({"half_life": 0}, "half_life must be positive or None, got 0"),
            ({"max_extrapolation": -1.0}, "max_extrapolation must be None or at least 0"),
            ({"max_extrapolation_share": -0.1}, "max_extrapolation_share must be None or at"),
        ],
    )
    def test_parameters_out_of_range(self, series, parameters, message):
        with pytest.raises(ValueError, match=message):
            model(**parameters).fit(*series)

    def test_targets_without_a_level(self, series):
        features, target = series
        with pytest.raises(ValueError, match=r"1 of 4800 rows are, the lowest is -2"):
            model().fit(features, np.r_[-2.0, target[1:]])
        with pytest.raises(ValueError, match="zero in every row"):
            model().fit(features, np.zeros_like(target))
        with pytest.raises(ValueError, match="NaN or infinity"):
            model().fit(features, np.r_[np.nan, target[1:]])

    def test_too_few_rows_and_no_weight_at_all(self, series):
        features, target = series
        with pytest.raises(ValueError, match=r"n_samples=1: TrendOffsetRegressor needs at least"):
            model().fit(features[:1], target[:1])
        with pytest.raises(ValueError, match="at least one non-zero"):
            model().fit(features, target, sample_weight=np.zeros_like(target))

    def test_prediction_before_fit(self, series):
        with pytest.raises(NotFittedError):
            model().predict(series[0])
        with pytest.raises(NotFittedError):
            model().predict_level(series[0])
