"""The description of one table: what it means, what may be used, and when it is known.

This is the only schema of the project. The contract, the features, the baseline and the
reports are all built from it, so that another table needs another folder under ``conf/``
and no line of Python.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import Annotated, Any, Literal, Self
from zoneinfo import available_timezones

import narwhals as nw
import pandas as pd
from narwhals.typing import IntoFrameT
from pydantic import BeforeValidator, Field, PlainSerializer, field_validator, model_validator

from regression_lifecycle.core.calendar.moment_formats import check_format
from regression_lifecycle.core.calendar.weekdays import Weekday
from regression_lifecycle.core.config import StrictModel, to_timestamp
from regression_lifecycle.core.data.values import NumberFormat
from regression_lifecycle.core.durations import (
    AnyDuration,
    CalendarDuration,
    Duration,
    duration_text,
    is_multiple,
)
from regression_lifecycle.core.errors import ConfigurationError, bounded_list, unknown_name
from regression_lifecycle.core.metrics import ErrorMetric, main_metric

ColumnType = Literal["integer", "float", "boolean", "category", "date", "datetime"]
NUMERIC_TYPES = frozenset({"integer", "float", "boolean"})
MOMENT_TYPES = frozenset({"date", "datetime"})
MOMENT_PARTS = frozenset({"date", "time"})
_ROW_STEP = "1 second"
_DAY = pd.Timedelta("1 day")
_PARTS = ("date", "year", "quarter", "month", "week", "day", "hour", "time")
_TIMES = (
    frozenset[str](),  # rows
    frozenset({"date"}),
    frozenset({"date", "hour"}),
    frozenset({"date", "time"}),
    frozenset({"year"}),
    frozenset({"year", "quarter"}),
    frozenset({"year", "month"}),
    frozenset({"year", "week"}),
    frozenset({"year", "month", "day"}),
    frozenset({"year", "month", "day", "hour"}),
    frozenset({"year", "month", "day", "time"}),
)


def _bound(value: Any) -> Any:
    if isinstance(value, bool):
        raise ConfigurationError(f"a number is needed, not {str(value).lower()}")
    try:
        bound = value if isinstance(value, pd.Timestamp) else float(value)
    except (TypeError, ValueError):
        bound = None
    if isinstance(bound, float) and not math.isfinite(bound):
        raise ConfigurationError(f"{bound} bounds nothing; leave it out, or write a finite number")
    if bound is not None:
        return bound
    try:
        return to_timestamp(value)
    except ConfigurationError:
        raise ConfigurationError(
            f"'{value}' is no number and no moment; write for example 0.5 or '2020-01-31'"
        ) from None


def bound_text(bound: float | pd.Timestamp) -> str:
    """Write the bound of a column as one would write it in YAML."""
    return str(bound) if isinstance(bound, pd.Timestamp) else f"{bound:.15g}"


def _word(value: Any) -> str:
    # YAML reads yes, no and null as something else than the words that stand in the table.
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ConfigurationError(
            f"YAML reads this entry as {value}; put it in quotes as it stands in the table"
        )
    return str(value)


Bound = Annotated[
    Any, BeforeValidator(_bound), PlainSerializer(lambda v: v if isinstance(v, float) else str(v))
]
"""A number, or a moment in the table's local time."""

Word = Annotated[str, BeforeValidator(_word)]
"""A value as it stands in the table."""


