"""From the bytes of a request to checked rows, or to words about what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import SchemaValidator, ValidationError

from regression_lifecycle.core.errors import unknown_name
from regression_lifecycle.serving.errors import Mistake, RefusedError
from regression_lifecycle.serving.request_schema import Fields, body_schema

# Listing more would take longer than the answer that was asked for.
MAXIMUM_LISTED = 1000

Row = dict[str, Any]


class BodyReader:
    """Reads ``{"rows": [{...}, ...]}``: one list of flat objects under one name.

    Attributes:
        json_schema: JSON Schema of the body.
    """

    def __init__(
        self,
        name: str,
        fields: Fields,
        maximum_rows: int,
        *,
        made: Iterable[str] = (),
        made_from: str = "",
    ) -> None:
        """Prepare the check; done once per model.

        Args:
            name: Name of the list.
            fields: What a row may hold.
            maximum_rows: Most rows of one body.
            made: Columns that are made from another one where they are left out.
            made_from: That other column.
        """
        self._name = name
        self._columns = tuple(fields)
        self._maximum_rows = maximum_rows
        self._made = frozenset(made)
        self._made_from = made_from
        schema = body_schema(name, fields, maximum_rows, fail_fast=False)
        self._validator = SchemaValidator(schema)
        self._first_row_only = SchemaValidator(
            body_schema(name, fields, maximum_rows, fail_fast=True)
        )
        self.json_schema = GenerateJsonSchema().generate(schema)

    def read(self, body: bytes) -> list[Row]:
        """Read and check a body.

        Args:
            body: JSON in UTF-8.

        Returns:
            The rows: numbers as float, moments as datetime. Columns that were left out are absent.

        Raises:
            RefusedError: Status 400 if it is no JSON, 422 if a row cannot be taken.
        """
        try:
            rows: list[Row] = self._validator.validate_json(body)[self._name]
        except ValidationError as error:
            raise self._refusal(error, body) from None
        if self._made:
            self._refuse_unmakeable(rows)
        return rows

    def _refuse_unmakeable(self, rows: list[Row]) -> None:
        mistakes = [
            Mistake(
                f"is missing; send it, or '{self._made_from}', from which it is made", number, name
            )
            for number, row in enumerate(rows)
            if row.get(self._made_from) is None
            for name in sorted(self._made - row.keys())
        ]
        if mistakes:
            raise RefusedError(422, mistakes)

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
        if kind == "extra_forbidden":
            known = self._columns if row is not None else (self._name,)
            return Mistake(unknown_name("name", column, known), row, column)
        if kind == "missing":
            return Mistake("is missing", row, column)
        if kind in ("too_long", "too_short") and column == self._name:
            return Mistake(f"must hold from 1 to {self._maximum_rows} rows", None, column)
        text = entry["msg"].removeprefix("Input ").removeprefix("Value error, ")
        return Mistake(text.replace("String should", "should"), row, column)
