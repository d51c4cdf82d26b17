"""What one column holds: its type, how it is spelt, and whether it is of any use."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pandas.api import types

from regression_lifecycle.core.data.problem import NUMERIC_TYPES, ColumnType
from regression_lifecycle.core.data.values import FLOAT_DIGITS, TRUE_WORDS
from regression_lifecycle.core.profiling import spelling

# Labels that a list is closed by, and rows that each of them needs on average.
_ALLOWED, _ROWS_PER_LABEL = 12, 20
# The encoder makes a feature of every label.
_MOST_LABELS = 100
_MISSING_TOKENS = 3
_ID_WORDS = frozenset(
    {"id", "ids", "uid", "guid", "uuid", "key", "pk", "index", "idx", "nr", "no", "nummer"}
)


@dataclass(frozen=True)
class ColumnProfile:
    """What one column of a raw table holds.

    Attributes:
        name: Name in the table.
        type: What the contract calls it.
        format: How dates or numbers are spelt; None for the usual way.
        missing_values: Texts that mean "missing" and that have to be declared.
        true_values: Texts that mean yes and that have to be declared.
        false_values: Texts that mean no and that have to be declared.
        n_missing: Rows without a value.
        n_unreadable: Rows whose text is nothing of the type.
        n_unique: Different values.
        minimum: 0 for numbers that end there: zero is common and nothing is below it.
        allowed: The labels, where they are a closed list.
        zoned: Whether times name an offset from UTC.
        other_format: Another format that reads the dates as well, as other days.
        left_out: Why the column is not described; empty if it is.
    """

    name: str
    type: ColumnType
    format: str | None = None
    missing_values: tuple[str, ...] = ()
    true_values: tuple[str, ...] = ()
    false_values: tuple[str, ...] = ()
    n_missing: int = 0
    n_unreadable: int = 0
    n_unique: int = 0
    minimum: float | None = None
    allowed: tuple[str, ...] | None = None
    zoned: bool = False
    other_format: str | None = None
    left_out: str = ""

    @property
    def is_number(self) -> bool:
        """Whether the values are numbers, yes and no among them."""
        return self.type in NUMERIC_TYPES

    @property
    def is_time(self) -> bool:
        """Whether the values are dates or times."""
        return self.type in ("date", "datetime")

    @property
    def spec(self) -> dict[str, Any]:
        """The contract's keys of the column, without those that only a person knows."""
        found: dict[str, Any] = {"type": self.type}
        if self.format is not None:
            found["format"] = self.format
        for key in ("missing_values", "true_values", "false_values", "allowed"):
            if getattr(self, key):
                found[key] = list(getattr(self, key))
        if self.zoned:
            # The only zone that every offset can be brought to, and that repeats no hour.
            found["zone"] = "UTC"
        if self.minimum is not None:
            found["minimum"] = self.minimum
        if self.n_missing:
            found["missing"] = True
        return found


class ReadColumn(NamedTuple):
    """A column's profile, and its values: float64, datetimes or text, some of them missing."""

    profile: ColumnProfile
    values: pd.Series


def read_columns(table: pd.DataFrame) -> dict[str, ReadColumn]:
    """Read all columns of a table.

    Args:
        table: The table, of text as a CSV file holds it, or typed.

    Returns:
        The columns by name; only those are left out that the contract has no type for.
    """
    texts = {name: _text(table[name]) for name in table.columns if _is_text(table[name])}
    # Only a file of text has no other way to write what is missing.
    spells_missing = len(texts) == table.shape[1] and not table.isna().any(axis=None)
    commas = [
        spelling.uses_decimal_comma(text[~text.str.lower().isin(spelling.DEFAULT_MISSING)])
        for text in texts.values()
    ]
    decimal_comma = True if any(commas) else None
    return {
        str(name): _read_text(str(name), texts[name], decimal_comma, spells_missing)
        if name in texts
        else _read_typed(str(name), table[name])
        for name in table.columns
    }


def read_as_labels(name: str, values: pd.Series) -> ReadColumn:
    """Read a column of text whose every text is a label, those that spell "missing" too.

    Args:
        name: Name in the table.
        values: The raw values.
    """
    return _read_labels(name, _text(values), spells_missing=False)