class ColumnSpec(StrictModel):
    """What one column of the raw table must look like.

    Attributes:
        type: How values are read, whatever the reader of the file took them for.
        unit: Unit or meaning, for people.
        minimum: Smallest allowed number or moment; None for no bound.
        maximum: Largest allowed number or moment; None for no bound.
        allowed: The only allowed values; None allows all.
        missing: Whether a value may be missing.
        missing_values: Further spellings of a missing value. The empty one always is one; so are
            NA, NaN, null and None, except among labels.
        true_values: Further spellings of true, in any case, besides true, t, yes, y and 1.
        false_values: Further spellings of false, in any case, besides false, f, no, n and 0.
        format: Of a date or datetime, ISO 8601 if left out: ``strptime`` format, with ``%q`` for
            a quarter (``%YQ%q``), or ``unix s``, ``unix ms``, ``unix us``, ``unix ns``, or
            ``excel``. Of numbers how they are written, by example: ``1.234,5``, ``12 %``.
        zone: Time zone into whose local time moments with a zone are brought; a moment without
            one is local already. None refuses moments with a zone.
        known_in_advance: Whether the value is known before the row's own time (calendar, plan,
            forecast). Only such a column may be used for its own row; any other enters as history
            older than the horizon.
    """

    type: ColumnType
    unit: str = ""
    minimum: Bound | None = None
    maximum: Bound | None = None
    allowed: tuple[Any, ...] | None = None
    missing: bool = False
    missing_values: tuple[Word, ...] = ()
    true_values: tuple[Word, ...] = ()
    false_values: tuple[Word, ...] = ()
    format: str | None = None
    zone: str | None = None
    known_in_advance: bool = False

    @model_validator(mode="after")
    def _check_range(self) -> Self:
        bounds = [bound for bound in (self.minimum, self.maximum) if bound is not None]
        if bounds and self.type == "category":
            raise ConfigurationError("a column of type 'category' has no minimum or maximum")
        for bound in bounds:
            if isinstance(bound, pd.Timestamp) != (self.type in MOMENT_TYPES):
                example = "a date such as '2020-01-31'" if self.type in MOMENT_TYPES else "a number"
                raise ConfigurationError(
                    f"'{bound_text(bound)}' cannot bound a column of type '{self.type}'; write "
                    f"{example}"
                )
        if len(bounds) == 2 and bounds[0] > bounds[1]:
            low, high = map(bound_text, bounds)
            raise ConfigurationError(f"minimum {low} is above maximum {high}")
        return self

    @field_validator("allowed")
    @classmethod
    def _allowed_can_be_compared(cls, value: Any, info: Any) -> Any:
        kind = info.data.get("type")
        if value == ():
            raise ConfigurationError("an empty list allows no value at all; leave it out")
        for item in value or ():
            if kind == "category":
                _word(item)
            elif kind in MOMENT_TYPES:
                raise ConfigurationError(
                    f"a column of type '{kind}' has minimum and maximum, and no list of values"
                )
            elif isinstance(item, bool | str) or not isinstance(item, Real) or item != item:
                raise ConfigurationError(
                    f"a column of type '{kind}' holds numbers, so '{item}' cannot be allowed"
                )
        return value

    @model_validator(mode="after")
    def _check_spelling(self) -> Self:
        if self.format is not None and self.type in ("integer", "float"):
            NumberFormat.from_example(self.format)
        elif self.format is not None and self.type in MOMENT_TYPES:
            check_format(self.format)
        elif self.format is not None:
            raise ConfigurationError(f"a column of type '{self.type}' has no format; leave it out")
        if self.type != "boolean" and (self.true_values or self.false_values):
            raise ConfigurationError("true_values and false_values are for columns of type boolean")
        both = {v.strip().lower() for v in self.true_values} & {
            v.strip().lower() for v in self.false_values
        }
        if both:
            raise ConfigurationError(f"'{min(both)}' is listed as true and as false")
        if self.zone is not None and self.type not in MOMENT_TYPES:
            raise ConfigurationError("zone is for columns of type date or datetime; leave it out")
        if self.zone is not None and self.zone not in available_timezones():
            raise ConfigurationError(unknown_name("time zone", self.zone, available_timezones(), 5))
        return self

    @property
    def number_format(self) -> NumberFormat:
        """How numbers are written where they are text."""
        return NumberFormat() if self.format is None else NumberFormat.from_example(self.format)

    @property
    def holds_labels(self) -> bool:
        """Whether values are labels: text, yes/no, or a closed list of codes; else quantities."""
        return self.type in ("category", "boolean") or self.allowed is not None


