"""The closed loop from the first tick to the rollback, as a user runs it."""

from __future__ import annotations

import json
from contextlib import chdir

import pandas as pd
import pytest

from regression_lifecycle.core.decisions.records import Reason, from_cell
from regression_lifecycle.core.errors import StateError
from regression_lifecycle.runtime.tick import NOTHING, PROMOTED, REFUSED
from tests.adapters.dashboard.test_page import Page
from tests.conftest import copy_project, open_catalog, run_project
from tests.end_to_end.test_full_cycle import file_digests
from tests.loop import PROMOTED_AT, PROMOTING, champion_of, state_of, tick, windows_of
from tests.runtime.hooks.test_summary import rows, summary

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("loop")]


@pytest.fixture
def promoted(promoted_project_once, tmp_path, in_folder):
    """A project of one's own whose second tick promoted version 2."""
    return in_folder(copy_project(promoted_project_once, tmp_path / "project"))


@pytest.fixture(scope="module")
def rolled_back_once(promoted_project_once, tmp_path_factory):
    """The same after a rollback to version 1; shared, not to be changed."""
    folder = copy_project(promoted_project_once, tmp_path_factory.mktemp("back") / "project")
    reason = {"rollback": {"reason": "counts twice at night", "actor": "ada"}, "as_of": PROMOTED_AT}
    with chdir(folder):
        run_project(folder, pipeline_names=["rollback"], params=reason)
    return folder


@pytest.fixture
def rolled_back(rolled_back_once, tmp_path, in_folder):
    """A project of one's own after that rollback."""
    return in_folder(copy_project(rolled_back_once, tmp_path / "project"))


def test_the_loop_begins_without_a_champion_and_makes_one(running_project):
    catalog = open_catalog(running_project)
    ledger = catalog.load("ledger")

    assert champion_of(catalog) == "1"
    assert list(ledger["decision"]) == ["promote"]
    assert list(ledger["as_of"]) == ["2011-03-05 00:00:00"]


def test_a_tick_records_decides_promotes_and_draws(promoted):
    catalog = open_catalog(promoted)
    windows = windows_of(catalog)
    ledger = catalog.load("ledger")
    model = catalog.load("champion_model")

    assert list(windows.index) == ["2011-03-05", "2011-03-12", "2011-03-19"]
    assert set(windows["status"]) == {"complete"}
    assert set(windows["model_version"]) == {"1"}
    assert list(ledger["kind"]) == ["promotion", "policy", "promotion"]
    assert json.loads(ledger["policy"].iloc[1])[0]["name"] == "age"
    # The refit knows everything up to the moment of decision, and nothing later.
    assert model.metadata.trained_until == pd.Timestamp("2011-03-25 23:00")
    assert ledger["challenger_fingerprint"].iloc[-1] != model.metadata.fingerprint
    page = (promoted / "data/test/08_reporting/index.html").read_text()
    assert "2011-03-19" in page


def test_every_surface_shows_the_same_drift_of_a_window(promoted, capsys):
    import mlflow

    catalog = open_catalog(promoted)
    windows = windows_of(catalog)
    cells = catalog.load("drift_history")
    page = Page((promoted / "data/test/08_reporting/index.html").read_text(encoding="utf-8"))
    drawn = page.rows("drift")
    printed = rows(summary(capsys, explained_windows=catalog.load("window_history")))
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("bike_test")
    found = client.search_runs(
        [experiment.experiment_id], "tags.pipeline = 'monitoring'", max_results=1
    )
    logged = {
        metric.step: metric.value
        for metric in client.get_metric_history(found[0].info.run_id, "window.drifted_share")
    }

    assert cells["drifted"].any()
    for name, window in windows.iterrows():
        own = cells[(cells["window"] == name) & cells["drifted"].notna()]
        drifted = sorted(own.loc[own["drifted"].astype(bool), "column"])
        n, of = len(drifted), len(own)
        report = promoted / f"data/test/08_reporting/windows/{name}_v{window['model_version']}"
        facts = json.loads((report / "metrics.json").read_text(encoding="utf-8"))
        # The tables.
        assert (window["n_drifted"], window["n_drift_columns"]) == (n, of)
        assert sorted(filter(None, str(window["drifted_columns"]).split(","))) == drifted
        # The page: the map and the table of windows.
        mapped = drawn[drawn["window"] == name]
        assert sorted(mapped.loc[mapped["drifted"], "column"]) == drifted
        assert (mapped["step"] != "not computed").sum() == of
        assert f"{n} of {of}" in page.text.split(f" {name} complete ")[1][:200]
        # The terminal, MLflow, and Evidently's report.
        assert f"{n}/{of}" in printed[name]
        assert logged[window["window_index"]] == pytest.approx(n / of)
        assert facts["overall"]["DriftedColumnsCount.count"] == n
        assert sorted(row["column"] for row in facts["drift"] if row["drifted"]) == drifted
        scores = own.set_index("column")["score"]
        for row in facts["drift"]:
            assert row["score"] == pytest.approx(scores[row["column"]])
        has_page = (report / "report.html").is_file()
        assert has_page == bool(window["alarms"])
        about = facts["metadata"]["about"]
        assert about.startswith(
            f"problem bike_test; model version {window['model_version']}; window {name} (complete)"
        )


