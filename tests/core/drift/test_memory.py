"""What a column remembers, and what a reference is worth to it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter

from regression_lifecycle.core.drift.memory import Memory, cut_parts, measure_memory
from regression_lifecycle.core.drift.resampling import cells

WEEK = 168


def remembering(n: int, memory: float, seed: int) -> Any:
    """An autoregressive series with variance 1, long settled."""
    noise = np.random.default_rng(seed).normal(0, np.sqrt(1 - memory**2), n + 5000)
    return lfilter([1.0], [1.0, -memory], noise)[5000:]


def hours(n: int) -> Any:
    return pd.date_range("2021-01-04", periods=n, freq="h").to_numpy()


def memory_of(
    values: Any, window_rows: int = WEEK, moments: Any = None, groups: Any = None
) -> Memory:
    kind: Any = "numerical" if np.asarray(values).dtype.kind == "f" else "categorical"
    moments = hours(len(values)) if moments is None else moments
    return measure_memory(
        *cells(values, kind),
        kind,
        cut_parts(moments, window_rows),
        len(values) / window_rows,
        np.zeros(len(values), "int64") if groups is None else groups,
    )


@pytest.mark.parametrize(("window_rows", "season"), [(12, 24), (13, 24), (84, WEEK), (85, WEEK)])
def test_a_window_of_half_a_season_or_more_is_measured_by_the_whole_one(
    window_rows: int, season: int
) -> None:
    parts = cut_parts(hours(8 * season), window_rows)

    assert (parts.n_windows, parts.n_parts) == (8, 7)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.95, 0.9995])
@pytest.mark.parametrize(("n_parts", "n_windows"), [(1, 6), (7, 13)])
def test_the_worth_of_a_reference_is_that_of_the_covariance_of_its_parts(
    share: float, n_parts: int, n_windows: int
) -> None:
    def variance(n: int) -> float:
        place = np.arange(n)
        return float((share ** np.abs(place[:, None] - place)).mean())

    memory = Memory(share, n_parts, n_windows)

    window, reference = variance(n_parts), variance(n_parts * n_windows)
    assert memory.independent_windows == pytest.approx(window / reference, rel=1e-6)
    # A window and the reference are both uncertain; its blocks differ from their own mean only.
    assert memory.understatement() ** 2 == pytest.approx(
        (window + reference) / ((window - reference) * (1 + 1 / n_windows)), rel=1e-6
    )


def test_without_memory_windows_count_in_full_and_few_are_widened_most() -> None:
    few, many = Memory(0.0, 7, 4), Memory(0.0, 7, 52)

    assert few.independent_windows == pytest.approx(4)
    assert few.understatement() * few.uncertainty(0.05) == pytest.approx(1.442, abs=0.001)
    assert many.understatement() * many.uncertainty(0.05) == pytest.approx(1.026, abs=0.001)
    # Blocks of a day are seven times as many.
    assert few.understatement(7) == pytest.approx(1 / np.sqrt(1 - 1 / 28))
    assert Memory(0.8, 7, 13).uncertainty(0.05) > Memory(0.0, 7, 13).uncertainty(0.05)


@pytest.mark.parametrize(("memory", "weeks"), [(0.5, 8), (0.98, 8), (0.98, 30), (0.995, 30)])
def test_what_is_found_is_what_the_column_remembers_however_short_the_reference(
    memory: float, weeks: int
) -> None:
    day = np.arange(24 * 40)
    covariance = memory ** np.abs(day[:, None] - day)
    of_weeks = covariance[:WEEK, :WEEK].mean()
    # Of days, which is what the share of a part is about.
    lasting = covariance[:24, 24:48].mean() / covariance[:24, :24].mean()

    found = [memory_of(remembering(weeks * WEEK, memory, seed)).share for seed in range(60)]

    assert of_weeks > 0
    assert np.median(found) == pytest.approx(lasting, abs=0.08)


@pytest.mark.parametrize("window_rows", [WEEK, 120, 24, 20])
def test_seasons_are_no_memory_even_for_a_window_of_few_rows(window_rows: int) -> None:
    n = 8 * WEEK
    clock = np.arange(n)
    cycle = 5 * np.sin(2 * np.pi * clock / 24) + remembering(n, 0.0, 1)
    weekend = 0.0 if window_rows < WEEK / 2 else 3.0 * ((clock // 24) % 7 >= 5)

    found = memory_of(cycle + weekend, window_rows)

    assert found.independent_windows > 0.85 * n / window_rows
    assert not found.outlasts
    # The hour itself has nothing else, whatever rounding leaves over.
    assert not memory_of(1.0 * (clock % 24), window_rows).outlasts


def test_a_trend_a_lasting_level_and_lasting_categories_outlast_a_short_reference() -> None:
    n = 6 * WEEK
    trend = np.linspace(0, 1, n) + 0.1 * remembering(n, 0.0, 1)
    level = remembering(n, 0.999, 2)
    sky = np.repeat(np.array(["clear", "rain", "clear"], dtype=object), n // 3)

    assert memory_of(trend).outlasts
    assert memory_of(level).outlasts
    assert memory_of(sky).outlasts
    # A year of the same level is long enough.
    assert not memory_of(remembering(104 * WEEK, 0.999, 2)).outlasts


def test_memory_is_seen_behind_the_noise_of_single_rows() -> None:
    days = pd.date_range("2021-01-04", periods=40 * 7, freq="D").to_numpy()

    def worth(memory: float) -> float:
        found = []
        for seed in range(20):
            noise = np.random.default_rng(seed).normal(size=len(days))
            values = remembering(len(days), memory, seed) + noise
            found.append(memory_of(values, 7, days).independent_windows)
        return float(np.median(found))

    # Of 40 weeks; neighbouring days alone, half of which is noise, would say 26.
    assert worth(0.98) < 12
    assert worth(0.0) > 36


def test_gaps_and_missing_values_are_no_memory() -> None:
    n = 12 * WEEK
    values = remembering(n, 0.8, 6) + np.sin(2 * np.pi * np.arange(n) / 24)
    holes = np.where(np.random.default_rng(1).random(n) < 0.3, np.nan, values)
    kept = np.r_[0 : 3 * WEEK, 8 * WEEK : n]
    silent = np.where((np.arange(n) // 24) % 9 == 0, np.nan, values)

    for some, moments in ((holes, hours(n)), (silent, hours(n)), (values[kept], hours(n)[kept])):
        found = memory_of(some, moments=moments)
        assert found.independent_windows > 0.8 * len(some) / WEEK


def test_what_the_groups_explain_is_not_remembered() -> None:
    n = 8 * WEEK
    months = np.arange(n) // (4 * WEEK)
    values = 5.0 * months + remembering(n, 0.0, 1)

    assert memory_of(values).outlasts
    assert not memory_of(values, groups=months).outlasts


def test_series_at_the_same_moments_are_one_level() -> None:
    weeks, series = 10, 30
    moments = np.repeat(hours(weeks * WEEK), series)
    values = np.random.default_rng(0).normal(size=len(moments))

    found = memory_of(values, WEEK * series, moments)

    assert found.n_parts == 7
    assert found.independent_windows > 9


@pytest.mark.parametrize("values", [[1.0], [1.0, 1.0, 1.0], [np.nan, np.nan, 1.0]])
def test_a_column_that_tells_nothing_remembers_nothing(values: list[float]) -> None:
    assert memory_of(np.array(values), 1).share == 0.0
