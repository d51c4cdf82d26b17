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

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field, PrivateAttr, model_validator

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

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class CalibratedLimit:
    """A limit that the windows of a table gave.

    Attributes:
        value: The limit.
        false_alarms_per_year: How often the rule is to begin to fire on a model that does not
            change.
        simulated: How often it did so in the simulation that found the limit.
        memory: Correlation of a window's value with that of the window before.
        n_windows: Windows that it was learnt from.
        rule: The rule that it was learnt for, as :attr:`CalibratedRule.terms` has it.
    """

    value: float
    false_alarms_per_year: float
    simulated: float
    memory: float
    n_windows: int
    rule: str


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
    trouble: ClassVar[str] = "above"
    """On which side of its limit the value of a window in trouble lies, as it is told."""

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
        """Return how many of the newest windows are in trouble, in words."""
        n_windows, of = figures["n_windows"], figures["of"]
        beyond = f"{cls.trouble} {cls.bound(figures)}"
        if n_windows > 1:
            found = f"{beyond} in {figures['n_bad']} of the newest {n_windows} windows"
        else:
            found = beyond if figures["n_bad"] else f"not {beyond}"
        asked = f". It fires at {figures['violations']} of {of}, the newest among them"
        return (
            f"{cls.subject(figures)} is {cls.value_text(figures)} in window "
            f"{rows_label(figures['window'])}, {found}{asked if of > 1 else ''}"
        )

    @classmethod
    def value_text(cls, figures: Mapping[str, Any]) -> str:
        """Return the value of the newest window in words."""
        return cls.quantity_text(figures["value"])

    @classmethod
    def quantity_text(cls, value: float) -> str:
        """Return the value of a window, or its limit, in words."""
        return f"{value:.1%}"

    @classmethod
    def bound(cls, figures: Mapping[str, Any]) -> str:
        """Return the limit that a window in trouble exceeds, in words."""
        return cls.quantity_text(figures["threshold"])

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
        bad = np.array([[value > self.limit_of(row) for row, value in known]])
        return self._finding(
            newest,
            fired=bool(self._lasting(bad)[0, -1]),
            window=str(newest_row["window"]),
            n_bad=int(bad.sum()),
            is_newest_bad=bool(bad[0, -1]),
            n_windows=len(known),
            violations=self.violations,
            of=self.of,
            **self.details(newest_row),
        )

    def _lasting(self, bad: BoolArray) -> BoolArray:
        """Tell at which windows the trouble has lasted.

        Args:
            bad: Whether each window is in trouble; one row per series of windows.
        """
        counts = np.cumsum(bad, axis=1, dtype=np.int64)
        newest = counts.copy()
        newest[:, self.of :] -= counts[:, : -self.of]
        lasting: BoolArray = bad & (newest >= self.violations)
        return lasting


class CalibratedRule(WindowRule):
    """A rule whose limit the windows of the table say, for a rate of false alarms.

    Attributes:
        false_alarms_per_year: How often a year the rule may begin to fire on a model that does
            not change. As soon as 12 windows of predictions out of sample are known, the limit is
            the one that gives this rate; until then it is the one that is configured here. None
            keeps the configured limit.
    """

    false_alarms_per_year: float | None = Field(None, gt=0)
    signed: ClassVar[bool] = False
    """Whether values lie around zero on a model that is right; else they are none below zero."""
    _calibrated: CalibratedLimit | None = PrivateAttr(None)

    @property
    @abstractmethod
    def configured_limit(self) -> float:
        """The limit of the configuration."""

    @property
    def limit(self) -> float:
        """The limit that is in use."""
        return self.configured_limit if self._calibrated is None else self._calibrated.value

    @property
    def smallest_limit(self) -> float:
        """What no calibration goes below."""
        return 0.0

    @property
    def largest_value(self) -> float:
        """What no window's value can exceed."""
        return math.inf

    @property
    def is_calibrated(self) -> bool:
        """Whether the limit is that of a calibration."""
        return self._calibrated is not None

    @property
    def terms(self) -> str:
        """All that a calibrated limit depends on, as JSON."""
        return self.model_dump_json(exclude={"action"})

    def with_limit(self, limit: CalibratedLimit | None) -> Self:
        """Return the rule with a calibrated limit.

        With the configured one if there is none, or it is that of a rule with other terms: the
        configuration has changed since the calibration.
        """
        rule = self.model_copy()
        rule._calibrated = limit if limit is not None and limit.rule == self.terms else None
        return rule

    @abstractmethod
    def quantity(self, row: WindowRow) -> float:
        """What the calibration simulates of a window; NaN where it is not defined."""

    def fires(self, quantities: FloatArray, limit: float) -> BoolArray:
        """Tell at which windows the rule would fire under a limit.

        Args:
            quantities: By series of windows (rows) and window since the training (columns).
            limit: The limit.
        """
        return self._lasting(quantities > limit)

    @property
    def about(self) -> dict[str, Any]:
        """Where the limit comes from."""
        known = self._calibrated
        return {
            "false_alarms_per_year": self.false_alarms_per_year,
            "calibrated_windows": 0 if known is None else known.n_windows,
        }

    @classmethod
    def bound(cls, figures: Mapping[str, Any]) -> str:
        """Return the limit and where it comes from."""
        return super().bound(figures) + origin_of_limit(figures)


def origin_of_limit(figures: Mapping[str, Any]) -> str:
    """Say where the limit of a finding comes from, in brackets; nothing if no rate is asked for.

    Args:
        figures: ``false_alarms_per_year`` and ``calibrated_windows``, 0 for a configured limit.
    """
    stated, windows = figures.get("false_alarms_per_year"), figures.get("calibrated_windows")
    if not stated:
        return ""
    if not windows:
        return f" (configured; {stated:g} false alarms a year once it is calibrated)"
    return f" ({stated:g} false alarms a year, from {windows} windows)"
