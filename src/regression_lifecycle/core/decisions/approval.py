"""A person's answer to a version that waits: approved or refused, by whom and why."""

from __future__ import annotations

from typing import Literal

import pandas as pd

from regression_lifecycle.core.decisions.champion_history import (
    newest_move,
    unfinished_move,
    version_text,
)
from regression_lifecycle.core.decisions.records import (
    APPROVAL,
    APPROVED,
    EXPIRED,
    REFUSED,
    SUPERSEDED,
    Reason,
)
from regression_lifecycle.core.decisions.rollback import VersionParameters
from regression_lifecycle.core.decisions.waiting import (
    ApprovalOutcome,
    WaitingVersion,
    close_waiting,
    waiting_version,
)
from regression_lifecycle.core.decisions.wording import line
from regression_lifecycle.core.errors import StateError, bounded_list

_WAYS_ON = {
    EXPIRED: "the next tick or retraining records it, and may train a new challenger",
    SUPERSEDED: "train a new challenger: kedro run --pipelines=retraining",
}


class ApprovalParameters(VersionParameters):
    """A person's answer to a version that waits.

    Attributes:
        answer: ``approve`` makes it champion, ``refuse`` leaves the champion in place.
        version: Which one; None for the one that waits.
        reason: Why, in the person's words; an answer without a reason is refused.
        actor: Who answers.
    """

    answer: Literal["approve", "refuse"] = "approve"


def decide_approval(
    ledger: pd.DataFrame,
    problem: str,
    version_in_use: str,
    as_of: str,
    parameters: ApprovalParameters,
) -> ApprovalOutcome | None:
    """Answer the version that waits, in a person's name.

    Args:
        ledger: Every decision, the oldest first.
        version_in_use: Where the alias points; empty if nowhere.
        as_of: The moment at which the decision stands.

    Returns:
        The answer; None if a run that was killed has approved the version and not put it in place.

    Raises:
        StateError: If no reason is given, or the version does not wait, has expired, or was
            compared with another champion than the present one.
    """
    # By the ledger that version is champion, whoever is still in its place.
    unfinished = unfinished_move(ledger, problem, version_in_use)
    approves, wanted = parameters.answer == "approve", parameters.version
    killed = unfinished and newest_move(ledger, problem) == APPROVED
    if killed and approves and wanted in (None, unfinished):
        return None
    if not parameters.reason.strip():
        raise StateError(
            f'an answer needs a reason: kedro {parameters.answer} --reason "why", or '
            '--params=approval.reason="why"'
        )
    champion = unfinished or version_in_use
    waiting = waiting_version(ledger, problem)
    if waiting is None or wanted not in (None, waiting.version):
        own = ledger[(ledger["problem"] == problem) & (ledger["kind"] == APPROVAL)]
        raise StateError(f"{problem}: {_nothing_to_answer(own, champion, waiting, wanted)}")
    told = ledger.loc[ledger["problem"] == problem, "as_of"].dropna()
    newest = max([waiting.asked_at, *(pd.Timestamp(moment) for moment in told if moment)])
    if pd.Timestamp(as_of) < newest:
        raise StateError(
            f"the answer would stand at {as_of}, and the newest decision stands at {newest}; leave "
            "--as-of out, or name a later moment"
        )
    closed = close_waiting(waiting, champion, as_of)
    if approves and closed is not None:
        decision = closed.decision
        raise StateError(
            f"{line(decision.reasons)}, and this answer stands at {as_of} (--as-of takes another "
            f"moment); {_WAYS_ON[decision.decision]}"
        )
    kind: Literal["approved", "refused"] = APPROVED if approves else REFUSED
    about = {
        "version": waiting.version,
        "champion_version": waiting.champion_version,
        "reason": parameters.reason,
    }
    why = Reason(kind, about)
    return ApprovalOutcome.of(waiting, kind, why, as_of, parameters.actor, parameters.reason)


def _nothing_to_answer(
    answers: pd.DataFrame, champion: str, waiting: WaitingVersion | None, wanted: str | None
) -> str:
    in_use = f"version {champion} is champion" if champion else "there is no champion"
    known = answers.assign(version=answers["candidate_version"].map(version_text))
    if wanted is None:
        pairs = known[["version", "decision"]].tail(3).to_numpy()
        before = bounded_list(f"version {version} was {answer}" for version, answer in pairs)
        return f"no version waits for approval ({in_use}); answered before: {before}"
    there = f"{f'version {waiting.version}' if waiting else 'none'} does, {in_use}"
    own = known[known["version"] == wanted]
    if own.empty:
        return f"version '{wanted}' does not wait for approval ({there})"
    last = own.iloc[-1]
    by = f" by {last['actor']}" if version_text(last["actor"]) else ""
    return (
        f"version {wanted} was {last['decision']}{by} already, as of {last['as_of']}, and does not "
        f"wait for approval any more ({there})"
    )
