"""Where alerts can go. Secrets are named by the environment variable that holds them.

A new channel is one more class here, and a sender for it in ``adapters/notifications``.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from regression_lifecycle.core.config import Variable
from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.core.variants import Variant

Address = Annotated[str, Field(pattern=r"^[^\s@<>,;:\"\x00-\x1f]+@[^\s@<>,;:\"\x00-\x1f]+$")]
"""An e-mail address without a display name."""

Header = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")]
"""Name of an HTTP header."""


class AlertChannel(Variant):
    """A place that alerts go to.

    Attributes:
        name: Name in the table of sent alerts; the kind if it is left out.
    """

    name: str = Field("", max_length=40, pattern=r"^[A-Za-z0-9_ -]*$")

    @property
    def label(self) -> str:
        """The name, or the kind where there is none."""
        return self.name or self.kind


class NetworkChannel(AlertChannel):
    """A place on the network; the worst case in seconds is bounded by these three.

    Attributes:
        timeout_seconds: How long one step of the exchange may take.
        retries: How often it is tried again after a failure that may pass.
        backoff_seconds: Pause before the first retry; it doubles each time.
    """

    timeout_seconds: float = Field(10.0, gt=0, le=120)
    retries: int = Field(2, ge=0, le=5)
    backoff_seconds: float = Field(1.0, ge=0, le=30)


class FileChannel(AlertChannel):
    """A line of JSON per alert, added to a file.

    Attributes:
        path: The file; a relative path is one inside the project.
    """

    kind: Literal["file"]
    path: str = Field(min_length=1)


class WebhookChannel(NetworkChannel):
    """An HTTP POST per alert.

    Attributes:
        url: The address, if it is no secret.
        url_env: The variable that holds the address, if it is one.
        headers_env: By header the variable that holds its value, if it is a secret.
        template: ``json`` sends the alert's fields, ``slack`` a message for Slack and its like.
    """

    kind: Literal["webhook"]
    url: str | None = None
    url_env: Variable | None = None
    headers_env: dict[Header, Variable] = {}
    template: Literal["json", "slack"] = "json"

    @field_validator("url")
    @classmethod
    def _no_secret_inside(cls, url: str | None) -> str | None:
        if url is not None:
            mistake = url_mistake(url)
            if mistake:
                raise ConfigurationError(mistake)
            if "@" in urlsplit(url).netloc:
                raise ConfigurationError("a user or password does not stand in url; use url_env")
        return url

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if (self.url is None) == (self.url_env is None):
            raise ConfigurationError("a webhook needs url or url_env, and not both")
        return self


class EmailChannel(NetworkChannel):
    """A plain-text e-mail per alert.

    Attributes:
        host: The SMTP server.
        sender: Address that it comes from.
        recipients: Addresses that it goes to.
        user_env: The variable that holds the user name, if the server wants one.
        password_env: The variable that holds the password.
        tls: ``starttls`` (port 587), ``ssl`` (port 465) or ``none``, which takes no password.
    """

    kind: Literal["email"]
    host: str = Field(pattern=r"^[A-Za-z0-9.:_-]+$")
    port: int = Field(587, ge=1, le=65535)
    sender: Address
    recipients: tuple[Address, ...] = Field(min_length=1)
    user_env: Variable | None = None
    password_env: Variable | None = None
    tls: Literal["starttls", "ssl", "none"] = "starttls"

    @model_validator(mode="after")
    def _secrets_are_whole_and_safe(self) -> Self:
        if (self.user_env is None) != (self.password_env is None):
            raise ConfigurationError("an e-mail needs both user_env and password_env, or neither")
        if self.password_env is not None and self.tls == "none":
            raise ConfigurationError(
                "a password is never sent in the clear; set tls to starttls or ssl"
            )
        return self


def url_mistake(url: str) -> str:
    """Return what is wrong with the address of a webhook, without repeating it.

    Returns:
        One sentence; empty if nothing is wrong.
    """
    if not url.isascii() or any(char.isspace() or not char.isprintable() for char in url):
        return "the url has blanks or letters that a url may not have"
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        return "the url cannot be read"
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_fine:
        return "the url must begin with https:// or http:// and name a host"
    return ""
