"""Drift: how it is configured, which methods are trusted, and what a verdict looks like.

A method is offered only if measurements on equal and on shifted samples showed that its answer
can be believed; the others are listed in :data:`EXCLUDED_METHODS` with what is wrong with them.
The scores are computed by :mod:`~regression_lifecycle.core.drift.scores` and by the Evidently
adapter, under these names and to the same figures.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd
from pydantic import Field, field_validator, model_validator

from regression_lifecycle.core.config import Duration, StrictModel
from regression_lifecycle.core.errors import ConfigurationError, bounded_list, unknown_name

Kind = Literal["numerical", "categorical"]
Role = Literal["feature", "target", "prediction"]
ReferenceKind = Literal["training", "last_windows", "same_season"]


@dataclass(frozen=True)
class DriftMethod:
    """One way to compare two samples of one column.

    Attributes:
        name: The name in configuration, and Evidently's own.
        kind: The type of column it is offered for.
        is_p_value: Whether a small score means drift (a test) or a large one (a distance).
        default_threshold: Evidently's documented default, used where none is configured.
        lowest_threshold: A threshold must be above it, or it could never or always be crossed.
        highest_threshold: A threshold must not be above it, for the same reason.
        inclusive: Whether a score equal to the threshold counts as drift.
    """

    name: str
    kind: Kind
    is_p_value: bool
    default_threshold: float
    highest_threshold: float
    lowest_threshold: float = 0.0
    inclusive: bool = True

    @property
    def identical_score(self) -> float:
        """The score of two samples that hold one and the same value."""
        return 1.0 if self.is_p_value else 0.0


METHODS: dict[str, DriftMethod] = {
    method.name: method
    for method in (
        DriftMethod("ks", "numerical", True, 0.05, math.nextafter(1.0, 0.0)),
        # SciPy clips this p-value to 0.001 ... 0.25.
        DriftMethod("anderson", "numerical", True, 0.1, 0.25, 0.001, inclusive=False),
        DriftMethod("wasserstein", "numerical", False, 0.1, math.inf),
        DriftMethod("z", "categorical", True, 0.05, math.nextafter(1.0, 0.0), inclusive=False),
        DriftMethod("jensenshannon", "categorical", False, 0.1, math.sqrt(math.log(2))),
        DriftMethod("psi", "categorical", False, 0.1, math.inf),
        DriftMethod("hellinger", "categorical", False, 0.1, 1.0),
    )
}
"""The methods on offer.

``ks``, ``anderson``: two-sample tests of Kolmogorov-Smirnov and Anderson-Darling (p-value).
``wasserstein``: earth mover's distance over the reference's standard deviation.
``z``: test of two proportions, for columns of at most two categories (p-value).
``jensenshannon``, ``hellinger``: distances between the shares of the categories.
``psi``: population stability index of the shares of the categories.

