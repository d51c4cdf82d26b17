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


def _to_timedelta(value: Any) -> pd.Timedelta:
    # pandas reads a bare number, the text "7" too, as nanoseconds.
    if isinstance(value, Real) or (isinstance(value, str) and re.fullmatch(r"[\s\d.+-]+", value)):
        raise ConfigurationError(f"'{value}' has no unit; write for example '7 days' or '1 hour'")
    try:
        duration = pd.Timedelta(value)
    except (ValueError, TypeError):
        raise ConfigurationError(
            f"'{value}' is not a duration; write for example '7 days' or '1 hour'"
        ) from None
    if duration is pd.NaT or duration <= pd.Timedelta(0):
        raise ConfigurationError(f"'{value}' must be a duration above zero")
    return duration


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


def duration_text(duration: pd.Timedelta) -> str:
    """Write a duration for people.

    Args:
        duration: A length of time.

    Returns:
        In days, hours, minutes or seconds: the largest unit of which it is a whole number, so that
        reading it again gives the same length.
    """
    for unit in ("day", "hour", "minute", "second"):
        count, rest = divmod(duration, pd.Timedelta(1, unit=unit))
        if not rest:
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{duration.total_seconds()} seconds"


Duration = Annotated[pd.Timedelta, BeforeValidator(_to_timedelta), PlainSerializer(str)]
"""A length of time above zero, written with its unit: ``7 days``, ``1 hour``."""

Moment = Annotated[pd.Timestamp, BeforeValidator(to_timestamp), PlainSerializer(str)]
"""A date or a date with a time of day: ``2012-08-07 12:00``."""

Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
"""Name of an environment variable."""
