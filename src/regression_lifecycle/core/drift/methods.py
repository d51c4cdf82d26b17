"""The drift methods: one small class each, and the registry that every other list is read off.

Every method looks at two samples only through how often each value occurs in them. A statistic
grows with the difference for every method; a score is what is reported and compared with a
threshold: the p-value for a test, the statistic itself for a distance.

A method is offered only if measurements on equal and on shifted samples showed that its answer can
be believed; the others are listed in :data:`EXCLUDED_METHODS` with what is wrong with them. Scores
equal those of Evidently 0.7, which calls SciPy for the tests; but for ``wasserstein`` of a
reference whose spread is below 0.001, where Evidently's depend on the column's unit.

A p-value keeps its false alarms at the threshold for independent rows only, and hourly weather is
not independent; a distance is biased upwards in small samples (two equal samples of 168 rows with
24 categories score above 0.1 nearly always). So a threshold is best calibrated on the reference.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from regression_lifecycle.core.drift import statistics
from regression_lifecycle.core.drift.counts import Cells, ValueCounts, side_by_side, walk
from regression_lifecycle.core.errors import ConfigurationError, bounded_list, unknown_name

Kind = Literal["numerical", "categorical"]
Floats = NDArray[np.float64]

_BELOW_ONE = math.nextafter(1.0, 0.0)
_NOT_FOR_NUMBERS = "its bins span both samples, so one outlier hides a shift"


@dataclass(frozen=True)
class Samples:
    """Two samples of one column, both with at least one value, or many such pairs at once.

    Attributes:
        values: Distinct values in order, shape (k,); their spacing matters to numbers only.
        reference: How often each occurs in the reference, shape (..., k).
        current: How often each occurs in the current sample, shape (..., k).
        spread: What differences of numbers are divided by, shape (...); NaN for categories.
    """

    values: Any
    reference: NDArray[Any]
    current: NDArray[Any]
    spread: float | Floats = math.nan


class DriftMethod(ABC):
    """One way to compare two samples of one column.

    Attributes:
        name: The name in configuration, verdicts and reports; Evidently's where it has the method.
        kind: The columns it is offered for.
        description: What the score is, for the documentation.
        is_p_value: Whether a small score means drift (a test) or a large one (a distance).
        inclusive: Whether a score equal to the threshold counts as drift.
        default_threshold: Evidently's documented default, used where none is configured.
        lowest_threshold: A threshold must be above it, or it could never or always be crossed.
        highest_threshold: A threshold must not be above it, for the same reason.
        lowest_statistic: A statistic must be above it to be told from equal samples.
        maximum_values: How many distinct values both samples may hold together; None for any.
        other_kind_reason: Why it is not offered for the other kind although Evidently does.
    """

    name: ClassVar[str]
    kind: ClassVar[Kind]
    description: ClassVar[str]
    is_p_value: ClassVar[bool] = False
    inclusive: ClassVar[bool] = True
    default_threshold: ClassVar[float] = 0.1
    lowest_threshold: ClassVar[float] = 0.0
    highest_threshold: ClassVar[float] = math.inf
    lowest_statistic: ClassVar[float] = 0.0
    maximum_values: ClassVar[int | None] = None
    other_kind_reason: ClassVar[str] = ""

    @abstractmethod
    def statistic(self, samples: Samples) -> Floats:
        """Compute what the method measures, larger the more the samples differ; shape (...)."""

    def statistic_within(self, samples: Samples) -> Floats:
        """Average the statistic over groups, each as heavy as its current sample.

        Args:
            samples: Counts of shape (..., groups, k); groups that one side lacks are left out.

        Returns:
            Shape (...); NaN where the two sides share no group.
        """
        weight = samples.current.sum(axis=-1) * (samples.reference.sum(axis=-1) > 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            found = np.where(weight > 0, self.statistic(samples), 0.0)
            return np.asarray(np.sum(weight * found, axis=-1) / weight.sum(axis=-1))

    def score_of_statistic(self, statistic: float, n_reference: int, n_current: int) -> float:
        """Turn the statistic of two samples of these sizes into a score."""
        return statistic

    def widen(self, statistic: float, factor: float, n_reference: int, n_current: int) -> float:
        """Return the statistic of samples whose differences are ``factor`` times as large."""
        return factor * statistic

    def score(self, reference: ValueCounts, current: ValueCounts) -> float:
        """Score one pair of samples to twelve digits.

        Args:
            reference: At least one value.
            current: At least one value, counted in the same groups.

        Returns:
            The score; NaN where the two sides share no group.
        """
        if len({*reference.ends, *current.ends}) == 1:
            return self.identical_score
        # Sums in another order end in other digits; a stored score must not.
        return float(f"{self._score(reference, current):.12g}")

    def _score(self, reference: ValueCounts, current: ValueCounts) -> float:
        samples = Samples(*side_by_side(reference, current))
        statistic = float(self.statistic_within(samples))
        return self.score_of_statistic(statistic, reference.n, current.n)

    @property
    def identical_score(self) -> float:
        """The score of two samples that hold one and the same value."""
        return 1.0 if self.is_p_value else 0.0

    def is_drifted(self, score: float, threshold: float) -> bool | None:
        """Judge one score as Evidently does, the boundary included; None for NaN."""
        if math.isnan(score):
            return None
        if score == threshold:
            return self.inclusive
        return (score < threshold) == self.is_p_value

    def relative_score(self, score: float, threshold: float) -> float:
        """Return how far a score is on its way: 1 at the threshold, more where it drifted.

        Of a p-value, where small means drift, it is the threshold over the score.

        Returns:
            NaN if either is not finite, infinity for a p-value of 0 or a threshold of 0.
        """
        over, under = (threshold, score) if self.is_p_value else (score, threshold)
        if not (math.isfinite(over) and math.isfinite(under)):
            return math.nan
        return over / under if under else math.inf

    def can_be_crossed(self, threshold: float) -> bool:
        """Whether some scores are on either side of a threshold."""
        return self.lowest_threshold < threshold <= self.highest_threshold

    def refusal(self, n_values: int) -> str:
        """Why two samples with so many distinct values cannot be compared; empty if they can."""
        if self.maximum_values is None or n_values <= self.maximum_values:
            return ""
        return f"method {self.name} compares {self.maximum_values} categories, found {n_values}"


class KolmogorovSmirnov(DriftMethod):
    """Two-sample test; the p-value is exact up to 10,000 values per side, beyond asymptotic."""

    name = "ks"
    kind = "numerical"
    description = "p-value of the largest gap between the distributions; exact up to 10,000 rows"
    is_p_value = True
    default_threshold = 0.05
    highest_threshold = _BELOW_ONE

    def statistic(self, samples: Samples) -> Floats:
        """Kolmogorov's D."""
        return np.asarray(statistics.gaps(samples.reference, samples.current).max(axis=-1))

    def score_of_statistic(self, statistic: float, n_reference: int, n_current: int) -> float:
        """The p-value of a gap of this size."""
        below = min(n_reference, math.ceil(statistic * n_reference))
        return statistics.ks_p_value(below, 0, n_reference, n_current)

    def widen(self, statistic: float, factor: float, n_reference: int, n_current: int) -> float:
        """Linear, and D ends at 1."""
        return min(1.0, factor * statistic)

    def _score(self, reference: ValueCounts, current: ValueCounts) -> float:
        # A p-value has no mean over groups.
        (before,), (now,) = (side.by_group.values() for side in (reference, current))
        largest, place = -1.0, math.nan
        for values, gaps in walk(before, now):
            np.abs(gaps, out=gaps)
            # The first of two equal numbers is no place of its own.
            gaps[:-1][values[1:] == values[:-1]] = -1
            if gaps.max() > largest:
                largest, place = gaps.max(), values[gaps.argmax()]
        # Whole counts at the gap keep the p-value exact, which D alone does not.
        below, above = (
            int(counts[: np.searchsorted(values, place, side="right")].sum())
            for values, counts in (before, now)
        )
        return statistics.ks_p_value(below, above, reference.n, current.n)