def judge_use(column: ColumnProfile, values: pd.Series) -> ColumnProfile:
    """Find out whether a column is of use as a feature.

    Args:
        column: The profile.
        values: Its values.

    Returns:
        The profile, with the reason if the column is left out, and else with its closed list of
        labels if it has one.
    """
    n_rows = len(values)
    if column.left_out:
        return column
    if column.n_unique == 0:
        return replace(column, left_out="every value is missing")
    if column.n_unique == 1 and not column.n_missing:
        return replace(column, left_out=f"every value is {shorten(values.iloc[0])}")
    if column.type == "integer" and _numbers_the_rows(values):
        return replace(column, left_out="it numbers the rows, which only repeats their order")
    if column.type == "integer" and _names_the_rows(column, values):
        return replace(
            column,
            left_out=f"an identifier: {column.n_unique:,} different values in {n_rows:,} rows",
        )
    if column.type != "category":
        return column
    if column.n_unique > max(20, 0.5 * values.notna().sum()):
        words = values.dropna().head(1000).str.count(r"\S+").mean()
        kind = "free text" if words > 2 else "an identifier"
        return replace(
            column, left_out=f"{kind}: {column.n_unique:,} different values in {n_rows:,} rows"
        )
    if column.n_unique > _MOST_LABELS:
        return replace(
            column,
            left_out=f"{column.n_unique:,} labels, and each would be a feature; group them first",
        )
    return replace(column, allowed=_closed_list(values))


def missing_words(labels: pd.Series) -> set[str]:
    """Return the labels that may spell "missing"."""
    return {label for label in labels.dropna().unique() if label.lower() in spelling.LABEL_MISSING}


def shorten(value: Any, length: int = 40) -> str:
    """Write a value for people, cut if it is long."""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return f"'{text if len(text) <= length else text[: length - 1] + '…'}'"


def words_of(name: str) -> frozenset[str]:
    """Return the words of a column's name, in small letters: ``OrderID 2`` has order and id."""
    parted = re.sub(r"([a-z])([A-Z])", r"\1 \2", name)
    return frozenset(word for word in re.split(r"[\W_\d]+", parted.lower()) if word)


def _is_text(values: pd.Series) -> bool:
    if isinstance(values.dtype, pd.CategoricalDtype):
        return True
    if types.is_object_dtype(values.dtype):
        return not values.dropna().map(lambda v: isinstance(v, (Decimal, bool, int, float))).all()
    return bool(types.is_string_dtype(values.dtype))


def _text(values: pd.Series) -> pd.Series:
    return values.astype("object").map(str, na_action="ignore").fillna("").astype("str").str.strip()


def _read_text(
    name: str, text: pd.Series, decimal_comma: bool | None, spells_missing: bool
) -> ReadColumn:
    filled = text[~text.str.lower().isin(spelling.DEFAULT_MISSING)]
    tokens = _missing_tokens(filled)
    filled = filled[~filled.isin(tokens)]
    blank = ~text.index.isin(filled.index)

    def read(type_: ColumnType, values: pd.Series, **found: Any) -> ReadColumn:
        values = values.reindex(text.index)
        unreadable = int((values.isna() & ~blank).sum())
        profile = ColumnProfile(
            name,
            type_,
            missing_values=tokens,
            n_missing=int(blank.sum()),
            n_unreadable=unreadable,
            n_unique=int(values.nunique()),
            **found,
        )
        return ReadColumn(profile, values)

    if filled.empty:
        return read("float", filled.astype("float64"))
    truth = spelling.find_truth(filled)
    if truth is not None:
        yes, no = truth
        is_true = filled.str.lower().isin({*TRUE_WORDS, *(v.lower() for v in yes)})
        return read("boolean", is_true.astype("float64"), true_values=yes, false_values=no)
    form = None if _are_codes(filled) else spelling.find_number_form(filled, decimal_comma)
    if form is not None:
        values = _finite(form.read(filled))
        whole = form.format is None and filled[values.notna()].str.fullmatch(r"[+-]?\d+").all()
        return read(_number_type(values, whole), values, format=form.format, minimum=_least(values))
    dates = spelling.find_date_form(filled)
    if dates is not None:
        moments = dates.read(filled)
        return read(
            _time_type(moments),
            moments,
            format=dates.format,
            other_format=dates.other,
            zoned=spelling.has_zone(filled),
        )
    return _read_labels(name, text, spells_missing)


def _read_labels(name: str, text: pd.Series, spells_missing: bool) -> ReadColumn:
    spelt = missing_words(text) if spells_missing else set()
    others = set(text) - spelt - {""}
    # Among codes of two letters NA is one of them: Namibia.
    if others and all(len(value) == 2 and value.isupper() for value in others):
        spelt -= {"NA"}
    values = text.astype("object").where(~text.isin({"", *spelt}))
    profile = ColumnProfile(
        name,
        "category",
        missing_values=tuple(sorted(spelt)),
        n_missing=int(values.isna().sum()),
        n_unique=int(values.nunique()),
    )
    return ReadColumn(profile, values)