class TimestampSpec(StrictModel):
    """How the time of an observation is made from the raw columns, or that there is none.

    Attributes:
        name: The column that ingestion adds.
        date: Raw column with the date, or with date and time together.
        year: Raw column with the year, where no column has the date. Alone, or with one of
            ``month``, ``quarter`` and ``week``, it gives the start of that time.
        quarter: Raw column with the quarter 1 to 4.
        month: Raw column with the month 1 to 12.
        week: Raw column with the ISO week 1 to 53, which begins on a Monday.
        day: Raw column with the day of the month.
        hour: Raw column with the hour 0 to 23, or 1 to 24, where the date has none.
        time: Raw column with the time of day, of type datetime with a format such as ``%H:%M``,
            in place of ``hour``.
        rows: The table has no time: the order of the file stands for it. Row k, counted from 0
            over all rows of the file, gets the moment 1970-01-01 00:00 plus k times the
            problem's frequency. Such a moment orders the rows and has no calendar.
    """

    name: str = "timestamp"
    date: str | None = None
    year: str | None = None
    quarter: str | None = None
    month: str | None = None
    week: str | None = None
    day: str | None = None
    hour: str | None = None
    time: str | None = None
    rows: bool = False

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = (self.date is not None, self.year is not None, self.rows)
        if sum(ways) != 1:
            raise ConfigurationError(
                "give either 'date', the column with the time, or 'year' (with 'month', 'quarter' "
                "or 'week'), or 'rows: true' for a table without a time, whose rows stand in order"
            )
        if self.rows and self.parts:
            raise ConfigurationError(
                f"{bounded_list(self.parts)} has no meaning with 'rows: true'; leave it out"
            )
        parts = frozenset(self.parts)
        if parts not in _TIMES:
            whole = ", ".join(" + ".join(sorted(way, key=_PARTS.index)) for way in _TIMES if way)
            raise ConfigurationError(
                f"{bounded_list(self.parts)} make no time together; possible are: {whole}"
            )
        return self

    @property
    def parts(self) -> dict[str, str]:
        """The raw columns that make the time, by what they hold, such as ``year``."""
        return {part: name for part in _PARTS if (name := getattr(self, part)) is not None}

    @property
    def raw_columns(self) -> tuple[str, ...]:
        """The raw columns that make the time; none where the rows stand for it."""
        return tuple(self.parts.values())


