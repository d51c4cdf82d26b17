from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.data.as_of import known_at
from regression_lifecycle.core.errors import ConfigurationError


@pytest.fixture
def table():
    """Eight days of hours."""
    moments = pd.date_range("2021-03-01", periods=192, freq="h")
    return pd.DataFrame({"timestamp": moments, "cnt": np.arange(192)})


def test_what_is_known_ends_with_the_last_row_that_is_over(table, make_problem):
    known, moment = known_at("2021-03-02 00:30", table, make_problem())

    assert moment == pd.Timestamp("2021-03-02 00:30")
    assert known["timestamp"].max() == pd.Timestamp("2021-03-01 23:00")
    assert known["cnt"].notna().all()


def test_without_a_moment_everything_is_known(table, make_problem):
    known, moment = known_at(None, table, make_problem())

    assert (len(known), moment) == (192, pd.Timestamp("2021-03-09"))


@pytest.mark.parametrize(("label_delay", "labelled"), [(True, 24), (False, 72)])
def test_a_label_that_comes_later_is_blank_unless_the_caller_looks_after_it(
    table, make_problem, label_delay, labelled
):
    delayed = make_problem(label_delay="2 days")

    known, _ = known_at("2021-03-04", table, delayed, label_delay=label_delay)

    assert (len(known), known["cnt"].notna().sum()) == (72, labelled)


def test_before_the_first_row_is_over_nothing_is_known(table, make_problem):
    with pytest.raises(ConfigurationError, match="nothing is known yet, the first observation is"):
        known_at("2021-03-01", table, make_problem())
