"""What a row of a request may hold: one description, for the check and for the OpenAPI page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic_core import CoreSchema, core_schema
from pydantic_core.core_schema import TypedDictField

from regression_lifecycle.core.data.problem import ColumnSpec, Problem
from regression_lifecycle.core.errors import bounded_list
from regression_lifecycle.core.features.column_features import RawColumns
from regression_lifecycle.core.features.specifications import FeatureRecipe

# No moment that one of the libraries on the way could not hold.
FIRST_YEAR, LAST_YEAR = 1678, 2261
MOMENT_PATTERN = (
    r"^(1[6-9]|2[0-2])[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?)?$"
)
# PostgreSQL holds no text with the character 0.
TEXT = core_schema.str_schema(strict=True, max_length=1000, pattern=r"^[^\x00]*$")

Fields = dict[str, TypedDictField]


def row_fields(recipe: FeatureRecipe, problem: Problem, *, enforce_bounds: bool) -> Fields:
    """Describe what a row may hold, for the features of one model.

    Args:
        recipe: How the model's features are made.
        problem: The contract.
        enforce_bounds: Whether raw columns must keep its bounds.

    Returns:
        By name the features in the order of the model, then timestamp and key columns.

    Raises:
        ConfigurationError: If the problem has no such column or does not allow the feature.
    """
    recipe.check(problem)
    fields: Fields = {}
    for spec in recipe.features:
        if isinstance(spec, RawColumns):
            for name in spec.names:
                column = problem.columns[name]
                schema = _raw(column, enforce_bounds=enforce_bounds)
                fields[name] = _field(schema, missing=column.missing, note=column.unit)
        elif not spec.columns_read:
            note = f"made from {problem.timestamp.name} where it is left out"
            made = _field(_number(), required=False, note=note)
            fields |= dict.fromkeys(spec.output_names(), made)
        else:
            made = _field(_number(), missing=True, note=spec.note)
            fields |= dict.fromkeys(spec.output_names(), made)
    for name in problem.row_order:
        if name not in fields:
            schema, note = _key(name, problem)
            fields[name] = _field(schema, required=False, missing=True, note=note)
    return fields


def label_fields(problem: Problem) -> Fields:
    """Describe what a label holds: the key columns and the target, all required."""
    keys = {name: _field(*_key(name, problem)) for name in problem.key_columns}
    target = problem.columns[problem.target]
    return {**keys, problem.target: _field(_raw(target, enforce_bounds=True), target.unit)}


def body_schema(name: str, fields: Fields, maximum_rows: int, *, fail_fast: bool) -> CoreSchema:
    """Describe a body: one list of flat rows.

    Args:
        name: Name of the list.
        fields: What a row may hold.
        maximum_rows: Most rows of one body.
        fail_fast: Whether the check ends at the first row with a mistake.
    """
    row = core_schema.typed_dict_schema(fields, extra_behavior="forbid")
    rows = core_schema.list_schema(row, min_length=1, max_length=maximum_rows, fail_fast=fail_fast)
    return core_schema.typed_dict_schema(
        {name: core_schema.typed_dict_field(rows)}, extra_behavior="forbid"
    )


def _field(
    schema: CoreSchema, note: str = "", *, required: bool = True, missing: bool = False
) -> TypedDictField:
    return core_schema.typed_dict_field(
        core_schema.nullable_schema(schema) if missing else schema,
        required=required,
        metadata={"pydantic_js_updates": {"description": note}} if note else {},
    )


def _raw(spec: ColumnSpec, *, enforce_bounds: bool) -> CoreSchema:
    if spec.type == "category":
        if spec.allowed is None or not enforce_bounds:
            return TEXT
        return core_schema.literal_schema([str(value) for value in spec.allowed])
    if not enforce_bounds:
        return _number()
    number = _number(spec.minimum, spec.maximum, whole=spec.type in ("integer", "boolean"))
    allowed = (0, 1) if spec.type == "boolean" and spec.allowed is None else spec.allowed
    return number if allowed is None else _one_of(allowed, number)


def _key(name: str, problem: Problem) -> tuple[CoreSchema, str]:
    """Return the schema of a part of the key, and its meaning."""
    moment = core_schema.no_info_after_validator_function(
        _moment, core_schema.str_schema(strict=True, pattern=MOMENT_PATTERN)
    )
    if name == problem.timestamp.name:
        return moment, "local time of the row, without a time zone; with the key it names the row"
    kind = problem.columns[name].type
    if kind in ("date", "datetime"):
        schema: CoreSchema = moment
    else:
        schema = TEXT if kind == "category" else _number(whole=kind in ("integer", "boolean"))
    return schema, "a part of the row's key"


def _number(
    minimum: float | None = None, maximum: float | None = None, *, whole: bool = False
) -> CoreSchema:
    return core_schema.float_schema(
        strict=True,
        allow_inf_nan=False,
        ge=minimum,
        le=maximum,
        multiple_of=1 if whole else None,
    )


def _one_of(allowed: Sequence[Any], number: CoreSchema) -> CoreSchema:
    known = frozenset(float(value) for value in allowed)

    def check(value: float) -> float:
        if value not in known:
            raise ValueError(f"allowed: {bounded_list(allowed)}")
        return value

    return core_schema.no_info_after_validator_function(
        check, number, metadata={"pydantic_js_updates": {"enum": list(allowed)}}
    )


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"'{text}' is not a moment") from None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"the year must be from {FIRST_YEAR} to {LAST_YEAR}")
    return moment
