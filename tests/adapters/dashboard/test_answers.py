"""Is my model healthy, what changed, why, and what do I do: answered by the text of the page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.adapters.dashboard import render_page
from regression_lifecycle.core.decisions.records import Reason, RuleFinding, to_cell
from tests.adapters.dashboard.examples import champion, page_problem, page_tables, windows
from tests.adapters.dashboard.test_page import Page

RULE = RuleFinding(
    name="performance",
    kind="performance",
    action="retrain",
    verdict="quiet",
    value=0.5,
    threshold=0.8,
    figures={
        **{"metric": "rmse", "relative_to": "baseline", "reference_windows": 4, "violations": 2},
        **{"of": 3, "n_windows": 3, "n_bad": 0, "is_newest_bad": False, "window": "2011-04-23"},
    },
)
ON_ITS_WAY = replace(RULE, value=0.9, figures={**RULE.figures, "n_bad": 1, "is_newest_bad": True})
LOST = replace(RULE, value=0.9, verdict="fired", figures={**ON_ITS_WAY.figures, "n_bad": 2})
LEDGER = [
    *("problem", "kind", "decision", "as_of", "window", "judged_until", "reasons", "policy"),
    *("champion_version_before", "candidate_version", "candidate_fingerprint", "metrics"),
    *("actor", "note", "recorded_at"),
]
BEFORE, NOW = "2011-04-23 00:00:00", "2011-04-30 00:00:00"
ASKED = [Reason("asks", {"deadline": "14 days"})]


def policy(rule: RuleFinding = RULE, decision: str = "keep", **row: Any) -> dict[str, Any]:
    why = [Reason("no_rule_fired", {"not_computed": []})] if decision == "keep" else [rule.reason]
    return {
        **{"kind": "policy", "decision": decision, "as_of": NOW, "window": "2011-04-23"},
        **{"champion_version_before": "3", "policy": to_cell([rule]), "reasons": to_cell(why)},
        **row,
    }


def gate(decision: str, version: str = "", champion: str = "3", **row: Any) -> dict[str, Any]:
    return {
        **{"kind": "promotion", "decision": decision, "as_of": NOW, "candidate_version": version},
        **{"champion_version_before": champion, "judged_until": NOW},
        "reasons": to_cell(ASKED if decision == "waiting" else [Reason("no_new_rows_of_use")]),
        "metrics": '{"candidate": {"rmse": 48.5}, "baseline": {"rmse": 120.25}}',
        **row,
    }


def answer(decision: str, version: str, champion: str) -> dict[str, Any]:
    kind = "rollback" if decision == "rollback" else "approval"
    said = {"kind": kind, "actor": "ann", "note": "looks right", "reasons": "[]"}
    return {**gate(decision, version, champion), **said}


FIRST = policy(as_of=BEFORE)


@dataclass(frozen=True)
class State:
    """A state of a model, and what its page has to say of it.

    Attributes:
        rows: Of the ledger, the oldest first.
        says: Parts of the head of the page in its order: verdict, why, changed, what to do.
        version: Of the champion; empty for none.
        pending: Whether the newest window has no labels yet.
    """

    rows: tuple[dict[str, Any], ...]
    says: tuple[str, ...]
    version: str = "3"
    pending: bool = False


STATES = {
    "healthy": State(
        (FIRST, policy()),
        (
            *("Healthy Why", "no rule fired", "RMSE 66 of version 3 in window 2011-04-23"),
            *("45.0% lower than the baseline's", "Changed since the decision as of 2011-04-23"),
            *("window 2011-04-23 judged", "RMSE 66 after 60 in the window before (+10.0%)"),
            *("What to do nothing; the next tick looks again", "Last outcome keep"),
        ),
    ),
    "watch": State(
        (FIRST, policy(ON_ITS_WAY)),
        (
            *("Watch Why", "performance: 1 of 2", "Changed since", "1 of 2, before that quiet"),
            *("What to do nothing yet", "kedro tick"),
        ),
    ),
    "act": State(
        (FIRST, policy(LOST, "retrain"), gate("refuse")),
        (
            *("Act Why", "performance: fired", "challenger refused, version 3 stays"),
            *("Changed since", "fired, before that quiet", "challenger refused"),
            *("What to do", "lost its lead over the naive forecast", "kedro run"),
            "Last outcome refuse",
        ),
    ),
    "refused by a person": State(
        (FIRST, policy(), gate("waiting", "4"), answer("refused", "4", "3")),
        (
            *("Healthy Why", "Changed since the decision as of 2011-04-30"),
            "version 4 refused by ann, version 3 stays: looks right",
            *("What to do nothing; the next tick looks again", "Last outcome refused version 4"),
        ),
    ),
    "approved": State(
        (FIRST, policy(), gate("waiting", "4"), answer("approved", "4", "3")),
        (
            *("Champion version 4", "Watch Why", "version 4 is new: no window of it has been"),
            *("the gate measured RMSE 48.5", "RMSE 66 of version 3 in window 2011-04-23"),
            "version 4 approved by ann in place of version 3: looks right",
            *("What to do nothing yet", "kedro tick", "Last outcome approved version 4"),
            "Last complete window: 2011-04-23, of version 3, which is not the champion",
        ),
        version="4",
    ),
    "rolled back": State(
        (FIRST, policy(champion_version_before="4"), answer("rollback", "3", "4")),
        (
            *("Champion version 3", "Watch Why", "version 3 is back in use", "Changed since"),
            "version 4 rolled back by ann, version 3 is back in use: looks right",
            *("What to do nothing yet", "kedro tick", "Last outcome rollback version 3"),
        ),
    ),
    "pending labels": State(
        (FIRST, policy()),
        (
            *("Healthy Why", "RMSE 60 of version 3 in window 2011-04-16"),
            *("window 2011-04-23 waits for labels", "What to do nothing"),
        ),
        pending=True,
    ),
    "no champion": State(
        (),
        (
            *("Champion none yet", "No model yet Why", "there is no champion yet"),
            *("Changed Nothing has been decided yet.", "What to do train a first model kedro run"),
        ),
        version="",
    ),
    "waiting for approval": State(
        (gate("waiting", "1", ""),),
        (
            *("Champion none yet", "Act Why", "version 1 passed the gate and waits for approval"),
            *("Changed Nothing was decided before this.", "What to do approve version 1"),
            *("kedro approve --version 1", "kedro refuse --version 1"),
            "Last outcome waiting version 1",
            'The policy has not decided yet; a champion comes first: kedro approve --version 1',
        ),
        version="",
    ),
}  # fmt: skip


def page_of(state: State) -> Page:
    rows = [{"problem": "bikes", **row} for row in state.rows]
    hours = [f"2011-05-01T{hour:02d}:00:00+00:00" for hour in range(len(rows))]
    ledger = pd.DataFrame(rows, columns=LEDGER).assign(recorded_at=hours)
    judged = windows(4).assign(
        window=["2011-04-02", "2011-04-09", "2011-04-16", "2011-04-23"],
        rmse=[50.0, 50.0, 60.0, np.nan if state.pending else 66.0],
        baseline_rmse=120.0,
        model_version="3",
        status=["complete"] * 3 + ["pending labels" if state.pending else "complete"],
        # The newest one by the tick after the first.
        recorded_at=["2011-04-30T00:00:00+00:00"] * 3 + ["2011-05-01T00:30:00+00:00"],
    )
    tables = page_tables(
        problem=page_problem(),
        champion=champion(state.version) if state.version else None,
        ledger=ledger,
        window_history=judged if state.version else judged.iloc[:0],
    )
    return Page(render_page(tables, ""))


@pytest.mark.parametrize("name", STATES)
def test_the_page_says_how_the_model_is_what_changed_and_what_to_do(name: str) -> None:
    text = page_of(STATES[name]).text

    place = 0
    for words in STATES[name].says:
        assert words in text[place:], f"{words!r} is not said after {text[:place][-60:]!r}"
        place = text.index(words, place) + len(words)


def test_while_a_first_version_waits_the_page_names_one_next_step() -> None:
    text = page_of(STATES["waiting for approval"]).text

    assert "kedro tick" not in text
    # Neither the replay of the past nor the page itself wait for the answer.
    commands = {words.split()[0] for words in text.split("kedro ")[1:]}
    assert commands == {"approve", "refuse", "run"}
    assert text.count("kedro run") == text.count("kedro run --pipelines=") == 2
