"""The reference of a window holds nothing of the window nor of what came later."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from regression_lifecycle.core.drift.reference import (
    ReferenceParameters,
    ReferenceRows,
    reference_rows,
)

MOMENTS = pd.Series(pd.date_range("2020-01-01", "2022-01-01", freq="h", inclusive="left"))
DAY = pd.Timedelta("1 day")


def _choose(start: str, days: int = 7, moments: pd.Series = MOMENTS, **changes: Any) -> Any:
    trained = {name: changes.pop(name, None) for name in ("trained_from", "trained_until")}
    begin = pd.Timestamp(start)
    return reference_rows(
        moments,
        begin,
        begin + days * DAY,
        ReferenceParameters.model_validate(changes),
        **{name: moment and pd.Timestamp(moment) for name, moment in trained.items()},
    )


def _span(found: ReferenceRows) -> tuple[str, str]:
    chosen = MOMENTS[found.mask]
    return str(chosen.min()), str(chosen.max())


@pytest.mark.parametrize("kind", ["training", "last_windows", "same_season"])
@pytest.mark.parametrize("start", ["2020-01-01", "2020-01-20", "2021-02-10", "2021-12-28"])
def test_no_row_of_the_window_or_later_is_ever_chosen(kind: str, start: str) -> None:
    found = _choose(start, kind=kind, margin="400 days", windows=3, trained_until="2022-01-01")

    assert not found.mask[(pd.Timestamp(start) <= MOMENTS).to_numpy()].any()
    assert found.mask.any() == (start != "2020-01-01")


def test_training_is_what_the_model_saw() -> None:
    found = _choose("2021-03-01", trained_from="2020-06-01", trained_until="2020-09-01")

    assert _span(found) == ("2020-06-01 00:00:00", "2020-08-31 23:00:00")
    assert (found.kind, found.reason) == ("training", "")
    assert _span(_choose("2021-03-01")) == ("2020-01-01 00:00:00", "2021-02-28 23:00:00")


def test_the_last_windows_are_as_long_as_the_window() -> None:
    found = _choose("2021-03-01", days=3, kind="last_windows", windows=2)

    assert _span(found) == ("2021-02-23 00:00:00", "2021-02-28 23:00:00")
    assert (str(found.start), str(found.end)) == ("2021-02-23 00:00:00", "2021-03-01 00:00:00")


def test_the_same_season_is_a_year_earlier_with_a_margin() -> None:
    found = _choose("2021-03-20", kind="same_season", margin="10 days")

    assert _span(found) == ("2020-03-10 00:00:00", "2020-04-05 23:00:00")
    assert found.kind == "same_season"


def test_without_that_history_the_fallbacks_are_tried_in_turn_and_the_reason_is_given() -> None:
    recent = _choose("2020-12-20", kind="same_season")
    early = _choose("2020-01-20", kind="same_season")

    assert (recent.kind, early.kind) == ("last_windows", "training")
    assert recent.reason == (
        "same_season would begin 2019-12-06 00:00:00, the table begins 2020-01-01 00:00:00"
    )
    assert "last_windows would begin 2019-12-23" in early.reason
    assert _choose("2020-12-20", kind="same_season", fallback=["training"]).kind == "training"


def test_a_stretch_without_rows_is_no_reference() -> None:
    hole = MOMENTS[(MOMENTS < "2020-03-01") | (MOMENTS >= "2020-06-01")].reset_index(drop=True)

    found = _choose("2021-04-10", moments=hole, kind="same_season", fallback=["last_windows"])

    assert found.kind == "last_windows"
    assert "same_season has no row from 2020-03-27" in found.reason


def test_where_nothing_fits_no_row_is_chosen_and_every_refusal_is_said() -> None:
    first = _choose("2020-01-01", kind="last_windows")
    nothing = _choose("2020-01-01", moments=MOMENTS.iloc[:0], kind="training")

    assert (first.kind, first.start, first.mask.any()) == (None, None, False)
    assert "last_windows would begin" in first.reason
    assert "training has no row" in first.reason
    assert (nothing.kind, len(nothing.mask)) == (None, 0)


def test_the_order_of_the_rows_does_not_matter_and_one_without_a_moment_is_left_out() -> None:
    shuffled = MOMENTS.sample(frac=1, random_state=1).reset_index(drop=True)
    shuffled.iloc[0] = pd.NaT

    found = _choose("2021-03-20", moments=shuffled, kind="last_windows")

    chosen = shuffled[found.mask]
    assert not found.mask[0]
    assert np.sort(chosen.to_numpy()).tolist() == MOMENTS[MOMENTS.isin(chosen)].to_numpy().tolist()
    assert len(chosen) in (27 * 24 + 24, 28 * 24 - 1)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "last_season"},
        {"windows": 0},
        {"years_back": 0},
        {"margin": 14},
        {"fallback": ["nothing"]},
        {"window": 4},
    ],
)
def test_a_reference_that_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ReferenceParameters.model_validate(change)


def test_a_part_of_the_table_gives_the_reference_of_the_whole_table():
    part = MOMENTS[MOMENTS >= "2021-01-01"]
    window = pd.Timestamp("2021-02-01"), pd.Timestamp("2021-02-08")
    asked = ReferenceParameters.model_validate({"kind": "training", "fallback": []})

    whole = reference_rows(part, *window, asked, pd.Timestamp("2020-06-01"), first=MOMENTS[0])

    assert whole.start == pd.Timestamp("2020-06-01")
    assert part[whole.mask].min() == pd.Timestamp("2021-01-01")
    assert reference_rows(part, *window, asked, pd.Timestamp("2020-06-01")).start == part.min()
