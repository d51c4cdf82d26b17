"""The gate: whether a candidate may take the champion's place, with every check on record.

A check that cannot be computed refuses. There are absolute checks on the candidate alone, and
paired comparisons on the same rows: with the baseline always, so that noise is never promoted
whatever else is configured, and with the model in use if there is one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from regression_lifecycle.core.config import StrictModel
from regression_lifecycle.core.data.keys import count_steps
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.decisions.champion_history import Attempt
from regression_lifecycle.core.decisions.records import (
    FAIL,
    NOT_COMPUTED,
    PASS,
    PASSED,
    PROMOTE,
    REFUSE,
    UNCHANGED,
    WAITING,
    Finding,
    GateDecision,
    Metrics,
    Reason,
    finite,
)
from regression_lifecycle.core.durations import duration_text
from regression_lifecycle.core.errors import ConfigurationError, bounded_list
from regression_lifecycle.core.evaluation.attempts import (
    earlier_attempts,
    number_of_attempt,
    surer,
)
from regression_lifecycle.core.evaluation.baseline import CONSTANTS
from regression_lifecycle.core.evaluation.comparison import (
    Comparison,
    PairedComparison,
    compare_paired,
    fewest_blocks,
    is_proven,
    paired_losses,
)
from regression_lifecycle.core.evaluation.holdout import (
    BASELINE,
    BASELINE_SOURCE,
    CANDIDATE,
    CHAMPION,
    overall_metrics,
)
from regression_lifecycle.core.evaluation.segments import find_worst_segment
from regression_lifecycle.core.metrics import ERROR_METRICS, QUANTILE_METRICS, GateMetric
from regression_lifecycle.core.variants import Overridable

Verdict = Literal["promote", "waiting", "refuse", "unchanged"]
# Against the baseline. A constant that noise puts on the better side of the mean can be a little
# better with any confidence; a hundredth is more than that, and less than a model is worth.
_SURE, _WORTH = 0.95, 0.01


class AbsoluteCheck(StrictModel):
    """A bound on one metric of the candidate.

    Attributes:
        minimum: The metric must not be below it.
        maximum: The metric must not be above it.
        of_baseline: The bounds are shares of the baseline's value, not values. Only for
            metrics of which less is better: a share of a negative value means the opposite.
        standard_errors: For ``bias`` alone: a bias beyond its bound still passes if it is within
            this many of its standard errors, as on few rows with large errors either way.
    """

    minimum: float | None = None
    maximum: float | None = None
    of_baseline: bool = False
    standard_errors: float = Field(0, ge=0)

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
        minimum_rows: Fewest rows worth deciding on; of many series, fewest times.
        checks: Bounds by metric. An environment changes one by its name, or removes it by null.
        maximum_fallback_share: Largest share of rows (0 to 1) for which the baseline has no value
            of its own, so that the training mean stands in: beyond it, it is no yardstick.
        comparison: With the model in use, or with the baseline as long as there is none. The
            candidate has to beat the baseline in any case: its error has to be more than
            0.01 lower with a confidence of at least 0.95, in at least 5 blocks, whatever is
            configured.
        segments: Columns of which no value may have become worse than with the model in use, as
            far as chance does not explain it; raw columns or features.
        on_worse_segment: ``ask`` lets a candidate that fails nothing else wait for approval by a
            person, ``refuse`` refuses it.
    """

    minimum_rows: int = Field(168, ge=1)
    checks: Overridable[dict[GateMetric, AbsoluteCheck]] = {}
    maximum_fallback_share: float = Field(0.2, ge=0, le=1)
    comparison: Comparison = Comparison()
    segments: tuple[str, ...] = ()
    on_worse_segment: Literal["refuse", "ask"] = "refuse"

    @model_validator(mode="after")
    def _shares_make_sense(self) -> Self:
        for metric, check in self.checks.items():
            if check.standard_errors and metric != "bias":
                raise ConfigurationError(
                    f"checks.{metric}: standard_errors is for bias alone; leave it out"
                )
            if check.of_baseline and metric not in ERROR_METRICS:
                raise ConfigurationError(
                    f"checks.{metric}: of_baseline is for {bounded_list(ERROR_METRICS)}; leave it "
                    "out"
                )
        return self

    @property
    def minimum_blocks(self) -> int:
        """Fewest blocks of any of its comparisons: the baseline's may need more."""
        return _baseline_floor(self.comparison, configured=False).minimum_blocks


