"""What a user of the project's own estimators relies on."""

from __future__ import annotations

import doctest

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor, VotingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import TimeSeriesSplit, cross_validate
from sklearn.neighbors import KNeighborsRegressor
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from regression_lifecycle.core import estimators
from regression_lifecycle.core.estimators import (
    AdaptiveRegressor,
    CategoryEncoder,
    LinearThenBoostingRegressor,
    Term,
)
from regression_lifecycle.core.trusted_types import TRUSTED_TYPES

GROWTH_PER_DAY = 0.01


def test_the_examples_of_the_documentation_run():
    assert doctest.testmod(estimators).attempted > 5
    assert doctest.testmod(estimators).failed == 0


def boosted(**params: object) -> HistGradientBoostingRegressor:
    small = {"max_iter": 20, "learning_rate": 0.3, "max_leaf_nodes": 8, "random_state": 0}
    return HistGradientBoostingRegressor(**({"loss": "poisson"} | small | params))


FOLDS = {"check_sample_weight_equivalence_on_dense_data": "folds are cut by rows, not by weights"}
KERNEL_ROWS = {"check_sample_weight_equivalence_on_dense_data": "rows are drawn without weights"}


@parametrize_with_checks(
    [
        CategoryEncoder(),
        Term(),
        Term(degree=2, squares=True),
        Term(kernel=10, random_state=0),
        Term(distinct=5, reach=0.1, estimate=True),
        AdaptiveRegressor(n_folds=1),
        LinearThenBoostingRegressor(),
        LinearThenBoostingRegressor(time_column=0, log_shift=1.0, boosting=boosted(max_iter=3)),
    ],
    expected_failed_checks=lambda estimator: (
        KERNEL_ROWS
        if getattr(estimator, "kernel", None)
        else FOLDS
        if isinstance(estimator, AdaptiveRegressor)
        else {}
    ),
)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


# --- CategoryEncoder ----------------------------------------------------------------------------

SHOPS = pd.DataFrame(
    {
        "price": [1.0, np.nan, 3.0, 4.0, 5.0],
        "shop": ["b", "a", "b", None, "c"],
        "open": [True, False, True, True, False],
    }
)


class TestCategoryEncoder:
    def test_text_becomes_indicators_and_numbers_stay(self):
        encoder = CategoryEncoder().fit(SHOPS)
        assert encoder.get_feature_names_out().tolist() == [
            "price", "shop=b", "shop=a", "shop=c", "open",
        ]  # fmt: skip
        np.testing.assert_array_equal(
            encoder.transform(SHOPS),
            [
                [1, 1, 0, 0, 1],
                [np.nan, 0, 1, 0, 0],
                [3, 1, 0, 0, 1],
                [4, 0, 0, 0, 1],
                [5, 0, 0, 1, 0],
            ],
        )

    @pytest.mark.parametrize("dtype", ["str", "object", "category"])
    def test_every_kind_of_text_is_encoded(self, dtype):
        typed = SHOPS.astype({"shop": dtype})
        found = CategoryEncoder().fit(typed).transform(typed)
        np.testing.assert_array_equal(found, CategoryEncoder().fit_transform(SHOPS))

    def test_unseen_and_missing_text_has_no_indicator(self):
        encoder = CategoryEncoder().fit(SHOPS)
        for shop in (["west", "west"], [None, "west"], [None, None], [np.nan, np.nan]):
            new = pd.DataFrame({"price": [1.0, 2.0], "shop": shop, "open": True})
            np.testing.assert_array_equal(encoder.transform(new)[:, 1:4], 0)

    def test_rare_categories_share_what_is_left(self):
        names = CategoryEncoder(max_categories=1).fit(SHOPS).get_feature_names_out()
        assert names.tolist() == ["price", "shop=b", "open"]

    def test_nullable_numbers_are_numbers(self):
        table = pd.DataFrame({"n": pd.array([1, None], dtype="Int64")})
        np.testing.assert_array_equal(CategoryEncoder().fit_transform(table), [[1], [np.nan]])

    def test_moments_are_refused(self):
        table = pd.DataFrame({"at": pd.to_datetime(["2024-01-01"])})
        with pytest.raises(ValueError, match=r"'at' holds datetime64.*numbers or text are needed"):
            CategoryEncoder().fit(table)


# --- Term ---------------------------------------------------------------------------------------


def columns_of(term: Term, table: pd.DataFrame) -> pd.DataFrame:
    made = term.fit_transform(table)
    return pd.DataFrame(made, columns=term.get_feature_names_out())


