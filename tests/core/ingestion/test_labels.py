from __future__ import annotations

import pandas as pd
import pytest

from regression_lifecycle.core.data.tables import LABELS
from regression_lifecycle.core.errors import DataContractError
from regression_lifecycle.core.ingestion.contract import IngestionParameters, enforce_contract
from regression_lifecycle.core.ingestion.labels import (
    LabelParameters,
    accept_labels,
    join_labels,
    label_columns,
    read_labels,
)
from tests.readers import reader

LENIENT = LabelParameters(maximum_rejected_share=1)


def labels_of(*rows, names=("timestamp", "cnt")):
    return pd.DataFrame([dict(zip(names, row, strict=True)) for row in rows])


def accepted(table, problem, parameters=LENIENT):
    return accept_labels(table, problem, parameters)


def test_a_label_names_its_row_by_the_timestamp_or_by_what_that_is_made_of(problem):
    stamped = accepted(labels_of(("2021-03-01 05:00", 12)), problem).observations
    raw = accepted(
        labels_of(("2021-03-01", 5, 12), names=("day", "hour", "cnt")), problem
    ).observations

    pd.testing.assert_frame_equal(stamped, raw)
    assert list(stamped.columns) == list(LABELS.columns)
    assert stamped.to_dict("records") == [
        {
            "problem": "tiny",
            "row_key": "2021-03-01 05:00:00",
            "timestamp": pd.Timestamp("2021-03-01 05:00"),
            "target": 12.0,
        }
    ]


def test_a_label_of_a_table_with_its_own_key_needs_no_timestamp(make_problem):
    problem = make_problem(key=["hour"])
    table = labels_of((7, 12.0), names=("hour", "cnt"))

    result = accepted(table, problem)

    assert result.observations["row_key"].tolist() == ["7"]
    assert result.observations["timestamp"].isna().all()


def test_the_last_value_of_a_row_counts(problem):
    table = labels_of(("2021-03-01 05:00", 12), ("2021-03-01 06:00", 1), ("2021-03-01 05:00", 13))

    labels = accepted(table, problem).observations

    assert dict(zip(labels["row_key"], labels["target"], strict=True)) == {
        "2021-03-01 06:00:00": 1.0,
        "2021-03-01 05:00:00": 13.0,
    }


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "cnt is missing"),
        (-1, "cnt is below 0"),
        (1.5, "cnt is not a whole number"),
        ("many", "cnt is not a number"),
    ],
)
def test_a_bad_label_is_set_aside_with_its_reason(problem, value, reason):
    table = labels_of(("2021-03-01 05:00", 12), ("2021-03-01 06:00", value))

    result = accepted(table, problem)

    assert result.observations["target"].tolist() == [12.0]
    assert result.rejected["raw_row"].tolist() == [2]
    assert reason in result.rejected["rejection_reason"][0]


@pytest.mark.parametrize("moment", ["soon", "2021-03-01T06:00Z", None])
def test_a_label_without_a_local_time_is_set_aside(problem, moment):
    result = accepted(labels_of(("2021-03-01 05:00", 1), (moment, 2)), problem)

    assert result.observations["target"].tolist() == [1.0]
    assert "timestamp" in result.rejected["rejection_reason"][0]


def test_a_label_is_read_as_its_column_is_declared(make_problem):
    problem = make_problem(
        timestamp={"date": "at"},
        key=["timestamp", "shop", "id"],
        columns={
            "at": {"type": "datetime", "zone": "Europe/Berlin"},
            "shop": {"type": "category"},
            "id": {"type": "integer"},
            "cnt": {"type": "float", "format": "1.234,5"},
        },
        forbidden_columns={},
    )
    names = ("timestamp", "shop", "id", "cnt")
    table = labels_of(("2021-07-01T10:00Z", " 001", str(2**53 + 1), "1.234,5"), names=names)

    labels = accepted(table, problem).observations

    assert labels["row_key"].tolist() == ["2021-07-01 12:00:00|001|9007199254740993"]
    assert labels["target"].tolist() == [1234.5]


