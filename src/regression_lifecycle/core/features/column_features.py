"""Features that are read from columns of the table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from statistics import fmean
from typing import Any, Literal

import narwhals as nw
import pandas as pd
from pydantic import Field

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.durations import (
    AnyDuration,
    CalendarDuration,
    Duration,
    duration_text,
    longest,
)
from regression_lifecycle.core.durations import month_number as month_number_of
from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.core.features.feature import (
    Feature,
    Reach,
    SingleRow,
    Statistic,
    month_number,
    require_age,
    require_calendar,
    require_column,
    require_known_in_advance,
    require_number,
    rounded,
)
from regression_lifecycle.core.features.past_values import look_up_ages
from regression_lifecycle.core.metrics import FloatArray

_DAY, _THEN = "__day", "__then"
_MOMENT = timedelta(microseconds=1)
_WHOLE_DAY = timedelta(days=1)
_STATISTICS: dict[Statistic, Callable[[list[float]], float]] = {
    "mean": fmean,
    "min": min,
    "max": max,
}


class RawColumns(Feature):
    """Columns of the table as they are.

    Attributes:
        names: Columns that are known in advance.
    """

    kind: Literal["columns"]
    names: tuple[str, ...] = Field(min_length=1)

    def output_names(self) -> tuple[str, ...]:
        """The columns themselves."""
        return self.names

    @property
    def columns_read(self) -> tuple[str, ...]:
        """The columns themselves."""
        return self.names

    def check(self, problem: Problem) -> None:
        """Refuse columns that are not known in advance, and moments."""
        for name in self.names:
            require_known_in_advance(name, problem, f"feature column '{name}'")
            if problem.columns[name].type in ("date", "datetime"):
                raise ConfigurationError(
                    f"feature column '{name}' is a {problem.columns[name].type}; use kind "
                    "'calendar' or 'time_index'"
                )

    def add_to(self, frame: Any, observations: Any, problem: Problem) -> Any:
        """Add nothing: they are there."""
        return frame

    def of_row(self, one: SingleRow) -> tuple[Any, ...]:
        """The row's own values."""
        return tuple(map(one.row.get, self.names))


class DayStatistic(Feature):
    """A statistic of a column over a whole calendar day.

    Hours later than the row's own are read, so the column must be known in advance. Missing
    values are left out.

    Attributes:
        name: What the feature is called.
        column: A column of numbers that is known in advance.
        statistic: Of the day's values.
        offset_days: Which day, counted from the row's own.
        at_least: If given, the statistic is that of "the value is at least so much", 0 or 1; its
            mean is the share of the day's rows.
    """

    kind: Literal["day"]
    name: str
    column: str
    statistic: Statistic = "mean"
    offset_days: int = Field(0, ge=-366, le=366)
    at_least: float | None = None

    def output_names(self) -> tuple[str, ...]:
        """One."""
        return (self.name,)

    @property
    def columns_read(self) -> tuple[str, ...]:
        """One."""
        return (self.column,)

    @property
    def reach(self) -> Reach:
        """From the start of the earlier day to the end of the later one."""
        back = pd.Timedelta(days=1 + max(0, -self.offset_days))
        return Reach(back, 1 + max(0, self.offset_days))

    @property
    def note(self) -> str:
        """The statistic."""
        return f"{self.statistic} of {self.column} over a day"

    def check(self, problem: Problem) -> None:
        """Refuse a table without a calendar, and columns that may not be read ahead."""
        place = f"feature '{self.name}'"
        require_calendar(self.kind, problem)
        require_known_in_advance(self.column, problem, place)
        require_number(self.column, problem, place)

    def add_to(self, frame: Any, observations: Any, problem: Problem) -> Any:
        """Compute the statistic of every day, and join by the day."""
        day = nw.col(problem.timestamp.name).dt.truncate("1d").alias(_DAY)
        groups = problem.series_columns
        value = nw.col(self.column).cast(nw.Float64)
        if self.at_least is not None:
            value = nw.when(~value.is_null()).then((value >= self.at_least).cast(nw.Float64))
        made = nw.col(self.name)
        statistic = {"mean": made.mean, "min": made.min, "max": made.max}[self.statistic]
        days = (
            observations.with_columns(day, value.alias(self.name))
            .group_by(_DAY, *groups)
            .agg(statistic())
            .with_columns(made.round(9))
        )
        if self.offset_days:
            days = days.with_columns(nw.col(_DAY).dt.offset_by(f"{-self.offset_days}d"))
        return frame.with_columns(day).join(days, on=[_DAY, *groups], how="left").drop(_DAY)

    def of_row(self, one: SingleRow) -> tuple[Any, ...]:
        """Look the rows of the day up, once for all rows of the day."""
        midnight = datetime(*one.moment.timetuple()[:3]) + self.offset_days * _WHOLE_DAY
        day = (self.name, one.series, midnight)
        if day not in one.remembered:
            one.remembered[day] = self._of_day(one, midnight)
        value, lacks = one.remembered[day]
        if lacks:
            one.lacks(self.name, lacks)
        return (value,)

    def _of_day(self, one: SingleRow, midnight: datetime) -> tuple[float | None, str]:
        """Return the statistic, and what it has to do without; an empty text for nothing."""
        found = one.known.values(self.column, one.series, midnight, midnight + _WHOLE_DAY)
        values = [value for value in found if value == value]
        expected, lacks = _rows_of_a_day(one.problem), ""
        if len(values) < expected:
            many = f": {len(values)} of {expected} rows" if values and expected > 1 else ""
            lacks = f"{self.column} {_day_text(self.offset_days)}{many}"
        if not values:
            return None, lacks
        if self.at_least is not None:
            values = [float(value >= self.at_least) for value in values]
        return rounded(_STATISTICS[self.statistic](values)), lacks