class TestTerm:
    def test_numbers_are_standardised_and_missing_ones_become_the_mean(self):
        made = columns_of(Term(numbers=["price"]), SHOPS)["price"]
        assert made.mean() == pytest.approx(0)
        assert made.std(ddof=0) == pytest.approx(1)
        assert made[1] == 0

    def test_a_constant_and_an_empty_column_are_zero(self):
        table = pd.DataFrame({"same": [3.0, 3.0], "none": [np.nan, np.nan]})
        assert not Term().fit_transform(table).any()

    def test_waves_have_their_period(self):
        hours = pd.DataFrame({"hour": np.arange(48.0)})
        made = columns_of(Term(waves={"hour": 24}, harmonics=2), hours)
        assert made.columns.tolist() == ["hour_sin_1", "hour_sin_2", "hour_cos_1", "hour_cos_2"]
        angle = 2 * np.pi * hours["hour"] / 24
        np.testing.assert_allclose(made["hour_sin_1"], np.sin(angle), atol=1e-12)
        np.testing.assert_allclose(made["hour_cos_2"], np.cos(2 * angle), atol=1e-12)

    def test_numbers_may_be_categories(self):
        table = pd.DataFrame({"weekday": [0.0, 1.0, 1.0]})
        made = columns_of(Term(categories=["weekday"]), table)
        assert made.to_dict("list") == {"weekday=1.0": [0, 1, 1], "weekday=0.0": [1, 0, 0]}

    def test_products_are_those_of_different_columns(self):
        table = pd.DataFrame({"a": [1.0, 2.0, 4.0], "b": [3.0, 1.0, 2.0], "kind": ["x", "y", "x"]})
        term = Term(numbers=["a", "b"], categories=["kind"], degree=3, squares=True)
        made = columns_of(term, table)
        assert made.columns.tolist() == [
            "kind=x", "kind=y", "a", "b",
            "kind=x*a", "kind=x*b", "kind=y*a", "kind=y*b", "a*b",
            "kind=x*a*b", "kind=y*a*b", "a^2", "b^2",
        ]  # fmt: skip
        np.testing.assert_allclose(made["kind=x*a*b"], made["kind=x"] * made["a"] * made["b"])
        np.testing.assert_allclose(made["b^2"], made["b"] ** 2)

    def test_without_names_it_takes_all_columns_by_their_kind(self):
        assert columns_of(Term(), SHOPS).columns.tolist() == [
            "shop=b", "shop=a", "shop=c", "price", "open",
        ]  # fmt: skip

    def test_a_kernel_learns_a_function_of_several_columns_at_once(self):
        random = np.random.default_rng(0)
        table = pd.DataFrame(random.uniform(-2, 2, size=(600, 2)), columns=["a", "b"])
        target = np.sin(2 * table["a"]) * np.cos(2 * table["b"])
        term = Term(kernel=150, random_state=0)
        fitted = Ridge(1e-3).fit(term.fit_transform(table[:400]), target[:400])
        assert fitted.score(term.transform(table[400:]), target[400:]) > 0.8
        plain = Term(degree=2, squares=True)
        fitted = Ridge(1e-3).fit(plain.fit_transform(table[:400]), target[:400])
        assert fitted.score(plain.transform(table[400:]), target[400:]) < 0.3

    def test_lengths_let_a_kernel_bend_where_it_has_to(self):
        """A machine's heat: one column bends sharply, five matter little or not at all."""
        random = np.random.default_rng(1)
        names = ["speed", "load", "a", "b", "c", "d"]
        table = pd.DataFrame(random.normal(size=(700, 6)), columns=names)
        target = np.sin(4 * table["speed"]) + 0.3 * table["load"]

        def score(**options):
            term = Term(kernel=150, random_state=0, **options)
            fitted = Ridge(1e-3).fit(term.fit_transform(table[:500]), target[:500])
            return fitted.score(term.transform(table[500:]), target[500:])

        lengths = {"speed": 0.4, "load": 4.0, "a": 20.0, "b": 20.0, "c": 20.0, "d": 20.0}
        assert score(lengths=lengths) > 0.95
        assert score(numbers=names) < 0.5

    def test_rows_a_length_apart_have_the_similarity_of_a_deviation(self):
        table = pd.DataFrame({"hour": [0.0, 6.0, 0.0, 6.0], "heat": [-1.0, -1.0, 1.0, 1.0]})
        lengths = {"hour": np.sqrt(2), "heat": 0.5}
        term = Term(kernel=4, waves={"hour": 24}, lengths=lengths, random_state=0).fit(table)
        made = term.transform(table)
        similar = made @ made.T
        # Six hours are the distance sqrt(2) on the circle; the heats lie four lengths apart.
        assert similar[0] == pytest.approx([1, np.exp(-0.5), np.exp(-8), np.exp(-8.5)])

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"lengths": {"price": 2}}, "lengths need a kernel"),
            ({"lengths": {"price": 0}, "kernel": 5}, "'price' needs a number above 0, not 0"),
            ({"lengths": {"price": "2"}, "kernel": 5}, "'price' needs a number above 0, not '2'"),
            ({"lengths": {"prize": 2}, "kernel": 5}, "'prize' is not a column of X"),
        ],
    )
    def test_lengths_that_say_nothing_are_refused(self, options, message):
        with pytest.raises(ValueError, match=message):
            Term(**options).fit(SHOPS)

    def test_more_points_than_rows_are_all_rows(self):
        assert Term(kernel=99, random_state=0).fit_transform(SHOPS).shape == (5, 5)

    def test_absent_column_names_those_there_are(self):
        with pytest.raises(ValueError, match="'prize' is not a column of X: price, shop, open"):
            Term(numbers=["prize"]).fit(SHOPS)

    def test_text_is_no_number(self):
        with pytest.raises(ValueError, match="'shop' holds text where a number is needed"):
            Term(numbers=["shop"]).fit(SHOPS)