@dataclass(frozen=True)
class Contestant:
    """What the gate knows of a model besides its predictions.

    Attributes:
        version: Empty for a model that is not registered.
        fingerprint: Equal for the same model; empty where it is not known.
        data_fingerprint: Equal for the same training rows.
        trained_until: Newest training row; None where the rows are new to the model anyway. A
            candidate that is judged on rows up to it is refused.
        attempts: Of a champion, who claimed to be better before, the oldest attempt first.
        turned_down: Of a candidate, why evidence that would promote it does not count again, by
            the newest row that judged.
    """

    version: str = ""
    fingerprint: str = ""
    data_fingerprint: str = ""
    trained_until: pd.Timestamp | None = None
    attempts: tuple[Attempt, ...] = ()
    turned_down: Mapping[str, Reason] = field(default_factory=dict)


def evaluate_gate(
    rows: pd.DataFrame,
    candidate: Contestant,
    champion: Contestant | None,
    problem: Problem,
    parameters: GateParameters,
) -> GateDecision:
    """Let the candidate meet the baseline, and the champion if there is one.

    Args:
        rows: Timestamp, target and one column of predictions per model: ``candidate``,
            ``baseline`` (with ``baseline_source``) and, if there is one, ``champion``. They are
            those of the models themselves, without level correction, so that models are compared
            and not their ages.
            The champion is compared on those that are later than its training alone: on others it
            would win by memory.
        candidate: The model that asks for the champion's place.
        champion: The model in use.

    Returns:
        ``promote`` if every check passed, ``waiting`` if a segment alone became worse and a person
        is to be asked, ``unchanged`` if the candidate is the champion itself, otherwise
        ``refuse``.
    """
    version = "" if champion is None else champion.version
    baseline, fallback_share = baseline_of(rows)
    naive = {"opponent": BASELINE, "champion_version": version, "baseline": baseline}
    floor = _baseline_floor(parameters.comparison, configured=champion is None)
    checks = improvement_checks(_compare(rows, BASELINE, version, problem, floor), naive, floor)
    if champion is not None:
        newer = rows
        if champion.trained_until is not None:
            newer = rows[rows[problem.timestamp.name] > champion.trained_until]
        # Without a row there is nothing to add to what the first comparison said.
        checks = checks if len(rows) else []
        if parameters.segments and len(newer):
            checks.append(_segment_check(newer, version, problem, parameters))
        checks += _champion_checks(rows, newer, (candidate, champion), problem, parameters)
    metrics: dict[str, dict[str, float]] = {}
    if len(rows):
        metrics = metrics_with_fallback(rows, problem)
        limit = parameters.maximum_fallback_share
        fallback = _finding(
            "baseline_fallback", fallback_share, limit, fallback_share <= limit, baseline=baseline
        )
        judged = problem.counting(rows)
        n_times = count_steps(judged, problem) if problem.series_columns else None
        bounds = absolute_checks(metrics, parameters, n_times, problem.quantile)
        checks = [*_training_overlap(rows, candidate, problem), *bounds, fallback, *checks]
    moments = rows[problem.timestamp.name]
    judged_until = str(moments.max()) if len(rows) else ""
    decision, reasons = decide(checks, asks=parameters.on_worse_segment == "ask")
    if decision in PASSED and judged_until in candidate.turned_down:
        decision, reasons = REFUSE, (candidate.turned_down[judged_until],)
    if champion is not None and champion.fingerprint == candidate.fingerprint != "":
        decision, reasons = UNCHANGED, (Reason("same_model", {"champion_version": version}),)
    return GateDecision(
        decision=decision,
        reasons=reasons,
        checks=tuple(checks),
        metrics=without_nan(metrics),
        opponent="baseline" if champion is None else "champion",
        baseline=baseline,
        champion_version=version,
        candidate_fingerprint=candidate.fingerprint,
        data_fingerprint=candidate.data_fingerprint,
        judged_from=str(moments.min()) if len(rows) else "",
        judged_until=judged_until,
        n_rows=len(problem.counting(rows)),
    )


def _training_overlap(rows: pd.DataFrame, candidate: Contestant, problem: Problem) -> list[Finding]:
    """Refuse a candidate that knows rows it is judged on: it would pass by memory.

    Every gate goes through here, whoever cut the rows. There is no finding where all are new.
    """
    if candidate.trained_until is None:
        return []
    is_new = rows[problem.timestamp.name] > candidate.trained_until
    n_known = int((~is_new).sum())
    until = problem.moment_text(candidate.trained_until)
    found = _finding("training_overlap", n_known, 0, passed=False, trained_until=until)
    return [found] if n_known else []


