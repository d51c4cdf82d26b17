"""Limits of rules from the windows of the table, for a stated rate of false alarms.

The windows say how the value of a rule varies and remembers (AR(1)) on a model that does not
change. Years of such a model are simulated, each with a spread and a memory of its own, drawn as
far as the windows leave them open. The limit is the one at which the rule, by its own code, begins
to fire as often a year as it says.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from regression_lifecycle.core.decisions.policy import PolicyParameters
from regression_lifecycle.core.decisions.rules import (
    BoolArray,
    CalibratedLimit,
    CalibratedRule,
    FloatArray,
    WindowRow,
)

MINIMUM_WINDOWS = 12
"""Fewest windows that say a limit; with fewer the spread is anybody's guess."""

_PATHS = 1000
_FEWEST_SIMULATED, _MOST_SIMULATED = 26, 400
_STEP, _HALVINGS, _SMALLEST_LIMIT = 0.8, 8, 1e-4
# A rule that begins to fire in every tenth window says nothing; windows of a year would ask for it.
_MOST_PER_WINDOW = 0.1
_LARGEST_MEMORY = 0.95
_YEAR = pd.Timedelta(days=365.25)
_WINDOWS_WITHOUT_TIME = 52.0


@dataclass(frozen=True)
class Memory:
    """How values of consecutive windows vary.

    Attributes:
        mean: Their mean; 0 where a right model has none.
        variance: Around it.
        correlation: Of a window with the one before, less the bias of a short series.
        n_windows: How many windows say so.
        n_pairs: How many pairs of neighbours do.
    """

    mean: float
    variance: float
    correlation: float
    n_windows: int
    n_pairs: int


def measure_memory(stretches: Sequence[FloatArray], *, mean: float | None = None) -> Memory:
    """Measure how values of consecutive windows vary.

    The correlation of few values is too small on average; ``(1 + 3 r) / n`` is added, or
    ``2 r / n`` where the mean is known (Kendall 1954, Note on bias in the estimation of
    autocorrelation).

    Args:
        stretches: Values of windows in a row, by one model each; at least two values in all.
        mean: The mean, if it is known.
    """
    values = np.concatenate(stretches)
    centre = float(values.mean()) if mean is None else mean
    centred = [stretch - centre for stretch in stretches]
    n, pairs = len(values), max(sum(len(stretch) - 1 for stretch in centred), 1)
    variance = sum(float(part @ part) for part in centred) / (n - (mean is None))
    products = sum(float(part[1:] @ part[:-1]) for part in centred)
    found = products / pairs / variance if variance > 0 else 0.0
    correlation = found + (1 + 3 * found if mean is None else 2 * found) / pairs
    bounded = min(max(correlation, -0.5), _LARGEST_MEMORY)
    return Memory(centre, variance, bounded, n, pairs)


def calibrate_limit(
    rule: CalibratedRule, stretches: Sequence[Sequence[WindowRow]], windows_per_year: float
) -> CalibratedLimit | None:
    """Find the limit at which a rule begins to fire as often as it says.

    Args:
        rule: The rule.
        stretches: Windows of predictions out of sample, those of one model in a row.
        windows_per_year: How many windows a year has.

    Returns:
        The limit; None if the rule states no rate, or fewer than ``MINIMUM_WINDOWS`` windows have a
        value.
    """
    if rule.false_alarms_per_year is None:
        return None
    series = [_values(rule, windows) for windows in stretches]
    series = [values for values in series if len(values)]
    if sum(map(len, series)) < MINIMUM_WINDOWS:
        return None
    # Shares are skewed, their roots less so.
    memory = measure_memory(
        series if rule.signed else [np.sqrt(values) for values in series],
        mean=0.0 if rule.signed else None,
    )
    count = round(min(max(windows_per_year, _FEWEST_SIMULATED), _MOST_SIMULATED))
    simulated = _simulate(memory, count, known_mean=rule.signed)
    if not rule.signed:
        simulated = np.maximum(simulated, 0) ** 2
    wanted = min(rule.false_alarms_per_year / windows_per_year, _MOST_PER_WINDOW) * count
    found = _find_limit(rule, simulated, wanted)
    limit = float(f"{found:.3g}")
    return CalibratedLimit(
        value=limit,
        false_alarms_per_year=rule.false_alarms_per_year,
        simulated=_firings(rule.fires(simulated, limit)) / count * windows_per_year,
        memory=memory.correlation,
        n_windows=memory.n_windows,
    )


