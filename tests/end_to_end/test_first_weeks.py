"""The study this project grew from, held to its figures."""

from __future__ import annotations

import io
from contextlib import chdir, redirect_stdout

import pandas as pd
import pytest

from tests.conftest import make_project, open_catalog, run_project

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("first_weeks")]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The catalog of the study after one full cycle, and what that printed."""
    project = make_project(tmp_path_factory.mktemp("study") / "project")
    with chdir(project), redirect_stdout(io.StringIO()) as printed:
        run_project(project, env="first_weeks")
        yield open_catalog(project, env="first_weeks"), printed.getvalue()


def test_figures_of_the_study(study):
    catalog, printed = study
    metrics = catalog.load("window_metrics")
    drift = catalog.load("window_drift")

    model = metrics[metrics["model"] == "candidate"]
    assert list(model["n"]) == [235, 163, 165]
    assert list(model["rmse"].round(2)) == [21.06, 21.12, 36.70]
    assert list(model["mae"].round(2)) == [13.55, 14.59, 23.95]

    flags = drift.groupby("window", sort=False)["drifted"]
    assert list(flags.sum()) == [5, 6, 6]
    assert list(flags.count()) == [9, 9, 9]
    assert set(drift["role"]) == {"feature", "target", "prediction"}
    assert set(drift["method"]) == {"ks"}

    for figure in ("21.06", "21.12", "36.70", "13.55", "14.59", "23.95", "5/9", "6/9"):
        assert figure in printed


def test_error_of_a_constant_is_what_the_study_logged_by_mistake(study):
    holdout = study[0].load("holdout_set")

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
