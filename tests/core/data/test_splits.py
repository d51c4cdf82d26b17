from __future__ import annotations

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from pydantic import ValidationError

from regression_lifecycle.core.data.splits import SplitParameters, split_by_time
from regression_lifecycle.core.errors import DataContractError
from tests.engines import lazy_engine

DATE = {"kind": "date", "holdout_start": "2021-03-08"}
ROWS = {"kind": "rows", "holdout_rows": 5}


def split_of(**given):
    """Parameters of a split; the kind is told by the key of its own."""
    kind = next(kind for kind in ("start", "share", "rows") if f"holdout_{kind}" in given)
    return SplitParameters.model_validate({"kind": "date" if kind == "start" else kind, **given})


@pytest.fixture
def table():
    """Ten days of hours."""
    return pd.DataFrame({"at": pd.date_range("2021-03-01", periods=240, freq="h"), "y": range(240)})


def test_the_moment_of_the_cut_belongs_to_the_holdout(table):
    split = split_by_time(table, "at", split_of(holdout_start="2021-03-08 12:00"))
    assert split.training["at"].max() == pd.Timestamp("2021-03-08 11:00")
    assert split.holdout["at"].min() == pd.Timestamp("2021-03-08 12:00")
    assert len(split.training) + len(split.holdout) == len(table)


def test_outer_bounds_are_half_open_too(table):
    parameters = split_of(
        training_start="2021-03-02", holdout_start="2021-03-08", holdout_end="2021-03-09"
    )
    training, holdout = split_by_time(table, "at", parameters)
    assert training["at"].agg(["min", "max"]).tolist() == [
        pd.Timestamp("2021-03-02 00:00"),
        pd.Timestamp("2021-03-07 23:00"),
    ]
    assert holdout["at"].agg(["min", "max"]).tolist() == [
        pd.Timestamp("2021-03-08 00:00"),
        pd.Timestamp("2021-03-08 23:00"),
    ]


def test_both_sides_come_in_the_order_of_time_and_the_table_stays(table):
    shuffled = table.sample(frac=1, random_state=1)
    before = shuffled.copy(deep=True)
    parameters = split_of(holdout_start="2021-03-08")
    for made, expected in zip(
        split_by_time(shuffled, "at", parameters),
        split_by_time(table, "at", parameters),
        strict=True,
    ):
        assert_frame_equal(made, expected)
        assert made["at"].is_monotonic_increasing
    assert_frame_equal(shuffled, before)


@pytest.mark.parametrize(
    ("parameters", "side"),
    [
        ({"holdout_start": "2021-03-01"}, "training"),
        ({"holdout_start": "2021-03-11"}, "holdout"),
        ({"holdout_start": "2022-01-02", "training_start": "2022-01-01"}, "training"),
    ],
)
def test_an_empty_side_is_refused_with_the_bounds_of_the_table(table, parameters, side):
    with pytest.raises(DataContractError, match=f"the {side} set is empty") as caught:
        split_by_time(table, "at", split_of(**parameters))
    assert "runs from 2021-03-01 00:00:00 to 2021-03-10 23:00:00" in str(caught.value)
    assert "preprocessing.split.holdout_start" in str(caught.value)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({**DATE, "training_start": "2021-03-08"}, "training_start must lie before"),
        ({**DATE, "holdout_end": "2021-03-08"}, "holdout_end must lie after"),
        (
            {**ROWS, "training_start": "2021-03-09", "holdout_end": "2021-03-08"},
            "holdout_end must lie after training_start",
        ),
    ],
)
def test_bounds_out_of_order_are_refused(parameters, message):
    with pytest.raises(ValidationError, match=message):
        SplitParameters.model_validate(parameters)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"holdout_share": 0.2}, "'kind' is missing; allowed: date, share, rows"),
        ({"kind": "random"}, "unknown kind 'random'"),
        (
            {"kind": "date", "holdout_share": 0.2},
            "unknown key 'holdout_share' .it goes with kind share",
        ),
        ({"kind": "share"}, "holdout_share"),
    ],
)
def test_the_cut_is_given_in_one_way(parameters, message):
    with pytest.raises(ValidationError, match=message):
        SplitParameters.model_validate(parameters)


@pytest.mark.parametrize("share", [0, 1, 20])
def test_a_share_of_nothing_or_of_all_is_refused(share):
    with pytest.raises(ValidationError, match="holdout_share"):
        split_of(holdout_share=share)


@pytest.mark.parametrize("parameters", [{"holdout_share": 0.25}, {"holdout_rows": 60}])
def test_the_newest_rows_are_the_holdout(table, parameters):
    shuffled = table.sample(frac=1, random_state=1)
    training, holdout = split_by_time(shuffled, "at", split_of(**parameters))
    assert holdout["y"].tolist() == list(range(180, 240))
    assert training["y"].tolist() == list(range(180))


def test_a_share_is_that_of_the_rows_within_the_outer_bounds(table):
    parameters = split_of(training_start="2021-03-02", holdout_end="2021-03-04", holdout_share=0.5)
    training, holdout = split_by_time(table, "at", parameters)
    assert training["y"].tolist() == list(range(24, 48))
    assert holdout["y"].tolist() == list(range(48, 72))


def test_rows_of_one_moment_stay_on_one_side(table):
    panel = pd.concat([table, table], ignore_index=True)
    training, holdout = split_by_time(panel, "at", split_of(holdout_rows=3))
    assert len(holdout) == 4
    assert not set(training["at"]) & set(holdout["at"])


@pytest.mark.parametrize(
    "parameters",
    [{"holdout_rows": 240}, {"holdout_rows": 500}, {"holdout_share": 0.5, "holdout_end": "2020"}],
)
def test_a_number_of_rows_that_leaves_nothing_is_refused(table, parameters):
    with pytest.raises(DataContractError, match=r"the training set is empty.*split\.holdout_"):
        split_by_time(table, "at", split_of(**parameters))


def test_rows_without_a_label_do_not_train_and_stay_in_the_holdout(table):
    unlabelled = table.assign(y=table["y"].where(table["y"] % 10 != 0))
    parameters = split_of(holdout_start="2021-03-08")
    training, holdout = split_by_time(unlabelled, "at", parameters, target="y")
    assert training["y"].notna().all()
    assert len(training) == 168 - 17
    assert len(holdout) == 72
    nothing = table.assign(y=float("nan"))
    with pytest.raises(DataContractError, match=r"training set is empty: no row with a target"):
        split_by_time(nothing, "at", parameters, target="y")


@lazy_engine
@pytest.mark.parametrize("bound", [{"holdout_share": 0.3}, {"holdout_start": "2021-03-08 12:00"}])
def test_every_engine_cuts_alike(engine, table, bound):
    table = table.assign(y=np.where(table["y"] % 5 == 0, np.nan, table["y"]))
    parameters = split_of(training_start="2021-03-02", holdout_end="2021-03-10", **bound)

    found = split_by_time(
        engine(table.sample(frac=1, random_state=2)), "at", parameters, target="y"
    )

    for made, expected in zip(
        found, split_by_time(table, "at", parameters, target="y"), strict=True
    ):
        rows = nw.from_native(made).sort("at").collect().to_pandas()
        assert_frame_equal(rows.astype(expected.dtypes), expected)


@lazy_engine
def test_an_empty_side_is_refused_on_every_engine(engine, table):
    with pytest.raises(DataContractError, match=r"training set is empty.*2021-03-10 23:00"):
        split_by_time(engine(table), "at", split_of(holdout_start="2021-02-01"))