def test_too_many_bad_labels_refuse_the_batch(problem):
    table = labels_of(("2021-03-01 05:00", -1), ("2021-03-01 06:00", 2))

    with pytest.raises(DataContractError, match=r"1 of 2 rows \(50.0%\).*cnt is below 0"):
        accept_labels(table, problem, LabelParameters())


def test_what_a_label_needs_is_said(problem):
    with pytest.raises(DataContractError, match=r"missing columns: cnt; a label needs"):
        accepted(pd.DataFrame({"timestamp": ["2021-03-01"]}), problem)
    with pytest.raises(DataContractError, match=r"missing columns: day, hour"):
        accepted(pd.DataFrame({"cnt": [1]}), problem)
    assert label_columns(problem, stamped=True) == ["timestamp", "cnt"]
    assert label_columns(problem, stamped=False) == ["day", "hour", "cnt"]


# --- where they go ------------------------------------------------------------------------------


def test_labels_fill_and_correct_the_rows_they_belong_to(problem, observations):
    table = labels_of(("2021-03-01 05:00", 1000), ("2021-03-02 00:00", 2000), ("2031-01-01", 3))
    labels = accepted(table, problem).observations

    joined = join_labels(observations, labels, problem).observations

    changed = joined[joined["cnt"] != observations["cnt"]]
    assert changed["cnt"].tolist() == [1000, 2000]
    assert changed["timestamp"].dt.hour.tolist() == [5, 0]
    assert joined.dtypes.equals(observations.dtypes)
    assert observations["cnt"].max() < 1000


def test_a_table_whose_targets_come_late_gets_them_from_the_labels(make_problem, raw):
    columns = make_problem().model_dump(mode="json")["columns"]
    columns["cnt"]["missing"] = True
    problem = make_problem(columns=columns)
    unknown = enforce_contract(raw.assign(cnt=None), problem, IngestionParameters()).observations
    labels = accepted(labels_of(("2021-03-01 05:00", 12)), problem).observations

    joined = join_labels(unknown, labels, problem).observations

    assert joined["cnt"].notna().sum() == 1
    assert joined["cnt"].iloc[5] == 12


def test_labels_of_another_problem_are_left_alone(problem, observations):
    labels = accepted(labels_of(("2021-03-01 05:00", 1000)), problem).observations

    joined = join_labels(observations, labels.assign(problem="huge"), problem)
    assert joined.observations is observations
    assert joined.unused.empty


def test_keys_of_several_parts_find_each_other_whatever_type_the_file_gave_them(make_problem, raw):
    problem = make_problem(key=["timestamp", "hour"])
    observations = enforce_contract(raw, problem, IngestionParameters()).observations
    # As a reader gives them where another row of the file is blank.
    table = pd.DataFrame({"timestamp": ["2021-03-01 05:00"], "hour": [5.0], "cnt": ["1000"]})

    labels = accepted(table, problem).observations
    joined = join_labels(observations, labels, problem).observations

    assert joined["cnt"].iloc[5] == 1000


def test_only_labels_of_rows_that_the_table_may_have_are_read(problem, make_problem):
    moments = pd.to_datetime(["2021-02-28 23:00", "2021-03-01 00:00", "2022-01-01 00:00"])
    labels = LABELS.frame(
        pd.DataFrame({"row_key": moments.astype(str), "timestamp": moments, "target": 1.0}).assign(
            problem=problem.name
        )
    )
    table = pd.DataFrame({"timestamp": pd.date_range("2021-03-01", periods=4, freq="h")})
    read = reader(pd.concat([labels, labels.assign(problem="other")]))

    found = read_labels(read, table, problem)

    assert found["timestamp"].tolist() == [*moments[1:]]
    assert set(found["problem"]) == {problem.name}
    # A key without a time says nothing about when its row is.
    columns = {**problem.model_dump()["columns"], "id": {"type": "integer"}}
    numbered = make_problem(columns=columns, key=["id"])
    assert len(read_labels(read, table, numbered)) == 3
