"""The vocabulary of features: what may be asked for, and what would leak.

Every kind answers one question about a row, by time and never by row position, so that a gap
in the table shifts nothing. A value that was not known when the prediction is made is refused
here, at start-up, not found out later.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

import pandas as pd
from pydantic import Field, PositiveInt, field_validator, model_validator

from regression_lifecycle.core.config import Duration, Moment, StrictModel
from regression_lifecycle.core.data.problem import NUMERIC_TYPES, Problem
from regression_lifecycle.core.errors import ConfigurationError, bounded_list, unknown_name

CalendarPart = Literal["hour", "weekday", "day", "day_of_year", "month", "year"]
Statistic = Literal["mean", "min", "max"]


class RawColumns(StrictModel):
    """Columns of the table as they are; each must be known in advance."""

    kind: Literal["columns"]
    names: tuple[str, ...] = Field(min_length=1)

    def output_names(self) -> tuple[str, ...]:
        """Names of the features that this makes."""
        return self.names

    def check(self, problem: Problem) -> None:
        """Raise ConfigurationError if the problem does not allow it."""
        for name in self.names:
            _require_ahead(name, problem, f"feature column '{name}'")
            if problem.columns[name].type in ("date", "datetime"):
                raise ConfigurationError(
                    f"feature column '{name}' is a {problem.columns[name].type}; use kind "
                    "'calendar' or 'time_index'"
                )


class CalendarParts(StrictModel):
    """Parts of the row's own timestamp; ``weekday`` counts from 1 = Monday to 7 = Sunday."""

    kind: Literal["calendar"]
    parts: tuple[CalendarPart, ...] = Field(min_length=1)

    def output_names(self) -> tuple[str, ...]:
        """Names of the features that this makes."""
        return tuple(f"calendar_{part}" for part in self.parts)

    def check(self, problem: Problem) -> None:
        """Raise ConfigurationError if the problem does not allow it."""
        _require_calendar(self.kind, problem)


class CyclicalPart(StrictModel):
    """Sines and cosines of a calendar part over its period, rounded to 9 digits.

    ``harmonics`` are the waves per period: ``[1, 2]`` adds a second wave of half the length.

    The rounding matters: the last bits differ between engines, and a boosted tree that splits
    on them predicts differently on another engine.
    """

    kind: Literal["cyclical"]
    part: CalendarPart
    period: float = Field(gt=0)
    harmonics: tuple[PositiveInt, ...] = Field((1,), min_length=1)

    def output_names(self) -> tuple[str, ...]:
        """Names of the features that this makes."""
        return tuple(
            self.wave_name(wave, number) for number in self.harmonics for wave in ("sin", "cos")
        )

    def wave_name(self, wave: str, number: int) -> str:
        """Name of one wave: ``hour_sin`` for the first, ``hour_sin_2`` for the second."""
        return f"{self.part}_{wave}" + (f"_{number}" if number > 1 else "")

    def check(self, problem: Problem) -> None:
        """Raise ConfigurationError if the problem does not allow it."""
        _require_calendar(self.kind, problem)


class TimeIndex(StrictModel):
    """Time since ``origin`` in units of ``unit``: the feature that carries a trend.

    ``whole`` counts finished units only, so that the index says nothing of the time of day.
    """

    kind: Literal["time_index"]
    name: str
    origin: Moment
    unit: Duration
    whole: bool = False

    def output_names(self) -> tuple[str, ...]:
        """Names of the features that this makes."""
        return (self.name,)

    def check(self, problem: Problem) -> None:
        """A timestamp is always known."""


class AnnualPeriod(StrictModel):
    """1 from ``first`` to ``last`` (MM-DD, both included) of every year, else 0."""

    kind: Literal["annual_period"]
    name: str
    first: str
    last: str

    @field_validator("first", "last")
    @classmethod
    def _month_and_day(cls, value: str) -> str:
        # 2012 is a leap year, so that 02-29 is a day.
        if not re.fullmatch(r"\d\d-\d\d", value) or pd.isna(
            pd.to_datetime(f"2012-{value}", errors="coerce")
        ):
            raise ConfigurationError(f"'{value}' is not a day of the year; write for example 12-24")
        return value

    def output_names(self) -> tuple[str, ...]:
        """Names of the features that this makes."""
        return (self.name,)

    def check(self, problem: Problem) -> None:
        """Raise ConfigurationError if the problem does not allow it."""
        _require_calendar(self.kind, problem)


