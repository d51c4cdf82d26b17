from __future__ import annotations

import pandas as pd
import pytest
from pydantic import ValidationError

from regression_lifecycle.core.data.problem import ColumnSpec


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target": "cmt"}, r"target: unknown column 'cmt'; did you mean 'cnt'\?"),
        ({"timestamp": {"date": "dya"}}, r"timestamp.date: unknown column 'dya'; did you mean"),
        (
            {"timestamp": {"date": "day", "hour": "hours"}},
            r"timestamp.hour: unknown column 'hours'; did you mean 'hour'\?",
        ),
        ({"forbidden_columns": {"part_c": "x"}}, "forbidden_columns: unknown column 'part_c'"),
        ({"key": ["station", "timestamp"]}, "key: unknown column 'station'"),
        ({"timestamp": {"name": "load", "date": "day"}}, "'load' is a raw column"),
        ({"timestamp": {"name": "__row", "date": "day"}}, "begin with '__' .*: __row; rename"),
        ({"timestamp": {"date": "sky"}}, "'sky' must be of type date or datetime"),
        ({"timestamp": {"date": "day", "hour": "sky"}}, "'sky' must be of type integer"),
        ({"target": "sky"}, "target 'sky' must be integer, float or boolean"),
        ({"forbidden_columns": {"cnt": "x"}}, "must not be listed under forbidden_columns"),
        ({"key": ["part_a", "timestamp"]}, "'part_a' is listed under forbidden_columns too"),
        ({"horizon": 7}, "has no unit"),
        ({"horizon": "7"}, "has no unit"),
        ({"columns": {}}, "columns"),
        ({"name": "no spaces"}, "name"),
    ],
)
def test_a_description_that_contradicts_itself_is_refused_at_the_start(
    make_problem, changes, message
):
    with pytest.raises(ValidationError, match=message):
        make_problem(**changes)


def test_only_columns_declared_ahead_are_known_ahead(problem):
    ahead = {name for name in problem.columns if problem.is_known_in_advance(name)}
    assert ahead == {"day", "hour", "temp", "sky"}


@pytest.mark.parametrize("name", ["cnt", "part_a", "part_b", "load", "no such column"])
def test_target_forbidden_late_and_unknown_columns_are_never_known_ahead(problem, name):
    assert not problem.is_known_in_advance(name)


def test_even_a_target_declared_ahead_is_not_known_ahead(make_problem, problem):
    columns = {name: spec.model_dump() for name, spec in problem.columns.items()}
    columns["cnt"]["known_in_advance"] = True
    assert not make_problem(columns=columns).is_known_in_advance("cnt")


def test_columns_are_late_unless_they_are_declared_ahead():
    assert ColumnSpec(type="float").known_in_advance is False


def test_the_key_is_the_timestamp_unless_another_is_named(make_problem, problem):
    assert problem.key_columns == ("timestamp",)
    panel = make_problem(key=["sky", "timestamp"])
    assert panel.key_columns == ("sky", "timestamp")
    assert panel.row_order == ("timestamp", "sky")


def test_a_column_named_by_a_number_is_a_name_too(make_problem, problem):
    columns = {name: spec.model_dump() for name, spec in problem.columns.items()}
    columns[2011] = {"type": "float"}
    assert "2011" in make_problem(columns=columns).columns


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"type": "float", "minimum": 2, "maximum": 1}, "minimum 2 is above maximum 1"),
        ({"type": "category", "minimum": 1}, "has no minimum or maximum"),
        ({"type": "text"}, "type"),
        ({"type": "float", "maximun": 1}, r"unknown key 'maximun'; did you mean 'maximum'\?"),
    ],
)
def test_a_column_that_cannot_be_kept_is_refused(spec, message):
    with pytest.raises(ValidationError, match=message):
        ColumnSpec.model_validate(spec)


def test_no_part_of_the_bike_target_is_known_ahead(bike_problem):
    assert {"casual", "registered"} <= set(bike_problem.forbidden_columns)
    assert not any(
        bike_problem.is_known_in_advance(name) for name in ("casual", "registered", "cnt")
    )


@pytest.mark.parametrize(
    ("column", "more", "message"),
    [
        ("laod", {}, r"weight_column: unknown column 'laod'; did you mean 'load'\?"),
        ("sky", {}, "weight_column: 'sky' is of type 'category'"),
        ("cnt", {}, "weight_column: 'cnt' stands under target too"),
        ("hour", {}, "weight_column: 'hour' stands under timestamp.hour too"),
        ("part_a", {}, "weight_column: 'part_a' stands under forbidden_columns too"),
        ("load", {"key": ["load", "timestamp"]}, "weight_column: 'load' stands under key too"),
    ],
)
def test_a_weight_is_a_number_that_is_nothing_else(make_problem, column, more, message):
    with pytest.raises(ValidationError, match=message):
        make_problem(weight_column=column, **more)


def test_a_weight_is_never_missing_and_never_a_feature(make_problem):
    columns = make_problem().model_dump()["columns"]
    columns["load"] |= {"missing": True}
    with pytest.raises(ValidationError, match="weight_column: 'load' has 'missing: true'"):
        make_problem(weight_column="load", columns=columns)
    columns["load"] |= {"missing": False, "known_in_advance": True}
    assert not make_problem(weight_column="load", columns=columns).is_known_in_advance("load")


def test_rows_count_that_have_a_target_and_a_weight(make_problem):
    rows = pd.DataFrame({"cnt": [1.0, None, 3.0, 4.0], "load": [0, 1, 2, 3]})

    problem = make_problem(weight_column="load")
    assert problem.counting(rows).index.tolist() == [2, 3]
    assert problem.weights_of(rows).tolist() == [0.0, 1.0, 2.0, 3.0]
    assert make_problem().counting(rows).index.tolist() == [0, 2, 3]
    assert make_problem().weights_of(rows) is None
