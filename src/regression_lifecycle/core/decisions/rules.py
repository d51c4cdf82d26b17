"""What a rule of the retraining policy is: what it may look at, and what it answers.

A rule looks at the windows that the deployed model served since it was trained, and states its
evidence. Windows without enough labels are passed over, so that silence is never taken for health
or for illness. The rules themselves are in ``rule_kinds``.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import pandas as pd
from pydantic import Field, model_validator

from regression_lifecycle.core.decisions.records import (
    FIRED,
    NOT_COMPUTED,
    QUIET,
    Finding,
    Reason,
)
from regression_lifecycle.core.durations import rows_label
from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.core.variants import Variant

Action = Literal["retrain", "alert"]
Unit = Literal["share", "days"]
WindowRow = Mapping[str, Any]
"""One window as :data:`~regression_lifecycle.core.data.tables.WINDOW_HISTORY` describes it."""

_PERSISTENCE = (
    "is {value:.3g} in window {window}; above {bound} in {n_bad} of the newest {n_windows} "
    "window(s), {violations} of {of} with the newest are asked for"
)


@dataclass(frozen=True)
class PolicyState:
    """What a policy may look at.

    Attributes:
        as_of: The moment at which it decides.
        champion_version: The deployed version; empty if there is none.
        trained_until: Newest moment that the deployed model was trained on.
        windows: The windows it served since then, the oldest first.
        windows_since_attempt: Windows that ended since a retraining was last tried; None if none
            was tried since the deployed model was trained.
        counts_rows: Whether the table has no time, so that a second is a row.
    """

    as_of: pd.Timestamp
    champion_version: str
    trained_until: pd.Timestamp | None
    windows: Sequence[WindowRow]
    windows_since_attempt: int | None = None
    counts_rows: bool = False


class PolicyRule(Variant):
    """A rule: what it looks at, and from where on it fires.

    Attributes:
        action: ``retrain`` asks for a challenger, ``alert`` only tells people.
    """

    action: Action
    unit: ClassVar[Unit] = "share"

    @property
    @abstractmethod
    def limit(self) -> float:
        """The value above which it fires."""

    @property
    def bounded_column(self) -> str:
        """Column of ``window_history`` that the limit bounds; empty if there is none."""
        return ""

    @abstractmethod
    def find(self, state: PolicyState) -> Finding:
        """Look at the state."""

    @classmethod
    @abstractmethod
    def evidence(cls, figures: Mapping[str, Any]) -> str:
        """Return what was found in words, from ``value``, ``threshold`` and the other figures."""

    @property
    def about(self) -> dict[str, Any]:
        """What the sentence about a finding needs to know of the rule."""
        return {}

    def _finding(
        self,
        value: float | None,
        *,
        fired: bool = False,
        obstacle: Reason | None = None,
        **figures: Any,
    ) -> Finding:
        """Return what was found; without a value it is not computed, because of an obstacle."""
        return Finding(
            kind=self.kind,
            verdict=NOT_COMPUTED if value is None else FIRED if fired else QUIET,
            value=value,
            threshold=self.limit,
            figures={**self.about, **figures},
            obstacle=obstacle,
        )


class WindowRule(PolicyRule):
    """A rule that looks at a value of every window, and wants the trouble to last.

    Attributes:
        violations: How many of the newest ``of`` windows must be in trouble, the newest one among
            them. For a single bad window (a storm, a holiday) nothing is gained by a retraining.
        of: See ``violations``.
    """

    violations: int = Field(2, ge=1)
    of: int = Field(3, ge=1)
    undefined: ClassVar[str] = "no_labelled_window"
    without_window: ClassVar[str] = "no_labelled_window"

    @model_validator(mode="after")
    def _can_be_met(self) -> Self:
        if self.violations > self.of:
            raise ConfigurationError(
                f"violations {self.violations} of {self.of} windows can never be met"
            )
        return self

    @classmethod
    @abstractmethod
    def subject(cls, figures: Mapping[str, Any]) -> str:
        """Return what the value of a window is, as the beginning of a sentence."""

    @classmethod
    def evidence(cls, figures: Mapping[str, Any]) -> str:
        """Say how many of the newest windows are in trouble."""
        window, bound = rows_label(figures["window"]), cls.bound(figures)
        words = _PERSISTENCE.format_map({**figures, "window": window, "bound": bound})
        return f"{cls.subject(figures)} {words}"

    @classmethod
    def bound(cls, figures: Mapping[str, Any]) -> str:
        """Return what a window in trouble lies above."""
        return f"{figures['threshold']:g}"

    def windows(self, state: PolicyState) -> list[WindowRow]:
        """The windows that count: those whose figures are final, unless a rule says otherwise."""
        return [row for row in state.windows if row["status"] == "complete"]

    @abstractmethod
    def value(self, row: WindowRow, windows: Sequence[WindowRow]) -> float:
        """The value of a window, given all that count; NaN where it is not defined."""

    def limit_of(self, row: WindowRow) -> float:
        """The value above which a window is in trouble."""
        return self.limit

    def details(self, row: WindowRow) -> dict[str, Any]:
        """What else the sentence tells of the newest window."""
        return {}

    def find(self, state: PolicyState) -> Finding:
        """Count the newest windows whose value lies above their limit."""
        windows = self.windows(state)
        values = [(row, self.value(row, windows)) for row in windows]
        known = [(row, value) for row, value in values if math.isfinite(value)][-self.of :]
        if not known:
            why = self.undefined if windows else self.without_window
            return self._finding(None, obstacle=Reason(why))
        newest_row, newest = known[-1]
        bad = [value > self.limit_of(row) for row, value in known]
        return self._finding(
            newest,
            fired=sum(bad) >= self.violations and bad[-1],
            window=str(newest_row["window"]),
            n_bad=sum(bad),
            n_windows=len(known),
            violations=self.violations,
            of=self.of,
            **self.details(newest_row),
        )
