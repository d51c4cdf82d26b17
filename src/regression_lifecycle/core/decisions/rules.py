"""The rules of a retraining policy: what each one looks at, and when it fires.

A rule looks at the windows that the deployed model served since it was trained, and states its
evidence. Windows without enough labels are passed over, so that silence is never taken for health
or for illness.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

import pandas as pd
from pydantic import Field, model_validator

from regression_lifecycle.core.config import Duration, StrictModel
from regression_lifecycle.core.decisions.records import Reason, RuleFinding
from regression_lifecycle.core.errors import ConfigurationError

Action = Literal["retrain", "alert"]
RuleName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
WindowRow = Mapping[str, Any]
"""One window as :data:`~regression_lifecycle.core.data.tables.WINDOW_HISTORY` describes it."""


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
    """

    as_of: pd.Timestamp
    champion_version: str
    trained_until: pd.Timestamp | None
    windows: Sequence[WindowRow]
    windows_since_attempt: int | None = None


class _Rule(StrictModel):
    """What all rules share.

    Attributes:
        name: Name in decisions, alarms and the page.
        action: ``retrain`` asks for a challenger, ``alert`` only tells people.
    """

    kind: str
    name: RuleName
    action: Action

    def _found(
        self,
        value: float | None,
        threshold: float,
        *,
        fired: bool = False,
        obstacle: Reason | None = None,
        **figures: Any,
    ) -> RuleFinding:
        """Return the finding; without a value it is not computed."""
        return RuleFinding(
            name=self.name,
            kind=self.kind,
            action=self.action,
            verdict="not computed" if value is None else "fired" if fired else "quiet",
            value=value,
            threshold=threshold,
            figures=figures,
            obstacle=obstacle,
        )


class _PersistentRule(_Rule):
    """A rule that wants the trouble to last.

    Attributes:
        violations: How many of the newest ``of`` windows must be in trouble ...
        of: ... of how many; the newest one must always be among them. With a single bad window
            (a storm, a holiday) nothing is gained by a retraining.
    """

    violations: int = Field(2, ge=1)
    of: int = Field(3, ge=1)

    @model_validator(mode="after")
    def _can_be_met(self) -> Self:
        if self.violations > self.of:
            raise ConfigurationError(
                f"violations {self.violations} of {self.of} windows can never be met"
            )
        return self

    def _count(
        self,
        windows: Sequence[WindowRow],
        values: Sequence[float],
        threshold: float,
        **figures: Any,
    ) -> RuleFinding:
        """Count the newest windows whose value lies above the threshold."""
        known = [
            (row, value) for row, value in zip(windows, values, strict=True) if math.isfinite(value)
        ][-self.of :]
        if not known:
            return self._found(None, threshold, obstacle=Reason("no_labelled_window"), **figures)
        newest_row, newest = known[-1]
        n_bad = sum(value > threshold for _, value in known)
        return self._found(
            newest,
            threshold,
            fired=n_bad >= self.violations and newest > threshold,
            window=str(newest_row["window"]),
            n_bad=n_bad,
            n_windows=len(known),
            violations=self.violations,
            of=self.of,
            **figures,
        )


class PerformanceRule(_PersistentRule):
    """The error is too large, compared with something that grows with the problem.

    Attributes:
        metric: ``rmse`` or ``mae`` of what was served.
        relative_to: ``baseline``: the naive forecast's error in the same window;
            ``first_windows``: the mean error of the first ``reference_windows`` windows after the
            training; ``target_mean``: the mean target of the window.
        maximum: Share of it above which a window is in trouble.
        reference_windows: See ``relative_to``.
    """

    kind: Literal["performance"]
    name: RuleName = "performance"
    action: Action = "retrain"
    metric: Literal["rmse", "mae"] = "rmse"
    relative_to: Literal["baseline", "first_windows", "target_mean"] = "baseline"
    maximum: float = Field(gt=0)
    reference_windows: int = Field(4, ge=1)

    def find(self, state: PolicyState) -> RuleFinding:
        """Judge the served windows."""
        windows = usable(state.windows)
        values = [_ratio(row[self.metric], self._unit(row, windows)) for row in windows]
        return self._count(
            windows,
            values,
            self.maximum,
            metric=self.metric,
            relative_to=self.relative_to,
            reference_windows=self.reference_windows,
        )

    def _unit(self, row: WindowRow, windows: Sequence[WindowRow]) -> float:
        if self.relative_to == "baseline":
            return float(row[f"baseline_{self.metric}"])
        if self.relative_to == "target_mean":
            return _ratio(row["sum_target"], row["n_labelled"])
        first = [float(window[self.metric]) for window in windows[: self.reference_windows]]
        return sum(first) / len(first) if len(first) == self.reference_windows else math.nan


