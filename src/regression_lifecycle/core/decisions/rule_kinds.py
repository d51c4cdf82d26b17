"""The rules that a policy can be made of. A new rule is one more class here.

The first lines of a class say when it fires and why; they are its row in the docs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from regression_lifecycle.core.decisions.records import Finding, Reason, finite
from regression_lifecycle.core.decisions.rules import (
    Action,
    BoolArray,
    CalibratedRule,
    FloatArray,
    PolicyRule,
    PolicyState,
    Unit,
    WindowRow,
    WindowRule,
)
from regression_lifecycle.core.durations import (
    CalendarDuration,
    Duration,
    rows_label,
    usual_length,
)
from regression_lifecycle.core.errors import counted
from regression_lifecycle.core.metrics import ErrorMetric, metric_label, relative_bias

_DAY = pd.Timedelta("1 day")
# Without a time a second is a row.
_IN_DAYS = {
    "days": 1.0,
    "months": usual_length(CalendarDuration(1)) / _DAY,
    "rows": 1 / 86_400,
    "seconds": 1 / 86_400,
}


class PerformanceRule(CalibratedRule):
    """The error comes near that of the baseline, of the first windows, or of a share of the target.

    The model is no longer worth its place.

    Attributes:
        metric: Error of what was served; ``pinball`` of a quantile.
        relative_to: ``baseline``: the naive forecast's error in the same window;
            ``first_windows``: the mean error of the first ``reference_windows`` windows after the
            training; ``target_mean``: the mean size of the target in the window.
        maximum: Share of it above which a window is in trouble, as long as no limit is calibrated.
        reference_windows: See ``relative_to``.
    """

    kind: Literal["performance"]
    action: Action = "retrain"
    metric: ErrorMetric = "rmse"
    relative_to: Literal["baseline", "first_windows", "target_mean"] = "baseline"
    maximum: float = Field(gt=0)
    reference_windows: int = Field(4, ge=1)

    @classmethod
    def subject(cls, figures: Mapping[str, Any]) -> str:
        """The error and what it is measured against."""
        words = {
            "baseline": "the baseline's",
            "first_windows": f"that of the first {figures['reference_windows']} windows",
            "target_mean": "the mean size of the target",
        }
        return f"{metric_label(figures['metric'])} as a share of {words[figures['relative_to']]}"

    @property
    def about(self) -> dict[str, Any]:
        """The error and what it is measured against."""
        names = ("metric", "relative_to", "reference_windows")
        return {**super().about, **{name: getattr(self, name) for name in names}}

    @property
    def configured_limit(self) -> float:
        """The configured share."""
        return self.maximum

    def value(self, row: WindowRow, windows: Sequence[WindowRow]) -> float:
        """The error's share."""
        if self.relative_to != "first_windows":
            return self.quantity(row)
        first = [float(window[self.metric]) for window in windows[: self.reference_windows]]
        if len(first) < self.reference_windows:
            return math.nan
        return _ratio(row[self.metric], sum(first) / len(first))

    def quantity(self, row: WindowRow) -> float:
        """The error's share; the error itself where the first windows are the measure."""
        match self.relative_to:
            case "baseline":
                return _ratio(row[self.metric], row[f"baseline_{self.metric}"])
            case "target_mean":
                return _ratio(
                    row[self.metric], _ratio(row["sum_absolute_target"], row["sum_weight"])
                )
            case "first_windows":
                return _number(row[self.metric])

    def fires(self, quantities: FloatArray, limit: float) -> BoolArray:
        """Hold the errors against those of the first windows, if these are the measure."""
        if self.relative_to != "first_windows":
            return super().fires(quantities, limit)
        count = self.reference_windows
        yardstick = quantities[:, :count].mean(axis=1, keepdims=True)
        # Of first windows without an error nothing is a share, as in ``value``.
        shares = np.divide(quantities, yardstick, np.zeros_like(quantities), where=yardstick > 0)
        fired = super().fires(shares, limit)
        fired[:, : count - 1] = False
        return fired