def test_a_promoting_tick_ends_with_the_promotion_as_its_outcome(promoted):
    record = json.loads((promoted / "data/test/08_reporting/health.json").read_text())

    assert (record["outcome"]["kind"], record["outcome"]["decision"]) == ("promotion", "promote")
    assert record["champion_version"] == "2"
    assert record["rules_version"] == "1"
    assert record["verdict"] == "watch"
    assert record["changes"][-1]["kind"] == "promoted"
    assert 'href="test/08_reporting/index.html"' in (promoted / "data/index.html").read_text()


def test_a_second_tick_at_the_same_moment_changes_nothing(promoted):
    before, files = state_of(promoted), file_digests(promoted)
    assert tick(promoted, PROMOTED_AT, **PROMOTING) == NOTHING
    after = state_of(promoted)

    assert after == before
    changed = {name for name, digest in file_digests(promoted).items() if files.get(name) != digest}
    assert {name for name in changed if "/windows/" in name} == set()


def test_an_earlier_look_changes_no_window(promoted):
    before = open_catalog(promoted).load("window_history")
    run_project(promoted, pipeline_names=["monitoring"], params={"as_of": "2011-03-15"})

    pd.testing.assert_frame_equal(open_catalog(promoted).load("window_history"), before)


def test_a_rollback_restores_the_former_champion_and_says_who_and_why(rolled_back):
    catalog = open_catalog(rolled_back)
    last = catalog.load("ledger").iloc[-1]

    assert champion_of(catalog) == "1"
    assert (last["kind"], last["candidate_version"], last["champion_version_before"]) == (
        "rollback",
        "1",
        "2",
    )
    assert (last["actor"], last["note"], last["as_of"]) == (
        "ada",
        "counts twice at night",
        "2011-03-26 00:00:00",
    )
    (reason,) = from_cell(last["reasons"], Reason)
    assert reason.figures["reason"] == "counts twice at night"
    assert last["recorded_at"]


def test_the_same_evidence_does_not_promote_what_was_rolled_back(rolled_back):
    params = {"retraining": PROMOTING["retraining"], "as_of": PROMOTED_AT}
    run_project(rolled_back, pipeline_names=["retraining"], params=params)
    catalog = open_catalog(rolled_back)
    decision = catalog.load("retraining_decision")

    assert champion_of(catalog) == "1"
    assert decision.decision == "refuse"
    assert decision.reasons == (Reason("rolled_back", {"version": "2"}),)


def test_new_evidence_may_promote_after_a_rollback(rolled_back):
    assert tick(rolled_back, "2011-04-02", **PROMOTING) in (PROMOTED, REFUSED)
    catalog = open_catalog(rolled_back)
    assert catalog.load("retraining_decision").decision == "promote"
    assert champion_of(catalog) == "3"


def test_a_rollback_without_a_reason_or_a_former_champion_is_refused(promoted):
    with pytest.raises(StateError, match="needs a reason"):
        run_project(promoted, pipeline_names=["rollback"])
    params = {"rollback": {"reason": "x", "version": 7}}
    with pytest.raises(StateError, match=r"'7' is not a former champion.*Allowed: 1"):
        run_project(promoted, pipeline_names=["rollback"], params=params)
    assert champion_of(promoted) == "2"


def test_a_backtest_runs_from_the_raw_table_and_compares_policies(project):
    run_project(project, pipeline_names=["backtest"])
    catalog = open_catalog(project)
    summary = catalog.load("backtest_summary").set_index("policy")
    history = catalog.load("backtest_history")

    assert list(summary.index) == ["never", "always", "configured", "equal_cost", "oracle"]
    assert summary.loc["never", "retrains"] == 0
    assert summary.loc["always", "retrains"] == 6
    assert set(history["policy"]) == {"never", "always", "configured", "equal_cost"}
    assert (history.groupby("policy").size() == 7).all()
    assert summary["n"].nunique() == 1


def test_mlflow_has_the_figures_of_the_windows_by_their_index(promoted):
    import mlflow

    catalog = open_catalog(promoted)
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("bike_test")
    runs = client.search_runs(
        [experiment.experiment_id], "tags.pipeline = 'monitoring'", max_results=1
    )
    history = client.get_metric_history(runs[0].info.run_id, "window.rmse")

    assert [metric.step for metric in history] == [9, 10, 11]
    recorded = windows_of(catalog)["rmse"]
    assert [metric.value for metric in history] == pytest.approx(list(recorded))