# --- LinearThenBoostingRegressor ----------------------------------------------------------------


@pytest.fixture(scope="module")
def series() -> tuple[pd.DataFrame, np.ndarray]:
    """200 days of 24 hours: level grows by 1 % a day, times a rhythm that no linear trend knows."""
    day, hour = (part.ravel() for part in np.mgrid[0:200.0, 0:24.0])
    rng = np.random.default_rng(7)
    expected = 40 * np.exp(GROWTH_PER_DAY * day) * (1 + 0.8 * np.sin(2 * np.pi * hour / 24))
    features = pd.DataFrame({"day": day, "hour": hour, "noise": rng.normal(size=day.size)})
    return features, rng.poisson(expected).astype(float)


def model(**params: object) -> LinearThenBoostingRegressor:
    """A trend and nothing else in the ridge, so that the rhythm is left to the boosting."""
    settings: dict[str, object] = {
        "terms": {}, "time_column": "day", "log_shift": 1.0, "max_extrapolation": None,
        "boosting": boosted(),
    }  # fmt: skip
    return LinearThenBoostingRegressor(**(settings | params))


def split(series: tuple[pd.DataFrame, np.ndarray], day: float) -> tuple:
    features, target = series
    past = (features["day"] < day).to_numpy()
    return features[past], target[past], features[~past], target[~past]


def at(day: float) -> pd.DataFrame:
    return pd.DataFrame({"day": [float(day)], "hour": [12.0], "noise": [0.0]})


