"""The gate: whether a candidate may take the champion's place, with every check on record.

A check that cannot be computed refuses. There are absolute checks on the candidate alone, and
one paired comparison on the same rows with the model in use (or with the baseline, as long as
there is none).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import pandas as pd
from pydantic import Field, model_validator

from regression_lifecycle.core.config import StrictModel
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.decisions.records import (
    FAIL,
    NOT_COMPUTED,
    PASS,
    PROMOTE,
    REFUSE,
    UNCHANGED,
    Finding,
    GateDecision,
    Metrics,
    Reason,
    finite,
)
from regression_lifecycle.core.errors import ConfigurationError, bounded_list
from regression_lifecycle.core.evaluation.comparison import (
    Comparison,
    PairedComparison,
    compare_paired,
)
from regression_lifecycle.core.evaluation.holdout import (
    BASELINE,
    CANDIDATE,
    CHAMPION,
    overall_metrics,
)
from regression_lifecycle.core.metrics import ERROR_METRICS, GateMetric
from regression_lifecycle.core.variants import Overridable

Verdict = Literal["promote", "refuse", "unchanged"]


class AbsoluteCheck(StrictModel):
    """A bound on one metric of the candidate.

    Attributes:
        minimum: The metric must not be below it.
        maximum: The metric must not be above it.
        of_baseline: The bounds are shares of the baseline's value, not values. Only for
            metrics of which less is better: a share of a negative value means the opposite.
    """

    minimum: float | None = None
    maximum: float | None = None
    of_baseline: bool = False

    @model_validator(mode="after")
    def _has_a_bound(self) -> Self:
        if self.minimum is None and self.maximum is None:
            raise ConfigurationError("a check needs a minimum or a maximum")
        if None not in (self.minimum, self.maximum) and self.minimum > self.maximum:  # type: ignore[operator]
            raise ConfigurationError("the minimum is above the maximum, so this can never pass")
        return self


class GateParameters(StrictModel):
    """What a candidate must show before it is promoted.

    Attributes:
        minimum_rows: Fewest rows worth deciding on.
        checks: Bounds by metric. An environment changes one by its name, or removes it by null.
        comparison: With the model in use, or with the baseline as long as there is none.
    """

    minimum_rows: int = Field(168, ge=1)
    checks: Overridable[dict[GateMetric, AbsoluteCheck]] = {}
    comparison: Comparison = Comparison()

    @model_validator(mode="after")
    def _shares_make_sense(self) -> Self:
        for metric, check in self.checks.items():
            if check.of_baseline and metric not in ERROR_METRICS:
                raise ConfigurationError(
                    f"checks.{metric}: of_baseline is for {bounded_list(ERROR_METRICS)}; leave it "
                    "out"
                )
        return self


@dataclass(frozen=True)
class Contestant:
    """What the gate knows of a model besides its predictions.

    Attributes:
        version: Empty for a model that is not registered.
        fingerprint: Equal for the same model; empty where it is not known.
        data_fingerprint: Equal for the same training rows.
        trained_until: Newest training row; None where the rows are new to the model anyway.
    """

    version: str = ""
    fingerprint: str = ""
    data_fingerprint: str = ""
    trained_until: pd.Timestamp | None = None


def evaluate_gate(
    rows: pd.DataFrame,
    candidate: Contestant,
    champion: Contestant | None,
    problem: Problem,
    parameters: GateParameters,
) -> GateDecision:
    """Let the candidate meet the champion, or the baseline as long as there is none.

    Args:
        rows: Timestamp, target and one column of predictions per model: ``candidate``,
            ``baseline`` and, if there is one, ``champion``. They are those of the models
            themselves, without level correction, so that models are compared and not their ages.
            The champion is compared on those that are later than its training alone: on others it
            would win by memory.
        candidate: The model that asks for the champion's place.
        champion: The model in use.

    Returns:
        ``promote`` if every check passed, ``unchanged`` if the candidate is the champion itself,
        otherwise ``refuse``.
    """
    version = "" if champion is None else champion.version
    opponent: dict[str, Any] = {
        "opponent": BASELINE if champion is None else CHAMPION,
        "champion_version": version,
    }
    compared = _compare(rows, champion, problem, parameters.comparison)
    checks = improvement_checks(compared, opponent, parameters.comparison)
    metrics: dict[str, dict[str, float]] = {}
    if len(rows):
        metrics = overall_metrics(rows, problem.target)
        checks = [*absolute_checks(metrics, parameters), *checks]
    decision, reasons = decide(checks)
    if champion is not None and champion.fingerprint == candidate.fingerprint != "":
        decision, reasons = UNCHANGED, (Reason("same_model", {"champion_version": version}),)
    moments = rows[problem.timestamp.name]
    return GateDecision(
        decision=decision,
        reasons=reasons,
        checks=tuple(checks),
        metrics=without_nan(metrics),
        **opponent,
        candidate_fingerprint=candidate.fingerprint,
        data_fingerprint=candidate.data_fingerprint,
        judged_from=str(moments.min()) if len(rows) else "",
        judged_until=str(moments.max()) if len(rows) else "",
        n_rows=int(rows[problem.target].notna().sum()),
    )


def _compare(
    rows: pd.DataFrame, champion: Contestant | None, problem: Problem, parameters: Comparison
) -> PairedComparison | Reason:
    """Compare on the rows that are new to both, or return why there are none."""
    moments = rows[problem.timestamp.name]
    if rows.empty:
        version = "" if champion is None else champion.version
        return Reason("nothing_to_judge", {"champion_version": version})
    if champion is not None and champion.trained_until is not None:
        rows = rows[moments > champion.trained_until]
        if rows.empty:
            return Reason("no_new_rows", {"trained_until": str(champion.trained_until)})
    return compare_paired(
        rows[problem.timestamp.name],
        rows[problem.target],
        rows[CANDIDATE],
        rows[BASELINE if champion is None else CHAMPION],
        parameters,
    )


def absolute_checks(
    metrics: dict[str, dict[str, float]], parameters: GateParameters
) -> list[Finding]:
    """Hold the candidate's metrics against their bounds.

    Args:
        metrics: By model (``candidate``, ``baseline``) and metric name, with ``n``.
        parameters: The bounds.

    Returns:
        One finding per bound, the number of rows first.
    """
    n_rows = metrics[CANDIDATE]["n"]
    findings = [
        _finding("rows", n_rows, parameters.minimum_rows, n_rows >= parameters.minimum_rows)
    ]
    for metric, check in parameters.checks.items():
        value = metrics[CANDIDATE][metric]
        if check.of_baseline:
            unit = metrics[BASELINE][metric]
            value = value / unit if unit and math.isfinite(unit) else math.nan
        about = {"metric": metric, "of_baseline": check.of_baseline}
        for name, bound, sign in (("minimum", check.minimum, 1), ("maximum", check.maximum, -1)):
            if bound is not None:
                passed = sign * (value - bound) >= 0
                undefined = Reason("metric_undefined", about)
                findings.append(
                    _finding("metric", value, bound, passed, undefined, **about, bound=name)
                )
    return findings


def improvement_checks(
    compared: PairedComparison | Reason, opponent: dict[str, Any], parameters: Comparison
) -> list[Finding]:
    """Hold a paired comparison against what is asked for.

    Args:
        compared: The comparison, or why there is none.
        opponent: ``opponent`` and ``champion_version``.
        parameters: What is asked for.

    Returns:
        The finding on the improvement that was observed, if that is asked for, and last the one
        on its bound.
    """
    about = {"metric": parameters.metric, **opponent}
    observed, asked = parameters.observed_improvement, parameters.minimum_improvement
    if isinstance(compared, Reason):
        return [_finding("proven_improvement", math.nan, asked, False, compared, **about)]
    obstacle = compared.obstacle or Reason("improvement_undefined")
    gain, bound = compared.improvement, compared.lower
    # Equal models give exactly zero: not better, so "above" is strict where nothing is tolerated.
    proven = bound > asked or (asked < 0 and bound >= asked)
    sure = {"improvement": finite(gain), "confidence": parameters.confidence}
    findings = [_finding("proven_improvement", bound, asked, proven, obstacle, **about, **sure)]
    if observed is not None:
        seen = _finding("observed_improvement", gain, observed, gain > observed, obstacle, **about)
        findings.insert(0, seen)
    return findings


def decide(checks: Sequence[Finding]) -> tuple[Verdict, tuple[Reason, ...]]:
    """Return the decision that the checks imply, and why: every open check, or the last one."""
    open_checks = [check for check in checks if check.verdict != PASS]
    if open_checks:
        return REFUSE, tuple(check.reason for check in open_checks)
    if not checks:
        return REFUSE, (Reason("no_check"),)
    return PROMOTE, (checks[-1].reason,)


def without_nan(metrics: dict[str, dict[str, float]]) -> Metrics:
    """Return metrics by model as JSON can hold them: None for what is not defined."""
    return {
        model: {name: finite(value) for name, value in values.items()}
        for model, values in metrics.items()
    }


def _finding(
    kind: str,
    value: float,
    threshold: float,
    passed: bool,
    obstacle: Reason | None = None,
    **figures: Any,
) -> Finding:
    computed = math.isfinite(value)
    return Finding(
        kind=kind,
        verdict=NOT_COMPUTED if not computed else PASS if passed else FAIL,
        value=finite(value),
        threshold=threshold,
        figures=figures,
        obstacle=None if computed else obstacle,
    )
