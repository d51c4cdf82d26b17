"""Raw columns read as what they are declared to be; what cannot be read becomes a reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from regression_lifecycle.core.calendar.moments import PART_BOUNDS, assemble_moments
from regression_lifecycle.core.data.problem import MOMENT_PARTS, ColumnSpec, Problem, bound_text
from regression_lifecycle.core.data.quarantine import Reasons
from regression_lifecycle.core.data.values import (
    FALSE_WORDS,
    FLOAT_DIGITS,
    LARGEST_NUMBER,
    MISSING_WORDS,
    PLAIN,
    TRUE_WORDS,
    as_text,
    is_one_of,
    normalize,
    read_moments,
    read_numbers,
    read_whole,
)
from regression_lifecycle.core.durations import usual_length
from regression_lifecycle.core.errors import bounded_list

# Digits enough for a date, which do not begin as ISO 8601 does.
_OTHER_MOMENT = r"^(?!\d{4}-?\d\d-?\d\d(?:\D|$)).*\d.*\d"
_FORMATTED = "^[-+\u2212]?[$€£¥]? *[0-9][0-9,.' \u00a0\u202f]*[%$€£¥]?$"


def typed_column(values: pd.Series, name: str, spec: ColumnSpec, reasons: Reasons) -> pd.Series:
    """Read a column as what it is declared to be.

    Args:
        values: The column as a reader gave it, or as :func:`final_dtype` stored it.
        spec: The declaration.
        reasons: Takes up what speaks against a row.

    Returns:
        ``float64``, ``Int64`` (whole numbers, and 0 or 1), ``datetime64[us]``, or ``str`` (labels);
        missing where a value is missing or cannot be read.
    """
    given = normalize(values)
    blank = is_one_of(given, {"", *spec.missing_values})
    given = given.where(~blank) if blank.any() else given
    column = _Column(name, spec, reasons, values, given, blank)
    typed = _READERS[spec.type](column)
    if not spec.missing:
        reasons.add(column.blank, f"{name} is missing")
    if spec.allowed is not None:
        allowed = [str(v) for v in spec.allowed] if spec.type == "category" else spec.allowed
        column.refuse(
            typed.notna() & ~typed.isin(list(allowed)),
            f"{name} is not one of {bounded_list(spec.allowed)}",
        )
    return typed


@dataclass
class _Column:
    """One column while it is read.

    Attributes:
        raw: The values as they came.
        given: The same in one of a few dtypes, missing where blank.
        blank: Which values are missing.
    """

    name: str
    spec: ColumnSpec
    reasons: Reasons
    raw: pd.Series
    given: pd.Series
    blank: pd.Series

    def refuse(self, mask: pd.Series, reason: str) -> None:
        self.reasons.add(mask.fillna(False).astype("bool"), reason, self.raw)

    def refuse_out_of_bounds(self, typed: pd.Series) -> None:
        low, high = self.spec.minimum, self.spec.maximum
        if low is not None:
            self.refuse(typed < low, f"{self.name} is below {bound_text(low)}")
        if high is not None:
            self.refuse(typed > high, f"{self.name} is above {bound_text(high)}")

    def refuse_unreadable(self, typed: pd.Series, reason: str, mend: str = "") -> None:
        """Refuse what was not read, unless it is one of the spellings of a missing value."""
        unread = (typed.isna() & ~self.blank).to_numpy()
        if unread.any():
            words = as_text(self.given[unread]).str.lower().isin(list(MISSING_WORDS)).to_numpy()
            self.blank.iloc[np.flatnonzero(unread)[words]] = True
        still = unread & ~self.blank.to_numpy()
        self.reasons.add_unreadable(still, f"{self.name} {reason}", self.raw, mend)


def _labels(column: _Column) -> pd.Series:
    labels = as_text(column.given)
    # A number that was read as one may be what stands for a missing label.
    column.blank |= labels.isin(list(column.spec.missing_values))
    labels = labels.where(~column.blank)
    unread = (labels.isna() & ~column.blank).to_numpy()
    column.reasons.add_unreadable(unread, f"{column.name} is not a label", column.raw)
    # PostgreSQL holds no such text.
    broken = labels.str.contains("\0", regex=False, na=False)
    column.refuse(broken, f"{column.name} holds the character 0")
    return labels


def _numbers(column: _Column) -> pd.Series:
    return _numbers_and_digits(column)[0]


def _numbers_and_digits(column: _Column) -> tuple[pd.Series, pd.Series]:
    name, spec = column.name, column.spec
    numbers, digits = read_numbers(column.given, spec.number_format)
    standing_for_missing, _ = read_numbers(pd.Series(spec.missing_values, dtype="str"), PLAIN)
    column.blank |= numbers.notna() & numbers.isin(standing_for_missing.dropna())
    numbers = numbers.where(~column.blank)
    asked, mend = f" like {spec.format}" if spec.format else "", ""
    unread = column.given[numbers.isna() & ~column.blank]
    if not spec.format and as_text(unread).str.contains(_FORMATTED, na=False).any():
        mend = "; say by 'format' how numbers are written, for example '1.234,5', '12 %' or '12 €'"
    column.refuse_unreadable(numbers, f"is not a number{asked}", mend)
    column.refuse(np.isinf(numbers), f"{name} is infinite")
    huge = (numbers.abs() > LARGEST_NUMBER) & ~np.isinf(numbers)
    column.refuse(huge, f"{name} is beyond {LARGEST_NUMBER:g}, the largest number that is computed")
    numbers = numbers.where(numbers.abs() <= LARGEST_NUMBER)
    column.refuse_out_of_bounds(numbers)
    return numbers, digits


def _whole_numbers(column: _Column) -> pd.Series:
    numbers, digits = _numbers_and_digits(column)
    whole = read_whole(numbers, digits).where(numbers.notna())
    uneven = numbers % 1 != 0
    column.refuse(numbers.notna() & uneven, f"{column.name} is not a whole number")
    lost = numbers.notna() & ~uneven & whole.isna()
    column.refuse(lost, f"{column.name} has more digits than a whole number can have")
    if column.spec.missing:
        large = numbers.abs() >= FLOAT_DIGITS
        column.refuse(
            large & ~lost,
            f"{column.name} has more digits than a column with missing values keeps; declare it "
            "as category",
        )
    return whole


def _truth_values(column: _Column) -> pd.Series:
    spec = column.spec
    words = dict.fromkeys(FALSE_WORDS, 0) | dict.fromkeys(TRUE_WORDS, 1)
    words |= {word.strip().lower(): 0 for word in spec.false_values}
    words |= {word.strip().lower(): 1 for word in spec.true_values}
    if pd.api.types.is_numeric_dtype(column.given):
        numbers, _ = read_numbers(column.given, PLAIN)
    else:
        text = as_text(column.given).str.lower()
        numbers, _ = read_numbers(text.where(~text.isin(list(words))), PLAIN)
        numbers = numbers.fillna(text.map(words))
    column.refuse_unreadable(
        numbers, "is neither true nor false; name its spelling in true_values or false_values"
    )
    known = numbers.isin([0, 1])
    column.refuse(numbers.notna() & ~known, f"{column.name} is neither 0 nor 1")
    column.refuse_out_of_bounds(numbers)
    return numbers.where(known).astype("Int64")


def _moments(column: _Column) -> pd.Series:
    name, spec = column.name, column.spec
    moments, zoned = read_moments(column.given, spec.format, spec.zone)
    column.refuse(
        zoned,
        f"{name} has a time zone; write local times without one, or declare 'zone' for the column",
    )
    asked, mend = f" like {spec.format}" if spec.format else "", ""
    unread = as_text(column.given[moments.isna() & ~column.blank & ~zoned])
    if not spec.format and unread.str.contains(_OTHER_MOMENT, na=False).any():
        mend = "; say by 'format' how it is written, for example '%d.%m.%Y', '%YQ%q' or 'unix s'"
    read = moments.mask(zoned, pd.Timestamp(0))
    column.refuse_unreadable(read, f"is not a {spec.type}{asked}", mend)
    column.refuse_out_of_bounds(moments)
    return moments


_READERS: dict[str, Callable[[_Column], pd.Series]] = {
    "integer": _whole_numbers,
    "float": _numbers,
    "boolean": _truth_values,
    "category": _labels,
    "date": _moments,
    "datetime": _moments,
}


def timestamps_of(
    typed: dict[str, pd.Series],
    problem: Problem,
    reasons: Reasons,
    n_rows: int,
    first_row: int = 0,
) -> pd.Series:
    """Make the timestamp from the raw columns.

    Args:
        typed: The columns that it is made of, as :func:`typed_column` reads them.
        reasons: Takes up what speaks against a row.
        n_rows: Rows of the table.
        first_row: Position of the first row in the whole table, from 0.

    Returns:
        Moments as ``datetime64[us]``; missing where there is none.
    """
    spec = problem.timestamp
    if spec.rows:
        # Raw rows are numbered, so that a row that is set aside shifts no other.
        steps = np.arange(first_row, first_row + n_rows)
        step = usual_length(problem.frequency)
        return pd.Series(pd.Timestamp(0) + steps * step).astype("datetime64[us]")
    for part, name in spec.parts.items():
        if part not in MOMENT_PARTS:
            low, high = PART_BOUNDS[part]
            values, article = typed[name].astype("float64"), "an" if part == "hour" else "a"
            wrong = (values < low) | (values > high) | (values % 1 != 0) & values.notna()
            reasons.add(wrong, f"{name} is not {article} {part} from {low} to {high}")
    stamp = assemble_moments(
        {
            part: typed[name] if part in MOMENT_PARTS else typed[name].astype("float64")
            for part, name in spec.parts.items()
        }
    )
    reasons.add(stamp.isna() & ~reasons.any, f"{spec.name} cannot be made from the raw columns")
    first, last = PART_BOUNDS["year"]
    reasons.add(
        (stamp.dt.year < first) | (stamp.dt.year > last),
        f"{spec.name} is not of the years {first} to {last}",
        stamp,
    )
    return stamp


def rejected_moments(rejected: pd.DataFrame, problem: Problem) -> pd.Series:
    """Read the time of rejected rows.

    Args:
        rejected: Rejected rows as ingestion stores them, every raw value as text.

    Returns:
        Timestamps on the index of ``rejected``; missing where the row does not say.
    """
    names = [*problem.timestamp.parts.values()]
    if not names or not {*names} <= {*rejected.columns}:
        return pd.Series(pd.NaT, index=rejected.index, dtype="datetime64[us]")
    reasons = Reasons(len(rejected))
    typed = {
        name: typed_column(rejected[name], name, problem.columns[name], reasons) for name in names
    }
    return timestamps_of(typed, problem, reasons, len(rejected))


def final_dtype(values: pd.Series, spec: ColumnSpec) -> pd.Series:
    """Return the values of accepted rows with the dtype that they are stored with."""
    if spec.type in ("integer", "boolean"):
        # Missing values make a column float64, as every estimator takes it.
        return values.astype("float64" if spec.missing else "int64")
    if spec.type in ("date", "datetime"):
        return values.astype("datetime64[us]")
    return values.astype("str") if spec.type == "category" else values
