"""The parameters of the backtest: which policies are compared, and over which past."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from regression_lifecycle.core.backtest.calendars import Schedule, phases_of
from regression_lifecycle.core.config import Moment, StrictModel
from regression_lifecycle.core.decisions.policy import PolicyParameters
from regression_lifecycle.core.errors import ConfigurationError, unknown_name
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

    def schedules(self, n_windows: int, retrains: Mapping[str, int]) -> list[Schedule]:
        """When a policy without rules retrains, once per phase.

        Args:
            n_windows: How many windows are served.
            retrains: How often the policies with rules did, by name.

        Returns:
            One schedule per replay; one empty schedule for whoever has no calendar.
        """
        return [frozenset()]

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
    """A retraining every so many windows, without a gate; the mean over all phases.

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

    def schedules(self, n_windows: int, retrains: Mapping[str, int]) -> list[Schedule]:
        """One per window that the first retraining may fall on."""
        return phases_of(n_windows, Fraction(self.windows))


class EqualCostCalendar(BacktestPolicy):
    """As many retrainings as another policy took, evenly spread, without a gate, over all phases.

    Attributes:
        as_often_as: Name of that policy, one with rules.
    """

    kind: Literal["equal_cost"]
    as_often_as: PolicyName = "configured"

    @property
    def words(self) -> str:
        """How often."""
        return f"retrained as often as {self.as_often_as}, evenly spread"

    def schedules(self, n_windows: int, retrains: Mapping[str, int]) -> list[Schedule]:
        """One per phase, each with as many retrainings."""
        wanted = retrains[self.as_often_as]
        return phases_of(n_windows, Fraction(n_windows - 1, wanted)) if wanted else [frozenset()]


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
        ruled = [name for name, policy in self.policies.items() if policy.gated]
        for name, policy in self.policies.items():
            if isinstance(policy, EqualCostCalendar) and policy.as_often_as not in ruled:
                wrong = unknown_name("policy with rules", policy.as_often_as, ruled)
                raise ConfigurationError(
                    f"policies.{name}.as_often_as: {wrong}; or remove {name} by null"
                )
        return self

    def every_fit_is_needed(self) -> bool:
        """Whether a model is fitted before every window, whatever the rules decide."""
        calendars = (policy for policy in self.policies.values() if policy.kind == "every")
        return self.oracle or any(calendars)

    def in_order_of_replay(self) -> dict[str, BacktestPolicy]:
        """The policies by name, first those that another one takes its number from."""
        return dict(sorted(self.policies.items(), key=lambda item: item[1].kind == "equal_cost"))
