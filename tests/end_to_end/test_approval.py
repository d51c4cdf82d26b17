"""Promotions that a person approves, as a user meets them: asked, answered, expired, killed."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from kedro.framework.startup import bootstrap_project

from regression_lifecycle.core.errors import StateError
from regression_lifecycle.pipelines.dashboard import nodes as dashboard_nodes
from regression_lifecycle.runtime.tick import ASKED, NOTHING, check_store
from tests.conftest import copy_project, open_catalog, run_project
from tests.loop import PROMOTED_AT, PROMOTING, champion_of, tick

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("loop")]

ASK: dict[str, Any] = {**PROMOTING, "promotion": {"kind": "ask", "deadline": "10 days"}}
NEXT, LATER = "2011-04-02", "2011-04-16"


@pytest.fixture(scope="module")
def asking_project_once(
    running_project_once: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A project whose second tick left version 2 waiting; shared, not to be changed."""
    folder = copy_project(running_project_once, tmp_path_factory.mktemp("asking") / "project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert tick(folder, PROMOTED_AT, **ASK) == ASKED
    return folder


@pytest.fixture
def asking(asking_project_once: Path, tmp_path: Path, in_folder: Any) -> Path:
    return in_folder(copy_project(asking_project_once, tmp_path / "project"))


def answer(project: Path, as_of: str = PROMOTED_AT, **given: Any) -> None:
    params = {"as_of": as_of, "approval": {"reason": "looked at it", "actor": "ada", **given}}
    run_project(project, pipeline_names=["approval"], params=params)


def typed(project: Path, command: str, *arguments: str) -> Result:
    """What a person types in the folder of the project."""
    metadata = bootstrap_project(project)
    from regression_lifecycle.cli import cli

    return CliRunner().invoke(cli, [command, "--env=test", *arguments], obj=metadata)


def no_space(*_: Any, **__: Any) -> str:
    raise OSError(errno.ENOSPC, "No space left on device")


def decisions(project: Path) -> list[str]:
    """What was decided about candidates and versions, the oldest first."""
    ledger = open_catalog(project).load("ledger")
    return ledger.loc[ledger["kind"] != "policy", "decision"].tolist()


def tags_of(version: str) -> dict[str, str]:
    import mlflow

    return dict(mlflow.MlflowClient().get_model_version("bike_test", version).tags)


def alerts_of(project: Path) -> list[dict[str, Any]]:
    file = project / "data/test/08_reporting/alerts.jsonl"
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def health_of(project: Path) -> dict[str, Any]:
    """The verdict that the page was drawn with."""
    text = (project / "data/test/08_reporting/health.json").read_text(encoding="utf-8")
    health: dict[str, Any] = json.loads(text)
    return health


def test_a_challenger_that_passes_waits_with_its_evidence(asking: Path) -> None:
    catalog = open_catalog(asking)
    waiting = catalog.load("ledger").iloc[-1]

    assert champion_of(catalog) == "1"
    assert (waiting["decision"], waiting["candidate_version"]) == ("waiting", "2")
    assert (waiting["champion_version_before"], waiting["as_of"]) == ("1", "2011-03-26 00:00:00")
    assert json.loads(waiting["checks"])
    assert json.loads(waiting["metrics"])["candidate"]
    assert tags_of("2")["decision"] == "waiting"
    (alert,) = [a for a in alerts_of(asking) if a["details"]["event"] == "waiting"]
    assert 'kedro approve --env=test --version 2 --reason "..."' in alert["text"]
    page = (asking / "data/test/08_reporting/index.html").read_text(encoding="utf-8")
    assert f"kedro approve --env=test --as-of {PROMOTED_AT} --version 2" in page
    assert check_store(asking, "test") == []
    # What the calibration found is for the champion that stays.
    assert set(catalog.load("recorded_error_rates")["model_version"]) <= {"1"}


def test_approved_it_is_champion_with_limits_of_its_own(
    asking: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = ["--reason=looked at it", "--actor=ada", f"--as-of={PROMOTED_AT}"]
    approved = typed(asking, "approve", *given)

    assert approved.exit_code == 0
    said = approved.output
    catalog = open_catalog(asking)
    last = catalog.load("ledger").iloc[-1]
    assert champion_of(catalog) == "2"
    assert (last["kind"], last["decision"]) == ("approval", "approved")
    assert (last["actor"], last["note"]) == ("ada", "looked at it")
    assert (last["candidate_version"], last["champion_version_before"]) == ("2", "1")
    assert (tags_of("2")["decision"], tags_of("2")["actor"]) == ("approved", "ada")
    assert "2" in set(catalog.load("recorded_error_rates")["model_version"])
    assert "Decision approved\n  version 2 in place of version 1: looked at it\n" in said
    # The page is not that of the tick before.
    health = health_of(asking)
    assert (health["champion_version"], health["outcome"]["decision"]) == ("2", "approved")
    assert [change["figures"]["answer"] for change in health["changes"]] == ["approved"]
    assert check_store(asking, "test") == []

    with pytest.raises(StateError, match="version 2 was approved by ada already"):
        answer(asking, version=2)
    # The same evidence is no further question, and the tick goes on as after a promotion.
    before = decisions(asking)
    assert tick(asking, PROMOTED_AT, **ASK) == NOTHING
    assert decisions(asking) == before

    # A full disk keeps the page from being drawn, and nobody from going back.
    with monkeypatch.context() as full:
        full.setattr(dashboard_nodes.dashboard, "render_page", no_space)
        back = typed(asking, "rollback", "--reason=#1: worse @night, off", f"--as-of={PROMOTED_AT}")
    assert back.exit_code == 0
    assert "The decision stands, but the page was not drawn: the disk is full" in back.stderr
    assert champion_of(asking) == "1"
    assert open_catalog(asking).load("ledger")["note"].iloc[-1] == "#1: worse @night, off"
    assert health_of(asking)["champion_version"] == "2"
    run_project(asking, pipeline_names=["dashboard"])
    health = health_of(asking)
    assert (health["champion_version"], health["outcome"]["decision"]) == ("1", "rollback")
    assert health["changes"][-1]["figures"]["answer"] == "rollback"
    params = {"as_of": PROMOTED_AT, **{k: ASK[k] for k in ("retraining", "promotion")}}
    run_project(asking, pipeline_names=["retraining"], params=params)
    (reason,) = open_catalog(asking).load("retraining_decision").reasons
    assert reason.kind == "rolled_back"


def test_refused_it_is_not_asked_about_again_until_there_are_new_rows(asking: Path) -> None:
    refused = typed(asking, "refuse", "--reason=too late", "--actor=ada", f"--as-of={PROMOTED_AT}")
    assert refused.exit_code == 0
    assert "Decision refused\n  version 2 stays out: too late\n" in refused.output
    again = typed(asking, "approve", "--version=2", "--reason=x")
    assert again.exit_code == 1
    assert again.stderr.startswith("Error: bike_test: version 2 was refused by ada already")
    assert typed(asking, "approve").exit_code == 2

    assert champion_of(asking) == "1"
    assert health_of(asking)["changes"][-1]["figures"]["answer"] == "refused"
    last = open_catalog(asking).load("ledger").iloc[-1]
    assert (last["actor"], last["note"]) == ("ada", "too late")
    assert last["as_of"] == f"{PROMOTED_AT} 00:00:00"
    assert tags_of("2")["decision"] == "refused"
    params = {"as_of": PROMOTED_AT, **{k: ASK[k] for k in ("retraining", "promotion")}}
    run_project(asking, pipeline_names=["retraining"], params=params)
    decision = open_catalog(asking).load("retraining_decision")
    assert decision.decision == "refuse"
    assert [reason.kind for reason in decision.reasons] == ["asked_before"]

    assert tick(asking, NEXT, **ASK) == ASKED
    assert decisions(asking)[-3:] == ["refused", "refuse", "waiting"]


def test_a_waiting_version_holds_back_is_superseded_and_expires(asking: Path) -> None:
    # One of the two windows that would judge is new: nobody is asked again.
    assert tick(asking, NEXT, **ASK) == ASKED
    decision = open_catalog(asking).load("policy_decision")
    assert decision.reasons[0].kind == "approval_pending"
    with pytest.raises(StateError, match=r"'7' does not wait for approval \(version 2 does"):
        answer(asking, version=7)

    # By hand a newer one may be trained, which takes its place.
    params = {"as_of": NEXT, **{k: ASK[k] for k in ("retraining", "promotion")}}
    run_project(asking, pipeline_names=["retraining"], params=params)
    assert decisions(asking)[-2:] == ["superseded", "waiting"]
    assert [tags_of(version)["decision"] for version in "23"] == ["superseded", "waiting"]
    with pytest.raises(StateError, match="version 2 was superseded already"):
        answer(asking, NEXT, version=2)

    with pytest.raises(StateError, match="version 3 could be approved until 2011-04-12"):
        answer(asking, LATER)
    assert tick(asking, LATER, **ASK) == ASKED
    assert decisions(asking)[-2:] == ["expired", "waiting"]
    assert [tags_of(version)["decision"] for version in "34"] == ["expired", "waiting"]
    assert champion_of(asking) == "1"
    assert check_store(asking, "test") == []


def test_an_approval_that_is_killed_before_the_alias_moves_is_finished(
    asking: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from regression_lifecycle.adapters.mlflow import registry

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(registry, "set_alias", die)
        with pytest.raises(KeyboardInterrupt):
            answer(asking)
    assert (champion_of(asking), decisions(asking)[-1]) == ("1", "approved")
    killed = copy_project(asking, asking.with_name("by_tick"))

    # By the same command again, or by the next tick.
    answer(asking, reason="")
    assert champion_of(asking) == "2"
    assert decisions(asking).count("approved") == 1
    monkeypatch.chdir(killed)
    run_project(killed, pipeline_names=["monitoring"], params={"as_of": PROMOTED_AT})
    assert champion_of(killed) == "2"
    assert decisions(killed).count("approved") == 1


def test_after_a_rollback_nothing_waits_for_the_former_champions_place(
    promoted_project_once: Path, tmp_path: Path, in_folder: Any
) -> None:
    promoted = in_folder(copy_project(promoted_project_once, tmp_path / "project"))
    params = {"as_of": LATER, **{k: ASK[k] for k in ("retraining", "promotion")}}
    run_project(promoted, pipeline_names=["retraining"], params=params)
    rollback = {"rollback": {"reason": "a hunch"}, "as_of": LATER}
    run_project(promoted, pipeline_names=["rollback"], params=rollback)

    assert decisions(promoted)[-3:] == ["waiting", "superseded", "rollback"]
    assert champion_of(promoted) == "1"
    assert tags_of("3")["decision"] == "superseded"
    with pytest.raises(StateError, match="version 3 was superseded already"):
        answer(promoted, LATER, version=3)


def test_a_first_model_waits_and_is_not_served_until_it_is_approved(project: Path) -> None:
    assert tick(project, "2011-03-05", promotion="ask") == ASKED
    assert champion_of(project) == ""
    assert decisions(project) == ["waiting"]

    answer(project, "2011-03-05")
    assert champion_of(project) == "1"
    assert tick(project, "2011-03-12", promotion="ask") == NOTHING