class TestBeyondTheTrainingRange:
    def test_growth_is_carried_on_where_boosting_alone_stands_still(self, series):
        past, known, future, unknown = split(series, day=130)
        plain = boosted().fit(past, known).predict(future)
        both = model().fit(past, known).predict(future)

        irreducible = np.sqrt(unknown.mean())
        assert root_mean_squared_error(unknown, both) < 1.5 * irreducible
        assert root_mean_squared_error(unknown, plain) > 4 * irreducible

    def test_what_the_ridge_does_not_know_is_the_boostings_work(self, series):
        past, known, future, unknown = split(series, day=130)
        fitted = model().fit(past, known)
        level_error = root_mean_squared_error(unknown, fitted.predict_level(future))
        assert root_mean_squared_error(unknown, fitted.predict(future)) < 0.3 * level_error

    def test_a_term_takes_that_work_over(self, series):
        past, known, future, unknown = split(series, day=130)
        terms = {"rhythm": {"waves": {"hour": 24}, "harmonics": 4}}
        fitted = model(terms=terms).fit(past, known)
        level_error = root_mean_squared_error(unknown, fitted.predict_level(future))
        assert level_error < 2 * np.sqrt(unknown.mean())

    def test_predictions_have_no_bias_although_the_trend_is_a_median(self, series):
        features, target = series
        fitted = model().fit(features, target)
        assert fitted.predict(features).sum() == pytest.approx(target.sum(), rel=0.01)
        assert fitted.predict_level(features).sum() < 0.97 * target.sum()

    def test_without_a_logarithm_a_signed_target_is_carried_on_by_sums(self, series):
        past, _, future, _ = split(series, day=160)

        def target(rows):
            return 100 - rows["day"] + 20 * np.sin(rows["hour"])

        fitted = model(log_shift=None, boosting=boosted(loss="squared_error"))
        fitted.fit(past, target(past))
        assert (target(past) < 0).any()
        assert root_mean_squared_error(target(future), fitted.predict(future)) < 1

    @pytest.mark.parametrize(("share", "last_day"), [(0.0, 129), (0.5, 129 + 0.5 * 129)])
    @pytest.mark.parametrize("boosting", [boosted(), LinearRegression()])
    def test_trend_stops_at_the_limit(self, series, share, last_day, boosting):
        past, known, _, _ = split(series, day=130)
        fitted = model(max_extrapolation=share, boosting=boosting).fit(past, known)
        assert fitted.time_limit_ == pytest.approx(last_day)
        held = fitted.predict(at(last_day))
        assert fitted.predict(at(10_000)) == pytest.approx(held)
        if last_day > 130:
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

    @pytest.mark.parametrize("log_shift", [None, 1.0])
    def test_a_winter_says_little_of_the_summer(self, log_shift):
        """Gas of a house: what a square makes of 40 degrees, no winter of 0 to 10 can tell."""
        degrees = pd.DataFrame({"heat": np.linspace(0, 10, 60)})
        gas = 100 - 12 * degrees["heat"] + 0.5 * degrees["heat"] ** 2 + np.arange(60) % 2
        terms = {"weather": {"numbers": ["heat"], "squares": True}}
        hot = pd.DataFrame({"heat": [12.5, 40.0]})

        def told(**params):
            flat = DummyRegressor()
            given = {"terms": terms, "log_shift": log_shift, "alpha": 1e-6, "boosting": flat}
            return LinearThenBoostingRegressor(**given, **params).fit(degrees, gas).predict(hot)

        near, far = told()
        assert near == far
        near, far = told(max_extrapolation=None)
        assert abs(far - near) > near / 2

    def test_default_follows_a_trend_for_a_quarter_of_its_history(self, series):
        past, known, _, _ = split(series, day=101)
        fitted = LinearThenBoostingRegressor(time_column="day").fit(past, known)
        assert fitted.time_limit_ == pytest.approx(125)


class TestWithoutAnythingSaid:
    """The defaults serve a table of which only the columns are known."""

    def test_text_missing_values_and_signed_targets_are_taken(self):
        random = np.random.default_rng(1)
        table = pd.DataFrame(
            {"shop": random.choice(["a", "b", "c"], 400), "price": random.normal(size=400)}
        )
        table.loc[::7, "price"] = np.nan
        table.loc[::11, "shop"] = None
        effect = table["shop"].map({"a": -20.0, "b": 0.0, "c": 20.0}).fillna(5.0)
        target = effect + 3 * table["price"].fillna(0.0)
        fitted = LinearThenBoostingRegressor(random_state=0).fit(table[:300], target[:300])
        assert fitted.score(table[300:], target[300:]) > 0.97
        unseen = pd.DataFrame({"shop": ["d", None], "price": [np.nan, 0.0]})
        assert np.isfinite(fitted.predict(unseen)).all()

    def test_a_logarithm_brings_a_poisson_loss(self, series):
        fitted = LinearThenBoostingRegressor(time_column="day", log_shift=1.0).fit(*series)
        assert fitted.boosting_.loss == "poisson"
        assert (fitted.predict(series[0]) >= 0).all()

    def test_the_time_always_enters_the_ridge(self, series):
        past, known, _, _ = split(series, day=130)
        terms = {"rhythm": {"waves": {"hour": 24}}}
        fitted = model(terms=terms).fit(past, known)
        assert fitted.predict_level(at(200)) > 1.5 * fitted.predict_level(at(130))

    def test_kernels_are_drawn_by_its_seed(self, series):
        terms = {"likeness": {"kernel": 20}}
        first, again, other = (
            model(terms=terms, random_state=seed).fit(*series).predict(at(150))
            for seed in (0, 0, 1)
        )
        assert first == again
        assert first != other


