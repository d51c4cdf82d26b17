"""The one module through which alerts leave the project: a file, a webhook, an e-mail.

No text of an error carries an address or a secret: a webhook's address is often its password.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from regression_lifecycle.core.alerting.alerts import Alert
from regression_lifecycle.core.alerting.channels import (
    AlertChannel,
    EmailChannel,
    FileChannel,
    NetworkChannel,
    WebhookChannel,
    url_mistake,
)
from regression_lifecycle.core.alerting.delivery import FAILED, SENT, Status
from regression_lifecycle.core.scrubbing import scrub

if TYPE_CHECKING:
    import smtplib

LOGGER = logging.getLogger(__name__)
_WORTH_A_RETRY = frozenset({408, 425, 429, 500, 502, 503, 504})


class NotSentError(Exception):
    """An alert did not get through; the text may stand in a log."""

    def __init__(self, text: str, *, may_pass: bool = False) -> None:
        """Keep the reason.

        Args:
            text: The reason.
            may_pass: Whether a second try a moment later makes sense.
        """
        super().__init__(text)
        self.may_pass = may_pass


class Sender(Protocol):
    """Takes alerts to a channel. Its class is registered by :func:`_sends_to`."""

    @classmethod
    def open(cls, channel: Any, root: Path, environment: Mapping[str, str]) -> Self:
        """Make the sender of a channel.

        Args:
            channel: The channel's parameters.
            root: Folder that relative paths start from.
            environment: Where variables are looked up.

        Raises:
            NotSentError: If a variable is not set or cannot be used.
        """

    def send(self, alert: Alert) -> None:
        """Send one alert.

        Raises:
            NotSentError: If it did not get through.
        """


_SENDERS: dict[type[AlertChannel], type[Sender]] = {}
_Made = TypeVar("_Made", bound=type[Sender])


def _sends_to(channel: type[AlertChannel]) -> Callable[[_Made], _Made]:
    """Register the class that sends to a kind of channel."""

    def register(sender: _Made) -> _Made:
        _SENDERS[channel] = sender
        return sender

    return register


@dataclass(frozen=True)
class Outcome:
    """What became of a delivery.

    Attributes:
        status: ``sent`` or ``failed``.
        error: Why it failed; empty if it did not.
        unreachable: Whether the channel did not answer, so that the next alert skips it.
    """

    status: Status
    error: str = ""
    unreachable: bool = False


def deliver(
    channel: AlertChannel,
    alert: Alert,
    root: Path,
    environment: Mapping[str, str] | None = None,
) -> Outcome:
    """Send an alert and return what became of it; nothing is ever raised.

    Args:
        channel: Where it goes.
        root: Folder that relative paths start from.
        environment: Where variables are looked up; that of the process by default.
    """
    alert = replace(
        alert,
        title=scrub(alert.title),
        text=scrub(alert.text),
        details={
            name: scrub(value) if isinstance(value, str) else value
            for name, value in alert.details.items()
        },
    )
    try:
        variables = os.environ if environment is None else environment
        sender = _SENDERS[type(channel)].open(channel, root, variables)
        retries, pause = (
            (channel.retries, channel.backoff_seconds)
            if isinstance(channel, NetworkChannel)
            else (0, 0.0)
        )
        for attempt in range(retries + 1):
            try:
                sender.send(alert)
            except NotSentError as error:
                if attempt == retries or not error.may_pass:
                    raise
                time.sleep(pause * 2**attempt)
            else:
                break
    except NotSentError as error:
        return Outcome(FAILED, str(error), error.may_pass)
    except Exception as error:
        # Whatever a channel does, the run whose work is done goes on. Its text may hold a secret.
        return Outcome(FAILED, f"{type(error).__name__} while sending")
    return Outcome(SENT)


def _variable(name: str, environment: Mapping[str, str]) -> str:
    # A line break at the end comes with secrets that are read from files.
    value = environment.get(name, "").strip()
    if not value:
        raise NotSentError(f"the environment variable {name} is not set")
    if not (value.isprintable() and value.isascii()):
        raise NotSentError(f"the environment variable {name} has letters that cannot be sent")
    return value


def _identity(alert: Alert) -> str:
    """Name one alert of one window, so that a receiver knows it when it comes twice."""
    return hashlib.sha256(f"{alert.key}\n{alert.window}".encode()).hexdigest()[:32]


@_sends_to(FileChannel)
@dataclass(frozen=True)
class _File:
    path: Path

    @classmethod
    def open(cls, channel: FileChannel, root: Path, environment: Mapping[str, str]) -> Self:
        return cls(root / channel.path)

    def send(self, alert: Alert) -> None:
        line = json.dumps(alert.document(), allow_nan=False).encode() + b"\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                # A line that a crash cut off must not swallow this one.
                size = os.fstat(handle).st_size
                if size and os.pread(handle, 1, size - 1) != b"\n":
                    line = b"\n" + line
                # One write in append mode: lines of two processes never mix.
                if os.write(handle, line) != len(line):
                    raise NotSentError("the file could not be written to its end")
            finally:
                os.close(handle)
        except OSError as error:
            raise NotSentError(f"the file cannot be written: {error.strerror}") from None


@_sends_to(WebhookChannel)
@dataclass(frozen=True, repr=False)
class _Webhook:
    channel: WebhookChannel
    url: str
    headers: Mapping[str, str]

    @classmethod
    def open(cls, channel: WebhookChannel, root: Path, environment: Mapping[str, str]) -> Self:
        url = channel.url if channel.url_env is None else _variable(channel.url_env, environment)
        assert url is not None
        mistake = url_mistake(url)
        if mistake:
            raise NotSentError(f"{channel.url_env or 'url'}: {mistake}")
        headers = {name: _variable(v, environment) for name, v in channel.headers_env.items()}
        return cls(channel, url, headers)

    def send(self, alert: Alert) -> None:
        from http.client import HTTPException
        from urllib.error import HTTPError, URLError
        from urllib.request import HTTPRedirectHandler, Request, build_opener

        class _Stay(HTTPRedirectHandler):
            # Headers hold secrets, and a redirect would take them to another host.
            def redirect_request(self, *_: Any, **__: Any) -> None:
                return None

        body = _slack(alert) if self.channel.template == "slack" else alert.document()
        request = Request(  # noqa: S310 (the scheme was looked at)
            self.url,
            data=json.dumps(body, allow_nan=False).encode(),
            headers={
                "Content-Type": "application/json",
                "User-Agent": "regression-lifecycle",
                "Idempotency-Key": _identity(alert),
                **self.headers,
            },
            method="POST",
        )
        try:
            with build_opener(_Stay).open(request, timeout=self.channel.timeout_seconds):
                pass
        except HTTPError as error:
            with error:
                raise NotSentError(
                    _answer(error.code), may_pass=error.code in _WORTH_A_RETRY
                ) from None
        except (URLError, HTTPException, OSError) as error:
            reason = error.reason if isinstance(error, URLError) else error
            raise NotSentError(
                _network(reason, self.channel.timeout_seconds), may_pass=True
            ) from None


@_sends_to(EmailChannel)
@dataclass(frozen=True, repr=False)
class _Email:
    channel: EmailChannel
    login: tuple[str, str] | None

    @classmethod
    def open(cls, channel: EmailChannel, root: Path, environment: Mapping[str, str]) -> Self:
        user, password = channel.user_env, channel.password_env
        if user is None or password is None:
            return cls(channel, None)
        return cls(channel, (_variable(user, environment), _variable(password, environment)))

    def send(self, alert: Alert) -> None:
        import smtplib

        try:
            with self._connect() as server:
                if self.login is not None:
                    server.login(*self.login)
                refused = server.send_message(self._message(alert))
        except smtplib.SMTPAuthenticationError as error:
            raise NotSentError(f"the mail server refused the login ({error.smtp_code})") from None
        except smtplib.SMTPRecipientsRefused:
            raise NotSentError("the mail server refused every recipient") from None
        except smtplib.SMTPResponseException as error:
            raise NotSentError(
                f"the mail server answered {error.smtp_code}",
                may_pass=400 <= error.smtp_code < 500,
            ) from None
        except smtplib.SMTPNotSupportedError:
            raise NotSentError(
                "the mail server does not offer what is asked for (STARTTLS, a login); see tls"
            ) from None
        except (smtplib.SMTPException, OSError) as error:
            raise NotSentError(
                _network(error, self.channel.timeout_seconds), may_pass=True
            ) from None
        if refused:
            # Others have it already, so that it cannot simply be sent again.
            LOGGER.warning(
                "an alert was refused for %d of %d recipients",
                len(refused),
                len(self.channel.recipients),
            )

    def _connect(self) -> smtplib.SMTP:
        import smtplib
        import ssl

        host, port, timeout = self.channel.host, self.channel.port, self.channel.timeout_seconds
        if self.channel.tls == "ssl":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(host, port, timeout=timeout, context=context)
        server = smtplib.SMTP(host, port, timeout=timeout)
        if self.channel.tls == "starttls":
            try:
                server.starttls(context=ssl.create_default_context())
            except BaseException:
                server.close()
                raise
        return server

    def _message(self, alert: Alert) -> Any:
        from email.message import EmailMessage
        from email.utils import localtime

        message = EmailMessage()
        # A line break would begin another header.
        message["Subject"] = " ".join(f"[{alert.level}] {alert.title}".split())
        message["From"] = self.channel.sender
        message["To"] = ", ".join(self.channel.recipients)
        message["Date"] = localtime()
        message["Message-ID"] = f"<{_identity(alert)}@{self.channel.sender.partition('@')[2]}>"
        message.set_content(f"{alert.text}\n")
        return message


def _slack(alert: Alert) -> dict[str, Any]:
    # Slack reads <...> as links and calls, so text from the data must not hold any.
    text = f"*[{alert.level}] {alert.title}*\n{alert.text}"
    return {"text": text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}


def _answer(code: int) -> str:
    if 300 <= code < 400:
        return f"the server answered {code} and points elsewhere; give the final address"
    phrases = {status.value: status.phrase for status in HTTPStatus}
    return f"the server answered {code} {phrases.get(code, '')}".rstrip()


def _network(error: object, timeout_seconds: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout_seconds:g} s"
    words = error.strerror if isinstance(error, OSError) else None
    return f"no connection: {words or type(error).__name__}"


_SENDERLESS = [kind for kind, channel in AlertChannel.kinds.items() if channel not in _SENDERS]
if _SENDERLESS:
    raise TypeError(f"nothing sends to these channels: {', '.join(_SENDERLESS)}; see _sends_to")