class AndersonDarling(DriftMethod):
    """Two-sample test that looks at the tails more; SciPy clips its p-value to 0.001 ... 0.25."""

    name = "anderson"
    kind = "numerical"
    description = "p-value that looks at the tails more; ends at 0.001"
    is_p_value = True
    inclusive = False
    highest_threshold = 0.25
    lowest_threshold = 0.001
    lowest_statistic = -math.inf

    def statistic(self, samples: Samples) -> Floats:
        """The standardised A2; many pairs at once take the largest total size for all."""
        return statistics.anderson_darling(samples.reference, samples.current)

    def score_of_statistic(self, statistic: float, n_reference: int, n_current: int) -> float:
        """The p-value of a standardised A2."""
        return statistics.anderson_p_value(statistic)

    def widen(self, statistic: float, factor: float, n_reference: int, n_current: int) -> float:
        """A2 is quadratic in the differences."""
        total, reciprocal = n_reference + n_current, 1 / n_reference + 1 / n_current
        spread = math.sqrt(statistics.anderson_variance(total, reciprocal))
        return (factor**2 * (statistic * spread + 1) - 1) / spread


class Wasserstein(DriftMethod):
    """Earth mover's distance over the reference's standard deviation."""

    name = "wasserstein"
    kind = "numerical"
    description = "how far values must move, in standard deviations of the reference"

    def statistic(self, samples: Samples) -> Floats:
        """The distance."""
        gap = statistics.gaps(samples.reference, samples.current)[..., :-1]
        return np.asarray(gap @ np.diff(samples.values) / samples.spread)

    def _score(self, reference: ValueCounts, current: ValueCounts) -> float:
        total = weights = 0.0
        for group, before in reference.by_group.items():
            now = current.by_group[group]
            n_reference, n_current = int(before[1].sum()), int(now[1].sum())
            if n_reference and n_current:
                # The mean of the groups, each as heavy as its current sample, which cancels out.
                total += _area(before, now) / n_reference
                weights += n_current
        if not weights:
            return math.nan
        ends = np.array(
            [min(reference.ends[0], current.ends[0]), max(reference.ends[1], current.ends[1])]
        )
        n_values = np.ones(1 if reference.ends[0] == reference.ends[1] else 2)
        return (
            total / weights / float(statistics.spread_of_reference(ends, n_values, reference.std))
        )