class TestWeights:
    def test_offset_equals_poisson_regression_on_counts(self, series):
        """A constant ratio fitted with weights L is sum(y) / sum(L), the Poisson estimate."""
        features, target = series
        fitted = model(boosting=boosted(learning_rate=1e-12)).fit(features, target)
        ratio = fitted.predict(features) / fitted.predict_level(features)
        expected = target.sum() / fitted.predict_level(features).sum()
        np.testing.assert_allclose(ratio, expected, rtol=1e-6)

    def test_a_weight_of_two_is_a_row_twice(self, series):
        features, target = (part[:480] for part in series)
        twice = np.where(features["day"] < 10, 2, 1)
        line = model(terms=None, boosting=LinearRegression())
        weighted = clone(line).fit(features, target, sample_weight=twice)
        repeated = clone(line).fit(features.loc[features.index.repeat(twice)], target.repeat(twice))
        assert not np.allclose(
            weighted.predict(features), clone(line).fit(features, target).predict(features)
        )
        np.testing.assert_allclose(weighted.predict(features), repeated.predict(features))

    def test_many_values_are_split_as_finely_as_bins_allow(self):
        """Quantile numbers in place of values change no split that boosting could have made."""
        random = np.random.default_rng(3)
        table = pd.DataFrame({"a": random.lognormal(size=2000), "b": random.integers(0, 9, 2000)})
        table.loc[::50, "a"] = np.nan
        target = np.log(table["a"].fillna(0.1)) + table["b"] + random.normal(0, 0.01, 2000)
        trees = boosted(loss="squared_error", max_iter=100)
        both = LinearThenBoostingRegressor({"b": {"numbers": ["b"]}}, alpha=1e9, boosting=trees)
        both.fit(table[:1500], target[:1500])
        alone = clone(trees).fit(table[:1500], target[:1500])
        assert list(both.edges_) == [0]
        assert len(both.edges_[0]) < 255
        score = alone.score(table[1500:], target[1500:])
        assert both.score(table[1500:], target[1500:]) == pytest.approx(score, abs=0.001)

    def test_half_life_lets_the_trend_forget(self):
        day = np.arange(200.0)
        target = np.exp(np.where(day < 150, 4.0, 4.0 + 0.02 * (day - 150)))
        features = pd.DataFrame({"day": day})

        def slope(half_life):
            fitted = model(half_life=half_life, alpha=0, boosting=LinearRegression())
            first, last = np.log(fitted.fit(features, target).predict_level(features))[[0, -1]]
            return (last - first) / 199

        assert slope(5.0) == pytest.approx(0.02, rel=0.1)
        assert slope(None) < 0.5 * slope(5.0)

    def test_a_boosting_which_takes_no_weights_is_refused(self, series):
        with pytest.raises(ValueError, match="KNeighborsRegressor takes no sample_weight"):
            model(boosting=KNeighborsRegressor()).fit(*series)


