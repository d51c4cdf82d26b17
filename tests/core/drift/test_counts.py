"""Counts of pieces add up to those of the whole, and samples of any length are walked through."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from regression_lifecycle.core.drift.columns import ColumnRole
from regression_lifecycle.core.drift.counts import count_values
from regression_lifecycle.core.drift.methods import METHODS, Kind
from regression_lifecycle.core.drift.parameters import DriftParameters
from regression_lifecycle.core.drift.profile import (
    ReferenceProfile,
    make_profile,
    merge_profiles,
    score_window,
)

LARGE = 2**53
NUMBERS = ("smooth", "ties", "holes", "empty", "infinite", "zeros", "large", "whole", "once")
LABELS = ("sky", "flag", "large", "whole", "ties", "mixed")


def parameters_of(given: str | None = None) -> DriftParameters:
    numerical = {"method": "wasserstein", "threshold": 0.3}
    return DriftParameters.model_validate(
        {"numerical": numerical, "given": given, "maximum_rows": None, "minimum_rows": 2}
    )


def table(n: int, seed: int) -> pd.DataFrame:
    """Columns of all sorts; ``place`` names groups of which each third of the rows has its own."""
    random = np.random.default_rng(seed)
    noise = random.normal(size=n)
    return pd.DataFrame(
        {
            "smooth": noise,
            "ties": noise.round(1),
            "holes": np.where(random.random(n) < 0.3, np.nan, noise),
            "empty": np.full(n, np.nan),
            "infinite": np.where(random.random(n) < 0.1, np.inf, noise),
            "zeros": random.choice([-0.0, 0.0, 1.0], n),
            # Neighbours that are one number as floats, and categories of their own as text.
            "large": LARGE + random.integers(4, size=n),
            "whole": pd.array(random.integers(5, size=n), dtype="Int64"),
            "once": np.where(np.arange(n) == 1, 4.0, np.nan),
            "sky": random.choice(["", " ", "a,b", "nan", "ä", "Z"], n),
            "flag": random.random(n) < 0.4,
            "mixed": pd.Series(random.choice([1, 1.0, "1", None, True, "x"], n), dtype=object),
            "place": np.char.add(random.choice(["a", "b"], n), (np.arange(n) * 3 // n).astype(str)),
        }
    )


def cut(rows: pd.DataFrame, ends: list[int]) -> Iterator[pd.DataFrame]:
    for start, end in zip([0, *ends], [*ends, len(rows)], strict=True):
        yield rows.iloc[start:end].reset_index(drop=True)


def merged(
    parts: Iterator[pd.DataFrame], columns: list[ColumnRole], parameters: DriftParameters
) -> ReferenceProfile:
    return merge_profiles((make_profile(part, columns, parameters) for part in parts), parameters)


@pytest.mark.parametrize("given", [None, "place"])
@pytest.mark.parametrize(
    "ends", [[], [0], [1, 2, 3], [300, 300, 600], list(range(7, 900, 7))], ids=len
)
@pytest.mark.parametrize("as_labels", [False, True])
def test_pieces_are_counted_as_the_whole_is(
    given: str | None, ends: list[int], as_labels: bool
) -> None:
    rows, parameters = table(900, 1), parameters_of(given)
    kind: Kind = "categorical" if as_labels else "numerical"
    columns: list[ColumnRole] = [
        (name, kind, "feature") for name in (LABELS if as_labels else NUMBERS)
    ]

    found = merged(cut(rows, ends), columns, parameters)

    whole = make_profile(rows, columns, parameters)
    pd.testing.assert_frame_equal(found.to_frame(), whole.to_frame(), check_exact=True)
    window = table(200, 2)
    pd.testing.assert_frame_equal(
        score_window(found, window, parameters),
        score_window(whole, window, parameters),
        check_exact=True,
    )


def test_a_spread_keeps_its_digits_far_from_zero() -> None:
    values = np.random.default_rng(0).normal(1e9, 1e-3, 5000).round(4)
    rows, columns = pd.DataFrame({"x": values}), [("x", "numerical", "feature")]

    found = merged(cut(rows, [10, 2000]), columns, parameters_of())  # type: ignore[arg-type]

    # In a running sum of squares nothing would be left of it.
    exact = np.std((values - 1e9) * 1e4) / 1e4
    assert found.columns[0].found.std == pytest.approx(exact, rel=1e-12)


def test_many_pieces_of_few_values_need_no_memory() -> None:
    made: list[weakref.ref[ReferenceProfile]] = []
    most, parameters = 0, parameters_of()

    def profiles() -> Iterator[ReferenceProfile]:
        nonlocal most
        for seed in range(60):
            hours = pd.DataFrame({"hour": np.random.default_rng(seed).integers(24, size=500)})
            profile = make_profile(hours, [("hour", "numerical", "feature")], parameters)
            made.append(weakref.ref(profile))
            yield profile
            del profile
            most = max(most, sum(each() is not None for each in made))

    assert merge_profiles(profiles(), parameters).columns[0].n == 30_000
    assert most <= 3


def test_groups_hold_what_occurs_in_them_and_no_more() -> None:
    random = np.random.default_rng(0)
    rows = pd.DataFrame({"x": random.normal(size=2400), "place": random.integers(24, size=2400)})
    columns: list[ColumnRole] = [("x", "numerical", "feature")]

    assert make_profile(rows, columns, parameters_of("place")).n_values == len(rows)


def test_groups_of_pieces_are_as_many_as_those_of_the_whole() -> None:
    rows = pd.DataFrame({"x": np.arange(120.0), "place": np.arange(120).astype(str)})
    columns: list[ColumnRole] = [("x", "numerical", "feature")]
    parameters = parameters_of("place")

    found = merged(cut(rows, [60]), columns, parameters).columns[0]

    assert found.reason == make_profile(rows, columns, parameters).columns[0].reason
    assert found.reason == "given place: 120 values, at most 100 fit, in reference"
    assert not found.n


def test_a_column_that_one_piece_cannot_read_is_not_compared() -> None:
    good = pd.DataFrame({"x": np.arange(50.0)})
    parts = iter([good, good.assign(x="many"), good])

    found = merged(parts, [("x", "numerical", "feature")], parameters_of()).columns[0]

    assert "not numbers, such as 'many'" in found.reason
    assert not found.has_values(parameters_of())


def _pair(kind: str) -> tuple[Any, Any]:
    random = np.random.default_rng(4)
    before, after = random.normal(size=70_000), random.normal(0.02, 1, 45_000)
    # Both jump where a stretch of 16,384 values ends.
    jump = np.concatenate([np.arange(20_000.0), np.full(20_000, 16_384.0)])
    return {
        "mixed": (before, after),
        # Equal values on both sides of where stretches are cut.
        "ties": (before.round(3), after.round(3)),
        "heavy": (random.binomial(2, 0.5, 30_000) * 1.0, random.binomial(2, 0.51, 20_000) * 1.0),
        "jump": (jump, np.concatenate([jump, np.zeros(900)])),
        "few": (before, after[:40]),
        "constant": (np.full(50_000, 0.5), after),
        "apart": (before, after + 100),
        "nested": (before * 1e-6, after),
    }[kind]


@pytest.mark.parametrize(
    "kind", ["mixed", "ties", "heavy", "jump", "few", "constant", "apart", "nested"]
)
@pytest.mark.parametrize("swapped", [False, True])
def test_long_samples_are_scored_as_scipy_scores_them(kind: str, swapped: bool) -> None:
    pair = _pair(kind)[:: -1 if swapped else 1]
    reference, current = (count_values(values) for values in pair)

    distance = METHODS["wasserstein"].score(reference, current)
    p_value = METHODS["ks"].score(reference, current)

    if reference.ends[0] < reference.ends[1]:
        expected = stats.wasserstein_distance(*pair) / np.std(pair[0])
        assert distance == pytest.approx(expected, rel=1e-9)
    assert p_value == pytest.approx(stats.ks_2samp(*pair, method="asymp").pvalue, rel=1e-9, abs=0)
