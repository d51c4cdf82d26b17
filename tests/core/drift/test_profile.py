"""The profile of a reference: it survives storage, and it scores as Evidently does."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.adapters.evidently import ColumnRoles
from regression_lifecycle.core.drift.methods import METHODS, methods_for
from regression_lifecycle.core.drift.parameters import DriftParameters
from regression_lifecycle.core.drift.profile import (
    PROFILE_DTYPES,
    compare_tables,
    make_profile,
    score_window,
)
from regression_lifecycle.core.drift.verdict import VERDICT_DTYPES
from regression_lifecycle.core.errors import ConfigurationError
from tests.evidently_scores import require_evidently_scores
from tests.examples import with_missing_values

ROOT = Path(__file__).resolve().parents[3]
NUMERICAL, CATEGORICAL = methods_for("numerical"), methods_for("categorical")
# Each method once at least.
PAIRS = [
    {
        "numerical": {"method": NUMERICAL[place % len(NUMERICAL)].name},
        "categorical": {"method": CATEGORICAL[place % len(CATEGORICAL)].name},
    }
    for place in range(max(len(NUMERICAL), len(CATEGORICAL)))
]


def require_equal(
    reference: pd.DataFrame, window: pd.DataFrame, roles: ColumnRoles, parameters: DriftParameters
) -> pd.DataFrame:
    """Assert that the scores are Evidently's, and return the verdict."""
    verdict = compare_tables(reference, window, roles.columns(), parameters)
    require_evidently_scores(reference, window, verdict, parameters)
    return verdict