class TestInPieces:
    """Of a long table, the columns of the terms are made piece by piece."""

    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"log_shift": 5.0},
            {"half_life": 40.0},
            {"terms": {"all": {"distinct": 31, "estimate": True, "reach": 0.1}}},
        ],
    )
    def test_the_ridge_is_that_of_the_whole_table(self, series, monkeypatch, options):
        table, target = series
        # A number far from zero, as years are, and rows that do not count.
        table = table.assign(day=table["day"] + 1e5, gappy=table["day"].where(target > 30) ** 0.5)
        weight = np.where(np.arange(len(table)) < 30, 0.0, 2.0)
        whole = model(**options).fit(table, target, sample_weight=weight)

        monkeypatch.setattr(estimators, "_LONG_ROWS", 7)
        monkeypatch.setattr(estimators, "_PIECE_ROWS", 7)
        pieces = model(**options).fit(table, target, sample_weight=weight)

        np.testing.assert_allclose(pieces.coef_, whole.coef_, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(
            pieces.predict_level(table), whole.predict_level(table), rtol=1e-9
        )

    def test_levels_do_not_depend_on_the_pieces(self, series, monkeypatch):
        table, target = series
        fitted = model().fit(table, target)
        whole = fitted.predict_level(table)

        monkeypatch.setattr(estimators, "_LONG_ROWS", 7)
        monkeypatch.setattr(estimators, "_PIECE_ROWS", 7)

        np.testing.assert_allclose(fitted.predict_level(table), whole, rtol=1e-12)
        np.testing.assert_allclose(fitted.predict_level(table.head(1)), whole[:1], rtol=1e-12)


class TestAsAnEstimator:
    def test_nested_parameters_can_be_read_set_and_cloned(self, series):
        original = model().set_params(boosting__max_iter=7, half_life=30.0)
        copy = clone(original)
        assert copy.get_params()["boosting__max_iter"] == 7
        assert copy.fit(*series).boosting_.n_iter_ == 7
        assert not hasattr(copy.boosting, "n_iter_"), "what is given must stay unfitted"

    def test_inputs_are_not_touched(self, series):
        past, known, future, _ = split(series, day=130)
        before = past.copy(), known.copy(), future.copy()
        model(max_extrapolation=0.0).fit(past, known).predict(future)
        pd.testing.assert_frame_equal(past, before[0])
        np.testing.assert_array_equal(known, before[1])
        pd.testing.assert_frame_equal(future, before[2])

    def test_two_fits_agree_to_the_last_bit(self, series):
        features, _ = series
        blend = VotingRegressor([("plain", boosted()), ("both", model())])
        first, second = (clone(blend).fit(*series).predict(features) for _ in range(2))
        np.testing.assert_array_equal(first, second)

    def test_missing_values_are_declared_where_they_are_taken(self):
        def copes(estimator):
            return get_tags(estimator).input_tags.allow_nan

        assert copes(LinearThenBoostingRegressor())
        assert not copes(LinearThenBoostingRegressor(boosting=Ridge()))
        assert not copes(LinearThenBoostingRegressor(time_column=0))

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

    def test_arrays_are_taken_with_positions(self, series):
        features, target = series
        named = model(terms={"rhythm": {"waves": {"hour": 24}}}).fit(features, target)
        placed = model(time_column=0, terms={"rhythm": {"waves": {1: 24}}})
        placed.fit(features.to_numpy(), target)
        np.testing.assert_array_equal(named.predict(at(150)), placed.predict(at(150).to_numpy()))

    def test_skops_round_trip_with_the_trusted_types(self):
        random = np.random.default_rng(0)
        table = pd.DataFrame({"day": np.arange(300.0), "shop": random.choice(["a", "b"], 300)})
        target = table["day"] + 30 * (table["shop"] == "a")
        likeness = {"kernel": 5, "waves": {"day": 7}, "lengths": {"day": 0.8}}
        terms = {"shops": {"categories": ["shop"]}, "likeness": likeness}
        both = LinearThenBoostingRegressor(terms, time_column="day", log_shift=1.0, random_state=0)
        blend = VotingRegressor([("both", both), ("same", clone(both))]).fit(table, target)
        stored = skops.io.dumps(blend)
        untrusted = skops.io.get_untrusted_types(data=stored)
        assert set(untrusted) <= set(TRUSTED_TYPES)
        loaded = skops.io.loads(stored, trusted=untrusted)
        np.testing.assert_array_equal(loaded.predict(table), blend.predict(table))


class TestRefusals:
    def test_absent_time_column_names_those_there_are(self, series):
        with pytest.raises(ValueError, match=r"'dya' is not a column of X: day, hour, noise"):
            model(time_column="dya").fit(*series)

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
            ({"log_shift": 0.0}, "'log_shift' parameter.* must be a float in the range"),
            ({"half_life": 0}, "'half_life' parameter"),
            ({"max_extrapolation": -1.0}, "'max_extrapolation' parameter"),
            ({"boosting": "trees"}, "'boosting' parameter"),
            ({"terms": {"a": {"wave": {"hour": 24}}}}, r"terms\.a: unknown option 'wave'.* waves"),
            ({"terms": {"a": {"degree": 0}}}, r"terms\.a: The 'degree' parameter"),
            ({"terms": {"a": ["hour"]}}, r"terms\.a: a mapping of options is needed"),
            (
                {"time_column": None, "half_life": 5, "terms": None},
                "half_life needs a time_column",
            ),
            ({"time_column": None, "terms": {}}, "terms is empty and there is no time_column"),
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

    def test_infinite_features_name_their_column(self, series):
        features, target = series
        with pytest.raises(ValueError, match="'hour' contains infinity"):
            model().fit(features.replace({"hour": {3.0: np.inf}}), target)

    def test_too_few_rows_and_no_weight_at_all(self, series):
        features, target = series
        with pytest.raises(ValueError, match=r"n_samples=1: at least two rows"):
            model().fit(features[:1], target[:1])
        with pytest.raises(ValueError, match="at least one non-zero"):
            model().fit(features, target, sample_weight=np.zeros_like(target))

    def test_prediction_before_fit(self, series):
        with pytest.raises(NotFittedError):
            model().predict(series[0])
        with pytest.raises(NotFittedError):
            model().predict_level(series[0])


# --- Term: what a table of unknown columns needs ------------------------------------------------


class TestTermOfAnyTable:
    def test_whole_numbers_of_few_values_are_codes_as_well(self):
        table = pd.DataFrame({"month": [1, 2, 3] * 4, "price": np.arange(12) / 2, "id": range(12)})
        names = Term(distinct=8).fit(table).get_feature_names_out().tolist()
        assert names == ["month=1.0", "month=2.0", "month=3.0", "month", "price", "id"]

    def test_numbers_are_followed_a_little_beyond_their_range(self):
        term = Term(reach=0.5).fit(pd.DataFrame({"x": [0.0, 10.0]}))
        near, far, further = term.transform(pd.DataFrame({"x": [14.0, 15.0, 1e9]}))[:, 0]
        assert near < far == further
        assert (
            Term().fit(pd.DataFrame({"x": [0.0, 10.0]})).transform(pd.DataFrame({"x": [1e9]})) > 9
        )

    def test_a_season_is_held_until_a_whole_one_was_seen(self):
        term = Term(waves={"day": 365}, reach=0.25)
        later = pd.DataFrame({"day": [31 * 1.25, 140.0, 140.0 + 10 * 365]})
        limit, may, another = term.fit(pd.DataFrame({"day": range(32)})).transform(later)
        assert (limit == may).all()
        assert (limit == another).all()
        limit, may, another = term.fit(pd.DataFrame({"day": range(366)})).transform(later)
        assert may == pytest.approx(another)
        assert limit != pytest.approx(may)

    def test_rows_without_weight_widen_no_range(self):
        table = pd.DataFrame({"x": [0.0, 10.0, 1000.0]})
        term = Term(reach=0.5).fit(table, sample_weight=[1, 1, 0])
        near, far = term.transform(pd.DataFrame({"x": [15.0, 1000.0]}))[:, 0]
        assert near == far

    def test_what_is_missing_is_estimated_from_the_other_numbers(self):
        x = np.linspace(-1, 1, 200)
        table = pd.DataFrame({"x": x, "twice": np.where(np.arange(200) % 4, 2 * x, np.nan)})
        term = Term(estimate=True).fit(table)
        assert term.get_feature_names_out().tolist() == [
            "x",
            "twice",
            "twice_missing",
            "twice_estimated",
        ]
        made = pd.DataFrame(term.transform(table), columns=term.get_feature_names_out())
        missing = table["twice"].isna()
        assert made["twice_missing"].eq(missing).all()
        assert made.loc[~missing, "twice_estimated"].eq(0).all()
        assert np.corrcoef(made.loc[missing, "twice_estimated"], x[missing])[0, 1] > 0.99

    def test_a_column_without_any_value_is_no_harm(self):
        table = pd.DataFrame({"x": [1.0, 2.0, 3.0], "empty": [np.nan] * 3})
        made = Term(distinct=3, reach=0.5, estimate=True).fit_transform(table)
        assert np.isfinite(made).all()


# --- AdaptiveRegressor --------------------------------------------------------------------------


def months(n_rows: int = 120) -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "time_index": np.arange(n_rows, dtype=float),
            "calendar_month": np.arange(n_rows) % 12 + 1.0,
            "price": random.uniform(1, 9, n_rows),
            "colour": random.choice(["red", "green"], n_rows),
        }
    )