A p-value keeps its false alarms at the threshold for independent rows only, and hourly weather is
not independent; a distance is biased upwards in small samples (two equal samples of 168 rows with
24 categories score above 0.1 nearly always). So a threshold is best calibrated on the reference.
"""

EXCLUDED_METHODS: dict[str, str] = {
    "t_test": "it compares means alone, and one outlier hides a shift",
    "mannw": "it is one-sided in Evidently: a fall scores 1.0",
    "es": "it fails where half of the values are equal, and alarms too often on unequal sizes",
    "cramer_von_mises": "it alarms on two equal samples as soon as values repeat",
    "ed": "its score is in the unit of the column, so no threshold fits",
    "empirical_mmd": "it needs memory for the square of the rows, and its answer is random",
    "kl_div": "it is not symmetric and nearly blind to new categories; psi is its symmetric form",
    "chisquare": "it takes the reference for exact: 10 % to 88 % false alarms at 5 %",
    "TVD": "it takes three seconds per column; jensenshannon sees the same",
    "g_test": "it fails unless both sides have the same number of rows",
    "fisher_exact": "it fails unless both sides have the same number of rows",
}
"""Methods of Evidently that are refused, with the reason."""

_NOT_FOR_NUMBERS = "its bins span both samples, so one outlier hides a shift; use wasserstein or ks"


class MethodChoice(StrictModel):
    """A drift method and the threshold from which its score counts as drift.

    ``threshold`` may be left out: the default of the method is then filled in.
    """

    method: str
    threshold: float

    @model_validator(mode="before")
    @classmethod
    def _fill_threshold(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("threshold") is None:
            method = METHODS.get(str(data.get("method")))
            if method is not None:
                return {**data, "threshold": method.default_threshold}
            if "method" in data:
                cls._known_method(data["method"])
        return data

    @field_validator("method")
    @classmethod
    def _known_method(cls, name: Any) -> Any:
        if name in EXCLUDED_METHODS:
            raise ConfigurationError(
                f"drift method '{name}' is not offered: {EXCLUDED_METHODS[name]}. "
                f"Allowed: {bounded_list(sorted(METHODS))}"
            )
        if name not in METHODS:
            raise ConfigurationError(unknown_name("drift method", name, METHODS))
        return name

    @model_validator(mode="after")
    def _threshold_can_be_crossed(self) -> MethodChoice:
        method = METHODS[self.method]
        low, high = method.lowest_threshold, method.highest_threshold
        if not low < self.threshold <= high:
            span = f"above {low:g}" + (f" and at most {high:.4g}" if high < math.inf else "")
            raise ConfigurationError(
                f"threshold {self.threshold:g} of drift method '{self.method}' must be {span}: "
                "any other is always or never crossed"
            )
        return self

    def require(self, kind: Kind, place: str) -> None:
        """Refuse a method that is not for columns of this kind.

        Args:
            kind: What the column holds.
            place: Where the method was named, for the message.

        Raises:
            ConfigurationError: If the method is for the other kind.
        """
        if METHODS[self.method].kind == kind:
            return
        fitting = [name for name, method in METHODS.items() if method.kind == kind]
        shared = kind == "numerical" and self.method in ("jensenshannon", "psi", "hellinger")
        why = f" ({_NOT_FOR_NUMBERS})" if shared else ""
        raise ConfigurationError(
            f"{place}: drift method '{self.method}' is not for {kind} columns{why}. "
            f"Allowed: {bounded_list(fitting)}"
        )


class ReferenceParameters(StrictModel):
    """What windows are compared with.

    Attributes:
        kind: ``training``: the rows that the model was trained on. ``last_windows``: the stretch
            just before the window. ``same_season``: the same stretch of an earlier year.
        windows: For ``last_windows``, length of the stretch in lengths of the window.
        years_back: For ``same_season``, how many years earlier.
        margin: For ``same_season``, how much longer the stretch is on either side.
        fallback: What is tried in turn where the history does not hold the whole stretch.
    """

    kind: ReferenceKind = "training"
    windows: int = Field(default=4, ge=1)
    years_back: int = Field(default=1, ge=1)
    margin: Duration = pd.Timedelta(days=14)
    fallback: tuple[ReferenceKind, ...] = ("last_windows", "training")


class CalibrationParameters(StrictModel):
    """How thresholds are made from the reference.

    Attributes:
        false_alarm_rate: Share of windows without drift in which a column may alarm.
        block: Length of the blocks; if left out, and at most, the length of the window. It is
            fitted so that blocks fill the window evenly.
        resamples: Pretended windows that are compared.
        seed: Seed of their draw.
        minimum_blocks: Fewer blocks in the reference leave the configured threshold.
    """

    false_alarm_rate: float = Field(default=0.05, gt=0, lt=0.5)
    block: Duration | None = None
    resamples: int = Field(default=500, ge=100)
    seed: int = Field(default=0, ge=0)
    minimum_blocks: int = Field(default=4, ge=2)


class DriftParameters(StrictModel):
    """Which columns of two tables are compared, with what, and how.

    Attributes:
        columns: Columns to compare besides target and prediction.
        reference_predictions: ``out_of_fold``: training rows as predicted by models that did not
            see them. ``in_sample``: as predicted by the candidate itself, which hides drift,
            since a model fits its own rows too well; only to reproduce work that did so.
        reference: What a monitored window is compared with.
        calibration: How the thresholds of monitored windows are found.
        numerical: Method and threshold of the numerical columns, the target and the prediction.
        categorical: Method and threshold of the categorical columns.
        per_column: Method and threshold of single columns, by name.
        drifted_share: Share of drifted columns from which the whole table counts as drifted.
        minimum_rows: Usable values that a column must have on each side to be compared.
        maximum_rows: Rows per side that are looked at; beyond it a seeded sample is drawn.
        seed: Seed of that sample.
        include_target: Whether the target is compared too (where its values are known).
        include_prediction: Whether the prediction is compared too.
    """

    columns: tuple[str, ...] = ()
    reference_predictions: Literal["out_of_fold", "in_sample"] = "out_of_fold"
    reference: ReferenceParameters = ReferenceParameters()
    calibration: CalibrationParameters = CalibrationParameters()
    numerical: MethodChoice = MethodChoice(method="ks", threshold=0.05)
    categorical: MethodChoice = MethodChoice(method="jensenshannon", threshold=0.1)
    per_column: dict[str, MethodChoice] = Field(default_factory=dict)
    drifted_share: float = Field(default=0.5, gt=0, le=1)
    minimum_rows: int = Field(default=30, ge=2)
    maximum_rows: int = Field(default=20_000, ge=2)
    seed: int = Field(default=0, ge=0)
    include_target: bool = True
    include_prediction: bool = True

    @model_validator(mode="after")
    def _consistent(self) -> DriftParameters:
        self.numerical.require("numerical", "numerical")
        self.categorical.require("categorical", "categorical")
        if self.maximum_rows < self.minimum_rows:
            raise ConfigurationError(
                f"maximum_rows ({self.maximum_rows}) is below minimum_rows ({self.minimum_rows}): "
                "no column could ever be compared"
            )
        return self

    def choice(self, column: str, kind: Kind) -> MethodChoice:
        """Find the method and threshold of one column.

        Args:
            column: Name of the column.
            kind: What the column holds.

        Returns:
            The column's own choice if it has one, else that of its kind.

        Raises:
            ConfigurationError: If the column's own method is for the other kind.
        """
        own = self.per_column.get(column)
        if own is None:
            return self.numerical if kind == "numerical" else self.categorical
        own.require(kind, f"per_column.{column}")
        return own

    def refuse_unknown_columns(self, known: Iterable[str]) -> None:
        """Refuse a column under ``per_column`` that the table does not declare.

        Args:
            known: Names of all declared columns.

        Raises:
            ConfigurationError: If a name is not among them.
        """
        names = list(known)
        for column in self.per_column:
            if column not in names:
                raise ConfigurationError(f"per_column: {unknown_name('column', column, names)}")


@dataclass(frozen=True)
class ColumnDrift:
    """The verdict on one column: one row of the table that :func:`verdict_frame` makes."""

    column: str
    kind: Kind
    role: Role
    method: str
    score: float
    threshold: float
    drifted: bool | None
    reason: str = ""
    n_reference: int = 0
    n_current: int = 0


VERDICT_DTYPES: dict[str, str] = {
    "column": "str",
    "kind": "str",
    "role": "str",
    "method": "str",
    "score": "float64",
    "threshold": "float64",
    "drifted": "boolean",
    "reason": "str",
    "n_reference": "int64",
    "n_current": "int64",
}
"""Columns of a verdict. ``n_reference`` and ``n_current`` count the values that were compared;
``reason`` is empty, or says ``not computed: ...`` where score and drifted are missing."""


def verdict_frame(rows: Iterable[ColumnDrift]) -> pd.DataFrame:
    """Put the verdicts on single columns into a table.

    Args:
        rows: One verdict per column; may be empty.

    Returns:
        A DataFrame with the columns and dtypes of :data:`VERDICT_DTYPES`.
    """
    verdicts = list(rows)
    return pd.DataFrame(
        {
            name: pd.Series([getattr(verdict, name) for verdict in verdicts], dtype=dtype)
            for name, dtype in VERDICT_DTYPES.items()
        }
    )


def is_drifted(score: float, threshold: float, method: str) -> bool | None:
    """Judge one score as Evidently does, the boundary included.

    Args:
        score: A p-value or a distance.
        threshold: Where drift begins.
        method: A name of :data:`METHODS`; it decides which side of the threshold is drift.

    Returns:
        Whether it is drift; None for a score that is not a number.

    Raises:
        ConfigurationError: If the method is not known.
    """
    if method not in METHODS:
        raise ConfigurationError(unknown_name("drift method", method, METHODS))
    if math.isnan(score):
        return None
    if not METHODS[method].is_p_value:
        return score >= threshold
    return score <= threshold if METHODS[method].inclusive else score < threshold


def drifted_share(verdict: pd.DataFrame) -> float:
    """Share of the drifted columns among those that could be compared.

    Args:
        verdict: A table as :func:`verdict_frame` makes it.

    Returns:
        A share from 0 to 1; NaN if no column could be compared.
    """
    computed = verdict["drifted"].dropna()
    return float(computed.mean()) if len(computed) else math.nan


def is_table_drifted(verdict: pd.DataFrame, parameters: DriftParameters) -> bool | None:
    """Say whether the table as a whole has drifted.

    Args:
        verdict: A table as :func:`verdict_frame` makes it.
        parameters: Where ``drifted_share`` is the limit.

    Returns:
        Whether the share of drifted columns reaches the limit; None if no column was compared.
    """
    share = drifted_share(verdict)
    return None if math.isnan(share) else share >= parameters.drifted_share
