"""Columns that give the target away, and strong ones that do not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes

from regression_lifecycle.core.profiling.leaks import find_leaks
from tests.conftest import ROOT

N = 600


@pytest.fixture
def random():
    return np.random.default_rng(0)


def leaks(columns, y="y", in_time=False):
    table = pd.DataFrame(columns)
    moments = pd.Series(pd.date_range("2024-01-01", periods=len(table))) if in_time else None
    return {leak.column: leak.kind for leak in find_leaks(dict(table.items()), y, moments)}


def target(random):
    return random.gamma(2, 10, N)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda y, r: y, "copy"),
        (lambda y, r: y + r.normal(0, 0.02 * y.std(), N), "copy"),
        (lambda y, r: y + r.normal(0, 0.1 * y.std(), N), "copy"),
        (lambda y, r: -3 * y + 7, "copy"),
        (lambda y, r: y.round(), "copy"),
        (lambda y, r: np.log1p(y), "function"),
        (lambda y, r: np.log(y), "function"),
        (lambda y, r: np.exp(-y / 20), "function"),
        (lambda y, r: np.sqrt(y), "function"),
        (lambda y, r: pd.Series(pd.qcut(y, 4, labels=list("abcd"))).astype("str"), "function"),
    ],
    ids=["copy", "noise", "much noise", "scaled", "rounded", "log1p", "log", "exp", "root", "bins"],
)
def test_the_target_in_other_clothes_is_found(make, kind, random):
    y = target(random)

    assert leaks({"x": make(y, random), "z": random.normal(size=N), "y": y}) == {"x": kind}


@pytest.mark.parametrize(
    ("make", "in_time"),
    [
        (lambda a, b, c: a + b, False),
        (lambda a, b, c: a - b, False),
        (lambda a, b, c: a * b, False),
        (lambda a, b, c: (a * b).round(2), False),
        (lambda a, b, c: a / b, False),
        (lambda a, b, c: a + b + c, False),
        (lambda a, b, c: a + b, True),
    ],
    ids=["sum", "difference", "product", "rounded", "quotient", "three", "in time"],
)
def test_parts_of_the_target_are_found(make, in_time, random):
    a, b, c = random.gamma(2, 10, N), random.gamma(3, 5, N) + 1, random.gamma(2, 7, N)
    y = make(a, b, c)
    found = leaks({"a": a, "b": b, "c": c, "z": random.normal(size=N), "y": y}, in_time=in_time)

    assert {"a", "b"} <= set(found)
    assert set(found.values()) == {"part"}
    assert "z" not in found


def test_the_parts_of_the_shipped_tables_are_found_and_nothing_else():
    for name in ("hour.csv", "day.csv"):
        table = pd.read_csv(ROOT / "data" / "01_raw" / name).drop(columns=["dteday"])
        moments = pd.Series(pd.date_range("2011-01-01", periods=len(table), freq="h"))
        found = find_leaks(dict(table.items()), "cnt", moments)
        assert {leak.column: leak.kind for leak in found} == {
            "casual": "part",
            "registered": "part",
        }


def test_the_value_of_a_later_row_is_found(random):
    y = pd.Series(10 + np.cumsum(random.normal(size=N)))

    assert leaks({"next": y.shift(-1), "y": y}, in_time=True) == {"next": "later"}
    assert leaks({"week": y.shift(-7), "y": y}, in_time=True) == {"week": "later"}


def test_earlier_values_are_features_and_no_leak(random):
    walk = pd.Series(100 + np.cumsum(random.normal(size=N)))
    calm = pd.Series(random.normal(size=N))

    assert leaks({"last": walk.shift(1), "week": walk.shift(7), "y": walk}, in_time=True) == {}
    assert leaks({"last": calm.shift(1), "y": calm}, in_time=True) == {}


def test_what_grows_with_time_is_alike_and_no_leak(random):
    trend = np.arange(N) * 1.0
    columns = {
        "population": 1000 + 3 * trend + random.normal(size=N),
        "row": trend,
        "y": 50 + trend + random.normal(0, 2, N),
    }

    assert leaks(columns, in_time=True) == {}


def test_a_column_that_is_filled_only_when_the_target_is_is_found(random):
    y = pd.Series(target(random)).where(random.random(N) > 0.3)
    paid = pd.Series(random.normal(size=N)).where(y.notna())
    zeros = pd.Series(np.where(random.random(N) < 0.5, 0, target(random)))

    assert leaks({"paid": paid, "y": y}) == {"paid": "filled"}
    assert leaks({"won": pd.Series("x", index=zeros.index).where(zeros > 0), "y": zeros}) == {
        "won": "filled"
    }


def test_missing_values_of_their_own_are_no_leak(random):
    y = pd.Series(target(random)).where(random.random(N) > 0.3)
    x = pd.Series(random.normal(size=N)).where(random.random(N) > 0.3)

    assert leaks({"x": x, "y": y}) == {}


@pytest.mark.parametrize("r2", [0.5, 0.9, 0.95, 0.97])
@pytest.mark.parametrize("slope", [3, 1, -0.2])
def test_a_strong_feature_is_no_leak(r2, slope, random):
    x = random.normal(size=N)
    noise = abs(slope) * np.sqrt((1 - r2) / r2)
    y = 5 + slope * x + random.normal(0, noise, N)

    assert leaks({"x": x, "y": y}) == {}


def test_two_ordinary_features_are_no_parts(random):
    a, b = random.normal(size=N), random.normal(size=N)

    assert leaks({"a": a, "b": b, "y": a + b + random.normal(0, 0.5, N)}) == {}


def test_diabetes_has_no_leak():
    table = load_diabetes(as_frame=True).frame

    assert find_leaks(dict(table.items()), "target") == []


def test_within_series_the_later_value_is_that_of_the_same_series(random):
    days, shops = 80, 5
    y = pd.Series(random.normal(size=days * shops) + np.tile(np.arange(shops) * 10, days))
    series = pd.Series(np.tile(np.arange(shops), days))
    moments = pd.Series(np.repeat(pd.date_range("2024-01-01", periods=days), shops))
    later = y.groupby(series).shift(-1)

    (leak,) = find_leaks({"x": later, "y": y}, "y", moments, series)

    assert (leak.column, leak.kind) == ("x", "later")
