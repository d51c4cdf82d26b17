"""Calibrated thresholds keep their false-alarm rate on rows that hang together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from scipy.signal import lfilter

from regression_lifecycle.core.drift.calibration import (
    THRESHOLD_DTYPES,
    calibrate,
    calibrated_parameters,
    outlasted_columns,
)
from regression_lifecycle.core.drift.methods import find_method
from regression_lifecycle.core.drift.parameters import CalibrationParameters, DriftParameters
from regression_lifecycle.core.drift.profile import make_profile, score_window
from regression_lifecycle.core.errors import ConfigurationError

WEEK = 168
COLUMNS: list[Any] = [
    ("temp", "numerical", "feature"),
    ("felt", "numerical", "feature"),
    ("wind", "numerical", "feature"),
    ("sky", "categorical", "feature"),
    ("rain", "categorical", "feature"),
    ("cloud", "categorical", "feature"),
    ("fog", "categorical", "feature"),
]
PARAMETERS = DriftParameters.model_validate(
    {
        "numerical": {"method": "wasserstein"},
        "categorical": {"method": "jensenshannon"},
        "per_column": {
            "felt": {"method": "ks"},
            "wind": {"method": "anderson"},
            "rain": {"method": "z"},
            "cloud": {"method": "psi"},
            "fog": {"method": "hellinger"},
        },
    }
)

LONE = DriftParameters.model_validate({"numerical": {"method": "wasserstein"}})


def _random() -> np.random.Generator:
    return np.random.default_rng(6)


def _remembering(random: np.random.Generator, n: int, memory: float) -> Any:
    """An autoregressive series with variance 1; ``memory`` is its correlation after an hour."""
    noise = random.normal(0, np.sqrt(1 - memory**2), n + 300)
    return lfilter([1.0], [1.0, -memory], noise)[300:]


def _chain(
    random: np.random.Generator, n: int, shares: tuple[float, ...], stay: float = 0.9
) -> Any:
    """A Markov chain that stays where it is with a probability of ``stay``, else draws anew."""
    drawn = random.choice(len(shares), n, p=shares)
    since = np.where(random.random(n) >= stay, np.arange(n), 0)
    return drawn[np.maximum.accumulate(since)]


def _hours(n: int, seed: int) -> pd.DataFrame:
    """Hourly rows of which every week is as good as any other, though neighbours are alike."""
    random = np.random.default_rng(seed)
    cycle = np.sin(2 * np.pi * np.arange(n) / 24)
    temp = _remembering(random, n, 0.8)
    return pd.DataFrame(
        {
            "at": pd.date_range("2021-01-04", periods=n, freq="h"),
            "temp": (temp + cycle).round(2),
            "felt": (0.8 * temp + 0.6 * _remembering(random, n, 0.9) + cycle).round(2),
            # These p-values end at 0.001 and at 1e-16, so their columns must forget faster.
            "wind": _remembering(random, n, 0.0),
            "sky": _chain(random, n, (0.6, 0.3, 0.09, 0.01)),
            "rain": _chain(random, n, (0.8, 0.2), stay=0.3),
            "cloud": _chain(random, n, (0.4, 0.3, 0.3)),
            "fog": _chain(random, n, (0.7, 0.3)),
        }
    )


def _thresholds(
    reference: pd.DataFrame, window: int | pd.Timedelta = WEEK, **changes: Any
) -> pd.DataFrame:
    settings = CalibrationParameters.model_validate(changes)
    parameters = PARAMETERS.model_copy(update={"calibration": settings})
    return calibrate(reference, reference["at"], COLUMNS, window, parameters)


@dataclass
class Alarms:
    """Shares of windows that alarm."""

    columns: float
    default: float
    shifted: float
    by_column: dict[str, float]


def _as_configured(verdict: pd.DataFrame) -> list[bool | None]:
    """The same scores, judged by the thresholds that were configured."""
    return [
        find_method(row.method).is_drifted(
            row.score, PARAMETERS.choice(row.column, row.kind).threshold
        )
        for row in verdict.itertuples()
    ]


def _simulate(reference_weeks: int, seeds: int, windows: int) -> Alarms:
    """Judge weeks that lie apart from the reference and from each other."""
    n = reference_weeks * WEEK
    columns, default, shifted = [], [], []
    for seed in range(seeds):
        hours = _hours(n + 2 * windows * WEEK, seed)
        reference = hours.iloc[:n]
        found = _thresholds(reference, resamples=300, seed=seed)
        promised = found["false_alarm_rate"].notna().to_numpy()
        parameters = calibrated_parameters(PARAMETERS, found)
        profile = make_profile(reference, COLUMNS, PARAMETERS)
        lone = make_profile(reference, COLUMNS[:1], parameters)
        strict = calibrated_parameters(LONE, found.iloc[:1])
        for begin in range(n + WEEK, n + 2 * windows * WEEK, 2 * WEEK):
            week = hours.iloc[begin : begin + WEEK]
            verdict = score_window(profile, week, parameters)
            columns.append(np.where(promised, verdict["drifted"].astype(float), np.nan))
            default.append(np.mean(_as_configured(verdict)))
            moved = week.assign(temp=week["temp"] + reference["temp"].std())
            shifted.append(score_window(lone, moved, strict)["drifted"].iloc[0])
    return Alarms(
        float(np.nanmean(columns)),
        float(np.mean(default)),
        float(np.mean(shifted)),
        dict(zip([name for name, _, _ in COLUMNS], np.nanmean(columns, axis=0), strict=True)),
    )


@pytest.mark.slow
@pytest.mark.parametrize(("reference_weeks", "seeds", "windows"), [(4, 45, 3), (52, 10, 12)])
def test_a_window_without_drift_alarms_at_the_stated_rate(
    reference_weeks: int, seeds: int, windows: int
) -> None:
    alarms = _simulate(reference_weeks, seeds, windows)

    # The rate is 5 %; a simulation of this size is uncertain by about 1.2 points.
    assert 0.025 <= alarms.columns <= 0.08
    # The defaults would flag ten times as many, and a sensor that moved does not get away.
    assert alarms.default > 0.4
    assert alarms.shifted >= 0.9


def _calibrated(reference: pd.DataFrame, **changes: Any) -> pd.DataFrame:
    return _thresholds(reference, **changes).set_index("column")


def test_a_stricter_rate_gives_a_farther_threshold() -> None:
    reference = _hours(12 * WEEK, 1)

    often, seldom = (_calibrated(reference, false_alarm_rate=rate) for rate in (0.2, 0.02))

    distances = ["temp", "sky", "cloud", "fog"]
    assert (seldom.loc[distances, "threshold"] > often.loc[distances, "threshold"]).all()
    assert seldom.at["felt", "threshold"] < often.at["felt", "threshold"]
    assert often["configured_threshold"].equals(seldom["configured_threshold"])


def test_the_same_draws_come_again_and_the_order_of_the_rows_does_not_matter() -> None:
    reference = _hours(6 * WEEK, 2)

    first = _calibrated(reference)
    again = _calibrated(reference.sample(frac=1, random_state=3))

    pd.testing.assert_frame_equal(first, again)
    assert not _calibrated(reference, seed=9)["threshold"].equals(first["threshold"])
    assert first.reset_index().dtypes.astype(str).to_dict() == THRESHOLD_DTYPES


def test_too_few_blocks_leave_the_configured_threshold_and_say_so() -> None:
    found = _calibrated(_hours(3 * WEEK, 1))

    assert found["threshold"].equals(found["configured_threshold"])
    assert found["false_alarm_rate"].isna().all()
    assert found["reason"].unique().tolist() == [
        "not calibrated: 3 blocks of 168 rows in the reference, minimum_blocks is 4"
    ]
    assert (_calibrated(_hours(3 * WEEK, 1), block="1 day")["n_blocks"] == 21).all()


@pytest.mark.parametrize(
    ("column", "values", "reason"),
    [
        ("temp", lambda n: np.full(n, 1.0), "one value in the reference"),
        ("temp", lambda n: np.full(n, np.nan), "no value in the reference"),
        ("temp", lambda n: np.tile(np.arange(24.0), n // 24), "stretches of the reference"),
        ("temp", lambda n: np.where(np.arange(n) % 10, np.nan, 1.0 * np.arange(n)), "in a window"),
        ("temp", lambda n: ["much"] * n, "not numbers, such as 'much'"),
        ("rain", lambda n: np.arange(n) % 3, "method z compares 2 categories, found 3"),
        ("rain", lambda n: _chain(_random(), n, (0.5, 0.5), 0.94), "z comes to .*jensenshannon"),
        (
            "wind",
            lambda n: _remembering(_random(), n, 0.9),
            "anderson comes to .*wasserstein",
        ),
    ],
)
def test_a_column_that_tells_nothing_keeps_its_threshold_and_takes_no_other_with_it(
    column: str, values: Any, reason: str
) -> None:
    reference = _hours(6 * WEEK, 4)
    bad = reference.drop(columns=column).assign(**{column: values(len(reference))})

    found = _calibrated(bad)

    assert pd.Series(found.at[column, "reason"]).str.match(f"not calibrated: .*{reason}").all()
    assert found.at[column, "threshold"] == found.at[column, "configured_threshold"]
    pd.testing.assert_frame_equal(found.drop(column), _calibrated(reference).drop(column))


@pytest.mark.parametrize(("weeks", "is_judged"), [(5, False), (104, True)])
def test_a_column_that_remembers_longer_than_the_reference_lasts_is_not_judged(
    weeks: int, is_judged: bool
) -> None:
    n = weeks * WEEK
    reference = _hours(n, 8).assign(temp=_remembering(_random(), 2 * n, 0.998)[n:])

    found = _calibrated(reference)

    assert found.at["temp", "reason"].startswith("the column remembers longer than") != is_judged
    assert np.isfinite(found.at["temp", "threshold"]) == is_judged
    assert np.isfinite(found.at["temp", "false_alarm_rate"]) == is_judged
    assert found.at["temp", "independent_windows"] < 0.5 * weeks
    assert found.at["sky", "independent_windows"] > 0.8 * weeks
    assert found.at["sky", "reason"] == ""


@pytest.mark.slow
@pytest.mark.parametrize(("memory", "weeks"), [(0.99, 4), (0.99, 13), (0.998, 4), (0.998, 13)])
def test_memory_makes_no_false_alarms(memory: float, weeks: int) -> None:
    random = np.random.default_rng([weeks, round(1000 * memory)])
    n, columns = weeks * WEEK, [(f"c{place}", "numerical", "feature") for place in range(60)]

    def table(rows: int) -> pd.DataFrame:
        series = {name: _remembering(random, rows + 3000, memory)[3000:] for name, _, _ in columns}
        return pd.DataFrame(series).assign(at=pd.date_range("2021-01-04", periods=rows, freq="h"))

    reference: Any = table(n)
    thresholds = calibrate(reference, reference["at"], columns, WEEK, LONE)  # type: ignore[arg-type]
    profile = make_profile(reference, columns, LONE)  # type: ignore[arg-type]
    profile = profile.without(outlasted_columns(thresholds))
    fitted = calibrated_parameters(LONE, thresholds)
    alarms = [
        score_window(profile, table(WEEK), fitted)["drifted"].fillna(False).mean() for _ in range(6)
    ]

    # Without the memory 12, 7, 29 and 20 % of the weeks alarm.
    assert np.mean(alarms) <= 0.075 + 0.03


def test_missing_values_are_left_out_of_the_pretended_windows() -> None:
    reference = _hours(8 * WEEK, 5)
    holes = reference["temp"].where(np.random.default_rng(1).random(len(reference)) > 0.2)

    full, gaps = _calibrated(reference), _calibrated(reference.assign(temp=holes))

    assert gaps.at["temp", "reason"] == ""
    assert gaps.at["temp", "threshold"] == pytest.approx(full.at["temp", "threshold"], rel=0.25)


def test_a_window_may_be_given_as_a_length_of_time_whatever_gaps_the_reference_has() -> None:
    hours = _hours(12 * WEEK, 6)
    reference = pd.concat([hours.iloc[: 3 * WEEK], hours.iloc[8 * WEEK :]])

    by_rows, by_time = (_thresholds(reference, window) for window in (WEEK, pd.Timedelta("7 days")))

    pd.testing.assert_frame_equal(by_rows, by_time)


def test_missing_hours_thin_the_pretended_windows_out() -> None:
    hours = _hours(8 * WEEK, 6)
    reference = hours[np.random.default_rng(2).random(len(hours)) > 0.1]

    found = _thresholds(reference, pd.Timedelta("7 days"))

    assert (found["n_blocks"] == 8).all()


def test_a_report_can_be_given_the_calibrated_numbers() -> None:
    reference = _hours(6 * WEEK, 7)
    found = _thresholds(reference)

    parameters = calibrated_parameters(PARAMETERS, found)

    for row in found.itertuples():
        choice = parameters.choice(str(row.column), row.kind)  # type: ignore[arg-type]
        assert (choice.method, choice.threshold) == (row.method, row.threshold)
    assert PARAMETERS.per_column["felt"].threshold == 0.05


@pytest.mark.parametrize(
    "change",
    [
        {"false_alarm_rate": 0},
        {"false_alarm_rate": 0.5},
        {"resamples": 99},
        {"minimum_blocks": 1},
        {"block": "0 days"},
        {"block": 7},
        {"rate": 0.05},
    ],
)
def test_a_calibration_that_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CalibrationParameters.model_validate(change)


def test_a_reference_without_its_moments_or_a_window_without_rows_is_refused() -> None:
    reference = _hours(6 * WEEK, 7)

    for moments in (reference["at"].iloc[1:], reference["at"].where(reference.index > 3)):
        with pytest.raises(ConfigurationError, match="one moment for each row"):
            calibrate(reference, moments, COLUMNS, WEEK, PARAMETERS)
    with pytest.raises(ConfigurationError, match="has no row; take a longer one"):
        _thresholds(reference, pd.Timedelta("1 minute"))