def _area(reference: Cells, current: Cells) -> float:
    """The area between two distribution functions, times both sizes."""
    area, gap, last = 0.0, 0.0, 0.0
    for values, gaps in walk(reference, current):
        np.abs(gaps, out=gaps)
        area += gap * (values[0] - last) + float(gaps[:-1] @ np.diff(values))
        gap, last = float(gaps[-1]), float(values[-1])
    return area


class TwoProportions(DriftMethod):
    """Z-test of two proportions."""

    name = "z"
    kind = "categorical"
    description = "p-value of two shares; ends at about 1e-16"
    is_p_value = True
    inclusive = False
    default_threshold = 0.05
    highest_threshold = _BELOW_ONE
    maximum_values = 2

    def statistic(self, samples: Samples) -> Floats:
        """The standard score without its sign."""
        return statistics.two_proportions(samples.reference, samples.current)

    def score_of_statistic(self, statistic: float, n_reference: int, n_current: int) -> float:
        """The two-sided p-value."""
        from scipy import special

        return float(2 * (1 - special.ndtr(statistic)))


class JensenShannon(DriftMethod):
    """Distance between the shares of the categories: root of the Jensen-Shannon divergence."""

    name = "jensenshannon"
    kind = "categorical"
    description = "distance between the shares, bounded; biased upwards in small samples"
    highest_threshold = math.sqrt(math.log(2))
    other_kind_reason = _NOT_FOR_NUMBERS

    def statistic(self, samples: Samples) -> Floats:
        """The distance."""
        from scipy import special

        before, after = statistics.shares(samples.reference), statistics.shares(samples.current)
        middle = (before + after) / 2
        divergence = special.rel_entr(before, middle) + special.rel_entr(after, middle)
        return np.asarray(np.sqrt(np.maximum(divergence.sum(axis=-1), 0) / 2))