class BiasRule(CalibratedRule):
    """The predictions are too high or too low as a whole.

    A level that moved is what a retraining mends.

    Attributes:
        statistic: ``cusum``: the biases since the training are added up, each less an allowance of
            half of ``maximum``, separately for either direction and never below zero, so that
            small troubles that last are found as well as large ones (Page 1954, Continuous
            inspection schemes). No window counts for more than the limit over ``violations``: a
            single odd one cannot fire it. ``window``: the bias of each window, ``violations`` of
            the newest ``of``.
        prediction: ``model``: of the model itself, before the level correction hides it;
            ``served``: of what was served.
        maximum: Absolute bias (a share of the sum of absolute targets) that is worth a retraining:
            the limit as long as none is calibrated.
        standard_errors: How many of its standard errors a bias must exceed as well as long as no
            limit is calibrated, so that few rows with large errors either way count for nothing.
            0 takes every bias as it is.
    """

    kind: Literal["bias"]
    action: Action = "retrain"
    statistic: Literal["cusum", "window"] = "cusum"
    prediction: Literal["model", "served"] = "model"
    maximum: float = Field(gt=0)
    standard_errors: float = Field(2, ge=0)
    undefined: ClassVar[str] = "bias_undefined"
    signed: ClassVar[bool] = True

    trouble: ClassVar[str] = "beyond"

    @classmethod
    def subject(cls, figures: Mapping[str, Any]) -> str:
        """The bias of the predictions as served, or of the model alone."""
        return bias_name(figures)

    @classmethod
    def value_text(cls, figures: Mapping[str, Any]) -> str:
        """The bias of the newest window with its sign."""
        return f"{figures['bias']:+.1%}"

    @classmethod
    def bound(cls, figures: Mapping[str, Any]) -> str:
        """The limit, and what may be noise."""
        return super().bound(figures) + _noise(figures)

    @classmethod
    def evidence(cls, figures: Mapping[str, Any]) -> str:
        """The windows in trouble, or what has added up."""
        if figures["statistic"] == "window":
            return super().evidence(figures)
        direction = "high" if figures["value"] >= 0 else "low"
        return (
            f"{bias_name(figures)} {figures['bias']:+.1%} in window "
            f"{rows_label(figures['window'])}; what exceeds {figures['allowance']:.1%} a window"
            f"{_noise(figures)} has added up to {abs(figures['value']):.1%} (too {direction}) over "
            f"{counted(figures['n_windows'], 'window')} since the training. It fires at "
            f"{cls.bound({**figures, 'noise': None})}, for which "
            f"{counted(figures['violations'], 'window')} are needed"
        )

    @property
    def about(self) -> dict[str, Any]:
        """How the biases of the windows are joined."""
        more = {"allowance": self.allowance} if self.statistic == "cusum" else {}
        names = ("statistic", "prediction", "standard_errors")
        return {**super().about, **{name: getattr(self, name) for name in names}, **more}

    @property
    def configured_limit(self) -> float:
        """The configured share."""
        return self.maximum

    @property
    def allowance(self) -> float:
        """Bias of a window that a CUSUM forgives: half of the one to be found."""
        return self.maximum / 2

    @property
    def smallest_limit(self) -> float:
        """Of a CUSUM a tenth of the bias to be found: beyond the allowance little is needed."""
        return self.maximum / 10 if self.statistic == "cusum" else 0.0

    def quantity(self, row: WindowRow) -> float:
        """The window's bias."""
        column = "sum_raw_prediction" if self.prediction == "model" else "sum_prediction"
        names = (column, "sum_target", "sum_absolute_target")
        return relative_bias(*(float(row[name]) for name in names))

    def value(self, row: WindowRow, windows: Sequence[WindowRow]) -> float:
        """The size of the window's bias."""
        return abs(self.quantity(row))

    def limit_of(self, row: WindowRow) -> float:
        """The limit, or more where that may be noise."""
        return max(self.limit, self._noise_of(row))

    def details(self, row: WindowRow) -> dict[str, Any]:
        """The newest bias with its sign, and how much of it may be noise."""
        return {"bias": finite(self.quantity(row)), "noise": self._noise_of(row)}

    def fires(self, quantities: FloatArray, limit: float) -> BoolArray:
        """Judge the sizes of the biases, or what adds up."""
        if self.statistic == "window":
            return super().fires(np.abs(quantities), limit)
        sums = self._sums(quantities, np.full(quantities.shape[1], self.allowance), limit)
        return _reaches(np.abs(sums), limit)

    def find(self, state: PolicyState) -> Finding:
        """Judge the windows one by one, or add their biases up."""
        if self.statistic == "window":
            return super().find(state)
        windows = self.windows(state)
        known = [(row, bias) for row in windows if math.isfinite(bias := self.quantity(row))]
        if not known:
            why = self.undefined if windows else self.without_window
            return self._finding(None, obstacle=Reason(why))
        noise = [self._noise_of(row) for row, _ in known]
        allowances = np.maximum(self.allowance, noise)
        sums = self._sums(np.array([[bias for _, bias in known]]), allowances, self.limit)
        # A window brings at most the limit over the violations, so the sum counts violations.
        n_bad = sum(
            bool(_reaches(np.abs(sums), self.limit * count / self.violations)[0, -1])
            for count in range(1, self.violations + 1)
        )
        return self._finding(
            float(sums[0, -1]),
            fired=n_bad == self.violations,
            window=str(known[-1][0]["window"]),
            n_windows=len(known),
            n_bad=n_bad,
            is_newest_bad=n_bad > 0,
            violations=self.violations,
            bias=known[-1][1],
            noise=noise[-1],
        )

    def _sums(self, biases: FloatArray, allowances: FloatArray, limit: float) -> FloatArray:
        """Add biases up in either direction; the larger sum of each window, negative if too low."""
        most = limit / self.violations
        high, low = np.zeros(len(biases)), np.zeros(len(biases))
        sums = np.empty(biases.shape)
        for place, allowance in enumerate(allowances):
            bias = biases[:, place]
            high = np.maximum(high + np.minimum(bias - allowance, most), 0)
            low = np.maximum(low + np.minimum(-bias - allowance, most), 0)
            sums[:, place] = np.where(high >= low, high, -low)
        return sums

    def _noise_of(self, row: WindowRow) -> float:
        """How large a bias of a window may be by chance; a calibrated limit has seen it.

        The standard error is that of what was served: a level moves all errors alike.
        """
        # Windows of older releases have no standard error, and count as they are.
        error = _number(row.get("bias_standard_error"))
        if self.is_calibrated or not math.isfinite(error):
            return 0.0
        return self.standard_errors * error