class BiasRule(_PersistentRule):
    """The predictions are too high or too low as a whole: the level has moved.

    Attributes:
        statistic: ``window``: the bias of each window, with persistence; ``cumulative``: the sum
            of the windows' biases since the training, which grows with every week that the level
            stays away; ``pooled``: the bias over the newest ``of`` windows together. The last two
            last by themselves, so ``violations`` has no part in them.
        prediction: ``model``: of the model itself, before the level correction hides it;
            ``served``: of what was served.
        maximum: Absolute bias (a share of the targets' sum) above which it fires.
    """

    kind: Literal["bias"]
    name: RuleName = "bias"
    action: Action = "retrain"
    statistic: Literal["window", "cumulative", "pooled"] = "window"
    prediction: Literal["model", "served"] = "model"
    maximum: float = Field(gt=0)

    def find(self, state: PolicyState) -> RuleFinding:
        """Judge the served windows."""
        windows = usable(state.windows)
        said = "sum_raw_prediction" if self.prediction == "model" else "sum_prediction"
        biases = [_ratio(row[said], row["sum_target"]) - 1 for row in windows]
        if self.statistic == "window":
            sizes = [abs(bias) for bias in biases]
            return self._count(windows, sizes, self.maximum, statistic="window")
        if self.statistic == "cumulative":
            known = [bias for bias in biases if math.isfinite(bias)]
            n_windows = len(known)
            value = sum(known) if known else math.nan
        else:
            newest = windows[-self.of :]
            n_windows = len(newest)
            predicted = sum(float(window[said]) for window in newest)
            value = _ratio(predicted, sum(float(window["sum_target"]) for window in newest)) - 1
        figures: Any = {"statistic": self.statistic, "n_windows": n_windows, "of": self.of}
        obstacle = None
        if not windows:
            obstacle = Reason("no_labelled_window")
        elif self.statistic == "pooled" and n_windows < self.of:
            obstacle = Reason("too_few_windows", {"n_windows": n_windows, "of": self.of})
        elif not math.isfinite(value):
            obstacle = Reason("bias_undefined")
        if obstacle is not None:
            return self._found(None, self.maximum, obstacle=obstacle, **figures)
        return self._found(value, self.maximum, fired=abs(value) > self.maximum, **figures)


class CoverageRule(_PersistentRule):
    """Too few observations fall into the prediction interval.

    Attributes:
        minimum: Share of a window's rows below which it is in trouble.
    """

    kind: Literal["coverage"]
    name: RuleName = "coverage"
    action: Action = "alert"
    minimum: float = Field(gt=0, lt=1)

    def find(self, state: PolicyState) -> RuleFinding:
        """Judge the served windows."""
        windows = usable(state.windows)
        # Rounded, since 1 - 0.7 is a little more than 0.3.
        missed = [round(1 - float(row["coverage"]), 9) for row in windows]
        return self._count(windows, missed, round(1 - self.minimum, 9))


class ScheduleRule(_Rule):
    """The model is old, whatever its figures say.

    Attributes:
        maximum_age: Time since the newest training row from which on it fires.
    """

    kind: Literal["schedule"]
    name: RuleName = "schedule"
    action: Action = "retrain"
    maximum_age: Duration

    def find(self, state: PolicyState) -> RuleFinding:
        """Judge the model's age."""
        limit = self.maximum_age / _DAY
        if state.trained_until is None:
            return self._found(None, limit, obstacle=Reason("no_champion"))
        age = (state.as_of - state.trained_until) / _DAY
        return self._found(age, limit, fired=age >= limit)


class DriftRule(_PersistentRule):
    """The inputs look unlike the reference. It explains; it seldom should decide.

    Attributes:
        maximum_share: Share of drifted columns above which a window is in trouble.
    """

    kind: Literal["drift"]
    name: RuleName = "drift"
    action: Action = "alert"
    maximum_share: float = Field(ge=0, lt=1)

    def find(self, state: PolicyState) -> RuleFinding:
        """Judge the served windows; drift needs no labels."""
        windows = [row for row in state.windows if row["status"] in ("complete", "pending labels")]
        shares = [float(row["drifted_share"]) for row in windows]
        return self._count(windows, shares, self.maximum_share)


class DataQualityRule(_PersistentRule):
    """Values are blank, rows are missing or were set aside.

    Attributes:
        maximum_share: Share of blank cells, or of rows that are missing or rejected, above which a
            window is in trouble.
    """

    kind: Literal["data_quality"]
    name: RuleName = "data_quality"
    action: Action = "alert"
    maximum_share: float = Field(ge=0, lt=1)
    violations: int = Field(1, ge=1)
    of: int = Field(1, ge=1)

    def find(self, state: PolicyState) -> RuleFinding:
        """Judge the served windows; quality needs no labels."""
        windows = [row for row in state.windows if row["status"] != "partial"]
        shares = [self._share(row) for row in windows]
        return self._count(windows, shares, self.maximum_share)

    @staticmethod
    def _share(row: WindowRow) -> float:
        counts = [_number(row[name]) for name in ("n_missing_rows", "n_rejected")]
        rows = float(row["n"]) + sum(count for count in counts if math.isfinite(count))
        shares = [*(_ratio(count, rows) for count in counts), _number(row["missing_share"])]
        return max((share for share in shares if math.isfinite(share)), default=math.nan)


Rule = Annotated[
    PerformanceRule | BiasRule | CoverageRule | ScheduleRule | DriftRule | DataQualityRule,
    Field(discriminator="kind"),
]

_DAY = pd.Timedelta("1 day")


def usable(windows: Sequence[WindowRow]) -> list[WindowRow]:
    """The windows whose figures may decide: complete, with their labels.

    Args:
        windows: Served windows.

    Returns:
        Those with the status ``complete``, in their order.
    """
    return [row for row in windows if row["status"] == "complete"]


def _number(value: Any) -> float:
    return math.nan if pd.isna(value) else float(value)


def _ratio(value: Any, unit: Any) -> float:
    value, unit = float(value), float(unit)
    return value / unit if unit > 0 and math.isfinite(value) else math.nan
