"""Limits of rules from the windows of the table, for a stated rate of false alarms.

The windows say how the value of a rule varies and remembers on a model that is as good as new
(:mod:`~regression_lifecycle.core.decisions.variation`). Years of such a model are simulated
(AR(1)), each with a spread and a memory of its own, drawn as far as the windows leave them open.
The limit is the one at which the rule, by its own code, begins to fire as often a year as it says.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

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
from regression_lifecycle.core.decisions.variation import (
    LARGEST_MEMORY,
    Variation,
    measure_variation,
    varies,
)

MINIMUM_WINDOWS = 12
"""Fewest windows that say a limit; with fewer the spread is anybody's guess."""

_PATHS = 1000
_FEWEST_SIMULATED, _MOST_SIMULATED = 26, 400
_STEP, _HALVINGS, _SMALLEST_LIMIT = 0.8, 8, 1e-4
# A rule that begins to fire in every tenth window says nothing; windows of a year would ask for it.
_MOST_PER_WINDOW = 0.1
# Nor does one that fires in most windows: where they remember long, it begins to do so but once.
_MOST_FIRING = 0.5
_YEAR = pd.Timedelta(days=365.25)
_WINDOWS_WITHOUT_TIME = 52.0


def calibrate_limit(
    rule: CalibratedRule, stretches: Sequence[Sequence[WindowRow]], windows_per_year: float
) -> CalibratedLimit | None:
    """Find the limit at which a rule begins to fire as often as it says.

    Args:
        rule: The rule.
        stretches: Windows of predictions out of sample, those of one model in a row.
        windows_per_year: How many windows a year has.

    Returns:
        The limit; None if the rule states no rate, if fewer than ``MINIMUM_WINDOWS`` windows have a
        value or all have the same one, and if no finite limit gives the rate: the rule looks back
        on more windows than are simulated, or compares with an error that is 0 now and then.
    """
    if rule.false_alarms_per_year is None:
        return None
    series = [_values(rule, windows) for windows in stretches]
    series = [values for values in series if len(values)]
    if sum(map(len, series)) < MINIMUM_WINDOWS:
        return None
    # Shares are skewed, their roots less so.
    measured = [values if rule.signed else np.sqrt(values) for values in series]
    if not varies(measured):
        return None
    variation = measure_variation(measured, signed=rule.signed)
    count = round(min(max(windows_per_year, _FEWEST_SIMULATED), _MOST_SIMULATED))
    simulated = _simulate(variation, count, signed=rule.signed)
    if not rule.signed:
        simulated = np.maximum(simulated, 0) ** 2
        simulated = np.minimum(simulated, rule.largest_value)
    wanted = min(rule.false_alarms_per_year / windows_per_year, _MOST_PER_WINDOW) * count
    found = _find_limit(rule, simulated, wanted)
    if found is None:
        return None
    limit = float(f"{found:.3g}")
    return CalibratedLimit(
        value=limit,
        false_alarms_per_year=rule.false_alarms_per_year,
        simulated=_firings(rule.fires(simulated, limit)) / count * windows_per_year,
        memory=variation.memory,
        n_windows=variation.n_windows,
        rule=rule.terms,
    )


def count_values(rule: CalibratedRule, stretches: Sequence[Sequence[WindowRow]]) -> int:
    """Count the windows that have a value for a rule."""
    return sum(len(_values(rule, windows)) for windows in stretches)


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


def _simulate(variation: Variation, count: int, *, signed: bool) -> FloatArray:
    """Simulate values of models that do not change, one per row, window by window.

    Mean, variance and memory of each are drawn from what the windows leave open, as of normal
    values; a memory makes fewer windows of them.
    """
    random = np.random.default_rng(0)
    n = variation.n_independent
    error = math.sqrt((1 - variation.memory**2) / variation.n_pairs)
    drawn = variation.memory + error * random.normal(size=_PATHS)
    memory = np.clip(drawn, -LARGEST_MEMORY, LARGEST_MEMORY)
    # One for the memory, which was estimated as well, and one for the mean where it was.
    freedom = n * (1 - memory**2) / (1 + memory**2) - (1 if signed else 2)
    freedom = np.maximum(freedom, 2)
    variance = variation.variance * freedom / random.chisquare(freedom)
    mean = np.full(_PATHS, variation.mean)
    if not signed:
        inflation = (1 + memory) / (1 - memory)
        mean += np.sqrt(variance / n * inflation) * random.normal(size=_PATHS)
    news = random.normal(size=(_PATHS, count))
    values = news.copy()
    share = np.sqrt(1 - memory**2)
    for place in range(1, count):
        values[:, place] = memory * values[:, place - 1] + share * news[:, place]
    simulated: FloatArray = mean[:, None] + np.sqrt(variance)[:, None] * values
    return simulated


def _find_limit(rule: CalibratedRule, simulated: FloatArray, wanted: float) -> float | None:
    """The smallest limit, coming from above, at which the rule does not fire too often."""

    def too_often(limit: float) -> bool:
        fired = rule.fires(simulated, limit)
        return _firings(fired) > wanted or float(fired.mean()) > _MOST_FIRING

    smallest = max(rule.smallest_limit, _SMALLEST_LIMIT)
    rising = np.arange(1.0, simulated.shape[1] + 1)[None]
    if not rule.fires(rising, smallest).any():
        return None
    # From above, since a rule that fires all the time begins to do so only once.
    high = 1.0
    while _firings(rule.fires(simulated, high)) > 0:
        high *= 2
        if math.isinf(high):
            return None
    low = high
    while not too_often(low):
        if low <= smallest:
            return smallest
        high, low = low, max(low * _STEP, smallest)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if too_often(middle):
            low = middle
        else:
            high = middle
    return high


def _firings(fired: BoolArray) -> float:
    """How often the rule begins to fire, on average over the series."""
    begins = fired[:, 0].sum() + (fired[:, 1:] & ~fired[:, :-1]).sum()
    return float(begins) / len(fired)
