"""Columns compared within the values of another one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from regression_lifecycle.core.drift.calibration import calibrate, calibrated_parameters
from regression_lifecycle.core.drift.parameters import DriftParameters
from regression_lifecycle.core.drift.profile import compare_tables, make_profile, score_window

WEEK = 168
COLUMNS: list[Any] = [
    ("temp", "numerical", "feature"),
    ("sky", "categorical", "feature"),
    ("hr", "categorical", "feature"),
]


def parameters(**changes: Any) -> DriftParameters:
    return DriftParameters.model_validate(
        {
            "numerical": {"method": "wasserstein"},
            "categorical": {"method": "jensenshannon"},
            "given": "hr",
            **changes,
        }
    )


def hours(n: int, seed: int, late: int = 0) -> pd.DataFrame:
    """Hours with a daily cycle of numbers and of categories, which comes so many hours late."""
    random = np.random.default_rng(seed)
    clock = np.arange(n) % 24
    day = np.sin(2 * np.pi * (clock - late) / 24)
    return pd.DataFrame(
        {
            "at": pd.date_range("2021-01-04", periods=n, freq="h"),
            "temp": day + random.normal(size=n),
            "sky": np.where(day + random.normal(size=n) > 0, "clear", "mist"),
            "hr": clock,
        }
    )


def verdicts(of: DriftParameters, late: int) -> pd.DataFrame:
    """Judge twenty weeks against three months."""
    reference = hours(13 * WEEK, 0)
    thresholds = calibrate(reference, reference["at"], COLUMNS, WEEK, of)
    fitted = calibrated_parameters(of, thresholds)
    profile = make_profile(reference, COLUMNS, of)
    weeks = [score_window(profile, hours(WEEK, seed, late), fitted) for seed in range(1, 21)]
    return pd.concat(weeks)


def test_a_day_that_comes_six_hours_late_is_seen_given_the_hour_alone() -> None:
    given, whole = parameters(), parameters(given=None)

    moved = verdicts(given, 6).groupby("column")["drifted"].mean()
    blind = verdicts(whole, 6).groupby("column")["drifted"].mean()
    quiet = verdicts(given, 0).groupby("column")["drifted"].mean()

    assert moved[["temp", "sky"]].tolist() == [1.0, 1.0]
    assert (blind <= 0.15).all()
    assert (quiet <= 0.15).all()
    assert moved["hr"] == 0


def test_the_score_is_the_mean_of_the_groups_as_heavy_as_their_rows() -> None:
    reference = pd.DataFrame({"x": [0.0, 1.0] * 4, "hr": list("aaaabbbb")})
    # Of "a" nothing changed; in "b" all moved by 2; "c" was never seen.
    current = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0, 2.0, 3.0, 9.0], "hr": list("aabbbbc")})
    columns: list[Any] = [("x", "numerical", "feature")]

    found = compare_tables(reference, current, columns, parameters(minimum_rows=2)).iloc[0]

    # In standard deviations of the whole column: 0.5.
    assert found["score"] == pytest.approx((2 * 0 + 4 * 2 / 0.5) / 6)
    assert found["method"] == "wasserstein given hr"
    assert (found["n_reference"], found["n_current"]) == (8, 6)


def test_a_group_of_one_value_is_measured_by_the_spread_of_all() -> None:
    reference = pd.DataFrame({"x": [0.0] * 4 + [2.0] * 4, "hr": list("aaaabbbb")})
    current = reference.assign(x=reference["x"] + 0.1)
    columns: list[Any] = [("x", "numerical", "feature")]

    found = compare_tables(reference, current, columns, parameters(minimum_rows=2))

    assert found["score"].item() == pytest.approx(0.1)


def test_nothing_is_compared_within_its_own_values() -> None:
    reference, current = hours(WEEK, 1), hours(WEEK, 2)

    found = compare_tables(reference, current.assign(hr=3), COLUMNS, parameters())

    methods = found.set_index("column")["method"]
    assert methods["hr"] == "jensenshannon"
    assert methods["sky"] == "jensenshannon given hr"
    assert found.set_index("column").at["hr", "drifted"]


@pytest.mark.parametrize(
    ("hr", "reason"),
    [
        (None, "not computed: given hr: no such column in current"),
        (lambda n: np.arange(n), "given hr: 168 values, at most 100 fit, in current"),
        (lambda n: ["night"] * n, "not computed: 0 values in current, minimum_rows is 30"),
    ],
)
def test_groups_that_cannot_be_used_are_a_reason(hr: Any, reason: str) -> None:
    reference, current = hours(WEEK, 1), hours(WEEK, 2)
    current = current.drop(columns="hr") if hr is None else current.assign(hr=hr(WEEK))

    found = compare_tables(reference, current, COLUMNS[:2], parameters())

    assert found["reason"].str.contains(reason, regex=False).all()
    assert found["drifted"].isna().all()


def test_without_its_groups_a_reference_keeps_the_configured_threshold() -> None:
    reference = hours(6 * WEEK, 1).drop(columns="hr")

    found = calibrate(reference, reference["at"], COLUMNS[:2], WEEK, parameters())

    assert (found["reason"] == "not calibrated: given hr: no such column").all()
    assert found["threshold"].equals(found["configured_threshold"])


@pytest.mark.parametrize("place", ["numerical", "per_column"])
def test_a_p_value_has_no_mean_over_groups_and_is_refused(place: str) -> None:
    method = {"method": "ks"}
    changes = {place: method if place == "numerical" else {"temp": method}}

    with pytest.raises(ValidationError, match="'ks' has no mean over the values of hr") as caught:
        parameters(**changes)

    assert "Allowed: wasserstein, jensenshannon, psi, hellinger" in str(caught.value)
    # The groups themselves are compared as a whole.
    assert parameters(per_column={"hr": {"method": "z"}}).given_of("hr") is None
