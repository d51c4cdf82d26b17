"""The profile of a reference: it survives storage, and it scores as Evidently does."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.adapters.evidently import ColumnRoles, drift_verdict
from regression_lifecycle.core.drift.parameters import METHODS, VERDICT_DTYPES, DriftParameters
from regression_lifecycle.core.drift.profile import (
    PROFILE_DTYPES,
    ReferenceProfile,
    make_profile,
    score_window,
)
from regression_lifecycle.core.errors import ConfigurationError
from tests.examples import with_missing_values

NUMERICAL = [name for name, method in METHODS.items() if method.kind == "numerical"]
CATEGORICAL = [name for name, method in METHODS.items() if method.kind == "categorical"]
PAIRS = [
    {"numerical": {"method": number}, "categorical": {"method": category}}
    for number, category in zip([*NUMERICAL, "ks"], CATEGORICAL, strict=True)
]


def require_equal(
    reference: pd.DataFrame, window: pd.DataFrame, roles: ColumnRoles, parameters: DriftParameters
) -> pd.DataFrame:
    """Assert that the profile's verdict is the adapter's, and return it."""
    profile = make_profile(reference, roles.columns(), parameters)
    mine = score_window(profile, window, parameters)
    theirs = drift_verdict(reference, window, roles, parameters)
    pd.testing.assert_frame_equal(mine.drop(columns="score"), theirs.drop(columns="score"))
    for _, row in mine.iterrows():
        expected = theirs.set_index("column").at[row["column"], "score"]
        least = 1e-7 if row["method"] == "hellinger" else 1e-12
        assert row["score"] == pytest.approx(expected, rel=1e-9, abs=least, nan_ok=True), row
    return mine


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


def test_a_bad_column_gets_the_words_of_the_report() -> None:
    good = pd.DataFrame({"a": np.arange(50.0), "b": np.arange(50.0), "c": np.arange(50.0)})
    text = good.assign(a="many", b=pd.Timestamp("2011-01-01"))
    roles = ColumnRoles(numerical=("a", "b", "c", "absent"))

    for reference, window in (
        (good, text),
        (text, good),
        (good, good.drop(columns="c")),
        (good.drop(columns="c"), good),
        (good, pd.concat([good, good[["c"]]], axis=1)),
    ):
        verdict = require_equal(reference, window, roles, DriftParameters())
        assert verdict["reason"].str.startswith("not computed: ").any()


def test_a_profile_survives_storage_whole(tmp_path: Any) -> None:
    parameters = DriftParameters()
    profile = make_profile(_nasty(200, 7).drop(columns="large"), ROLES.columns(), parameters)

    profile.to_frame().to_parquet(tmp_path / "profile.parquet")
    again = ReferenceProfile.from_frame(pd.read_parquet(tmp_path / "profile.parquet"))

    assert profile.to_frame().dtypes.astype(str).to_dict() == PROFILE_DTYPES
    pd.testing.assert_frame_equal(again.to_frame(), profile.to_frame())
    window = _nasty(100, 8, 0.5)
    pd.testing.assert_frame_equal(
        score_window(again, window, parameters), score_window(profile, window, parameters)
    )
    assert [column.name for column in again.columns] == [name for name, _, _ in ROLES.columns()]


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
    again = ReferenceProfile.from_frame(empty.to_frame())
    assert again.columns == ()


def test_calibrated_thresholds_take_the_place_of_the_configured_ones() -> None:
    rows = pd.DataFrame({"x": np.arange(60.0)})
    parameters = DriftParameters.model_validate({"numerical": {"method": "wasserstein"}})
    profile = make_profile(rows, [("x", "numerical", "feature")], parameters)
    thresholds = pd.DataFrame({"column": ["x"], "method": ["wasserstein"], "threshold": [9.0]})

    shifted = rows + 40
    plain = score_window(profile, shifted, parameters).iloc[0]
    calibrated = score_window(profile, shifted, parameters, thresholds).iloc[0]

    assert plain["drifted"]
    assert not calibrated["drifted"]
    assert math.isclose(plain["score"], calibrated["score"])
    assert calibrated["threshold"] == 9.0


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