def calibrate_rules(
    parameters: PolicyParameters,
    stretches: Sequence[Sequence[WindowRow]],
    windows_per_year: float,
) -> dict[str, CalibratedLimit]:
    """Find the limits of all rules that state a rate, by their names.

    Args:
        parameters: The policy.
        stretches: Windows of predictions out of sample, those of one model in a row.
        windows_per_year: How many windows a year has.
    """
    found = {
        name: calibrate_limit(rule, stretches, windows_per_year)
        for name, rule in parameters.rules.items()
        if isinstance(rule, CalibratedRule)
    }
    return {name: limit for name, limit in found.items() if limit is not None}


def with_limits(
    parameters: PolicyParameters, limits: Mapping[str, CalibratedLimit]
) -> PolicyParameters:
    """Return the policy with calibrated limits; a rule without one keeps the configured limit."""
    rules = {
        name: rule.with_limit(limits.get(name)) if isinstance(rule, CalibratedRule) else rule
        for name, rule in parameters.rules.items()
    }
    return parameters.model_copy(update={"rules": rules})


def count_windows_per_year(starts: pd.Series, *, counts_rows: bool = False) -> float:
    """Count the windows of a year from their starts.

    Args:
        starts: Starts of windows, the oldest first.
        counts_rows: Whether the table has no time; a year is 52 windows there.

    Returns:
        A year over the usual distance of two windows; 52 where there are no two.
    """
    distance = starts.drop_duplicates().diff().median()
    if counts_rows or pd.isna(distance) or distance <= pd.Timedelta(0):
        return _WINDOWS_WITHOUT_TIME
    return float(_YEAR / distance)


def _values(rule: CalibratedRule, windows: Sequence[WindowRow]) -> FloatArray:
    """The values of the windows whose figures are final."""
    values = [rule.quantity(row) for row in windows if row["status"] == "complete"]
    return np.array([value for value in values if math.isfinite(value)])


def _simulate(memory: Memory, count: int, *, known_mean: bool) -> FloatArray:
    """Simulate values of models that do not change, one per row, window by window.

    Mean, spread and memory of each are drawn from what the windows leave open, as of normal errors
    with a prior that says nothing; a memory makes fewer windows of them.
    """
    random = np.random.default_rng(0)
    n = memory.n_windows
    spread = math.sqrt((1 - memory.correlation**2) / memory.n_pairs)
    drawn = memory.correlation + spread * random.normal(size=_PATHS)
    correlation = np.clip(drawn, -0.5, _LARGEST_MEMORY)
    freedom = n * (1 - correlation**2) / (1 + correlation**2) - (not known_mean)
    freedom = np.maximum(freedom, 2)
    variance = memory.variance * freedom / random.chisquare(freedom)
    mean = np.full(_PATHS, memory.mean)
    if not known_mean:
        inflation = (1 + correlation) / (1 - correlation)
        mean += np.sqrt(variance / n * inflation) * random.normal(size=_PATHS)
    news = random.normal(size=(_PATHS, count))
    values = news.copy()
    share = np.sqrt(1 - correlation**2)
    for place in range(1, count):
        values[:, place] = correlation * values[:, place - 1] + share * news[:, place]
    simulated: FloatArray = mean[:, None] + np.sqrt(variance)[:, None] * values
    return simulated


def _find_limit(rule: CalibratedRule, simulated: FloatArray, wanted: float) -> float:
    """The smallest limit, coming from above, at which the rule begins to fire no more often."""
    # From above, since a rule that fires all the time begins to do so only once.
    high = 1.0
    while _firings(rule.fires(simulated, high)) > 0:
        high *= 2
    smallest = max(rule.smallest_limit, _SMALLEST_LIMIT)
    low = high
    while _firings(rule.fires(simulated, low)) <= wanted:
        if low <= smallest:
            return smallest
        high, low = low, max(low * _STEP, smallest)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _firings(rule.fires(simulated, middle)) > wanted:
            low = middle
        else:
            high = middle
    return high


def _firings(fired: BoolArray) -> float:
    """How often the rule begins to fire, on average over the series."""
    begins = fired[:, 0].sum() + (fired[:, 1:] & ~fired[:, :-1]).sum()
    return float(begins) / len(fired)