def _nasty(n: int, seed: int, shift: float = 0.0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    noise = random.normal(shift, 1, n)
    holes = np.where(random.random(n) < 0.3, np.nan, noise)
    return pd.DataFrame(
        {
            "smooth": noise,
            "ties": noise.round(),
            "holes": holes,
            "empty": np.full(n, np.nan),
            "constant": np.full(n, 3.0),
            "other_constant": np.full(n, 3.0 + shift),
            "infinite": np.where(random.random(n) < 0.1, np.inf, noise),
            "large": noise * 1e9 + 1e12,
            "small": noise * 1e-9,
            "flag": random.random(n) < 0.4,
            "sky": random.choice(["a", "b", "c", "z"][: 3 + int(shift > 0)], n),
            "hour": np.arange(n) % 24,
            "rare": np.where(np.arange(n) == 5, "x", np.where(noise > 0, "u", "v")),
            "blank": np.where(random.random(n) < 0.2, None, random.choice(["p", "q"], n)),
            "one": "same",
        }
    )


ROLES = ColumnRoles(
    numerical=tuple(_nasty(1, 0).columns[:9]),
    categorical=tuple(_nasty(1, 0).columns[9:]),
)


@pytest.mark.parametrize("configured", PAIRS)
@pytest.mark.parametrize("size", [40, 170])
@pytest.mark.parametrize("shift", [0.0, 0.6])
def test_nasty_columns_are_scored_as_evidently_scores_them(
    configured: dict[str, Any], size: int, shift: float
) -> None:
    parameters = DriftParameters.model_validate(configured)

    verdict = require_equal(_nasty(700, 1), _nasty(size, 2, shift), ROLES, parameters)

    assert verdict["score"].notna().sum() >= 5
    assert "values in reference" in verdict.set_index("column").at["empty", "reason"]


@pytest.mark.parametrize("configured", PAIRS)
def test_tiny_windows_and_references_are_scored_too(configured: dict[str, Any]) -> None:
    parameters = DriftParameters.model_validate({**configured, "minimum_rows": 2})

    for rows in (0, 1, 2, 3, 7):
        require_equal(_nasty(60, 3), _nasty(rows, 4), ROLES, parameters)
        require_equal(_nasty(rows, 4), _nasty(60, 3), ROLES, parameters)


@pytest.mark.parametrize("configured", PAIRS)
def test_weeks_of_the_bike_table_are_scored_as_evidently_scores_them(
    configured: dict[str, Any], bike_observations: pd.DataFrame
) -> None:
    roles = ColumnRoles(
        numerical=("temp", "atemp", "hum", "windspeed"),
        categorical=("weathersit", "hr", "workingday"),
        target="cnt",
    )
    parameters = DriftParameters.model_validate(configured)
    table = with_missing_values(bike_observations, "weathersit", "hum")

    # Up to 10,000 rows of reference the Kolmogorov-Smirnov p-value is exact, beyond asymptotic.
    for first, last in ((0, 650), (0, 8600), (0, 12_000)):
        for begin in (last, last + 1700, last + 4500):
            window = table.iloc[begin : begin + 168]
            require_equal(table.iloc[first:last], window, roles, parameters)


def test_both_sides_draw_the_rows_that_a_report_draws() -> None:
    parameters = DriftParameters(minimum_rows=30, maximum_rows=100, seed=3)

    verdict = require_equal(_nasty(900, 5), _nasty(300, 6, 0.2), ROLES, parameters)

    assert verdict.set_index("column").at["smooth", "n_reference"] == 100


def test_a_column_that_cannot_be_read_gets_a_reason_that_names_the_side() -> None:
    good = pd.DataFrame({"a": np.arange(50.0), "b": np.arange(50.0), "c": np.arange(50.0)})
    text = good.assign(a="many", b=pd.Timestamp("2011-01-01"))
    roles = ColumnRoles(numerical=("a", "b", "c", "absent"))

    def reasons(reference: pd.DataFrame, window: pd.DataFrame) -> list[str]:
        verdict = require_equal(reference, window, roles, DriftParameters())
        assert (verdict["drifted"].isna() == verdict["reason"].ne("")).all()
        assert verdict.loc[verdict["reason"].ne(""), "n_current"].eq(0).all()
        return [reason.removeprefix("not computed: ") for reason in verdict["reason"]]

    words, moments = "50 values are not numbers, such as 'many',", "holds moments, not numbers,"
    absent = "no such column in reference"
    assert reasons(good, text) == [f"{words} in current", f"{moments} in current", "", absent]
    assert reasons(text, good) == [f"{words} in reference", f"{moments} in reference", "", absent]
    assert reasons(good, good.drop(columns="c"))[2] == "no such column in current"
    twice = pd.concat([good, good[["c"]]], axis=1)
    assert reasons(good, twice)[2] == "column appears more than once in current"


def test_z_compares_two_categories_and_no_more() -> None:
    rows = pd.DataFrame({"sky": ["clear", "mist", "rain"] * 20, "flag": ["a", "b"] * 30})
    roles = ColumnRoles(categorical=("sky", "flag"))
    parameters = DriftParameters.model_validate({"categorical": {"method": "z"}})

    verdict = require_equal(rows, rows, roles, parameters)

    assert verdict["reason"].tolist() == [
        "not computed: method z compares 2 categories, found 3",
        "",
    ]


def test_the_study_of_january_2011_finds_the_drift_it_is_known_for() -> None:
    hours = pd.read_csv(ROOT / "data" / "01_raw" / "hour.csv", parse_dates=["dteday"])
    days = hours.set_index("dteday")
    roles = ColumnRoles(
        numerical=("temp", "atemp", "hum", "windspeed", "hr", "mnth", "yr"), target="cnt"
    )
    january = days.loc["2011-01-01":"2011-01-28"]
    found = {}
    for start, end in (("01-29", "02-07"), ("02-08", "02-14"), ("02-15", "02-21")):
        window = days.loc[f"2011-{start}" : f"2011-{end}"]
        verdict = require_equal(january, window, roles, DriftParameters()).set_index("column")
        found[start] = verdict.index[verdict["drifted"].astype(bool)].tolist()
        # The year is 0 on both sides: compared, and no drift.
        assert verdict.at["yr", "score"] == 1.0

    weather = ["temp", "atemp", "hum", "windspeed", "mnth"]
    assert found == {"01-29": weather, "02-08": [*weather, "cnt"], "02-15": [*weather, "cnt"]}


def _by_method(name: str, **sides: Any) -> Any:
    """The verdict on one column by one method."""
    kind = METHODS[name].kind
    parameters = DriftParameters.model_validate({kind: {"method": name}})
    roles = ColumnRoles(**{kind: ("x",)})
    before, now = (pd.DataFrame({"x": values}) for values in sides.values())
    return require_equal(before, now, roles, parameters).iloc[0]


@pytest.mark.parametrize("name", [method.name for method in NUMERICAL])
@pytest.mark.parametrize("shift", [-1.0, 1.0])
@pytest.mark.parametrize("outlier", [False, True])
def test_a_rise_and_a_fall_are_seen_even_behind_an_outlier(
    name: str, shift: float, outlier: bool
) -> None:
    now = np.random.default_rng(2).normal(shift, 1, 150)
    if outlier:
        now[0] = 1e4

    row = _by_method(name, reference=np.random.default_rng(1).normal(0, 1, 400), current=now)

    assert bool(row["drifted"])


@pytest.mark.parametrize("size", [1e-11, 1e-5, 1.0, 1e7])
@pytest.mark.parametrize("constant", [False, True])
def test_a_distance_does_not_depend_on_the_unit(size: float, constant: bool) -> None:
    random = np.random.default_rng(1)
    before = np.full(400, 2.0) if constant else random.normal(0, 1, 400)
    now = random.normal(1, 1, 150)

    plain = _by_method("wasserstein", reference=before, current=now)
    row = _by_method("wasserstein", reference=size * before, current=size * now)

    assert bool(row["drifted"])
    assert row["score"] == pytest.approx(plain["score"], rel=1e-9)


def test_a_constant_that_differs_by_rounding_alone_has_not_drifted() -> None:
    before, now = (pd.DataFrame({"x": np.full(200, x)}) for x in (0.3, 0.1 + 0.2))
    parameters = DriftParameters.model_validate({"numerical": {"method": "wasserstein"}})
    columns = ColumnRoles(numerical=("x",)).columns()
    assert not compare_tables(before, now, columns, parameters)["drifted"].item()


@pytest.mark.parametrize("name", sorted(METHODS))
def test_one_value_on_both_sides_is_compared_and_is_no_drift(name: str) -> None:
    row = _by_method(name, reference=[3.0] * 60, current=[3.0] * 50)

    assert (bool(row["drifted"]), row["reason"], row["n_current"]) == (False, "", 50)


@pytest.mark.parametrize("name", sorted(METHODS))
def test_one_value_that_became_another_is_drift(name: str) -> None:
    assert bool(_by_method(name, reference=[0.0] * 60, current=[1.0] * 50)["drifted"])


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ([0, 1, 1, 0], [0.0, 1.0, 1.0, np.nan]),
        ([False, True, True, False], [0, 1, 1, 0]),
        (["0", "1", "1", "0"], pd.array([0, 1, 1, None], dtype="Int64")),
    ],
)
def test_the_same_categories_in_another_dtype_are_the_same(before: Any, now: Any) -> None:
    row = _by_method("jensenshannon", reference=list(before) * 20, current=list(now) * 20)

    assert row["score"] < 0.2  # disjoint categories would be at 0.83


