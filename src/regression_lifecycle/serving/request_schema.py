"""What a row of a request may hold: one description, for the check and for the OpenAPI page."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import pandas as pd
from pydantic_core import CoreSchema, core_schema
from pydantic_core.core_schema import TypedDictField

from regression_lifecycle.core.data.problem import MOMENT_TYPES, ColumnSpec, Problem
from regression_lifecycle.core.data.values import (
    FALSE_WORDS,
    LARGEST_NUMBER,
    PLAIN,
    TRUE_WORDS,
    read_moments,
    read_numbers,
)
from regression_lifecycle.core.errors import ConfigurationError, bounded_list
from regression_lifecycle.core.features.column_features import RawColumns
from regression_lifecycle.core.features.specifications import FeatureRecipe

# No moment that one of the libraries on the way could not hold.
FIRST_YEAR, LAST_YEAR = 1678, 2261
MOMENT_PATTERN = (
    r"^(1[6-9]|2[0-2])[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?)?$"
)
# PostgreSQL holds no text with the character 0.
TEXT_PATTERN = r"^[^\x00]*$"
NOT_BLANK_PATTERN = r"^[^\x00]*[^\x00\s][^\x00]*$"
# What a caller is told in place of a pattern.
PATTERNS = {
    MOMENT_PATTERN: "should be a moment like 2023-12-31T08:00:00: local time without a zone, of "
    f"the years {FIRST_YEAR} to {LAST_YEAR}",
    TEXT_PATTERN: "should not hold the character 0",
    NOT_BLANK_PATTERN: "should not be blank, nor hold the character 0",
}
# Whole numbers that name a row are kept in 64 bits; the first float beyond is refused.
_SMALLEST, _LARGEST = -(2.0**63), 2.0**63 - 1024

Fields = dict[str, TypedDictField]


def row_fields(recipe: FeatureRecipe, problem: Problem, *, enforce_bounds: bool) -> Fields:
    """Describe a raw row that is to be predicted by one model.

    Args:
        recipe: How the model's features are made.
        problem: The contract.
        enforce_bounds: Whether raw columns must keep its bounds.

    Returns:
        By name the columns that the model takes as they are, then all others of a raw row but its
        target, none of which has to be sent.

    Raises:
        ConfigurationError: If the problem has no such column or does not allow the feature.
    """
    recipe.check(problem)
    needed = [
        name
        for feature in recipe.features
        if isinstance(feature, RawColumns)
        for name in feature.names
    ]
    optional = {problem.timestamp.name, *problem.timestamp.raw_columns}
    fields = _raw_fields(problem, enforce_bounds=enforce_bounds)
    return {
        name: {**fields[name], "required": name in needed and name not in optional}
        for name in dict.fromkeys([*needed, *fields])
    }


def known_row_fields(problem: Problem, *, enforce_bounds: bool) -> Fields:
    """Describe a raw row that is known in advance: its key, and whatever is known of it."""
    optional = {problem.timestamp.name, *problem.timestamp.raw_columns}
    return {
        name: {**field, "required": name in problem.key_columns and name not in optional}
        for name, field in _raw_fields(problem, enforce_bounds=enforce_bounds).items()
    }


def key_fields(problem: Problem) -> Fields:
    """Describe the key of a row, and the raw columns that its time may be made of."""
    optional = {problem.timestamp.name, *problem.timestamp.raw_columns}
    names = dict.fromkeys([*problem.row_order, *problem.timestamp.raw_columns])
    return {name: _field(*_key(name, problem), required=name not in optional) for name in names}


def _raw_fields(problem: Problem, *, enforce_bounds: bool) -> Fields:
    """Describe all columns of a raw row but the target, and its timestamp; none is required."""
    stamp = problem.timestamp
    fields = {stamp.name: _field(*_key(stamp.name, problem, missing=True), required=False)}
    for name, column in problem.columns.items():
        if name == problem.target:
            continue
        # The key is compared as text, digit by digit, where a feature may be rounded.
        key = name in problem.key_columns
        if key or name in stamp.raw_columns or problem.is_known_in_advance(name):
            missing = column.missing or name in stamp.raw_columns
            schema = _value(column, missing=missing, bounded=enforce_bounds, key=key)
            fields[name] = _field(schema, column.unit, required=False)
        else:
            note = "known after the fact, so it is not looked at"
            fields[name] = _field(core_schema.any_schema(), note, required=False)
    return fields


def label_fields(problem: Problem) -> Fields:
    """Describe what a label holds: the key and the target."""
    target = problem.columns[problem.target]
    label = _value(target, missing=False, bounded=True, key=False)
    return {**key_fields(problem), problem.target: _field(label, target.unit)}


def belongs_elsewhere(problem: Problem) -> dict[str, str]:
    """Name what is no part of a row that is to be predicted, with the reason."""
    return {problem.target: "is the target; it is sent to /labels once it is known"}


def body_schema(lists: Mapping[str, Fields], maximum_rows: int, *, fail_fast: bool) -> CoreSchema:
    """Describe a body: a list of flat rows, under one name or one of several.

    Args:
        lists: By name of the list what a row of it may hold.
        maximum_rows: Most rows of one body.
        fail_fast: Whether the check ends at the first row with a mistake.
    """
    return core_schema.typed_dict_schema(
        {
            name: core_schema.typed_dict_field(
                core_schema.list_schema(
                    core_schema.typed_dict_schema(fields, extra_behavior="forbid"),
                    min_length=1,
                    max_length=maximum_rows,
                    fail_fast=fail_fast,
                ),
                required=len(lists) == 1,
            )
            for name, fields in lists.items()
        },
        extra_behavior="forbid",
    )


def _field(schema: CoreSchema, note: str = "", *, required: bool = True) -> TypedDictField:
    return core_schema.typed_dict_field(
        schema,
        required=required,
        metadata={"pydantic_js_updates": {"description": note}} if note else {},
    )


def _key(name: str, problem: Problem, *, missing: bool = False) -> tuple[CoreSchema, str]:
    """Return the schema of a part of the key, and its meaning."""
    if name == problem.timestamp.name:
        date = problem.columns.get(problem.timestamp.date or "")
        zone = None if date is None else date.zone
        moments, note = _moments(zone=zone), f"local time of the row{_zone_note(zone)}"
        if problem.timestamp.rows:
            moments = _or_row_numbers(moments, problem)
            note = "number of the row in the file, from 0"
        stamp = core_schema.nullable_schema(moments) if missing else moments
        return stamp, f"{note}; with the key it names the row"
    missing = missing or name in problem.timestamp.raw_columns
    schema = _value(problem.columns[name], missing=missing, bounded=False, key=True)
    return schema, "a part of the row's key"


def _value(spec: ColumnSpec, *, missing: bool, bounded: bool, key: bool) -> CoreSchema:
    """Return the schema of a raw column's value.

    Args:
        spec: The column.
        missing: Whether null may be sent.
        bounded: Whether the contract's bounds are held.
        key: Whether it names the row, so that a whole number keeps all its digits.
    """
    spelled: Callable[[Any], Any] | None = None
    allowed = spec.allowed if bounded else None
    if spec.type in MOMENT_TYPES:
        schema = _moments(spec.format, spec.zone)
    elif spec.type == "category":
        schema = _text(blank=missing)
        if allowed is not None:
            schema = core_schema.literal_schema([str(value) for value in allowed])
        spelled = _text_reader(spec.missing_values, missing=missing)
    else:
        boolean, whole = spec.type == "boolean", spec.type in ("integer", "boolean")
        exact = key and whole and not spec.missing  # the observations hold floats then
        if boolean and bounded and allowed is None:
            allowed = (0, 1)
        low, high = (spec.minimum, spec.maximum) if bounded else (None, None)
        if exact and allowed is None:
            low = _SMALLEST if low is None else max(low, _SMALLEST)
            high = _LARGEST if high is None else min(high, _LARGEST)
        schema = _number(low, high, whole=whole and (bounded or key))
        if allowed is not None:
            schema = _one_of(allowed, schema, truths=boolean)
        elif exact:
            schema = core_schema.no_info_wrap_validator_function(_with_all_digits, schema)
        spelled = _number_reader(spec, missing=missing)
    if missing:
        schema = core_schema.nullable_schema(schema)
    if spelled is None:
        return schema
    return core_schema.no_info_before_validator_function(spelled, schema)


def _text_reader(missing_values: tuple[str, ...], *, missing: bool) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if value is None:
            return value
        if not isinstance(value, str):
            raise ValueError("must be text: in quotes, as it stands in the table")
        value = value.strip()
        if value and value not in missing_values:
            return value
        if not missing:
            raise ValueError("is missing")
        return None

    return read


def _number_reader(spec: ColumnSpec, *, missing: bool) -> Callable[[Any], Any] | None:
    missing_values = spec.missing_values if missing else ()
    truths, formatted = spec.type == "boolean", spec.format is not None
    if not missing_values and not truths and not formatted:
        return None
    numbers, _ = read_numbers(pd.Series(missing_values, dtype="str"), PLAIN)
    standing_for_missing = frozenset(numbers.dropna())
    words: dict[str, float] = {}
    if truths:
        words = dict.fromkeys(("0", *FALSE_WORDS, *map(_folded, spec.false_values)), 0.0)
        words |= dict.fromkeys(("1", *TRUE_WORDS, *map(_folded, spec.true_values)), 1.0)

    def read(value: Any) -> Any:
        if isinstance(value, bool):
            return float(value) if truths else value
        if isinstance(value, str):
            if missing and value.strip() in ("", *missing_values):
                return None
            if formatted:
                found, _ = read_numbers(pd.Series([value], dtype="str"), spec.number_format)
                return value if found.isna().any() else float(found.iloc[0])
            if truths and _folded(value) not in words:
                raise ValueError(f"'{value[:100]}' is none of {bounded_list(sorted(words))}")
            return words.get(_folded(value), value)
        known = isinstance(value, int | float) and value in standing_for_missing
        return None if known else value

    return read


def _folded(word: str) -> str:
    return word.strip().lower()


def _text(*, blank: bool) -> CoreSchema:
    pattern = TEXT_PATTERN if blank else NOT_BLANK_PATTERN
    return core_schema.str_schema(strict=True, max_length=1000, pattern=pattern)


def _zone_note(zone: str | None) -> str:
    return ", without a time zone" if zone is None else f" in {zone}, or with an offset"


def _moments(form: str | None = None, zone: str | None = None) -> CoreSchema:
    if form is None and zone is None:
        text = core_schema.str_schema(strict=True, pattern=MOMENT_PATTERN)
        return core_schema.no_info_after_validator_function(_moment, text)

    def read(text: str) -> datetime:
        # The reader of tables, so that one way of writing a time means one moment everywhere.
        for written in dict.fromkeys((form, None)):
            found, zoned = read_moments(pd.Series([text], dtype="str"), written, zone)
            if zoned.any():
                raise ValueError("has a time zone; write local time without one")
            if found.notna().all():
                return _bounded_year(found.iloc[0].to_pydatetime())
        raise ValueError(f"'{text}' is not a moment" + (f" like {form}" if form else ""))

    if form is None:
        text = core_schema.str_schema(strict=True, max_length=100)
        return core_schema.no_info_after_validator_function(read, text)
    # Tables hold 20231231, or seconds since 1970, as numbers.
    text = core_schema.str_schema(
        strict=True,
        max_length=100,
        metadata={"pydantic_js_updates": {"type": ["string", "integer"]}},
    )
    digits = core_schema.no_info_before_validator_function(_with_digits_as_text, text)
    return core_schema.no_info_after_validator_function(read, digits)


def _with_digits_as_text(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float) or value % 1:
        return value
    return str(int(value))


def _or_row_numbers(moments: CoreSchema, problem: Problem) -> CoreSchema:
    def read(value: Any) -> Any:
        is_number = isinstance(value, int) and not isinstance(value, bool)
        if not is_number and not (isinstance(value, str) and re.fullmatch("[0-9]{1,12}", value)):
            return value
        try:
            return problem.moment_of_row(int(value)).isoformat()
        except ConfigurationError as error:
            raise ValueError(str(error)) from None

    shown = {"pydantic_js_updates": {"type": ["string", "integer"]}}
    return core_schema.no_info_before_validator_function(read, moments, metadata=shown)


def _number(
    minimum: float | None = None, maximum: float | None = None, *, whole: bool = False
) -> CoreSchema:
    return core_schema.float_schema(
        strict=True,
        allow_inf_nan=False,
        ge=-LARGEST_NUMBER if minimum is None else minimum,
        le=LARGEST_NUMBER if maximum is None else maximum,
        multiple_of=1 if whole else None,
    )


def _one_of(allowed: tuple[Any, ...], number: CoreSchema, *, truths: bool) -> CoreSchema:
    known = frozenset(float(value) for value in allowed)

    def check(value: float) -> float:
        if value not in known:
            raise ValueError(f"allowed: {bounded_list(allowed)}")
        return value

    shown: dict[str, Any] = {"enum": list(allowed)}
    if truths:
        shown = {"type": ["number", "boolean"], "enum": [*allowed, True, False]}
    return core_schema.no_info_after_validator_function(
        check, number, metadata={"pydantic_js_updates": shown}
    )


def _with_all_digits(value: Any, check: Callable[[Any], float]) -> int:
    number = check(value)
    return value if isinstance(value, int) else int(number)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"'{text}' is not a moment") from None
    return _bounded_year(moment)


def _bounded_year(moment: datetime) -> datetime:
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"the year must be from {FIRST_YEAR} to {LAST_YEAR}")
    return moment
