"""The base of every typed parameter model, and the field types that several of them share."""

from __future__ import annotations

import hashlib
import json
import re
from numbers import Real
from typing import Annotated, Any

import pandas as pd
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    model_validator,
)

from regression_lifecycle.core.errors import ConfigurationError, unknown_name


class StrictModel(BaseModel):
    """A frozen parameter model that refuses unknown keys and says which ones it knows."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, data: Any) -> Any:
        if isinstance(data, dict):
            known = {field.alias or name for name, field in cls.model_fields.items()}
            for key in data:
                if key not in known:
                    raise ConfigurationError(unknown_name("key", key, known))
        return data

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