@pytest.mark.parametrize("dtype", ["Float64", "double[pyarrow]", "float32", "object", "str"])
def test_numbers_in_another_dtype_give_the_same_verdict(dtype: str) -> None:
    reference = np.random.default_rng(1).normal(size=400)
    exact = pd.Series(np.random.default_rng(2).normal(1, 1, 150)).astype("float32").astype("f8")

    plain = _by_method("wasserstein", reference=reference, current=exact)
    again = _by_method("wasserstein", reference=reference, current=exact.astype(dtype))

    pd.testing.assert_series_equal(plain, again)


def test_a_profile_is_a_table_of_what_occurs() -> None:
    rows = pd.DataFrame({"x": [1.0, 1.0, 2.0, np.nan], "sky": list("abba"), "hr": [0, 0, 1, 1]})
    columns = list(ColumnRoles(numerical=("x",), categorical=("sky",)).columns())

    plain, given = (
        make_profile(rows, columns, DriftParameters.model_validate(changes)).to_frame()
        for changes in ({}, {"given": "hr", "numerical": {"method": "wasserstein"}})
    )

    assert plain.dtypes.astype(str).to_dict() == PROFILE_DTYPES
    assert plain[["value", "label", "count"]].fillna(0).to_numpy().tolist() == [
        [1.0, "", 2], [2.0, "", 1], [0.0, "a", 2], [0.0, "b", 2],
    ]  # fmt: skip
    assert given[["column", "group", "count"]].to_numpy().tolist() == [
        ["x", "0", 2], ["x", "1", 1],
        ["sky", "0", 1], ["sky", "0", 1], ["sky", "1", 1], ["sky", "1", 1],
    ]  # fmt: skip
    empty = make_profile(rows.iloc[:0], columns, DriftParameters()).to_frame()
    assert empty["count"].tolist() == [0, 0]