def bias_name(figures: Mapping[str, Any]) -> str:
    """Return which bias a rule looks at, from ``prediction``: that served, or the model's own."""
    return "bias as served" if figures["prediction"] == "served" else "bias of the model alone"


def held_share(missed: float) -> str:
    """Return the share of rows that an interval held, from the share that it missed."""
    return f"{1 - missed:.1%}"


def _reaches(sums: FloatArray, limit: float) -> BoolArray:
    # Windows that each bring their full share of the limit reach it, whatever is lost by rounding.
    reached: BoolArray = sums >= limit * (1 - 1e-9)
    return reached


def _noise(figures: Mapping[str, Any]) -> str:
    noise = figures.get("noise")
    return f" and {figures['standard_errors']:g} standard errors ({noise:.1%})" if noise else ""


class CoverageRule(CalibratedRule):
    """The prediction interval holds too little: the model is surer than it should be.

    Attributes:
        minimum: Share of a window's rows inside the interval, below which it is in trouble, as
            long as no limit is calibrated.
    """

    kind: Literal["coverage"]
    action: Action = "alert"
    minimum: float = Field(gt=0, lt=1)
    trouble: ClassVar[str] = "below"

    @classmethod
    def subject(cls, figures: Mapping[str, Any]) -> str:
        """The share that the interval as served held."""
        return "share of rows that the interval as served held"

    @classmethod
    def quantity_text(cls, value: float) -> str:
        """The share that was held, of the one that was missed."""
        return held_share(value)

    @property
    def largest_value(self) -> float:
        """All rows."""
        return 1.0

    @property
    def configured_limit(self) -> float:
        """The share that may be missed."""
        # Rounded, since 1 - 0.7 is a little more than 0.3.
        return round(1 - self.minimum, 9)

    def quantity(self, row: WindowRow) -> float:
        """The share that was missed."""
        return round(1 - _number(row["coverage"]), 9)

    def value(self, row: WindowRow, windows: Sequence[WindowRow]) -> float:
        """The share that was missed."""
        return self.quantity(row)


