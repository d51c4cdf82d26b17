"""Types, bounds and defaults of fields in the words of the docs."""

from __future__ import annotations

import re
from typing import Any, Literal, get_args, get_origin

import pandas as pd
from annotated_types import Ge, Gt, Le, Lt, MaxLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from regression_lifecycle.core.durations import AnyDuration, duration_text

_WORDS: dict[Any, str] = {
    str: "text",
    bool: "boolean",
    int: "integer",
    float: "number",
    AnyDuration: "duration",
    pd.Timestamp: "moment",
}


def type_words(field: FieldInfo) -> str:
    """Return the type of a field with its bounds, as the docs write it."""
    return _bounded(_annotation(field.annotation), field.metadata)


def _annotation(annotation: Any) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{part}`" for part in parts)
    if type(None) in parts:
        return _annotation(next(part for part in parts if part is not type(None)))
    if origin is tuple:
        inner = _annotation(parts[0])
        return "list of " + re.sub("^(integer|number|duration)", r"\1s", inner)
    if origin is dict:
        return f"{_annotation(parts[0])}: {_annotation(parts[1])}"
    if hasattr(annotation, "__metadata__"):
        return _bounded(_annotation(parts[0]), annotation.__metadata__)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "`{" + ", ".join(annotation.model_fields) + "}`"
    return _WORDS[annotation]


def _bounded(written: str, metadata: Any) -> str:
    pieces = []
    for bound in metadata:
        for inner in getattr(bound, "metadata", [bound]):
            match inner:
                case Ge():
                    pieces.append(f"from {_number(inner.ge)}")
                case Gt():
                    pieces.append(f"above {_number(inner.gt)}")
                case Le():
                    pieces.append(f"to {_number(inner.le)}")
                case Lt():
                    pieces.append(f"below {_number(inner.lt)}")
                case MaxLen():
                    pieces.append(f"at most {inner.max_length} long")
    words = re.sub("^from ([^ ,]+), to ", r"\1 to ", ", ".join(pieces))
    return f"{written} {words}".strip()


def _number(value: Any) -> str:
    return f"{value:.0f}" if float(value).is_integer() else f"{value:g}"


def default_words(field: FieldInfo) -> str:
    """Return the default of a field as YAML has it; ``required`` without one."""
    value = field.get_default(call_default_factory=True)
    if field.is_required():
        return "required"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, pd.Timedelta):
        return duration_text(value)
    if isinstance(value, tuple):
        return f"`[{', '.join(map(str, value))}]`"
    if isinstance(value, int | float):
        return _number(value)
    return f"`{value}`" if value else "none"
