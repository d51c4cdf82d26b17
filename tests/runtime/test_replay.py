"""A replay runs a tick per window and tells what the ledger says of each."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result
from kedro.framework.startup import bootstrap_project

from regression_lifecycle.adapters.database import append_decisions
from regression_lifecycle.runtime import replay as replay_module

Replay = Callable[..., Result]


@pytest.fixture
def ticked() -> list[str]:
    """The moments of the ticks that were run."""
    return []


@pytest.fixture
def replay(project: Path, ticked: list[str], monkeypatch: pytest.MonkeyPatch) -> Replay:
    """Types ``kedro tick``, whose ticks record that the champion is kept, and print much."""
    from regression_lifecycle.cli import cli

    metadata = bootstrap_project(project)

    def tick(project: Path, env: str, params: dict[str, Any], **_: Any) -> None:
        moment = params["as_of"]
        ticked.append(moment)
        sys.stdout.write("what a step says\n")
        decide(project, moment, "keep", "no_rule_computed")

    monkeypatch.setattr(replay_module, "run_tick", tick)
    return lambda *words: CliRunner().invoke(cli, ["tick", "--env=test", *words], obj=metadata)


def decide(project: Path, moment: str, decision: str, reason: str) -> None:
    row = {
        "decision_id": f"{decision} {moment}",
        "problem": "bike_test",
        "kind": "policy",
        "decision": decision,
        "as_of": moment,
        "reasons": json.dumps([{"kind": reason, "figures": {}}]),
    }
    append_decisions(f"sqlite:///{(project / 'data/test/lifecycle.db').as_posix()}", [row])


def test_ticks_are_a_window_apart_and_the_last_one_stands_at_as_of(
    replay: Replay, ticked: list[str]
) -> None:
    result = replay("--from=2011-01-29", "--as-of=2011-02-15")

    assert result.exit_code == 0, result.output
    days = ["2011-01-29", "2011-02-05", "2011-02-12", "2011-02-15"]
    assert [moment.removesuffix(" 00:00:00") for moment in ticked] == days
    announced, *told, page = result.output.splitlines()
    assert announced == "4 ticks, 2011-01-29 to 2011-02-15"
    assert told == [f"{day}  keep: no rule could be computed yet" for day in days]
    assert page == "Page data/test/08_reporting/index.html"


def test_a_replay_that_was_stopped_goes_on_with_its_newest_moment(
    replay: Replay, ticked: list[str], project: Path
) -> None:
    decide(project, "2011-01-29 00:00:00", "alert", "no_champion")
    decide(project, "2011-02-05 00:00:00", "keep", "no_rule_computed")

    result = replay("--from=2011-01-29", "--as-of=2011-02-12")

    # The newest one may have been killed half way.
    assert [moment[:10] for moment in ticked] == ["2011-02-05", "2011-02-12"]
    told = result.output.partition("\n")[2]
    assert told.startswith("2011-01-29  alert: there is no champion yet\n2011-02-05  keep")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--from=2011-01-29"], 2, "--from needs --as-of"),
        (["--from=2011-03-05", "--as-of=2011-01-29"], 1, "lies after --as-of"),
        (["--from=soon", "--as-of=2011-01-29"], 1, "--from: 'soon' is not a moment"),
        (
            [
                "--from=2011-01-29",
                "--as-of=2011-03-05",
                "--params=windows.kind=rows,windows.rows=99",
            ],
            1,
            "kind rows has no length",
        ),
    ],
)
def test_what_cannot_be_replayed_is_refused(
    replay: Replay, ticked: list[str], words: list[str], code: int, said: str
) -> None:
    result = replay(*words)

    assert (result.exit_code, ticked) == (code, [])
    assert said in result.output


def test_a_replay_ends_where_the_observations_do(
    replay: Replay, ticked: list[str], project: Path
) -> None:
    moments = pd.date_range("2011-01-01", "2011-02-28 23:00", freq="h")
    folder = project / "data/test/02_intermediate"
    folder.mkdir(parents=True)
    pd.DataFrame({"timestamp": moments}).to_parquet(folder / "observations.parquet")

    result = replay("--from=2011-02-12", "--as-of=2999-01-01")

    assert result.exit_code == 1
    # Labels are waited for four weeks, and one tick sees that the last window is over.
    assert "--as-of '2011-03-29'" in result.output
    assert ticked[-1].startswith("2011-04-02")
