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
        (lambda y, r: 5 * (y / 5).round(), "copy"),
        (lambda y, r: y // 20, "function"),
        (lambda y, r: (y > np.quantile(y, 0.7)) * 1.0, "function"),
        (lambda y, r: np.log1p(y), "function"),
        (lambda y, r: np.log(y), "function"),
        (lambda y, r: np.exp(-y / 20), "function"),
        (lambda y, r: np.sqrt(y), "function"),
        (lambda y, r: pd.Series(pd.qcut(y, 4, labels=list("abcd"))).astype("str"), "function"),
    ],
    ids=[
        "copy",
        "noise",
        "much noise",
        "scaled",
        "rounded",
        "fives",
        "steps",
        "flag",
        "log1p",
        "log",
        "exp",
        "root",
        "bins",
    ],
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


def test_a_copy_far_from_zero_is_in_the_unit_of_the_target_too(random):
    y = 1000 + random.normal(0, 10, N)

    assert leaks({"x": 5 * (y / 5).round(), "y": y}) == {"x": "function"}


def test_the_target_shifted_by_a_label_of_another_column_is_found(random):
    y = target(random)
    group = random.choice(["a", "b", "c"], N)
    shift = pd.Series(group).map({"a": 100, "b": -200, "c": 3000}).to_numpy()
    strong = y + shift + random.normal(0, 0.2 * y.std(), N)

    assert leaks({"x": y + shift, "group": group, "y": y}) == {"x": "copy"}
    assert leaks({"x": strong, "group": group, "y": y}) == {}
    assert (
        leaks({"mean": pd.Series(y).groupby(group).transform("mean"), "group": group, "y": y}) == {}
    )


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda y: y.rolling(3, center=True).mean(), "later"),
        (lambda y: y.rolling(7).mean(), "function"),
        (lambda y: y - y.shift(1), "function"),
        (lambda y: y.shift(-1) + y.shift(-2), "later"),
        (lambda y: y.cumsum(), "function"),
    ],
    ids=["centred mean", "trailing mean", "change", "sum of the next", "running total"],
)
def test_sums_of_the_target_that_reach_its_own_row_are_found(make, kind, random):
    y = pd.Series(random.normal(50, 5, N))

    assert leaks({"x": make(y), "y": y}, in_time=True) == {"x": kind}


def test_sums_of_earlier_targets_are_features_and_no_leak(random):
    calm = pd.Series(random.normal(50, 5, N))
    walk = 100 + pd.Series(random.normal(size=N)).cumsum()
    for y in (calm, walk):
        columns = {
            "week": y.shift(1).rolling(7).mean(),
            "trend": y.shift(1) - y.shift(8),
            "total": y.shift(1).cumsum(),
        }
        assert leaks({**columns, "y": y}, in_time=True) == {}


def test_what_is_known_of_a_day_is_no_stretch_of_the_target(random):
    """Neither does a column that is the same in all rows with a target above zero stop anything."""
    is_open = pd.Series(random.random(N) < 0.8) * 1.0
    sales = is_open * (10 + pd.Series(target(random)))
    year = pd.Series(2020 + np.arange(N) // 100)

    assert leaks({"open": is_open, "z": random.normal(size=N), "y": sales}) == {}
    assert leaks({"state": is_open.map({0: "closed", 1: "open"}), "y": sales}) == {}
    assert leaks({"year": year * 1.0, "y": np.arange(N) * 1.0}, in_time=True) == {}


def test_a_time_is_found_of_which_the_target_is_the_distance(random):
    created = pd.Series(pd.date_range("2024-01-01", periods=N, freq="2h"))
    hours = pd.Series(random.gamma(2, 10, N)).round(2)
    delivered = created + pd.to_timedelta((hours * 3600).round(), unit="s")
    due = created + pd.Timedelta("3 days")
    columns = {"delivered": delivered, "due": due, "y": hours}

    (leak,) = find_leaks(columns, "y", created)
    assert (leak.column, leak.kind) == ("delivered", "part")
    assert "hours between the row's own time and 'delivered'" in leak.reason
    assert leaks({"created": created, **columns}) == {"created": "part", "delivered": "part"}
