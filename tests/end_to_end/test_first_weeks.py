"""The study this project grew from, held to its figures."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.conftest import load_dataset, run_project

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("first_weeks")]


def test_figures_of_the_study(project, capsys):
    run_project(project, env="first_weeks")
    metrics = load_dataset(project, "window_metrics", env="first_weeks")
    drift = load_dataset(project, "window_drift", env="first_weeks")

    model = metrics[metrics["model"] == "candidate"]
    assert list(model["n"]) == [235, 163, 165]
    assert list(model["rmse"].round(2)) == [21.06, 21.12, 36.70]
    assert list(model["mae"].round(2)) == [13.55, 14.59, 23.95]

    flags = drift.groupby("window", sort=False)["drifted"]
    assert list(flags.sum()) == [5, 6, 6]
    assert list(flags.count()) == [9, 9, 9]
    assert set(drift["role"]) == {"feature", "target", "prediction"}
    assert set(drift["method"]) == {"ks"}

    printed = capsys.readouterr().out
    for figure in ("21.06", "21.12", "36.70", "13.55", "14.59", "23.95", "5/9", "6/9"):
        assert figure in printed


def test_error_of_a_constant_is_what_the_study_logged_by_mistake(project):
    run_project(project, env="first_weeks", pipeline_names=["ingestion", "preprocessing"])
    holdout = load_dataset(project, "holdout_set", env="first_weeks")

    logged = []
    for start, end in (
        ("2011-01-29", "2011-02-08"),
        ("2011-02-08", "2011-02-15"),
        ("2011-02-15", "2011-02-22"),
    ):
        moment = holdout["timestamp"]
        target = holdout.loc[(moment >= pd.Timestamp(start)) & (moment < pd.Timestamp(end)), "cnt"]
        logged.append(float(((target - target.mean()) ** 2).mean() ** 0.5))
    assert [round(value, 2) for value in logged] == [51.69, 58.80, 72.28]