def test_target_and_prediction_are_left_out_on_request() -> None:
    rows = pd.DataFrame({name: np.arange(60.0) for name in ("x", "y", "p")})
    columns = ColumnRoles(numerical=("x",), target="y", prediction="p").columns()
    parameters = DriftParameters(include_target=False, include_prediction=False)
    profile = make_profile(rows, columns, parameters)

    assert score_window(profile, rows, parameters)["column"].to_list() == ["x"]
    assert score_window(profile, rows, DriftParameters())["column"].to_list() == ["x", "y", "p"]


def test_a_verdict_has_its_dtypes_even_without_columns() -> None:
    empty = make_profile(pd.DataFrame(), (), DriftParameters())
    verdict = score_window(empty, pd.DataFrame(), DriftParameters())

    assert verdict.dtypes.astype(str).to_dict() == VERDICT_DTYPES


def test_a_farther_threshold_changes_the_flag_and_not_the_score() -> None:
    rows = pd.DataFrame({"x": np.arange(60.0)})
    parameters = DriftParameters.model_validate({"numerical": {"method": "wasserstein"}})
    farther = DriftParameters.model_validate(
        {"per_column": {"x": {"method": "wasserstein", "threshold": 9.0}}}
    )
    profile = make_profile(rows, [("x", "numerical", "feature")], parameters)

    near, far = (score_window(profile, rows + 40, each).iloc[0] for each in (parameters, farther))

    assert near["drifted"]
    assert not far["drifted"]
    assert math.isclose(near["score"], far["score"])
    assert far["threshold"] == 9.0


def test_names_that_cannot_be_meant_are_refused() -> None:
    rows = pd.DataFrame({"x": np.arange(60.0)})
    columns: list[Any] = [("x", "numerical", "feature")]
    profile = make_profile(rows, columns, DriftParameters())
    other = DriftParameters.model_validate({"per_column": {"xx": {"method": "ks"}}})

    with pytest.raises(ConfigurationError, match="unknown column 'xx'"):
        score_window(profile, rows, other)
    with pytest.raises(ConfigurationError, match="more than one role for column x"):
        make_profile(rows, columns * 2, DriftParameters())


def test_no_input_is_changed() -> None:
    reference, window = _nasty(100, 1), _nasty(100, 2)
    kept = reference.copy(), window.copy()
    profile = make_profile(reference, ROLES.columns(), DriftParameters())
    before = profile.to_frame()

    score_window(profile, window, DriftParameters())

    pd.testing.assert_frame_equal(reference, kept[0])
    pd.testing.assert_frame_equal(window, kept[1])
    pd.testing.assert_frame_equal(profile.to_frame(), before)
