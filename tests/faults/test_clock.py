"""The moment at which the loop stands comes from the data, and one mistyped date does not move it.

Where a date does move it, the windows that were looked at too early are looked at again, and a
hundred years are planned as fast as one.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.core.monitoring.look import Store, look, model
from tests.examples import tiny_problem
from tests.loop import plant, tick, windows_of

PROBLEM = tiny_problem()


def hours(n_days: int, *further: str) -> pd.DataFrame:
    moments = pd.date_range("2021-03-01", periods=24 * n_days, freq="h")
    stamps = pd.Series([*moments, *map(pd.Timestamp, further)]).astype("datetime64[us]")
    return pd.DataFrame({"timestamp": stamps, "temp": 1.0, "cnt": 100.0})


def seen(store: Store) -> dict[str, tuple[str, int]]:
    return {row["window"]: (row["status"], row["n"]) for row in store.windows.to_dict("records")}


@pytest.mark.parametrize("stays", [True, False], ids=["it stays", "it is taken out again"])
def test_windows_that_one_row_dated_ahead_emptied_are_judged_once_their_rows_come(
    stays: bool,
) -> None:
    store, ahead = Store(), ["2021-03-20 00:00"]
    look(hours(2, *ahead), PROBLEM, "2021-03-20 01:00", store=store)
    assert seen(store)["2021-03-05"] == ("empty", 0)

    as_of = "2021-03-20 01:00" if stays else "2021-03-09 00:00"
    predictions = look(hours(8, *ahead[: int(stays)]), PROBLEM, as_of, store=store)

    for start in ("2021-03-01", "2021-03-03", "2021-03-05", "2021-03-07"):
        assert seen(store)[start] == ("complete", 48)
        assert (predictions["window"] == start).sum() == 48
    # A further look has nothing to do.
    look(hours(8, *ahead[: int(stays)]), PROBLEM, as_of, store=store)
    assert store.plan.empty


def test_who_looks_back_in_time_takes_nothing_back() -> None:
    store = Store()
    look(hours(8), PROBLEM, "2021-03-09", store=store)
    before = store.windows.copy()

    look(hours(8), PROBLEM, "2021-03-06", store=store)

    assert store.plan.empty
    pd.testing.assert_frame_equal(store.windows, before)


def test_who_looks_back_in_time_gives_no_level_to_a_model_that_did_not_exist() -> None:
    store, newer = Store(), model("2", "2021-03-05 23:00")
    look(hours(8), PROBLEM, "2021-03-09", store=store)
    before = store.adjustments["valid_from"].tolist()
    assert before == [pd.Timestamp("2021-03-09")]

    for as_of in ("2021-03-03 12:00", "2021-03-05 23:00"):
        look(hours(8), PROBLEM, as_of, store=store, champions=[newer])
        assert store.adjustments.empty
        assert "2" not in set(store.windows["model_version"])
        assert "2" not in set(store.predictions["model_version"])

    look(hours(8), PROBLEM, "2021-03-06 00:00", store=store, champions=[newer])
    assert store.adjustments["model_version"].tolist() == ["2"]


def test_labels_that_come_are_seen_though_a_later_look_lacked_them() -> None:
    store = Store()
    blank = hours(8, "2021-03-20 00:00").assign(cnt=float("nan"))
    look(blank, PROBLEM, "2021-03-20 01:00", store=store)
    assert seen(store)["2021-03-07"] == ("pending labels", 48)

    look(hours(8), PROBLEM, "2021-03-09 00:00", store=store)

    assert seen(store)["2021-03-07"] == ("complete", 48)


def test_a_row_of_another_century_is_planned_at_once_and_nothing_is_lost_by_it() -> None:
    store = Store()
    look(hours(4, "2061-01-01"), PROBLEM, "2061-01-01 01:00", store=store)

    # Of seven thousand that lie between.
    assert len(store.windows) < 20

    look(hours(60), PROBLEM, "2021-04-30", store=store, champions=[model()])

    complete = [window for window, (status, _) in seen(store).items() if status == "complete"]
    assert len(complete) == 30


@pytest.mark.slow
@pytest.mark.xdist_group("running")
def test_the_loop_sets_the_row_aside_by_name_and_goes_on(running_project: Path) -> None:
    def ahead(raw: pd.DataFrame) -> pd.DataFrame:
        known = raw[raw["day"] < "2011-03-20"]
        wrong = known.tail(1).assign(dteday="2011-12-01", day=pd.Timestamp("2011-12-01"))
        return pd.concat([known, wrong])

    plant(running_project, ahead)
    tick(running_project, None)

    assert windows_of(running_project)["n"].min() > 0
    aside = pd.read_parquet(
        running_project / "data/test/02_intermediate/rejected_observations.parquet"
    )
    assert aside["dteday"].tolist() == ["2011-12-01"]
    assert "away from all other rows" in aside["rejection_reason"].item()