class ScheduleRule(PolicyRule):
    """The model is old, whatever its figures say.

    Attributes:
        maximum_age: Time since the newest training row from which on it fires.
    """

    kind: Literal["schedule"]
    action: Action = "retrain"
    maximum_age: Duration
    unit: ClassVar[Unit] = "days"

    @classmethod
    def evidence(cls, figures: Mapping[str, Any]) -> str:
        """Both ages."""
        # Decisions of older releases count seconds where the limit is below a day.
        unit = figures.get("counted_in", "days" if figures["threshold"] >= 1 else "seconds")
        age, limit = (figures[name] / _IN_DAYS[unit] for name in ("value", "threshold"))
        if unit == "rows":
            return (
                f"the newest training row lies {age:,.0f} rows back, {limit:,.0f} rows are the "
                "limit"
            )
        digits = 0 if unit == "seconds" else 1
        return (
            f"the newest training row is {age:,.{digits}f} {unit} old, {limit:,.4g} {unit} are "
            "the limit"
        )

    @property
    def limit(self) -> float:
        """The age in days, of a month or a year on average."""
        return float(usual_length(self.maximum_age) / _DAY)

    def find(self, state: PolicyState) -> Finding:
        """Judge the model's age."""
        if state.trained_until is None:
            return self._finding(None, obstacle=Reason("no_champion"))
        age = (state.as_of - state.trained_until) / _DAY
        if state.counts_rows:
            unit = "rows"
        elif isinstance(self.maximum_age, CalendarDuration):
            unit = "months"
        else:
            unit = "days" if self.limit >= 1 else "seconds"
        return self._finding(age, fired=age >= self.limit, counted_in=unit)


class DriftRule(WindowRule):
    """Many columns look unlike the reference. It explains an error, it does not prove one.

    Attributes:
        maximum_share: Share of drifted columns above which a window is in trouble.
    """

    kind: Literal["drift"]
    action: Action = "alert"
    maximum_share: float = Field(ge=0, lt=1)

    @classmethod
    def subject(cls, figures: Mapping[str, Any]) -> str:
        """The share that drifted."""
        return "share of drifted columns"

    @property
    def limit(self) -> float:
        """The configured share."""
        return self.maximum_share

    def windows(self, state: PolicyState) -> list[WindowRow]:
        """Drift needs no labels."""
        return [row for row in state.windows if row["status"] in ("complete", "pending labels")]

    def value(self, row: WindowRow, windows: Sequence[WindowRow]) -> float:
        """The window's share."""
        return float(row["drifted_share"])