class Lag(Feature):
    """A column's value some time ago.

    A time without an observation gives a missing value: nothing is filled. A mean of several ages
    is rounded to 9 decimals, since engines add up in different orders; give a column whose values
    are below a millionth in another unit. Where the problem's frequency is in months, quarters or
    years, a row is looked up by its month, quarter or year, whatever day it stands at; elsewhere a
    month ago is the same day and time of the month before, or its last day.

    Attributes:
        name: What the feature is called.
        column: A column of numbers.
        ages: How long ago. Of the target and other columns that are not known in advance, no
            younger than horizon and label delay together.
        statistic: Of the values found, if there are several ages.
    """

    kind: Literal["lag"]
    name: str
    column: str
    ages: tuple[Duration, ...] = Field(min_length=1)
    statistic: Statistic = "mean"

    def output_names(self) -> tuple[str, ...]:
        """One."""
        return (self.name,)

    @property
    def columns_read(self) -> tuple[str, ...]:
        """One."""
        return (self.column,)

    @property
    def reach(self) -> Reach:
        """Back to the greatest age, and where a month is looked up to the beginning of it."""
        return Reach(max(longest(age + age if _in_months(age) else age) for age in self.ages))

    @property
    def note(self) -> str:
        """Whose past it is."""
        return f"{self.column} of earlier rows"

    def check(self, problem: Problem) -> None:
        """Refuse values that are not known yet when the prediction is made."""
        place = f"feature '{self.name}'"
        require_column(self.column, problem, place)
        require_number(self.column, problem, place)
        for age in self.ages:
            if _in_months(age):
                require_calendar(self.kind, problem)
            require_age(self.column, age, problem, place)

    def add_to(self, frame: Any, observations: Any, problem: Problem) -> Any:
        """Look the values of every age up by their time."""
        made = [f"__lag_{position}" for position in range(len(self.ages))]
        found = self._look_up(frame, observations, problem)
        if found is not None:
            table = frame.to_native().reset_index(drop=True)
            frame = nw.from_native(table.assign(**dict(zip(made, found, strict=True))))
        else:
            for name, age in zip(made, self.ages, strict=True):
                frame = self._join(frame, observations, problem, age, name)
        combine = {
            "mean": nw.mean_horizontal,
            "min": nw.min_horizontal,
            "max": nw.max_horizontal,
        }[self.statistic]
        value = combine(*made)
        if self.statistic == "mean" and len(made) > 1:
            # Engines sum in different orders. Decimals and not significant digits: these would
            # take a logarithm and a power, whose last bit differs between engines as well.
            value = value.round(9)
        return frame.with_columns(value.alias(self.name)).drop(made)

    def of_row(self, one: SingleRow) -> tuple[Any, ...]:
        """Look the row of every age up."""
        values = []
        for age in self.ages:
            start, end = _span(one.moment, age, one.problem)
            found = one.known.values(self.column, one.series, start, end)
            known = [value for value in found if value == value]
            if known:
                values.append(fmean(known) if len(known) > 1 else known[0])
            else:
                one.lacks(self.name, f"{self.column} {duration_text(age)} before")
        if not values:
            return (None,)
        value = _STATISTICS[self.statistic](values)
        return (rounded(value) if self.statistic == "mean" and len(self.ages) > 1 else value,)

    def _look_up(self, frame: Any, observations: Any, problem: Problem) -> list[FloatArray] | None:
        """Find the values of every age in pandas tables; None where they have to be joined."""
        ages = [age for age in self.ages if isinstance(age, pd.Timedelta)]
        is_pandas = frame.implementation.is_pandas()
        if not is_pandas or not problem.key_holds_time or len(ages) < len(self.ages):
            return None
        return look_up_ages(frame.to_native(), observations.to_native(), self.column, ages, problem)

    def _join(
        self, frame: Any, observations: Any, problem: Problem, age: AnyDuration, name: str
    ) -> Any:
        """Add the value of one age as a column."""
        stamp, groups = problem.timestamp.name, problem.series_columns
        value = nw.col(self.column).cast(nw.Float64).alias(name)
        if isinstance(age, pd.Timedelta):
            time = (nw.col(stamp) + age.to_pytimedelta()).alias(stamp)
            past = observations.select(time, *groups, value)
            if not problem.key_holds_time:
                # Several rows of one time must not double others.
                past = past.group_by(stamp, *groups).agg(nw.col(name).mean())
            return frame.join(past, on=[stamp, *groups], how="left")
        if isinstance(problem.frequency, CalendarDuration):
            step = problem.frequency.months
            period = (month_number(stamp) // step).alias(_THEN)
            own = period - age.months // step
            # A row more than the frequency asks for must not double others.
            past = observations.select(period, *groups, value)
            past = past.group_by(_THEN, *groups).agg(nw.col(name).mean())
        else:
            # From the row back: a month after the 30th and the 31st of January is the same day.
            own = nw.col(stamp).dt.offset_by(f"-{age.months}mo")
            past = observations.select(nw.col(stamp).alias(_THEN), *groups, value)
            if not problem.key_holds_time:
                past = past.group_by(_THEN, *groups).agg(nw.col(name).mean())
        frame = frame.with_columns(own.alias(_THEN))
        return frame.join(past, on=[_THEN, *groups], how="left").drop(_THEN)


def _in_months(age: AnyDuration) -> bool:
    return isinstance(age, CalendarDuration)


def _span(moment: datetime, age: AnyDuration, problem: Problem) -> tuple[datetime, datetime]:
    """Return the stretch of time in which a row of some age stands."""
    if isinstance(age, pd.Timedelta):
        then = moment - age.to_pytimedelta()
    elif isinstance(problem.frequency, CalendarDuration):
        step = problem.frequency.months
        first = (month_number_of(moment) // step - age.months // step) * step
        return _month_start(first), _month_start(first + step)
    else:
        then = (pd.Timestamp(moment) - pd.DateOffset(months=age.months)).to_pydatetime()
    return then, then + _MOMENT


def _month_start(number: int) -> datetime:
    return datetime(number // 12, number % 12 + 1, 1)


def _rows_of_a_day(problem: Problem) -> int:
    """Return how many rows of a series a whole day has; 1 where that is not known."""
    frequency = problem.frequency
    if problem.irregular or not isinstance(frequency, pd.Timedelta) or not problem.key_holds_time:
        return 1
    return max(1, int(_WHOLE_DAY / frequency))


def _day_text(offset: int) -> str:
    if offset == 0:
        return "of the day"
    days = "the day" if abs(offset) == 1 else f"{abs(offset)} days"
    return f"of {days} {'before' if offset < 0 else 'after'}"
