"""What a kind of feature is: what it is called, reads, refuses, looks back at, and how it is made.

Every kind answers one question about a row, by time and never by row position, so that a gap
in the table shifts nothing. A value that was not known when the prediction is made is refused
here, at start-up, not found out later.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import narwhals as nw
import pandas as pd

from regression_lifecycle.core.data.problem import NUMERIC_TYPES, Problem
from regression_lifecycle.core.durations import (
    AnyDuration,
    CalendarDuration,
    duration_text,
    is_at_least,
    is_multiple,
)
from regression_lifecycle.core.errors import ConfigurationError, unknown_name
from regression_lifecycle.core.features.row_history import KnownRows, Row
from regression_lifecycle.core.variants import Variant

Statistic = Literal["mean", "min", "max"]
_NOWHERE = pd.Timedelta(0)


@dataclass(frozen=True)
class Reach:
    """How far around a row its features look.

    Attributes:
        back: Time before the row's own.
        days_ahead: Days after the start of the row's own day that must be over first; 0 if no
            feature looks at a day.
    """

    back: pd.Timedelta = _NOWHERE
    days_ahead: int = 0


@dataclass(frozen=True)
class SingleRow:
    """A row whose features are made by looking other rows up.

    Attributes:
        row: Its own values.
        moment: Its timestamp.
        series: Name of its series.
        known: The other rows, and itself.
        problem: The contract.
        lacking: Takes up, by name of the feature, what was looked for and is not there.
        remembered: Takes up what further rows need too, such as the mean of a day; all rows that
            know the same other rows may share it.
    """

    row: Row
    moment: datetime
    series: str
    known: KnownRows
    problem: Problem
    lacking: dict[str, list[str]] = field(default_factory=dict)
    remembered: dict[Any, Any] = field(default_factory=dict)

    def lacks(self, feature: str, what: str) -> None:
        """Note what a feature of this row had to do without."""
        self.lacking.setdefault(feature, []).append(what)


class Feature(Variant):
    """One or several features of one kind. A new kind is one class below this one.

    Every kind is made in two ways that agree: for a table by joins, on any engine, and for a
    single row by looking up what it reads, a thousand times faster.
    """

    @abstractmethod
    def output_names(self) -> tuple[str, ...]:
        """Return the names of the features, in the order of the model's signature."""

    @abstractmethod
    def check(self, problem: Problem) -> None:
        """Refuse what the problem does not allow or what would leak.

        Raises:
            ConfigurationError: Naming the feature, the column and the mend.
        """

    @abstractmethod
    def add_to(self, frame: Any, observations: Any, problem: Problem) -> Any:
        """Add the features to a Narwhals frame, joined by time; rows have no order.

        Args:
            frame: The rows, with the features that were added before.
            observations: The rows as they are stored.

        Returns:
            The same rows with the columns of :meth:`output_names`.
        """

    @abstractmethod
    def of_row(self, one: SingleRow) -> tuple[Any, ...]:
        """Make the features of a single row.

        Returns:
            One value per name of :meth:`output_names`; None where it is missing.
        """

    @property
    def columns_read(self) -> tuple[str, ...]:
        """Columns that are read; none if the timestamp alone makes the features."""
        return ()

    @property
    def reach(self) -> Reach:
        """How far around a row it looks."""
        return Reach()

    @property
    def note(self) -> str:
        """What the values are, for callers of the service who send them."""
        return ""


def calendar_part(part: str, stamp: str) -> nw.Expr:
    """Return the expression of a part of a timestamp, as a number."""
    clock = nw.col(stamp).dt
    readers = {
        "hour": clock.hour,
        # A Sunday is 7; Narwhals gives 0 on Spark.
        "weekday": lambda: (clock.weekday() + 6) % 7 + 1,
        "day": clock.day,
        "day_of_year": clock.ordinal_day,
        "month": clock.month,
        "year": clock.year,
    }
    return readers[part]()


