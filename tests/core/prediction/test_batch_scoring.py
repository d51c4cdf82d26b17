from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.tables import ADJUSTMENTS
from regression_lifecycle.core.errors import ConfigurationError, DataContractError, ModelError
from regression_lifecycle.core.models.trained_model import TrainedModel
from regression_lifecycle.core.prediction.batch_scoring import (
    ScoringParameters,
    ScoringRun,
    score,
    select_scoring_rows,
)
from tests.core.conftest import _tiny_problem, _tiny_raw
from tests.examples import tiny_model

PROBLEM = _tiny_problem()
RAW = _tiny_raw(24 * 10)
TRAINED_UNTIL = pd.Timestamp("2021-03-02 23:00")


class Doubled:
    """Says twice the temperature."""

    def predict(self, features):
        return 2 * features["temp"].to_numpy()


def champion(version: str = "3") -> TrainedModel:
    return tiny_model(Doubled(), version, TRAINED_UNTIL)


def adjustments(*rows: tuple[str, str, float, float], problem: str = "tiny") -> pd.DataFrame:
    names = ("model_version", "valid_from", "level_factor", "interval_width")
    frame = pd.DataFrame([dict(zip(names, row, strict=True)) for row in rows])
    return ADJUSTMENTS.frame(
        frame.assign(problem=problem, interval_exponent=0.0, interval_floor=0.0)
    )


def run_of(raw=RAW, known=None, observations=None, **parameters) -> ScoringRun:
    if observations is None:
        observations = pd.DataFrame({"timestamp": pd.Series(dtype="datetime64[us]")})
    rows = select_scoring_rows(
        raw, observations, champion(), PROBLEM, ScoringParameters(**parameters)
    )
    return score(rows, ADJUSTMENTS.frame() if known is None else known)


def rows_of(run: ScoringRun) -> pd.DataFrame:
    return pd.concat([piece.rows for piece in run if len(piece.rows)], ignore_index=True)


def sizes_of(run: ScoringRun) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for piece in run:
        sizes[piece.batch] = sizes.get(piece.batch, 0) + len(piece.rows)
    return sizes


def test_every_row_since_the_training_gets_its_prediction() -> None:
    rows = rows_of(run_of())

    assert rows["timestamp"].tolist() == pd.date_range("2021-03-03", periods=192, freq="h").tolist()
    np.testing.assert_allclose(rows["raw_prediction"], 2 * RAW["temp"].iloc[48:])
    assert (rows["level_factor"] == 1).all()
    assert rows["lower"].isna().all()


def test_what_columns_add_and_the_base_are_the_prediction() -> None:
    rows = rows_of(run_of(explain=True))

    added = rows.filter(like="contribution_")
    assert "contribution_temp" in added
    np.testing.assert_allclose(rows["base"] + added.sum(axis=1), rows["raw_prediction"])
    np.testing.assert_allclose(rows["base"], 0, atol=1e-12)
    assert "base" not in rows_of(run_of())


def test_level_and_interval_are_those_of_the_moment_of_the_row() -> None:
    known = adjustments(
        ("3", "2021-03-04", 1.5, 10.0),
        ("2", "2021-03-05", 9.0, 20.0),
        ("3", "2021-03-06", 0.5, 5.0),
    )

    rows = rows_of(run_of(known=known)).set_index("timestamp")

    factors = rows["level_factor"].resample("D").first().iloc[:5].tolist()
    # Version 2 has learnt another level in between, and the width is everybody's.
    assert factors == [1.0, 1.5, 1.5, 0.5, 0.5]
    width = (rows["upper"] - rows["prediction"]).resample("D").first().iloc[:4]
    np.testing.assert_allclose(width, [np.nan, 10, 20, 5])
    np.testing.assert_allclose(
        rows["prediction"], (rows["raw_prediction"] * rows["level_factor"]).clip(lower=0)
    )


def test_adjustments_of_another_problem_are_not_used() -> None:
    other = adjustments(("3", "2021-01-01", 1.5, 10.0), problem="huge")

    assert (rows_of(run_of(known=other))["level_factor"] == 1).all()


def test_a_range_is_cut_into_batches_named_after_their_starts() -> None:
    run = run_of(batch="b", start="2021-03-03 12:00", end="2021-03-06", length="1 day")

    assert sizes_of(run) == {
        "b-20210303T120000": 24,
        "b-20210304T120000": 24,
        "b-20210305T120000": 12,
    }


def test_without_a_start_batches_begin_on_mondays_whatever_the_model_was_trained_on() -> None:
    # 2021-03-01 and 2021-03-08 are Mondays.
    sizes = sizes_of(run_of(batch="b", length="7 days"))

    assert sizes == {"b-20210301T000000": 120, "b-20210308T000000": 72}


