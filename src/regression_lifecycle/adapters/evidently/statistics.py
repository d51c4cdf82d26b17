"""Drift scores from Evidently's registered tests, without drawing anything.

A report draws a column in tens of milliseconds and computes its score three times; calling the
registered test takes one. The scores are the same, because they come from the same functions on
the same values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from regression_lifecycle.adapters.evidently.frames import ColumnRoles, Prepared, prepare
from regression_lifecycle.adapters.evidently.library import first_line, quiet
from regression_lifecycle.core.drift.parameters import (
    METHODS,
    ColumnDrift,
    DriftParameters,
    Kind,
    Role,
    is_drifted,
    verdict_frame,
)


def drift_verdict(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    roles: ColumnRoles,
    parameters: DriftParameters,
) -> pd.DataFrame:
    """Compare two tables column by column, without a report.

    Args:
        reference: What drift is measured against; its predictions should be out of sample.
        current: What is judged.
        roles: The declared columns of both tables.
        parameters: Methods, thresholds and bounds.

    Returns:
        One row per declared column as in ``core.drift.parameters.VERDICT_DTYPES``.
        A column that cannot be compared has a reason and neither score nor verdict.

    Raises:
        ConfigurationError: If ``per_column`` names an undeclared column or a method that is not
            for its kind.
    """
    return compare(reference, current, roles, parameters).verdict


@dataclass(frozen=True)
class Comparison:
    """Two prepared tables and the verdict on their columns."""

    reference: Prepared
    current: Prepared
    verdict: pd.DataFrame


def compare(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    roles: ColumnRoles,
    parameters: DriftParameters,
) -> Comparison:
    """Prepare two tables and compare them: what a report and a verdict have in common.

    Args:
        reference: What drift is measured against.
        current: What is judged.
        roles: The declared columns of both tables.
        parameters: Methods, thresholds and bounds.

    Returns:
        The prepared tables with their verdict.

    Raises:
        ConfigurationError: As :func:`drift_verdict` does.
    """
    parameters.refuse_unknown_columns(name for name, _, _ in roles.columns())
    rows, seed = parameters.maximum_rows, parameters.seed
    left = prepare(reference, roles, maximum_rows=rows, seed=seed, side="reference")
    right = prepare(current, roles, maximum_rows=rows, seed=seed, side="current")
    chosen = roles.columns(
        target=parameters.include_target, prediction=parameters.include_prediction
    )
    with quiet():
        verdicts = [_compare_column(left, right, *column, parameters) for column in chosen]
    return Comparison(left, right, verdict_frame(verdicts))


def _compare_column(
    reference: Prepared,
    current: Prepared,
    column: str,
    kind: Kind,
    role: Role,
    parameters: DriftParameters,
) -> ColumnDrift:
    choice = parameters.choice(column, kind)

    def answer(
        score: float = math.nan, reason: str = "", sizes: tuple[int, int] = (0, 0)
    ) -> ColumnDrift:
        return ColumnDrift(
            column=column,
            kind=kind,
            role=role,
            method=choice.method,
            score=score,
            threshold=choice.threshold,
            drifted=None if reason else is_drifted(score, choice.threshold, choice.method),
            reason=f"not computed: {reason}" if reason else "",
            n_reference=sizes[0],
            n_current=sizes[1],
        )

    for side in (reference, current):
        if column in side.unusable:
            return answer(reason=side.unusable[column])
    before, after = reference.frame[column].dropna(), current.frame[column].dropna()
    sizes = (len(before), len(after))
    for name, size in zip(("reference", "current"), sizes, strict=True):
        if size < parameters.minimum_rows:
            return answer(
                reason=f"{size} values in {name}, minimum_rows is {parameters.minimum_rows}",
                sizes=sizes,
            )
    if choice.method == "z" and (found := pd.concat([before, after]).nunique()) > 2:
        return answer(reason=f"method z compares 2 categories, found {found}", sizes=sizes)
    try:
        score = _score(before, after, kind, choice.method)
    except Exception as error:  # one column must not take the others with it
        return answer(reason=f"{choice.method} failed: {first_line(error)}", sizes=sizes)
    if math.isnan(score):
        return answer(reason=f"{choice.method} is undefined for these values", sizes=sizes)
    return answer(score, sizes=sizes)


def _score(before: pd.Series, after: pd.Series, kind: Kind, method: str) -> float:
    if is_one_value(before, after):
        return METHODS[method].identical_score
    from evidently.legacy.calculations.stattests.registry import get_registered_stattest
    from evidently.legacy.core import ColumnType

    column_type = ColumnType.Numerical if kind == "numerical" else ColumnType.Categorical
    if kind == "categorical":
        # Evidently sums over a set, whose order is another one in each process for texts, and the
        # same for small numbers; a stored verdict must not depend on it.
        codes, _ = pd.factorize(pd.concat([before, after]), sort=True)
        before, after = pd.Series(codes[: len(before)]), pd.Series(codes[len(before) :])
    test: Any = get_registered_stattest(method, column_type)
    score = test(before, after, column_type, None).drift_score
    return float(f"{float(score):.12g}")  # the digits that every platform agrees on


def is_one_value(before: pd.Series, after: pd.Series) -> bool:
    """Whether both samples hold one and the same value throughout.

    Several of Evidently's tests fail or alarm on it; there is nothing to test.
    """
    first = before.iloc[0]
    return bool((before == first).all() and (after == first).all())
