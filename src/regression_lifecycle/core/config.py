"""The base of every typed parameter model, and the field types that several of them share."""

from __future__ import annotations

import hashlib
import inspect
import json
import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from numbers import Real
from types import NoneType, UnionType
from typing import Annotated, Any, get_args, get_origin

import pandas as pd
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PlainSerializer,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from regression_lifecycle.core.errors import ConfigurationError, unknown_name
from regression_lifecycle.core.mistakes import in_words


class StrictModel(BaseModel):
    """A frozen parameter model that refuses unknown keys and says which ones it knows."""

    # No comparison with NaN holds, so that a limit of NaN would limit nothing.
    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False
    )

    @model_validator(mode="wrap")
    @classmethod
    def _find_all_mistakes(cls, data: Any, handler: ModelWrapValidatorHandler[Any]) -> Any:
        """Refuse unknown keys and truth values for numbers, beside whatever else is wrong."""
        if not isinstance(data, dict):
            return handler(data)
        fields = {field.alias or name: field for name, field in cls.model_fields.items()}
        unknown = [str(key) for key in data if key not in fields]
        found = [_mistake(cls._unknown_key(key, fields), (), data, key) for key in unknown]
        found += [
            _mistake(f"a number is needed, not {str(truth).lower()}", (key, *place), truth)
            for key, value in data.items()
            if key in fields
            for place, truth in _truths_for_numbers(value, fields[key].annotation)
        ]
        if not found:
            return handler(data)
        told = {mistake["loc"] for mistake in found}
        # A mistyped key is not missing as well.
        told |= {(name,) for name in fields if get_close_matches(name, unknown)}
        try:
            handler({key: value for key, value in data.items() if key in fields})
        except ValidationError as error:
            found += [
                _mistake(
                    in_words(other), other["loc"], other["input"], other.get("ctx", {}).get("key")
                )
                for other in error.errors(include_url=False)
                if other["loc"] not in told
            ]
        raise ValidationError.from_exception_data(cls.__name__, found)

    @classmethod
    def _unknown_key(cls, key: str, known: Iterable[str]) -> str:
        """Say that a key is unknown."""
        return unknown_name("key", key, known)

    def digest(self) -> str:
        """Hash the content, so that two configurations can be compared by one word.

        Returns:
            The first 16 hexadecimal digits of the SHA-256 of the canonical JSON form.
        """
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def __str__(self) -> str:
        # kedro-mlflow logs a typed parameter as ``str(value)``. The single fields are logged
        # beside it by the tracking hook, so this one names the whole section.
        return f"{type(self).__name__} {self.digest()}"


def _mistake(
    text: str, place: tuple[int | str, ...], value: Any, key: str | None = None
) -> InitErrorDetails:
    # Pydantic would fill in the braces of the text itself.
    kind = PydanticCustomError("mistake", "{text}", {"key": key, "text": text})
    return InitErrorDetails(type=kind, loc=place, input=value)


def _truths_for_numbers(
    value: Any, annotation: Any
) -> Iterator[tuple[tuple[int | str, ...], bool]]:
    """Find truth values where numbers are asked for, which pydantic takes for 1 and 0."""
    options = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    kinds = [get_args(one)[0] if get_origin(one) is Annotated else one for one in options]
    if isinstance(value, bool):
        if {int, float} & set(kinds) and bool not in kinds:
            yield (), value
        return
    for kind in kinds:
        if isinstance(value, list | tuple) and get_origin(kind) is tuple:
            inner = get_args(kind)[0]
            items: Iterable[tuple[Any, Any]] = enumerate(value)
        elif isinstance(value, dict) and get_origin(kind) is dict:
            inner, items = get_args(kind)[1], value.items()
        else:
            continue
        for place, item in items:
            for below, truth in _truths_for_numbers(item, inner):
                yield (place, *below), truth


def attribute_meaning(model: type[BaseModel], name: str) -> str:
    """Find what the docstring of a model, or of one that it extends, says of a field.

    Args:
        model: The model.
        name: The field.

    Returns:
        The text on one line; empty if there is none.
    """
    for owner in model.__mro__:
        if isinstance(owner, type) and issubclass(owner, BaseModel):
            _, _, attributes = _docstring(owner).partition("Attributes:")
            found = re.search(rf"^    {name}: (.*?)(?=^    \w|\Z)", attributes, re.M | re.S)
            if found:
                return " ".join(found[1].split())
    return ""


def model_meaning(model: type[BaseModel]) -> str:
    """Return what the docstring of a model says before its attributes, on one line."""
    return " ".join(_docstring(model).partition("Attributes:")[0].split())


def _docstring(model: type[BaseModel]) -> str:
    return (inspect.cleandoc(model.__doc__) if model.__doc__ else "").replace("``", "`")


def meaning_of_null(model: type[BaseModel], place: Iterable[Any]) -> str:
    """Find what null does at a place that may be null.

    Args:
        model: The model that holds the place.
        place: Names of fields, keys and positions, as pydantic names where a mistake is.

    Returns:
        The docstring's words, such as ``null for all rows``; empty if the place is no field, null
        is no value of it, or the docstring does not say.
    """
    owners, found = [*_models_in(model)], ""
    for part in place:
        found = ""
        for owner in owners:
            field = owner.model_fields.get(str(part))
            if field is not None:
                owners = [*_models_in(field.annotation)]
                if NoneType in get_args(field.annotation):
                    found = _words_of_null(attribute_meaning(owner, str(part)))
                break
    return found


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        # The variants of a family.
        for variant in annotation.__subclasses__():
            yield from _models_in(variant)
    for inner in get_args(annotation):
        yield from _models_in(inner)


def _words_of_null(meaning: str) -> str:
    said = re.search(r"\b(?:None|null)\b(:?[^.;:]*)", meaning)
    return f"null{said[1].rstrip()}" if said else ""


def to_timestamp(value: Any) -> pd.Timestamp:
    """Read a moment in the table's local time.

    Args:
        value: For example ``2012-08-07 12:00``.

    Returns:
        The moment.

    Raises:
        ConfigurationError: If it is none, names no day (``now``), or has a time zone.
    """
    try:
        moment = pd.Timestamp(value)
    except (ValueError, TypeError):
        moment = pd.NaT
    # A word without a digit ("now") would mean another moment in every run.
    if moment is pd.NaT or isinstance(value, Real) or not re.search(r"\d", str(value)):
        raise ConfigurationError(
            f"'{value}' is not a moment; write for example '2012-08-07 12:00'"
        ) from None
    if moment.tzinfo is not None:
        raise ConfigurationError(f"'{value}' has a time zone; write the table's local time")
    return moment


Moment = Annotated[pd.Timestamp, BeforeValidator(to_timestamp), PlainSerializer(str)]
"""A date or a date with a time of day: ``2012-08-07 12:00``."""

Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
"""Name of an environment variable."""