def month_number(stamp: str) -> nw.Expr:
    """Return the expression of the months since January of year 0."""
    year, month = (calendar_part(part, stamp).cast(nw.Int64) for part in ("year", "month"))
    return year * 12 + month - 1


def second_number(stamp: str) -> nw.Expr:
    """Return the expression of the whole seconds since a day before year 1.

    They are counted by the calendar: Narwhals has no number for a span of time on Spark.
    """
    clock = nw.col(stamp).dt
    before = clock.year().cast(nw.Int64) - 1
    leap_days = before // 4 - before // 100 + before // 400
    days = before * 365 + leap_days + clock.ordinal_day()
    return ((days * 24 + clock.hour()) * 60 + clock.minute()) * 60 + clock.second()


def rounded(value: float) -> float:
    """Round to 9 digits as the engines do, to the last bit."""
    return round(value * 1e9) / 1e9


def require_calendar(kind: str, problem: Problem) -> None:
    """Refuse a table whose moments only number the rows.

    Raises:
        ConfigurationError: Naming the kinds that need no calendar.
    """
    if problem.timestamp.rows:
        raise ConfigurationError(
            f"kind '{kind}' needs a calendar, and the table has none: with "
            "problem.timestamp.rows the moments only number the rows; use kind 'columns', 'lag' "
            "or 'time_index'"
        )


def require_number(column: str, problem: Problem, place: str) -> None:
    """Refuse a column that holds no numbers.

    Raises:
        ConfigurationError: Naming its type.
    """
    kind = problem.columns[column].type
    if kind not in NUMERIC_TYPES:
        raise ConfigurationError(f"{place}: '{column}' is of type '{kind}', not a number")


def require_column(column: str, problem: Problem, place: str) -> None:
    """Refuse a column that is unknown or forbidden.

    Raises:
        ConfigurationError: With the nearest name, or the reason why it is forbidden.
    """
    if column not in problem.columns:
        raise ConfigurationError(f"{place}: {unknown_name('column', column, problem.columns)}")
    if column in problem.forbidden_columns:
        raise ConfigurationError(
            f"{place}: '{column}' is forbidden ({problem.forbidden_columns[column]})"
        )


def require_known_in_advance(column: str, problem: Problem, place: str) -> None:
    """Refuse a column whose value is not known before the row's own time.

    Raises:
        ConfigurationError: Naming what can be done instead.
    """
    require_column(column, problem, place)
    if column == problem.target:
        raise ConfigurationError(
            f"{place}: '{column}' is the target; use kind 'lag' with ages from "
            f"{duration_text(problem.minimum_lag)} on"
        )
    if not problem.is_known_in_advance(column):
        raise ConfigurationError(
            f"{place}: '{column}' is only known after the fact; declare "
            "'known_in_advance: true' in problem.columns if it is forecast or calendar, or "
            "use kind 'lag'"
        )


def require_age(column: str, age: AnyDuration, problem: Problem, place: str) -> None:
    """Refuse a value that is not known yet when the prediction is made, or that no row can have.

    Raises:
        ConfigurationError: Naming the age from which on it is known, or how ages are written.
    """
    if isinstance(problem.frequency, CalendarDuration) and not is_multiple(age, problem.frequency):
        raise ConfigurationError(
            f"{place}: rows are {duration_text(problem.frequency)} apart, so none lies "
            f"{duration_text(age)} back; use multiples of {duration_text(problem.frequency)}"
        )
    if problem.is_known_in_advance(column) or is_at_least(age, problem.minimum_lag):
        return
    delay = problem.label_delay
    late = "" if delay is None else f" with a problem.label_delay of {duration_text(delay)}"
    raise ConfigurationError(
        f"{place} reads '{column}' {duration_text(age)} ago, which is not known yet when "
        f"predicting {duration_text(problem.horizon)} ahead{late}; use ages from "
        f"{duration_text(problem.minimum_lag)} on"
    )
