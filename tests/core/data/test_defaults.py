"""What follows from a table's frequency, horizon and columns."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from regression_lifecycle.core.config import to_timestamp
from regression_lifecycle.core.data.defaults import derive_defaults
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.durations import read_duration, usual_length
from regression_lifecycle.core.features.parameters import PreprocessingParameters


def problem(frequency: str = "1 hour", horizon: str = "1 day", **changes: Any) -> Problem:
    return Problem.model_validate(
        {
            "name": "sales",
            "target": "sold",
            "timestamp": {"date": "day"},
            "frequency": frequency,
            "horizon": horizon,
            "columns": {
                "day": {"type": "datetime", "known_in_advance": True},
                "shop": {"type": "category", "known_in_advance": True},
                "open": {"type": "boolean", "known_in_advance": True},
                "code": {"type": "integer", "allowed": [1, 2], "known_in_advance": True},
                "grade": {"type": "category", "known_in_advance": True},
                "price": {"type": "float", "known_in_advance": True},
                "visitors": {"type": "integer"},
                "sold": {"type": "float", "minimum": 0},
            },
            **changes,
        }
    )


@pytest.mark.parametrize(
    ("frequency", "horizon", "window", "season", "block", "short_block", "age"),
    [
        ("1 minute", "1 hour", "28 days", "7 days", "7 days", "1 day", "84 days"),
        ("15 minutes", "1 day", "28 days", "7 days", "7 days", "1 day", "84 days"),
        ("1 hour", "7 days", "28 days", "7 days", "7 days", "1 day", "84 days"),
        ("1 day", "14 days", "28 days", "364 days", "7 days", "7 days", "84 days"),
        ("1 day", "400 days", "28 days", "728 days", "7 days", "7 days", "84 days"),
        ("1 week", "2 weeks", "140 days", "364 days", "28 days", "28 days", "420 days"),
        # No number of years of whole weeks is a multiple, and a season must hit a row.
        ("30 days", "60 days", "600 days", None, "120 days", "120 days", "1800 days"),
        ("1 month", "1 month", "1 year", "1 year", "1 quarter", "1 quarter", "2 years"),
        ("1 month", "18 months", "1 year", "2 years", "1 quarter", "1 quarter", "2 years"),
        # Of 31 days a month is not always as much.
        ("1 month", "31 days", "1 year", "1 year", "1 quarter", "1 quarter", "2 years"),
        ("1 quarter", "1 quarter", "3 years", "1 year", "6 months", "6 months", "6 years"),
        ("1 year", "1 year", "10 years", None, "1 year", "1 year", "20 years"),
    ],
)
def test_lengths_follow_frequency_and_horizon(
    frequency: str,
    horizon: str,
    window: str,
    season: str | None,
    block: str,
    short_block: str,
    age: str,
) -> None:
    derived = derive_defaults(problem(frequency, horizon))

    assert derived["window_length"] == window
    assert read_duration(derived["gap"]) == read_duration(horizon)
    assert derived["season"] == season
    assert (derived["block"], derived["short_block"]) == (block, short_block)
    assert derived["maximum_age"] == age


def test_a_season_is_no_younger_than_the_labels() -> None:
    late = {"label_delay": "2 days"}
    assert derive_defaults(problem("1 day", "6 days", **late))["season"] == "364 days"
    assert derive_defaults(problem("1 day", "5 days", **late))["season"] == "7 days"


@pytest.mark.parametrize(
    "frequency", ["1 hour", "1 day", "1 week", "1 month", "1 quarter", "1 year"]
)
def test_two_windows_are_enough_for_a_retraining(frequency: str) -> None:
    derived = derive_defaults(problem(frequency, "1 year"))
    window, block, step = (
        usual_length(read_duration(derived.get(name, frequency)))
        for name in ("window_length", "short_block", "frequency")
    )

    assert derived["retraining_rows"] <= 2 * window / step
    assert derived["window_rows"] < window / step
    # retraining.gate.comparison.minimum_blocks
    assert 2 * window / block >= 5
    assert derived["fallback_share"] == 0.2


def test_new_series_have_no_past() -> None:
    assert derive_defaults(problem(key=["timestamp", "shop"]))["fallback_share"] == 0.5


def test_a_table_without_a_time_counts_rows() -> None:
    derived = derive_defaults(problem(timestamp={"rows": True}, frequency="1 second"))

    lengths = ("window_length", "block", "short_block", "maximum_age")
    rows = [pd.Timedelta(derived[name]) / pd.Timedelta("1 second") for name in lengths]
    assert rows == [100, 25, 7, 1000]
    assert derived["season"] is None
    assert "calendar_weekday" not in derived["segments"]


def test_features_are_what_is_known_in_advance() -> None:
    for changes in ({}, {"timestamp": {"rows": True}}, {"key": ["timestamp", "shop"]}):
        described = problem(**changes)
        derived = derive_defaults(described)

        preprocessing = PreprocessingParameters.model_validate(
            {"features": derived["features"], "split": {"kind": "share", "holdout_share": 0.2}}
        )
        preprocessing.check(described)
        names = preprocessing.feature_names
        assert {"price", "open", "time_index"} <= set(names)
        assert not {"visitors", "sold", "day"} & set(names)
    assert "shop" not in names


@pytest.mark.parametrize(
    ("frequency", "parts"),
    [
        ("1 hour", ["hour", "weekday", "day_of_year", "month"]),
        ("1 day", ["weekday", "day_of_year", "month"]),
        ("7 days", ["day_of_year", "month"]),
        ("30 days", ["month"]),
        ("1 month", ["month"]),
        ("1 quarter", ["month"]),
        ("1 year", []),
    ],
)
def test_calendar_parts_are_those_that_differ_between_rows(
    frequency: str, parts: list[str]
) -> None:
    (calendar,) = [
        spec
        for spec in derive_defaults(problem(frequency, "1 year"))["features"]
        if spec["kind"] == "calendar"
    ] or [{"parts": []}]

    assert calendar["parts"] == parts


def test_a_column_is_not_made_a_second_time_by_the_calendar() -> None:
    columns = problem().model_dump()["columns"]
    columns["weekday"] = {"type": "integer", "known_in_advance": True}

    derived = derive_defaults(problem(columns=columns))

    made = [spec for spec in derived["features"] if spec["kind"] == "calendar"]
    assert "weekday" not in made[0]["parts"]


@pytest.mark.parametrize("spec", [{"type": "datetime"}, {"type": "integer"}])
def test_a_column_that_is_no_feature_takes_no_part_of_the_calendar(spec: dict[str, str]) -> None:
    columns = {**problem().model_dump()["columns"], "month": spec}

    derived = derive_defaults(problem(columns=columns, timestamp={"date": "day"}))

    made = [spec for spec in derived["features"] if spec["kind"] == "calendar"]
    assert "month" in made[0]["parts"]


def test_segments_hold_labels_and_are_few() -> None:
    derived = derive_defaults(problem())

    assert derived["segments"] == ["shop", "open", "code", "calendar_weekday"]


@pytest.mark.parametrize("frequency", ["1 hour", "1 day", "7 days"])
def test_segments_are_columns_that_the_holdout_has(frequency: str) -> None:
    described = problem(frequency, "60 days")
    derived = derive_defaults(described)

    preprocessing = PreprocessingParameters.model_validate(
        {"features": derived["features"], "split": {"kind": "share", "holdout_share": 0.2}}
    )
    known = {*described.columns_known_in_advance, *preprocessing.feature_names}
    assert set(derived["segments"]) <= known


def test_the_time_index_begins_at_a_moment() -> None:
    (index,) = (s for s in derive_defaults(problem())["features"] if s["kind"] == "time_index")
    assert to_timestamp(index["origin"]) == pd.Timestamp("2000-01-01")


def test_the_segments_name_the_weekday_only_if_it_is_a_feature() -> None:
    table = problem("1 day")
    assert "calendar_weekday" in derive_defaults(table)["segments"]
    assert "calendar_weekday" in derive_defaults(table, ["calendar_weekday"])["segments"]
    assert derive_defaults(table, ["price"])["segments"] == ["shop", "open", "code"]


@pytest.mark.parametrize("frequency", ["1 day", "2 days", "1 week", "1 month", "1 quarter"])
def test_a_window_with_a_gap_has_values_enough_for_drift(frequency: str) -> None:
    derived = derive_defaults(problem(frequency, frequency))
    rows = read_duration(derived["window_length"]), read_duration(frequency)
    assert derived["drift_rows"] <= 0.8 * (usual_length(rows[0]) / usual_length(rows[1]))


def test_at_no_fixed_distance_no_row_lies_a_season_back() -> None:
    assert derive_defaults(problem("1 day"))["season"] is not None
    assert derive_defaults(problem("1 day", irregular=True))["season"] is None


def history(**changes: Any) -> dict[str, list[str]]:
    features = derive_defaults(problem(**changes))["features"]
    return {spec["name"]: spec["ages"] for spec in features if spec["kind"] == "lag"}


@pytest.mark.parametrize(
    ("frequency", "horizon", "level", "season"),
    [
        (
            "1 day",
            "7 days",
            [f"{n} days" for n in range(7, 14)],
            ["7 days", "14 days", "21 days"],
        ),
        ("1 quarter", "1 quarter", None, ["1 year", "2 years", "3 years"]),
        ("1 year", "1 year", ["1 year", "2 years", "3 years"], None),
    ],
)
def test_of_several_series_each_brings_its_level_and_season(
    frequency: str, horizon: str, level: list[str] | None, season: list[str] | None
) -> None:
    found = history(frequency=frequency, horizon=horizon, key=["timestamp", "shop"])

    if level is not None:
        assert found["series_level"] == level
    assert found.get("series_season") == season
    assert history(frequency=frequency, horizon=horizon) == {}


def test_the_level_is_seen_at_all_times_of_a_long_season() -> None:
    ages = history(frequency="1 hour", horizon="1 day", key=["timestamp", "shop"])["series_level"]

    assert [pd.Timedelta(age) / pd.Timedelta("1 hour") for age in ages] == [
        24 + 14 * count for count in range(12)
    ]


def test_no_age_is_younger_than_the_labels() -> None:
    late = {"horizon": "1 month", "label_delay": "1 month", "frequency": "1 month"}
    found = history(key=["timestamp", "shop"], **late)

    assert found["series_level"][0] == "2 months"
    assert len(found["series_level"]) == 12


@pytest.mark.parametrize(("n_labels", "is_feature"), [(20, True), (21, False)])
def test_a_key_of_few_labels_is_a_feature(n_labels: int, is_feature: bool) -> None:
    described = problem(key=["timestamp", "shop"])
    columns = {name: spec.model_dump(exclude_none=True) for name, spec in described.columns.items()}
    columns["shop"]["allowed"] = [f"s{one}" for one in range(n_labels)]
    (first, *_) = derive_defaults(problem(key=["timestamp", "shop"], columns=columns))["features"]

    assert ("shop" in first["names"]) == is_feature


def test_rows_without_a_time_have_no_history() -> None:
    assert history(timestamp={"rows": True}, frequency="1 second", key=["timestamp", "shop"]) == {}