def test_batches_of_months_follow_the_calendar() -> None:
    moved = RAW.assign(day=pd.to_datetime(RAW["day"]) + pd.Timedelta(days=27))
    moved["day"] = moved["day"].dt.strftime("%Y-%m-%d")
    chunks = [moved.iloc[at : at + 50] for at in range(0, len(moved), 50)]
    for length, starts in (
        ("1 month", ["20210301", "20210401"]),
        ("1 quarter", ["20210101", "20210401"]),
    ):
        sizes = sizes_of(run_of(chunks, batch="b", length=length))
        assert list(sizes) == [f"b-{start}T000000" for start in starts]


def test_pieces_of_the_table_give_the_same_rows_as_the_whole() -> None:
    chunks = [RAW.iloc[at : at + 50] for at in range(0, len(RAW), 50)]

    pd.testing.assert_frame_equal(rows_of(run_of(chunks)), rows_of(run_of()))


def test_bad_rows_come_beside_the_good_ones_and_too_many_refuse_the_batch() -> None:
    broken = RAW.astype({"temp": "object"})
    broken.loc[[100, 101], "temp"] = "warm"

    pieces = list(run_of(broken, maximum_rejected_share=0.02))
    rejected = pd.concat([piece.rejected for piece in pieces])
    assert list(rejected["raw_row"]) == [101, 102]
    assert sum(len(piece.rows) for piece in pieces) == 190

    with pytest.raises(DataContractError, match=r"'default': 2 of 192 rows \(1.0%\).*not a number"):
        list(run_of(broken))


def test_only_the_batch_with_the_bad_rows_is_refused() -> None:
    broken = RAW.astype({"temp": "object"})
    broken.loc[100:110, "temp"] = "warm"  # on the fifth of March
    chunks = [broken.iloc[at : at + 24] for at in range(0, len(RAW), 24)]
    pieces = iter(run_of(chunks, length="1 day"))

    before = [next(pieces).batch for _ in range(4)]
    with pytest.raises(DataContractError, match="20210305"):
        list(pieces)

    assert before[-1] == "default-20210304T000000"


def test_a_batch_of_bad_rows_alone_is_a_batch_too() -> None:
    broken = RAW.astype({"temp": "object"})
    broken.loc[96:119, "temp"] = "warm"  # the fifth of March

    pieces = list(run_of(broken, length="1 day", maximum_rejected_share=1))

    empty = [piece for piece in pieces if piece.batch == "default-20210305T000000"]
    assert [(len(piece.rows), len(piece.rejected)) for piece in empty] == [(0, 24)]
    assert sum(len(piece.rejected) for piece in pieces) == 24


def test_rows_that_are_all_bad_are_not_dropped_silently() -> None:
    broken = RAW.astype({"temp": "object"}).assign(temp="warm")

    with pytest.raises(DataContractError, match=r"192 of 192 rows"):
        list(run_of(broken))


def test_no_row_gives_no_batch() -> None:
    assert list(run_of(start="2031-01-01")) == []


def test_without_a_champion_nothing_can_be_scored() -> None:
    with pytest.raises(ModelError, match="no champion"):
        select_scoring_rows(RAW, RAW, None, PROBLEM, ScoringParameters())


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"batch": "../up"}, "cannot name a batch"),
        ({"batch": ""}, "cannot name a batch"),
        ({"start": "2021-03-02", "end": "2021-03-02"}, "is not after start"),
        ({"lenght": "1 day"}, "did you mean 'length'"),
    ],
)
def test_parameters_are_checked(given: dict, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        ScoringParameters.model_validate(given)
    assert issubclass(ConfigurationError, ValueError)


def test_where_rows_stand_for_time_the_message_names_them():
    content = {"timestamp": {"rows": True}, "frequency": "1 second", "horizon": "1 second"}
    columns = {name: PROBLEM.model_dump()["columns"][name] for name in ("temp", "cnt")}
    without_time = Problem.model_validate(
        {"name": "tiny", "target": "cnt", "columns": columns, **content}
    )
    run = run_of()
    end = pd.Timestamp(0) + pd.Timedelta("9 seconds")
    parts = replace(run.source, problem=without_time, parameters=ScoringParameters(end=end))

    assert str(run) == "rows after 2021-03-02 23:00:00 for version 3"
    number = int((TRAINED_UNTIL - pd.Timestamp(0)).total_seconds())
    assert str(replace(run, source=parts)) == f"rows after row {number} to row 9 for version 3"