def _champion_checks(
    rows: pd.DataFrame,
    newer: pd.DataFrame,
    contestants: tuple[Contestant, Contestant],
    problem: Problem,
    parameters: GateParameters,
) -> list[Finding]:
    """Ask whether the candidate is better than the champion, as sure as its attempt has to be.

    Args:
        newer: The rows that are new to the champion.
        contestants: Candidate and champion.
    """
    (candidate, champion), asked = contestants, parameters.comparison
    about: dict[str, Any] = {"opponent": CHAMPION, "champion_version": champion.version}
    # Who may be a little worse claims nothing that luck could prove.
    if asked.minimum_improvement >= 0 and len(newer):
        before = earlier_attempts(
            champion.attempts, candidate.fingerprint, rows[problem.timestamp.name]
        )
        number = number_of_attempt(before, newer[problem.timestamp.name])
        asked = surer(asked, number)
        if number > 1:
            about["attempt"] = number
    compared = _compare(newer, CHAMPION, champion.version, problem, asked)
    if len(rows) and newer.empty:
        trained_until = problem.moment_text(champion.trained_until)
        compared = Reason("no_new_rows", {"trained_until": trained_until})
    elif (
        isinstance(compared, PairedComparison)
        and compared.obstacle is not None
        and compared.obstacle.kind == "too_few_blocks"
        and compared.n_blocks >= parameters.comparison.minimum_blocks
    ):
        used_up = {**compared.obstacle.figures, **about, "confidence": asked.confidence}
        compared = replace(compared, obstacle=Reason("rows_used_up", used_up))
    return improvement_checks(compared, about, asked)


def baseline_of(rows: pd.DataFrame) -> tuple[str, float]:
    """Return which naive forecast the baseline of some rows is, and how often it fell back.

    Args:
        rows: At least ``baseline_source``.

    Returns:
        The name, empty without a row; and the share of rows in which a constant stood in.
    """
    sources = rows[BASELINE_SOURCE]
    if sources.empty:
        return "", math.nan
    own = sources[~sources.isin(CONSTANTS)]
    if own.empty:
        return str(sources.iloc[0]), 0.0
    return str(own.iloc[0]), 1 - len(own) / len(sources)


def metrics_with_fallback(rows: pd.DataFrame, problem: Problem) -> dict[str, dict[str, float]]:
    """Return the metrics of every model, and of the baseline how often it fell back.

    Args:
        rows: Target, weight where rows have one, one column per model, and ``baseline_source``.

    Returns:
        By model and metric; ``fallback_share`` beside the baseline's.
    """
    metrics = overall_metrics(rows, problem)
    metrics[BASELINE]["fallback_share"] = baseline_of(rows)[1]
    return metrics


def _baseline_floor(parameters: Comparison, *, configured: bool) -> Comparison:
    """Return what a candidate must show against the baseline.

    Args:
        configured: Whether more may be asked for: the comparison is meant for the baseline.
    """
    confidence = max(parameters.confidence, _SURE)
    least = {
        "minimum_improvement": max(parameters.minimum_improvement, _WORTH)
        if configured
        else _WORTH,
        "confidence": confidence,
        "minimum_blocks": max(parameters.minimum_blocks, fewest_blocks(confidence)),
        "observed_improvement": parameters.observed_improvement if configured else None,
    }
    return parameters.model_copy(update=least)


def _compare(
    rows: pd.DataFrame, opponent: str, version: str, problem: Problem, parameters: Comparison
) -> PairedComparison | Reason:
    """Compare the candidate with another forecast, or return why nothing can be compared."""
    if rows.empty:
        return Reason("nothing_to_judge", {"champion_version": version})
    losses = _losses(rows, opponent, problem, parameters)
    # What a naive forecast misses lasts, such as a season; it is what a model is for. Noise, which
    # this comparison keeps out, remembers nothing.
    return compare_paired(losses, parameters, counts_memory=opponent != BASELINE)


def _losses(
    rows: pd.DataFrame, opponent: str, problem: Problem, parameters: Comparison
) -> pd.DataFrame:
    columns = rows[problem.timestamp.name], rows[problem.target], rows[CANDIDATE], rows[opponent]
    return paired_losses(*columns, parameters, problem.quantile, problem.weights_of(rows))