def _read_typed(name: str, values: pd.Series) -> ReadColumn:
    n_missing = int(values.isna().sum())
    if types.is_datetime64_any_dtype(values.dtype):
        zoned = values.dt.tz is not None
        moments = values.dt.tz_convert("UTC").dt.tz_localize(None) if zoned else values
        moments = moments.astype("datetime64[us]")
        kind: ColumnType = _time_type(moments)
        profile = ColumnProfile(
            name, kind, n_missing=n_missing, n_unique=int(moments.nunique()), zoned=zoned
        )
        return ReadColumn(profile, moments)
    if types.is_timedelta64_dtype(values.dtype):
        reason = "lengths of time, which the contract does not know; write them as numbers"
        profile = ColumnProfile(name, "float", n_missing=n_missing, left_out=reason)
        return ReadColumn(profile, pd.Series(np.nan, index=values.index))
    present = values.dropna()
    numbers = pd.to_numeric(values, errors="coerce").astype("float64")
    if types.is_integer_dtype(values.dtype) and present.nunique() > numbers.nunique():
        # A float keeps 15 digits of them, so that numbers of devices would become one.
        return read_as_labels(name, values)
    numbers = _finite(numbers)
    is_bool = types.is_bool_dtype(values.dtype) or (
        len(present) > 0 and present.map(lambda value: isinstance(value, (bool, np.bool_))).all()
    )
    whole = types.is_integer_dtype(values.dtype)
    profile = ColumnProfile(
        name,
        "boolean" if is_bool else _number_type(numbers, whole),
        n_missing=n_missing,
        n_unreadable=int(numbers.isna().sum()) - n_missing,
        n_unique=int(numbers.nunique()),
        minimum=None if is_bool else _least(numbers),
    )
    return ReadColumn(profile, numbers)


def _missing_tokens(filled: pd.Series) -> tuple[str, ...]:
    """Few texts that stand again and again among values of which all others are alike."""
    counts = filled.value_counts()
    odd = [
        text
        for text in counts.index[:50]
        if not any(letter.isdigit() for letter in text) and len(text) <= 20
    ]
    if not odd or len(odd) > _MISSING_TOKENS:
        return ()
    rest = filled[~filled.isin(odd)]
    if rest.empty or _are_codes(rest) or rest.nunique() < 3:
        return ()
    if spelling.find_number_form(rest) is None and spelling.find_date_form(rest) is None:
        return ()
    # What stands once is a slip of the pen and is named with its row by the contract.
    known = {"?", "-", "--", ".", "#ref!", "#value!", "#div/0!"}
    return tuple(text for text in odd if counts[text] > 1 or text.lower() in known)


def _are_codes(filled: pd.Series) -> bool:
    """Digits that are no quantities: with leading zeros, or more of them than a number keeps."""
    digits = filled.str.fullmatch(r"\d+")
    if not digits.any():
        return False
    zeros = filled.str.fullmatch(r"0\d+") & digits
    # 01 to 12 and 00 to 23 are months and hours, which count as numbers do.
    clock = zeros & filled.str.fullmatch(r"0\d") & (filled[digits].str.len().max() <= 2)
    long = digits & (filled.str.len() > 15)
    return bool((zeros & ~clock).any() or long.any()) and bool(digits.mean() > 0.9)


def _finite(numbers: pd.Series) -> pd.Series:
    """Leave out what is infinite, as the contract does."""
    return numbers.where(np.isfinite(numbers))


def _number_type(values: pd.Series, whole: bool) -> ColumnType:
    if not whole:
        return "float"
    present = set(values.dropna().unique()[:3])
    return "boolean" if present == {0.0, 1.0} else "integer"


def _time_type(moments: pd.Series) -> ColumnType:
    present = moments.dropna()
    return "date" if (present == present.dt.normalize()).all() else "datetime"


def _least(values: pd.Series) -> float | None:
    """0 where zero is common and nothing is below it."""
    present = values.dropna()
    if present.nunique() <= 2 or (present < 0).any():
        return None
    return 0 if (present == 0).sum() >= max(3, 0.005 * len(present)) else None


def _numbers_the_rows(values: pd.Series) -> bool:
    """Whole numbers at one distance: 1, 2, 3 or 10, 20, 30."""
    steps = values.diff().iloc[1:]
    return bool(len(values) > 20 and steps.nunique(dropna=False) == 1 and steps.iloc[0] != 0)


def _names_the_rows(column: ColumnProfile, values: pd.Series) -> bool:
    """Whole numbers that no two rows share, and that are called a number or are no quantity."""
    present = values.dropna()
    if len(present) <= 20 or column.n_unique < 0.99 * len(present):
        return False
    return bool(words_of(column.name) & _ID_WORDS) or bool(present.abs().max() >= FLOAT_DIGITS)


def _closed_list(values: pd.Series) -> tuple[str, ...] | None:
    """The labels, if they are few, often, and all known after half of the rows."""
    present = values.dropna()
    labels = list(dict.fromkeys(present))
    if len(labels) > min(_ALLOWED, len(present) / _ROWS_PER_LABEL):
        return None
    half = len(values) // 2
    first, second = set(values.iloc[:half].dropna()), set(values.iloc[half:].dropna())
    return tuple(sorted(labels)) if first == second == set(labels) else None