class DataQualityRule(WindowRule):
    """Values are blank, rows missing or set aside: mend the source, not the model.

    Attributes:
        maximum_share: Largest of the shares of blank cells, missing rows and rejected rows, above
            which a window is in trouble.
    """

    kind: Literal["data_quality"]
    action: Action = "alert"
    maximum_share: float = Field(ge=0, lt=1)
    violations: int = Field(1, ge=1)
    of: int = Field(1, ge=1)

    @classmethod
    def subject(cls, figures: Mapping[str, Any]) -> str:
        """The largest of the shares."""
        return "largest share of blank, missing or rejected data"

    @property
    def limit(self) -> float:
        """The configured share."""
        return self.maximum_share

    def windows(self, state: PolicyState) -> list[WindowRow]:
        """Quality needs no labels."""
        return [row for row in state.windows if row["status"] != "partial"]

    def value(self, row: WindowRow, windows: Sequence[WindowRow]) -> float:
        """The largest of the shares that are known."""
        counts = [_number(row[name]) for name in ("n_missing_rows", "n_rejected")]
        rows = float(row["n"]) + sum(count for count in counts if math.isfinite(count))
        shares = [*(_ratio(count, rows) for count in counts), _number(row["missing_share"])]
        return max((share for share in shares if math.isfinite(share)), default=math.nan)


class SkewRule(WindowRule):
    """The service predicts from other features than the observations give: mend callers or delays.

    It needs neither labels nor a whole window, and is not computed where the service is not asked.

    Attributes:
        compare: ``predictions``: the model's own prediction of a row, as it was served and as it
            is made of what was observed; ``features``: any feature of the row.
        maximum_share: Share of the answered rows that differ, above which a window is in trouble.
    """

    kind: Literal["skew"]
    action: Action = "alert"
    compare: Literal["predictions", "features"] = "predictions"
    maximum_share: float = Field(ge=0, lt=1)
    violations: int = Field(1, ge=1)
    of: int = Field(1, ge=1)
    undefined: ClassVar[str] = "no_served_row"
    without_window: ClassVar[str] = "no_served_row"

    @classmethod
    def subject(cls, figures: Mapping[str, Any]) -> str:
        """The share that differs."""
        return f"share of served rows whose {figures['compare']} differ from those made afterwards"

    @classmethod
    def evidence(cls, figures: Mapping[str, Any]) -> str:
        """The windows in trouble, and the column that differs most."""
        found = super().evidence(figures)
        return f"{found}; {skewed_column(figures)}" if figures["column"] else found

    @property
    def about(self) -> dict[str, Any]:
        """What is compared."""
        return {"compare": self.compare}

    @property
    def limit(self) -> float:
        """The configured share."""
        return self.maximum_share

    def windows(self, state: PolicyState) -> list[WindowRow]:
        """What differs differs, however few rows a window has yet."""
        return list(state.windows)

    def value(self, row: WindowRow, windows: Sequence[WindowRow]) -> float:
        """The window's share."""
        return _number(row[f"{self.compare}_skew"])

    def details(self, row: WindowRow) -> dict[str, Any]:
        """The column that differs most."""
        return most_skewed(row)


def most_skewed(row: WindowRow) -> dict[str, Any]:
    """Take the column that differs most, as :func:`skewed_column` needs it.

    Returns:
        ``column``, empty if none differs; ``share``, ``served`` and ``observed``.
    """
    column = row["most_skewed_column"]
    return {
        "column": "" if pd.isna(column) else str(column),
        **{
            name: finite(_number(row[f"most_skewed_{name}"]))
            for name in ("share", "served", "observed")
        },
    }


def skewed_column(figures: Mapping[str, Any]) -> str:
    """Say how a column differs between service and observations.

    Args:
        figures: ``column``; ``share`` of the served rows; ``served`` and ``observed``, the means
            over the rows that differ, None where there is no number.
    """
    said = f"{figures['column']} differs in {100 * figures['share']:.3g}% of the served rows"
    served, observed = figures["served"], figures["observed"]
    if served is None and observed is None:
        return said
    first, second = ("missing" if v is None else f"{v:.4g}" for v in (served, observed))
    return f"{said} (on average {first} as served, {second} as observed)"


def _number(value: Any) -> float:
    return math.nan if pd.isna(value) else float(value)


def _ratio(value: Any, unit: Any) -> float:
    value, unit = float(value), float(unit)
    return value / unit if unit > 0 and math.isfinite(value) else math.nan
