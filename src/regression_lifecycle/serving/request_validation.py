"""From the bytes of a request to checked rows, or to words about what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import SchemaValidator, ValidationError

from regression_lifecycle.core.errors import DataContractError, bounded_list, unknown_name
from regression_lifecycle.serving.errors import Mistake, RefusedError
from regression_lifecycle.serving.request_schema import PATTERNS, Fields, body_schema

# Listing more would take longer than the answer that was asked for.
MAXIMUM_LISTED = 1000

Row = dict[str, Any]


class BodyReader:
    """Reads ``{"rows": [{...}, ...]}``: one list of flat objects under one of a few names.

    Attributes:
        json_schema: JSON Schema of the body.
    """

    def __init__(
        self,
        lists: Mapping[str, Fields],
        maximum_rows: int,
        *,
        finish: Callable[[Row], None],
        elsewhere: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare the check; done once per model.

        Args:
            lists: By name of the list what a row of it may hold.
            maximum_rows: Most rows of one body.
            finish: Adds to a checked row what can be told from it, or refuses it with a
                ``DataContractError``.
            elsewhere: Names that do not belong here, with the reason.
        """
        self._lists = {name: tuple(fields) for name, fields in lists.items()}
        self._maximum_rows = maximum_rows
        self._finish = finish
        self._elsewhere = elsewhere or {}
        schema = body_schema(lists, maximum_rows, fail_fast=False)
        self._validator = SchemaValidator(schema)
        self._first_row_only = SchemaValidator(body_schema(lists, maximum_rows, fail_fast=True))
        self.json_schema = GenerateJsonSchema().generate(schema)

    def read(self, body: bytes) -> tuple[str, list[Row]]:
        """Read and check a body.

        Args:
            body: JSON in UTF-8.

        Returns:
            The name of the list, and its rows: numbers as float, moments as datetime. Columns that
            were left out and that nothing tells are absent.

        Raises:
            RefusedError: Status 400 if it is no JSON, 422 if a row cannot be taken.
        """
        try:
            found: dict[str, list[Row]] = self._validator.validate_json(body)
        except ValidationError as error:
            raise self._refusal(error, body) from None
        if len(found) != 1:
            raise RefusedError(422, f"send one of {bounded_list(self._lists)}")
        ((name, rows),) = found.items()
        mistakes = []
        for number, row in enumerate(rows):
            try:
                self._finish(row)
            except DataContractError as error:
                mistakes.append(Mistake(str(error), number))
        if mistakes:
            raise RefusedError(422, mistakes)
        return name, rows

    def _refusal(self, error: ValidationError, body: bytes) -> RefusedError:
        if error.error_count() > MAXIMUM_LISTED:
            try:
                self._first_row_only.validate_json(body)
            except ValidationError as first:
                error = first
        if error.error_count() > MAXIMUM_LISTED:
            return RefusedError(422, f"more than {MAXIMUM_LISTED} values cannot be taken")
        found = error.errors(include_url=False, include_input=False)
        if found[0]["type"] == "json_invalid":
            return RefusedError(400, f"the body is {found[0]['msg'].replace('Invalid', 'invalid')}")
        return RefusedError(422, [self._mistake(entry) for entry in found])

    def _mistake(self, entry: Any) -> Mistake:
        kind, place = entry["type"], entry["loc"]
        row = place[1] if len(place) > 1 else None
        column = str(place[-1]) if len(place) != 2 and place else None
        if kind == "extra_forbidden" and row is not None and (column or "") in self._elsewhere:
            return Mistake(self._elsewhere[str(column)], row, column)
        if kind == "extra_forbidden":
            known = self._lists[str(place[0])] if row is not None else tuple(self._lists)
            return Mistake(unknown_name("name", column, known), row, column)
        if kind == "missing":
            return Mistake("is missing", row, column)
        if kind in ("too_long", "too_short") and len(place) == 1:
            return Mistake(f"must hold from 1 to {self._maximum_rows} rows", None, column)
        if kind == "string_pattern_mismatch":
            return Mistake(PATTERNS[entry["ctx"]["pattern"]], row, column)
        text = entry["msg"].removeprefix("Input ").removeprefix("Value error, ")
        return Mistake(text.replace("String should", "should"), row, column)
