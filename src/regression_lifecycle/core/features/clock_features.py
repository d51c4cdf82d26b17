"""Features that a row's timestamp alone makes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

import narwhals as nw
import pandas as pd
from pydantic import Field, PositiveInt, field_validator

from regression_lifecycle.core.config import Moment
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.durations import CalendarDuration, Duration
from regression_lifecycle.core.durations import month_number as month_number_of
from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.core.features.feature import (
    Feature,
    SingleRow,
    calendar_part,
    month_number,
    require_calendar,
    rounded,
    second_number,
)

CalendarPart = Literal["hour", "weekday", "day", "day_of_year", "month", "year"]
_PART_OF: dict[CalendarPart, Callable[[datetime], int]] = {
    "hour": lambda moment: moment.hour,
    "weekday": datetime.isoweekday,
    "day": lambda moment: moment.day,
    "day_of_year": lambda moment: moment.timetuple().tm_yday,
    "month": lambda moment: moment.month,
    "year": lambda moment: moment.year,
}


class CalendarParts(Feature):
    """Parts of the row's own timestamp, as ``calendar_hour``.

    Attributes:
        parts: Which ones; ``weekday`` counts from 1 = Monday to 7 = Sunday.
    """

    kind: Literal["calendar"]
    parts: tuple[CalendarPart, ...] = Field(min_length=1)

    def output_names(self) -> tuple[str, ...]:
        """One per part."""
        return tuple(f"calendar_{part}" for part in self.parts)

    def check(self, problem: Problem) -> None:
        """Refuse a table without a calendar."""
        require_calendar(self.kind, problem)

    def add_to(self, frame: Any, observations: Any, problem: Problem) -> Any:
        """Read the parts off the timestamp."""
        parts = {
            f"calendar_{part}": calendar_part(part, problem.timestamp.name).cast(nw.Float64)
            for part in self.parts
        }
        return frame.with_columns(**parts)

    def of_row(self, one: SingleRow) -> tuple[Any, ...]:
        """Read the parts off the timestamp."""
        return tuple(float(_PART_OF[part](one.moment)) for part in self.parts)


class CyclicalPart(Feature):
    """Sines and cosines of a calendar part over its period, rounded to 9 digits.

    The rounding matters: the last bits differ between engines, and a boosted tree that splits
    on them predicts differently on another engine.

    Attributes:
        part: Which one.
        period: Its length, in units of the part.
        harmonics: Waves per period; ``[1, 2]`` adds a second wave of half the length.
    """

    kind: Literal["cyclical"]
    part: CalendarPart
    period: float = Field(gt=0)
    harmonics: tuple[PositiveInt, ...] = Field((1,), min_length=1)

    def output_names(self) -> tuple[str, ...]:
        """A sine and a cosine per wave."""
        return tuple(
            self._wave_name(wave, number) for number in self.harmonics for wave in ("sin", "cos")
        )

    def _wave_name(self, wave: str, number: int) -> str:
        # hour_sin for the first wave, hour_sin_2 for the second.
        return f"{self.part}_{wave}" + (f"_{number}" if number > 1 else "")

    def check(self, problem: Problem) -> None:
        """Refuse a table without a calendar."""
        require_calendar(self.kind, problem)

    def add_to(self, frame: Any, observations: Any, problem: Problem) -> Any:
        """Turn the part into angles."""
        part = calendar_part(self.part, problem.timestamp.name).cast(nw.Float64)
        made = {}
        for number in self.harmonics:
            angle = part * (2 * math.pi * number / self.period)
            made[self._wave_name("sin", number)] = angle.sin().round(9)
            made[self._wave_name("cos", number)] = angle.cos().round(9)
        return frame.with_columns(**made)

    def of_row(self, one: SingleRow) -> tuple[Any, ...]:
        """Turn the part into angles."""
        part = float(_PART_OF[self.part](one.moment))
        angles = [part * (2 * math.pi * number / self.period) for number in self.harmonics]
        return tuple(rounded(wave(angle)) for angle in angles for wave in (math.sin, math.cos))


class TimeIndex(Feature):
    """Time since ``origin``: the feature that carries a trend.

    Months, quarters and years are counted by the calendar, whatever the day of the month.

    Attributes:
        name: What the feature is called.
        origin: Where counting begins.
        unit: What is counted, such as ``1 day`` or ``1 month``.
        whole: Whether finished units only are counted, so that nothing is said of the time of day.
    """

    kind: Literal["time_index"]
    name: str
    origin: Moment
    unit: Duration
    whole: bool = False

    def output_names(self) -> tuple[str, ...]:
        """One."""
        return (self.name,)

    def check(self, problem: Problem) -> None:
        """Refuse months of a table without a calendar."""
        if isinstance(self.unit, CalendarDuration):
            require_calendar(f"{self.kind}' with the unit '{self.unit}", problem)

    def add_to(self, frame: Any, observations: Any, problem: Problem) -> Any:
        """Divide the elapsed time by the unit."""
        if isinstance(self.unit, CalendarDuration):
            now, start = month_number(problem.timestamp.name), month_number_of(self.origin)
            units = (now - start).cast(nw.Float64) / self.unit.months
            units = units.floor() if self.whole else units.round(9)
            return frame.with_columns(units.alias(self.name))
        elapsed = second_number(problem.timestamp.name) - _seconds_of(self.origin)
        units = (elapsed.cast(nw.Float64) / self.unit.total_seconds()).round(9)
        return frame.with_columns((units.floor() if self.whole else units).alias(self.name))

    def of_row(self, one: SingleRow) -> tuple[Any, ...]:
        """Divide the elapsed time by the unit."""
        if isinstance(self.unit, CalendarDuration):
            units = (month_number_of(one.moment) - month_number_of(self.origin)) / self.unit.months
            return (float(math.floor(units)) if self.whole else rounded(units),)
        elapsed = _seconds_of(one.moment) - _seconds_of(self.origin)
        units = rounded(elapsed / self.unit.total_seconds())
        return (float(math.floor(units)) if self.whole else units,)


def _seconds_of(moment: datetime) -> int:
    """Return what :func:`second_number` gives of a moment."""
    hours = moment.toordinal() * 24 + moment.hour
    return (hours * 60 + moment.minute) * 60 + moment.second


class AnnualPeriod(Feature):
    """1 in a stretch of every year, else 0.

    Attributes:
        name: What the feature is called.
        first: First day of it, as MM-DD.
        last: Last day of it, as MM-DD. A stretch may run over New Year.
    """

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
        """One."""
        return (self.name,)

    def check(self, problem: Problem) -> None:
        """Refuse a table without a calendar."""
        require_calendar(self.kind, problem)

    def add_to(self, frame: Any, observations: Any, problem: Problem) -> Any:
        """Compare month and day."""
        stamp = problem.timestamp.name
        month, day = (calendar_part(part, stamp).cast(nw.Int64) for part in ("month", "day"))
        first, last = (int(value.replace("-", "")) for value in (self.first, self.last))
        after, before = month * 100 + day >= first, month * 100 + day <= last
        inside = (after & before) if first <= last else (after | before)
        return frame.with_columns(inside.cast(nw.Float64).alias(self.name))

    def of_row(self, one: SingleRow) -> tuple[Any, ...]:
        """Compare month and day."""
        day, first, last = f"{one.moment:%m-%d}", self.first, self.last
        after, before = day >= first, day <= last
        return (float(after and before if first <= last else after or before),)