class TestAdaptiveRegressor:
    def test_a_trend_and_a_season_run_on(self):
        table = months()
        noise = np.random.default_rng(1).normal(size=120)
        target = 2 * table["time_index"] + 10 * (table["calendar_month"] == 12) + noise
        fitted = AdaptiveRegressor().fit(table[:84], target[:84])
        assert fitted.choice_ == "linear"
        assert root_mean_squared_error(target[84:], fitted.predict(table[84:])) < 2

    def test_a_trend_ends_somewhere(self):
        table = months()
        fitted = AdaptiveRegressor(max_extrapolation=0.5).fit(table, 2 * table["time_index"])
        later = table.tail(2).assign(time_index=[1000.0, 2000.0], price=5.0, colour="red")
        first, second = fitted.predict(later.assign(calendar_month=6.0))
        assert first == second == pytest.approx(1.5 * 238, rel=0.01)

    def test_what_is_not_linear_is_left_to_trees(self):
        table = months(400)
        target = 5 * (table["price"] - 5) ** 2 * (table["colour"] == "red")
        assert AdaptiveRegressor().fit(table, target).choice_.endswith("trees")

    def test_effects_that_multiply_are_fitted_on_the_logarithm(self):
        table = months(300)
        season = 1 + 0.5 * (table["calendar_month"] > 6)
        noise = np.random.default_rng(1).normal(1, 0.05, 300)
        target = 5 * 1.01 ** table["time_index"] * season * noise
        fitted = AdaptiveRegressor().fit(table[:240], target[:240])
        assert fitted.choice_ == "log_linear"
        assert root_mean_squared_error(target[240:], fitted.predict(table[240:])) < 10
        assert not AdaptiveRegressor().fit(table, target - 100).choice_.startswith("log")

    @pytest.mark.parametrize("seed", range(5))
    def test_of_noise_the_mean_is_learnt(self, seed):
        random = np.random.default_rng(seed)
        target = random.normal(100, 10, 120)
        fitted = AdaptiveRegressor().fit(months(), target)
        assert np.abs(fitted.predict(months(150)[120:]) - target.mean()).max() < 5

    def test_many_series_have_their_own_levels(self):
        random = np.random.default_rng(0)
        level = random.uniform(100, 200, 80)
        table = pd.DataFrame({"shop": [f"s{one}" for one in range(80)] * 20})
        target = np.tile(level, 20) + random.normal(size=1600)
        fitted = AdaptiveRegressor().fit(table, target)
        assert root_mean_squared_error(level, fitted.predict(table[:80])) < 3
        unseen = fitted.predict(pd.DataFrame({"shop": ["new", None]}))
        np.testing.assert_allclose(unseen, target.mean(), rtol=0.02)

    def test_identifiers_tell_nothing(self):
        random = np.random.default_rng(0)
        table = pd.DataFrame(
            {"id": [f"n{one}" for one in range(300)], "x": random.normal(size=300)}
        )
        target = 10 * table["x"] + random.normal(size=300)
        fitted = AdaptiveRegressor().fit(table[:200], target[:200])
        assert root_mean_squared_error(target[200:], fitted.predict(table[200:])) < 2

    def test_rows_without_a_past_do_not_spoil_those_with_one(self):
        random = np.random.default_rng(0)
        level = np.repeat(random.uniform(0, 100, 20), 30)
        known = np.tile(np.arange(30) >= 12, 20)
        order = np.argsort(np.tile(np.arange(30), 20), kind="stable")
        table = pd.DataFrame({"lag": np.where(known, level, np.nan)}).iloc[order]
        target = level[order] + random.normal(size=600)
        later = pd.DataFrame({"lag": [0.0, 50.0, 100.0]})
        made = AdaptiveRegressor().fit(table, target).predict(later)
        np.testing.assert_allclose(made, [0, 50, 100], atol=3)

    @pytest.mark.parametrize("n_rows", [2, 3, 5, 19, 20, 30])
    def test_few_rows_are_enough(self, n_rows):
        table = months(n_rows)
        made = AdaptiveRegressor().fit(table, np.arange(n_rows)).predict(months(40))
        assert np.isfinite(made).all()

    def test_missing_values_and_columns_without_any(self):
        table = months(200)
        table["empty"], table["empty_text"] = np.nan, None
        table.loc[::7, "price"] = np.nan
        table.loc[::5, "colour"] = None
        # Trees are wanted here, which are pickier.
        target = np.where(table["price"] > 5, 10.0, 0.0) * (table["colour"] == "red")
        fitted = AdaptiveRegressor().fit(table, target)
        assert np.isfinite(fitted.predict(table)).all()
        later = table.tail(3).assign(empty=1.0, price=np.nan)
        assert np.isfinite(fitted.predict(later)).all()

    def test_weights_are_heeded(self):
        table = pd.DataFrame({"x": np.zeros(100)})
        target = np.tile([0.0, 10.0], 50)
        weight = np.tile([3.0, 1.0], 50)
        made = AdaptiveRegressor().fit(table, target, sample_weight=weight).predict(table[:1])
        assert made == pytest.approx(2.5)

    @pytest.mark.parametrize("target_of", ["time_index", "shop"])
    def test_it_is_stored_without_pickle(self, target_of):
        table = months(90).assign(shop=[f"s{one % 30}" for one in range(90)])
        target = table["time_index"] if target_of == "time_index" else table.index % 30 + 1.0
        fitted = AdaptiveRegressor(random_state=0).fit(table, target)
        stored = skops.io.dumps(fitted)
        untrusted = skops.io.get_untrusted_types(data=stored)
        assert set(untrusted) <= set(TRUSTED_TYPES)
        loaded = skops.io.loads(stored, trusted=untrusted)
        np.testing.assert_array_equal(loaded.predict(table), fitted.predict(table))
