"""Which snapshots are kept, and which ones go."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import pandas as pd
from pydantic import Field

from regression_lifecycle.core.config import StrictModel
from regression_lifecycle.core.decisions.champion_history import version_text
from regression_lifecycle.core.decisions.rollback import plan_rollback
from regression_lifecycle.core.decisions.waiting import waiting_versions
from regression_lifecycle.core.errors import StateError
from regression_lifecycle.core.variants import Variant


class Retention(Variant):
    """Which snapshots are kept."""


class KeepNewest(Retention):
    """Those of the newest versions.

    Attributes:
        versions: How many. The champion, the version that a rollback returns to and the one that
            the newest decision is about come on top where they are older.
    """

    kind: Literal["newest"]
    versions: int = Field(ge=1)


class KeepAll(Retention):
    """Those of all versions."""

    kind: Literal["all"]


class KeepNone(Retention):
    """No new ones are taken; those that are there stay."""

    kind: Literal["none"]


class SnapshotParameters(StrictModel):
    """Snapshots of what versions were trained on.

    Attributes:
        keep: Which ones are kept.
    """

    keep: Retention

    @property
    def are_taken(self) -> bool:
        """Whether a new version gets one."""
        return not isinstance(self.keep, KeepNone)


def needed_versions(ledger: pd.DataFrame, problem: str, champion_version: str) -> frozenset[str]:
    """Return versions whose snapshots stay whatever the rule says.

    Args:
        ledger: Every decision, the oldest first.
        champion_version: The version in use; empty if there is none.

    Returns:
        The champion, the version that a rollback returns to unless it is told another one, those
        that wait for approval, and the one that the newest decision is about, whose promotion a
        killed run may have left unfinished.
    """
    own = ledger.loc[ledger["problem"] == problem, "candidate_version"].map(version_text)
    newest = own[own != ""].tail(1)
    try:
        former, _ = plan_rollback(ledger, problem, champion_version, None)
    except StateError:
        former = ""
    waiting = (one.version for one in waiting_versions(ledger, problem))
    return frozenset({champion_version, former, *newest, *waiting} - {""})


def versions_to_prune(
    versions: Iterable[str], keep: Retention, needed: Iterable[str]
) -> tuple[str, ...]:
    """Return the versions whose snapshots go, the oldest first.

    Args:
        versions: Versions that have a snapshot.
        needed: Versions whose snapshots stay.
    """
    if not isinstance(keep, KeepNewest):
        return ()
    ordered = sorted(versions, key=int)
    return tuple(version for version in ordered[: -keep.versions] if version not in {*needed})