class DayStatistic(StrictModel):
    """A statistic of a column over a whole calendar day, ``offset_days`` from the row's own.

    The column must be known in advance, since hours later than the row's own are read. With
    ``at_least``, the statistic is that of "the value is at least so much" (0 or 1): its mean is
    the share of the day's rows. Missing values are left out.
    """

    kind: Literal["day"]
    name: str
    column: str
    statistic: Statistic = "mean"
    offset_days: int = Field(0, ge=-366, le=366)
    at_least: float | None = None

    def output_names(self) -> tuple[str, ...]:
        """Names of the features that this makes."""
        return (self.name,)

    def check(self, problem: Problem) -> None:
        """Raise ConfigurationError if the problem does not allow it."""
        _require_calendar(self.kind, problem)
        _require_ahead(self.column, problem, f"feature '{self.name}'")
        _require_number(self.column, problem, f"feature '{self.name}'")


class Lag(StrictModel):
    """A column's value ``ages`` ago; of several ages, the ``statistic`` of those found.

    A column that is not known in advance, the target among them, must be at least as old as the
    problem's horizon. A time without an observation gives a missing value: nothing is filled.
    A mean of several ages is rounded to 9 digits, for the reason given at ``CyclicalPart``.
    """

    kind: Literal["lag"]
    name: str
    column: str
    ages: tuple[Duration, ...] = Field(min_length=1)
    statistic: Statistic = "mean"

    def output_names(self) -> tuple[str, ...]:
        """Names of the features that this makes."""
        return (self.name,)

    def check(self, problem: Problem) -> None:
        """Raise ConfigurationError if the problem does not allow it."""
        if self.column not in problem.columns:
            raise ConfigurationError(
                f"feature '{self.name}': {unknown_name('column', self.column, problem.columns)}"
            )
        _refuse_forbidden(self.column, problem, f"feature '{self.name}'")
        _require_number(self.column, problem, f"feature '{self.name}'")
        if not problem.is_known_in_advance(self.column) and min(self.ages) < problem.horizon:
            raise ConfigurationError(
                f"feature '{self.name}' reads '{self.column}' {min(self.ages)} ago, which is not "
                f"known yet when predicting {problem.horizon} ahead; use ages from "
                f"{problem.horizon} on"
            )


FeatureSpec = Annotated[
    RawColumns | CalendarParts | CyclicalPart | TimeIndex | AnnualPeriod | DayStatistic | Lag,
    Field(discriminator="kind"),
]


class FeatureRecipe(StrictModel):
    """All features of a model, in the order of its signature.

    A model carries its recipe with it, so that a champion trained on other features can still
    be compared on the same rows.
    """

    features: tuple[FeatureSpec, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = self.feature_names
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigurationError(f"feature(s) made twice: {bounded_list(twice)}")
        return self

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The model's input columns, in order."""
        return tuple(name for spec in self.features for name in spec.output_names())

    def check(self, problem: Problem) -> None:
        """Refuse a recipe that would leak or that the table cannot serve.

        Args:
            problem: The table's description.

        Raises:
            ConfigurationError: Naming the feature, the column and the mend.
        """
        for spec in self.features:
            spec.check(problem)
        # A made feature under a raw column's name would be taken for the column: a join keeps
        # the table's own values under that name, known ahead or not.
        made = {
            name
            for spec in self.features
            if not isinstance(spec, RawColumns)
            for name in spec.output_names()
        }
        taken = made & {problem.timestamp.name, *problem.columns}
        if taken:
            raise ConfigurationError(
                f"feature name(s) already in use by the table: {bounded_list(sorted(taken))}; "
                "choose other names"
            )


def _refuse_forbidden(column: str, problem: Problem, place: str) -> None:
    if column in problem.forbidden_columns:
        raise ConfigurationError(
            f"{place}: '{column}' is forbidden ({problem.forbidden_columns[column]})"
        )


def _require_calendar(kind: str, problem: Problem) -> None:
    if problem.timestamp.rows:
        raise ConfigurationError(
            f"kind '{kind}' needs a calendar, and the table has none: with "
            "problem.timestamp.rows the moments only number the rows; use kind 'columns', 'lag' "
            "or 'time_index'"
        )


def _require_number(column: str, problem: Problem, place: str) -> None:
    kind = problem.columns[column].type
    if kind not in NUMERIC_TYPES:
        raise ConfigurationError(f"{place}: '{column}' is of type '{kind}', not a number")


def _require_ahead(column: str, problem: Problem, place: str) -> None:
    if column not in problem.columns:
        raise ConfigurationError(f"{place}: {unknown_name('column', column, problem.columns)}")
    _refuse_forbidden(column, problem, place)
    if column == problem.target:
        raise ConfigurationError(
            f"{place}: '{column}' is the target; use kind 'lag' with ages from {problem.horizon} on"
        )
    if not problem.is_known_in_advance(column):
        raise ConfigurationError(
            f"{place}: '{column}' is only known after the fact; declare "
            "'known_in_advance: true' in parameters_problem.yml if it is forecast or calendar, or "
            "use kind 'lag'"
        )
