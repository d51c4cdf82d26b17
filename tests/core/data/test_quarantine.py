from __future__ import annotations

import pandas as pd
import pytest

from regression_lifecycle.core.data.quarantine import refuse_bad_share
from regression_lifecycle.core.data.raw_columns import rejected_moments
from regression_lifecycle.core.errors import DataContractError
from regression_lifecycle.core.ingestion.contract import IngestionParameters, enforce_contract


@pytest.fixture
def rejected():
    return pd.DataFrame(
        {
            "day": ["2021-03-01", "2021-03-02", "soon", None, "2021-03-04"],
            "hour": ["7", "25", "3", "4", "late"],
        },
        index=[4, 5, 6, 7, 8],
    )


def test_the_time_is_read_as_far_as_the_row_still_says_it(rejected, problem):
    moments = rejected_moments(rejected, problem)

    assert moments.loc[4] == pd.Timestamp("2021-03-01 07:00")
    assert moments.loc[5:].isna().all()
    assert moments.index.equals(rejected.index)


def test_a_column_with_date_and_time_has_its_own_format(make_problem, rejected):
    columns = {
        "day": {"type": "datetime", "format": "%d.%m.%Y %H:%M", "known_in_advance": True},
        "cnt": {"type": "integer"},
    }
    problem = make_problem(timestamp={"date": "day"}, columns=columns, forbidden_columns={})
    rows = pd.DataFrame({"day": ["02.03.2021 07:30", "2021-03-02"]})

    moments = rejected_moments(rows, problem)

    assert moments[0] == pd.Timestamp("2021-03-02 07:30")
    assert pd.isna(moments[1])


def test_rows_of_a_table_without_time_have_none(make_problem, rejected):
    problem = make_problem(timestamp={"rows": True}, frequency=None, horizon=None)

    for table, described in ((rejected, problem), (rejected.drop(columns="day"), make_problem())):
        moments = rejected_moments(table, described)
        assert moments.isna().all()
        assert len(moments) == 5


def test_it_reads_what_ingestion_writes(problem, raw):
    broken = raw.assign(temp=raw["temp"].where(raw.index != 30, 999.0))

    outcome = enforce_contract(broken, problem, IngestionParameters(maximum_rejected_share=0.05))

    assert rejected_moments(outcome.rejected, problem).tolist() == [
        pd.Timestamp("2021-03-02 06:00")
    ]
    assert (rejected_moments(outcome.rejected.iloc[:0], problem)).empty


@pytest.mark.parametrize(
    ("n_bad", "n_rows", "maximum"), [(0, 0, 0.0), (0, 5, 0.0), (1, 100, 0.01), (29, 100, 0.29)]
)
def test_as_many_bad_rows_as_are_allowed_are_borne(n_bad, n_rows, maximum):
    refuse_bad_share(n_bad, n_rows, maximum, [], "labels", "labels")


def test_a_bad_row_more_is_refused_with_its_reasons():
    with pytest.raises(DataContractError) as caught:
        refuse_bad_share(30, 100, 0.29, ["temp is missing (30 rows)"], "labels", "labels")

    assert str(caught.value) == (
        "labels: 30 of 100 rows (30.0%) break the contract, more than "
        "labels.maximum_rejected_share = 29.0%: temp is missing (30 rows). Nothing of it was "
        "written"
    )
