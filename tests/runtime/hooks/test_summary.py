"""The table that a run ends with: it says what the datasets say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from kedro.io import AbstractDataset, DataCatalog, MemoryDataset
from kedro.pipeline import Node, Pipeline

from regression_lifecycle.core.data.tables import ERROR_RATES, WINDOW_HISTORY
from regression_lifecycle.core.decisions.ledger import promotion_row
from regression_lifecycle.core.decisions.records import (
    ApprovalDecision,
    Reason,
    RollbackDecision,
    to_json,
)
from regression_lifecycle.core.decisions.rules import PolicyState
from regression_lifecycle.core.decisions.waiting import PromotionParameters, ask_for_approval
from regression_lifecycle.core.decisions.wording import sentences
from regression_lifecycle.core.ingestion.labels import WAITS
from regression_lifecycle.runtime.hooks import SummaryHook
from tests.adapters.dashboard.examples import full_tables, ledger, page_problem, page_tables
from tests.core.decisions.test_records import GATE
from tests.shipped import open_loader

METRICS = {
    "candidate": {
        "n": 1840.0,
        "rmse": 51.613,
        "mae": 33.2,
        "r2": 0.9312,
        "rmsle": float("nan"),
        "bias": -0.0219,
    },
    "baseline": {"n": 1840.0, "rmse": 90.5, "mae": 61, "r2": 0.71, "rmsle": None, "bias": 0.0},
}
WINDOWS = pd.DataFrame(
    {
        "window": ["w1", "w1", "w2", "w2"],
        "model": ["candidate", "baseline"] * 2,
        "n": [1000, 1000, 840, 840],
        "rmse": [50.25, 90.0, 53.5, None],
        "mae": [30.5, 60.0, 36.75, None],
    }
)
DRIFT = pd.DataFrame(
    {
        "window": ["w1", "w1", "w1", "w2"],
        "column": ["temp", "hum", "cnt", "temp"],
        "drifted": pd.array([True, False, None, True], dtype="object"),
    }
)
VERDICT = pd.DataFrame(
    {
        "column": ["temp", "hum", "cnt"],
        "drifted": pd.array([True, False, None], dtype="object"),
    }
)


class Stored(MemoryDataset):
    """What was saved to a file that lies somewhere."""

    def __init__(self, data: Any, filepath: str | Path) -> None:
        super().__init__(data)
        self._filepath = Path(filepath)


class Champion(AbstractDataset[Any, Any]):
    """The alias, with the version that it points at."""

    def __init__(self, version: str) -> None:
        self._version = version

    def load(self) -> Any:
        raise NotImplementedError

    def save(self, data: Any) -> None:
        raise NotImplementedError

    def state(self) -> str:
        return self._version

    def _describe(self) -> dict[str, Any]:
        return {"model_name": "bikes", "alias": "champion"}


def summary(
    capsys: pytest.CaptureFixture[str],
    root: Path = Path("/project"),
    env: str | None = "test",
    read_only: tuple[str, ...] = (),
    is_step: bool = False,
    as_of: str | None = None,
    **datasets: Any,
) -> str:
    """What is printed after a run that wrote some datasets."""
    catalog = DataCatalog(
        {
            name: data if isinstance(data, AbstractDataset) else MemoryDataset(data)
            for name, data in datasets.items()
        }
    )
    written = [name for name in datasets if name not in read_only]
    pipeline = Pipeline([Node(lambda: None, None, written, name="all")])
    hook = SummaryHook()
    loader = SimpleNamespace(
        default_run_env="bikes,local", is_step=is_step, runtime_params={"as_of": as_of}
    )
    hook.after_context_created(SimpleNamespace(project_path=root, env=env, config_loader=loader))
    for name in written:
        if not isinstance(datasets[name], AbstractDataset):
            hook.after_dataset_saved(name, datasets[name])
    hook.after_pipeline_run(pipeline, catalog)
    return capsys.readouterr().out


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.replace("┃", "│").strip("│ ").split("│")]


def rows(text: str) -> dict[str, list[str]]:
    """Rows of the tables by their first cell."""
    split = [cells(line) for line in text.splitlines() if "│" in line or "┃" in line]
    return {row[0]: row[1:] for row in split}


def test_rows_are_counted_accepted_rejected_and_missing(capsys: Any) -> None:
    text = summary(
        capsys,
        rejected_observations=pd.DataFrame({"raw_row": [7]}),
        observations=pd.DataFrame({"cnt": range(1999)}),
        observation_gaps=pd.DataFrame(
            {"kind": ["gap", "gap", "ended", "begins later"], "n_missing": [3, 1000, 7, 8]}
        ),
        observation_changes=pd.DataFrame({"change": ["new", "gone"], "n_rows": [1024, 3]}),
        unused_labels=pd.DataFrame({"reason": [WAITS, "cnt is below 0", WAITS]}),
    )

    counted = "Observations 1,999 accepted, 1 rejected, 1,003 missing in 2 gaps"
    assert f"{counted}, 1 series begins later, 1 series has ended" in text
    assert "Since the last run 1,024 new, 3 gone" in text
    assert "Labels 2 wait for their observation, 1 cannot be used" in text


def test_the_series_that_make_most_of_the_error_are_shown(capsys: Any) -> None:
    figures = {"n": 1200, "rmse": 20.0, "baseline_rmse": 30.0, "wape": 0.1, "bias": -0.05}
    series = pd.DataFrame([{"series": f"shop {k}", **figures} for k in range(9)])

    text = summary(capsys, series_metrics=series.assign(error_share=[0.4, *[0.075] * 8]))

    assert "Worst 5 of 9 series" in text
    table = rows(text)
    assert table["shop 0"] == ["1,200", "20.00", "30.00", "0.100", "-5.0%", "0.400"]
    assert "shop 5" not in table
    small = rows(summary(capsys, series_metrics=series.assign(error_share=0.1, rmse=2.5e-5)))
    assert small["shop 0"][1] == "2.5e-05"
    assert "series" not in summary(capsys, series_metrics=series.iloc[:0]).split("Look")[0]


def test_metrics_are_shown_by_model_and_an_undefined_one_is_told_once(capsys: Any) -> None:
    text = summary(capsys, holdout_metrics=METRICS)

    assert "Holdout, 1,840 rows" in text
    table = rows(text)
    assert table["model"] == ["RMSE", "MAE", "R2", "bias"]
    assert table["candidate"] == ["51.61", "33.20", "0.931", "-2.2%"]
    assert table["baseline"] == ["90.50", "61.00", "0.710", "+0.0%"]
    assert "rmsle is not defined here (no rows, a negative target" in text


def test_windows_are_shown_with_the_columns_that_drifted(capsys: Any) -> None:
    table = rows(summary(capsys, window_metrics=WINDOWS, window_drift=DRIFT))

    assert table["window"] == ["n", "RMSE", "MAE", "baseline", "drifted"]
    assert table["w1"] == ["1,000", "50.25", "30.50", "90.00", "1/2"]
    assert table["w2"] == ["840", "53.50", "36.75", "-", "1/1"]


def test_windows_beside_a_champion_fit_a_terminal(capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    names = {"w1": "2012-08-07 to 2012-09-03", "w2": "2012-09-04 to 2012-10-01"}
    of_candidate = WINDOWS[WINDOWS["model"] == "candidate"]
    three = pd.concat([of_candidate, of_candidate.assign(model="champion"), WINDOWS.iloc[1:]])
    three = three.drop_duplicates(["window", "model"]).assign(
        window=lambda table: table["window"].map(names)
    )

    text = summary(capsys, window_metrics=three)

    assert rows(text)["window"] == ["n", "RMSE", "champion", "baseline"]
    assert "\N{HORIZONTAL ELLIPSIS}" not in text


def test_a_window_that_is_called_by_its_year_keeps_its_drift(tmp_path: Path, capsys: Any) -> None:
    names = {"w1": "2023", "w2": "2024"}
    path = tmp_path / "window_metrics.csv"
    WINDOWS.assign(window=WINDOWS["window"].map(names), start="2023", end="2024").to_csv(
        path, index=False
    )
    entry = open_loader()["catalog"]["window_metrics"]
    read = pd.read_csv(path, **entry["load_args"])
    drift = DRIFT.assign(window=DRIFT["window"].map(names))

    table = rows(summary(capsys, window_metrics=read, window_drift=drift))

    assert table["2023"][-1] == "1/2"


@pytest.mark.parametrize("columns", [None, "80"], ids=["log", "terminal"])
def test_policies_are_told_apart_in_a_log_and_on_a_small_screen(
    columns: str | None, capsys: Any, monkeypatch: Any
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    names = ["never", "every_4_windows", "every_12_windows"]
    figures = dict.fromkeys(("rmse", "mae", "rmsle", "fit_cpu_seconds"), 123.4)
    figures |= {"bias": 0.0125, "coverage": 0.9}
    counts = {"n_windows": 100, "n": 16761, "retrains": [0, 25, 8.25], "refused": 0}
    phases = {"phases": [1, 4, 12], "best_phase": 100.25, "worst_phase": 1234.5, "churn": 0.0625}
    backtest = pd.DataFrame({"policy": names, "kind": "every", **figures, **counts, **phases})

    text = summary(capsys, backtest_summary=backtest)

    table = rows(text)
    assert set(names) <= set(table)
    start = ["123.4", "100.2-1,234"]
    if columns is None:
        last = ["123.4"] * 2 + ["+1.2%", "90.0%"] + ["8.25", "0", "0.0625", "123.4"]
        assert table["every_12_windows"] == [*start, *last]
        assert table["never"][1] == "-"
    else:
        # What there is no room for is left out, and nothing cut.
        assert table["policy"] == ["RMSE", "phases", "held", "retrains", "refused", "churn"]
        assert table["every_12_windows"] == [*start, "90.0%", "8.25", "0", "0.0625"]
        assert "\N{HORIZONTAL ELLIPSIS}" not in text


def test_a_backtest_ends_with_what_it_comes_to(capsys: Any) -> None:
    policies = {"policy": ["always", "configured", "equal"], "rmse": [40.0, 50.0, 60.0]}
    counts = {"kind": ["every", "configured", "equal_cost"], "retrains": [100.0, 10.0, 10.0]}
    ends = {"n_windows": 100, "n": 700, "refused": 0, "phases": [1, 1, 10], "best_phase": 45.5}
    best = {"best_from": [0.0, 11.111, float("nan")], "best_until": [11.111, float("inf"), None]}
    compared = {"worst_phase": 70.25, "as_often_as": [None, None, "configured"]}
    backtest = pd.DataFrame({**policies, **counts, **ends, **best, **compared, "beaten_phases": 9})

    text = summary(capsys, backtest_summary=backtest)

    assert (
        "configured: RMSE 50.00 with 10 retrainings. As many evenly spread: 60.00 on average, "
        "45.50 to 70.25 by phase; configured beats 9 of 10 phases.\n"
        "The best where a retraining costs, in RMSE of one window: always below 11.11, "
        "configured above 11.11.\n"
    ) in text


def test_drift_of_an_older_run_is_not_shown(capsys: Any) -> None:
    text = summary(capsys, window_metrics=WINDOWS, window_drift=DRIFT, read_only=("window_drift",))

    assert rows(text)["window"] == ["n", "RMSE", "MAE", "baseline"]


def test_drifted_columns_are_named_out_of_those_that_could_be_judged(capsys: Any) -> None:
    text = summary(capsys, drift_verdict=VERDICT)
    calm = summary(capsys, drift_verdict=VERDICT.assign(drifted=False))

    assert "Drift 1 of 2 columns of the holdout against the training rows: temp\n" in text
    assert "Drift 0 of 3 columns of the holdout against the training rows\n" in calm


def test_names_of_columns_and_folders_are_no_markup(capsys: Any, tmp_path: Path) -> None:
    odd = VERDICT.assign(column=["temp[c]", "[/]", "[red]"], drifted=True)

    text = summary(
        capsys,
        root=tmp_path / "project [draft]",
        drift_verdict=odd,
        drift_report=Stored({}, tmp_path / "[/b]" / "drift_report"),
    )

    assert "training rows: temp[c], [/], [red]\n" in text
    assert f"{tmp_path.as_posix()}/[/b]/drift_report/report.html" in text


@pytest.mark.parametrize("decision", ["promote", "refuse", "unchanged"])
def test_the_decision_is_given_with_its_reasons_as_they_are(capsys: Any, decision: Any) -> None:
    odd = Reason("rollback", {"champion_version": "2", "version": "1", "reason": "[red]x[/] [/]"})
    made = replace(GATE, decision=decision, reasons=(Reason("no_check"), odd))

    text = summary(capsys, gate_decision=made)

    assert (
        "\n".join([f"Gate {decision}", *(f"  {said}" for said in sentences(made.reasons))]) in text
    )


def test_the_verdict_is_told_with_what_changed_and_what_to_do(capsys: Any) -> None:
    moments = ["2011-04-16", "2011-04-16", "2011-04-23", "2011-04-30"]
    health = full_tables(ledger=ledger().assign(as_of=moments)).health

    text = summary(capsys, health_record=to_json(health))

    assert _block(f"Health {health.verdict}", sentences(health.reasons)) in text
    assert _block("Changed since 2011-04-23 00:00", sentences(health.changes)) in text
    (action,) = health.actions
    assert _block(f"Next {sentences([action.reason])[0]}", [action.command]) in text
    assert text.count("Next") == text.count("Look") == 1
    nothing = page_tables(problem=page_problem()).health
    first = summary(capsys, health_record=to_json(nothing))
    assert "Health no model yet\n  there is no champion yet\n" in first
    assert "Changed" not in first


@pytest.mark.parametrize(("version", "shown"), [("3", "version 3"), ("", "none")])
def test_the_champion_is_named(capsys: Any, version: str, shown: str) -> None:
    assert f"Champion bikes: {shown}" in summary(capsys, champion_version=Champion(version))


@pytest.mark.parametrize(("version", "shown"), [("2", True), ("", False)])
def test_a_champion_that_a_killed_run_left_is_told(capsys: Any, version: str, shown: bool) -> None:
    assert (
        "Champion version 2, put in place" in summary(capsys, current_champion=version)
    ) == shown


def test_reports_are_found_from_the_project_folder(capsys: Any, tmp_path: Path) -> None:
    text = summary(
        capsys,
        root=tmp_path,
        drift_report=Stored({}, tmp_path / "data" / "drift_report"),
        quality_report=Stored({}, "/elsewhere/quality_report"),
    )

    assert "Report data/drift_report/report.html\n" in text
    assert "Report /elsewhere/quality_report/report.html\n" in text


def test_a_gate_says_what_is_next_and_a_step_of_a_tick_leaves_it_to_the_tick(capsys: Any) -> None:
    first = replace(GATE, decision="refuse", champion_version="")
    promoted = {
        "gate_decision": replace(GATE, decision="promote"),
        "champion_version": Champion("4"),
    }

    assert "\n  kedro run --env=test\n" in summary(capsys, gate_decision=first)
    assert "\n  kedro tick --env=test\n" in summary(capsys, **promoted)
    step = summary(capsys, is_step=True, **promoted)
    assert "Gate promote" in step
    assert "Next" not in step
    assert "Look" not in step


@pytest.mark.parametrize(
    ("env", "command"),
    [
        ("test", "make viz ENV=test"),
        ("bikes", "make viz ENV=bikes ("),
        ("bikes,local", "make viz ("),
        (None, "make viz ("),
    ],
)
def test_where_to_look_names_the_environment(capsys: Any, env: str | None, command: str) -> None:
    assert command in summary(capsys, env=env, training_set=1)


def test_a_run_says_nothing_of_what_it_did_not_write(capsys: Any) -> None:
    text = summary(
        capsys,
        training_set=1,
        holdout_metrics=METRICS,
        gate_decision=GATE,
        read_only=("holdout_metrics", "gate_decision"),
    )

    assert text.strip().splitlines() == [
        "Look make viz ENV=test (pipelines and plots), make ui ENV=test (MLflow)"
    ]


def test_a_rollback_names_both_versions_and_the_reason(capsys: Any) -> None:
    decision = RollbackDecision(
        version="2", champion_version="3", as_of="2012-06-01", actor="me", note="a bad [week]"
    )

    text = summary(capsys, rollback_decision=decision, champion_version=Champion("2"))

    assert "version 3 back to version 2: a bad [week]" in text


def test_a_version_that_waits_is_told_with_the_commands_that_answer_it(capsys: Any) -> None:
    passed = replace(GATE, decision="promote", as_of="2012-06-01 00:00:00")
    deadline = PromotionParameters.model_validate({"kind": "ask", "deadline": "14 days"})
    problem = page_problem()
    row = promotion_row(ask_for_approval(passed, deadline), problem.name, "4", "run")

    def said(*rows: dict[str, Any]) -> str:
        known = {"ledger": pd.DataFrame(rows), "params:problem": problem}
        return summary(capsys, read_only=("params:problem",), **known)

    text = said(row)

    assert (
        "Waiting version 4 for approval in place of version 3\n"
        "  since 2012-06-01 00:00:00, until 2012-06-15 00:00:00 by the clock of the data (as_of)\n"
        '  kedro approve --env=test --version 4 --reason "..."\n'
        '  kedro refuse --env=test --version 4 --reason "..."\n'
    ) in text
    assert "Waiting" not in said(row, {**row, "kind": "approval", "decision": "refused"})


def test_labels_are_counted(capsys: Any) -> None:
    taken, rejected = pd.DataFrame({"target": range(1200)}), pd.DataFrame({"raw_row": [7]})

    text = summary(capsys, labels=taken, rejected_labels=rejected)

    assert "Labels 1,200 accepted, 1 rejected\n" in text
    assert "Labels" not in summary(
        capsys, labels=taken, window_metrics=WINDOWS, read_only=("labels",)
    )


def test_limits_are_shown_with_the_rate_that_they_stand_for(capsys: Any) -> None:
    about = {"problem": "bikes", "model_version": "4", "n_windows": 40, "memory": 0.25}
    bias = {"subject": "rule", "name": "bias", "stated": 0.5, "measured": 0.49, "limit": 0.118}
    rates = ERROR_RATES.frame([{**about, **bias}, {**about, "subject": "losses", "name": "rmse"}])

    text = summary(capsys, error_rates=rates)

    assert "Error rates, champion version 4" in text
    found = ["rule", "bias", "0.500", "0.490", "11.8%", "0.250", "40"]
    assert cells(_line(text, "bias")) == found
    assert cells(_line(text, "rmse")) == ["losses", "rmse", "-", "-", "-", "0.250", "40"]
    assert "without a limit" not in text
    few = summary(capsys, error_rates=rates.assign(limit=float("nan")))
    assert "A rule without a limit here keeps the configured one: 12 windows" in few


def test_a_calibration_that_found_nothing_says_why(capsys: Any) -> None:
    nothing: dict[str, Any] = {
        "error_rates": ERROR_RATES.frame(),
        "read_only": ("champion_version",),
    }

    first = summary(capsys, **nothing, champion_version=Champion(""))
    few = summary(capsys, **nothing, champion_version=Champion("2"))
    refused = summary(capsys, **nothing, retraining_decision=GATE)
    champion = {"champion_version": Champion("2"), "read_only": ("champion_version",)}
    about = {"version": "3", "champion_version": "2", "as_of": "2012-06-01", "reasons": ()}

    def answered(decision: Any) -> str:
        approval = ApprovalDecision(decision=decision, **about)
        return summary(capsys, **{**nothing, **champion}, approval_decision=approval)

    assert "Error rates not computed\n  there is no champion yet\n" in first
    assert "Error rates not computed\n  the newest training left too few rows" in few
    assert "Error rates" not in refused
    assert "Error rates" not in answered("refused")
    assert "Error rates not computed\n  the newest training" in answered("approved")


def _block(head: str, below: list[str]) -> str:
    return "".join([f"{head}\n", *(f"  {line}\n" for line in below)])


def _line(text: str, name: str) -> str:
    return next(line for line in text.splitlines() if f" {name} " in line)


def test_a_quantile_is_shown_by_its_loss(capsys: Any) -> None:
    problem = page_problem().model_copy(update={"quantile": 0.9})
    loss = WINDOWS.assign(pinball=[7.25, 9.5, 8.0, 9.75])
    summaries = pd.DataFrame(
        {
            **{"policy": ["never"], "n_windows": [2], "n": [9], "rmse": [50.0], "mae": [30.0]},
            **{"pinball": [7.5], "quantile_coverage": [0.875], "retrains": [0], "refused": [0]},
            "fit_cpu_seconds": [1.5],
        }
    )

    text = summary(
        capsys,
        read_only=("params:problem",),
        **{"params:problem": problem, "window_metrics": loss, "backtest_summary": summaries},
    )

    table = rows(text)
    assert table["window"] == ["n", "pinball loss", "MAE", "baseline"]
    assert table["w1"] == ["1,000", "7.250", "30.50", "9.500"]
    assert table["policy"][:3] == ["pinball loss", "MAE", "below"]
    assert table["never"][:3] == ["7.500", "30.00", "87.5%"]
    assert "RMSE" not in text


@pytest.mark.parametrize(
    ("version", "as_of", "said"),
    [
        (
            "1",
            "2011-02-05",
            "version 1 was trained on rows until 2012-08-07 11:00:00, and this",
        ),
        ("1", "2012-08-10", "no window of version 1 has ended since the last look"),
        ("", "2011-02-05", "there is no champion yet whose windows could be judged"),
    ],
)
def test_where_no_window_is_new_it_is_said_why(
    version: str, as_of: str, said: str, capsys: Any
) -> None:
    trained = pd.Timestamp("2012-08-07 11:00") if version else None
    state = PolicyState(pd.Timestamp(as_of), version, trained, [])

    text = summary(capsys, policy_state=state, explained_windows=WINDOW_HISTORY.frame())

    assert f"Windows nothing new\n  {said}" in text


def test_the_commands_of_a_replay_name_its_moment(capsys: Any) -> None:
    made = replace(GATE, decision="promote", as_of="2012-06-01 00:00:00")
    problem = page_problem()
    asked = ask_for_approval(made, PromotionParameters.model_validate("ask"))
    ledger = pd.DataFrame([promotion_row(asked, problem.name, "4", "run")])
    known = {"ledger": ledger, "params:problem": problem}

    text = summary(capsys, read_only=("params:problem",), as_of="2012-06-02", env=None, **known)

    assert '  kedro approve --as-of 2012-06-02 --version 4 --reason "..."\n' in text


def test_skew_of_the_newest_window_that_has_some_is_told_in_one_line(capsys: Any) -> None:
    looked_at = WINDOW_HISTORY.frame(
        pd.DataFrame(
            {
                "window": ["w1", "w2", "w3"],
                "model_version": "1",
                "window_index": range(3),
                "revision": 0,
                "status": "complete",
                "n": 168,
                "n_labelled": 168,
                "n_skew_rows": [1200, 1200, 10],
                "features_skew": [0.5, 0.12, 0.0],
                "predictions_skew": [0.5, 0.115, 0.0],
                "lacking_share": 0.0,
                "most_skewed_column": ["temp", "hum[%]", None],
                "most_skewed_share": [0.5, 0.12, None],
                "most_skewed_served": [21.3, 45.0, None],
                "most_skewed_observed": [0.45, 0.45, None],
            }
        )
    )

    text = summary(capsys, explained_windows=looked_at)

    assert (
        "Skew\n  w2: of 1,200 served rows 11.5% are predicted otherwise from what was observed, "
        "12% have other features; hum[%] differs in 12% of the served rows (on average 45 as "
        "served, 0.45 as observed)\n"
    ) in text
    assert "Skew" not in summary(capsys, explained_windows=looked_at[2:])


def test_what_moved_the_newest_alarmed_window_is_told(capsys):
    moved = {"contributions": '{"temp": -30.5, "hr": 2.0}', "drifted_columns": "temp"}
    looked_at = pd.DataFrame(
        [
            {"window": "w1", "window_index": 1, "revision": 0, **moved},
            {"window": "w2", "window_index": 2, "revision": 0},
        ]
    )

    text = summary(capsys, explained_windows=WINDOW_HISTORY.frame(looked_at))

    assert (
        "Moved in w1 its predictions lie 28.5 below those of the training rows: temp -30.5 "
        "(drifted), hr +2" in " ".join(text.split())
    )