def _segment_check(
    rows: pd.DataFrame, version: str, problem: Problem, parameters: GateParameters
) -> Finding:
    """Ask whether chance explains the segment in which the candidate is worst."""
    asked = parameters.comparison
    losses = _losses(rows, CHAMPION, problem, asked)
    worst = find_worst_segment(losses, rows, parameters.segments, asked.minimum_blocks, asked.power)
    few = {
        "n_blocks": worst.n_blocks,
        "block": duration_text(asked.block),
        "minimum_blocks": asked.minimum_blocks,
    }
    limit = 1 - asked.confidence
    return _finding(
        "segment",
        worst.p_value,
        limit,
        worst.p_value >= limit,
        Reason("too_few_blocks", few),
        metric=asked.metric,
        segment=worst.name,
        increase=finite(worst.increase),
        n_segments=worst.n_segments,
        opponent=CHAMPION,
        champion_version=version,
    )


def absolute_checks(
    metrics: dict[str, dict[str, float]],
    parameters: GateParameters,
    n_times: int | None = None,
    quantile: float | None = None,
) -> list[Finding]:
    """Hold the candidate's metrics against their bounds.

    Args:
        metrics: By model (``candidate``, ``baseline``) and metric name, with ``n``.
        parameters: The bounds.
        n_times: Times at which many series were judged; None where every row counts.
        quantile: The quantile that is predicted. Then the bounds of its own metrics count, and no
            others; of a mean it is the other way round.

    Returns:
        One finding per bound, the number of rows (or of times) first.
    """
    kind, count = ("rows", metrics[CANDIDATE]["n"]) if n_times is None else ("times", n_times)
    findings = [_finding(kind, count, parameters.minimum_rows, count >= parameters.minimum_rows)]
    for metric, check in parameters.checks.items():
        if (metric in QUANTILE_METRICS) != (quantile is not None):
            continue
        value = metrics[CANDIDATE][metric]
        if check.of_baseline:
            unit = metrics[BASELINE][metric]
            value = value / unit if unit and math.isfinite(unit) else math.nan
        about = {"metric": metric, "of_baseline": check.of_baseline}
        noise = _noise(metrics[CANDIDATE], check)
        if noise:
            about |= {"noise": noise, "standard_errors": check.standard_errors}
        for name, bound, sign in (("minimum", check.minimum, 1), ("maximum", check.maximum, -1)):
            if bound is not None:
                passed = sign * (value - bound) >= 0 or abs(value) <= noise
                undefined = Reason("metric_undefined", about)
                findings.append(
                    _finding("metric", value, bound, passed, undefined, **about, bound=name)
                )
    return findings


def _noise(metrics: Mapping[str, float], check: AbsoluteCheck) -> float:
    """How large a bias may be by chance; 0 where a check does not ask."""
    error = metrics.get("bias_standard_error", math.nan) if check.standard_errors else math.nan
    return check.standard_errors * error if math.isfinite(error) else 0.0


def improvement_checks(
    compared: PairedComparison | Reason, opponent: dict[str, Any], parameters: Comparison
) -> list[Finding]:
    """Hold a paired comparison against what is asked for.

    Args:
        compared: The comparison, or why there is none.
        opponent: ``opponent``, ``champion_version`` and, of the baseline, its name.
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
    sure = {
        "improvement": finite(gain),
        "confidence": parameters.confidence,
        "n_blocks": compared.n_blocks,
        "memory": finite(compared.memory),
        "n_effective": finite(compared.n_effective),
    }
    proven = bool(is_proven(np.asarray(bound), parameters))
    findings = [_finding("proven_improvement", bound, asked, proven, obstacle, **about, **sure)]
    if observed is not None:
        seen = _finding("observed_improvement", gain, observed, gain > observed, obstacle, **about)
        findings.insert(0, seen)
    return findings


def decide(checks: Sequence[Finding], *, asks: bool = False) -> tuple[Verdict, tuple[Reason, ...]]:
    """Return the decision that the checks imply, and why: every open check, or the last one.

    Args:
        asks: Whether a person decides if nothing but a segment became worse.
    """
    open_checks = [check for check in checks if check.verdict != PASS]
    worse = [check for check in open_checks if (check.kind, check.verdict) == ("segment", FAIL)]
    if asks and open_checks and worse == open_checks:
        return WAITING, (worse[0].reason, checks[-1].reason)
    if open_checks:
        reasons: list[Reason] = []
        # Two comparisons on the same rows may lack the same.
        for check in open_checks:
            if check.reason not in reasons:
                reasons.append(check.reason)
        return REFUSE, tuple(reasons)
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
