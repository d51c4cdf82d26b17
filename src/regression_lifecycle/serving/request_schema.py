"""What a row of a request may hold: one description for the check, the page and the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import pandas as pd
from pydantic_core import core_schema

from regression_lifecycle.core.data.problem import ColumnSpec, Problem
from regression_lifecycle.core.data.values import PLAIN, read_numbers
from regression_lifecycle.core.errors import bounded_list
from regression_lifecycle.core.features.column_features import RawColumns
from regression_lifecycle.core.features.specifications import FeatureRecipe

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

MAXIMUM_TEXT = 1000
# Whole numbers that name a row are kept in 64 bits; the first float beyond is refused.
_SMALLEST, _LARGEST = -(2.0**63), 2.0**63 - 1024
# No moment that one of the libraries on the way could not hold.
FIRST_YEAR, LAST_YEAR = 1678, 2261
MOMENT_PATTERN = (
    r"^(1[6-9]|2[0-2])[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?)?$"
)
# PostgreSQL holds no text with the character 0.
TEXT_PATTERN = r"^[^\u0000]*$"
NOT_BLANK_PATTERN = r"^[^\u0000]*[^\u0000\s][^\u0000]*$"

Kind = Literal["number", "text", "moment"]


@dataclass(frozen=True)
class RowColumn:
    """One value of a row.

    Attributes:
        name: Its name.
        kind: JSON number, JSON text, or a local moment in ISO 8601 as JSON text.
        required: Whether it must be sent.
        missing: Whether null may be sent.
        minimum: Smallest value that is taken.
        maximum: Largest value that is taken.
        whole: Whether only whole numbers are taken.
        truth: Whether ``true`` and ``false`` stand for 1 and 0.
        exact: Whether a whole number keeps all its digits, since it names the row.
        allowed: The only values that are taken.
        missing_values: Values that stand for null.
        note: Meaning, for people.
    """

    name: str
    kind: Kind
    required: bool = True
    missing: bool = False
    minimum: float | None = None
    maximum: float | None = None
    whole: bool = False
    truth: bool = False
    exact: bool = False
    allowed: tuple[Any, ...] | None = None
    missing_values: tuple[str, ...] = ()
    note: str = ""

    def json_schema(self) -> dict[str, Any]:
        """Describe the value for the OpenAPI page.

        Returns:
            JSON Schema.
        """
        kinds = ["number" if self.kind == "number" else "string"]
        kinds += ["boolean"] * self.truth + ["null"] * self.missing
        schema: dict[str, Any] = {"type": kinds if len(kinds) > 1 else kinds[0]}
        if self.kind == "moment":
            schema["pattern"] = MOMENT_PATTERN
        if self.kind == "text":
            pattern = TEXT_PATTERN if self.missing else NOT_BLANK_PATTERN
            schema |= {"maxLength": MAXIMUM_TEXT, "pattern": pattern}
        bounds = {"minimum": self.minimum, "maximum": self.maximum}
        schema |= {name: bound for name, bound in bounds.items() if bound is not None}
        if self.whole:
            schema["multipleOf"] = 1
        if self.allowed is not None:
            truths = [True, False] if self.truth else []
            schema["enum"] = [*self.allowed, *truths, *([None] if self.missing else [])]
        if self.note:
            schema["description"] = self.note
        return schema

    def core_schema(self) -> CoreSchema:
        """Describe the value for the check.

        Returns:
            A schema of pydantic-core.
        """
        schema = self._value_schema()
        if self.missing:
            schema = core_schema.nullable_schema(schema)
        if not self.truth and not self.missing_values and self.kind != "text":
            return schema
        return core_schema.no_info_before_validator_function(self._spelled, schema)

    def _spelled(self, value: Any) -> Any:
        """Bring a value into the one form that the check knows."""
        if isinstance(value, str) and self.kind == "text":
            value = value.strip()
            if value == "" or value in self.missing_values:
                return None if self.missing else _refuse("is missing")
        elif isinstance(value, bool):
            return float(value) if self.truth else value
        elif isinstance(value, int | float) and self.kind == "number":
            return None if value in self._missing_numbers else value
        return value

    @cached_property
    def _missing_numbers(self) -> frozenset[float]:
        numbers, _ = read_numbers(pd.Series(self.missing_values, dtype="str"), PLAIN)
        return frozenset(numbers.dropna())

    def _value_schema(self) -> CoreSchema:
        if self.kind == "moment":
            return core_schema.no_info_after_validator_function(
                _moment, core_schema.str_schema(strict=True, pattern=MOMENT_PATTERN)
            )
        if self.kind == "text":
            text = core_schema.str_schema(
                strict=True, max_length=MAXIMUM_TEXT, pattern=r"^[^\x00]*$"
            )
            if self.allowed is None:
                return text
            return core_schema.chain_schema([text, core_schema.literal_schema(list(self.allowed))])
        number = core_schema.float_schema(
            strict=True,
            allow_inf_nan=False,
            ge=self.minimum,
            le=self.maximum,
            multiple_of=1 if self.whole else None,
        )
        if self.exact:
            return core_schema.no_info_wrap_validator_function(_with_all_digits, number)
        if self.allowed is None:
            return number
        allowed_values = self.allowed
        allowed = frozenset(float(value) for value in allowed_values)

        def one_of(value: float) -> float:
            return (
                value if value in allowed else _refuse(f"allowed: {bounded_list(allowed_values)}")
            )

        return core_schema.no_info_after_validator_function(one_of, number)


def _refuse(reason: str) -> NoReturn:
    raise ValueError(reason)


def _with_all_digits(value: Any, check: Callable[[Any], float]) -> int:
    number = check(value)
    return value if isinstance(value, int) else int(number)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"'{text}' is not a moment") from None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"the year must be from {FIRST_YEAR} to {LAST_YEAR}")
    return moment


def row_columns(
    recipe: FeatureRecipe, problem: Problem, *, enforce_bounds: bool
) -> tuple[RowColumn, ...]:
    """List what a row may hold, for the features of one model.

    Args:
        recipe: How the model's features are made.
        problem: The contract.
        enforce_bounds: Whether raw columns must keep its bounds.

    Returns:
        The features in the order of the model, then timestamp and key columns.

    Raises:
        ConfigurationError: If the problem has no such column or does not allow the feature.
    """
    recipe.check(problem)
    columns: list[RowColumn] = []
    for spec in recipe.features:
        if isinstance(spec, RawColumns):
            columns += [
                _raw(name, problem.columns[name], enforce_bounds=enforce_bounds)
                for name in spec.names
            ]
        elif not spec.columns_read:
            note = f"made from {problem.timestamp.name} where it is left out"
            columns += [
                RowColumn(name, "number", required=False, note=note) for name in spec.output_names()
            ]
        else:
            columns += [
                RowColumn(name, "number", missing=True, note=spec.note)
                for name in spec.output_names()
            ]
    taken = {column.name for column in columns}
    for name in problem.row_order:
        if name not in taken:
            columns.append(_key(name, problem))
    # The key is compared as text, digit by digit, where a feature may be rounded.
    return tuple(
        _exact(column, problem.columns[column.name])
        if column.name in problem.key_columns and column.name in problem.columns
        else column
        for column in columns
    )


def label_row_columns(problem: Problem) -> tuple[RowColumn, ...]:
    """List what a label holds.

    Args:
        problem: The contract.

    Returns:
        The key columns and the target, all required.
    """
    keys = tuple(
        replace(_key(name, problem), required=True, missing=False) for name in problem.key_columns
    )
    spec = problem.columns[problem.target].model_copy(update={"missing": False})
    return (*keys, _raw(problem.target, spec, enforce_bounds=True))


def _exact(column: RowColumn, spec: ColumnSpec) -> RowColumn:
    # Where some may be missing, the observations hold floats.
    if not column.whole or column.allowed is not None or spec.missing:
        return column
    low = _SMALLEST if column.minimum is None else max(column.minimum, _SMALLEST)
    high = _LARGEST if column.maximum is None else min(column.maximum, _LARGEST)
    return replace(column, exact=True, minimum=low, maximum=high)


def _raw(name: str, spec: ColumnSpec, *, enforce_bounds: bool) -> RowColumn:
    if spec.type == "category":
        allowed = None if spec.allowed is None else tuple(str(value) for value in spec.allowed)
        return RowColumn(
            name,
            "text",
            missing=spec.missing,
            allowed=allowed if enforce_bounds else None,
            missing_values=spec.missing_values,
            note=spec.unit,
        )
    number = RowColumn(
        name,
        "number",
        missing=spec.missing,
        missing_values=spec.missing_values if spec.missing else (),
        truth=spec.type == "boolean",
        note=spec.unit,
    )
    if not enforce_bounds:
        return number
    return replace(
        number,
        minimum=spec.minimum,
        maximum=spec.maximum,
        whole=spec.type in ("integer", "boolean"),
        allowed=(0, 1) if spec.type == "boolean" and spec.allowed is None else spec.allowed,
    )


def _key(name: str, problem: Problem) -> RowColumn:
    if name == problem.timestamp.name:
        note = "local time of the row, without a time zone; with the key it names the row"
        return RowColumn(name, "moment", required=False, missing=True, note=note)
    spec = problem.columns[name]
    whole = spec.type in ("integer", "boolean")
    kinds: dict[str, Kind] = {"category": "text", "date": "moment", "datetime": "moment"}
    return _exact(
        RowColumn(
            name,
            kinds.get(spec.type, "number"),
            required=False,
            missing=True,
            whole=whole,
            truth=spec.type == "boolean",
            note="a part of the row's key",
        ),
        spec,
    )
