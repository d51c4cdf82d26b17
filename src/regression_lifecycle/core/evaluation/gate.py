"""The gate: whether a candidate may take the champion's place, with every check on record.

A check that cannot be computed refuses. There are absolute checks on the candidate alone, and
one paired comparison on the same rows with the model in use (or with the baseline, as long as
there is none). The comparison carries its uncertainty: errors of neighbouring hours are alike,
so whole blocks of time are resampled and not single rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from regression_lifecycle.core.config import Duration, StrictModel, duration_text
from regression_lifecycle.core.errors import ConfigurationError, bounded_list
from regression_lifecycle.core.metrics import ERROR_METRICS, GateMetric


class AbsoluteCheck(StrictModel):
    """A bound on one metric of the candidate.

    Attributes:
        metric: Name of the metric.
        minimum: The metric must not be below it.
        maximum: The metric must not be above it.
        of_baseline: The bounds are shares of the baseline's value, not values. Only for
            metrics of which less is better: a share of a negative value means the opposite.
    """

    metric: GateMetric
    minimum: float | None = None
    maximum: float | None = None
    of_baseline: bool = False

    @model_validator(mode="after")
    def _has_a_bound(self) -> Self:
        if self.minimum is None and self.maximum is None:
            raise ConfigurationError(f"the check on '{self.metric}' needs a minimum or a maximum")
        if None not in (self.minimum, self.maximum) and self.minimum > self.maximum:  # type: ignore[operator]
            raise ConfigurationError(f"the check on '{self.metric}' can never pass")
        if self.of_baseline and self.metric not in ERROR_METRICS:
            raise ConfigurationError(
                f"the check on '{self.metric}' cannot be a share of the baseline's; of_baseline "
                f"is for {bounded_list(ERROR_METRICS)}"
            )
        return self


class Comparison(StrictModel):
    """The paired comparison with the model in use.

    Attributes:
        metric: ``rmse`` or ``mae``.
        minimum_improvement: Share by which the candidate's error must be lower. A negative
            value tolerates a candidate that is worse by that share (non-inferiority).
        observed_improvement: Share by which the error on the judged rows themselves must be
            lower, whatever its uncertainty; None asks for nothing. Beside a negative
            ``minimum_improvement`` it refuses candidates that are worse or equal.
        confidence: How sure the comparison must be, one-sided.
        block: Length of the blocks of time that are resampled together.
        minimum_blocks: With fewer blocks the uncertainty is not known and the gate refuses.
        resamples: Number of bootstrap samples.
        seed: Seed of the bootstrap.
    """

    metric: Literal["rmse", "mae"] = "rmse"
    minimum_improvement: float = Field(0.0, gt=-1, lt=1)
    observed_improvement: float | None = Field(None, gt=-1, lt=1)
    confidence: float = Field(0.95, gt=0.5, lt=1)
    block: Duration = pd.Timedelta("7 days")
    minimum_blocks: int = Field(8, ge=2)
    resamples: int = Field(2000, ge=100, le=100_000)
    seed: int = 0


class GateParameters(StrictModel):
    """What a candidate must show before it is promoted."""

    minimum_rows: int = Field(168, ge=1)
    checks: tuple[AbsoluteCheck, ...] = ()
    comparison: Comparison = Comparison()


@dataclass(frozen=True)
class CheckResult:
    """One check of the gate.

    Attributes:
        check: What was asked.
        value: What was found; None where it could not be computed.
        threshold: The bound.
        verdict: ``pass``, ``fail`` or ``not computed``; only ``pass`` lets a candidate through.
        detail: One sentence for people.
    """

    check: str
    value: float | None
    threshold: float | None
    verdict: Literal["pass", "fail", "not computed"]
    detail: str


@dataclass(frozen=True)
class PairedComparison:
    """How much lower the candidate's error is, as a share of the other's.

    Attributes:
        improvement: 1 - candidate / other on all rows; positive means better.
        lower: One-sided lower confidence bound of the improvement.
        n_blocks: Blocks that were resampled.
        reason: Why there is no bound; empty where there is one.
    """

    improvement: float
    lower: float
    n_blocks: int
    reason: str = ""


def compare_paired(
    moments: pd.Series,
    target: pd.Series,
    candidate: pd.Series,
    other: pd.Series,
    parameters: Comparison,
) -> PairedComparison:
    """Compare two forecasts of the same rows by a block bootstrap over time.

    Args:
        moments: Timestamps, shape (n,).
        target: Observed values.
        candidate: First forecast.
        other: Second forecast.
        parameters: Metric, blocks and confidence.

    Returns:
        The improvement and its lower bound on the rows whose target is known; the bound is NaN
        where a forecast is missing, fewer than ``minimum_blocks`` blocks hold rows, or the
        other's error is zero.

    Source:
        Non-overlapping block bootstrap, Carlstein (1986), doi:10.1214/aos/1176350057; the
        bound is the expanded percentile of the resampled improvements, Hesterberg (2015),
        doi:10.1080/00031305.2015.1089789, section 5.
    """
    from scipy.special import ndtr, stdtrit

    power = 2 if parameters.metric == "rmse" else 1
    # Blocks are counted from the epoch, so that the same row is always in the same block.
    block = (moments - pd.Timestamp(0)) // parameters.block
    known = target.notna()
    losses = pd.DataFrame(
        {
            "candidate": (candidate - target).abs() ** power,
            "other": (other - target).abs() ** power,
        }
    )[known]
    # A sum leaves NaN out, so a model would be best where it has no answer at all.
    unanswered = int((~np.isfinite(losses)).any(axis=1).sum())
    sums = losses.groupby(block[known].to_numpy()).sum().to_numpy()
    n_blocks = len(sums)
    if unanswered:
        reason = f"{unanswered} of {len(losses)} row(s) lack a forecast"
        return PairedComparison(math.nan, math.nan, n_blocks, reason)
    improvement = float(_improvement(sums.sum(axis=0)[None, :], power)[0])
    if n_blocks < parameters.minimum_blocks:
        reason = (
            f"{n_blocks} block(s) of {duration_text(parameters.block)}, at least "
            f"{parameters.minimum_blocks} are needed"
        )
        return PairedComparison(improvement, math.nan, n_blocks, reason)
    random = np.random.default_rng(parameters.seed)
    counts = random.multinomial(n_blocks, np.full(n_blocks, 1 / n_blocks), parameters.resamples)
    resampled = _improvement(counts @ sums, power)
    if not np.isfinite(resampled).all():
        reason = "the other model's error is zero in whole blocks, so there is no share of it"
        return PairedComparison(improvement, math.nan, n_blocks, reason)
    # A plain percentile is a little too sure of itself with few blocks, as if they were many and
    # their spread were known; expanded, it has the width of Student's t.
    tail = ndtr(
        stdtrit(n_blocks - 1, 1 - parameters.confidence) * math.sqrt(n_blocks / (n_blocks - 1))
    )
    lower = float(np.quantile(resampled, tail))
    return PairedComparison(improvement, lower, n_blocks)


def _improvement(sums: np.ndarray, power: int) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        improvement: np.ndarray = 1 - (sums[:, 0] / sums[:, 1]) ** (1 / power)
    return improvement


def absolute_checks(
    metrics: dict[str, dict[str, float]], parameters: GateParameters
) -> list[CheckResult]:
    """Hold the candidate's metrics against their bounds.

    Args:
        metrics: By model (``candidate``, ``baseline``) and metric name, with ``n``.
        parameters: The bounds.

    Returns:
        One result per bound, the number of rows first.
    """
    n_rows = metrics["candidate"]["n"]
    results = [
        CheckResult(
            "rows",
            n_rows,
            parameters.minimum_rows,
            "pass" if n_rows >= parameters.minimum_rows else "fail",
            f"{n_rows:.0f} rows were judged, at least {parameters.minimum_rows} are needed",
        )
    ]
    for check in parameters.checks:
        value = metrics["candidate"][check.metric]
        unit = 1.0
        name = f"candidate {check.metric}"
        if check.of_baseline:
            unit = metrics["baseline"][check.metric]
            name += " as a share of the baseline's"
            value = value / unit if unit and math.isfinite(unit) else math.nan
        for bound, sign in ((check.minimum, 1), (check.maximum, -1)):
            if bound is not None:
                results.append(_bound_result(name, value, bound, sign))
    return results


def comparison_check(
    result: PairedComparison | None, opponent: str, parameters: Comparison, reason: str = ""
) -> CheckResult:
    """Turn a paired comparison into a check.

    Args:
        result: The comparison, or None where it was not possible.
        opponent: Whom the candidate met, for people.
        parameters: What was asked.
        reason: Why there is no comparison.

    Returns:
        The check; without a finite lower bound its verdict is ``not computed``.
    """
    name = f"{parameters.metric} better than the {opponent}'s"
    asked = parameters.minimum_improvement
    if result is None:
        return CheckResult(name, None, asked, "not computed", f"not computed: {reason}")
    if not math.isfinite(result.lower):
        return CheckResult(name, None, asked, "not computed", f"not computed: {result.reason}")
    # Equal models give exactly zero: not better, so "above" is strict where nothing is tolerated.
    passed = result.lower > asked or (asked < 0 and result.lower >= asked)
    return CheckResult(
        name,
        result.lower,
        asked,
        "pass" if passed else "fail",
        f"{parameters.metric} is {_signed(result.improvement)} than the {opponent}'s, with "
        f"{parameters.confidence:.0%} confidence {_bound(result.lower)}; {_asked(asked)}",
    )


def comparison_checks(
    result: PairedComparison, opponent: str, parameters: Comparison
) -> list[CheckResult]:
    """Turn a paired comparison into the checks that are asked for.

    Args:
        result: The comparison.
        opponent: Whom the candidate met, for people.
        parameters: What was asked.

    Returns:
        The check on the improvement that was observed, if one is asked for, and last the one on
        its bound.
    """
    checks = [comparison_check(result, opponent, parameters)]
    asked = parameters.observed_improvement
    if asked is not None:
        name = f"{parameters.metric} observed against the {opponent}'s"
        value = result.improvement
        if not math.isfinite(value):
            why = result.reason or "the improvement is not defined"
            checks.insert(0, CheckResult(name, None, asked, "not computed", f"not computed: {why}"))
        else:
            detail = f"{parameters.metric} is {_signed(value)} than the {opponent}'s"
            verdict: Literal["pass", "fail"] = "pass" if value > asked else "fail"
            checks.insert(
                0, CheckResult(name, value, asked, verdict, f"{detail}; {_asked(asked, True)}")
            )
    return checks


def without_nan(
    metrics: dict[str, dict[str, float]],
) -> dict[str, dict[str, float | None]]:
    """Write metrics as a document can hold them.

    Args:
        metrics: By model and metric.

    Returns:
        The same with None for what is not defined.
    """
    return {
        model: {name: value if math.isfinite(value) else None for name, value in values.items()}
        for model, values in metrics.items()
    }


def decide(
    checks: Sequence[CheckResult], *, unchanged: bool, unchanged_reason: str = ""
) -> dict[str, Any]:
    """Take the decision that the checks imply.

    Args:
        checks: Every check that was made.
        unchanged: Whether the candidate is the champion itself.
        unchanged_reason: Why that is so, for people.

    Returns:
        ``decision`` (``promote``, ``refuse`` or ``unchanged``), ``reasons`` and ``checks``.
    """
    open_checks = [check for check in checks if check.verdict != "pass"]
    if unchanged:
        decision, reasons = "unchanged", [unchanged_reason]
    elif open_checks or not checks:
        decision = "refuse"
        reasons = [check.detail for check in open_checks] or ["no check was made"]
    else:
        decision, reasons = "promote", [checks[-1].detail]
    return {
        "decision": decision,
        "reasons": reasons,
        "checks": [asdict(check) for check in checks],
    }


def _bound_result(name: str, value: float, bound: float, sign: int) -> CheckResult:
    word = "at least" if sign > 0 else "at most"
    label = f"{name} {word} {bound:g}"
    if not math.isfinite(value):
        return CheckResult(label, None, bound, "not computed", f"{name} is not defined here")
    passed = sign * (value - bound) >= 0
    return CheckResult(
        label,
        value,
        bound,
        "pass" if passed else "fail",
        f"{name} is {value:.4g}, {word} {bound:g} is asked for",
    )


def _asked(share: float, strict: bool = False) -> str:
    if share < 0:
        if strict:
            return f"less than {-share:.1%} higher is asked for"
        return f"at most {-share:.1%} higher is asked for"
    return f"more than {share:.1%} lower is asked for"


def _bound(share: float) -> str:
    # The bound is the worst that the rows still allow: little gain, or much loss.
    return f"at least {share:.1%} lower" if share >= 0 else f"up to {-share:.1%} higher"


def _signed(share: float) -> str:
    return f"{abs(share):.1%} {'lower' if share >= 0 else 'higher'}"