class PopulationStability(DriftMethod):
    """Population stability index of the shares of the categories."""

    name = "psi"
    kind = "categorical"
    description = "distance between the shares; a new or lost category weighs most"
    other_kind_reason = _NOT_FOR_NUMBERS

    def statistic(self, samples: Samples) -> Floats:
        """The index."""
        before, after = statistics.shares(samples.reference), statistics.shares(samples.current)
        nowhere = (before == 0) & (after == 0)
        before, after = statistics.without_zeros(before), statistics.without_zeros(after)
        terms = (before - after) * np.log(before / after)
        return np.asarray(np.where(nowhere, 0, terms).sum(axis=-1))

    def widen(self, statistic: float, factor: float, n_reference: int, n_current: int) -> float:
        """The index is quadratic in the differences."""
        return factor**2 * statistic


class Hellinger(DriftMethod):
    """Hellinger's distance between the shares of the categories."""

    name = "hellinger"
    kind = "categorical"
    description = "distance between the shares, bounded; biased upwards in small samples"
    highest_threshold = 1.0
    other_kind_reason = _NOT_FOR_NUMBERS

    def statistic(self, samples: Samples) -> Floats:
        """The distance."""
        before, after = statistics.shares(samples.reference), statistics.shares(samples.current)
        return np.asarray(np.sqrt(np.clip(1 - np.sqrt(before * after).sum(axis=-1), 0, 1)))


METHODS: Mapping[str, DriftMethod] = MappingProxyType(
    {
        method.name: method
        for method in (
            KolmogorovSmirnov(),
            AndersonDarling(),
            Wasserstein(),
            TwoProportions(),
            JensenShannon(),
            PopulationStability(),
            Hellinger(),
        )
    }
)
"""The methods on offer, by name."""

EXCLUDED_METHODS: Mapping[str, str] = MappingProxyType(
    {
        "t_test": "it compares means alone, and one outlier hides a shift",
        "mannw": "it is one-sided in Evidently: a fall scores 1.0",
        "es": "it fails where half of the values are equal, and alarms too often on unequal sizes",
        "cramer_von_mises": "it alarms on two equal samples as soon as values repeat",
        "ed": "its score is in the unit of the column, so no threshold fits",
        "empirical_mmd": "it needs memory for the square of the rows, and its answer is random",
        "kl_div": (
            "it is not symmetric and nearly blind to new categories; psi is its symmetric form"
        ),
        "chisquare": "it takes the reference for exact: 10 % to 88 % false alarms at 5 %",
        "TVD": "it takes three seconds per column; jensenshannon sees the same",
        "g_test": "it fails unless both sides have the same number of rows",
        "fisher_exact": "it fails unless both sides have the same number of rows",
    }
)
"""Methods of Evidently that are refused, with the reason."""


def find_method(name: str) -> DriftMethod:
    """Look a method up.

    Raises:
        ConfigurationError: If it is not offered; the message names the allowed ones.
    """
    if name in METHODS:
        return METHODS[name]
    if name in EXCLUDED_METHODS:
        raise ConfigurationError(
            f"drift method '{name}' is not offered: {EXCLUDED_METHODS[name]}. "
            f"Allowed: {bounded_list(sorted(METHODS))}"
        )
    raise ConfigurationError(unknown_name("drift method", name, METHODS))


def methods_for(kind: Kind) -> list[DriftMethod]:
    """List the methods for columns of a kind, in the order of registration."""
    return [method for method in METHODS.values() if method.kind == kind]
