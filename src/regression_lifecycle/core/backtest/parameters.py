"""The parameters of the backtest: which policies are compared, and over which past."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from regression_lifecycle.core.config import Moment, StrictModel
from regression_lifecycle.core.decisions.policy import PolicyParameters
from regression_lifecycle.core.errors import ConfigurationError, bounded_list
from regression_lifecycle.core.prediction.adjustment import AdjustmentParameters


class BacktestPolicy(StrictModel):
    """One policy to replay.

    Attributes:
        name: Its name in tables and pictures.
        kind: ``never`` keeps the first model; ``every`` retrains every ``windows`` windows without
            asking a gate; ``configured`` is the policy of the monitoring with the retraining's
            gate; ``rules`` is another set of rules with that gate.
        windows: For ``every``; 1 retrains always.
        policy: For ``rules``.
        level_correction: Whether the configured level correction is applied.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)
    kind: Literal["never", "every", "configured", "rules"]
    windows: int | None = Field(None, ge=1)
    policy: PolicyParameters | None = None
    level_correction: bool = True

    @model_validator(mode="after")
    def _says_what_it_needs(self) -> Self:
        if (self.kind == "every") != (self.windows is not None):
            raise ConfigurationError("'windows' belongs to kind 'every', and only to it")
        if (self.kind == "rules") != (self.policy is not None):
            raise ConfigurationError("'policy' belongs to kind 'rules', and only to it")
        return self

    @property
    def description(self) -> str:
        """What it does, in words."""
        words = {
            "never": "the first model for ever",
            "every": "retrained before every window"
            if self.windows == 1
            else f"retrained every {self.windows} windows",
            "configured": "the configured policy with its gate",
            "rules": "its own rules with the configured gate",
        }[self.kind]
        return words if self.level_correction else f"{words}, no level correction"

    @property
    def gated(self) -> bool:
        """Whether a challenger must pass the gate."""
        return self.kind in ("configured", "rules")

    def is_due(self, age_windows: int) -> bool:
        """Whether a policy without rules retrains a model of this age."""
        return self.windows is not None and age_windows >= self.windows

    def rules_of(self, monitored: PolicyParameters) -> PolicyParameters | None:
        """The rules to replay, given the project's own; None for a policy without rules."""
        return monitored if self.kind == "configured" else self.policy

    def deployment_of(self, configured: AdjustmentParameters) -> AdjustmentParameters:
        """What is served besides the model, given the project's own."""
        if self.level_correction:
            return configured
        off = configured.level_correction.model_copy(update={"windows": 0})
        return configured.model_copy(update={"level_correction": off})


class BacktestParameters(StrictModel):
    """Which past is replayed, and who competes.

    Attributes:
        start: Start of the first window that is served; what lies before trains the first model.
            None begins after 30 % of the observations.
        end: Moment before which the last window begins; None runs to the newest observation.
        policies: Who competes.
        oracle: Whether to add the best that hindsight could do with as many retrainings as the
            configured policy took: a bound, not a policy. It needs a fit for every window.
    """

    start: Moment | None = None
    end: Moment | None = None
    policies: tuple[BacktestPolicy, ...] = Field(min_length=1)
    oracle: bool = True

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [policy.name for policy in self.policies]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigurationError(f"policies of one name: {bounded_list(twice)}")
        if self.end is not None and self.start is not None and self.end <= self.start:
            raise ConfigurationError("end must lie after start")
        return self

    def every_fit_is_needed(self) -> bool:
        """Whether a model is fitted before every window, whatever the rules decide."""
        return self.oracle or any(policy.windows == 1 for policy in self.policies)