class Problem(StrictModel):
    """One regression problem on one table.

    Attributes:
        name: Short name; the registered model is called so.
        description: One sentence for reports and the model card.
        target: The column to predict. It is never a feature of its own row.
        timestamp: How the time of a row is made.
        frequency: Distance between two observations when none is missing, such as ``1 hour`` or
            ``1 month``. For a table without
            a time it is 1 second if left out, so that "500 seconds" are 500 rows everywhere.
        irregular: Rows come at no fixed distance. The frequency is then about how far they lie
            apart, and no row counts as missing.
        weekdays: Days of the week that have rows, for rows of a day or less; all of them if left
            out. On the others no row counts as missing.
        horizon: How far ahead predictions are made. History features are at least this old.
            For a table without a time it is the frequency, one row, if left out.
        label_delay: Time from an observation to its label; None if the label comes with it.
        label_deadline: How long a window waits, after its end and ``label_delay``, for labels that
            are missing; then it is judged on those that came. None waits for ever.
        quantile: The quantile of the target that is predicted, such as 0.9; None for the middle
            (mean or median). A quantile is judged by pinball loss and coverage, and served as the
            model says it: without level correction, interval and bias.
        weight_column: Column that says how much a row counts, in fits and in every figure of error;
            None: all rows count alike. It is a number, never negative and never missing, is no
            feature, and need not be there in rows that are to be predicted.
        key: Columns that name an observation; the timestamp alone by default.
        forbidden_columns: Columns that may never be features, each with the reason.
        columns: The contract, column by column.
        caveats: Sentences that every model card repeats.
    """

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=60)
    description: str = ""
    target: str
    timestamp: TimestampSpec
    frequency: Duration
    irregular: bool = False
    weekdays: tuple[Weekday, ...] = ()
    horizon: Duration
    label_delay: Duration | None = None
    label_deadline: Duration | None = None
    quantile: float | None = Field(None, gt=0, lt=1)
    weight_column: str | None = None
    key: tuple[str, ...] = ()
    forbidden_columns: dict[str, str] = {}
    columns: dict[str, ColumnSpec] = Field(min_length=1)
    caveats: tuple[str, ...] = ()

    @field_validator("columns", mode="before")
    @classmethod
    def _column_names_are_text(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {str(name): spec for name, spec in value.items()}
        return value

    @model_validator(mode="before")
    @classmethod
    def _rows_have_a_step(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not isinstance(data.get("timestamp"), dict):
            return data
        if data["timestamp"].get("rows") is not True:
            return data
        frequency = data.get("frequency") or _ROW_STEP
        return {**data, "frequency": frequency, "horizon": data.get("horizon") or frequency}

    @model_validator(mode="after")
    def _names_must_exist(self) -> Self:
        named = {
            "target": [self.target],
            **{f"timestamp.{part}": [name] for part, name in self.timestamp.parts.items()},
            "forbidden_columns": list(self.forbidden_columns),
            "key": [name for name in self.key if name != self.timestamp.name],
            "weight_column": [] if self.weight_column is None else [self.weight_column],
        }
        for place, names in named.items():
            for name in names:
                if name not in self.columns:
                    raise ConfigurationError(
                        f"{place}: {unknown_name('column', name, self.columns)}"
                    )
        own = [name for name in (self.timestamp.name, *self.columns) if name.startswith("__")]
        if own:
            raise ConfigurationError(
                f"columns: names that begin with '__' are taken by what is made on the way: "
                f"{bounded_list(own)}; rename the columns"
            )
        if self.timestamp.name in self.columns:
            raise ConfigurationError(
                f"timestamp.name '{self.timestamp.name}' is a raw column; choose another name"
            )
        date = self.timestamp.date
        if date is not None and self.columns[date].type not in ("date", "datetime"):
            raise ConfigurationError(
                f"timestamp.date: column '{date}' must be of type date or datetime"
            )
        for part, name in self.timestamp.parts.items():
            if part == "time" and self.columns[name].type != "datetime":
                raise ConfigurationError(
                    f"timestamp.time: column '{name}' must be of type datetime, with a format such "
                    "as '%H:%M'"
                )
            if part not in MOMENT_PARTS and self.columns[name].type not in NUMERIC_TYPES:
                raise ConfigurationError(
                    f"timestamp.{part}: column '{name}' must be of type integer"
                )
        lengths = (self.frequency, self.horizon, self.label_delay, self.label_deadline)
        if self.timestamp.rows and any(isinstance(one, CalendarDuration) for one in lengths):
            raise ConfigurationError(
                "with timestamp.rows there is no calendar, so frequency, horizon, label_delay and "
                "label_deadline are no months, quarters or years; leave them out, or count rows in "
                "seconds"
            )
        if self.weekdays and (self.timestamp.rows or not is_multiple(_DAY, self.frequency)):
            raise ConfigurationError(
                "weekdays: only rows that come every day or several times a day have days of the "
                f"week, and these come every {duration_text(self.frequency)}; leave it out"
            )
        for name in self.key:
            if name in self.forbidden_columns:
                raise ConfigurationError(
                    f"key: '{name}' is listed under forbidden_columns too; a key column is kept "
                    "beside the features and is none itself, so take it off one of the lists"
                )
        if self.columns[self.target].type not in NUMERIC_TYPES:
            raise ConfigurationError(f"target '{self.target}' must be integer, float or boolean")
        if self.target in self.forbidden_columns:
            raise ConfigurationError(
                f"target '{self.target}' must not be listed under forbidden_columns: "
                "it is never a feature of its own row anyway"
            )
        return self

    @model_validator(mode="after")
    def _weight_is_a_number_of_its_own(self) -> Self:
        name = self.weight_column
        if name is None or name not in self.columns:
            return self
        parts = {used: f"timestamp.{part}" for part, used in self.timestamp.parts.items()}
        uses = parts | dict.fromkeys(self.key, "key") | {self.target: "target"}
        uses |= dict.fromkeys(self.forbidden_columns, "forbidden_columns")
        if name in uses:
            raise ConfigurationError(
                f"weight_column: '{name}' stands under {uses[name]} too; a weight has a column of "
                "its own, which is never a feature"
            )
        spec = self.columns[name]
        if spec.type not in NUMERIC_TYPES:
            raise ConfigurationError(
                f"weight_column: '{name}' is of type '{spec.type}', and must be integer, float or "
                "boolean"
            )
        if spec.missing:
            raise ConfigurationError(
                f"weight_column: '{name}' has 'missing: true'; take it off, since a row without a "
                "weight cannot count and is set aside"
            )
        return self

    @property
    def key_columns(self) -> tuple[str, ...]:
        """The columns that name an observation: ``key``, or the timestamp alone."""
        return self.key or (self.timestamp.name,)

    @property
    def error_metric(self) -> ErrorMetric:
        """The main metric: what models are shown, ranked and by default compared by."""
        return main_metric(self.quantile)

    def weights_of(self, rows: pd.DataFrame) -> pd.Series | None:
        """Return how much each of some rows counts, as 64-bit floats; None where all count alike.

        Args:
            rows: Rows of a table that holds targets, so that it holds the weights too.
        """
        return None if self.weight_column is None else rows[self.weight_column].astype("float64")

    def counting(self, rows: IntoFrameT) -> IntoFrameT:
        """Return the rows that count: with a target, and a weight above 0 where rows have one.

        Args:
            rows: Rows with target and weight, on any engine.
        """
        frame: Any = nw.from_native(rows)
        counts = [~nw.col(self.target).is_null()]
        if self.weight_column is not None:
            counts.append(nw.col(self.weight_column) > 0)
        found: IntoFrameT = frame.filter(*counts).to_native()
        return found

    @property
    def row_order(self) -> tuple[str, ...]:
        """The columns by which rows are sorted: the timestamp, then the rest of the key."""
        stamp = self.timestamp.name
        return (stamp, *(name for name in self.key_columns if name != stamp))

    @property
    def key_holds_time(self) -> bool:
        """Whether the time is a part of the key; otherwise the key numbers rows."""
        parts = set(self.timestamp.parts.values())
        named = self.timestamp.name in self.key_columns
        return named or bool(parts and parts <= set(self.key_columns))

    @property
    def series_columns(self) -> tuple[str, ...]:
        """The columns that name a series: the key without its time; none if it has no time."""
        if not self.key_holds_time:
            return ()
        time = {self.timestamp.name, *self.timestamp.parts.values()}
        return tuple(name for name in self.key_columns if name not in time)

    @property
    def minimum_lag(self) -> AnyDuration:
        """Age from which on a column that is not known in advance may be read.

        That is the horizon, and the delay of the labels where they have one.
        """
        minimum: AnyDuration = self.horizon + (self.label_delay or pd.Timedelta(0))
        return minimum

    def moment_text(self, moment: pd.Timestamp | str) -> str:
        """Write a moment for people: ``row 2400`` where rows stand for the time."""
        if self.timestamp.rows:
            return f"row {(pd.Timestamp(moment) - pd.Timestamp(0)) // self.frequency}"
        return str(moment)

    def span_text(self, span: AnyDuration) -> str:
        """Write a length of time for people: ``25 rows`` where rows stand for the time."""
        if self.timestamp.rows and isinstance(span, pd.Timedelta):
            count = span / self.frequency
            return f"{count:,g} row" if count == 1 else f"{count:,g} rows"
        return duration_text(span)

    def moment_of_row(self, number: int) -> pd.Timestamp:
        """Return the moment at which a row stands that is named by its number.

        Raises:
            ConfigurationError: If the rows of the table have a time, or there can be no such row.
        """
        if not self.timestamp.rows:
            raise ConfigurationError("rows of this table are named by their time")
        try:
            moment = pd.Timestamp(0) + int(number) * self.frequency
        except (OverflowError, pd.errors.OutOfBoundsDatetime, pd.errors.OutOfBoundsTimedelta):
            moment = pd.NaT
        if number < 0 or pd.isna(moment):
            raise ConfigurationError(f"{number} is not the number of a row")
        return moment

    def is_label_overdue(self, end: pd.Timestamp, at: pd.Timestamp) -> bool:
        """Return whether labels of a window that ended at ``end`` are no longer waited for."""
        if self.label_deadline is None:
            return False
        due = end + (self.label_delay or pd.Timedelta(0)) + self.label_deadline
        return bool(due <= at)

    @property
    def columns_known_in_advance(self) -> list[str]:
        """The columns whose value may be used for its own row, in the order of the table."""
        return [name for name in self.columns if self.is_known_in_advance(name)]

    def is_known_in_advance(self, column: str) -> bool:
        """Return whether a column's value may be used for its own row.

        Returns:
            True for columns that are declared so, and are neither target, weight nor forbidden.
        """
        return (
            column in self.columns
            and column not in (self.target, self.weight_column)
            and column not in self.forbidden_columns
            and self.columns[column].known_in_advance
        )
