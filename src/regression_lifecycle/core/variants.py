"""Parameters in variants: ``{kind: ..., ...}``, read by the class that is registered for the kind.

A family is a class that inherits from :class:`Variant` directly; its variants inherit from the
family and give ``kind`` as a literal, which registers them. Whatever lists the kinds (messages,
JSON Schema, docs, tests) reads the register, so that a new kind is one new class.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args, get_origin

from pydantic import BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from regression_lifecycle.core.config import StrictModel
from regression_lifecycle.core.errors import ConfigurationError, bounded_list, unknown_name

_Value = TypeVar("_Value")


class Variant(StrictModel):
    """One variant of a family; the family itself reads any of them.

    A field of the family's type, and the family's ``model_validate``, take a mapping with
    ``kind`` and return an instance of that kind's class.
    """

    kinds: ClassVar[dict[str, type[Any]]]
    """Of a family: the class of every kind, in the order of their definition."""

    kind: str

    @classmethod
    def is_family(cls) -> bool:
        """Tell a family from its variants."""
        # Not by the name of Variant, which is not there yet while pydantic makes its own schema.
        return cls.__mro__[2] is StrictModel

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if cls.is_family():
            cls.kinds = {}
        elif get_origin(cls.model_fields["kind"].annotation) is Literal:
            (kind,) = get_args(cls.model_fields["kind"].annotation)
            other = cls.kinds.setdefault(kind, cls)
            if other is not cls:
                raise TypeError(f"{other.__name__} and {cls.__name__} are both of kind '{kind}'")

    @classmethod
    def _unknown_key(cls, key: str, known: Iterable[str]) -> str:
        text = super()._unknown_key(key, known)
        others = sorted(kind for kind, other in cls.kinds.items() if key in other.model_fields)
        hint = f"'{key}' (it goes with kind {bounded_list(others)})"
        return text.replace(f"'{key}'", hint, 1) if others else text

    @model_validator(mode="wrap")
    @classmethod
    def _read_by_kind(cls, data: Any, handler: Any) -> Any:
        if not cls.is_family() or isinstance(data, cls):
            return handler(data)
        allowed = bounded_list(cls.kinds, 20)
        if not isinstance(data, Mapping):
            raise ConfigurationError(f"write {{kind: ..., ...}}; kinds: {allowed}")
        if "kind" not in data:
            raise ConfigurationError(f"'kind' is missing; allowed: {allowed}")
        kind = str(data["kind"])
        if kind not in cls.kinds:
            raise ConfigurationError(unknown_name("kind", kind, cls.kinds))
        return cls.kinds[kind].model_validate(data)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        if cls.is_family():
            # By the value's own class; the family's would leave out the fields of the kind.
            schema["serialization"] = core_schema.simple_ser_schema("any")  # type: ignore[index]
        return schema

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        if not cls.is_family():
            return handler(schema)
        # Whichever module was imported first, the schema is the same.
        kinds = [handler(cls.kinds[kind].__pydantic_core_schema__) for kind in sorted(cls.kinds)]
        return {"oneOf": kinds}


def _without_nulls(entries: Any) -> Any:
    if isinstance(entries, Mapping):
        return {name: entry for name, entry in entries.items() if entry is not None}
    return entries


Overridable = Annotated[_Value, BeforeValidator(_without_nulls)]
"""A mapping by name of which an environment removes an entry by setting it to null."""
