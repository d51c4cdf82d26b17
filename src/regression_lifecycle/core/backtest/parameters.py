"""The parameters of the backtest: which policies are compared, and over which past."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from regression_lifecycle.core.config import Moment, StrictModel
from regression_lifecycle.core.decisions.policy import PolicyParameters
from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.core.prediction.level_and_interval import AdjustmentParameters
from regression_lifecycle.core.variants import Overridable, Variant

PolicyName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]


class BacktestPolicy(Variant):
    """A policy to replay.

    Attributes:
        level_correction: Whether the configured level correction is applied; false serves the
            bare model.
    """

    level_correction: bool = True
    gated: ClassVar[bool] = False
    """Whether a challenger must pass the gate."""

    @property
    @abstractmethod
    def words(self) -> str:
        """What it does, in words."""

    @property
    def description(self) -> str:
        """What it does and whether the level is corrected, in words."""
        return self.words if self.level_correction else f"{self.words}, no level correction"

    def is_due(self, age_windows: int) -> bool:
        """Whether a policy without rules retrains a model of this age."""
        return False

    def rules_of(self, configured: PolicyParameters) -> PolicyParameters | None:
        """The rules to replay, given the project's own; None for a policy without rules."""
        return None

    def adjustment_of(self, configured: AdjustmentParameters) -> AdjustmentParameters:
        """What is served besides the model, given the project's own."""
        if self.level_correction:
            return configured
        off = configured.level_correction.model_copy(update={"windows": 0})
        return configured.model_copy(update={"level_correction": off})


class NeverRetrain(BacktestPolicy):
    """The first model for ever."""

    kind: Literal["never"]

    @property
    def words(self) -> str:
        """As above."""
        return "the first model for ever"


class RetrainByCalendar(BacktestPolicy):
    """A retraining every so many windows, without a gate.

    Attributes:
        windows: How many; 1 retrains always.
    """

    kind: Literal["every"]
    windows: int = Field(ge=1)

    @property
    def words(self) -> str:
        """How often."""
        if self.windows == 1:
            return "retrained before every window"
        return f"retrained every {self.windows} windows"

    def is_due(self, age_windows: int) -> bool:
        """Whether the model is as old as that."""
        return age_windows >= self.windows


class ConfiguredPolicy(BacktestPolicy):
    """The project's own policy with the gate of the retraining."""

    kind: Literal["configured"]
    gated: ClassVar[bool] = True

    @property
    def words(self) -> str:
        """As above."""
        return "the configured policy with its gate"

    def rules_of(self, configured: PolicyParameters) -> PolicyParameters | None:
        """The project's own."""
        return configured


class OtherPolicy(BacktestPolicy):
    """Another policy with the gate of the retraining.

    Attributes:
        policy: Its rules and cooldown, as in the section ``policy``.
    """

    kind: Literal["rules"]
    policy: PolicyParameters
    gated: ClassVar[bool] = True

    @property
    def words(self) -> str:
        """As above."""
        return "its own rules with the configured gate"

    def rules_of(self, configured: PolicyParameters) -> PolicyParameters | None:
        """Its own."""
        return self.policy


class BacktestParameters(StrictModel):
    """Which past is replayed, and who competes.

    Attributes:
        start: Start of the first window that is served; what lies before trains the first model.
            None begins after 30 % of the observations, and not before a first model has enough to
            learn from.
        end: Moment before which the last window begins; None runs to the newest observation.
        policies: Who competes, by the name in tables and pictures. An environment changes one by
            its name, or removes it by null.
        oracle: Whether to add the best that hindsight could do with as many retrainings as the
            configured policy took: a bound, not a policy. It needs a fit for every window.
    """

    start: Moment | None = None
    end: Moment | None = None
    policies: Overridable[dict[PolicyName, BacktestPolicy]] = Field(min_length=1)
    oracle: bool = True

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end is not None and self.start is not None and self.end <= self.start:
            raise ConfigurationError("end must lie after start")
        return self

    def every_fit_is_needed(self) -> bool:
        """Whether a model is fitted before every window, whatever the rules decide."""
        return self.oracle or any(policy.is_due(1) for policy in self.policies.values())
