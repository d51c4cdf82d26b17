"""A JSON Schema of the parameters, for editors: made from the models that a run checks them with.

A file under ``conf/`` holds a part of the parameters and is laid over others, so nothing is
required.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from regression_lifecycle.core.config import attribute_meaning, model_meaning
from regression_lifecycle.runtime.parameter_check import AS_OF, SECTIONS

_REFERENCE = {"$ref": "#/$defs/Reference"}
_NULL = {"type": "null"}


class _ForEditors(GenerateJsonSchema):
    """Durations and moments are text in YAML; what is said of a field stands in its docstring."""

    # Defaults are left out: those of a file are the ones below it.
    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}

    def is_instance_schema(self, schema: core_schema.IsInstanceSchema) -> JsonSchemaValue:
        return {"type": "string"}

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        made = super().model_schema(schema)
        made.pop("title", None)
        made["description"] = model_meaning(schema["cls"])
        for model_field, written in made.get("properties", {}).items():
            written.pop("title", None)
            name = _field_name(schema["cls"], model_field)
            meaning = attribute_meaning(schema["cls"], name)
            if meaning:
                written["description"] = meaning
        return made


def parameters_schema() -> dict[str, Any]:
    """Make the schema of a file ``parameters*.yml`` in any folder under ``conf/``.

    Returns:
        A JSON Schema. Every value may also be a reference such as ``${derived:season}``, and every
        entry of a mapping by name null, which removes it.
    """
    inputs: list[Any] = [
        (name, "validation", TypeAdapter(model)) for name, model in SECTIONS.items()
    ]
    made, shared = TypeAdapter.json_schemas(inputs, schema_generator=_ForEditors)
    properties = {name: made[name, "validation"] for name in SECTIONS}
    properties[AS_OF] = {"type": ["string", "null"]}
    definitions = {name: _partial(item) for name, item in sorted(shared["$defs"].items())}
    definitions["Reference"] = {"type": "string", "pattern": r"^\$\{.*\}$"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Parameters of the Regression Lifecycle",
        "type": "object",
        "properties": {
            name: _or_reference(_partial(item)) for name, item in sorted(properties.items())
        },
        "$defs": definitions,
    }


def _field_name(model: type[BaseModel], written: str) -> str:
    return next(
        (name for name, field in model.model_fields.items() if field.alias == written), written
    )


def _partial(schema: Any) -> Any:
    """Take off what an overlay need not say, and let references and nulls stand in for values."""
    if isinstance(schema, list):
        return [_partial(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties":
            found[key] = {name: _or_reference(_partial(item)) for name, item in value.items()}
        elif key == "additionalProperties" and isinstance(value, Mapping):
            found[key] = _or_null(value)
        elif key == "patternProperties":
            found[key] = {pattern: _or_null(item) for pattern, item in value.items()}
        elif key in ("items", "prefixItems"):
            found[key] = _partial(value)
        elif key == "oneOf":
            # Without its kind, an overlay of a variant fits several.
            found["anyOf"] = _partial(value)
        elif key in ("required", "default", "discriminator", "minProperties"):
            continue
        else:
            found[key] = _partial(value) if key in ("anyOf", "allOf") else value
    return found


def _or_reference(schema: Mapping[str, Any]) -> dict[str, Any]:
    value = dict(schema)
    described = {"description": value.pop("description")} if "description" in value else {}
    kinds = value["anyOf"] if set(value) == {"anyOf"} else [value]
    return {**described, "anyOf": [*kinds, _REFERENCE]}


def _or_null(schema: Any) -> dict[str, Any]:
    return {"anyOf": [*_or_reference(_partial(schema))["anyOf"], _NULL]}
