"""What takes secrets out of a text before it leaves: an answer, a log, an error, a tag, an alert.

Two things count as secrets. What stands where an address or a setting has its user and password,
whoever wrote it; and the values of the variables and credentials that are named like secrets,
wherever they turn up.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote

HIDDEN = "***"
# A shorter one would blank out half of what is said, and protects nothing.
SHORTEST_SECRET = 6
_NAMES = (
    r"pass(?:word|wd|phrase|code)?|pwd|secret|token|credentials?|signature|api[_-]?key"
    r"|access[_-]?key|private[_-]?key|account[_-]?key|connection[_-]?string|sas"
)
_SECRET_NAME = re.compile(rf"(?:^|[_.-])(?:\w*(?:password|secret|token)|{_NAMES})(?:[_.-]|$)", re.I)
# Up to the last @: a password may hold one, and a slash, though it should be written "%40".
_IN_ADDRESS = re.compile(r"(?<=://)[^\s'\"<>`]{1,500}(?=@)")
_IN_SETTING = re.compile(
    rf"((?:^|[\s?&;,{{(\"'])[\w.-]{{0,40}}(?:{_NAMES})[\"']?\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s&;,'\")}}]+)",
    re.I,
)
_IN_HEADER = re.compile(r"\b(Bearer|Basic)(\s+)[A-Za-z0-9._~+/=-]{6,}")
# The shell's working folders.
_NO_SECRETS = frozenset({"PWD", "OLDPWD"})
_REMEMBERED: set[str] = set()


def scrub(text: str, secrets: Iterable[str] = ()) -> str:
    """Take the secrets out of a text.

    Args:
        text: What is about to leave.
        secrets: Further texts to take out, of any length.

    Returns:
        The text with ``***`` in their places: the user and password of addresses, values of
        settings that are named like a secret, tokens of HTTP headers, what
        :func:`remember_credentials` was told, and the values of the environment's variables that
        are named like a secret, from six characters on. The same text if there are none.
    """
    known = {*_REMEMBERED, *_secrets_of(tuple(os.environ.items())), *filter(None, secrets)}
    # The longest first: one secret may be the beginning of another.
    for secret in sorted(known, key=len, reverse=True):
        for form in (secret, quote(secret, safe="")):
            if form in text:
                text = text.replace(form, HIDDEN)
    text = _IN_ADDRESS.sub(HIDDEN, text)
    text = _IN_HEADER.sub(rf"\1\2{HIDDEN}", text)
    return _IN_SETTING.sub(rf"\1{HIDDEN}", text)


def remember_credentials(tree: Mapping[str, Any]) -> None:
    """Count the values of credentials as secrets from now on, where their names say so.

    Args:
        tree: Credentials by name, nested at will.
    """
    _REMEMBERED.update(_secrets_in(tree))


def has_address_with_password(text: str) -> bool:
    """Return whether a text holds an address with a password in it."""
    return any(":" in found for found in _IN_ADDRESS.findall(text))


@lru_cache(maxsize=4)
def _secrets_of(variables: tuple[tuple[str, str], ...]) -> frozenset[str]:
    return frozenset(_secrets_in(dict(variables)))


def _secrets_in(tree: Mapping[str, Any]) -> Iterator[str]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _secrets_in(value)
        elif isinstance(value, str):
            whole = value.strip()
            is_secret = name not in _NO_SECRETS and _SECRET_NAME.search(str(name))
            if is_secret and len(whole) >= SHORTEST_SECRET:
                yield whole
            if "://" in whole:
                for found in _IN_ADDRESS.findall(whole):
                    password = found.partition(":")[2]
                    if len(password) >= SHORTEST_SECRET:
                        yield password
