"""How drift is configured: methods, thresholds and bounds."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Literal

import pandas as pd
from pydantic import Field, field_validator, model_validator

from regression_lifecycle.core.config import StrictModel
from regression_lifecycle.core.drift.methods import (
    METHODS,
    DriftMethod,
    Kind,
    find_method,
    methods_for,
)
from regression_lifecycle.core.durations import Duration
from regression_lifecycle.core.errors import ConfigurationError, bounded_list, unknown_name

REPORT_ROWS = 20_000
ReferenceKind = Literal["training", "last_windows", "same_season"]


class MethodChoice(StrictModel):
    """A drift method and the threshold from which its score counts as drift.

    ``threshold`` may be left out: the default of the method is then filled in.
    """

    method: str
    threshold: float

    @model_validator(mode="before")
    @classmethod
    def _fill_threshold(cls, data: Any) -> Any:
        if isinstance(data, dict) and "method" in data and data.get("threshold") is None:
            return {**data, "threshold": find_method(str(data["method"])).default_threshold}
        return data

    @field_validator("method")
    @classmethod
    def _known_method(cls, name: str) -> str:
        return find_method(name).name

    @model_validator(mode="after")
    def _threshold_can_be_crossed(self) -> MethodChoice:
        method = self.drift_method
        if not method.can_be_crossed(self.threshold):
            low, high = method.lowest_threshold, method.highest_threshold
            span = f"above {low:g}" + (f" and at most {high:.4g}" if high < math.inf else "")
            raise ConfigurationError(
                f"threshold {self.threshold:g} of drift method '{self.method}' must be {span}: "
                "any other is always or never crossed"
            )
        return self

    @property
    def drift_method(self) -> DriftMethod:
        """The method of this name."""
        return find_method(self.method)

    def require(self, kind: Kind, place: str) -> None:
        """Refuse a method that is not for columns of this kind.

        Args:
            kind: What the column holds.
            place: Where the method was named, for the message.

        Raises:
            ConfigurationError: If the method is for the other kind.
        """
        method = self.drift_method
        if method.kind == kind:
            return
        why = f" ({method.other_kind_reason})" if method.other_kind_reason else ""
        raise ConfigurationError(
            f"{place}: drift method '{self.method}' is not for {kind} columns{why}. "
            f"Allowed: {bounded_list(fitting.name for fitting in methods_for(kind))}"
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
        block: Length of the blocks, at most that of the window; None for that of the window. It
            is fitted so that blocks fill the window evenly.
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
        given: Column within whose values the others are compared, one score for all of them; so
            that a day whose hours have moved is seen. None compares whole columns.
        drifted_share: Share of drifted columns from which the whole table counts as drifted.
        minimum_rows: Usable values that a column must have on each side to be compared.
        maximum_rows: Rows per side that are looked at; beyond it a seeded sample is drawn. None for
            all rows: the holdout is then compared with every row of the training part, also where
            the model is fitted on a sample of them.
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
    given: str | None = None
    drifted_share: float = Field(default=0.5, gt=0, le=1)
    minimum_rows: int = Field(default=30, ge=2)
    maximum_rows: int | None = Field(default=REPORT_ROWS, ge=2)
    seed: int = Field(default=0, ge=0)
    include_target: bool = True
    include_prediction: bool = True

    @model_validator(mode="after")
    def _consistent(self) -> DriftParameters:
        self.numerical.require("numerical", "numerical")
        self.categorical.require("categorical", "categorical")
        if self.maximum_rows is not None and self.maximum_rows < self.minimum_rows:
            raise ConfigurationError(
                f"maximum_rows ({self.maximum_rows}) is below minimum_rows ({self.minimum_rows}): "
                "no column could ever be compared"
            )
        if self.given is not None:
            choices = {"numerical": self.numerical, "categorical": self.categorical}
            own = {f"per_column.{name}": choice for name, choice in self.per_column.items()}
            own.pop(f"per_column.{self.given}", None)
            for place, choice in (choices | own).items():
                if choice.drift_method.is_p_value:
                    distances = [name for name, method in METHODS.items() if not method.is_p_value]
                    raise ConfigurationError(
                        f"{place}: drift method '{choice.method}' has no mean over the values of "
                        f"{self.given}, which given asks for. Allowed: {bounded_list(distances)}"
                    )
        return self

    @property
    def report_rows(self) -> int:
        """Rows per side that a report draws: a page does not get better with more of them."""
        return REPORT_ROWS if self.maximum_rows is None else self.maximum_rows

    def given_of(self, column: str) -> str | None:
        """Return the column within whose values another is compared; nothing divides itself."""
        return None if column == self.given else self.given

    def name_of_method(self, column: str, kind: Kind) -> str:
        """Name what a column is compared by, such as ``wasserstein given hr``."""
        given = self.given_of(column)
        return self.choice(column, kind).method + ("" if given is None else f" given {given}")

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
