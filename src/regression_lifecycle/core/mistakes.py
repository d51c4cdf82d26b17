"""What pydantic finds wrong with a value, in words: the value, what is allowed, and the mend."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from regression_lifecycle.core.errors import unknown_name

_NEEDED = {
    "int": "a whole number is needed",
    "float": "a number is needed",
    "bool": "true or false is needed",
    "string": "text is needed",
    "tuple": "a list is needed",
    "list": "a list is needed",
    "dict": "keys and values are needed",
    "model": "keys and values are needed",
}
_BOUNDS = {
    "greater_than_equal": ("ge", "{value} is below {bound}, the smallest value allowed"),
    "greater_than": ("gt", "{value} is not above {bound}"),
    "less_than_equal": ("le", "{value} is above {bound}, the largest value allowed"),
    "less_than": ("lt", "{value} is not below {bound}"),
}


def in_words(mistake: Mapping[str, Any]) -> str:
    """Write what is wrong.

    Args:
        mistake: An entry of ``ValidationError.errors()``.

    Returns:
        One sentence without its place and without a final full stop.
    """
    kind, value, context = mistake["type"], mistake["input"], mistake.get("ctx", {})
    if kind == "missing":
        return "this key is missing"
    if kind == "literal_error":
        allowed = re.findall("'([^']*)'", context["expected"])
        return unknown_name("value", value, allowed) if allowed else str(mistake["msg"])
    if kind in _BOUNDS:
        name, text = _BOUNDS[kind]
        bound = context[name]
        share = bound == 1 and "less" in kind and 2 <= value <= 100
        mend = f"; write {value / 100:g} for {value:g} %" if share else ""
        return text.format(value=_shown(value), bound=f"{bound:.10g}") + mend
    if kind == "too_short":
        n = context["min_length"]
        return f"at least {n} {'entry is' if n == 1 else 'entries are'} needed"
    if kind == "string_pattern_mismatch":
        return f"{_shown(value)} is not written as {context['pattern']} asks for"
    needed = _NEEDED.get(kind.partition("_")[0])
    if needed is not None:
        return f"{needed}, not {_shown(value)}{_mend(kind, value)}"
    text = str(mistake["msg"]).removeprefix("Value error, ")
    # Not of a name such as YAML.
    return text if text[:2].isupper() else text[:1].lower() + text[1:]


def _shown(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, Mapping):
        return "keys and values"
    if isinstance(value, list | tuple):
        return "a list"
    return f"'{value}'" if isinstance(value, str) else str(value)


def _mend(kind: str, value: Any) -> str:
    if kind.startswith(("tuple", "list")) and isinstance(value, str | int | float):
        return f"; write [{value}]"
    if kind.startswith("string") and not isinstance(value, Mapping | list | tuple | None):
        return f"; put it in quotes: '{_shown(value)}'"
    share = re.fullmatch(r"\s*(-?\d+(?:\.\d+)?)\s*%\s*", str(value))
    if kind.startswith("float") and share:
        return f"; write {float(share[1]) / 100:g}"
    return ""
